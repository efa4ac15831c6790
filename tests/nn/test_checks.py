"""What is asked of what a user hands over, the same everywhere: of settings, and of what random numbers come from."""

import inspect
import json
import random
import re

import numpy as np
import pytest

import nn
from engine import Value
from engine.utils.messages import brief
from nn import MLP, CausalSelfAttention, Conv2d, Dropout, Embedding, GRUCell, Layer, Linear, Neuron, init

TAKES_RNG = {
    "MLP": lambda rng: MLP(2, [3, 1], rng=rng),
    "Layer": lambda rng: Layer(2, 1, rng=rng),
    "Linear": lambda rng: Linear(2, 1, rng=rng),
    "Neuron": lambda rng: Neuron(2, rng=rng),
    "Conv1d": lambda rng: nn.Conv1d(1, 1, 2, rng=rng),
    "Conv2d": lambda rng: Conv2d(1, 1, 2, rng=rng),
    "Embedding": lambda rng: Embedding(3, 2, rng=rng),
    "EmbeddingBag": lambda rng: nn.EmbeddingBag(3, 2, rng=rng),
    "GRUCell": lambda rng: GRUCell(2, 2, rng=rng),
    "GRU": lambda rng: nn.GRU(2, 2, rng=rng),
    "LSTM": lambda rng: nn.LSTM(2, 2, rng=rng),
    "LSTMCell": lambda rng: nn.LSTMCell(2, 2, rng=rng),
    "CausalSelfAttention": lambda rng: CausalSelfAttention(2, 1, rng=rng),
    "MultiheadAttention": lambda rng: nn.MultiheadAttention(2, 1, rng=rng),
    "Dropout": lambda rng: Dropout(0.5, rng=rng),
    "kaiming_uniform_": lambda rng: init.kaiming_uniform_(TABLE, rng=rng),
    "kaiming_normal_": lambda rng: init.kaiming_normal_(TABLE, rng=rng),
    "xavier_uniform_": lambda rng: init.xavier_uniform_(TABLE, rng=rng),
    "xavier_normal_": lambda rng: init.xavier_normal_(TABLE, rng=rng),
    "uniform_": lambda rng: init.uniform_(TABLE, rng=rng),
    "normal_": lambda rng: init.normal_(TABLE, rng=rng),
}
TABLE = [[Value(2.0), Value(3.0)]]


def optimizer():
    return nn.SGD(MODEL.parameters(), lr=0.1)


# Every setting that is a number but need not be whole; and whether it must not be below 0.
SETTINGS = {
    "clip": lambda x: nn.fit(MODEL, ([[1.0]], [1.0]), nn.mse_loss, optimizer(), clip=x),
    "lr": lambda x: nn.SGD(MODEL.parameters(), lr=x),
    "SGD momentum": lambda x: nn.SGD(MODEL.parameters(), lr=0.1, momentum=x),
    "SGD weight_decay": lambda x: nn.SGD(MODEL.parameters(), lr=0.1, weight_decay=x),
    "Adam eps": lambda x: nn.Adam(MODEL.parameters(), eps=x),
    "RMSprop alpha": lambda x: nn.RMSprop(MODEL.parameters(), alpha=x),
    "RMSprop momentum": lambda x: nn.RMSprop(MODEL.parameters(), momentum=x),
    "Adagrad lr_decay": lambda x: nn.Adagrad(MODEL.parameters(), lr_decay=x),
    "gamma": lambda x: nn.StepLR(optimizer(), 1, gamma=x),
    "start_factor": lambda x: nn.LinearLR(optimizer(), start_factor=x),
    "end_factor": lambda x: nn.LinearLR(optimizer(), end_factor=x),
    "eta_min": lambda x: nn.CosineAnnealingLR(optimizer(), 2, eta_min=x),
    "restarts eta_min": lambda x: nn.CosineAnnealingWarmRestarts(optimizer(), 2, eta_min=x),
    "factor": lambda x: nn.ReduceLROnPlateau(optimizer(), factor=x),
    "threshold": lambda x: nn.ReduceLROnPlateau(optimizer(), threshold=x),
    "min_lr": lambda x: nn.ReduceLROnPlateau(optimizer(), min_lr=x),
    "max_norm": lambda x: nn.clip_grad_norm_(MODEL.parameters(), x),
    "clip_value": lambda x: nn.clip_grad_value_(MODEL.parameters(), x),
    "min_delta": lambda x: nn.EarlyStopping(3, min_delta=x),
    "p": lambda x: Dropout(x),
    "BatchNorm1d eps": lambda x: nn.BatchNorm1d(2, eps=x),
    "BatchNorm1d momentum": lambda x: nn.BatchNorm1d(2, momentum=x),
    "LayerNorm eps": lambda x: nn.LayerNorm(2, eps=x),
    "RMSNorm eps": lambda x: nn.RMSNorm(2, eps=x),
    "noise": lambda x: nn.moons(10, noise=x),
    "spirals noise": lambda x: nn.spirals(10, noise=x),
    "circles factor": lambda x: nn.circles(10, factor=x),
    "normal_ std": lambda x: init.normal_([Value(1.0)], std=x),
    "label_smoothing": lambda x: nn.cross_entropy([1.0, 2.0], 0, label_smoothing=x),
    "test_size": lambda x: nn.train_test_split([1, 2, 3], [1, 2, 3], x),
}
ANY_SIGN = {
    "negative_slope": nn.LeakyReLU,
    "alpha": nn.ELU,
    "a": lambda x: init.uniform_([Value(1.0)], a=x),
    "b": lambda x: init.uniform_([Value(1.0)], b=x),
    "mean": lambda x: init.normal_([Value(1.0)], mean=x),
    "val": lambda x: init.constant_([Value(1.0)], x),
    "xavier_uniform_ gain": lambda x: init.xavier_uniform_([[Value(1.0)]], gain=x),
    "xavier_normal_ gain": lambda x: init.xavier_normal_([[Value(1.0)]], gain=x),
}
MODEL = Neuron(1)


