"""The backward pass in any order: what FACTS says goes wrong does, and a topological order is always right."""

import itertools
import math
import re

import pytest
from hypothesis import given, settings

from engine import Value, gradients
from engine.graph import topological_order
from tests.engine.test_steps import expressions
from viz import backward_in_order
from viz.formulas.orders import ORDERS


def shared():
    a = Value(2.0, "a")
    b = a * 3
    v1 = b * 2
    e = v1 + b
    for node, label in ((b, "b"), (v1, "v1"), (e, "e")):
        node.label = label
    return a, b, v1, e


def state(root):
    return [(node.data, node.grad) for node in topological_order(root)]


def leaves(root):
    return [node for node in topological_order(root) if not node.parents and node.role != "constant"]


def recursive_gradients(root):
    """Backward as a beginner writes it: add to every operand, and go on into it with all that it has by now."""
    grad = dict.fromkeys(topological_order(root), 0.0)
    grad[root] = 1.0

    def visit(node):
        for parent, local in zip(node.parents, node.local_gradients()):
            grad[parent] += grad[node] * local
        for parent in node.parents:
            visit(parent)

    visit(root)
    return grad


def single_gradients(root, order):
    """Each node of the order passes on once what it has by then."""
    grad = dict.fromkeys(topological_order(root), 0.0)
    grad[root] = 1.0
    for node in order:
        for parent, local in zip(node.parents, node.local_gradients()):
            grad[parent] += grad[node] * local
    return grad


def test_naive_recursion_gives_18_where_9_is_right():
    a, b, _, e = shared()
    report = backward_in_order(e, "naive recursion")
    assert report.gradients == {a: (18.0, 9.0)}
    assert not report.right
    assert report.again == [b]
    assert report.missing == []
    text = str(report)
    assert re.search(r"^∂e/∂a +18  ✗ +9$", text, re.MULTILINE)
    assert "✗ b fired 2 times, and passed on again what it had already passed on." in text


def test_nodes_in_a_list_fire_in_that_order():
    a, b, v1, e = shared()
    report = backward_in_order(e, [e, b, v1])
    assert report.gradients == {a: (3.0, 9.0)}
    assert (report.early, report.again, report.missing, report.smallest) == ({b: (1, 2)}, [], [], v1)
    assert str(report).splitlines() == [
        "The backward pass of e, in the order given:",
        "node  fires            passes on",
        "e     first            1 to v1, 1 to b",
        "b     after 1 of 2  ✗  3 to a",
        "v1    after 1 of 1     2 to b",
        "✗ b fired before its gradient was complete: after 1 of 2.",
        "gradient  in this order  true",
        "∂e/∂a     3  ✗           9",
        "The smallest expression for which this order goes wrong:",
        "b  = a * 3",
        "v1 = b * 2",
        "∂v1/∂a is 0 in this order; the true value is 6.",
    ]
    right = backward_in_order(e, [e, v1, b])
    assert right.right
    assert right.smallest is None
    assert str(right).splitlines()[-1].startswith("✓ Every node fired once, after all nodes that use it")


def test_a_node_that_never_fires_is_missed():
    a, b, v1, e = shared()
    report = backward_in_order(e, [e, b])
    assert report.missing == [v1]
    assert report.gradients == {a: (3.0, 9.0)}
    assert "✗ v1 never fired." in str(report)
    assert backward_in_order(e, []).gradients == {a: (0.0, 9.0)}


def test_breadth_first_is_wrong_where_a_node_is_near_and_far():
    a, b, _, e = shared()
    report = backward_in_order(e, "breadth-first")
    assert report.gradients == {a: (9.0, 9.0)}, "b fires after v1, as it happens"
    x = Value(2.0, "x")
    y = x * x
    top = y + (y * 3) * 2
    assert backward_in_order(top, "breadth-first").gradients == {x: (4.0, 28.0)}
    assert "✓ Here every gradient happens to be right." in str(backward_in_order(e, "breadth-first"))
    assert not a.has_grad
    assert not b.has_grad


def test_depth_first_is_wrong_where_the_first_operand_is_needed_later():
    x = Value(2.0, "x")
    y = x * x
    assert backward_in_order(y + y * 3, "depth-first").gradients == {x: (4.0, 16.0)}


@settings(deadline=None, max_examples=40)
@given(expressions(most=6))
def test_a_topological_order_is_always_right(root):
    before = state(root)
    report = backward_in_order(root, "topological")
    assert report.right
    assert (report.early, report.again, report.missing, report.smallest) == ({}, [], [], None)
    for leaf, pair in report.gradients.items():
        assert pair == (gradients(root, [leaf])[0],) * 2
    assert state(root) == before


@settings(deadline=None, max_examples=15)
@given(expressions(most=5))
def test_a_listed_order_gives_what_a_plain_loop_gives(root):
    nodes = [node for node in topological_order(root) if node.parents]
    for order in (nodes, nodes[::-1]):
        grad = single_gradients(root, order)
        report = backward_in_order(root, order)
        assert {leaf: pair[0] for leaf, pair in report.gradients.items()} == {x: grad[x] for x in leaves(root)}
        assert report.right == all(math.isclose(x, y, rel_tol=1e-9) for x, y in report.gradients.values())


