"""Diagnostics for a network that does not learn: gradients and updates by layer, dead neurons, errors passed back.

>>> from nn import MLP, mse_loss
>>> model = MLP(1, [2, 1])
>>> for neuron, w in zip(model.layers[0].neurons, [1.0, -1.0]):
...     neuron.w[0].data = w
>>> dead_relus(model, [[1.0], [2.0]])
{'layers.0': 0.5}
>>> mse_loss(model.batch([[1.0], [2.0]]), [3.0, 4.0]).backward()
>>> list(gradient_norms(model))
['layers.0', 'layers.1']

A layer here is a module that has parameters of its own, or no modules within it. It goes by its name in `summary`.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import fsum, hypot, inf, isfinite, sqrt
from typing import Any

from engine import Value, gradients, relu
from engine.modes import callers_depth, switched
from engine.utils.arguments import described
from engine.utils.nested import tree_leaves
from engine.value import as_value
from nn.layers import Layer, ReLU
from nn.module import Module, check_module
from nn.training.arguments import check_loss
from nn.training.history import History
from nn.training.surroundings import preserve_training_mode

# With a gradient below the first limit, a layer learns 10 million times more slowly than a layer after it: while that
# one learns all it can, this one changes in the 7th digit. Above the second limit, where `viz.plot_gradients` draws its
# line, a typical learning rate times the gradient is larger than the weights themselves.
VANISHING, EXPLODING = 1e-7, 1e3


def gradient_norms(model: Module) -> dict[str, float]:
    """The norm of each layer's gradient, over its own parameters, except frozen ones.

    Raises:
        RuntimeError: if no parameter has a gradient.
    """
    check_module("gradient_norms", model, "gradient_norms(model)")
    layers = _parameters_by_layer(model)
    if not any(p.has_grad for parameters in layers.values() for p in parameters):
        raise RuntimeError("no parameter has a gradient; call loss.backward() before gradient_norms(model)")
    return {
        name: _norm(float(p.grad) if p.has_grad else 0.0 for p in parameters) for name, parameters in layers.items()
    }


def update_ratios(model: Module, before: Mapping[str, Any]) -> dict[str, float]:
    """How far each layer's parameters have moved, relative to their norm: ``|w - before| / |before|``.

    About 0.001 is typical for a single step.

    Args:
        model: the model.
        before: what ``model.state_dict()`` returned earlier.

    Raises:
        ValueError: if the state belongs to another model.
    """
    check_module("update_ratios", model, "update_ratios(model, before)")
    if not isinstance(before, Mapping):
        raise TypeError(f"before is what model.state_dict() returned earlier, got {described(before)}")
    numbers: dict[str, list[tuple[float, float]]] = {}
    for layer, name, parameters in _trainable_tensors(model):
        earlier = list(tree_leaves(before.get(name, ())))
        if len(earlier) != len(parameters):
            raise ValueError(f"before has {len(earlier)} numbers for {name}, but the model has {len(parameters)}")
        numbers.setdefault(layer, []).extend((p.data, number) for p, number in zip(parameters, earlier))
    ratios = {}
    for layer, pairs in numbers.items():
        moved, size = _norm(now - old for now, old in pairs), _norm(old for _, old in pairs)
        ratios[layer] = moved / size if size else inf if moved else 0.0
    return ratios


def dead_relus(model: Module, xs: Iterable[Any]) -> dict[str, float]:
    """The share of relu neurons in each layer that output 0 for every example, and so have no gradient to learn from.

    Args:
        model: the model; it is run in eval mode.
        xs: the examples.
    """
    check_module("dead_relus", model, "dead_relus(model, xs)")
    kinds = ("relu", Value.relu, relu)
    with (
        preserve_training_mode(model),
        switched(recording=False, warning=False),
        record_outputs(model.eval()) as outputs,
    ):
        model.batch(xs)
    shares = {}
    for path, module in model.named_modules():
        if isinstance(module, ReLU) or (isinstance(module, Layer) and module.neurons[0].activation in kinds):
            neurons = _columns(outputs[_layer_name(path, module)])
            dead = [all(value.data == 0 for value in neuron) for neuron in neurons]
            if dead:
                shares[_layer_name(path, module)] = sum(dead) / len(dead)
    return shares


def error_contributions(model: Module, loss: Callable[[Any, Any], Value], xs: Any, ys: Any) -> dict[str, list[float]]:
    """What each neuron contributes to the loss: ``∂loss/∂output``, summed over the examples.

    This is the rate at which the loss grows if the neuron's output grows equally for all examples: the error that
    backpropagation passes back to the neuron. The gradients of the parameters are not changed.

    Args:
        model: the model; it is run in eval mode.
        loss: as in `fit`.
        xs: the examples.
        ys: a target for each.

    Returns:
        For each layer, a number for every output, in order; those of an image or a sequence one after another.
    """
    check_module("error_contributions", model, "error_contributions(model, loss, xs, ys)")
    check_loss(loss)
    with preserve_training_mode(model), record_outputs(model.eval()) as outputs:
        value = loss(model.batch(xs), ys)
    columns = {name: _columns(calls) for name, calls in outputs.items()}
    nodes = {node for each in columns.values() for column in each for node in column}
    slopes = dict(zip(nodes, gradients(value, nodes)))
    return {name: [fsum(slopes[node] for node in column) for column in each] for name, each in columns.items()}


def _columns(calls: list[list[Value]]) -> list[dict[Value, None]]:
    """The outputs of each neuron, each Value once: many examples may share a row of an `Embedding`."""
    columns: list[dict[Value, None]] = [{} for _ in range(max(map(len, calls), default=0))]
    for output in calls:
        for column, value in zip(columns, output):
            column[value] = None
    return columns


@contextmanager
def record_outputs(model: Module) -> Iterator[dict[str, list[list[Value]]]]:
    """A block that records the outputs of each innermost module: under its name, one flat list for every call.

    >>> from nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> with record_outputs(model) as outputs:
    ...     y = model([1.0, 2.0])
    >>> outputs["layers.1"] == [[y]]
    True
    """
    outputs: dict[str, list[list[Value]]] = {}
    wrapped: list[tuple[Module, str]] = []
    for path, module in model.named_modules():
        if not any(module.named_children()):
            method = "_forward" if isinstance(module, Layer) else "forward"
            calls = outputs.setdefault(_layer_name(path, module), [])
            vars(module)[method] = _recording(getattr(module, method), calls)
            wrapped.append((module, method))
    try:
        yield outputs
    finally:
        for module, method in wrapped:
            del vars(module)[method]


def _recording(method: Any, calls: list[list[Value]]) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        output = method(*args, **options)
        calls.append([as_value(x) for x in tree_leaves(output)])
        return output

    return call


class Diagnostics:
    """Records how well each layer is doing, epoch by epoch, and warns once about each layer that does not learn.

    It is a callback for `fit`; in a loop of your own, call it after ``loss.backward()``.

    Args:
        model: the model.
        xs: examples in which to look for dead relu neurons, and for the origin of numbers that are not finite; without
            them, it looks for neither.

    Attributes:
        gradient_norms: for each layer, the norms of its gradient, from the last mini-batch of each epoch; for
            `viz.plot_gradients`.
        update_ratios: likewise, how far its parameters have moved since the last time; see `update_ratios`.
        dead_relus: likewise, the share of its relu neurons that are dead.

    Warns:
        RuntimeWarning: if a gradient vanishes (per parameter, less than 1e-7 of that in a layer after it), explodes (a
            norm above 1e3), or is not finite, or if all relu neurons of a layer are dead.
    """

    def __init__(self, model: Module, xs: Any = None) -> None:
        check_module("Diagnostics", model, "Diagnostics(model)")
        self.model, self.xs = model, xs
        self.gradient_norms: dict[str, list[float]] = {}
        self.update_ratios: dict[str, list[float]] = {}
        self.dead_relus: dict[str, list[float]] = {}
        self._before = model.state_dict()
        self._warned: set[tuple[str, str]] = set()

    def __call__(self, history: History | None = None) -> None:
        """Look at the current gradients and parameters."""
        norms, ratios = gradient_norms(self.model), update_ratios(self.model, self._before)
        dead = dead_relus(self.model, self.xs) if self.xs is not None else {}
        self._before = self.model.state_dict()
        for lists, numbers in ((self.gradient_norms, norms), (self.update_ratios, ratios), (self.dead_relus, dead)):
            for name, number in numbers.items():
                lists.setdefault(name, []).append(number)
        self._warn_of_gradients(norms)
        all_dead = [name for name, share in dead.items() if share == 1]
        self._warn(
            "all relu neurons are dead", all_dead, "they output 0 for every example; try smaller steps or leaky_relu"
        )

    def _warn_of_gradients(self, norms: dict[str, float]) -> None:
        bad = [name for name, norm in norms.items() if not isfinite(norm)]
        if bad:
            self._warn("the gradient is inf or nan", bad, f"{self._origin()}detect_anomaly() finds where it arose")
            return
        large = [name for name, norm in norms.items() if norm > EXPLODING]
        advice = f"its norm is up to {max(norms.values()):.3g}; try smaller initial weights, standardize, or clip=1.0"
        self._warn("the gradient explodes", large, advice)
        small = vanishing(
            {name: norms[name] / sqrt(len(each)) for name, each in _parameters_by_layer(self.model).items()}
        )
        advice = (
            "a later layer has over 1e7 times as much; try larger initial weights, normalization layers, or leaky_relu"
        )
        self._warn("the gradient vanishes", small, advice)

    def _warn(self, what: str, layers: list[str], why: str) -> None:
        new = [name for name in layers if (what, name) not in self._warned]
        self._warned.update((what, name) for name in new)
        if new:
            where = new[0] if len(new) == 1 else f"{len(new)} layers, from {new[0]} to {new[-1]}"
            warnings.warn(f"{what} in {where}: {why}", RuntimeWarning, stacklevel=callers_depth())

    def _origin(self) -> str:
        """Where the first number that is not finite occurs: in which example, or in the output of which layer."""
        for i, x in enumerate(() if self.xs is None else self.xs):
            bad = [number for number in tree_leaves(x) if not isfinite(number)]
            if bad:
                return f"row {i} of xs holds {float(bad[0])}; "
        for i, x in enumerate(() if self.xs is None else self.xs):
            with (
                preserve_training_mode(self.model),
                switched(recording=False, warning=False),
                record_outputs(self.model.eval()) as outputs,
            ):
                self.model.batch([x])
            for name, calls in outputs.items():
                for value in tree_leaves(calls):
                    if not isfinite(value.data):
                        return f"{name} outputs {value.data} for row {i} of xs; "
        return ""


def vanishing(sizes: Mapping[str, float]) -> list[str]:
    """The layers whose gradient is almost nothing compared with that of a layer after them.

    A gradient of exactly 0 does not count: it may be 0 only for the few examples that were looked at.

    Args:
        sizes: for each layer, in order, the size of the gradient per parameter.

    >>> vanishing({"first": 1e-9, "second": 1e-5, "third": 1.0})
    ['first']
    """
    found, largest = [], 0.0
    for name, size in reversed(list(sizes.items())):
        if 0 < size < VANISHING * largest:
            found.append(name)
        largest = max(largest, size)
    return found[::-1]


def _layer_name(path: str, module: Module) -> str:
    return path or type(module).__name__


def _trainable_tensors(model: Module) -> Iterator[tuple[str, str, list[Value]]]:
    """All trainable tensors: the name of the layer, the name in the state dict, and the Values."""
    trained = set(model.parameters())
    for path, module in model.named_modules():
        for name, tensor in module.tensors():
            values = list(tree_leaves(tensor))
            if values and trained.issuperset(values):
                yield _layer_name(path, module), f"{path}.{name}" if path else name, values


def _parameters_by_layer(model: Module) -> dict[str, list[Value]]:
    layers: dict[str, list[Value]] = {}
    for layer, _, values in _trainable_tensors(model):
        layers.setdefault(layer, []).extend(values)
    return layers


def _norm(numbers: Iterable[float]) -> float:
    numbers = list(numbers)
    norm = hypot(*numbers)
    return norm if isfinite(norm) else sum(map(abs, numbers))  # hypot(inf, nan) is inf