@pytest.mark.parametrize("name", [*SETTINGS, *ANY_SIGN])
@pytest.mark.parametrize("given", ["a", "1e-5", None, [0.5], 1j, True, 10**400, float("nan"), -1.0])
def test_a_setting_that_is_no_number_or_out_of_range_is_told(name, given):
    may_be_none = ("clip", "BatchNorm1d momentum", "RMSNorm eps")
    if (given is None and name in may_be_none) or (given == -1.0 and name in ANY_SIGN):
        return
    text = re.escape(brief(given))
    with pytest.raises(ValueError, match=rf"^{name.split()[-1]} must .*\bgot {text}") as raised:
        {**SETTINGS, **ANY_SIGN}[name](given)
    assert ("; write" in str(raised.value)) is (given == "1e-5" and name != "test_size")


def test_a_number_in_quotes_is_told_with_what_to_write():
    with pytest.raises(ValueError, match=r"^eps must be above 0, got '1e-5'; write eps=1e-05$"):
        nn.LayerNorm(2, eps="1e-5")
    with pytest.raises(ValueError, match=r"^min_delta must be at least 0, got None$"):
        nn.EarlyStopping(3, min_delta=None)


@pytest.mark.parametrize("wrong", [[1], {}, 1j, None.__class__])
def test_a_seed_that_is_none_is_told(wrong):
    for make in (nn.moons, nn.xor, nn.spirals, nn.circles, nn.yin_yang):
        with pytest.raises(TypeError, match=r"^seed must be a whole number, got .*; write seed=0$"):
            make(10, seed=wrong)
    with pytest.raises(TypeError, match="seed must be a whole number"):
        nn.train_test_split([1, 2, 3], [1, 2, 3], seed=wrong)
    with pytest.raises(TypeError, match="seed must be a whole number"):
        nn.DataLoader([1, 2, 3], seed=wrong)


def test_everything_that_takes_an_rng_is_here():
    found = set()
    for module in (nn, init):
        for name, thing in vars(module).items():
            if not callable(thing) or thing.__module__ == "typing":  # a TypeVar has no signature
                continue
            rng = inspect.signature(thing).parameters.get("rng")
            found |= {name} if rng is not None and rng.default is random else set()
    assert found == set(TAKES_RNG)


@pytest.mark.parametrize("name", TAKES_RNG)
def test_a_seed_in_the_place_of_an_rng_is_told_with_what_to_write(name):
    for given, seed in ((42, 42), (0, 0), (np.int64(7), 7), (None, 0), (random.Random, 0), ("seed", 0)):
        message = f"rng must be a random.Random, got {given!r:.40}; write rng=random.Random({seed})"
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            TAKES_RNG[name](given)
    assert [value.data for value in TABLE[0]] == [2.0, 3.0]


@pytest.mark.parametrize("name", TAKES_RNG)
def test_an_rng_is_the_module_or_one_of_its_generators(name):
    before = [value.data for value in TABLE[0]]
    for rng in (random, random.Random(1), random.SystemRandom()):
        TAKES_RNG[name](rng)
    for value, data in zip(TABLE[0], before):
        value.data = data


