"""The measured work in functions that chalkgrad compiles."""

from functools import cache, partial
from typing import Any

import numba  # without it compile runs in plain Python, which is measured anyway
import numpy as np

from engine import Value, compile, dot, select, softmax
from engine.utils.nested import tree_leaves
from nn import MLP, SGD, Adam, Conv2d, Flatten, Linear, ReLU, Sequential, cross_entropy, hinge_loss
from tests.bench import microgpt, nets
from tests.bench.expression import expression, readme
from tests.bench.microgpt import GPT, TOKENS
from tests.bench.moons import ALPHA, RATE, SIZES, demo_loss, first_weights, set_weights, two_moons
from tests.bench.timing import Step


def in_lanes(whole: bool = False) -> Step:
    """The training step on two moons, as the loss of one example, whose tape runs over all of them."""
    model = MLP(*SIZES, activation="relu")
    parameters = model.parameters()
    set_weights(parameters, first_weights())
    optimizer = SGD(parameters, lr=RATE)
    points, moons = map(np.array, two_moons())

    @compile
    def loss(point, moon):
        return hinge_loss(model(point), moon) + ALPHA * dot(parameters, parameters)

    def step() -> float:
        value = loss.mean(points, moons)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.data

    return partial(optimizer.minimize, loss.mean, points, moons) if whole else step


def one_graph(whole: bool = False) -> Step:
    """The same, as one graph of single additions and multiplications for all examples together."""
    model = MLP(*SIZES, activation="relu", fused=False)
    parameters = model.parameters()
    set_weights(parameters, first_weights())
    optimizer = SGD(parameters, lr=RATE)
    points, moons = map(np.array, two_moons())
    loss = compile(lambda points, moons: demo_loss(model, parameters, points, moons))

    def step() -> float:
        value = loss(points, moons)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.data

    return partial(optimizer.minimize, loss, points, moons) if whole else step


class SelectingGPT(GPT):
    """A `GPT` whose tokens may be inputs of a graph."""

    def embedding(self, token):
        return [select(column, token) for column in zip(*self.matrices["token"])]

    def entry(self, values, token):
        return select(values, token)


def training(whole: bool = False) -> Step:
    """The training step of microgpt, of any document of as many tokens."""
    model = SelectingGPT(Value, dot, softmax)
    betas = microgpt.DECAY, microgpt.SQUARE_DECAY
    optimizer = Adam(model.parameters(), lr=microgpt.RATE, betas=betas, eps=microgpt.EPSILON)
    loss = compile(model.loss)

    def step() -> float:
        value = loss(TOKENS)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.data

    return partial(optimizer.minimize, loss, TOKENS) if whole else step


def of_size(net: nets.Net) -> Step:
    """The training step of a network of dense layers; recorded once, and begun anew with the same weights."""
    model, loss = _of_size(net)
    for layer, weights in zip((part for part in model if part.parameters()), nets.first_weights(net)):
        set_weights([*tree_leaves(layer.weight)], [x for row in weights for x in row])
        set_weights(layer.bias, [0.0] * len(weights))
    rows, labels = map(np.array, nets.batch(net))
    optimizer = SGD(model.parameters(), lr=nets.RATE)
    return partial(optimizer.minimize, loss.mean, rows, labels)


@cache
def _of_size(net: nets.Net) -> tuple[Sequential, Any]:
    parts: list[Any] = []
    if net.kernels:
        parts += [Conv2d(1, net.kernels, nets.WINDOW, nets.STRIDE), ReLU(), Flatten()]
    for n, m in zip(net.sizes, net.sizes[1:]):
        parts += [Linear(n, m), ReLU()]
    model = Sequential(*parts[:-1])

    def loss(numbers, label):
        image = [numbers[i : i + nets.SIDE] for i in range(0, len(numbers), nets.SIDE)]
        return cross_entropy(model([image] if net.kernels else numbers), label)

    return model, compile(loss)


VERSIONS = {"numba": numba.__version__}
MOONS = {
    "chalkgrad compiled, in lanes": in_lanes,
    "chalkgrad compiled, minimize": partial(in_lanes, whole=True),
    "chalkgrad compiled, one graph": one_graph,
    "chalkgrad compiled, one graph, minimize": partial(one_graph, whole=True),
}
MICROGPT = {"chalkgrad compiled": training, "chalkgrad compiled, minimize": partial(training, whole=True)}
README = {"chalkgrad compiled": readme(Value, compile(expression))}
NETS = {"chalkgrad compiled, minimize": of_size}
