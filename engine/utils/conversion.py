"""What counts as one real number, and for what does not, the sentence that says what to write instead.

Types are asked, not objects: an object of a user's own class may answer to any name, or raise an error.
"""

import operator
from numbers import Number, Real
from typing import Any

from engine.utils.messages import brief

_ONE_EACH = "make one Value for each number: [Value(x) for x in data]"


def to_float(data: Any, holder: str = "a Value holds", each: str = _ONE_EACH) -> float:
    """The one real number that `data` holds: an int, bool, fraction, NumPy scalar or array of no dimensions.

    Args:
        data: what was given.
        holder: what needs the number, for the message.
        each: what to write for several numbers, likewise.

    Raises:
        TypeError: if it holds none, several, or one that is not real; the message says what to write instead.
        OverflowError: if it is too large.

    >>> from fractions import Fraction
    >>> to_float(Fraction(1, 2))
    0.5
    """
    cls = type(data)
    if cls is float or cls is int or issubclass(cls, Real):  # for Real alone an abstract class would be asked
        try:
            return float(data)
        except OverflowError:
            raise OverflowError(
                f"{holder} a float, which goes up to about 1.8e308, and this {type(data).__name__} is larger; "
                "take its logarithm, or write math.inf"
            ) from None
    kind = cls.__name__
    if hasattr(cls, "apply_rule"):
        raise TypeError(f"expected a plain number, got {data!r}; use the Value itself, or its number: x.data")
    shape = array_shape(data)
    if shape == () and hasattr(cls, "item"):
        return to_float(data.item(), holder, each)
    if shape:
        raise TypeError(f"{holder} one number, got a {kind} of shape {shape}; {each}")
    if issubclass(cls, (list, tuple, set, dict)):
        raise TypeError(f"{holder} one number, got a {kind} of {len(data)}; {each}")
    if data is None:
        hint = "is a return missing in the function it came from?"
    elif issubclass(cls, str):
        hint = f"write float({data!r}) if the text is a number"
    elif issubclass(cls, complex):
        hint = "take its .real or .imag part, or abs() of it"
    elif callable(data):
        hint = "are the parentheses of a call missing?"
    else:
        hint = "write float(...) around it if it is one number"
    raise TypeError(f"{holder} one real number, got {kind} {brief(data)}; {hint}")


def as_integer(given: Any) -> int | None:
    """This integer, whether Python's or NumPy's, as Python's; None if it is not one, and for True and False."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None


def answers_itself(other: Any, method: str) -> bool:
    """Whether an operand of an unknown kind may know by itself what to do with a Value on its left.

    Lists, strings, arrays and numbers that are not real do not: their answer would not be the one that was meant.
    """
    kind = type(other)
    if kind.__module__ == "builtins" or issubclass(kind, Number) or hasattr(kind, "apply_rule"):
        return False
    own = getattr(kind, method, None) is not getattr(object, method, None)  # every object has the comparisons
    return own and not hasattr(kind, "shape")


def array_shape(x: Any) -> tuple[Any, ...] | None:
    """The shape of an array of any library; None if it is not an array."""
    try:
        return tuple(x.shape) if hasattr(type(x), "shape") else None
    except Exception:  # what it calls its shape is something else
        return None
