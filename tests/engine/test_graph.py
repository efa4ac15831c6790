"""The walk: every node once, after its operands, in the same order every time."""

import random

from engine import Value
from engine import sum as total
from engine.graph import chain_rule, topological_order


def test_every_node_comes_once_and_after_its_operands():
    rng = random.Random(0)
    nodes = [Value(1.0) for _ in range(5)]
    for _ in range(300):
        x, y = rng.choice(nodes), rng.choice(nodes)
        make = rng.choice(
            [lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x.tanh(), lambda x, y: total([x, y, x])]
        )
        nodes.append(make(x, y))
    order = topological_order(nodes[-1])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is nodes[-1]
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


def test_operands_are_visited_from_left_to_right():
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    order = topological_order(a * b + c * a)
    assert [node.label or node.op for node in order] == ["a", "b", "*", "c", "*", "+"]


def test_the_chain_rule_needs_the_order():
    a = Value(2.0)
    b = a * 3
    e = b * 2 + b

    def gradient_in(order):
        for node in order:
            node.grad = 0.0
        e.grad = 1.0
        chain_rule(order, lambda node: zip(node.parents, node.local_gradients()))
        return a.grad

    order = topological_order(e)
    assert gradient_in(order) == 9.0
    early = [node for node in order if node is not b]
    early.insert(-1, b)  # b passes on what it has before its other use has reached it
    assert gradient_in(early) == 3.0
