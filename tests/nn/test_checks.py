"""What is asked of what a user hands over, the same everywhere: of settings, and of what random numbers come from."""

import inspect
import random
import re

import numpy as np
import pytest

import nn
from engine import Value
from nn import MLP, CausalSelfAttention, Conv2d, Dropout, Embedding, GRUCell, Layer, Linear, Neuron, init

TAKES_RNG = {
    "MLP": lambda rng: MLP(2, [3, 1], rng=rng),
    "Layer": lambda rng: Layer(2, 1, rng=rng),
    "Linear": lambda rng: Linear(2, 1, rng=rng),
    "Neuron": lambda rng: Neuron(2, rng=rng),
    "Conv2d": lambda rng: Conv2d(1, 1, 2, rng=rng),
    "Embedding": lambda rng: Embedding(3, 2, rng=rng),
    "GRUCell": lambda rng: GRUCell(2, 2, rng=rng),
    "CausalSelfAttention": lambda rng: CausalSelfAttention(2, 1, rng=rng),
    "Dropout": lambda rng: Dropout(0.5, rng=rng),
    "kaiming_uniform_": lambda rng: init.kaiming_uniform_(TABLE, rng=rng),
    "kaiming_normal_": lambda rng: init.kaiming_normal_(TABLE, rng=rng),
    "xavier_uniform_": lambda rng: init.xavier_uniform_(TABLE, rng=rng),
    "xavier_normal_": lambda rng: init.xavier_normal_(TABLE, rng=rng),
    "uniform_": lambda rng: init.uniform_(TABLE, rng=rng),
    "normal_": lambda rng: init.normal_(TABLE, rng=rng),
}
TABLE = [[Value(2.0), Value(3.0)]]


SETTINGS = {
    "clip": lambda x: nn.fit(MODEL, ([[1.0]], [1.0]), nn.mse_loss, nn.SGD(MODEL.parameters(), lr=0.1), clip=x),
    "gamma": lambda x: nn.StepLR(nn.SGD(MODEL.parameters(), lr=0.1), 1, gamma=x),
    "start_factor": lambda x: nn.LinearLR(nn.SGD(MODEL.parameters(), lr=0.1), start_factor=x),
    "eta_min": lambda x: nn.CosineAnnealingLR(nn.SGD(MODEL.parameters(), lr=0.1), 2, eta_min=x),
    "factor": lambda x: nn.ReduceLROnPlateau(nn.SGD(MODEL.parameters(), lr=0.1), factor=x),
    "p": lambda x: Dropout(x),
    "max_norm": lambda x: nn.clip_grad_norm_(MODEL.parameters(), x),
    "momentum": lambda x: nn.SGD(MODEL.parameters(), lr=0.1, momentum=x),
}
MODEL = Neuron(1)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("given", ["a", -1.0, [0.5], 1j])
def test_a_setting_that_is_no_number_or_too_small_is_told(name, given):
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {re.escape(repr(given))}"):
        SETTINGS[name](given)


def test_everything_that_takes_an_rng_is_here():
    found = set()
    for module in (nn, init):
        for name, thing in vars(module).items():
            rng = inspect.signature(thing).parameters.get("rng") if callable(thing) else None
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


def test_sizes_may_be_numpys_and_are_not_true():
    assert len(MLP(np.int64(2), [np.int64(3)]).parameters()) == 9
    for size in (True, 0, 2.0, "2", None):
        with pytest.raises(ValueError, match=re.escape(f"nin must be a whole number of at least 1, got {size!r}")):
            Neuron(size)
