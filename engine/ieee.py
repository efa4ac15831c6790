"""Floats that follow IEEE 754 where Python's own would raise an error.

Python raises an error for ``1 / 0``, ``math.exp(800)`` and ``math.log(0)``; IEEE 754, and with it NumPy and PyTorch,
gives ``inf``, ``inf`` and ``-inf``. Gradients need those answers. This file has elementary functions that give them,
and `Float`, a float whose `/` and `**` do too.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from engine.utils import console

inf, nan = math.inf, math.nan
LN2, LN10, DEGREES = math.log(2), math.log(10), 180 / math.pi
PI, SQUARE_OF_PI = math.pi, math.pi**2


def _never_raises(function: Callable[..., float], otherwise: Callable[..., float]) -> Callable[..., float]:
    """`function`, with `otherwise` supplying the result where Python raises an error."""

    def never_raises(*xs: float) -> float:
        try:
            return function(*xs)
        except (ArithmeticError, ValueError):
            return otherwise(*xs)

    return never_raises


exp = _never_raises(math.exp, lambda x: inf)
expm1 = _never_raises(math.expm1, lambda x: inf)
cosh = _never_raises(math.cosh, lambda x: inf)
sinh = _never_raises(math.sinh, lambda x: math.copysign(inf, x))
log = _never_raises(math.log, lambda x: -inf if x == 0 else nan)
log2 = _never_raises(math.log2, lambda x: -inf if x == 0 else nan)
log10 = _never_raises(math.log10, lambda x: -inf if x == 0 else nan)
log1p = _never_raises(math.log1p, lambda x: -inf if x == -1 else nan)
sqrt = _never_raises(math.sqrt, lambda x: nan)
sin, cos, tan = (_never_raises(f, lambda x: nan) for f in (math.sin, math.cos, math.tan))
asin, acos = (_never_raises(f, lambda x: nan) for f in (math.asin, math.acos))
acosh = _never_raises(math.acosh, lambda x: nan)
atanh = _never_raises(math.atanh, lambda x: math.copysign(inf, x) if abs(x) == 1 else nan)
asinh, atan, atan2, tanh, hypot, erfc = math.asinh, math.atan, math.atan2, math.tanh, math.hypot, math.erfc


def _divide_by_zero(x: float, y: float) -> float:
    return nan if x == 0 or x != x else math.copysign(inf, x) * math.copysign(1.0, y)


def _power_out_of_range(x: float, y: float) -> float:
    if x < 0 and y != math.floor(y):
        return nan  # a negative number has no real fractional power
    size = inf if (abs(x) > 1) == (y > 0) else 0.0
    return -size if math.copysign(1.0, x) < 0 and y % 2 == 1 else size


div = _never_raises(operator.truediv, _divide_by_zero)
pow = _never_raises(math.pow, _power_out_of_range)


def maximum(x: float, y: float) -> float:
    """The larger of the two; `nan` if either is."""
    return x if x > y or x != x else y


def minimum(x: float, y: float) -> float:
    """The smaller of the two; `nan` if either is."""
    return x if x < y or x != x else y


def mod(x: float, y: float) -> float:
    """The remainder of x after whole multiples of y, with the sign of y, as Python's ``%``; `nan` for y = 0."""
    return nan if y == 0 or math.isinf(x) else x % y


def fmod(x: float, y: float) -> float:
    """The remainder of x after whole multiples of y, with the sign of x, as C's `fmod`; `nan` for y = 0."""
    return math.copysign(mod(abs(x), abs(y)), x)


def square_error(x: float) -> float:
    """``x² - fl(x²)``, the rounding error of the square (T. J. Dekker, 1971). For ``|x| < 1e150``.

    >>> square_error(0.1)
    -8.326672684688674e-19
    """
    high = 134217729.0 * x  # 2²⁷ + 1 keeps the upper half of the digits
    high -= high - x
    low = x - high
    return ((high * high - x * x) + 2 * high * low) + low * low


def exp_difference(x: float, y: float) -> float:
    """``exp(x - y)``, corrected for the rounding error of the difference."""
    difference = x - y
    if not abs(difference) < 800:  # 0, inf or nan
        return exp(difference)
    rest = difference - x
    return exp(difference) * (1 + ((x - (difference - rest)) - (y + rest)))


