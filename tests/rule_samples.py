"""Where every rule of the table is tried, and what it should be there: its formula in SymPy; and awkward numbers.

`test_rules.py` walks `engine.RULES` and `engine.rules.FAMILIES` and asks for an entry of each, so a rule that is added
to the table fails the tests until it has sample points here.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, isinf, nan
from typing import Any

import mpmath
import pytest
import sympy as sp

from engine import Rule
from engine.rules import FAMILIES, RULES


@dataclass(frozen=True)
class Sample:
    """A rule of so many operands: its formula, and points where it is smooth.

    The branches of a piecewise formula are written so that its derivative takes the decreed value at the kink itself:
    the strict side of ``x > 0`` gives relu'(0) = 0. Where no formula can say so, `outside` names the points to leave
    out. The rules that are `flat` have slope 0 by decree, whatever the formula says.
    """

    formula: Callable[..., Any]
    points: tuple[tuple[float, ...], ...]
    flat: bool = False
    outside: Callable[..., bool] = lambda *xs: False

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        return sp.symbols(f"x:{len(self.points[0])}", real=True)

    def derivative(self, *by: int) -> sp.Expr:
        """The formula, differentiated by one operand after another."""
        if self.flat and by:
            return sp.Integer(0)
        derivative = sp.sympify(self.formula(*self.symbols))
        for i in by:
            derivative = sp.diff(derivative, self.symbols[i])
        return derivative


def one(formula: Callable[..., Any], *xs: float, **more: Any) -> Sample:
    return Sample(formula, tuple((x,) for x in xs), **more)


def many(formula: Callable[..., Any], *points: tuple[float, ...], **more: Any) -> Sample:
    return Sample(formula, points, **more)


def when(*branches: tuple[Any, Any]) -> sp.Expr:
    return sp.Piecewise(*branches)


def larger(x: Any, y: Any) -> sp.Expr:
    return (x + y + sp.Abs(x - y)) / 2  # its derivative at a tie is a half


def smaller(x: Any, y: Any) -> sp.Expr:
    return (x + y - sp.Abs(x - y)) / 2


def logistic(x: Any) -> sp.Expr:
    return 1 / (1 + sp.exp(-x))


def soft(x: Any) -> sp.Expr:
    return sp.log(1 + sp.exp(x))


def normal(x: Any) -> sp.Expr:
    return sp.erfc(-x / sp.sqrt(2)) / 2


def cosine(x: Any, y: Any) -> sp.Expr:
    return x / sp.sqrt(x**2 + y**2)


def sinc(order: int) -> Callable[[Any], Any]:
    """A derivative of sin(πx) / (πx), and near 0, where it cancels, as much of its power series as is seen."""
    x = sp.Symbol("x", real=True)
    away = sp.diff(sp.sin(sp.pi * x) / (sp.pi * x), x, order)
    series = sum((-1) ** k * (sp.pi * x) ** (2 * k) / sp.factorial(2 * k + 1) for k in range(4))
    near = sp.diff(series, x, order)
    return lambda t: when((near.subs(x, t), sp.Abs(t) < sp.Rational(1, 10**6)), (away.subs(x, t), True))


def tied(*xs: float) -> bool:
    return len(set(xs)) < len(xs)


def on_the_cut(y: float, x: float) -> bool:
    return y == 0 and x <= 0  # the sign of the zero decides, and SymPy's has none


def exponent_less_one_rounds(x: float, y: float) -> bool:
    return 0 < abs(y) < 1e-6 or abs(y) > 2**53  # has a test of its own


def underflows(x: float, y: float) -> bool:
    return exponent_less_one_rounds(x, y) or abs(x) < 1e-6  # its own slopes lose digits among the denormal numbers


def no_target_or_valley(x: float, t: float) -> bool:
    return not 0 <= t <= 1 or 0 < abs(x) < 1e-6  # sigmoid(x) - t cancels beside the minimum, whoever computes it


def where_it_jumps(x: float, y: float) -> bool:
    return y == 0 or abs(x) >= 2**53 * abs(y) or x % y == 0 or isinf(y)  # and where no digit is left


class whole(sp.Function):  # type: ignore[misc]
    """The floor, whose slope is 0 between the jumps: SymPy's own derivative of it is not evaluated."""

    @classmethod
    def eval(cls, x: Any) -> Any:
        return sp.floor(x) if x.is_number else None

    def fdiff(self, argindex: int = 1) -> Any:
        return sp.Integer(0)

    _imp_ = staticmethod(mpmath.floor)  # what `lambdify` calls


