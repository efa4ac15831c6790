"""First weights: their spread, what they fill, and that a deep network lives with good ones and dies with bad ones."""

import random
from math import sqrt
from statistics import fmean, pstdev

import pytest

from engine import Value, mean
from nn import MLP, SGD, LayerNorm, Linear, Module, Neuron, ReLU, Sequential, init, mse_loss


def values(*shape):
    return [values(*shape[1:]) for _ in range(shape[0])] if shape else Value(7.0, role="parameter")


def numbers(tensor):
    return [x for part in tensor for x in numbers(part)] if isinstance(tensor, list) else [tensor.data]


# What PyTorch's documentation says of a weight of 40 by 30: the half width or the standard deviation.
@pytest.mark.parametrize(
    ("fill", "options", "std"),
    [
        (init.kaiming_uniform_, {}, sqrt(2 / 30)),
        (init.kaiming_uniform_, {"nonlinearity": "tanh"}, 5 / 3 / sqrt(30)),
        (init.kaiming_uniform_, {"nonlinearity": "linear"}, 1 / sqrt(30)),
        (init.kaiming_normal_, {}, sqrt(2 / 30)),
        (init.kaiming_normal_, {"nonlinearity": "sigmoid"}, 1 / sqrt(30)),
        (init.xavier_uniform_, {}, sqrt(2 / 70)),
        (init.xavier_uniform_, {"gain": 3.0}, 3 * sqrt(2 / 70)),
        (init.xavier_normal_, {}, sqrt(2 / 70)),
        (init.normal_, {"std": 0.5}, 0.5),
        (init.uniform_, {"a": -2.0, "b": 2.0}, 2 / sqrt(3)),
    ],
)
def test_the_spread_is_what_was_asked_for(fill, options, std):
    weight = values(40, 30)
    assert fill(weight, rng=random.Random(0), **options) is weight
    drawn = numbers(weight)
    assert pstdev(drawn) == pytest.approx(std, rel=0.05)
    assert fmean(drawn) == pytest.approx(0.0, abs=0.1 * std)
    largest = max(map(abs, drawn)) / std
    if "uniform" in fill.__name__:
        assert 0.98 * sqrt(3) < largest <= sqrt(3) * (1 + 1e-12)
    else:
        assert 2.5 < largest < 5


def test_ranges_and_means_may_lie_elsewhere():
    drawn = numbers(init.uniform_(values(400), 2.0, 3.0, rng=random.Random(0)))
    assert 2 <= min(drawn) < 2.1 < 2.9 < max(drawn) <= 3
    assert fmean(numbers(init.normal_(values(400), 5.0, 0.1, rng=random.Random(0)))) == pytest.approx(5.0, abs=0.02)


def test_the_fans_of_a_convolution_count_its_window():
    class Top:
        def uniform(self, low, high):
            assert low == -high
            return high

    weight = values(4, 3, 2, 5)  # 4 channels out, 3 in, a window of 2 by 5
    assert numbers(init.kaiming_uniform_(weight, rng=Top())) == pytest.approx([sqrt(6 / 30)] * 120)
    assert numbers(init.xavier_uniform_(weight, rng=Top())) == pytest.approx([sqrt(6 / 70)] * 120)


def test_a_modules_weights_are_filled_and_nothing_else():
    class Buffered(Module):
        def __init__(self):
            self.register_buffer("table", [[1.0, 2.0]])

    model = Sequential(Linear(2, 3), LayerNorm(3), Sequential(ReLU(), MLP(3, [2, 1])), Buffered())
    model[0].freeze()
    before = model.state_dict()
    assert init.constant_(model, 0.25) is model
    changed = {name: set(numbers_of) for name, numbers_of in _flat(model.state_dict()).items()}
    assert [name for name in before if _flat(before)[name] != _flat(model.state_dict())[name]] == [
        "0.weight",
        "2.1.layers.0.weight",
        "2.1.layers.1.weight",
    ]
    assert changed["0.weight"] == changed["2.1.layers.1.weight"] == {0.25}
    init.zeros_(model)
    assert set(_flat(model.state_dict())["0.weight"]) == {0.0}
    init.constant_(model[0].bias, 1.5)
    assert model.state_dict()["0.bias"] == [1.5] * 3
    assert [parameter.data for parameter in init.zeros_(Neuron(3).w)] == [0.0] * 3


