"""The table of derivatives, as on the inside cover of a calculus book.

One line a rule: its symbol, ``z = f(x, y)``, and ``∂z/∂x, ∂z/∂y`` as a function of ``(z, x, y)``. The value is computed
on floats. The partials are ordinary maths that does not care which kind of number it is fed, and call other rules
where they need them: fed floats they are a backward pass, fed Values they record a graph of their own, so that a
derivative can be differentiated again.

Read a line as: *sin: z = sin(x), dz/dx = cos(x)*. An operation of your own is one more such line:

>>> cube = Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,))
>>> cube(2.0)
8.0

Rules of more than two operands are in `nary_rules`.

Kinks follow PyTorch where its choice is sound: relu'(0) = abs'(0) = 0, clamp' is 0 at both ends, and a tie is shared
equally. They are written with rules (`step`, `sign`, `above`), never with an `if` in a partial. A formula that
overflows or cancels in floats is written in a form that does not: tanh' is sech², never 1 - tanh².
"""

import operator
from collections.abc import Callable
from functools import lru_cache, wraps
from inspect import CO_VARARGS
from typing import Any

from engine import ieee
from engine.ieee import DEGREES, LN2, LN10, PI, Float, nan
from engine.utils.arguments import check_operands, check_rule
from engine.utils.console import printable
from engine.utils.conversion import to_float
from engine.utils.messages import brief


@printable
class Rule:
    """A differentiable operation: what it is called, its value, and its partial derivatives.

    Args:
        symbol: what a picture writes in the node.
        value: ``f(x, y, ...)`` on floats.
        partials: ``(z, x, y, ...) -> (∂z/∂x, ∂z/∂y, ...)``, one entry for each operand, in ordinary operators and
            other rules.

    Raises:
        TypeError: if `value` or `partials` is no function, or `partials` does not give one number for each operand.

    Calling a rule on floats gives a float; on Values, or any number with a method `apply_rule(rule, operands)`, it
    gives whatever that number makes of it.
    """

    __slots__ = ("symbol", "value", "partials", "name", "constants", "jumps", "__weakref__")

    def __init__(self, symbol: str, value: Callable[..., Any], partials: Callable[..., tuple[Any, ...]]) -> None:
        check_rule(symbol, value, partials)
        self.symbol, self.value, self.partials = symbol, value, partials
        self.name = symbol  # in the table below: what it is called there
        self.constants: tuple[Any, ...] = ()  # in a family: which member it is
        self.jumps = False  # whether its value jumps somewhere: there it has no slope, which no zero hides
        code = getattr(partials, "__code__", None)
        if code is not None and not code.co_flags & CO_VARARGS:  # a slip is best told here, where the rule is written
            try:
                tried = partials(*[0.5] * code.co_argcount)
            except Exception:
                return  # not defined at 0.5; or it calls a rule that stands further down
            self._checked(tried, code.co_argcount - 1)

    def _checked(self, partials: Any, operands: int) -> tuple[Any, ...]:
        if not isinstance(partials, tuple) or len(partials) != operands:
            raise TypeError(
                f"the partials of the rule {self.symbol!r} must be a tuple of {operands}, one for each operand, got "
                f"{brief(partials, 60)}; a tuple of one is written (slope,)"
            )
        return partials

    def __call__(self, *operands: Any) -> Any:
        """``f(*operands)``: a float of floats, and of other numbers what they make of the rule."""
        for operand in operands:
            if type(operand) is not float and hasattr(type(operand), "apply_rule"):
                return operand.apply_rule(self, operands)
        try:  # the same as `evaluate`, with one call less: a partial may call several rules
            z = self.value(*operands)
        except (ArithmeticError, TypeError, ValueError):
            z = None  # `evaluate` finds what IEEE 754 answers, or tells what is wrong with the operands
        return z if type(z) is float else self.evaluate(*operands)

    def evaluate(self, *xs: float) -> float:
        """``z`` on floats: IEEE 754's answer where Python would raise, and `nan` where it would turn complex."""
        try:
            z = self.value(*xs)
        except ArithmeticError:
            z = self.value(*map(Float, xs))
        except (TypeError, ValueError):
            check_operands(self.name, self.value, xs)
            raise
        return z if type(z) is float else nan if isinstance(z, complex) else to_float(z, f"{self.name} gives")

    def evaluate_partials(self, z: Any, *xs: Any) -> tuple[Any, ...]:
        """The partials, with IEEE 754's answer where Python's floats would raise.

        Raises:
            TypeError: if they are not one for each operand.
        """
        try:
            partials = self.partials(z, *xs)
        except ArithmeticError:
            partials = tuple(map(float, self.partials(Float(z), *map(Float, xs))))
        return self._checked(partials, len(xs))

    def __repr__(self) -> str:
        return f"Rule({self.symbol!r})"

    def __reduce__(self) -> Any:
        if RULES.get(self.name) is self:
            return rule_named, (self.name,)
        return Rule, (self.symbol, self.value, self.partials)