def test_naive_recursion_is_what_a_beginner_writes():
    a = Value(2.0, "a")
    for root in (a * a, (a * a) * a, (y := a * a) + y, (y := a + a) * y + y):
        # A beginner's node goes on with all it has, so what it was given before is passed on again.
        assert backward_in_order(root, "naive recursion").gradients[a][0] == pytest.approx(recursive_gradients(root)[a])


def test_the_order_may_be_a_function():
    a, *_, e = shared()
    assert backward_in_order(e, lambda root: topological_order(root)[::-1]).right
    wrong = backward_in_order(e, topological_order)  # operands first
    assert wrong.gradients == {a: (0.0, 9.0)}
    assert wrong.smallest is not None


# The smallest expression where it goes wrong.


def programs(count):
    """Every expression of so many additions and multiplications over one leaf, each node used."""
    ways = [itertools.product(("+", "*"), range(i + 1), range(i + 1)) for i in range(count)]
    for program in itertools.product(*ways):
        nodes = [Value(2.0, "a")]
        for sign, i, j in program:
            nodes.append(nodes[i] + nodes[j] if sign == "+" else nodes[i] * nodes[j])
        if len(topological_order(nodes[-1])) == len(nodes):
            yield nodes[-1]


@pytest.mark.parametrize("name", ["naive recursion", "breadth-first", "depth-first"])
def test_the_smallest_expression_goes_wrong_and_no_smaller_one_does(name):
    *_, e = shared()
    smallest = backward_in_order(e, name).smallest
    (leaf,) = leaves(smallest)
    size = sum(1 for node in topological_order(smallest) if node.parents)

    def gradient(root):
        return single_gradients(root, ORDERS[name](root))[topological_order(root)[0]]

    assert gradient(smallest) != gradients(smallest, [leaf])[0]
    for count in range(1, size):
        for root in programs(count):
            assert gradient(root) == gradients(root, [topological_order(root)[0]])[0]


def test_no_expression_goes_wrong_in_topological_order():
    for count in (1, 2, 3):
        for root in programs(count):
            order = ORDERS["topological"](root)
            leaf = order[-1]
            assert single_gradients(root, order)[leaf] == gradients(root, [leaf])[0]


def test_the_smallest_part_of_a_larger_graph_is_found():
    a, *_, e = shared()
    top = (e.tanh() * a + 1) * 2
    report = backward_in_order(top, ORDERS["breadth-first"](top))
    assert report.right
    assert report.smallest is None
    y = a * a
    low = y + y * 3 * 2
    top = (low.sin() * a + 1) * 2
    order = ORDERS["breadth-first"](top)

    def wrong(root):
        grad = single_gradients(root, [node for node in order if node in set(topological_order(root))])
        return not math.isclose(grad[a], gradients(root, [a])[0])

    parts = [node for node in topological_order(top) if node.parents and wrong(node)]
    sizes = {node: len(topological_order(node)) for node in parts}
    assert sizes[backward_in_order(top, order).smallest] == min(sizes.values()) < sizes[top]


def test_a_leaf_alone_has_the_gradient_one():
    a = Value(2.0, "a")
    assert [backward_in_order(a, name).gradients for name in ORDERS] == [{a: (1.0, 1.0)}] * 4


# Errors.


def test_unknown_orders_strangers_and_things_that_are_no_values_are_refused():
    *_, e = shared()
    with pytest.raises(ValueError, match="unknown order 'bfs'; choose one of 'naive recursion', 'breadth-first', "):
        backward_in_order(e, "bfs")
    with pytest.raises(ValueError, match=re.escape("the loss does not depend on Value(data=1.0, grad=—, label='q')")):
        backward_in_order(e, [e, Value(1.0, "q")])
    with pytest.raises(TypeError, match="an order is a list of Values, got int 3"):
        backward_in_order(e, [e, 3])
    with pytest.raises(TypeError, match=re.escape("expected a Value, got float 3.0")):
        backward_in_order(3.0, "topological")


def test_a_changed_leaf_is_refused():
    a, *_, e = shared()
    a.data = 3.0
    with pytest.raises(RuntimeError, match=r"a = 3\.0 was changed after the forward pass"):
        backward_in_order(e, "topological")


def test_graphs_with_too_many_paths_are_refused_by_naive_recursion_alone():
    x = a = Value(1.0, "a")
    for _ in range(40):
        x = x + x
    with pytest.raises(ValueError, match=r"which here is more than 10,000 times; use a smaller graph"):
        backward_in_order(x, "naive recursion")
    for name in ("breadth-first", "depth-first", "topological"):
        assert backward_in_order(x, name).gradients == {a: (2.0**40, 2.0**40)}


@pytest.mark.parametrize("order", [*ORDERS, lambda root: [root]])
def test_the_graph_is_left_as_it_was(order):
    *_, e = shared()
    e.backward()
    before = state(e)
    backward_in_order(e, order)
    assert state(e) == before


def test_variables_name_the_nodes():
    a = Value(2.0)
    b = a * 3
    e = b * 2 + b
    assert "∂e/∂a" in str(backward_in_order(e, "naive recursion", names=locals()))
