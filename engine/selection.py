"""Choosing among values: a node, where Python's own ``if`` or index would leave no trace in the graph."""

from collections.abc import Sequence
from typing import Any

from engine import nary_rules
from engine.modes import switched
from engine.utils.arguments import check_several, described
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.value import Value


def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where the condition holds, else ``y``; the side that is not taken gets exactly 0, whatever its slope.

    Args:
        condition: a truth value, such as a comparison; or a Value that is above 0 where it holds, such as ``gt(x, 0)``,
            which a compiled function evaluates again at each call.
        x, y: numbers or Values.

    Raises:
        TypeError: if the condition is neither.

    >>> from engine import Value, where
    >>> x = Value(0.0)  # where the slope of the square root is infinite
    >>> where(x > 0, x.sqrt(), x).backward()
    >>> x.grad
    1.0
    """
    if not isinstance(condition, Value):
        if type(condition).__name__ not in ("bool", "bool_"):  # Python's, and NumPy's by either of its names
            raise TypeError(
                f"where takes a comparison, True, False or a Value that is above 0 if it holds, got {brief(condition)}"
            )
        condition = float(condition)
    return nary_rules.where(condition, x, y)


def select(values: Sequence[Any], index: Any) -> Any:
    """``values[index]``, as a node that shows which one was taken.

    Args:
        values: numbers or Values.
        index: an integer, or a Value that holds one, which in a compiled function may be an input.

    Raises:
        TypeError: if `index` is not an integer.
        IndexError: if it is below 0 or past the end.

    >>> from engine import Value
    >>> select([Value(1.0), Value(2.0)], 1)
    Value(data=2.0, grad=—)
    """
    number = index
    if isinstance(index, Value):
        with switched(tracing=False):
            number = index.data
        if not number.is_integer():
            raise TypeError(f"select takes an integer, got {number}")
        number = int(number)
    i = as_integer(number)
    check_several("select", values, "select([x, y], 0)")
    if i is None:
        raise TypeError(f"select takes an integer as the index, got {described(number)}; write select(values, 0)")
    if not 0 <= i < len(values):
        raise IndexError(f"select takes an index from 0 to {len(values) - 1}, got {i}")
    return nary_rules.gather(index, *values) if isinstance(index, Value) else nary_rules.select(i)(values[i])
