"""When two ways to compute the same agree: to 1e-12 of the answer, or of the terms it is the sum of.

Where large terms cancel, the answer keeps the rounding of the terms, and any two orders of computing it differ by that
much. What a node brings to the answer is its number times its gradient, to first order; the answer's own share is the
answer itself. So the terms of an answer are those of all nodes behind it, added up without their signs.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

from engine import Value, gradients
from engine.graph import topological_order
from engine.value import as_value

PRECISION = 1e-12
TINY = 1e-320  # what is lost below the smallest normal number


def quietly(f: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return f(*args)


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def by_backward(f: Callable[..., Any], point: tuple[float, ...]) -> tuple[float, tuple[float, ...]]:
    """Value and partials as a user meets them."""
    xs = [Value(x) for x in point]
    z = f(*xs)
    z.backward()
    return z.data, tuple(x.grad or 0.0 for x in xs)


def terms(answer: Value) -> float:
    """How large the terms of an answer are together."""
    nodes = topological_order(answer)
    shares = [abs(slope * node.data) for slope, node in zip(gradients(answer, nodes), nodes)]
    return sum(filter(math.isfinite, shares))


def agrees(a: float, b: float, size: Callable[[], float]) -> bool:
    """Whether two numbers are the same up to rounding: inf and nan are as they are, and only then `size` is asked."""
    if same(a, b):
        return True
    if not (math.isfinite(a) and math.isfinite(b)):
        return False
    return abs(a - b) <= PRECISION * abs(b) + TINY or abs(a - b) <= PRECISION * size()


def expected(f: Callable[..., Any], point: tuple[float, ...]) -> list[tuple[float, Callable[[], float]]]:
    """What the plain graph of a function gives, its value and its partials, each with the size of its terms."""

    def size(by: int | None) -> float:
        xs = [Value(x) for x in point]
        z = as_value(f(*xs))
        return terms(z if by is None else gradients(z, [xs[by]], create_graph=True)[0])

    value, slopes = quietly(by_backward, f, point)
    numbers = [(None, value), *enumerate(slopes)]
    return [(number, lambda by=by: quietly(size, by)) for by, number in numbers]


def disagreement(found: list[float], f: Callable[..., Any], point: tuple[float, ...]) -> list[tuple[float, float]]:
    """Where value and partials are not those of the plain graph: what was found, and what was expected."""
    answers = expected(f, point)
    assert len(found) == len(answers)
    return [(a, b) for a, (b, size) in zip(found, answers) if not agrees(a, b, size)]
