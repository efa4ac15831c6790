"""Initial weights: how large they must be for a signal, and its gradient, to keep the same size from layer to layer.

A neuron's sum has the variance ``fan_in · variance(weight) · variance(input)``, and an activation then takes some of it
away. Each function changes the Values in place, and returns what it was given:

>>> import random
>>> from nn import MLP
>>> model = kaiming_uniform_(MLP(4, [3, 1]), rng=random.Random(0))
>>> max(abs(p.data) for p in model.parameters()) < (2 * 3 / 3) ** 0.5
True

Given a module, they change its weights and those of all modules within it, a weight being a parameter with two axes or
more. Biases, and the weights of normalization layers, stay as they are; to change those, pass the list itself:
``zeros_(layer.bias)``.
"""

import random
from collections.abc import Callable
from math import prod, sqrt
from typing import Any, TypeVar

from engine import Value
from engine.utils.messages import brief
from engine.utils.nested import tree_leaves
from nn.checks import check_at_least_0, check_finite, check_rng
from nn.module import Module
from nn.tensors import is_container, shape

Target = TypeVar("Target")

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3}


def gain(nonlinearity: Any) -> float:
    """The factor by which weights must grow to make up for an activation: PyTorch's for tanh, and √2 for the others.

    Args:
        nonlinearity: a name in `ACTIVATIONS`, or a function.
    """
    return _GAINS.get(str(nonlinearity), sqrt(2))


def kaiming_uniform_(target: Target, nonlinearity: str = "relu", rng: Any = random) -> Target:
    """Uniform from ``±gain · √(3 / fan_in)``. Source: He et al., 2015, https://arxiv.org/abs/1502.01852.

    Args:
        target: a module, or a nested list of Values: ``[out][in]``, or ``[out][in][height][width]`` for a convolution.
        nonlinearity: the activation that follows, a name in `ACTIVATIONS`.
        rng: the source of the random numbers, `random` or a `random.Random(seed)`.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if there are no weights with two axes or more.
    """
    return _fill_by_fans(target, lambda fan_in, _: _uniform(gain(nonlinearity) * sqrt(3 / fan_in), rng))


def kaiming_normal_(target: Target, nonlinearity: str = "relu", rng: Any = random) -> Target:
    """Normal, with standard deviation ``gain / √fan_in``; otherwise like `kaiming_uniform_`."""
    return _fill_by_fans(target, lambda fan_in, _: _normal(gain(nonlinearity) / sqrt(fan_in), rng))


def xavier_uniform_(target: Target, gain: float = 1.0, rng: Any = random) -> Target:
    """Uniform from ``±gain · √(6 / (fan_in + fan_out))``, a compromise between forward and backward pass.

    Source: Glorot, Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html. The arguments are those of
    `kaiming_uniform_`, except that the gain is a number.
    """
    check_finite("gain", gain)
    return _fill_by_fans(target, lambda fan_in, fan_out: _uniform(gain * sqrt(6 / (fan_in + fan_out)), rng))


def xavier_normal_(target: Target, gain: float = 1.0, rng: Any = random) -> Target:
    """Normal, with standard deviation ``gain · √(2 / (fan_in + fan_out))``; otherwise like `xavier_uniform_`."""
    check_finite("gain", gain)
    return _fill_by_fans(target, lambda fan_in, fan_out: _normal(gain * sqrt(2 / (fan_in + fan_out)), rng))


def uniform_(target: Target, a: float = 0.0, b: float = 1.0, rng: Any = random) -> Target:
    """Uniform from `a` to `b`."""
    check_rng(rng, "uniform")
    check_finite("a", a)
    check_finite("b", b)
    return _fill(target, lambda: rng.uniform(a, b))


def normal_(target: Target, mean: float = 0.0, std: float = 1.0, rng: Any = random) -> Target:
    """Normal, with the given mean and standard deviation."""
    check_rng(rng, "gauss")
    check_finite("mean", mean)
    check_at_least_0("std", std)
    return _fill(target, lambda: rng.gauss(mean, std))


def constant_(target: Target, val: float) -> Target:
    """All numbers the same. Neurons of a layer that start equal stay equal, because they get the same gradient."""
    check_finite("val", val)
    return _fill(target, lambda: val)


def zeros_(target: Target) -> Target:
    """All numbers 0, as biases start out."""
    return constant_(target, 0.0)


def _uniform(bound: float, rng: Any) -> Callable[[], float]:
    check_rng(rng, "uniform")
    return lambda: rng.uniform(-bound, bound)


def _normal(std: float, rng: Any) -> Callable[[], float]:
    check_rng(rng, "gauss")
    return lambda: rng.gauss(0.0, std)


def _fill_by_fans(target: Target, draw: Callable[[int, int], Callable[[], float]]) -> Target:
    """Fill each tensor from a distribution that depends on its fans: the connections into and out of a neuron."""
    for tensor in _tensors_to_fill(target):
        sizes = shape(tensor)
        if sizes is None or len(sizes) < 2:
            raise ValueError(
                f"fan_in and fan_out are defined for a weight [out][in], got the shape {list(sizes or ())}; use "
                "normal_, uniform_ or zeros_ for other lists"
            )
        fan_out, fan_in, *window = sizes
        number = draw(fan_in * prod(window), fan_out * prod(window))
        for value in tree_leaves(tensor):
            value.data = number()
    return target


def _fill(target: Target, number: Callable[[], float]) -> Target:
    for tensor in _tensors_to_fill(target):
        for value in tree_leaves(tensor):
            value.data = number()
    return target


def _tensors_to_fill(target: Any) -> list[Any]:
    """The tensors to fill: the weights of a module, or the list itself."""
    if not isinstance(target, Module):
        if not is_container(target) or not all(isinstance(value, Value) for value in tree_leaves(target)):
            raise TypeError(f"initial weights go into a module or lists of Values, got {brief(target)}")
        return [target]
    parameters = set(target.parameters(frozen=True))
    found = [tensor for _, module in target.named_modules() for _, tensor in module.tensors()]
    matrices = [tensor for tensor in found if len(shape(tensor) or ()) > 1]
    weights = [tensor for tensor in matrices if parameters.issuperset(tree_leaves(tensor))]
    if not weights:
        raise ValueError(f"{target!r} has no weights with two axes or more; pass the list of Values itself")
    return weights
