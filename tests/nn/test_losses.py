"""The losses against PyTorch's numbers, and what they refuse."""

import json
from math import isnan

import numpy as np
import pytest

import nn
from engine import Value, compile
from engine.graph import topological_order
from engine.utils.nested import tree_leaves, tree_map
from nn import (
    SGD,
    Adam,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mse_loss,
)
from tests.paths import DATA

TORCH = json.loads((DATA / "torch_nn.json").read_text())
ROWS = json.loads((DATA / "torch_schedules.json").read_text())


@pytest.mark.parametrize("name", TORCH["losses"])
def test_losses_and_their_gradients_are_pytorchs(name):
    expected = TORCH["losses"][name]
    outputs = [Value(x) for x in TORCH["outputs"]]
    loss = getattr(nn, name)(outputs, expected["targets"])
    loss.backward()
    assert loss.data == pytest.approx(expected["loss"], rel=1e-12)
    # PyTorch's sigmoid(40) - 1 is 0 where the slope is -4e-18
    assert [x.grad for x in outputs] == pytest.approx(expected["grad"], rel=1e-12, abs=1e-17)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", TORCH["weighted"])
def test_weighted_losses_and_their_gradients_are_pytorchs(name, compiled):
    expected, outputs = TORCH["weighted"][name], [Value(x) for x in TORCH["outputs"]]

    def loss(outputs, targets, weight):
        return getattr(nn, name)(outputs, targets, weight=weight)

    given = (compile(loss) if compiled else loss)(outputs, expected["targets"], TORCH["weight"])
    given.backward()
    assert given.data == pytest.approx(expected["loss"], rel=1e-12)
    assert [x.grad for x in outputs] == pytest.approx(expected["grad"], rel=1e-12, abs=1e-17)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], r"takes a weight for each output, .* of shape \[2\] and weights of shape \[1\]"),
        ([1.0, -1.0], "each weight must be at least 0, got -1.0"),
        ([0, 0.0], "mse_loss takes at least one weight above 0, got none"),
    ],
)
def test_weights_that_do_not_fit_are_told(weight, message):
    with pytest.raises(ValueError, match=message):
        mse_loss([Value(1.0), Value(2.0)], [0.0, 0.0], weight=weight)


def rows_of_values():
    return [[Value(x) for x in row] for row in ROWS["outputs"]]


@pytest.mark.parametrize("name", ROWS["losses"])
def test_losses_of_rows_and_penalties_are_pytorchs(name):
    rows = rows_of_values()
    loss = getattr(nn, name)(rows, *([] if "penalty" in name else [ROWS["targets"]]))
    loss.backward()
    assert loss.data == pytest.approx(ROWS["losses"][name]["loss"], rel=1e-14)
    assert [[x.grad for x in row] for row in rows] == [pytest.approx(row) for row in ROWS["losses"][name]["grad"]]


def test_a_penalty_of_squares_is_one_node():
    penalty = l2_penalty(rows_of_values())
    assert [node.rule is not None for node in topological_order(penalty)].count(True) == 1


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_half_the_penalty_of_squares_is_weight_decay(optimizer):
    results = []
    for decay in (True, False):
        w = [Value(2.0), Value(-3.0)]
        steps = optimizer(w, lr=0.1, weight_decay=0.3 if decay else 0.0)
        for _ in range(3):
            steps.zero_grad()
            loss = (w[0] * w[1] - 1) ** 2
            (loss if decay else loss + 0.5 * 0.3 * l2_penalty(w)).backward()
            steps.step()
        results.append([p.data for p in w])
    assert results[0] == pytest.approx(results[1], rel=1e-12)


def test_a_penalty_of_a_parameter_that_is_0_has_the_slope_0():
    w = Value(0.0)
    (l1_penalty([w]) + l2_penalty([w])).backward()
    assert w.grad == 0.0


TARGETS = {  # a target for each of two rows of one output
    "mse_loss": [0.5, -1.0],
    "l1_loss": [0.5, -1.0],
    "hinge_loss": [1, -1],
    "binary_cross_entropy_with_logits": [1, 0.25],
}