def _flat(state):
    return {
        name: [x for row in tensor for x in (row if isinstance(row, list) else [row])]
        for name, tensor in state.items()
        if isinstance(tensor, list)
    }


@pytest.mark.parametrize(
    ("fill", "error", "message"),
    [
        (lambda: init.kaiming_uniform_(values(3)), ValueError, r"a weight \[out\]\[in\], got the shape \[3\]; use"),
        (
            lambda: init.xavier_normal_([values(3), values(2)]),
            ValueError,
            "fan_out are defined for a weight",
        ),
        (lambda: init.zeros_([1.0, 2.0]), TypeError, r"a module or lists of Values, got \[1.0, 2.0\]"),
        (lambda: init.zeros_(Value(1.0)), TypeError, "a module or lists of Values, got Value"),
        (lambda: init.zeros_(ReLU()), ValueError, r"ReLU\(\) has no weights with two axes or more; pass the list"),
        (lambda: init.normal_(LayerNorm(2)), ValueError, r"LayerNorm\(2\) has no weights with two axes"),
    ],
)
def test_what_cannot_be_filled_is_refused(fill, error, message):
    with pytest.raises(error, match=message):
        fill()


def norm(xs):
    return sqrt(sum(x * x for x in xs))


def deep(seed, shrink=1.0, fill=None):
    """How large signals and gradients are in a network of 20 layers, and what 5 steps make of the loss."""
    rng = random.Random(seed)
    model = MLP(16, [16] * 19 + [1], rng=rng)
    if fill:
        fill(model, rng=rng)
    for weight in model.parameters():
        weight.data *= shrink
    rows = [[rng.gauss(0, 1) for _ in range(16)] for _ in range(6)]
    targets = [row[0] for row in rows]
    signals, x = [], rows[0]
    for layer in model.layers[:-1]:
        x = layer(x)
        signals.append(norm(y.data for y in x) / norm(rows[0]))
    losses, optimizer = [], SGD(model.parameters(), lr=0.005)
    for _ in range(6):
        loss = mse_loss([model(row) for row in rows], targets)
        losses.append(loss.data)
        optimizer.zero_grad()
        loss.backward()
        if len(losses) == 1:
            slopes = [norm(p.grad for p in layer.parameters()) for layer in model.layers]
        optimizer.step()
    return signals, slopes, losses


@pytest.mark.parametrize(("seed", "fill"), [(0, None), (1, None), (2, None), (0, init.kaiming_normal_)])
def test_twenty_layers_train_from_the_first_weights(seed, fill):
    signals, slopes, losses = deep(seed, fill=fill)
    assert all(0.02 < size < 5 for size in signals)
    assert all(0.05 < size < 50 for size in slopes)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.96 * losses[0]


def test_twenty_layers_are_dead_with_weights_a_tenth_of_it():
    signals, slopes, losses = deep(0, shrink=0.1)
    assert signals[-1] < 1e-15
    assert max(slopes[:10]) < 1e-9
    assert losses[-1] > 0.98 * losses[0]  # the last bias alone learns


def test_neurons_that_start_alike_stay_alike():
    model = init.constant_(MLP(2, [3, 1], activation="tanh"), 0.5)
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        loss = mean([(model(row) - target) ** 2 for row, target in (([1.0, 2.0], 1.0), ([0.0, -1.0], 0.0))])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    first, *others = [[w.data for w in neuron.w] for neuron in model.layers[0].neurons]
    assert first != [0.5, 0.5]
    assert others == [first, first]