# fmt: off
# Arithmetic.
add = Rule("+", operator.add, lambda z, x, y: (1.0, 1.0))
sub = Rule("-", operator.sub, lambda z, x, y: (1.0, -1.0))
mul = Rule("*", operator.mul, lambda z, x, y: (y, x))
div = Rule("/", operator.truediv, lambda z, x, y: (1 / y, -z / y))
neg = Rule("neg", operator.neg, lambda z, x: (-1.0,))
reciprocal = Rule("reciprocal", lambda x: 1 / x, lambda z, x: (-z * z,))
mod = Rule("mod", ieee.mod, lambda z, x, y: (1.0, stop_gradient((z - x) / y)))
fmod = Rule("fmod", ieee.fmod, lambda z, x, y: (1.0, stop_gradient((z - x) / y)))
identity = Rule("id", lambda x: x, lambda z, x: (1.0,))

# Steps: piecewise constant, so their slope is 0. They carry the kinks of the rules below.
step = Rule("step", lambda x: 1.0 if x > 0 else 0.0 if x == x else x, lambda z, x: (0.0,))
sign = Rule("sign", lambda x: 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else x, lambda z, x: (0.0,))
above = Rule("above", lambda x, y: 1.0 if x > y else 0.0 if x < y else 0.5 if x == y else nan, lambda z, x, y: (0.0, 0.0))  # noqa: E501
greater = Rule("gt", lambda x, y: 1.0 if x > y else 0.0, lambda z, x, y: (0.0, 0.0))
less = Rule("lt", lambda x, y: 1.0 if x < y else 0.0, lambda z, x, y: (0.0, 0.0))
equal = Rule("equal", lambda x, y: 1.0 if x == y else 0.0, lambda z, x, y: (0.0, 0.0))
stop_gradient = Rule("stop", lambda x: x, lambda z, x: (0.0,))

# Products and a quotient in which zero absorbs: 0 · inf = 0, and 0 / 0 = 0. In `strong_mul`, the product of the chain
# rule, it absorbs nan too.
zero_mul = Rule("*", lambda x, y: 0.0 if (x == 0 and y == y) or (y == 0 and x == x) else x * y, lambda z, x, y: (y, x))
strong_mul = Rule("*", lambda x, y: 0.0 if x == 0 or y == 0 else x * y, lambda z, x, y: (y, x))
zero_div = Rule("/", lambda x, y: 0.0 if x == y == 0 else x / y, lambda z, x, y: (1 / y, -zero_div(z, y)))

# Powers and logarithms. In x ** y the slopes of 0 ** 0 are 0, and the slope along y is 0 at x = 0 < y.
# exp_difference(x, y) is exp(x - y), power_slope(x, y) is y · x ** (y - 1), without what rounding would cost them.
exp = Rule("exp", ieee.exp, lambda z, x: (z,))
exp_difference = Rule("exp", ieee.exp_difference, lambda z, x, y: (z, -z))
exp2 = Rule("exp2", lambda x: ieee.pow(2.0, x), lambda z, x: (z * LN2,))
expm1 = Rule("expm1", ieee.expm1, lambda z, x: (exp(x),))
log = Rule("log", ieee.log, lambda z, x: (1 / x,))
log2 = Rule("log2", ieee.log2, lambda z, x: (1 / LN2 / x,))
log10 = Rule("log10", ieee.log10, lambda z, x: (1 / LN10 / x,))
log1p = Rule("log1p", ieee.log1p, lambda z, x: (1 / (1 + x),))
sqrt = Rule("sqrt", ieee.sqrt, lambda z, x: (0.5 / abs(z),))
pow = Rule("**", ieee.pow, lambda z, x, y: (power_slope(x, y), zero_mul(_log(x, y), z)))
power_slope = Rule("**'", ieee.power_slope, lambda z, x, y: (zero_mul(power_slope(x, y - 1), y), pow(x, y - 1) + zero_mul(_log(x, y), z)))  # noqa: E501
_log = Rule("log", lambda x, y: 0.0 if x == 0 <= y else ieee.log(x), lambda z, x, y: (zero_div(sign(x) ** 2, x), 0.0))

