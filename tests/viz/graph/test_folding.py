"""Graphs with modules: which node is part of which, and what is left when modules are closed."""

import random
from math import hypot

import numpy as np
import pytest

from engine import Value
from engine.graph import topological_order
from nn import MLP, Neuron, mse_loss
from tests.viz.graph.test_dot import HOSTILE
from viz.graph import folding
from viz.graph.dot import draw_dot
from viz.graph.folding import Cluster, expanded_to, module_paths
from viz.graph.picture import collapsed_edges, picture


def network(fused=True, activation="relu", decay=0.0, sizes=(3, 2, 1)):
    model = MLP(2, list(sizes), activation=activation, fused=fused, rng=random.Random(0))
    loss = mse_loss([model([1.0, -2.0])], [0.5])
    if decay:
        loss = loss + decay * sum(p * p for p in model.parameters())
    return model, loss


def folded(root, depth):
    order = topological_order(root)
    return folding.collapse(order, module_paths(order), expanded_to(depth))


def names(vertices):
    return [part.name for part in vertices if isinstance(part, Cluster)]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "linear", lambda x: x.tanh() * 2 + 1])
def test_every_operation_of_a_neuron_is_part_of_it(fused, activation):
    model, loss = network(fused, activation)
    order = topological_order(loss)
    paths = module_paths(order)
    for i, layer in enumerate(model.layers):
        for j, neuron in enumerate(layer.neurons):
            whole = (f"L{i}", f"n{j}")
            own = {node for node, path in paths.items() if path[:2] == whole and node.role != "constant"}
            many = len(neuron.parameters()) >= folding.MIN_PARAMETERS
            assert {paths[p] for p in neuron.parameters()} == {(*whole, "parameters") if many else whole}
            assert set(neuron.parameters()) <= own
            outputs = [node for node in own if node.label == neuron.label]
            assert len(outputs) == 1
            linear = activation == "linear" or i == 2
            steps = 0 if linear else 1 if isinstance(activation, str) else 3
            assert len(own) - len(neuron.w) - 1 == (1 if fused else 2 * len(neuron.w)) + steps
    assert {node.op for node in order if node not in paths} <= {"-", "mean", "**2", "+", "*", ""}
    assert loss not in paths
    constants = [node for node in order if node.role == "constant" and node in paths]
    assert len(constants) == (0 if isinstance(activation, str) else 2 * sum(len(x.neurons) for x in model.layers[:-1]))


@pytest.mark.parametrize("fused", [True, False])
def test_each_depth_shows_what_it_says(fused):
    model, loss = network(fused)
    order = topological_order(loss)
    assert names(folded(loss, 0)[0]) == [""]
    assert sorted(names(folded(loss, 1)[0])) == ["L0", "L1", "L2"]
    neurons = [neuron.label for layer in model.layers for neuron in layer.neurons]
    assert sorted(names(folded(loss, 2)[0])) == sorted(neurons)
    boxes = {f"{neuron.label}.parameters" for layer in model.layers for neuron in layer.neurons if len(neuron.w) > 1}
    assert set(names(folded(loss, 3)[0])) == boxes
    assert {node for node in folded(loss, 3)[0] if node in order} >= {node for node in order if node.rule}
    assert set(folded(loss, 4)[0]) == set(folded(loss, None)[0]) == set(order)


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("decay", [0.0, 1e-4])
@pytest.mark.parametrize("fused", [True, False])
def test_every_node_is_in_one_box_and_boxes_stand_in_order(fused, decay, depth):
    _, loss = network(fused, decay=decay)
    order = topological_order(loss)
    vertices, vertex_of = folded(loss, depth)
    members = [node for part in vertices for node in (part.nodes if isinstance(part, Cluster) else [part])]
    assert sorted(map(id, members)) == sorted(map(id, order))
    assert set(vertex_of) == set(order)
    place = {part: i for i, part in enumerate(vertices)}
    for node in order:
        for parent in node.parents:
            assert place[vertex_of[parent]] <= place[vertex_of[node]]
    assert vertex_of[loss] is vertices[-1]
    for part in vertices:
        if isinstance(part, Cluster):
            outside = {parent for node in part.nodes for parent in node.parents} - set(part.nodes)
            assert set(part.inputs) == outside
            used = {parent for node in order if node not in part.nodes for parent in node.parents}
            assert set(part.outputs) == used & set(part.nodes)


def test_the_output_of_a_model_counts_as_one_though_nothing_uses_it():
    model = MLP(2, [3, 2], rng=random.Random(0))
    y = model([1.0, 2.0])[0]
    (group,) = [part for part in folded(y, 0)[0] if isinstance(part, Cluster)]
    assert group.outputs == (y,)
    assert picture(y, depth=0)[0][-1].rows[1].startswith("2 → 1, ")


def test_weight_decay_stays_outside_the_modules():
    model, loss = network(decay=1e-4)
    vertices, vertex_of = folded(loss, 0)
    assert names(vertices) == [""]
    squares = [node for node in topological_order(loss) if node.op == "*" and node.parents[0] is node.parents[1]]
    assert len(squares) == len(model.parameters())
    assert all(vertex_of[square] is square for square in squares)
    (group,) = [part for part in vertices if isinstance(part, Cluster)]
    assert set(group.outputs) >= set(model.parameters())


def test_the_gradient_of_a_module_is_the_length_of_its_parameters_gradients():
    model, loss = network()
    (group,) = [part for part in folded(loss, 0)[0] if isinstance(part, Cluster)]
    assert group.gradient_norm is None
    loss.backward()
    assert group.gradient_norm == hypot(*[p.grad for p in model.parameters()])
    assert set(group.parameters) == set(model.parameters())


def neurons(*labels):
    return [Neuron(1, activation="tanh", label=label, rng=random.Random(0)) for label in labels]


