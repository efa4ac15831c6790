"""One full-batch training step of a small network on two moons, as micrograd's demo has it and as chalkgrad does it.

The loss is the mean of ``max(0, 1 - target · score)``, plus `ALPHA` times the sum of the squared parameters.
"""

from collections.abc import Callable
from math import cos, pi, sin
from random import Random
from typing import Any

from engine import dot
from nn import MLP, SGD, hinge_loss
from tests.bench.timing import Step

SIZES = 2, [16, 16, 1]
ALPHA = 1e-4
RATE = 0.1


def two_moons(examples: int = 100, noise: float = 0.1, seed: int = 1337) -> tuple[list[list[float]], list[int]]:
    """Points on two half circles that reach into each other, and -1 or 1 for the moon of each."""
    rng = Random(seed)
    points, moons = [], []
    for i in range(examples):
        angle, moon = rng.uniform(0, pi), 2 * (i % 2) - 1
        x, y = (cos(angle), sin(angle)) if moon < 0 else (1 - cos(angle), 0.5 - sin(angle))
        points.append([rng.gauss(x, noise), rng.gauss(y, noise)])
        moons.append(moon)
    return points, moons


def first_weights() -> list[float]:
    """What every network starts from: neuron by neuron, its weights and its bias."""
    rng = Random(1337)
    nin, nouts = SIZES
    sizes = [nin, *nouts]
    weights = []
    for inputs, neurons in zip(sizes, nouts):
        for _ in range(neurons):
            weights += [*(rng.uniform(-1, 1) for _ in range(inputs)), 0.0]
    return weights


def matrices(weights: Any) -> list[Any]:
    """Each layer's part of an array of all weights: a row for each neuron, its weights and its bias."""
    nin, nouts = SIZES
    found, start = [], 0
    for inputs, neurons in zip([nin, *nouts], nouts):
        stop = start + neurons * (inputs + 1)
        found.append(weights[start:stop].reshape(neurons, inputs + 1))
        start = stop
    return found


def fused() -> Step:
    """The way chalkgrad's own lessons write it."""
    model = MLP(*SIZES, activation="relu")
    parameters = model.parameters()
    optimizer = SGD(parameters, lr=RATE)
    points, moons = two_moons()
    set_weights(parameters, first_weights())

    def step() -> float:
        loss = hinge_loss([model(point) for point in points], moons) + ALPHA * dot(parameters, parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.data

    return step


def chopped() -> Step:
    """chalkgrad's network and micrograd's loss, in single additions and multiplications."""
    return _demo(MLP(*SIZES, activation="relu", fused=False), lambda x: x)


def micrograd(number: Callable[[float], Any] | None = None) -> Step:
    """micrograd's network and loss, with its own numbers or with others that know as much."""
    from micrograd.engine import Value  # here, so that the rest of the package does without it
    from micrograd.nn import MLP

    model = MLP(*SIZES)
    number = number or Value
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.w, neuron.b = [number(0.0) for _ in neuron.w], number(0.0)
    return _demo(model, number)


def _demo(model: Any, number: Callable[[float], Any]) -> Step:
    """The training loop of micrograd's demo notebook, for any network of any numbers."""
    parameters = model.parameters()
    points, moons = two_moons()
    set_weights(parameters, first_weights())

    def step() -> float:
        loss = demo_loss(model, parameters, [[number(x) for x in point] for point in points], moons)
        model.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= RATE * p.grad
        return loss.data

    return step


def demo_loss(model: Any, parameters: list[Any], points: list[list[Any]], moons: list[Any]) -> Any:
    """The loss of that notebook, in single operations."""
    scores = [model(point) for point in points]
    losses = [(1 + -moon * score).relu() for moon, score in zip(moons, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + ALPHA * sum(p * p for p in parameters)


def set_weights(parameters: list[Any], weights: list[float]) -> None:
    """Give each parameter its number."""
    assert len(weights) == len(parameters)
    for weight, parameter in zip(weights, parameters):
        parameter.data = weight
