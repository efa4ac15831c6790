"""A compiler from the table of rules to JavaScript, so that a page can recompute a graph without Python.

No rule is written twice. The value of a rule is translated from its Python source (its syntax tree), along with the
functions that it calls. Its partials are traced: they are run once, on numbers that record what is computed from them.

The subset of Python that can be translated is listed in `expression`, `test` and `statement` below: arithmetic on
floats, tuples, comprehensions, and calls of `math`, of a few built-in functions, of rules, and of functions written in
the same subset. Global names must be numbers, functions or modules; lists are neither added nor compared. A rule that
needs more is not exportable.
"""

import ast
import builtins
import inspect
import json
import linecache
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from engine import ieee
from engine.rules import FAMILIES, Rule
from engine.steps import builtin_name

# What JavaScript lacks, or does differently. An entry uses only those above it. `erfc` is the trapezoidal
# rule on its integral over the line (C. Chiarella and A. Reichel, 1968), and `series` the sum for erf in M. Abramowitz
# and I. Stegun, 7.1.6. The square in an exponent is split in two, because its rounding error would be
# magnified.
_HELPERS = {
    "truth": "(x) => Array.isArray(x) ? x.length > 0 : x !== 0",
    "pow": "(x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y)",
    "mod": "(x, y) => { const rest = x % y; "
    "return rest === 0 ? (y < 0 ? -0 : 0) : (rest < 0) !== (y < 0) ? rest + y : rest; }",
    "floordiv": "(x, y) => Math.floor((x - mod(x, y)) / y + 0.5)",
    "log": "(x, base) => base === undefined ? Math.log(x) : Math.log(x) / Math.log(base)",
    "copysign": "(x, y) => y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)",
    "sum": "(xs, start = 0) => xs.reduce((x, y) => x + y, start)",
    "max": "(...xs) => (xs.length > 1 ? xs : xs[0]).reduce((x, y) => y > x ? y : x)",
    "min": "(...xs) => (xs.length > 1 ? xs : xs[0]).reduce((x, y) => y < x ? y : x)",
    "zip": "(first, ...others) => first.slice(0, Math.min(first.length, ...others.map((xs) => xs.length)))"
    ".map((x, i) => [x, ...others.map((xs) => xs[i])])",
    "map": "(f, ...lists) => zip(...lists).map((xs) => f(...xs))",
    "enumerate": "(xs, start = 0) => xs.map((x, i) => [i + start, x])",
    "any": "(xs) => Number(xs.some(truth))",
    "all": "(xs) => Number(xs.every(truth))",
    "len": "(xs) => xs.length",
    "range": "(n) => [...Array(n).keys()]",
    "tuple": "(xs) => xs",
    "isnan": "(x) => Number(x !== x)",
    "isinf": "(x) => Number(Math.abs(x) === Infinity)",
    "isfinite": "(x) => Number(Number.isFinite(x))",
    "neg": "(x) => -x",
    "add": "(x, y) => x + y",
    "sub": "(x, y) => x - y",
    "mul": "(x, y) => x * y",
    "truediv": "(x, y) => x / y",
    "series": """(x) => {
    let term = x, sum = x;
    for (let n = 1; n < 20; n++) sum += term *= 2 * x * x / (2 * n + 1);
    return 2 * Math.exp(-x * x) * sum / Math.sqrt(Math.PI);
  }""",
    "erfc": """(x) => {
    if (Math.abs(x) < 0.5) return 1 - series(x);
    if (x < 0) return 2 - erfc(-x);
    if (x > 28) return 0;
    let sum = 0.5 / x / x;
    for (let t = 0.5; t < 7; t += 0.5) sum += Math.exp(-t * t) / (t * t + x * x);
    const high = Math.fround(x), density = Math.exp(-high * high) * Math.exp((high - x) * (high + x));
    return x * sum / Math.PI * density - (x < 6 ? 2 / Math.expm1(4 * Math.PI * x) : 0);
  }""",
    "erf": "(x) => Math.abs(x) < 0.5 ? series(x) : 1 - erfc(x)",
}
_EQUIVALENTS: dict[Any, str] = {math.fabs: "Math.abs", float: "Number", list: "tuple"}
for _names, _module, _form in (
    ("acos acosh asin asinh atan atan2 atanh ceil cos cosh exp expm1 floor hypot log10 log1p log2", math, "Math.{}"),
    ("sin sinh sqrt tan tanh trunc", math, "Math.{}"),
    ("copysign erf erfc isfinite isinf isnan log pow", math, "{}"),
    ("all any enumerate len map max min pow range sum tuple zip", builtins, "{}"),
    ("add mul neg pow sub truediv", operator, "{}"),
    ("abs", builtins, "Math.{}"),
    ("abs", operator, "Math.{}"),
):
    _EQUIVALENTS.update({getattr(_module, name): _form.format(name) for name in _names.split()})
