"""Numbers that are formulas: fed to a rule they give what a class would write on the board.

The rules of the engine do not care which kind of number they are fed. Here is a kind that computes nothing and
remembers everything, so the same table of derivatives that runs the backward pass writes the derivative down.

>>> from engine import rules
>>> x = Name("x")
>>> rules.sin.partials(rules.sin(x), x)
(cos(x),)
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NoReturn

from engine import Value, rules
from engine.functional import chain_rule_forward
from engine.names import number
from engine.rules import Rule
from engine.steps import builtin_name


class Expression:
    """A formula. Operators and rules make larger ones of it, leaving out what is plainly idle, such as ``1 · x``."""

    size = 1  # how many names, numbers and operations it has when written out

    def apply_rule(self, rule: Rule, operands: tuple[Any, ...]) -> "Expression":
        """What a rule does when it is called on formulas: it makes one."""
        return simplified(rule, tuple(map(expression, operands)))

    def __add__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.add, (self, other))

    def __radd__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.add, (other, self))

    def __sub__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.sub, (self, other))

    def __rsub__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.sub, (other, self))

    def __mul__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.mul, (self, other))

    def __rmul__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.mul, (other, self))

    def __truediv__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.div, (self, other))

    def __rtruediv__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.div, (other, self))

    def __pow__(self, other: Any) -> "Expression":
        if isinstance(other, Expression):
            return self.apply_rule(rules.pow, (self, other))
        return self.apply_rule(rules.power(float(other)), (self,))

    def __rpow__(self, other: Any) -> "Expression":
        return self.apply_rule(rules.pow, (other, self))

    def __neg__(self) -> "Expression":
        return self.apply_rule(rules.neg, (self,))

    def __bool__(self) -> NoReturn:
        raise TypeError("a formula is not true or false")

    def __abs__(self) -> "Expression":
        return self.apply_rule(rules.absolute, (self,))

    def __repr__(self) -> str:
        from viz.formulas.notation import TEXT

        return TEXT.write(self)


class Number(Expression):
    """A number in a formula."""

    def __init__(self, value: float) -> None:
        self.value = value


class Name(Expression):
    """A variable in a formula."""

    def __init__(self, name: str) -> None:
        self.name = name


class Applied(Expression):
    """A rule of some operands."""

    def __init__(self, rule: Rule, operands: tuple[Expression, ...]) -> None:
        self.rule, self.operands = rule, operands
        self.size = 1 + sum(operand.size for operand in operands)


def expression(x: Any) -> Expression:
    """A formula as it is; a plain number as a formula, a third as ``1 / 3``."""
    if isinstance(x, Expression):
        return x
    x = float(x)
    if 1e-9 < x < 1 and float(number(x)) != x == 1 / round(1 / x):
        return Applied(rules.div, (Number(1.0), Number(float(round(1 / x)))))
    return Number(x)


def plus(parts: Iterable[Any]) -> Expression:
    """The sum of some formulas, from left to right."""
    return expression(reduce(lambda x, y: x + y, parts))


# Rules that exist for the sake of rounding, or in order to be one node, are plain formulas on the board.
_REWRITTEN: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "zero_mul": lambda x, y: x * y,
    "zero_div": lambda x, y: x / y,
    "exp_difference": lambda x, y: rules.exp(x - y),
    "expm1": lambda x: rules.exp(x) - 1,
    "log1p": lambda x: rules.log(1 + x),
    "power_slope": lambda x, y: y * x ** (y - 1),
    "_log": lambda x, y: rules.log(x),
    "hypot": lambda x, y: rules.sqrt(x**2 + y**2),
    "cosine": lambda x, y: x / rules.sqrt(x**2 + y**2),
    "total": lambda *xs: plus(xs),
    "mean": lambda *xs: plus(xs) / len(xs),
    "dot": lambda *xs: plus([*map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :]), *xs[len(xs) // 2 * 2 :]]),
    "logsumexp": lambda *xs: rules.log(plus(map(rules.exp, xs))),
}
_FAMILIES_REWRITTEN: dict[str, Callable[..., Callable[..., Any]]] = {
    "select": lambda i: lambda x: x,
    "softmax": lambda i: lambda *xs: rules.exp(xs[i]) / plus(map(rules.exp, xs)),
    "log_softmax": lambda i: lambda *xs: xs[i] - rules.log(plus(map(rules.exp, xs))),
}


def on_the_board(rule: Rule, operands: Sequence[Expression]) -> Expression:
    """A rule of formulas, as a teacher would write it."""
    name = builtin_name(rule)
    if name in _REWRITTEN:
        return expression(_REWRITTEN[name](*operands))
    if name in _FAMILIES_REWRITTEN:
        return expression(_FAMILIES_REWRITTEN[name](*rule.constants)(*operands))
    return Applied(rule, tuple(operands))


def simplified(rule: Rule, operands: Sequence[Expression]) -> Expression:
    """The same, without what is idle: a derivative is full of it."""
    x, y, name = operands[0], operands[-1], builtin_name(rule)
    numbers = [x.value if isinstance(x, Number) else None for x in operands]
    match name, numbers:
        case ("add", [0, _]) | ("mul", [1, _]):
            return y
        case ("add" | "sub", [_, 0]) | ("mul" | "div", [_, 1]):
            return x
        case ("mul", [0, _] | [_, 0]) | ("div", [0, None]):
            return Number(0.0)
        case "add" | "sub" | "mul" | "neg" | "power", [*known] if None not in known:
            return Number(rule.evaluate(*known))  # type: ignore[arg-type]
        case "sub", [0, _]:
            return -y
        case "add", [_, float(n)] if n < 0:
            return x - -n
        case "sub", [_, float(n)] if n < 0:
            return x + -n
        case "mul" | "div", [float(n), _] if n < 0:
            return -simplified(rule, (Number(-n), y))
        case "mul", [_, float(n)] if n < 0:
            return -(x * -n)
    match name, [(builtin_name(x.rule), x.operands) if isinstance(x, Applied) else ("", ()) for x in operands]:
        case ("mul" | "div", [("neg", (a,)), _]):
            return -simplified(rule, (a, y))
        case ("mul", [_, ("neg", (b,))]):
            return -(x * b)
        case ("mul", [_, ("div", (Number(value=1.0), b))]):
            return x / b
        case ("mul", [("div", (Number(value=1.0), a)), _]):
            return y / a
        case ("add", [_, ("neg", (b,))]):
            return x - b
        case ("neg", [("neg", (a,))]):
            return a
        case ("absolute", [("exp" | "sqrt" | "absolute" | "sech", _)]):
            return x
        case ("div", [("div", (a, b)), _]):
            return a / (b * y)
        case ("mul", [("sqrt", (a,)), ("sqrt", (b,))]) if repr(a) == repr(b):
            return a
        case ("power", [("div", (a, b))]):
            return simplified(rule, (a,)) / simplified(rule, (b,))
        case ("power", [("sqrt", (a,))]) if rule.constants == (2.0,):
            return a
    match name, rule.constants:
        case "power", (0,):
            return Number(1.0)
        case "power", (1,):
            return x
    if name == "mul" and isinstance(x, Name) and isinstance(y, Name) and x.name == y.name:
        return x**2
    if name == "div" and (shift := _shifted(x)):
        terms = [_shifted(term) for term in _terms(y)]
        if all(term and term[1] is shift[1] for term in terms):  # softmax's, which only kept it from overflowing
            return expression(rules.exp(shift[0]) / plus([rules.exp(term[0]) for term in terms if term]))
    return on_the_board(rule, operands)


def _terms(x: Expression) -> list[Expression]:
    if isinstance(x, Applied) and x.rule is rules.add:
        return [*_terms(x.operands[0]), x.operands[1]]
    return [x]


def _shifted(x: Expression) -> tuple[Expression, Expression] | None:
    """x and s of ``exp(x - s)``, where no slope goes through s."""
    match x:
        case Applied(
            rule=rules.exp, operands=(Applied(rule=rules.sub, operands=(y, Applied(rule=rules.stop_gradient) as s)),)
        ):
            return y, s
    return None


def formulas(
    order: Sequence[Value], names: Mapping[Value, str], closed: Iterable[Value] = ()
) -> dict[Value, Expression]:
    """What each node is, written in the names of the leaves, and in those of the nodes that are `closed`."""
    closed = set(closed)
    written: dict[Value, Expression] = {}
    for node in order:
        if node.rule is not None and node not in closed:
            written[node] = on_the_board(node.rule, [written[parent] for parent in node.parents])
        else:
            written[node] = Number(node.data) if node.role == "constant" else Name(names[node])
    return written


def slopes(node: Value, written: Mapping[Value, Expression]) -> list[tuple[Value, Expression]]:
    """The operands of a node, each with ``∂node/∂operand`` as a formula."""
    if node.rule is None:
        return []
    operands = tuple(written[parent] for parent in node.parents)
    try:
        partials = node.rule.partials(written[node], *operands)
        return list(zip(node.parents, map(expression, partials)))
    except Exception:
        if builtin_name(node.rule):
            raise
        unwritten = [_unwritten(node.rule, i, len(operands)) for i in range(len(operands))]
        return [(parent, Applied(rule, operands)) for parent, rule in zip(node.parents, unwritten)]


def _unwritten(rule: Rule, i: int, count: int) -> Rule:
    """A slope of a user's rule whose partials take nothing but floats: ``f'``, or of several operands ``∂1f``, ``∂2f``.

    It has a name and a value, and no formula.
    """

    def slope(*xs: float) -> float:
        slope: float = rule.slopes(rule.evaluate(*xs), *xs)[i]
        return slope

    return Rule(f"{rule.symbol}'" if count == 1 else f"∂{i + 1}{rule.symbol}", slope, lambda z, *xs: ())


def derivative(order: Sequence[Value], by: Value, written: Mapping[Value, Expression]) -> Expression:
    """``∂root/∂by`` as a formula, by the chain rule of the engine."""
    rates = chain_rule_forward(order, lambda node: slopes(node, written), {by: Number(1.0)})
    return expression(rates.get(order[-1], 0.0))


def evaluated(formula: Expression, numbers: Mapping[str, float]) -> float:
    """The number a formula gives when its names are given numbers."""
    known: dict[int, float] = {}
    stack = [formula]
    while stack:
        x = stack[-1]
        if isinstance(x, Applied):
            waiting = [operand for operand in x.operands if id(operand) not in known]
            if waiting:
                stack += waiting
                continue
            known[id(x)] = x.rule.evaluate(*[known[id(operand)] for operand in x.operands])
        else:
            known[id(x)] = numbers[x.name] if isinstance(x, Name) else x.value  # type: ignore[attr-defined]
        stack.pop()
    return known[id(formula)]


def put_in(formula: Expression, numbers: Mapping[str, float]) -> Expression:
    """A formula with numbers in the place of its names."""
    if isinstance(formula, Applied):
        return Applied(formula.rule, tuple(put_in(operand, numbers) for operand in formula.operands))
    return Number(numbers[formula.name]) if isinstance(formula, Name) else formula
