"""Neurons, layers of neurons, and networks of layers.

>>> import random
>>> model = MLP(2, [3, 1], rng=random.Random(0))
>>> model
MLP(2, [3, 1], activation='relu')
>>> len(model.parameters())
13
"""

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from math import sqrt
from typing import Any

from engine import Value, nary_rules
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.value import record
from nn.checks import check_inputs, check_integer, check_rng
from nn.init import gain
from nn.layers.activations import ACTIVATIONS
from nn.module import Module

ActivationLike = str | Callable[[Value], Value]


class Neuron(Module):
    """``activation(w · x + b)``.

    The weights start uniformly from ±gain·√(3 / nin), which keeps the size of the signal the same from layer to layer;
    the bias starts at 0.

    Args:
        nin: the number of inputs.
        activation: a name in `ACTIVATIONS`, or a function of a Value.
        fused: make ``w · x + b`` one node; if False, a node for each addition and multiplication, as on a blackboard.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the neuron: ``L0.n3`` has the parameters ``L0.n3.w0``, ``L0.n3.w1``, ``L0.n3.b``.
        bias: whether there is a `b`; if not, the attribute is None.
        nonlin: what micrograd has in place of `activation`: if False, there is no activation.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if `nin` is not a positive whole number, or the activation is unknown or contradicts `nonlin`; when
            called with anything but `nin` inputs.

    >>> neuron = Neuron(2, activation="tanh")
    >>> [p.label for p in neuron.parameters()]
    ['w0', 'w1', 'b']
    """

    def __init__(
        self,
        nin: int,
        activation: ActivationLike = "relu",
        fused: bool = True,
        rng: Any = random,
        label: str = "",
        *,
        bias: bool = True,
        nonlin: bool | None = None,
    ) -> None:
        nin = check_integer("nin", nin)
        check_rng(rng, "uniform")
        if nonlin is not None:
            activation = _activation_of(activation, nonlin)
        if not callable(activation) and not (isinstance(activation, str) and activation in ACTIVATIONS):
            raise ValueError(
                f"unknown activation {activation!r}; choose one of {', '.join(ACTIVATIONS)}, or pass a function"
            )
        self.activation, self.fused = activation, fused
        self._activate: Any = activation if callable(activation) else ACTIVATIONS[activation]
        bound = gain(activation) * sqrt(3 / nin)
        self.label = label
        prefix = f"{label}." if label else ""
        self.w = [Value(rng.uniform(-bound, bound), f"{prefix}w{i}", role="parameter") for i in range(nin)]
        self.b = Value(0.0, f"{prefix}b", role="parameter") if bias else None

    @property
    def nonlin(self) -> bool:
        """Whether there is an activation, as micrograd asks."""
        return self.activation != "linear"

    def forward(self, x: Any) -> Value:
        """The output, for one input per weight."""
        return self._forward(check_inputs(x, len(self.w), self))

    def _forward(self, xs: list[Value]) -> Value:
        total: Any
        if self.fused:
            total = record(nary_rules.dot, (*self.w, *xs) if self.b is None else (*self.w, *xs, self.b))
        else:
            total = 0.0 if self.b is None else self.b
            for weight, value in zip(self.w, xs):
                total = total + weight * value
        activated: Value = self._activate(total)
        if self.label:
            activated.label = self.label
        return activated

    def __repr__(self) -> str:
        return f"Neuron({len(self.w)}, activation={self.activation!r}{bias_repr(self.b)})"


def _activation_of(activation: ActivationLike, nonlin: bool) -> ActivationLike:
    """The activation that micrograd's `nonlin` stands for."""
    if not isinstance(nonlin, bool) or activation not in (("relu", "linear") if not nonlin else ACTIVATIONS):
        raise ValueError(f"nonlin is True or False, and False means no activation, got {nonlin!r} and {activation!r}")
    if nonlin and activation == "linear":
        raise ValueError("nonlin=True is an activation, got activation='linear' too; leave one of them out")
    return activation if nonlin else "linear"


