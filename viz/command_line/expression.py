"""From the text of an expression to a Value: arithmetic, and the rules of the table by name. Nothing is executed.

>>> L = read_expression("e = a * b; L = (e + c).tanh()", {"a": 2, "b": -3, "c": 6})
>>> L
Value(data=0.0, grad=—, label='L')
>>> [parent.op for parent in L.parents]
['+']
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import engine
from engine import RULES, Value
from engine.rules import absolute
from engine.utils.messages import brief, shortened

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
# By name: the rules that `engine` shows, what takes constants beside a Value, and what Python calls abs, max and min.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: rule for name, rule in RULES.items() if getattr(engine, name, None) is rule},
    "abs": absolute,
    "max": engine.maximum,
    "min": engine.minimum,
    "clamp": engine.clamp,
    "leaky_relu": engine.leaky_relu,
}
_EXAMPLE = "write something like  e = a * b; L = (e + c).tanh()"


def read_expression(text: str, values: Mapping[str, float] | None = None) -> Value:
    """The Value of an expression, as a player or a picture takes it, with its names as labels.

    Args:
        text: lines, or parts between semicolons, such as ``e = a * b``; the last of them is the result, and may have no
            name. Its words are names, numbers, ``+ - * / ** %``, parentheses, and the rules of the table, as
            ``tanh(x)`` or as ``x.tanh()``.
        values: the numbers of the names that have none in the text. A line such as ``a = 2`` gives one, too.

    Raises:
        ValueError: if the text is no such expression, or a name has no number, or a number has no use.
    """
    names: dict[str, Any] = {}
    for name, number in (values or {}).items():
        names[name] = Value(number, name)
    unused = set(names)
    result: Value | None = None
    for line in filter(None, map(str.strip, re.split(r"[;\n]", text))):
        name, expression = _parsed(line)
        unused -= {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        try:
            found = _value(expression, names, line)
        except RecursionError:  # a thousand signs, which some versions of Python read
            raise ValueError(f"{brief(line, 60)} cannot be read, for it is nested too deeply; {_EXAMPLE}") from None
        result = Value(found) if isinstance(found, float) else found
        if name:
            unused.discard(name)
            names[name] = result
            result.label = result.label or name
    if result is None:
        raise ValueError(f"there is no expression; {_EXAMPLE}")
    if not result.parents:
        raise ValueError(f"{brief(text, 60)} computes nothing, so there is nothing to differentiate; {_EXAMPLE}")
    if unused:
        raise ValueError(f"{', '.join(sorted(unused))} does not occur in {brief(text, 60)}")
    return result


def _parsed(line: str) -> tuple[str, ast.expr]:
    """The name before ``=``, if there is one, and the expression."""
    try:
        [statement] = ast.parse(line).body
    except SyntaxError as error:
        inside = error.offset and error.offset <= len(line)
        at = f" at {brief(line[(error.offset or 1) - 1 :], 20)}" if inside else " at its end"
        raise ValueError(f"{brief(line, 60)} cannot be read{at}; {_EXAMPLE}") from None
    except (ValueError, RecursionError, MemoryError):  # a NUL, an empty line with a comment, a thousand parentheses
        raise ValueError(f"{brief(line, 60)} cannot be read; {_EXAMPLE}") from None
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=expression):
            return name, expression
        case ast.Expr(value=expression):
            return "", expression
    raise ValueError(f"{brief(line, 60)} is neither an expression nor name = expression; {_EXAMPLE}")


def _value(node: ast.expr, names: Mapping[str, Any], line: str) -> Any:
    """What a part of the expression comes to: a Value, or a float if no name is in it."""

    def of(part: ast.expr) -> Any:
        return _value(part, names, line)

    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _finite(float, [number], line)
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"{name} has no value; write one after the expression: {name}=2")
            return names[name]
        case ast.UnaryOp(op=op, operand=x) if type(op) in _OPERATORS:
            return _finite(_OPERATORS[type(op)], [of(x)], line)
        case ast.BinOp(left=x, op=ast.BitXor()):
            raise ValueError(f"in {brief(line, 60)}: ^ is no power here; write {shortened(ast.unparse(x), 20)}**2")
        case ast.BinOp(left=x, op=op, right=y) if type(op) in _OPERATORS:
            return _finite(_OPERATORS[type(op)], [of(x), of(y)], line)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name not in names:
            return _called(name, [of(arg) for arg in args], line)
        case ast.Call(func=ast.Attribute(value=x, attr=name), args=args, keywords=[]):
            return _called(name, [of(x), *map(of, args)], line)
    raise ValueError(f"in {brief(line, 60)}: {brief(ast.unparse(node))} is no arithmetic; {_EXAMPLE}")


def _called(name: str, operands: list[Any], line: str) -> Any:
    if name not in _FUNCTIONS:
        raise ValueError(
            f"in {brief(line, 60)}: there is no function {name}; there are {', '.join(sorted(_FUNCTIONS))}"
        )
    return _finite(_FUNCTIONS[name], operands, line)


def _finite(operation: Callable[..., Any], operands: list[Any], line: str) -> Any:
    """The operation's result; of floats alone too, where Python would raise an error, or turn complex."""
    try:
        result = operation(*operands)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"in {brief(line, 60)}: {error.args[-1]}") from None
    if not isinstance(result, (float, Value)):
        raise ValueError(f"in {brief(line, 60)}: a power of a negative number is not real")
    return result
