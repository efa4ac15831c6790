"""When two ways to compute the same agree: to 1e-12 of the answer, or of the terms it is the sum of.

Where large terms cancel, the answer keeps the rounding of the terms, and any two orders of computing it differ by that
much. What a node brings to the answer is its number times its gradient, to first order; the answer's own share is the
answer itself. So the terms of an answer are those of all nodes behind it, added up without their signs.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

from engine import Value, compile, gradients, select
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


# Plain, compiled, and in lanes.

UPSTREAM = 1.5  # what the gradient of the function itself is, lest code that forgets it passes


def scaled(function):
    return lambda *xs: UPSTREAM * function(*xs)


def check(function, points):
    """Hold single runs of machine code to the plain graph: value and partials at every point."""
    function = scaled(function)
    machine = compile(function)
    for point in points:
        xs = [Value(x) for x in point]
        z = quietly(machine, *xs)
        quietly(z.backward)
        for found, (answer, size) in zip([z.data, *(x.grad for x in xs)], expected(function, point), strict=True):
            assert agrees(found, answer, size), (point, found, answer)


def check_lanes(function, points, shared=frozenset()):
    """Hold a run in lanes, one for each point, to the plain graph; some operands are the same in all lanes.

    What lanes give is the sum of their gradients by each parameter. To see each lane's own, every lane takes a
    parameter of its own from a table, a -0 that it adds to its operand.
    """
    n = len(points[0])
    tables = [[Value(-0.0) for _ in points] for _ in range(n)]
    common = {i: Value(points[0][i]) for i in shared}
    function = scaled(function)

    def example(lane, *xs):
        rest = iter(xs)
        return function(*[common[i] if i in common else next(rest) + select(tables[i], lane) for i in range(n)])

    columns = [[point[i] for point in points] for i in range(n) if i not in shared]
    machine = compile(example)
    found = quietly(machine.map, range(len(points)), *columns)
    total = quietly(machine.sum, range(len(points)), *columns)
    quietly(total.backward)
    answers = [expected(function, point) for point in points]
    for i, point in enumerate(points):
        (answer, size), *partials = answers[i]
        assert agrees(found[i], answer, size), (point, found[i], answer)
        for k, (slope, size) in enumerate(partials):
            if k not in shared:
                assert agrees(tables[k][i].grad or 0.0, slope, size), (point, k, tables[k][i].grad, slope)
    for k, parameter in common.items():
        slopes = [answer[1 + k][0] for answer in answers]
        slope = sum(slopes)
        if slope != slope and all(x == x for x in slopes):
            continue  # inf - inf: lanes meet where they begin to share, which may be before a slope is infinite
        size = lambda k=k: sum(answer[1 + k][1]() + abs(answer[1 + k][0]) for answer in answers)  # noqa: E731
        assert agrees(parameter.grad or 0.0, slope, size), (points, k, parameter.grad, slope)
    size = lambda: sum(answer[0][1]() + abs(answer[0][0]) for answer in answers)  # noqa: E731
    assert agrees(total.data, sum(answer[0][0] for answer in answers), size)