def test_modules_that_use_one_another_are_left_open_and_no_others():
    a, b, c = neurons("a", "b", "c")
    y = c([a([b([a([Value(1.0, "x")])])])])
    order = topological_order(y)
    vertices, vertex_of = folding.collapse(order, module_paths(order), lambda path: path == ())
    assert names(vertices) == ["c"]
    assert all(vertex_of[node] is node for node in order if module_paths(order).get(node) in {("a",), ("b",)})
    assert names(folded(y, 0)[0]) == [""]  # all of them together are in no cycle


def test_a_recurrent_neuron_is_left_open_where_its_output_comes_back():
    cell, out = neurons("cell", "out")
    h = Value(0.0, "h0")
    for _ in range(3):
        h = cell([out([h])])
    vertices, _ = folded(h, 1)
    assert names(vertices) == []
    assert set(vertices) == set(topological_order(h))


def test_a_chain_through_one_module_alone_is_one_box():
    neuron = Neuron(1, activation="tanh", label="cell", rng=random.Random(0))
    twice = neuron([neuron([Value(1.0, "x")])])
    vertices, _ = folded(twice, 0)
    assert names(vertices) == [""]
    assert len(vertices) == 2


def test_dots_in_labels_of_ones_own_make_modules_too():
    w, x = Value(2.0, "house.roof.w", role="parameter"), Value(3.0, "x")
    y = w * x
    order = topological_order(y + 1)
    assert module_paths(order) == {w: ("house", "roof"), y: ("house", "roof")}


@pytest.mark.parametrize("label", ["w.", ".", "..", "3.5.", ""])
def test_a_label_that_ends_in_a_dot_is_no_module(label):
    x = Value(3.0, label)
    assert module_paths(topological_order(x * 2)) == {}


@pytest.mark.parametrize("label", [*HOSTILE, *(f"{label}.w" for label in HOSTILE), "..w", "a..w", ".w", "model.w"])
def test_no_label_breaks_the_folding(label):
    x, w = Value(3.0, "x"), Value(0.5, label, role="parameter")
    y = (x * w + w).tanh() * 2
    for depth in (0, 1, 2, None):
        vertices, vertex_of = folded(y, depth)
        assert set(vertex_of) == set(topological_order(y))
        assert all(link.tail in vertices and link.head in vertices for link in collapsed_edges(vertices, vertex_of))


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("fused", [True, False])
def test_links_count_every_use(fused, depth):
    _, loss = network(fused, decay=1e-3)
    vertices, vertex_of = folded(loss, depth)
    found = collapsed_edges(vertices, vertex_of)
    assert {(link.tail, link.head) for link in found} == {
        (vertex_of[parent], vertex_of[node])
        for node in topological_order(loss)
        for parent in node.parents
        if vertex_of[parent] is not vertex_of[node]
    }
    for link in found:
        if link.operand is not None:
            assert link.head.parents[link.operand] is link.tail
            assert link.values == 1
        else:
            heads = link.head.nodes if isinstance(link.head, Cluster) else [link.head]
            uses = [parent for node in heads for parent in node.parents if vertex_of[parent] is link.tail]
            assert link.values == (len(set(uses)) if isinstance(link.head, Cluster) else len(uses))


def test_two_uses_of_one_value_are_two_links():
    x = Value(3.0, "x")
    vertices, vertex_of = folded(x * x, None)
    assert [(link.tail, link.operand) for link in collapsed_edges(vertices, vertex_of)] == [(x, 0), (x, 1)]


@pytest.mark.parametrize("difference", [lambda y: y - 1, lambda y: 1 - y])
def test_links_are_in_the_order_of_the_operands_also_from_a_module(difference):
    root = difference(MLP(2, [2, 1], rng=random.Random(0))([1.0, -2.0]))
    vertices, vertex_of = folded(root, 0)
    tails = [link.tail for link in collapsed_edges(vertices, vertex_of) if link.head is root]
    assert tails == [vertex_of[parent] for parent in root.parents]
    assert any(isinstance(tail, Cluster) for tail in tails)


def test_the_deepest_view_that_fits_is_found():
    _, loss = network(sizes=(16, 16, 1))
    order = topological_order(loss)
    paths = module_paths(order)
    for most in (1, 5, 8, 20, 50, 300, 1000):
        depth = folding.deepest_that_fits(order, paths, most)
        if depth == -1:
            assert len(folding.collapse(order, paths, expanded_to(0))[0]) > most
        else:
            assert len(folding.collapse(order, paths, expanded_to(depth))[0]) <= most
            assert depth is None or len(folding.collapse(order, paths, expanded_to(depth + 1))[0]) > most


def test_a_deep_chain_is_folded_without_recursion():
    neuron = Neuron(1, label="n", rng=random.Random(0))
    y = neuron([1.0])
    for _ in range(20_000):
        y = y + 1
    assert names(folded(y, 0)[0]) == [""]


def test_an_arrow_tells_how_many_values_only_where_the_box_does_not():
    _, arrows = picture(network(sizes=(4, 3, 1))[1], depth=3)
    assert {arrow.label for arrow in arrows} == {""}  # "5 parameters" says it
    _, arrows = picture(network(sizes=(4, 3, 1))[1], depth=1)
    assert [arrow.label for arrow in arrows if arrow.label] == ["4 values", "3 values"]


def test_a_depth_may_be_numpys():
    root, one = MLP(2, [2, 1])([1.0, 2.0]), np.int64(1)
    assert draw_dot(root, depth=one).source == draw_dot(root, depth=1).source
    for wrong in (True, 1.0, "1", np.int64(-1)):
        with pytest.raises(ValueError, match=r"depth must be a whole number, 0 .* or more, got"):
            draw_dot(root, depth=wrong)
