"""Functions of several values at once: a single node, where a chain of additions would make dozens.

They take any iterable of Values and numbers. Given only numbers, they return a number.
"""

from collections.abc import Iterable
from math import inf
from typing import Any

from engine import nary_rules, rules
from engine.utils.arguments import several
from engine.utils.conversion import to_float
from engine.value import Value


def dot(ws: Iterable[Any], xs: Iterable[Any], bias: Any = None) -> Any:
    """``Σ wᵢ·xᵢ + bias``: what a neuron computes before its activation, as one node.

    Raises:
        ValueError: if the numbers of weights and inputs differ.

    >>> from engine import Value
    >>> dot([1.0, 2.0], [Value(3.0), Value(4.0)], bias=0.5).data
    11.5
    """
    ws, xs = (several("dot", each, "dot([w1, w2], [x1, x2])") for each in (ws, xs))
    if len(ws) != len(xs):
        raise ValueError(f"dot takes as many weights as inputs, got {len(ws)} weights and {len(xs)} inputs")
    return nary_rules.dot(*ws, *xs, *([] if bias is None else [bias]))


def sum(values: Iterable[Any]) -> Any:
    """The sum, as one node; 0 if there are no values."""
    return nary_rules.total(*several("sum", values, "sum([x, y])"))


def mean(values: Iterable[Any]) -> Any:
    """The arithmetic mean, as one node. Raises ValueError if there are no values."""
    return nary_rules.mean(*several("mean", values, "mean([x, y])", least=1))


def max(values: Iterable[Any]) -> Any:
    """The largest, as one node; values that tie share the gradient. Raises ValueError if there are no values."""
    return nary_rules.largest(*several("max", values, "max([x, y])", least=1))


def min(values: Iterable[Any]) -> Any:
    """The smallest, as one node; values that tie share the gradient. Raises ValueError if there are no values."""
    return nary_rules.smallest(*several("min", values, "min([x, y])", least=1))


def logsumexp(values: Iterable[Any]) -> Any:
    """``log Σ exp(x)``, without overflow, as one node. Raises ValueError if there are no values."""
    return nary_rules.logsumexp(*several("logsumexp", values, "logsumexp([x, y])", least=1))


def softmax(values: Iterable[Any]) -> list[Any]:
    """``exp(x) / Σ exp(x)`` for each value: positive numbers that add up to 1. One node each.

    Raises:
        ValueError: if there are no values.

    >>> from engine import Value
    >>> [p.data for p in softmax([Value(0.0), Value(0.0)])]
    [0.5, 0.5]
    """
    xs = several("softmax", values, "softmax([x, y])", least=1)
    return [nary_rules.softmax(i)(*xs) for i in range(len(xs))]


def log_softmax(values: Iterable[Any]) -> list[Any]:
    """``x - logsumexp(x)`` for each value: the logarithm of softmax, even where softmax underflows to 0.

    Raises:
        ValueError: if there are no values.
    """
    xs = several("log_softmax", values, "log_softmax([x, y])", least=1)
    return [nary_rules.log_softmax(i)(*xs) for i in range(len(xs))]


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """``x`` above 0, ``slope · x`` below; the slope at 0 is `slope`.

    >>> leaky_relu(-2.0, 0.1)
    -0.2
    """
    return rules.leaky_relu(to_float(slope))(x if isinstance(x, Value) else to_float(x))


def clamp(x: Any, low: float = -inf, high: float = inf) -> Any:
    """``x`` limited to the range from `low` to `high`; see `Value.clamp`."""
    return rules.clamp(to_float(low), to_float(high))(x if isinstance(x, Value) else to_float(x))
