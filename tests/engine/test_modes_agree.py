"""Every way to a derivative gives the same: reverse, on floats and recorded, forward, nested, and compiled.

At kinks and where a slope is infinite the ways can part: one multiplies a zero by an infinity, where the next never
comes by. They may do so only where none of them knows a number.
"""

import random
from collections.abc import Callable, Iterator
from itertools import product
from math import inf, isfinite, isnan, nan
from typing import Any

import pytest

from engine import Value, compile, grad, hessian, jvp
from tests.rule_samples import AWKWARD, NAMED, SAMPLED

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

KINKS = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0, 20.0, -40.0, 300.0]  # and where slopes of the table are infinite

# What is made of a rule: itself; and products, in which a zero meets its slopes directly, later, or twice.
SHAPES: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "alone": lambda rule: lambda *xs: rule(*xs),
    "times x": lambda rule: lambda *xs: rule(*xs) * xs[0],
    "times 1 times x": lambda rule: lambda *xs: (rule(*xs) * 1.0) * xs[-1],
    "squared": lambda rule: lambda *xs: rule(*xs) * rule(*xs),
    "behind a gate": lambda rule: lambda *xs: xs[0].relu() * rule(*xs),
}
every_shape = pytest.mark.parametrize(
    ("shape", "count"),  # how many points are tried
    [
        *((shape, 16) for shape in SHAPES),
        pytest.param("times x", 256, marks=pytest.mark.slow),
    ],
)
OPERANDS = sorted({(name, len(sample.symbols)) for name, sample in SAMPLED})


def points(numbers: list[float], operands: int, count: int) -> Iterator[tuple[float, ...]]:
    """Pairs of awkward numbers, the other operands at random; and then all at random.

    Of one or two operands they are fewer than `count`, if all pairs have been there, and then 16 at random.
    """
    rng = random.Random(operands)
    pairs = list(product(numbers, repeat=min(operands, 2)))
    rng.shuffle(pairs)
    for i in range(count if operands > 2 else min(count, len(pairs) + 16)):
        first = pairs[i] if i < len(pairs) else tuple(rng.choice([rng.gauss(0, 2), rng.choice(numbers)]) for _ in "xy")
        yield (*first[:operands], *[rng.choice(numbers) for _ in range(operands - 2)])


def unit(i: int, n: int) -> tuple[float, ...]:
    return tuple(float(k == i) for k in range(n))


def agree(answers: list[float], slack: float) -> bool:
    """Whether all are the same number, up to what rounding makes of it; if none is finite, they may be inf or nan."""
    finite = [x for x in answers if isfinite(x)]
    if not finite:
        return True
    if len(finite) < len(answers):
        return False
    return max(finite) - min(finite) <= slack + 1e-9 * max(map(abs, finite))


@pytest.mark.parametrize(
    ("answers", "slack", "expected"),
    [
        ([1.0, 1.0], 0.0, True),
        ([inf, nan], 0.0, True),
        ([0.0, nan], 1.0, False),
        ([1.0, inf], 1.0, False),
        ([1.0, 1.1], 0.01, False),
    ],
)
def test_agreement_can_fail(answers: list[float], slack: float, expected: bool) -> None:
    assert agree(answers, slack) == expected


@pytest.mark.parametrize(("name", "operands"), OPERANDS, ids=[f"{name}/{n}" for name, n in OPERANDS])
@every_shape
def test_reverse_recorded_and_forward_give_the_same_slopes(name: str, operands: int, shape: str, count: int) -> None:
    f = SHAPES[shape](NAMED[name])
    every = tuple(range(operands))
    for xs in points(AWKWARD, operands, count):
        if any(map(isnan, xs)):
            continue
        reverse = grad(f, every)(*xs)
        recorded = [slope.data for slope in grad(f, every)(*map(Value, xs))]
        forward = [jvp(f, xs, unit(i, operands))[1] for i in every]
        for i, answers in enumerate(zip(reverse, recorded, forward)):
            assert agree(list(answers), 1e-300), (xs, i, answers)


@pytest.mark.parametrize(
    ("name", "operands"), [(name, n) for name, n in OPERANDS if n <= 2], ids=lambda given: str(given)
)
@every_shape
def test_four_ways_to_the_second_derivatives_give_the_same(name: str, operands: int, shape: str, count: int) -> None:
    f = SHAPES[shape](NAMED[name])
    every = range(operands)

    def rate(i: int) -> Callable[..., Any]:
        return lambda *xs: jvp(f, xs, unit(i, operands))[1]

    for xs in points(KINKS, operands, count):
        matrix = hessian(f)(*xs)
        recorded = hessian(f)(*map(Value, xs))
        for i, k in product(every, every):
            forward_over_reverse = jvp(grad(f, i), xs, unit(k, operands))[1]
            reverse_over_forward = grad(rate(i), k)(*xs)
            answers = [matrix[i][k], recorded[i][k].data, forward_over_reverse, reverse_over_forward]
            assert agree(answers, 1e-9), (xs, i, k, answers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "operands"),
    [(name, n) for name, n in OPERANDS if name != "gather"],  # it takes an index, which awkward numbers are not
    ids=lambda given: str(given),
)
def test_compiled_slopes_are_the_same(name: str, operands: int) -> None:
    plain = grad(SHAPES["times x"](NAMED[name]), operands - 1)
    compiled = compile(plain)
    for xs in points(AWKWARD, operands, 256):
        if not any(map(isnan, xs)):
            assert agree([plain(*xs), compiled(*xs).data], 1e-300), xs