# Trigonometry. cosine(x, y) is x / hypot(x, y): the cosine of the angle under which the point (x, y) is seen. At the
# origin that is no angle: it jumps there, and has no slope. sinc(x) is sin(πx) / (πx), as NumPy's.
sin = Rule("sin", ieee.sin, lambda z, x: (cos(x),))
cos = Rule("cos", ieee.cos, lambda z, x: (-sin(x),))
tan = Rule("tan", ieee.tan, lambda z, x: (1 + z * z,))
asin = Rule("asin", ieee.asin, lambda z, x: (1 / sqrt((1 - x) * (1 + x)),))
acos = Rule("acos", ieee.acos, lambda z, x: (-1 / sqrt((1 - x) * (1 + x)),))
atan = Rule("atan", ieee.atan, lambda z, x: ((1 / hypot(1.0, x)) ** 2,))
sinh = Rule("sinh", ieee.sinh, lambda z, x: (cosh(x),))
cosh = Rule("cosh", ieee.cosh, lambda z, x: (sinh(x),))
asinh = Rule("asinh", ieee.asinh, lambda z, x: (1 / hypot(1.0, x),))
acosh = Rule("acosh", ieee.acosh, lambda z, x: (1 / (sqrt(x - 1) * sqrt(x + 1)),))
atanh = Rule("atanh", ieee.atanh, lambda z, x: (1 / ((1 - x) * (1 + x)),))
degrees = Rule("degrees", lambda x: x * DEGREES, lambda z, x: (DEGREES,))
radians = Rule("radians", lambda x: x / DEGREES, lambda z, x: (1 / DEGREES,))
sinc = Rule("sinc", ieee.sinc, lambda z, x: (sinc_slope(x),))
sinc_slope = Rule("sinc_slope", ieee.sinc_slope, lambda z, x: (sinc_curvature(x),))
sinc_curvature = Rule("sinc_curvature", ieee.sinc_curvature, lambda z, x: (sinc_third(x),))
sinc_third = Rule("sinc_third", ieee.sinc_third, lambda z, x: (PI**4 * sinc(x) - 4 * z / x,))
hypot = Rule("hypot", ieee.hypot, lambda z, x, y: (cosine(x, y), cosine(y, x)))
atan2 = Rule("atan2", ieee.atan2, lambda z, y, x: (_per_radius(cosine(x, y), x, y), _per_radius(-cosine(y, x), x, y)))
cosine = Rule("cosine", ieee.cosine, lambda z, x, y: (cosine(y, x) ** 2 / hypot(x, y), -z * cosine(y, x) / hypot(x, y)))
cosine.jumps = True