@pytest.mark.parametrize("name", TARGETS)
def test_rows_of_one_output_are_paired_with_plain_targets(name):
    loss, targets = getattr(nn, name), TARGETS[name]
    flat = loss([Value(0.25), Value(2.0)], targets).data
    assert loss([[Value(0.25)], [Value(2.0)]], targets).data == flat
    assert loss([[Value(0.25)], [Value(2.0)]], [[t] for t in targets]).data == flat
    assert loss([Value(0.25), Value(2.0)], [Value(t) for t in targets]).data == pytest.approx(flat, rel=1e-15)


@pytest.mark.parametrize("name", [*TARGETS, "cross_entropy"])
def test_compiled_losses_with_targets_as_values_are_the_plain_ones(name):
    pytest.importorskip("numba", reason="without numba there is no machine code")
    loss = getattr(nn, name)
    targets = TARGETS.get(name, [1, 0])
    w = [Value(0.5, role="parameter"), Value(-1.5, role="parameter")]

    def example(x, target):
        scores = [w[0] * x, w[1] * x]
        return loss(scores, target) if name == "cross_entropy" else loss([scores[0] + w[1]], [target])

    plain = (example(1.0, targets[0]) + example(-2.0, targets[1])) / 2
    plain.backward()
    expected, gradients = plain.data, [p.grad for p in w]
    assert any(gradients)
    fast = compile(example)
    for _ in range(3):
        w[0].grad = w[1].grad = 0.0
        value = fast.mean([1.0, -2.0], targets)
        value.backward()
        assert value.data == pytest.approx(expected, rel=1e-12)
        assert [p.grad for p in w] == pytest.approx(gradients, rel=1e-12)


def test_compiled_penalties_follow_the_parameters():
    pytest.importorskip("numba", reason="without numba there is no machine code")
    w = [Value(0.5, role="parameter"), Value(-1.5, role="parameter")]
    fast = compile(lambda x: x + l1_penalty(w) + l2_penalty(w))
    for data in (-1.5, 2.0, -3.0):
        w[0].grad = w[1].grad = 0.0
        w[1].data = data
        value = fast(1.0)
        value.backward()
        assert value.data == pytest.approx(1.0 + 0.5 + abs(data) + 0.25 + data * data)
        assert [p.grad for p in w] == pytest.approx([2.0, (1 if data > 0 else -1) + 2 * data])


def test_one_example_needs_no_list():
    assert mse_loss(Value(3.0), 1.0).data == 4.0
    assert hinge_loss(Value(0.5), 1).data == 0.5
    assert cross_entropy([Value(0.0)] * 4, 2).data == pytest.approx(1.3862943611198906)


def test_outputs_may_be_rows():
    assert mse_loss([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]], [[1, 2], [3, 6]]).data == 1.0