class Layer(Module):
    """Several neurons that share the same inputs.

    Called with a row, it returns a list, even if it has only one neuron: ``Layer(2, 1)(x)[0]`` is the Value that
    micrograd's layer returns.

    Args:
        nin: the number of inputs.
        nout: the number of neurons.
        activation: as in `Neuron`.
        fused: as in `Neuron`.
        rng: as in `Neuron`.
        label: the name of the layer; its neurons are ``label.n0``, ``label.n1``.
        bias: as in `Neuron`.
        nonlin: as in `Neuron`.

    Raises:
        TypeError, ValueError: as in `Neuron`, and if `nout` is not a positive whole number.
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        activation: ActivationLike = "relu",
        fused: bool = True,
        rng: Any = random,
        label: str = "",
        *,
        bias: bool = True,
        nonlin: bool | None = None,
    ) -> None:
        nout = check_integer("nout", nout)
        self.label = label
        prefix = f"{label}." if label else ""
        self.neurons = [
            Neuron(nin, activation, fused, rng, f"{prefix}n{i}", bias=bias, nonlin=nonlin) for i in range(nout)
        ]

    def forward(self, x: Any) -> list[Value]:
        """A list with one output for each neuron."""
        return self._forward(check_inputs(x, len(self.neurons[0].w), self))

    @property
    def weight(self) -> list[list[Value]]:
        """The weights, ``[nout][nin]``: a row for each neuron."""
        return [neuron.w for neuron in self.neurons]

    @property
    def bias(self) -> list[Value]:
        """The biases, one for each neuron; an empty list in a layer without biases."""
        return [neuron.b for neuron in self.neurons if neuron.b is not None]

    def tensors(self) -> Iterator[tuple[str, Any]]:
        """The parameters of all its neurons, as ``weight`` and ``bias``."""
        yield "weight", self.weight
        if self.bias:
            yield "bias", self.bias

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """None: its neurons are the rows of its tensors."""
        return iter(())

    def _forward(self, xs: list[Value]) -> list[Value]:
        return [neuron._forward(xs) for neuron in self.neurons]

    def __repr__(self) -> str:
        first = self.neurons[0]
        return f"Layer({len(first.w)}, {len(self.neurons)}, activation={first.activation!r}{bias_repr(first.b)})"


class Linear(Layer):
    """A `Layer` without an activation, under PyTorch's name.

    Its initial weights preserve the size of the signal if no activation follows; if `ReLU` or another one does, use a
    function from `nn.init`.

    Args:
        nin: the number of inputs.
        nout: the number of outputs.
        bias: whether to add a bias.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: as in `Layer`.

    Raises:
        TypeError, ValueError: as in `Layer`.

    >>> len(Linear(2, 3)([1.0, 2.0]))
    3
    """

    def __init__(self, nin: int, nout: int, bias: bool = True, rng: Any = random, label: str = "") -> None:
        super().__init__(nin, nout, "linear", rng=rng, label=label, bias=bias)

    def __repr__(self) -> str:
        first = self.neurons[0]
        return f"Linear({len(first.w)}, {len(self.neurons)}{bias_repr(first.b)})"


class MLP(Module):
    """A multi-layer perceptron: one layer after another, the last one without an activation.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons in each layer, the last of which is the number of outputs.
        activation: as in `Neuron`, for all layers but the last.
        fused: as in `Neuron`.
        rng: as in `Neuron`.
        bias: as in `Neuron`, for all layers.

    Raises:
        TypeError: as in `Layer`, and if `nouts` is not a list.
        ValueError: as in `Layer`, and if `nouts` is empty.

    Called with one example, a row of `nin` numbers or Values, it returns a Value if the last layer has one neuron,
    and otherwise a list of them.
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: ActivationLike = "relu",
        fused: bool = True,
        rng: Any = random,
        *,
        bias: bool = True,
    ) -> None:
        if not isinstance(nouts, Sequence) or isinstance(nouts, str):
            integers = map(as_integer, (nouts, activation, fused, rng))  # where sizes that are in no list end up
            given = list(takewhile(lambda size: size is not None, integers))
            shown = ", ".join(map(str, given)) or f"{brief(nouts)}"
            raise TypeError(f"MLP takes a list of layer sizes, got {shown}; write MLP({nin}, {given or [16, 1]})")
        if not nouts:
            raise ValueError(f"MLP takes at least one layer, got {nouts!r}; write MLP({nin}, [16, 1])")
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.activation = activation
        self.layers = [
            Layer(sizes[i], sizes[i + 1], "linear" if i == last else activation, fused, rng, f"L{i}", bias=bias)
            for i in range(len(nouts))
        ]

    def forward(self, x: Any) -> Any:
        """The outputs for one example."""
        xs = check_inputs(x, len(self.layers[0].neurons[0].w), self)
        for layer in self.layers:
            xs = layer._forward(xs)
        return xs[0] if len(xs) == 1 else xs

    def __repr__(self) -> str:
        sizes, first = [len(layer.neurons) for layer in self.layers], self.layers[0].neurons[0]
        return f"MLP({len(first.w)}, {sizes}, activation={self.activation!r}{bias_repr(first.b)})"


def bias_repr(bias: Any) -> str:
    """The end of a layer's repr: nothing if it has a bias."""
    return ", bias=False" if bias is None else ""
