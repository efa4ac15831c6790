"""Normalisation against PyTorch's numbers: outputs, gradients, running statistics, and a few steps of training."""

import json
import pickle

import pytest

from engine import Value, compile, dot
from engine.modes import switched
from engine.utils.nested import tree_leaves, tree_map
from nn import SGD, BatchNorm1d, LayerNorm, Linear, ReLU, RMSNorm, Sequential, cross_entropy
from tests.paths import DATA

TORCH = json.loads((DATA / "torch_normalisation.json").read_text())
KINDS = {kind.__name__: kind for kind in (BatchNorm1d, LayerNorm, RMSNorm)}


def agree(ours, theirs):
    assert list(tree_leaves(ours)) == pytest.approx(list(tree_leaves(theirs)), rel=1e-9, abs=1e-9)


def same_states(model, theirs):
    state = model.state_dict()
    assert list(state) == list(theirs)
    for name, numbers in theirs.items():
        agree(state[name], numbers)


def passed(model, inputs, upstream, expected, compiled):
    rows = tree_map(Value, inputs)

    counts = isinstance(model, BatchNorm1d) and model.training

    def loss(rows):
        outputs = model.batch(rows)
        return dot(tree_leaves(upstream), tree_leaves(outputs)), [outputs, model.latest if counts else None]

    if compiled:
        value, (outputs, statistics) = compile(loss, aux=True)(rows)
        if counts:
            model.update(statistics, len(rows))
    else:
        value, (outputs, _) = loss(rows)
        outputs = tree_map(lambda y: y.data, outputs)
    agree(outputs, expected["outputs"])
    model.zero_grad()
    value.backward()
    agree(tree_map(lambda x: x.grad, rows), expected["rows"])
    for name, tensor in model.tensors():
        if name in expected["parameters"]:
            agree(tree_map(lambda p: p.grad, tensor), expected["parameters"][name])
    same_states(model, expected["state"])


def loaded(name):
    run = TORCH["layers"][name]
    model = KINDS[name.split()[0]](3, **run["options"])
    model.load_state_dict(run["before"])
    return model, run


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", TORCH["layers"])
def test_outputs_and_gradients_are_pytorchs(name, compiled):
    model, run = loaded(name)
    first, second = run["train"]
    passed(model, run["inputs"], run["upstream"], first, compiled)
    passed(model, tree_map(lambda x: x + 1, run["inputs"]), run["upstream"], second, compiled)
    passed(model.eval(), run["inputs"], run["upstream"], run["eval"], compiled)
    for row, expected in zip(run["inputs"], run["eval"]["outputs"]):
        agree([y.data for y in model(row)], expected)


