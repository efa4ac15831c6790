"""Diagnostics against finite differences and against networks that are broken on purpose."""

import math
import random
import warnings

import pytest

from engine import Value, relu
from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm1d,
    Diagnostics,
    Embedding,
    Layer,
    Linear,
    Module,
    Neuron,
    ReLU,
    Sequential,
    Sigmoid,
    cross_entropy,
    dead_relus,
    error_contributions,
    fit,
    gradient_norms,
    mse_loss,
    update_ratios,
)

ROWS = [[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9], [0.2, 0.4]]
TARGETS = [1.0, -1.0, 0.5, 2.0]


def rng(seed=0):
    return random.Random(seed)


def deep(factor=1.0):
    """Twenty layers of relu, the weights made larger or smaller."""
    model = MLP(2, [8] * 19 + [1], rng=rng(1))
    for layer in model.layers:
        for p in [p for row in layer.weight for p in row]:
            p.data *= factor
    return model


def backward(model, rows=ROWS, targets=TARGETS):
    model.zero_grad()
    mse_loss(model.batch(rows), targets).backward()
    return model


# The small functions.


def test_norms_are_those_of_each_layers_own_parameters():
    model = Sequential(Linear(2, 3, rng=rng()), ReLU(), MLP(3, [2, 1], rng=rng()))
    with pytest.raises(RuntimeError, match=r"call loss.backward\(\) before gradient_norms\(model\)"):
        gradient_norms(model)
    backward(model)
    norms = gradient_norms(model)
    assert list(norms) == ["0", "2.layers.0", "2.layers.1"]
    for name, layer in (("0", model[0]), ("2.layers.1", model[2].layers[1])):
        assert norms[name] == pytest.approx(math.sqrt(sum(p.grad**2 for p in layer.parameters())))
    model[0].freeze()
    assert list(gradient_norms(model)) == ["2.layers.0", "2.layers.1"]


def test_a_lone_layer_has_the_name_of_its_kind():
    assert list(gradient_norms(backward(Neuron(2, rng=rng())))) == ["Neuron"]


def test_ratios_are_movements_by_lengths():
    model = Sequential(Linear(2, 2, rng=rng()), BatchNorm1d(2), Linear(2, 1, rng=rng()))
    before = model.state_dict()
    for p in model[0].parameters():
        p.data *= 1.01
    model[1].running_mean[0].data = 5.0  # no parameter
    ratios = update_ratios(model, before)
    assert ratios == {"0": pytest.approx(0.01), "1": 0.0, "2": 0.0}
    for p in model[2].parameters():
        p.data = 0.0
    before = model.state_dict()
    assert update_ratios(model, before)["2"] == 0.0
    model[2].bias[0].data = 1.0
    assert update_ratios(model, before)["2"] == math.inf
    with pytest.raises(ValueError, match=r"before has 0 numbers for 0.weight, but the model has 4"):
        update_ratios(model, {})


@pytest.mark.parametrize("activation", ["relu", Value.relu, relu])
def test_dead_relus_are_counted_in_every_form(activation):
    layer = Layer(1, 4, activation, rng=rng())
    for neuron, w, b in zip(layer.neurons, (1.0, -1.0, 0.0, 1.0), (0.0, 0.0, -1.0, -2.5)):
        neuron.w[0].data, neuron.b.data = w, b
    assert dead_relus(layer, [[1.0], [2.0]]) == {"Layer": 0.75}
    assert dead_relus(layer, [[1.0], [-2.0], [3.0]]) == {"Layer": 0.25}


def test_only_relus_can_be_dead_and_modules_count_as_well():
    model = Sequential(Layer(1, 2, "tanh"), Linear(2, 2), ReLU(), BatchNorm1d(2))
    for p in model[1].parameters():
        p.data = -1.0
    for p in model[0].parameters():
        p.data = 1.0
    before = model.state_dict()
    assert dead_relus(model, [[1.0], [2.0]]) == {"2": 1.0}
    assert (model.state_dict(), model.training, model[3].training) == (before, True, True)


class Nudged(Module):
    """A row of numbers to which others are added, to see what these do to the loss."""

    def __init__(self, n):
        self.n, self.by = n, [0.0] * n

    def forward(self, x):
        return [v + d for v, d in zip(x, self.by)]