def truncated(x: Any) -> sp.Expr:
    return when((whole(x), x > 0), (-whole(-x), True))


PAIRS = ((1.5, 2.25), (-0.7, 3.1), (2.4, -1.3), (-1.9, -0.6))
TRIPLES = ((0.3, -1.2, 2.1), (1.7, 0.4, -0.9), (-2.3, 1.1, 0.2))
LINE = (-2.3, -0.7, 0.4, 1.9)
RIGHT = (0.3, 1.0, 2.7, 11.0)
WAVES = (-2.4, -0.8, 0.4, 1.6)
UNIT = (-0.83, -0.2, 0.35, 0.9)

SAMPLES: dict[str, list[Sample]] = {
    "add": [many(lambda x, y: x + y, *PAIRS)],
    "sub": [many(lambda x, y: x - y, *PAIRS)],
    "mul": [many(lambda x, y: x * y, *PAIRS)],
    "div": [many(lambda x, y: x / y, *PAIRS)],
    "neg": [one(lambda x: -x, *LINE)],
    "reciprocal": [one(lambda x: 1 / x, *LINE)],
    "mod": [many(lambda x, y: x - y * whole(x / y), *PAIRS, outside=where_it_jumps)],
    "fmod": [many(lambda x, y: x - y * truncated(x / y), *PAIRS, outside=where_it_jumps)],
    "identity": [one(lambda x: x, *LINE)],
    "step": [one(lambda x: when((1, x > 0), (0, True)), *LINE, flat=True)],
    "sign": [one(lambda x: sp.sign(x), *LINE, flat=True)],
    "above": [many(lambda x, y: (sp.sign(x - y) + 1) / 2, *PAIRS, flat=True)],
    "greater": [many(lambda x, y: when((1, x > y), (0, True)), *PAIRS, flat=True)],
    "less": [many(lambda x, y: when((1, x < y), (0, True)), *PAIRS, flat=True)],
    "equal": [many(lambda x, y: when((1, sp.Eq(x, y)), (0, True)), *PAIRS, flat=True)],
    "stop_gradient": [one(lambda x: x, *LINE, flat=True)],
    "zero_mul": [many(lambda x, y: x * y, *PAIRS)],
    "strong_mul": [many(lambda x, y: x * y, *PAIRS)],
    "zero_div": [many(lambda x, y: x / y, *PAIRS)],
    "exp": [one(sp.exp, *LINE)],
    "exp_difference": [many(lambda x, y: sp.exp(x - y), *PAIRS)],
    "exp2": [one(lambda x: 2**x, *LINE)],
    "expm1": [one(lambda x: sp.exp(x) - 1, *LINE)],
    "log": [one(sp.log, *RIGHT)],
    "log2": [one(lambda x: sp.log(x) / sp.log(2), *RIGHT)],
    "log10": [one(lambda x: sp.log(x) / sp.log(10), *RIGHT)],
    "log1p": [one(lambda x: sp.log(1 + x), -0.6, *RIGHT)],
    "sqrt": [one(sp.sqrt, *RIGHT)],
    "pow": [
        many(lambda x, y: x**y, (1.5, 2.25), (0.7, -1.3), (3.2, 0.5), (0.4, 3.0), outside=exponent_less_one_rounds)
    ],
    "power_slope": [many(lambda x, y: y * x ** (y - 1), (1.5, 2.25), (0.7, -1.3), (3.2, 0.5), outside=underflows)],
    "_log": [many(lambda x, y: sp.log(x), (1.5, 2.25), (0.7, -1.3), (3.2, 0.5))],
    "sin": [one(sp.sin, *LINE)],
    "cos": [one(sp.cos, *LINE)],
    "tan": [one(sp.tan, -0.7, 0.4, 1.2, 2.9)],
    "asin": [one(sp.asin, *UNIT)],
    "acos": [one(sp.acos, *UNIT)],
    "atan": [one(sp.atan, *LINE)],
    "sinh": [one(sp.sinh, *LINE)],
    "cosh": [one(sp.cosh, *LINE)],
    "asinh": [one(sp.asinh, *LINE)],
    "acosh": [one(sp.acosh, 1.2, 2.7, 11.0)],
    "atanh": [one(sp.atanh, *UNIT)],
    "degrees": [one(lambda x: x * 180 / sp.pi, *LINE)],
    "radians": [one(lambda x: x * sp.pi / 180, *LINE)],
    "sinc": [one(sinc(0), *WAVES)],
    "sinc_slope": [one(sinc(1), *WAVES)],
    "sinc_curvature": [one(sinc(2), *WAVES)],
    "sinc_third": [one(sinc(3), *WAVES, outside=lambda x: x in (0.0, 0.5))],  # its slope: 0 / 0, and 62 - 57
    "hypot": [many(lambda x, y: sp.sqrt(x**2 + y**2), *PAIRS)],
    "atan2": [many(sp.atan2, *PAIRS, outside=on_the_cut)],
    "cosine": [many(cosine, *PAIRS)],
    "maximum": [many(larger, *PAIRS)],
    "minimum": [many(smaller, *PAIRS)],
    "absolute": [one(sp.Abs, *LINE)],
    "relu": [one(lambda x: when((x, x > 0), (0, True)), *LINE)],
    "elu": [one(lambda x: when((x, x > 0), (sp.exp(x) - 1, True)), *LINE)],
    "tanh": [one(sp.tanh, *LINE)],
    "sech": [one(lambda x: 1 / sp.cosh(x), *LINE)],
    "sigmoid": [one(logistic, *LINE)],
    "logsigmoid": [one(lambda x: -soft(-x), *LINE)],
    "softplus": [one(soft, *LINE)],
    "silu": [one(lambda x: x * logistic(x), *LINE)],
    "gelu": [one(lambda x: x * normal(x), *LINE)],
    "normal_cdf": [one(normal, *LINE)],
    "normal_pdf": [one(lambda x: sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi), *LINE)],
    "binary_cross_entropy": [
        many(
            lambda x, t: (1 - t) * soft(x) + t * soft(-x),
            *((0.3, 0.7), (-2.1, 0.2), (1.9, 0.95), (0.8, 1.0), (-1.2, 0.0)),
            outside=no_target_or_valley,
        )
    ],
    "total": [
        one(lambda x: x, *LINE),
        many(lambda x, y, z: x + y + z, *TRIPLES),
    ],
    "mean": [
        one(lambda x: x, *LINE),
        many(lambda x, y, z: (x + y + z) / 3, *TRIPLES),
    ],
    "dot": [
        many(lambda w, x, b: w * x + b, *TRIPLES),
        many(lambda v, w, x, y: v * x + w * y, (0.5, -1.5, 2.0, 0.75), (-0.3, 0.9, 1.1, -2.2)),
        many(lambda v, w, x, y, b: v * x + w * y + b, (0.5, -1.5, 2.0, 0.75, 0.3), (-0.3, 0.9, 1.1, -2.2, -1.4)),
    ],
    "largest": [
        one(lambda x: x, *LINE),
        many(lambda x, y, z: larger(x, larger(y, z)), *TRIPLES, outside=tied),
    ],
    "smallest": [
        one(lambda x: x, *LINE),
        many(lambda x, y, z: smaller(x, smaller(y, z)), *TRIPLES, outside=tied),
    ],
    "logsumexp": [
        one(lambda x: x, *LINE),
        many(lambda x, y, z: sp.log(sp.exp(x) + sp.exp(y) + sp.exp(z)), *TRIPLES),
    ],
    "where": [
        many(lambda c, x, y: when((x, c > 0), (y, True)), *TRIPLES),
    ],
    "gather": [
        many(
            lambda i, x, y: when((x, i < sp.Rational(1, 2)), (y, True)),
            *((0.0, 0.5, -1.5), (1.0, 2.0, 0.75)),
            outside=lambda i, *xs: not -0.5 <= i < len(xs) - 0.5,
        ),
    ],
}