_OPERATORS: dict[type[ast.AST], str] = {
    **dict(zip((ast.Add, ast.Sub, ast.Mult, ast.Div, ast.And, ast.Or), ("+", "-", "*", "/", "&&", "||"))),
    **dict(zip((ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq), ("<", "<=", ">", ">=", "===", "!=="))),
}
_CALLS: dict[type[ast.AST], str] = {ast.Pow: "pow", ast.Mod: "mod", ast.FloorDiv: "floordiv"}
_IEEE_TOTAL: CodeType = ieee.exp.__code__


@dataclass(frozen=True)
class Family:
    """A family of rules in place of one rule: its entry is a function of the family's constants, and gives an entry.

    Attributes:
        member: any of its members. What its lambdas say must hold for all of them.
    """

    member: Rule

    @property
    def constants(self) -> list[str]:
        """What the constants are called where the family is made."""
        return list(inspect.signature(FAMILIES[self.member.name]).parameters)


def rule_functions(
    used: Sequence[tuple[Rule | Family, int | None]],
    wrong: Mapping[str, Mapping[str, Callable[..., Any]]] | None = None,
) -> str:
    """The source of ``const RULES``, a list with an entry for each given pair of a rule and a number of operands.

    Where the number is None, the partials are translated as the value is, for any number of operands, and not traced.

    An entry has ``value(...xs)``, a number, and ``partials(z, ...xs)``, a list of numbers. It is null if the rule is
    not exportable.

    Args:
        used: the rules, or families of rules, each with its number of operands.
        wrong: wrong partials, by the name of the mistake and that of the rule; as functions of (z, *xs) and the rule's
            constants. An entry has those for its rule as ``wrong``.

    >>> cube = Rule("cube", lambda x: x**3, lambda z, x: (3 * x**2,))
    >>> print(rule_functions([(cube, 1)]))
    const RULES = (() => {
      "use strict";
      const pow = (x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
      const cube_0 = ($x) => pow($x, 3);
      return [
        {value: cube_0, partials: (z, ...x) => { const t0 = pow(x[0], 2), t1 = 3 * t0; return [t1]; }},
      ];
    })();
    """
    script = _Script()

    def wrong_of(rule: Rule) -> Mapping[str, Callable[..., Any]]:
        known = wrong if wrong and builtin_name(rule) else {}
        return {name: by_rule[rule.name] for name, by_rule in known.items() if rule.name in by_rule}

    entries = [
        script.family(rule, operands, wrong_of(rule.member))
        if isinstance(rule, Family)
        else script.entry(rule, operands, wrong_of(rule))
        for rule, operands in used
    ]
    text = "".join(f"  {line}\n" for line in [*script.definitions, "return [", *[f"  {e}," for e in entries], "];"])
    for name, source in reversed(_HELPERS.items()):
        if re.search(rf"\b{name}\b", text):
            text = f"  const {name} = {source};\n{text}"
    return f'const RULES = (() => {{\n  "use strict";\n{text}}})();'


