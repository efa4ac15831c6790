"""The chain rule in slow motion: the same bits as `backward`, every step consistent, and readable."""

import copy
import math
import sys
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine import Rule, Value, detect_anomaly, dot, logsumexp, record_lines, select, softmax
from engine import sum as total
from engine.anomaly import source_lines
from engine.graph import topological_order
from nn import MLP, mse_loss
from viz import play

CONSTANTS = (2, 3, 0.5, -1.5, -3, 0)

# What random expressions are made of, each kept where it is defined and small.
OPERATIONS = {
    "add": lambda x, y, z, c: x + y,
    "sub": lambda x, y, z, c: x - y,
    "mul": lambda x, y, z, c: x * y,
    "square": lambda x, y, z, c: x * x,
    "div": lambda x, y, z, c: x / y if abs(y.data) > 0.1 else x - y,
    "pow": lambda x, y, z, c: (x * x + 1) ** y,
    "plus constant": lambda x, y, z, c: x + c,
    "from constant": lambda x, y, z, c: c - x,
    "times constant": lambda x, y, z, c: c * x,
    "through constant": lambda x, y, z, c: x / c if c else x,
    "to the third": lambda x, y, z, c: x**3,
    "neg": lambda x, y, z, c: -x,
    "abs": lambda x, y, z, c: abs(x),
    "relu": lambda x, y, z, c: x.relu(),
    "tanh": lambda x, y, z, c: x.tanh(),
    "sigmoid": lambda x, y, z, c: x.sigmoid(),
    "sin": lambda x, y, z, c: x.sin(),
    "exp": lambda x, y, z, c: x.exp() if x.data < 4 else x.cos(),
    "sqrt": lambda x, y, z, c: x.sqrt() if x.data > 0.1 else x.atan(),
    "log": lambda x, y, z, c: x.log() if x.data > 0.1 else x.softplus(),
    "maximum": lambda x, y, z, c: x.maximum(y),
    "leaky": lambda x, y, z, c: x.leaky_relu(0.1),
    "clamp": lambda x, y, z, c: x.clamp(-1, 2),
    "dot": lambda x, y, z, c: dot([x, y], [z, c], x),
    "sum": lambda x, y, z, c: total([x, y, z, x]),
    "logsumexp": lambda x, y, z, c: logsumexp([x, y, z]),
}


@st.composite
def expressions(draw, most=8, leaves=4, numbers=None):
    """The root of a random program over leaves a, b, c and u: any operand may be any earlier node, more than once."""
    numbers = numbers or st.one_of(st.sampled_from([0.0, 1.0, -2.0, 3.0]), st.floats(-3, 3, width=32))
    count = draw(st.integers(1, leaves))
    nodes = [Value(draw(numbers), name) for name in "abcu"[:count]]
    for _ in range(draw(st.integers(1, most))):
        operands = [nodes[-1 - draw(st.integers(0, len(nodes) - 1))] for _ in range(3)]
        made = OPERATIONS[draw(st.sampled_from(sorted(OPERATIONS)))](*operands, draw(st.sampled_from(CONSTANTS)))
        if abs(made.data) < 50:
            nodes.append(made)
    return nodes[-1]


def bits(root):
    return [node.grad.hex() if node.has_grad else None for node in topological_order(root)]


def edges_into(root):
    return Counter(parent for node in topological_order(root) for parent in node.parents)


# The numbers.


@settings(deadline=None, max_examples=50)
@given(expressions(), st.integers(0, 2))
def test_after_the_last_step_the_gradients_are_those_of_backward(root, calls_before):
    for _ in range(calls_before):
        root.backward()
    other = copy.deepcopy(root)
    other.backward()
    list(root.backward_steps())
    assert bits(root) == bits(other)


@settings(deadline=None, max_examples=50)
@given(expressions(), st.booleans())
def test_while_stepping_the_gradients_are_those_so_far(root, before):
    order = topological_order(root)
    if before:
        root.backward()
    had = {node: node.grad or 0.0 for node in order if not node.parents}
    expected = {node: had.get(node, 0.0) for node in order}
    expected[root] += 1.0
    for step in root.backward_steps():
        expected[step.parent] = step.total + had.get(step.parent, 0.0)
        assert {node: node.grad for node in order} == expected


@settings(deadline=None, max_examples=50)
@given(expressions())
def test_every_prefix_is_consistent(root):
    expected, received, totals = edges_into(root), Counter(), Counter({root: 1.0})
    for step in root.backward_steps():
        assert step.parent is step.node.parents[step.operand]
        assert received[step.node] == expected[step.node], "who sends has received all"
        assert step.upstream == totals[step.node]
        assert step.local == step.node.local_gradients()[step.operand]
        assert step.product == step.upstream * step.local
        assert step.before == totals[step.parent]
        assert step.total == step.before + step.product
        received[step.parent] += 1
        totals[step.parent] = step.total
        assert (step.received, step.expected) == (received[step.parent], expected[step.parent])
    assert received == expected, "as many steps as edges, and each edge once"


