"""What counts as one real number, and for what does not, the sentence that says what to write instead."""

from numbers import Number, Real
from typing import Any


def to_float(data: Any) -> float:
    """The one real number that `data` holds: an int, bool, fraction, NumPy scalar or array of no dimensions.

    Raises:
        TypeError: if it holds none, several, or one that is not real; the message says what to write instead.
        OverflowError: if it is too large.

    >>> from fractions import Fraction
    >>> to_float(Fraction(1, 2))
    0.5
    """
    if type(data) is int or isinstance(data, Real):
        try:
            return float(data)
        except OverflowError:
            raise OverflowError(
                f"a Value holds a float, which goes up to about 1.8e308, and this {type(data).__name__} is larger; "
                "take its logarithm, or write math.inf"
            ) from None
    kind = type(data).__name__
    if hasattr(type(data), "apply_rule"):
        raise TypeError(f"expected a plain number, got {data!r}; use the Value itself, or its number: x.data")
    shape = getattr(data, "shape", None)
    if shape == ():
        return to_float(data.item())
    if shape is not None:
        raise TypeError(f"a Value holds one number, got a {kind} of shape {tuple(shape)}; {_ONE_EACH}")
    if isinstance(data, (list, tuple, set, dict)):
        raise TypeError(f"a Value holds one number, got a {kind} of {len(data)}; {_ONE_EACH}")
    if data is None:
        hint = "is a return missing in the function it came from?"
    elif isinstance(data, str):
        hint = f"write float({data!r}) if the text is a number"
    elif isinstance(data, complex):
        hint = "take its .real or .imag part, or abs() of it"
    elif callable(data):
        hint = "are the parentheses of a call missing?"
    else:
        hint = "write float(...) around it if it is one number"
    raise TypeError(f"a Value holds one real number, got {kind} {data!r:.40}; {hint}")


def answers_itself(other: Any, method: str) -> bool:
    """Whether an operand of an unknown kind may know by itself what to do with a Value on its left.

    Lists, strings, arrays and numbers that are not real do not: their answer would not be the one that was meant.
    """
    kind = type(other)
    if kind.__module__ == "builtins" or isinstance(other, Number) or hasattr(kind, "apply_rule"):
        return False
    return not hasattr(other, "shape") and hasattr(kind, method)


_ONE_EACH = "make one Value for each number: [Value(x) for x in data]"