# Activation functions, and what they lean on: sech = 1 / cosh, the normal density and its integral.
maximum = Rule("max", ieee.maximum, lambda z, x, y: (above(x, y), above(y, x)))
minimum = Rule("min", ieee.minimum, lambda z, x, y: (above(y, x), above(x, y)))
absolute = Rule("abs", operator.abs, lambda z, x: (sign(x),))
relu = Rule("relu", lambda x: x if x > 0 or x != x else 0.0, lambda z, x: (step(x),))
elu = Rule("elu", lambda x: x if x > 0 else ieee.expm1(x), lambda z, x: (exp(minimum(x, 0.0)),))
tanh = Rule("tanh", ieee.tanh, lambda z, x: (sech(x) ** 2,))
sech = Rule("sech", ieee.sech, lambda z, x: (-z * tanh(x),))
sigmoid = Rule("sigmoid", ieee.sigmoid, lambda z, x: (z * sigmoid(-x),))
logsigmoid = Rule("logsigmoid", lambda x: -ieee.softplus(-x), lambda z, x: (sigmoid(-x),))
softplus = Rule("softplus", ieee.softplus, lambda z, x: (sigmoid(x),))
silu = Rule("silu", lambda x: zero_mul(x, ieee.sigmoid(x)), lambda z, x: (sigmoid(x) + zero_mul(x, sigmoid(x) * sigmoid(-x)),))  # noqa: E501
gelu = Rule("gelu", lambda x: zero_mul(x, ieee.normal_cdf(x)), lambda z, x: (normal_cdf(x) + zero_mul(x, normal_pdf(x)),))  # noqa: E501
normal_cdf = Rule("Φ", ieee.normal_cdf, lambda z, x: (normal_pdf(x),))
normal_pdf = Rule("φ", ieee.normal_pdf, lambda z, x: (-zero_mul(x, z),))

# The loss -t·log(p) - (1 - t)·log(1 - p) of p = sigmoid(x) against a target t from 0 to 1.
binary_cross_entropy = Rule(
    "bce",
    lambda x, t: zero_mul(ieee.softplus(x), 1 - t) + zero_mul(ieee.softplus(-x), t),
    lambda z, x, t: (zero_mul(sigmoid(x), 1 - t) - zero_mul(sigmoid(-x), t), -x),
)
# fmt: on


def _per_radius(number: Any, x: Any, y: Any) -> Any:
    return zero_div(number, hypot(x, y))


# Families: one rule for each constant.
FAMILIES: dict[str, Callable[..., Rule]] = {}


def family(make: Callable[..., Rule]) -> Callable[..., Rule]:
    """A decorator for what makes a rule of some constants: it makes each one once, and is listed in `FAMILIES`."""

    @lru_cache(maxsize=4096)
    @wraps(make)
    def member(*constants: Any) -> Rule:
        rule = make(*constants)
        rule.name, rule.constants = make.__name__, constants
        return rule

    FAMILIES[make.__name__] = member
    return member


@family
def power(n: float) -> Rule:
    """``x ** n`` with a constant exponent, correct for x ≤ 0 as well."""
    if n == 0:
        return Rule("**0", lambda x: 1.0, lambda z, x: (0.0,))
    if n.is_integer() and abs(n) < 2**53:
        return Rule(f"**{n:g}", lambda x: x**n, lambda z, x: (n * x ** (n - 1),))
    return Rule(f"**{n:g}", lambda x: ieee.pow(x, n), lambda z, x: (power_slope(x, n),))


@family
def leaky_relu(slope: float) -> Rule:
    """``x`` above 0, ``slope · x`` below; the slope at 0 is `slope`."""
    return Rule("leaky_relu", lambda x: x if x > 0 else slope * x, lambda z, x: (slope + (1 - slope) * step(x),))


@family
def clamp(low: float, high: float) -> Rule:
    """``x`` kept from `low` to `high`; the slope is 1 between them, and 0 at the ends and outside."""
    if not low <= high:
        raise ValueError(f"clamp takes low <= high, got low={low} and high={high}")
    inside = between(low, high)
    return Rule("clamp", lambda x: ieee.minimum(ieee.maximum(x, low), high), lambda z, x: (inside(x),))


@family
def between(low: float, high: float) -> Rule:
    """1 between `low` and `high`, and 0 at the ends and outside; its slope is 0."""
    return Rule("between", lambda x: x if x != x else 1.0 if low < x < high else 0.0, lambda z, x: (0.0,))


RULES: dict[str, Rule] = {}


def rule_named(name: str) -> Rule:
    """The rule that has this name in the table; a pickle holds the name."""
    return RULES[name]


def register(table: dict[str, Any]) -> None:
    """List the rules of a table, which are among the `globals()` of its file, in `RULES`, by their names there."""
    for name, rule in table.items():
        if isinstance(rule, Rule):
            rule.name, RULES[name] = name, rule


register(globals())
