"""Expression trees: numbers that are formulas. Fed to a rule, they give what a class would write on the board.

The rules of the engine do not care which kind of number they are fed. This kind computes nothing and records
everything, so the same table of derivatives that runs the backward pass also writes the derivative down. How a formula
is written, as text, LaTeX or MathML, is the business of `notation`.

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
from engine.names import in_brackets, number
from engine.rules import Rule
from engine.steps import as_python, builtin_name

LONGEST = 60  # names, numbers and operations in a formula that is still readable


class Expression:
    """A formula. Operators and rules make larger ones of it, simplified where that is plain, as in ``1 · x``."""

    size = 1  # the number of names, numbers and operations in it when it is written out

    def apply_rule(self, rule: Rule, operands: tuple[Any, ...]) -> "Expression":
        """Calling a rule on formulas makes a formula."""
        return simplify(rule, tuple(map(as_expression, operands)))

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


class Number(Expression):
    """A number in a formula."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __repr__(self) -> str:
        return in_brackets(number(self.value, 17))


class Name(Expression):
    """A variable in a formula."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Applied(Expression):
    """A rule applied to operands. Its `repr` has all brackets; `notation.TEXT` writes only those that are needed."""

    def __init__(self, rule: Rule, operands: tuple[Expression, ...]) -> None:
        self.rule, self.operands = rule, operands
        self.size = 1 + sum(operand.size for operand in operands)

    def __repr__(self) -> str:
        return as_python(self.rule, [f"({x!r})" if isinstance(x, Applied) else repr(x) for x in self.operands])


def as_expression(x: Any) -> Expression:
    """A formula unchanged; a plain number as a formula, a third as ``1 / 3``."""
    if isinstance(x, Expression):
        return x
    x = float(x)
    if 1e-9 < x < 1 and float(number(x)) != x == 1 / round(1 / x):
        return Applied(rules.div, (Number(1.0), Number(float(round(1 / x)))))
    return Number(x)


def sum_of(parts: Iterable[Any]) -> Expression:
    """The sum of formulas, from left to right."""
    return as_expression(reduce(lambda x, y: x + y, parts))


# Rules that exist to avoid rounding errors, or to be a single node, are written out in simpler ones on the board.
_REWRITTEN: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "zero_mul": lambda x, y: x * y,
    "strong_mul": lambda x, y: x * y,
    "reciprocal": lambda x: 1 / x,
    "exp2": lambda x: 2.0**x,
    "zero_div": lambda x, y: x / y,
    "exp_difference": lambda x, y: rules.exp(x - y),
    "expm1": lambda x: rules.exp(x) - 1,
    "log1p": lambda x: rules.log(1 + x),
    "power_slope": lambda x, y: y * x ** (y - 1),
    "_log": lambda x, y: rules.log(x),
    "hypot": lambda x, y: rules.sqrt(x**2 + y**2),
    "cosine": lambda x, y: x / rules.sqrt(x**2 + y**2),
    "total": lambda *xs: sum_of(xs),
    "mean": lambda *xs: sum_of(xs) / len(xs),
    "dot": lambda *xs: sum_of([*map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :]), *xs[len(xs) // 2 * 2 :]]),
    "logsumexp": lambda *xs: rules.log(sum_of(map(rules.exp, xs))),
}
_FAMILIES_REWRITTEN: dict[str, Callable[..., Callable[..., Any]]] = {
    "select": lambda i: lambda x: x,
    "softmax": lambda i: lambda *xs: rules.exp(xs[i]) / sum_of(map(rules.exp, xs)),
    "log_softmax": lambda i: lambda *xs: xs[i] - rules.log(sum_of(map(rules.exp, xs))),
}


def textbook_form(rule: Rule, operands: Sequence[Expression]) -> Expression:
    """A rule applied to formulas, as a teacher would write it."""
    name = builtin_name(rule)
    if name in _REWRITTEN:
        return as_expression(_REWRITTEN[name](*operands))
    if name in _FAMILIES_REWRITTEN:
        return as_expression(_FAMILIES_REWRITTEN[name](*rule.constants)(*operands))
    return Applied(rule, tuple(operands))


def simplify(rule: Rule, operands: Sequence[Expression]) -> Expression:
    """The same, simplified: derivatives are full of factors 1 and terms 0. What is far too long to be read is left."""
    if sum(x.size for x in operands) > 10 * LONGEST:  # each step of a chain might be simplified within the next one
        return Applied(rule, tuple(operands))
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
            return -simplify(rule, (Number(-n), y))
        case "mul", [_, float(n)] if n < 0:
            return -(x * -n)
    match name, [(builtin_name(x.rule), x.operands) if isinstance(x, Applied) else ("", ()) for x in operands]:
        case ("mul" | "div", [("neg", (a,)), _]):
            return -simplify(rule, (a, y))
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
        case ("mul", [("sqrt", (a,)), ("sqrt", (b,))]) if _same(a, b):
            return a
        case ("power", [("div", (a, b))]):
            return simplify(rule, (a,)) / simplify(rule, (b,))
        case ("power", [("sqrt", (a,))]) if rule.constants == (2.0,):
            return a
    match name, rule.constants:
        case "power", (0,):
            return Number(1.0)
        case "power", (1,):
            return x
    if name == "mul" and isinstance(x, Name) and isinstance(y, Name) and x.name == y.name:
        return x**2
    if name == "div" and (shift := _exp_shift(x)):
        terms = [_exp_shift(term) for term in _terms(y)]
        if terms and all(term and term[1] is shift[1] for term in terms):  # softmax subtracts it only to avoid overflow
            return as_expression(rules.exp(shift[0]) / sum_of([rules.exp(term[0]) for term in terms if term]))
    return textbook_form(rule, operands)


def _terms(x: Expression) -> list[Expression]:
    """The terms of a sum; none if they are too many to be written."""
    terms: list[Expression] = []
    while isinstance(x, Applied) and x.rule is rules.add:
        x, term = x.operands
        terms.append(term)
        if len(terms) > LONGEST:
            return []
    return [x, *reversed(terms)]


def _same(x: Expression, y: Expression) -> bool:
    """Whether two formulas are written alike. They may be as deep as their graph, and share parts."""
    stack, seen = [(x, y)], set()
    while stack:
        a, b = stack.pop()
        if a is b or (id(a), id(b)) in seen:
            continue
        seen.add((id(a), id(b)))
        if isinstance(a, Applied) and isinstance(b, Applied):
            if a.rule is not b.rule or a.size != b.size or len(a.operands) != len(b.operands):
                return False
            stack += zip(a.operands, b.operands)
        elif isinstance(a, Applied) or isinstance(b, Applied) or repr(a) != repr(b):
            return False
    return True


def _exp_shift(x: Expression) -> tuple[Expression, Expression] | None:
    """x and s of ``exp(x - s)``, if s is cut off from the gradient by `stop_gradient`."""
    match x:
        case Applied(
            rule=rules.exp, operands=(Applied(rule=rules.sub, operands=(y, Applied(rule=rules.stop_gradient) as s)),)
        ):
            return y, s
    return None


def formulas(
    order: Sequence[Value], names: Mapping[Value, str], opaque: Iterable[Value] = ()
) -> dict[Value, Expression]:
    """Each node as a formula in the names of the leaves, and of the nodes that are `opaque`."""
    opaque = set(opaque)
    formula_of: dict[Value, Expression] = {}
    for node in order:
        if node.rule is not None and node not in opaque:
            formula_of[node] = textbook_form(node.rule, [formula_of[parent] for parent in node.parents])
        else:
            formula_of[node] = Number(node.data) if node.role == "constant" else Name(names[node])
    return formula_of


def symbolic_local_derivatives(node: Value, formula_of: Mapping[Value, Expression]) -> list[tuple[Value, Expression]]:
    """The operands of a node, each with ``∂node/∂operand`` as a formula."""
    if node.rule is None:
        return []
    operands = tuple(formula_of[parent] for parent in node.parents)
    try:
        partials = node.rule.partials(formula_of[node], *operands)
        return list(zip(node.parents, map(as_expression, partials)))
    except Exception:
        if builtin_name(node.rule):
            raise
        opaque = [_opaque_derivative(node.rule, i, len(operands)) for i in range(len(operands))]
        return [(parent, Applied(rule, operands)) for parent, rule in zip(node.parents, opaque)]


def _opaque_derivative(rule: Rule, i: int, count: int) -> Rule:
    """A derivative of a user's rule whose partials take only floats: ``f'``, or ``∂1f``, ``∂2f`` of several operands.

    It has a name and a value, but no formula.
    """

    def slope(*xs: float) -> float:
        slope: float = rule.evaluate_partials(rule.evaluate(*xs), *xs)[i]
        return slope

    return Rule(f"{rule.symbol}'" if count == 1 else f"∂{i + 1}{rule.symbol}", slope, lambda z, *xs: ())


def derivative(order: Sequence[Value], wrt: Value, formula_of: Mapping[Value, Expression]) -> Expression:
    """``∂root/∂wrt`` as a formula, by the engine's chain rule."""
    rates = chain_rule_forward(order, lambda node: symbolic_local_derivatives(node, formula_of), {wrt: Number(1.0)})
    return as_expression(rates.get(order[-1], 0.0))


def evaluate(formula: Expression, numbers: Mapping[str, float]) -> float:
    """The value of a formula for given values of its names."""
    values: dict[int, float] = {}
    stack = [formula]
    while stack:
        x = stack[-1]
        if isinstance(x, Applied):
            pending = [operand for operand in x.operands if id(operand) not in values]
            if pending:
                stack += pending
                continue
            values[id(x)] = x.rule.evaluate(*[values[id(operand)] for operand in x.operands])
        else:
            values[id(x)] = numbers[x.name] if isinstance(x, Name) else x.value  # type: ignore[attr-defined]
        stack.pop()
    return values[id(formula)]


def substitute(formula: Expression, numbers: Mapping[str, float]) -> Expression:
    """A formula with numbers in place of its names."""
    if isinstance(formula, Applied):
        return Applied(formula.rule, tuple(substitute(operand, numbers) for operand in formula.operands))
    return Number(numbers[formula.name]) if isinstance(formula, Name) else formula