def _power(n: Any, *xs: float) -> Sample:
    return one(lambda x: x ** sp.Rational(n), *xs)


def _leaky(slope: float) -> Sample:
    return one(lambda x: when((x, x > 0), (sp.Rational(slope) * x, True)), *LINE)


def _clamp(low: float, high: float) -> Sample:
    low, high = (sp.Rational(end) if abs(end) < sp.oo else end for end in (low, high))
    return one(lambda x: when((low, x <= low), (high, x >= high), (x, True)), *LINE)


def _between(low: float, high: float) -> Sample:
    return one(lambda x: when((1, (x > low) & (x < high)), (0, True)), *LINE, flat=True)


def _share(i: int) -> Sample:
    return many(lambda *xs: sp.exp(xs[i]) / sum(map(sp.exp, xs)), *TRIPLES)


def _log_share(i: int) -> Sample:
    return many(lambda *xs: xs[i] - sp.log(sum(map(sp.exp, xs))), *TRIPLES)


FAMILY_SAMPLES: dict[str, dict[tuple[Any, ...], Sample]] = {
    "power": {
        **{(n,): _power(n, *LINE) for n in (0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -2.0)},
        **{(n,): _power(n, *RIGHT) for n in (0.5, 1.5, -0.5, 2.25)},
    },
    "leaky_relu": {(slope,): _leaky(slope) for slope in (0.01, 0.2, -0.5)},
    "clamp": {ends: _clamp(*ends) for ends in ((-1.0, 1.0), (0.0, 6.0), (-float("inf"), 1.0), (-1.0, float("inf")))},
    "between": {ends: _between(*ends) for ends in ((-1.0, 1.0), (0.0, 6.0))},
    "softmax": {(i,): _share(i) for i in range(3)},
    "log_softmax": {(i,): _log_share(i) for i in range(3)},
    "select": {(i,): one(lambda x: x, *LINE) for i in (0, 2)},
}

