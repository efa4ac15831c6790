"""The expression that opens micrograd's README, forward and backward, for anything that can compute it."""

from collections.abc import Callable
from operator import methodcaller
from typing import Any

from tests.bench.timing import Step

A, B = -4.0, 2.0
REPEATS = 200  # in one step


def expression(a: Any, b: Any, relu: Callable[[Any], Any] = methodcaller("relu")) -> Any:
    """The README's g of a and b."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + relu(b + a)
    d += 3 * d + relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def readme(number: Callable[[float], Any], function: Callable[[Any, Any], Any] = expression) -> Callable[[], Step]:
    """The expression of two new numbers and its gradients, over and over."""

    def step() -> float:
        for _ in range(REPEATS):
            a, b = number(A), number(B)
            g = function(a, b)
            g.backward()
            result = g.data + a.grad + b.grad
        return result

    return lambda: step