def test_five_steps_of_training_are_pytorchs():
    run = TORCH["training"]
    model = Sequential(Linear(2, 4), BatchNorm1d(4), ReLU(), Linear(4, 3))
    model.load_state_dict(run["before"])
    optimizer = SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        loss = cross_entropy(model.batch(run["rows"]), run["classes"])
        losses.append(loss.data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    agree(losses, run["losses"])
    same_states(model, run["after"])
    agree([[y.data for y in model.eval()(row)] for row in run["rows"]], run["outputs"])


def test_statistics_can_be_brought_up_to_date_by_hand():
    model, run = loaded("BatchNorm1d")
    again, _ = loaded("BatchNorm1d")
    model.batch(run["inputs"])
    again.update([value.data for value in again.statistics(run["inputs"])], len(run["inputs"]))
    assert again.state_dict() == model.state_dict() != run["before"]


def test_while_a_function_is_recorded_the_running_numbers_stay():
    model, run = loaded("BatchNorm1d")
    plain, _ = loaded("BatchNorm1d")
    rows = tree_map(Value, run["inputs"])
    with switched(tracing=True):  # as compile does it
        outputs, statistics = model.batch(rows), model.statistics(rows)
    agree(tree_map(lambda y: y.data, outputs), run["train"][0]["outputs"])
    assert model.state_dict() == run["before"]
    model.update([value.data for value in statistics], len(rows))
    plain.batch(run["inputs"])
    same_states(model, plain.state_dict())


def test_a_compiled_function_sees_buffers_and_frozen_weights_afresh():
    model = Sequential(Linear(2, 2), BatchNorm1d(2)).eval()
    model[0].freeze()
    score = compile(lambda x: dot([1.0, 2.0], model(x)))
    row, seen = [1.0, 2.0], set()
    for change in (lambda: None, lambda: None, lambda: model[1].update([1.0, 2.0, 3.0, 4.0], 5), model[0].zero_grad):
        change()
        assert score(row).data == pytest.approx(score.__wrapped__(row).data, rel=1e-12)
        seen.add(score(row).data)
    model[0].weight[0][0].data += 1.0
    assert score(row).data == pytest.approx(score.__wrapped__(row).data, rel=1e-12)
    assert len(seen | {score(row).data}) == 3
    optimizer = SGD(model.parameters(), lr=0.1)
    before = model.state_dict()
    score(row).backward()
    optimizer.step()
    changed = [name for name, numbers in model.state_dict().items() if numbers != before[name]]
    assert changed == ["1.weight", "1.bias"]


def test_rows_may_be_nested():
    for model in (LayerNorm(2), RMSNorm(2)):
        grid = model([[[1.0, 2.0], [3.0, 5.0]], [[0.0, 1.0], [4.0, 4.0]]])
        agree(tree_map(lambda y: y.data, grid[0][1]), [y.data for y in model([3.0, 5.0])])
        assert [len(rows) for rows in grid] == [2, 2]


def test_normalisations_can_be_pickled():
    model = BatchNorm1d(2)
    model.batch([[1.0, 2.0], [3.0, 5.0]])
    again = pickle.loads(pickle.dumps(model))
    assert again.state_dict() == model.state_dict()
    assert len(again.parameters()) == 4


def test_parameters_and_buffers_are_labelled():
    model = BatchNorm1d(1, label="norm")
    assert [p.label for p in model.parameters()] == ["norm.weight0", "norm.bias0"]
    assert (model.running_var[0].label, model.running_var[0].role) == ("norm.running_var0", "input")
    assert [p.label for p in LayerNorm(1).parameters()] == ["weight0", "bias0"]
    assert (
        LayerNorm(2, elementwise_affine=False).parameters() == RMSNorm(2, elementwise_affine=False).parameters() == []
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: BatchNorm1d(2)([1.0, 2.0]),
            r"^BatchNorm1d\(2\) in training .* write model\.batch\(rows\), or call mo",
        ),
        (lambda: BatchNorm1d(2).batch([[1.0, 2.0]]), "expects at least 2 examples, got 1: .* write model.batch"),
        (lambda: BatchNorm1d(2).batch([]), "expects at least 2 examples, got 0"),
        (lambda: BatchNorm1d(2).statistics([[1.0, 2.0]]), "expects at least 2 examples, got 1"),
        (lambda: BatchNorm1d(2).batch([[1.0, 2.0], [1.0]]), r"BatchNorm1d\(2\) expects 2 inputs, got 1"),
        (lambda: BatchNorm1d(2).eval()([1.0]), r"BatchNorm1d\(2\) expects 2 inputs, got 1"),
        (lambda: BatchNorm1d(2).update([1.0], 2), "expects 2 means and 2 variances, got 1 numbers"),
        (lambda: BatchNorm1d(1).update([1.0, 1.0], 1), "expects at least 2 examples, got 1"),
        (lambda: BatchNorm1d(0), "num_features must be a whole number of at least 1, got 0"),
        (lambda: BatchNorm1d(1, momentum=1.5), "momentum must be from 0 to 1, or None, got 1.5"),
        (lambda: BatchNorm1d(1, eps=0.0), "eps must be above 0, got 0.0"),
        (lambda: LayerNorm(1, eps=-1.0), "eps must be above 0, got -1.0"),
        (lambda: RMSNorm(1, eps=float("nan")), "eps must be above 0, got nan"),
        (lambda: LayerNorm(2)([1.0, 2.0, 3.0]), r"LayerNorm\(2\) expects 2 inputs, got 3"),
        (lambda: LayerNorm(2)(1.0), r"LayerNorm\(2\) expects 2 inputs, got 1"),
        (lambda: RMSNorm(2)([[1.0, 2.0], [1.0]]), r"RMSNorm\(2\) expects 2 inputs, got 1"),
        (lambda: RMSNorm(0), "normalized_shape must be a whole number of at least 1, got 0"),
        (lambda: LayerNorm(2.0), "normalized_shape must be a whole number of at least 1, got 2.0"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_cumulative_average_is_the_mean_over_all_batches_also_when_resumed():
    batches = [[[1.0], [3.0]], [[2.0], [6.0]], [[0.0], [-3.0]], [[5.0], [4.0]]]
    model, again = BatchNorm1d(1, momentum=None), BatchNorm1d(1, momentum=None)
    for rows in batches[:2]:
        model.batch(rows)
    again.load_state_dict(json.loads(json.dumps(model.state_dict())))
    for rows in batches[2:]:
        again.batch(rows)
        model.batch(rows)
    assert model.state_dict() == again.state_dict()
    assert model.running_mean[0].data == pytest.approx((2 + 4 - 1.5 + 4.5) / 4)
    assert model.running_var[0].data == pytest.approx((2 + 8 + 4.5 + 0.5) / 4)