# A rule of a user's own gets all that the table gets.
CUBE = Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,))

# Every rule under one name, members of a family under names such as "power(2.0)"; and the samples of each.
NAMED: dict[str, Rule] = {**RULES, "cube": CUBE}
SAMPLED: list[tuple[str, Sample]] = [(name, sample) for name, samples in SAMPLES.items() for sample in samples]
SAMPLED.append(("cube", one(lambda x: x**3, *LINE)))
for family, members in FAMILY_SAMPLES.items():
    for constants, sample in members.items():
        name = f"{family}({', '.join(map(str, constants))})"
        NAMED[name] = FAMILIES[family](*constants)
        SAMPLED.append((name, sample))

every_rule = pytest.mark.parametrize(
    ("name", "sample"), SAMPLED, ids=[f"{name}/{len(s.symbols)}" for name, s in SAMPLED]
)

# Awkward numbers, alone and in pairs.
FINITE = [0.0, -0.0, 1e-300, -1e-300, 1e300, -1e300, 800.0, -800.0]
FINITE += [1e-8, -1e-8, 0.5, 1.0, -1.0, 2.0, -3.0, 20.0, -20.0, 30.0, 40.0, -40.0, -50.0, 300.0, -300.0]
AWKWARD = [*FINITE, inf, -inf, nan]
FEW = [0.0, 1e-300, 1e300, 800.0, -800.0, 40.0, -40.0, inf, -inf, nan]


def awkward_points(sample: Sample) -> Iterator[tuple[float, ...]]:
    n = len(sample.symbols)
    if n <= 2:
        return itertools.product(AWKWARD, repeat=n)
    return ((x, y, *[0.5] * (n - 2)) for x in FEW for y in FEW)