def test_contributions_are_finite_differences():
    r = rng(3)
    first, nudged, last = Layer(2, 3, "tanh", rng=r), Nudged(3), Linear(3, 2, rng=r)
    model = Sequential(first, nudged, Sigmoid(), last)
    classes = [0, 1, 1, 0]
    found = error_contributions(model, cross_entropy, ROWS, classes)
    assert list(found) == ["0", "1", "2", "3"]
    expected = []
    for i in range(3):
        losses = []
        for step in (1e-5, -1e-5):
            nudged.by[i] = step
            losses.append(cross_entropy(model.batch(ROWS), classes).data)
        nudged.by[i] = 0.0
        expected.append((losses[0] - losses[1]) / 2e-5)
    assert found["0"] == pytest.approx(expected, rel=1e-6)
    assert found["1"] == pytest.approx(expected, rel=1e-6)
    assert not any(p.has_grad for p in model.parameters())
    assert sum(found["3"]) == pytest.approx(0.0, abs=1e-12)  # softmax: what one class gains the others lose


def test_contributions_of_the_bias_are_those_of_its_neuron():
    model = MLP(2, [3, 1], activation="linear", rng=rng())
    found = error_contributions(model, mse_loss, ROWS, TARGETS)
    backward(model)
    for i, layer in enumerate(model.layers):
        assert found[f"layers.{i}"] == pytest.approx([p.grad for p in layer.bias])


def test_a_row_that_two_examples_share_counts_once():
    model = Sequential(Embedding(2, 2, rng=rng()), Linear(2, 1, rng=rng()))
    found = error_contributions(model, mse_loss, [0, 0, 1], [1.0, 2.0, 3.0])
    model.zero_grad()
    mse_loss(model.batch([0, 0, 1]), [1.0, 2.0, 3.0]).backward()
    assert found["0"] == pytest.approx([sum(row[i].grad for row in model[0].weight) for i in range(2)])


def test_modules_are_left_as_they_were():
    model = MLP(2, [3, 1], rng=rng()).train()
    before = [dict(vars(module)) for _, module in model.named_modules()]
    with pytest.raises(ValueError, match="takes a target for each output"):
        error_contributions(model, mse_loss, ROWS, TARGETS[:-1])
    dead_relus(model, ROWS)
    assert [vars(module) for _, module in model.named_modules()] == before


# The callback.


def test_twenty_layers_with_the_usual_weights_train_without_a_warning():
    model = deep()
    diagnostics = Diagnostics(model, ROWS)
    optimizer = Adam(model.parameters(), lr=0.004)
    history = fit(model, (ROWS, TARGETS), mse_loss, optimizer, 25, compiled=False, callbacks=diagnostics,
                  progress=False)  # fmt: skip
    assert history.loss[-1] < history.loss[0] / 4
    names = [f"layers.{i}" for i in range(20)]
    for lists, expected in ((diagnostics.gradient_norms, names), (diagnostics.update_ratios, names),
                            (diagnostics.dead_relus, names[:-1])):  # fmt: skip
        assert list(lists) == expected
        assert {len(numbers) for numbers in lists.values()} == {25}
    assert all(1e-6 < ratio < 0.1 for ratios in diagnostics.update_ratios.values() for ratio in ratios)
    assert diagnostics.gradient_norms["layers.3"][-1] == gradient_norms(model)["layers.3"]


def warned(model, look, times=1):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            look()
    return [str(w.message) for w in caught if w.category is RuntimeWarning]


def test_small_weights_make_the_gradient_vanish_in_the_first_layers():
    model = backward(deep(0.1))
    messages = warned(model, Diagnostics(model), times=2)
    assert len(messages) == 1
    assert messages[0].startswith("the gradient vanishes in 1")
    assert "layers, from layers.0 to layers.1" in messages[0]
    sizes = {name: norm / math.sqrt(len(model.layers[i].parameters())) for i, (name, norm) in
             enumerate(gradient_norms(model).items())}  # fmt: skip
    last = int(messages[0].split("to layers.")[1].split(":")[0])
    assert sizes[f"layers.{last}"] < 1e-7 * sizes["layers.19"] <= sizes[f"layers.{last + 1}"]