def exportable(rule: Rule, operands: int | None = None) -> bool:
    """Whether a rule can be translated into JavaScript.

    Args:
        rule: the rule.
        operands: the number of operands; by default as many as its partials name, three if they take any number.
    """
    if operands is None:
        code = getattr(rule.partials, "__code__", None)
        operands = 3 if code is None or code.co_flags & inspect.CO_VARARGS else code.co_argcount - 1
    return _Script().entry(rule, operands) != "null"


class _Untranslatable(Exception):
    """This is outside the subset of Python that can be translated."""


class _Script:
    """The functions that were asked for, as JavaScript; each after those that it calls.

    Args:
        around: what this script is a part of, if it is the inside of a function of constants.
        constants: the names of those constants.
    """

    def __init__(self, around: "_Script | None" = None, constants: Sequence[str] = ()) -> None:
        self.names: dict[Any, str] = {}
        self.definitions: list[str] = []
        self.around, self.constants = around, frozenset(constants)

    def family(
        self, family: Family, operands: int | None = None, wrong: Mapping[str, Callable[..., Any]] | None = None
    ) -> str:
        """A family as a function of its constants that gives what `entry` writes; or null."""
        inside = _Script(self, family.constants)
        entry = self.attempt(lambda: inside.entry(family.member, operands, wrong)) or "null"
        body = " ".join([*inside.definitions, f"return {entry};"])
        return f"({', '.join(f'${name}' for name in family.constants)}) => {{ {body} }}"

    def entry(self, rule: Rule, operands: int | None, wrong: Mapping[str, Callable[..., Any]] | None = None) -> str:
        """A rule as an object of two functions, and of wrong partials where there are some; or null."""

        def write() -> str:
            value = self.reference(rule)
            traced = operands is not None and not self.constants
            partials = self.attempt(lambda: _trace_partials(self, rule.partials, operands or 0)) if traced else None
            others = (
                f"{json.dumps(name)}: {_trace_partials(self, partials, operands or 0, rule.constants)}"
                for name, partials in (wrong or {}).items()
            )
            more = f", wrong: {{{', '.join(others)}}}" if wrong else ""
            return f"{{value: {value}, partials: {partials or self.reference(rule.partials, rule.name)}{more}}}"

        return self.attempt(write) or "null"

    def attempt(self, write: Callable[[], str]) -> str | None:
        """The result of `write`; if it fails, None, and everything is as it was before."""
        names, definitions = self.names.copy(), self.definitions.copy()
        try:
            return write()
        except Exception:  # a user's rule may do anything with the tracing numbers
            self.names, self.definitions = names, definitions
            return None

    def literal_or_name(self, thing: Any) -> str:
        """A number or a function."""
        return _literal(thing) if isinstance(thing, (int, float)) else self.reference(thing)

    def reference(self, function: Any, name: str = "") -> str:
        """The name of a function in the script; the function is defined first if it has not been yet."""
        if isinstance(function, Rule):
            function, name = function.value, function.name
        if getattr(function, "__code__", None) is _IEEE_TOTAL:  # JavaScript's arithmetic never raises
            function = inspect.getclosurevars(function).nonlocals["function"]
        if function in _EQUIVALENTS:
            return _EQUIVALENTS[function]
        if self.around and not _depends(function, self.constants):
            return self.around.reference(function, name)
        if function in FAMILIES.values():
            if function not in self.names:
                self.names[function] = f"family_{len(self.names)}"
                sample = function(*range(len(inspect.signature(function).parameters)))
                self.definitions.append(f"const {self.names[function]} = {self.family(Family(sample))};")
            return self.names[function]
        if not isinstance(function, FunctionType):
            raise _Untranslatable(function)
        if function not in self.names:
            letters = re.sub("[^A-Za-z_]", "", name or function.__name__)
            self.names[function] = f"{letters}_{len(self.names)}"
            self.definitions.append(f"const {self.names[function]} = {_translate(self, function)};")
        return self.names[function]


def _depends(function: Any, constants: Collection[str]) -> bool:
    """Whether a function, or one that it has from the function around it, uses constants of that name from there."""
    if isinstance(function, Rule):
        return _depends(function.value, constants)
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None) or ()
    named = zip(code.co_freevars, cells) if code else ()
    return any(name in constants or _depends(cell.cell_contents, constants) for name, cell in named)