def test_cross_entropy_of_far_logits_is_finite():
    logits = [Value(1000.0), Value(-1000.0)]
    loss = cross_entropy(logits, 1)
    loss.backward()
    assert (loss.data, logits[0].grad, logits[1].grad) == (2000.0, 1.0, -1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: mse_loss([x], [1, 2]),
            ValueError,
            r"mse_loss takes a target for each .*, got outputs of shape \[1\] and targets of shape \[2\]",
        ),
        (lambda x: mse_loss([], []), ValueError, "mse_loss takes at least one example, got none"),
        (lambda x: l1_loss([x, x], [1]), ValueError, r"got outputs of shape \[2\] and targets of shape \[1\]"),
        (lambda x: l1_loss([], []), ValueError, "l1_loss takes at least one example, got none"),
        (lambda x: l1_penalty([]), ValueError, r"l1_penalty takes at least one parameter.* write model.parameters\(\)"),
        (lambda x: l2_penalty([x, 2.0]), TypeError, r"l2_penalty takes Values, got 2.0; write model.parameters\(\)"),
        (lambda x: l2_penalty(nn.MLP(2, [1])), TypeError, r"l2_penalty takes Values, got MLP.* model.parameters\(\)"),
        (
            lambda x: hinge_loss([x], [0]),
            ValueError,
            r"got 0; if your labels are 0 and 1, write 2 \* y - 1",
        ),
        (lambda x: binary_cross_entropy_with_logits([x], [-1]), ValueError, r"from 0 to 1, got -1; .*\(y \+ 1\) / 2"),
        (
            lambda x: hinge_loss([x], [2 * x]),
            ValueError,
            r"got 2.0; if your labels are 0 and 1, write 2 \* y - 1",
        ),
        (
            lambda x: hinge_loss([-1], [2 * x]),
            ValueError,
            r"got 2.0; the outputs come first: hinge_loss\(outputs, targets",
        ),
        (
            lambda x: hinge_loss(1, x - 1),
            ValueError,
            r"-1 or 1, got 0.0; the outputs come first: hinge_loss\(outputs, targets",
        ),
        (
            lambda x: binary_cross_entropy_with_logits([x], [2 * x]),
            ValueError,
            r"from 0 to 1, got 2.0; if your labels are -1 and 1, wr",
        ),
        (
            lambda x: binary_cross_entropy_with_logits([x], ["yes"]),
            ValueError,
            r"takes targets from 0 to 1, got 'yes'; if your",
        ),
        (
            lambda x: binary_cross_entropy_with_logits([1], [-x]),
            ValueError,
            r"got -1.0; the outputs come first: binary_",
        ),
        (
            lambda x: cross_entropy(1, [x, x]),
            TypeError,
            r"row of logits.*, got 1 as.* write cross_entropy\(logits, targ",
        ),
        (lambda x: cross_entropy(x, 0), TypeError, r"takes a row of logits, one for each class, .* got Value"),
        (lambda x: cross_entropy([x, x], 2), IndexError, "targets from 0 to 1, one for each logit, got 2"),
        (lambda x: cross_entropy([x, x], -1), IndexError, "got -1"),
        (lambda x: cross_entropy([x, x], 0.5), TypeError, r"got 0.5; write int\(y\) for each y.*, or \[1 - y, y\]"),
        (lambda x: cross_entropy([x, x], [0, 1, 1]), ValueError, "a row of logits for each of 3 targets, got a single"),
        (
            lambda x: cross_entropy([[x, x]], [[1, 1]]),
            ValueError,
            r"add up to 1, got \[1, 1\]; .* write binary_cross_ent",
        ),
        (lambda x: cross_entropy([[x, x]], [[1.5, -0.5]]), ValueError, "probabilities from 0 to 1"),
        (lambda x: cross_entropy([[x, x]], [["a", 1]]), ValueError, "probabilities from 0 to 1"),
        (
            lambda x: cross_entropy([[x, x]], [[1]]),
            ValueError,
            "each of 2 classes, got a row of 1; if it holds the ind",
        ),
        (lambda x: cross_entropy([[x, x]], 0), ValueError, "a target for each of 1 rows of logits, got 0"),
        (lambda x: cross_entropy([x, x], "a"), TypeError, "a whole number, or a row of probabilities, got 'a'"),
        (lambda x: cross_entropy([x, x], 0, weight=[1.0]), ValueError, "weight must have one .* of 2 classes, got 1"),
        (lambda x: cross_entropy([x, x], 0, weight=2.0), ValueError, "weight must be a list with a number for each"),
        (
            lambda x: cross_entropy([x, x], 0, weight=[1.0, -1.0]),
            ValueError,
            "each weight must be at least 0, got -1.0",
        ),
        (lambda x: cross_entropy([x, x], 0, ignore_index=0.5), ValueError, "ignore_index must be a whole .*, got 0.5"),
        (
            lambda x: cross_entropy([x, x], [0.5, 0.5], ignore_index=0),
            ValueError,
            "ignore_index is for .* indices, got 0",
        ),
        (
            lambda x: cross_entropy([x, x], 0, label_smoothing=1.5),
            ValueError,
            "label_smoothing must be from 0 to 1, got",
        ),
        (lambda x: cross_entropy([x, x], 0, label_smoothing="0.1"), ValueError, "got '0.1'; write label_smoothing=0.1"),
        (lambda x: cross_entropy([[x, x]], [0, 1]), ValueError, "got 1 outputs and 2 targets"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call(Value(1.0))


def test_outputs_and_targets_may_be_anything_to_iterate_over():
    assert hinge_loss(map(Value, [1.0, 2.0]), iter([1, -1])).data == 1.5
    assert mse_loss([Value(0.0), Value(1.0)], range(2)).data == 0.0


@pytest.mark.parametrize(("loss", "wrong"), [(hinge_loss, 0.0), (binary_cross_entropy_with_logits, -1.0)])
def test_a_wrong_target_is_the_same_error_plain_and_compiled(loss, wrong):
    pytest.importorskip("numba", reason="without numba there is no machine code")
    w = Value(0.5, role="parameter")

    def example(x, target):
        return loss(w * x, target)

    fast = compile(example)
    assert fast.mean([1.0, 2.0], [1.0, 1.0]).data > 0
    for call in (lambda: example(1.0, Value(wrong)), lambda: fast.mean([1.0, 2.0], [1.0, wrong])):
        with pytest.raises(ValueError, match=f"takes targets .*, got {wrong}; if your labels"):
            call()


# Shapes.

OF_PAIRS = ("mse_loss", "l1_loss", "hinge_loss", "binary_cross_entropy_with_logits")


def ones(*sizes):
    return [ones(*sizes[1:]) for _ in range(sizes[0])] if sizes else 1.0


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        ((2, 3), (3, 2)),
        ((2, 1), (1, 2)),
        ((1, 2), (2, 1)),
        ((1, 3), (3,)),
        ((3,), (1, 3)),
        ((6,), (2, 3)),
        ((2, 3), (6,)),
        ((2, 2, 1), (4,)),
        ((2,), (3,)),
        ((), (2,)),
    ],
)
def test_outputs_and_targets_of_other_shapes_are_not_paired(name, outputs, targets):
    shapes = [str(list(shape)).replace("[", r"\[").replace("]", r"\]") for shape in (outputs, targets)]
    message = f"^{name} takes a target .*, got outputs of shape {shapes[0]} and targets of shape {shapes[1]}$"
    for given in (tree_map(Value, ones(*outputs)), np.array(ones(*outputs))):
        with pytest.raises(ValueError, match=message):
            getattr(nn, name)(given, np.array(ones(*targets)))


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize(("outputs", "targets"), [((3, 1), (3,)), ((3,), (3, 1)), ((1,), ()), ((2, 3, 1), (2, 3))])
def test_a_row_of_one_number_counts_as_the_number(name, outputs, targets):
    flat = getattr(nn, name)([Value(1.0)], [1.0]).data
    assert getattr(nn, name)(tree_map(Value, ones(*outputs)), ones(*targets)).data == pytest.approx(flat, rel=1e-15)


