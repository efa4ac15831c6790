"""An expression typed as text: the same Value as in Python; and nothing but arithmetic is ever done."""

import math

import pytest

from engine import RULES, Value, tanh
from engine.graph import topological_order
from viz.command_line import read_expression


def drawn(root):
    """What a picture shows of a graph."""
    order = topological_order(root)
    return [(node.op, node.label, node.role, node.data, [order.index(p) for p in node.parents]) for node in order]


def test_it_is_the_value_that_python_gives():
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    e = a * b
    e.label = "e"
    L = (e + c).tanh() * f**2 / (1 - tanh(a)) % 7
    L.label = "L"
    text = "e = a*b\nL = (e + c).tanh() * f**2 / (1 - tanh(a)) % 7"
    assert drawn(read_expression(text, {"a": 2, "b": -3, "c": 10, "f": -2})) == drawn(L)


def test_numbers_may_stand_in_the_text():
    root = read_expression("a = 2; b = -3.5e0; max(a, b) * leaky_relu(b, 0.1)")
    assert root.data == 2 * (-3.5 * 0.1)
    assert [(leaf.label, leaf.data) for leaf in topological_order(root) if leaf.label] == [("a", 2.0), ("b", -3.5)]


def test_every_rule_that_engine_shows_can_be_called():
    for name in ("tanh", "relu", "sigmoid", "softplus", "sqrt", "log1p"):
        assert read_expression(f"{name}(x)", {"x": 0.5}).data == RULES[name](0.5)
    assert read_expression("atan2(y, x)", {"y": 1, "x": 2}).data == math.atan2(1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('echo')",
        "a.__class__",
        "a.data",
        "a.backward()",
        "open(a)",
        "eval(a)",
        "RULES(a)",
        "(lambda: a)()",
        "[a for a in a]",
        "(a := 2)",
        "a if a else a",
        "a < 2",
        "tanh(*a)",
        "tanh(x=a)",
        "'a' * 3",
        "True + a",
        "2j * a",
        "f'{a}'",
        "a, a",
        "a[0]",
        "a.b = 2",
        "import os",
        "a += 1",
        "a and a",
        "a @ a",
        "a // 2",
        "~a",
        "\0",
        "(" * 5000 + "a" + ")" * 5000,
        "-" * 5000 + "a",
    ],
)
def test_nothing_but_arithmetic_is_read(text):
    with pytest.raises(ValueError, match=r"cannot be read|is no arithmetic|no function|is neither"):
        read_expression(text, {"a": 2})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y = a +", r"'y = a \+' cannot be read at its end; write something like"),
        ("y = 2 a", "cannot be read at '.*a'; write something like"),
        ("a ^ 2", r"\^ is no power here; write a\*\*2"),
        ("a * b", "b has no value; write one after the expression: b=2"),
        ("3 * 4", "computes nothing"),
        ("", "there is no expression"),
        ("x = 1; x * 2", "a does not occur in"),
        ("a * (-8) ** 0.5", "a power of a negative number is not real"),
        ("a * 9.0 ** 9 ** 9", "in 'a .*: Numerical result out of range|Result too large"),
        ("a * (1 / 0)", "division by zero"),
        ("tanh(a, a)", "in 'tanh"),
        ("sqr(a)", "there is no function sqr; there are abs, acos"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_to_write(text, words):
    with pytest.raises(ValueError, match=words):
        read_expression(text, {"a": 2})