def _literal(number: Any) -> str:
    if not isinstance(number, (int, float)):
        raise _Untranslatable(number)
    if isinstance(number, int) and abs(number) < 2**53:
        text = str(int(number))
    else:
        text = repr(float(number)).replace("inf", "Infinity").replace("nan", "NaN")
    return f"({text})" if text.startswith("-") else text


# Values: translated from their source code.


def _translate(script: _Script, function: FunctionType) -> str:
    """A function as JavaScript. Its local names get a ``$``, so that they never clash with JavaScript's."""
    code, node = function.__code__, _syntax_tree(function)
    cells = {name: cell.cell_contents for name, cell in zip(code.co_freevars, function.__closure__ or ())}
    own = dict.fromkeys(code.co_varnames + code.co_cellvars)
    constants = script.constants.intersection(code.co_freevars)
    outside = {**vars(builtins), **function.__globals__, **cells}
    lists = {node.args.vararg.arg} if node.args.vararg else set()
    scope = _Scope(script, outside, frozenset(own) | constants, frozenset(lists))
    defaults = function.__defaults__ or ()
    parameters = scope.parameters(node.args, [script.literal_or_name(default) for default in defaults])
    variables = [f"${name}" for name in own if name not in code.co_varnames[: len(parameters)]]
    if isinstance(node, ast.Lambda) and not variables:
        return f"({', '.join(parameters)}) => {scope.expression(node.body)}"
    body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
    start = f"let {', '.join(variables)}; " if variables else ""
    return f"({', '.join(parameters)}) => {{ {start}{scope.statements(body)} }}"


@lru_cache(maxsize=64)
def _parsed(source: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(source)))


def _syntax_tree(function: FunctionType) -> ast.Lambda | ast.FunctionDef:
    """The syntax tree of a function; of several lambdas on a line, the innermost that covers its code's columns."""
    code = function.__code__
    nodes = _parsed("".join(linecache.getlines(code.co_filename, function.__globals__)))
    if code.co_name != "<lambda>":
        (found,) = [
            node
            for node in nodes
            if isinstance(node, ast.FunctionDef)
            and node.name == code.co_name
            and min([decorator.lineno for decorator in node.decorator_list] + [node.lineno]) == code.co_firstlineno
        ]
        return found
    spots = [(a, i, b, j) for a, b, i, j in code.co_positions() if a and b and i is not None and j]
    start, end = min(spot[:2] for spot in spots), max(spot[2:] for spot in spots)
    around = [
        node
        for node in nodes
        if isinstance(node, ast.Lambda)
        and node.lineno == code.co_firstlineno
        and (node.body.lineno, node.body.col_offset) <= start
        and end <= (node.body.end_lineno or 0, node.body.end_col_offset or 0)
        and [arg.arg for arg in node.args.args] == list(code.co_varnames[: code.co_argcount])
    ]
    return max(around, key=lambda node: node.col_offset)