def test_rows_of_different_lengths_are_paired_row_by_row():
    outputs = [[Value(1.0), Value(2.0)], [Value(3.0)]]
    assert mse_loss(outputs, [[1.0, 0.0], [3.0]]).data == pytest.approx(4 / 3)
    with pytest.raises(ValueError, match="outputs of shape ragged or empty and targets of shape ragged or empty"):
        mse_loss(outputs, [[1.0], [0.0, 3.0]])


# The options of cross-entropy.


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", TORCH["cross_entropies"])
def test_cross_entropies_with_options_are_pytorchs(name, compiled):
    run = TORCH["cross_entropies"][name]
    logits = tree_map(Value, TORCH["logits"])
    targets = run["targets"]

    def loss(logits, targets):
        return cross_entropy(logits, targets, **run["options"])

    if compiled:
        pytest.importorskip("numba", reason="without numba there is no machine code")
        fast = compile(loss)
        other = [row[::-1] for row in TORCH["logits"]]
        for _ in range(3):  # the recordings are of other numbers, and of other targets
            fast(other, targets[::-1])
        value = fast(logits, targets)
    else:
        value = loss(logits, targets)
    value.backward()
    assert value.data == pytest.approx(run["loss"], rel=1e-12)
    assert [x.grad for row in logits for x in row] == pytest.approx(list(tree_leaves(run["grad"])), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("options", [{}, {"weight": [1.0, 3.0]}, {"label_smoothing": 0.1}])
def test_a_single_example_is_a_batch_of_one(options):
    row = [Value(0.5), Value(-1.0)]
    for target in (1, 0.0, [0.25, 0.75]):
        single, batch = cross_entropy(row, target, **options), cross_entropy([row], [target], **options)
        assert single.data == batch.data
        fast = compile(lambda logits, y: cross_entropy(logits, y, **options))
        assert fast([0.5, -1.0], target).data == pytest.approx(single.data, rel=1e-12)


def test_if_all_targets_are_ignored_the_loss_is_nan_as_in_pytorch():
    row = [Value(0.5), Value(-1.0)]
    for logits, targets in ((row, -100), ([row, row], [-100, -100])):
        with pytest.warns(RuntimeWarning, match="gave nan"):
            assert isnan(cross_entropy(logits, targets).data)


@pytest.mark.parametrize("ignored", [-100, 1])
def test_an_example_that_is_ignored_is_nan_when_compiled_alone_too(ignored):
    fast = compile(lambda row, y: cross_entropy(row, y, ignore_index=ignored))
    for _ in range(3):
        assert fast([0.5, -1.0], 0).data == pytest.approx(cross_entropy([0.5, -1.0], 0).data)
    with pytest.warns(RuntimeWarning):
        assert isnan(fast([0.5, -1.0], ignored).data)


@pytest.mark.parametrize("wrong", [[0.5, 0.6], [1.5, -0.5], [0.0, 0.0], [1.0, 1.0]])
def test_a_row_that_is_no_probabilities_is_the_same_error_plain_and_compiled(wrong):
    def loss(rows, targets):
        return cross_entropy(rows, targets)

    fast = compile(loss)
    rows = [[0.5, -1.0], [2.0, 1.0]]
    for _ in range(3):
        assert fast(rows, [[0.5, 0.5], [1.0, 0.0]]).data > 0
    for call in (loss, fast):
        with pytest.raises(ValueError, match="probabilities from 0 to 1 that add up to 1, got"):
            call(rows, [[0.5, 0.5], wrong])


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_weights_and_probabilities_may_be_numpys(kind):
    rows = [[Value(0.5), Value(-1.0)], [Value(2.0), Value(1.0)]]
    for targets in ([[0.25, 0.75], [1.0, 0.0]], [1.0, 0.0]):
        expected = cross_entropy(rows, targets, weight=[0.5, 2.0], label_smoothing=0.25)
        given = cross_entropy(rows, np.array(targets, kind), np.array([0.5, 2.0], kind), label_smoothing=kind(0.25))
        assert given.data == pytest.approx(expected.data, rel=1e-15)
        given.backward()


def test_whole_floats_are_indices_and_others_are_not():
    rows = [[Value(0.5), Value(-1.0)], [Value(2.0), Value(1.0)]]
    expected = cross_entropy(rows, [1, 0]).data
    for targets in ([1.0, 0.0], np.array([1.0, 0.0]), np.array([1, 0]), [Value(1.0), Value(0.0)]):
        assert cross_entropy(rows, targets).data == pytest.approx(expected, rel=1e-15)


def test_without_options_the_graph_is_as_small_as_can_be():
    rows = [[Value(0.5), Value(-1.0)], [Value(2.0), Value(1.0)]]
    symbols = [node.rule.symbol for node in topological_order(cross_entropy(rows, [1, 0])) if node.rule]
    assert sorted(symbols) == ["log_softmax", "log_softmax", "mean", "neg", "neg"]