# Whole numbers, Python's and NumPy's.


WHOLE_NUMBERS = {
    "nin": Neuron,
    "nout": lambda n: Layer(2, n),
    "in_channels": lambda n: Conv2d(n, 1, 3),
    "kernel_size": lambda n: Conv2d(1, 1, n),
    "num_features": nn.BatchNorm1d,
    "normalized_shape": nn.LayerNorm,
    "num_embeddings": lambda n: Embedding(n, 2),
    "hidden_size": lambda n: GRUCell(2, n),
    "num_layers": lambda n: nn.GRU(2, 2, num_layers=n),
    "heads": lambda n: CausalSelfAttention(6, n),
    "batch_size": lambda n: nn.DataLoader([1, 2, 3], batch_size=n),
    "step_size": lambda n: nn.StepLR(nn.SGD(MODEL.parameters(), lr=0.1), n),
    "total_iters": lambda n: nn.LinearLR(nn.SGD(MODEL.parameters(), lr=0.1), total_iters=n),
    "T_0": lambda n: nn.CosineAnnealingWarmRestarts(nn.SGD(MODEL.parameters(), lr=0.1), n),
    "T_mult": lambda n: nn.CosineAnnealingWarmRestarts(nn.SGD(MODEL.parameters(), lr=0.1), 2, n),
    "accumulate": lambda n: nn.fit(
        MODEL, ([[1.0]], [1.0]), nn.mse_loss, optimizer(), 1, accumulate=n, compiled=False, progress=False
    ),
    "T_max": lambda n: nn.CosineAnnealingLR(nn.SGD(MODEL.parameters(), lr=0.1), n),
    "patience": nn.EarlyStopping,
    "n": lambda n: nn.spirals(n, classes=1),
    "classes": lambda n: nn.spirals(6, classes=n),
}


@pytest.mark.parametrize("kind", [int, np.int64, np.uint8, np.array])
@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_a_whole_number_may_be_numpys(name, kind):
    WHOLE_NUMBERS[name](kind(2))


@pytest.mark.parametrize("wrong", [True, np.True_, 0, 2.0, np.float64(2), "2", None, np.array([2]), 1j, -3])
@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_anything_else_is_no_whole_number(name, wrong):
    with pytest.raises(
        ValueError, match=rf"^{name} must be a whole number of at least 1\b.*, got {re.escape(repr(wrong))}"
    ):
        WHOLE_NUMBERS[name](wrong)


def test_whole_numbers_are_kept_as_pythons_so_that_a_state_can_be_saved():
    optimizer, two = nn.SGD(MODEL.parameters(), lr=0.1), np.int64(2)
    loader = nn.DataLoader([1, 2, 3], batch_size=two, shuffle=True, seed=two)
    for part in (
        loader,
        nn.StepLR(optimizer, two),
        nn.ReduceLROnPlateau(optimizer, patience=two),
        nn.EarlyStopping(two),
    ):
        json.dumps(part.state_dict())
    assert list(loader) == list(nn.DataLoader([1, 2, 3], batch_size=2, shuffle=True, seed=2))


def test_sizes_and_seeds_of_data_may_be_numpys():
    X, y, two = [[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1], np.int64(2)
    assert nn.train_test_split(X, y, two, two) == nn.train_test_split(X, y, 2, 2)
    assert nn.train_test_split(X, y, np.float64(0.5)) == nn.train_test_split(X, y, 0.5)
    for points in (nn.moons, nn.circles, nn.spirals, nn.xor, nn.yin_yang):
        assert points(np.int64(6), seed=two) == points(6, seed=2)
    with pytest.raises(ValueError, match="test_size must leave examples in both sets, got True of 4 examples"):
        nn.train_test_split(X, y, True)


def test_training_takes_numpys_whole_numbers():
    two, model = np.int64(2), MLP(np.int64(2), [np.int64(3), 1])
    history = nn.fit(
        model, nn.moons(20), nn.mse_loss, nn.SGD(model.parameters(), lr=0.1), epochs=two, batch_size=two,
        validation=0.5, early_stopping=two, compiled=False, progress=False,
    )  # fmt: skip
    assert history.epoch == 2
    for wrong in (True, 0, 2.0, "2"):
        with pytest.raises(ValueError, match=f"epochs must be a whole number of at least 1, got {wrong!r}"):
            nn.fit(model, nn.moons(20), nn.mse_loss, nn.SGD(model.parameters(), lr=0.1), epochs=wrong)