def test_large_weights_make_it_explode():
    model = backward(deep(10.0))
    messages = warned(model, Diagnostics(model))
    assert len(messages) == 1
    assert messages[0].startswith("the gradient explodes in 20 layers, from layers.0 to layers.19: its norm is up to ")


def test_each_layer_and_kind_is_told_once():
    model = backward(MLP(2, [3, 1], activation="tanh", rng=rng()))
    diagnostics = Diagnostics(model)
    assert warned(model, diagnostics) == []
    model.layers[1].bias[0].grad = 1e4
    assert [m.split(":")[0] for m in warned(model, diagnostics, 3)] == ["the gradient explodes in layers.1"]
    model.layers[0].bias[0].grad = 1e4
    assert [m.split(":")[0] for m in warned(model, diagnostics, 3)] == ["the gradient explodes in layers.0"]
    for p in model.layers[0].parameters():
        p.grad = 1e-5
    assert [m.split(":")[0] for m in warned(model, diagnostics, 3)] == ["the gradient vanishes in layers.0"]


def test_sizes_are_compared_for_each_parameter():
    model = MLP(99, [1, 1], rng=rng())
    for layer, slope in zip(model.layers, (0.9e-7, 1.0)):
        for p in layer.parameters():
            p.grad = slope
    assert [m.split(":")[0] for m in warned(model, Diagnostics(model))] == ["the gradient vanishes in layers.0"]


def test_ratios_are_taken_since_the_last_time():
    model = backward(MLP(2, [3, 1], rng=rng()))
    diagnostics = Diagnostics(model)
    for p in model.parameters():
        p.data *= 1.1
    diagnostics()
    diagnostics()
    assert diagnostics.update_ratios["layers.0"] == [pytest.approx(0.1), 0.0]


def test_a_gradient_of_nothing_is_not_called_vanishing():
    model = backward(MLP(2, [3, 1], rng=rng()))
    for p in model.layers[0].parameters():
        p.grad = 0.0
    assert warned(model, Diagnostics(model)) == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_that_are_not_finite_are_traced_to_the_row():
    rows = [*ROWS[:2], [0.1, float("nan")], ROWS[3]]
    model = backward(MLP(2, [3, 1], rng=rng()), rows)
    start = "the gradient is inf or nan in 2 layers, from layers.0 to layers.1: "
    assert warned(model, Diagnostics(model, rows)) == [
        start + "row 2 of xs holds nan; detect_anomaly() finds where it arose"
    ]
    assert warned(model, Diagnostics(model)) == [start + "detect_anomaly() finds where it arose"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_that_are_not_finite_are_traced_to_the_layer():
    class Log(Module):
        def forward(self, x):
            return [v.log() for v in x]

    model = Sequential(Linear(2, 2, rng=rng()), Log(), Linear(2, 1, rng=rng()))
    for p in model[0].parameters():
        p.data = 1.0
    rows = [[1.0, 2.0], [0.5, 0.5], [-1.0, -2.0]]
    backward(model, rows, TARGETS[:3])
    (message,) = warned(model, Diagnostics(model, rows))
    assert "1 outputs nan for row 2 of xs" in message


def test_dead_layers_are_told():
    model = MLP(2, [3, 1], rng=rng())
    for p in model.layers[0].bias:
        p.data = -100.0
    diagnostics = Diagnostics(model, ROWS)
    messages = warned(backward(model), diagnostics, 2)
    assert [m.split(":")[0] for m in messages] == ["all relu neurons are dead in layers.0"]
    assert diagnostics.dead_relus == {"layers.0": [1.0, 1.0]}


def test_it_reads_what_compiled_training_leaves():
    norms = []
    for compiled in (False, True):
        model = MLP(2, [3, 1], rng=rng())
        diagnostics = Diagnostics(model)
        optimizer = SGD(model.parameters(), lr=0.01)
        fit(model, (ROWS, TARGETS), mse_loss, optimizer, 3, callbacks=diagnostics, compiled=compiled, progress=False)
        norms.append([*diagnostics.gradient_norms.values(), *diagnostics.update_ratios.values()])
    for plain, fast in zip(*norms):
        assert fast == pytest.approx(plain, rel=1e-9)
