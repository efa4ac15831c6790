"""Functions of several values at once: a single node, where a chain of additions would make dozens.

They take any iterable of Values and numbers. Given only numbers, they return a number.
"""

import operator
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from engine import rules
from engine.conversion import to_float
from engine.modes import switched
from engine.value import Value


def _at_least_one(name: str, values: Iterable[Any]) -> list[Any]:
    xs = list(values)
    if not xs:
        raise ValueError(f"{name} takes at least one value, got none")
    return xs


def dot(ws: Iterable[Any], xs: Iterable[Any], bias: Any = None) -> Any:
    """``Σ wᵢ·xᵢ + bias``: what a neuron computes before its activation, as one node.

    Raises:
        ValueError: if the numbers of weights and inputs differ.

    >>> from engine import Value
    >>> dot([1.0, 2.0], [Value(3.0), Value(4.0)], bias=0.5).data
    11.5
    """
    ws, xs = list(ws), list(xs)
    if len(ws) != len(xs):
        raise ValueError(f"dot takes as many weights as inputs, got {len(ws)} weights and {len(xs)} inputs")
    return rules.dot(*ws, *xs, *([] if bias is None else [bias]))


def sum(values: Iterable[Any]) -> Any:
    """The sum, as one node; 0 if there are no values."""
    return rules.total(*values)


def mean(values: Iterable[Any]) -> Any:
    """The arithmetic mean, as one node. Raises ValueError if there are no values."""
    return rules.mean(*_at_least_one("mean", values))


def max(values: Iterable[Any]) -> Any:
    """The largest, as one node; values that tie share the gradient. Raises ValueError if there are no values."""
    return rules.largest(*_at_least_one("max", values))


def min(values: Iterable[Any]) -> Any:
    """The smallest, as one node; values that tie share the gradient. Raises ValueError if there are no values."""
    return rules.smallest(*_at_least_one("min", values))


def logsumexp(values: Iterable[Any]) -> Any:
    """``log Σ exp(x)``, without overflow, as one node. Raises ValueError if there are no values."""
    return rules.logsumexp(*_at_least_one("logsumexp", values))


def softmax(values: Iterable[Any]) -> list[Any]:
    """``exp(x) / Σ exp(x)`` for each value: positive numbers that add up to 1. One node each.

    Raises:
        ValueError: if there are no values.

    >>> from engine import Value
    >>> [p.data for p in softmax([Value(0.0), Value(0.0)])]
    [0.5, 0.5]
    """
    xs = _at_least_one("softmax", values)
    return [rules.softmax(i)(*xs) for i in range(len(xs))]


def log_softmax(values: Iterable[Any]) -> list[Any]:
    """``x - logsumexp(x)`` for each value: the logarithm of softmax, even where softmax underflows to 0.

    Raises:
        ValueError: if there are no values.
    """
    xs = _at_least_one("log_softmax", values)
    return [rules.log_softmax(i)(*xs) for i in range(len(xs))]


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
                f"where takes a comparison, True, False or a Value that is above 0 if it holds, got {condition!r:.40}"
            )
        condition = float(condition)
    return rules.where(condition, x, y)


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
    i = operator.index(number)
    if not 0 <= i < len(values):
        raise IndexError(f"select takes an index from 0 to {len(values) - 1}, got {i}")
    return rules.gather(index, *values) if isinstance(index, Value) else rules.select(i)(values[i])


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """``x`` above 0, ``slope · x`` below; the slope at 0 is `slope`.

    >>> leaky_relu(-2.0, 0.1)
    -0.2
    """
    return rules.leaky_relu(to_float(slope))(x if isinstance(x, Value) else to_float(x))


def clamp(x: Any, low: float = -inf, high: float = inf) -> Any:
    """``x`` limited to the range from `low` to `high`; see `Value.clamp`."""
    return rules.clamp(to_float(low), to_float(high))(x if isinstance(x, Value) else to_float(x))