@settings(deadline=None, max_examples=50)
@given(expressions(), st.data())
def test_an_abandoned_generator_leaves_the_gradients_of_its_last_step(root, data):
    everything = list(copy.deepcopy(root).backward_steps())
    assume(everything)
    count = data.draw(st.integers(1, len(everything)))
    steps = root.backward_steps()
    seen = {root: 1.0} | {step.parent: step.total for _, step in zip(range(count), steps)}
    steps.close()
    assert {node: node.grad for node in topological_order(root)} == {
        node: seen.get(node, 0.0) for node in topological_order(root)
    }


def test_nothing_changes_before_the_first_step_is_asked_for():
    a = Value(3.0)
    y = a * a
    y.backward_steps()
    assert (a.has_grad, y.has_grad) == (False, False)


def products_of_paths(node, leaf):
    """The product of the local gradients along every path down to the leaf."""
    if node is leaf:
        return [1.0]
    pairs = zip(node.parents, node.local_gradients())
    return [local * rest for parent, local in pairs for rest in products_of_paths(parent, leaf)]


@settings(deadline=None, max_examples=50)
@given(expressions(most=6))
def test_a_gradient_is_the_sum_of_the_products_of_all_paths(root):
    list(root.backward_steps())
    for leaf in topological_order(root):
        if not leaf.parents:
            products = products_of_paths(root, leaf)
            assert math.isclose(
                leaf.grad, math.fsum(products), rel_tol=1e-9, abs_tol=1e-12 * math.fsum(map(abs, products))
            )


def test_where_nothing_arrives_nothing_is_passed_on_even_through_an_infinite_slope():
    x = Value(0.0, "x")
    step = list((x.sqrt() - 5).relu().backward_steps())[-1]
    assert (step.parent, step.upstream, step.local, step.product, x.grad) == (x, 0.0, math.inf, 0.0, 0.0)
    assert str(step).endswith("= 0 · inf = 0   (x has 1 of 1 contribution)")


def test_an_infinite_slope_is_told_where_something_arrives():
    x = Value(0.0, "x")
    (step,) = x.sqrt().backward_steps()
    assert (step.product, x.grad) == (math.inf, math.inf)


def test_a_leaf_alone_has_no_steps_and_the_gradient_one():
    x = Value(2.0)
    x.backward()
    assert (list(x.backward_steps()), x.grad) == ([], 2.0)


def test_a_long_chain_is_stepped_through():
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y + 0.5
    assert sum(1 for step in y.backward_steps()) == 40_000
    assert x.grad == 1.0


@settings(deadline=None, max_examples=50)
@given(expressions())
def test_forward_steps_list_every_operation_once_and_after_its_operands(root):
    known = {node for node in topological_order(root) if not node.parents}
    for step in root.forward_steps():
        assert step.node not in known
        assert known.issuperset(step.node.parents)
        assert step.value == step.node.data == step.node.rule.evaluate(*step.operands)
        assert step.operands == tuple(parent.data for parent in step.node.parents)
        known.add(step.node)
    assert known == set(topological_order(root))


def test_a_rule_with_a_partial_too_few_is_told_before_anything_changes():
    broken = Rule("broken", lambda *xs: sum(xs), lambda z, *xs: (1.0, 1.0))
    a = Value(1.0, "a")
    with pytest.raises(TypeError, match="must be a tuple of 3, one for each operand"):
        broken(a, a, a).backward_steps()
    assert not a.has_grad


# A leaf changed after the forward pass.


@pytest.mark.parametrize("steps", [Value.backward_steps, Value.forward_steps])
def test_a_leaf_changed_after_forward_raises_before_the_first_step(steps):
    w = Value(2.0, "w")
    y = w * 3
    w.data = 5.0
    with pytest.raises(RuntimeError, match=r"w = 5.0 was changed after the forward pass"):
        steps(y)
    assert (w.has_grad, y.has_grad) == (False, False)


# The text.


def test_a_step_reads_as_on_the_board():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    c = a * b
    e = a + 1
    L = e + c * 2
    printed = [str(step) for step in L.backward_steps(names=locals())]
    assert "∂L/∂a += ∂L/∂c · ∂c/∂a = 2 · 3 = 6   (a has 1 of 2 contributions)" in printed
    assert printed[-2:] == [
        "∂L/∂a += ∂L/∂e · ∂e/∂a = 1 · 1 = 1   (a has 2 of 2 contributions)",
        "∂L/∂1 += ∂L/∂e · ∂e/∂1 = 1 · 1 = 1   (1 has 1 of 1 contribution)",
    ]