@dataclass(frozen=True)
class _Scope:
    """The scope of a piece of Python: its local names, those of them that are lists, and the names from outside."""

    script: _Script
    outside: Mapping[str, Any]
    own: frozenset[str]
    lists: frozenset[str]

    def parameters(self, args: ast.arguments, defaults: Sequence[str] = ()) -> list[str]:
        if args.kwonlyargs or args.kwarg or len(args.defaults) != len(defaults):
            raise _Untranslatable(ast.unparse(args))
        names = [f"${arg.arg}" for arg in args.posonlyargs + args.args]
        first = len(names) - len(defaults)
        names[first:] = [f"{name} = {default}" for name, default in zip(names[first:], defaults)]
        return names + ([f"...${args.vararg.arg}"] if args.vararg else [])

    def statements(self, nodes: Sequence[ast.stmt]) -> str:
        return " ".join(filter(None, map(self.statement, nodes)))

    def statement(self, node: ast.stmt) -> str:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):  # a docstring
                return ""
            case ast.Return(value=ast.expr() as value):
                return f"return {self.expression(value)};"
            case ast.Assign(targets=[target], value=value):
                return f"{self.target(target)} = {self.expression(value)};"
            case ast.AugAssign(target=ast.Name() as name, op=op, value=value):
                return f"${name.id} = {self.expression(ast.BinOp(name, op, value))};"
            case ast.If(test=test, body=body, orelse=orelse):
                rest = f" else {{ {self.statements(orelse)} }}" if orelse else ""
                return f"if ({self.test(test)}) {{ {self.statements(body)} }}{rest}"
        raise _Untranslatable(ast.unparse(node))

    def target(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name):
                return f"${name}"
            case ast.Tuple(elts=parts):
                return f"[{', '.join(map(self.target, parts))}]"
        raise _Untranslatable(ast.unparse(node))

    def test(self, node: ast.expr) -> str:
        """A condition, as one of JavaScript's."""
        match node:
            case ast.BoolOp(op=op, values=values):
                return f"({f' {_OPERATORS[type(op)]} '.join(map(self.test, values))})"
            case ast.UnaryOp(op=ast.Not(), operand=x):
                return f"(!{self.test(x)})"
            case ast.Compare(left=left, ops=ops, comparators=others):
                xs = list(map(self.number, [left, *others]))
                return f"({' && '.join(f'{x} {_OPERATORS[type(op)]} {y}' for x, op, y in zip(xs, ops, xs[1:]))})"
        return f"truth({self.expression(node)})"

    def number(self, node: ast.expr) -> str:
        """An operand. JavaScript would add and compare lists as well, but with different results from Python's."""
        match node:
            case ast.Tuple() | ast.List() | ast.GeneratorExp() | ast.ListComp() | ast.Subscript(slice=ast.Slice()):
                raise _Untranslatable(ast.unparse(node))
            case ast.Name(id=name) if name in self.lists:
                raise _Untranslatable(name)
        return self.expression(node)

    def expression(self, node: ast.expr) -> str:
        """A number, a list or a function. Conditions become 1 or 0, as in Python's arithmetic."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return _literal(number)
            case ast.Name(id=name) if name in self.own:
                return f"${name}"
            case ast.Name() | ast.Attribute():
                return self.script.literal_or_name(self.outside_value(node))
            case ast.NamedExpr(target=name, value=value):
                return f"({self.target(name)} = {self.expression(value)})"
            case ast.BinOp(left=ast.Tuple(elts=[x]), op=ast.Mult(), right=n):
                return f"Array({self.number(n)}).fill({self.expression(x)})"
            case ast.BinOp(left=x, op=op, right=y) if type(op) in _OPERATORS:
                return f"({self.number(x)} {_OPERATORS[type(op)]} {self.number(y)})"
            case ast.BinOp(left=x, op=op, right=y) if type(op) in _CALLS:
                return f"{_CALLS[type(op)]}({self.number(x)}, {self.number(y)})"
            case ast.UnaryOp(op=ast.USub(), operand=x):
                return f"(-{self.number(x)})"
            case ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return f"Number({self.test(node)})"
            case ast.BoolOp(values=values) if all(isinstance(value, ast.Compare) for value in values):
                return f"Number({self.test(node)})"
            case ast.IfExp(test=test, body=x, orelse=y):
                return f"({self.test(test)} ? {self.expression(x)} : {self.expression(y)})"
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return f"[{', '.join(map(self.expression, parts))}]"
            case ast.Starred(value=xs):
                return f"...{self.expression(xs)}"
            case ast.Subscript(value=xs, slice=ast.Slice(lower=i, upper=j, step=None)):
                ends = ([self.expression(i)] if i else ["0"]) + ([self.expression(j)] if j else [])
                return f"{self.expression(xs)}.slice({', '.join(ends)})"
            case ast.Subscript(value=xs, slice=i) if not isinstance(i, (ast.Slice, ast.Tuple)):
                return f"{self.expression(xs)}.at({self.expression(i)})"
            case ast.GeneratorExp(elt=part, generators=[loop]) | ast.ListComp(elt=part, generators=[loop]):
                names = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
                inner, each = replace(self, own=self.own | names), f"({self.target(loop.target)}) =>"
                kept = [f".filter({each} {inner.test(test)})" for test in loop.ifs]
                return f"{self.expression(loop.iter)}{''.join(kept)}.map({each} {inner.expression(part)})"
            case ast.Lambda(args=ast.arguments(vararg=None) as args, body=body):
                names = {n.arg for n in ast.walk(args) if isinstance(n, ast.arg)}
                inner = replace(self, own=self.own | names)
                return f"(({', '.join(self.parameters(args))}) => {inner.expression(body)})"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="index"), args=[x]) if name in self.own:
                return f"${name}.indexOf({self.expression(x)})"
            case ast.Call(func=ast.Call(func=maker, args=constants), args=args, keywords=[]) if self.is_family(maker):
                made = f"{self.expression(maker)}({', '.join(map(self.expression, constants))})"
                return f"{made}.value({', '.join(map(self.expression, args))})"
            case ast.Call(func=function, args=args, keywords=[]):
                return f"{self.expression(function)}({', '.join(map(self.expression, args))})"
        raise _Untranslatable(ast.unparse(node))

    def is_family(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self.outside.get(node.id) in FAMILIES.values()

    def outside_value(self, node: ast.expr) -> Any:
        """The value of an outside name at the time when the page is written."""
        match node:
            case ast.Name(id=name) if name not in self.own:
                return self.outside[name]
            case ast.Attribute(value=value, attr=name) if isinstance(module := self.outside_value(value), ModuleType):
                return getattr(module, name)
        raise _Untranslatable(ast.unparse(node))


# Partials: traced.


def _trace_partials(
    script: _Script, function: Callable[..., Any], operands: int, constants: Sequence[float] = ()
) -> str:
    """The partials as JavaScript, with a constant for each intermediate result."""
    steps: dict[str, str] = {}
    z, *xs = [_Traced(script, steps, source) for source in ("z", *[f"x[{i}]" for i in range(operands)])]
    partials = [z.text(partial) for partial in function(z, *xs, *constants)]
    listed = f"[{', '.join(partials)}]"
    if not steps:
        return f"(z, ...x) => {listed}"
    return f"(z, ...x) => {{ const {', '.join(f'{name} = {step}' for step, name in steps.items())}; return {listed}; }}"


def _operator(form: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """A binary operator, and its reflected form for a plain number on the left."""
    return (
        lambda self, other: self.step(form.format(self.source, self.text(other))),
        lambda self, other: self.step(form.format(self.text(other), self.source)),
    )


class _Traced:
    """A number that records, as JavaScript, what is computed from it."""

    def __init__(self, script: _Script, steps: dict[str, str], source: str) -> None:
        self.script, self.steps, self.source = script, steps, source

    def step(self, computed: str) -> "_Traced":
        return _Traced(self.script, self.steps, self.steps.setdefault(computed, f"t{len(self.steps)}"))

    def text(self, x: Any) -> str:
        return x.source if isinstance(x, _Traced) else _literal(x)

    def apply_rule(self, rule: Rule, operands: tuple[Any, ...]) -> "_Traced":
        return self.step(f"{self.script.reference(rule)}({', '.join(map(self.text, operands))})")

    __add__, __radd__ = _operator("{} + {}")
    __sub__, __rsub__ = _operator("{} - {}")
    __mul__, __rmul__ = _operator("{} * {}")
    __truediv__, __rtruediv__ = _operator("{} / {}")
    __pow__, __rpow__ = _operator("pow({}, {})")

    def __neg__(self) -> "_Traced":
        return self.step(f"-{self.source}")

    def __abs__(self) -> "_Traced":
        return self.step(f"Math.abs({self.source})")

    def __bool__(self) -> bool:
        raise _Untranslatable("a branch depends on the number")

    def __eq__(self, other: object) -> bool:
        raise _Untranslatable("a comparison depends on the number")