def power_slope(x: float, y: float) -> float:
    """``y · x**(y - 1)``. Where ``y - 1`` would be rounded, ``x**y / x`` is used instead."""
    if x != 0 and math.isfinite(x) and math.isfinite(y) and not 1 <= y < 2**53:
        z = pow(x, y)
        if z != 0 and math.isfinite(z):
            return y * (z / x)
    return 0.0 if y == 0 and x == x else y * pow(x, y - 1)


def cosine(x: float, y: float) -> float:
    """``x / hypot(x, y)``, scaled so that nothing overflows or underflows; 0 at the origin."""
    if math.isinf(x) or math.isinf(y):
        x, y = _direction(x), _direction(y)
    scale = maximum(abs(x), abs(y))
    return (x / scale) / math.hypot(x / scale, y / scale) if scale else 0.0


def _direction(x: float) -> float:
    """A number as seen next to an infinite one: 0, or ±1 if it is infinite too."""
    return x if x != x else math.copysign(1.0 if math.isinf(x) else 0.0, x)


def _sin_pi(x: float) -> float:
    """``sin(πx)`` for x ≥ 0, which is 0 at every whole number: x is brought near to 0 before it is multiplied by π."""
    r = mod(x, 2.0)
    size = math.sin(math.pi * minimum(mod(r, 1.0), 1 - mod(r, 1.0)))
    return -size if r > 1 else size


def _cos_pi(x: float) -> float:
    """``cos(πx)`` for x ≥ 0."""
    r = mod(x, 2.0)
    return math.sin(math.pi * (0.5 - minimum(r, 2 - r)))


def _bessel(n: float, y: float) -> float:
    """``jₙ(z) / zⁿ · (2n + 1)!!`` for ``z² = y ≤ 2.5``, where jₙ is the spherical Bessel function: its power series."""
    s = 1 - y / (20 * (2 * n + 21))
    s = 1 - s * y / (18 * (2 * n + 19))
    s = 1 - s * y / (16 * (2 * n + 17))
    s = 1 - s * y / (14 * (2 * n + 15))
    s = 1 - s * y / (12 * (2 * n + 13))
    s = 1 - s * y / (10 * (2 * n + 11))
    s = 1 - s * y / (8 * (2 * n + 9))
    s = 1 - s * y / (6 * (2 * n + 7))
    s = 1 - s * y / (4 * (2 * n + 5))
    return 1 - s * y / (2 * (2 * n + 3))


def sinc(x: float) -> float:
    """``sin(πx) / (πx)``, as NumPy's: 1 at 0, and exactly 0 at all other whole numbers."""
    if x == 0:
        return 1.0
    return 0.0 if math.isinf(x) else _sin_pi(abs(x)) / abs(x) / math.pi


def sinc_slope(x: float) -> float:
    """The derivative of sinc, ``(cos(πx) - sinc(x)) / x``, without cancellation near 0."""
    if abs(x) < 0.5:
        return -SQUARE_OF_PI / 3 * x * _bessel(1.0, SQUARE_OF_PI * x * x)
    return 0.0 if math.isinf(x) else (_cos_pi(abs(x)) - sinc(x)) / x


def sinc_curvature(x: float) -> float:
    """The second derivative of sinc, ``-π²·sinc(x) - 2·sinc'(x) / x``."""
    if abs(x) < 0.5:
        y = SQUARE_OF_PI * x * x
        return -SQUARE_OF_PI / 3 * (_bessel(1.0, y) - y / 5 * _bessel(2.0, y))
    return -SQUARE_OF_PI * sinc(x) - 2 * sinc_slope(x) / x


def sinc_third(x: float) -> float:
    """The third derivative of sinc, ``-π²·sinc'(x) - (3·sinc''(x) + π²·sinc(x)) / x``."""
    if abs(x) < 0.5:
        y = SQUARE_OF_PI * x * x
        return SQUARE_OF_PI**2 / 5 * x * (_bessel(2.0, y) - y / 21 * _bessel(3.0, y))
    return -SQUARE_OF_PI * sinc_slope(x) - (3 * sinc_curvature(x) + SQUARE_OF_PI * sinc(x)) / x


def sech(x: float) -> float:
    """``1 / cosh(x)``."""
    return 2 * exp(-abs(x)) / (1 + exp(-2 * abs(x)))


def sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))``, accurate in its tails."""
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def softplus(x: float) -> float:
    """``log(1 + exp(x))``, accurate in its tail."""
    return maximum(x, 0.0) + log1p(exp(-abs(x)))


def normal_pdf(x: float) -> float:
    """The standard normal density, corrected for the rounding error of ``x²``, which the exponential magnifies."""
    return 0.0 if abs(x) > 40 else exp(-x * x / 2) * (1 - square_error(x) / 2) / math.sqrt(2 * math.pi)


def normal_cdf(x: float) -> float:
    """The standard normal distribution, ``erfc(-x/√2) / 2``, corrected for the rounding error of ``x/√2``."""
    u = -x * math.sqrt(0.5)
    if not 0 < u < 28:
        return erfc(u) / 2
    return erfc(u) / 2 * exp((u * u - x * x / 2) + (square_error(u) - square_error(x) / 2))


def largest(*xs: float) -> float:
    """The largest of several; `nan` if any is."""
    return nan if any(x != x for x in xs) else max(xs)


def mean(*xs: float) -> float:
    """The arithmetic mean, even where the sum would overflow."""
    return sum(xs) / len(xs) if math.isfinite(sum(xs)) else sum(x / len(xs) for x in xs)


def dot(*xs: float) -> float:
    """``Σ wᵢ·xᵢ + b``, given the weights, then the inputs, then perhaps a bias."""
    n = len(xs) // 2
    return sum(map(operator.mul, xs, xs[n : 2 * n]), xs[-1] if len(xs) % 2 else 0.0)


def _others(xs: Sequence[float]) -> tuple[float, float]:
    """The largest number, and the sum of ``exp(x - largest)`` over the others, `nan` if the largest is infinite."""
    peak = largest(*xs)
    first = xs.index(peak) if peak == peak else 0
    return peak, sum((exp_difference(x, peak) for i, x in enumerate(xs) if i != first), peak - peak)


def logsumexp(*xs: float) -> float:
    """``log Σ exp(x)``, without overflow and without losing small terms."""
    peak, others = _others(xs)
    return peak if math.isinf(peak) else peak + log1p(others)


def softmax(i: int, xs: Sequence[float]) -> float:
    """``exp(xᵢ) / Σ exp(x)``, without overflow."""
    peak, others = _others(xs)
    return exp_difference(xs[i], peak) / (1 + others)


def log_softmax(i: int, xs: Sequence[float]) -> float:
    """``xᵢ - logsumexp(x)``, without overflow and without cancellation."""
    peak, others = _others(xs)
    return xs[i] - peak - log1p(others)


def gather(i: float, *xs: float) -> float:
    """``xs[i]`` with i rounded to a whole number; `nan` if it is out of range."""
    return xs[math.floor(i + 0.5)] if -0.5 <= i < len(xs) - 0.5 else nan


class Float(float):
    """A float whose operations all follow IEEE 754, and return Floats again.

    >>> Float(1) / 0, Float(-2) ** 0.5, Float(10) ** 400
    (inf, nan, inf)
    """

    __slots__ = ()

    def __add__(self, y: float) -> "Float":
        return Float(float(self) + float(y))

    def __sub__(self, y: float) -> "Float":
        return Float(float(self) - float(y))

    def __mul__(self, y: float) -> "Float":
        return Float(float(self) * float(y))

    def __truediv__(self, y: float) -> "Float":
        return Float(div(float(self), float(y)))

    def __pow__(self, y: float) -> "Float":  # type: ignore[override]
        return Float(pow(float(self), float(y)))

    def __rsub__(self, x: float) -> "Float":
        return Float(x) - self

    def __rtruediv__(self, x: float) -> "Float":
        return Float(x) / self

    def __rpow__(self, x: float) -> "Float":  # type: ignore[override]
        return Float(x) ** self

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Float":
        return Float(-float(self))

    def __abs__(self) -> "Float":
        return Float(abs(float(self)))

    def apply_rule(self, rule: Any, operands: tuple[float, ...]) -> "Float":
        """A rule called on Floats gives a Float."""
        return Float(rule.evaluate(*map(float, operands)))


@console.printable
class Unset(float):
    """The gradient before any backward pass: it counts as 0, as in micrograd, and shows as a dash."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "—"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET = Unset(0.0)