def test_negative_numbers_stand_in_brackets_behind_a_sign():
    a, b = Value(-2.0, "a"), Value(-3.0, "b")
    c = a * b
    L = c * -4
    assert [str(step) for step in L.forward_steps(names=locals())] == [
        "c = a * b = (-2) * (-3) = 6",
        "L = c * (-4) = 6 * (-4) = -24",
    ]
    assert [str(step) for step in L.backward_steps(names=locals())] == [
        "∂L/∂c += ∂L/∂L · ∂L/∂c = 1 · (-4) = -4   (c has 1 of 1 contribution)",
        "∂L/∂(-4) += ∂L/∂L · ∂L/∂(-4) = 1 · 6 = 6   ((-4) has 1 of 1 contribution)",
        "∂L/∂a += ∂L/∂c · ∂c/∂a = -4 · (-3) = 12   (a has 1 of 1 contribution)",
        "∂L/∂b += ∂L/∂c · ∂c/∂b = -4 · (-2) = 8   (b has 1 of 1 contribution)",
    ]


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda a: a.relu(), "y = relu(a) = relu(-2) = 0"),
        (lambda a: a**2, "y = a**2 = (-2)**2 = 4"),
        (lambda a: a**-1, "y = a**-1 = (-2)**-1 = -0.5"),
        (lambda a: -a, "y = -a = -(-2) = 2"),
        (lambda a: abs(a), "y = abs(a) = abs(-2) = 2"),
        (lambda a: 2**a, "y = 2 ** a = 2 ** (-2) = 0.25"),
        (lambda a: 1 - a, "y = 1 - a = 1 - (-2) = 3"),
        (lambda a: a / -4, "y = a / (-4) = (-2) / (-4) = 0.5"),
        (lambda a: a.maximum(-3), "y = max(a, -3) = max(-2, -3) = -2"),
        (lambda a: total([a, -3.0, a]), "y = sum(a, -3, a) = sum(-2, -3, -2) = -7"),
        (lambda a: a.clamp(-1, 1), "y = clamp(a, -1, 1) = clamp(-2, -1, 1) = -1"),
        (lambda a: a.leaky_relu(0.1), "y = leaky_relu(a, 0.1) = leaky_relu(-2, 0.1) = -0.2"),
        (lambda a: softmax([a, 3])[1], "y = softmax(a, 3)[1] = softmax(-2, 3)[1] = 0.9933"),
        (lambda a: select([3, a], 1), "y = a = (-2) = -2"),
        (lambda a: a * (1 / 3), "y = a * 0.3333 = (-2) * 0.3333 = -0.6667"),
    ],
)
def test_an_operation_reads_as_python(f, text):
    a = Value(-2.0, "a")
    y = f(a)
    assert [str(step) for step in y.forward_steps(names={"y": y})] == [text]


# The lines.


def test_every_step_knows_the_line_of_the_users_code():
    with record_lines():
        a = Value(2.0, "a")
        b, number = a * 3, sys._getframe().f_lineno
        c = b.tanh()
    lines = [step.line for step in c.forward_steps()]
    assert [(line.file, line.number, line.text) for line in lines] == [
        (__file__, number, "b, number = a * 3, sys._getframe().f_lineno"),
        (__file__, number + 1, "c = b.tanh()"),
    ]
    assert [step.line.number for step in c.backward_steps()] == [number + 1, number, number]


def test_nodes_made_inside_nn_know_the_users_line_too():
    model = MLP(2, [3, 1])
    with record_lines():
        loss, number = mse_loss([model([1.0, 2.0])], [1.0]), sys._getframe().f_lineno
    assert {(step.line.file, step.line.number) for step in loss.forward_steps()} == {(__file__, number)}


@pytest.mark.parametrize("asked", [False, True])
def test_nothing_is_recorded_unless_asked(asked):
    known = len(source_lines)
    if asked:
        with record_lines(), detect_anomaly():
            pass
    y = Value(2.0) * 3 + MLP(1, [1])([1.0])
    assert len(source_lines) <= known
    assert not any(node in source_lines for node in topological_order(y))
    assert {step.line for step in y.forward_steps()} == {None}
    assert {step.line for step in y.backward_steps()} == {None}


def test_lines_are_forgotten_with_their_nodes():
    with record_lines():
        y = Value(2.0) * 3
    known = len(source_lines)
    del y
    assert len(source_lines) == known - 1


def test_no_slope_is_asked_for_where_nothing_is_passed_on():
    fussy = Rule("fussy", lambda x: x, lambda z, x: (1 / math.sqrt(x),))
    x = Value(-1.0, "x")
    root = fussy(x) * 0
    (step,) = [step for step in root.backward_steps() if step.parent is x]
    assert (step.product, x.grad) == (0.0, 0.0)
    assert play(root).graph["locals"][1] == ["nan"]
