"""What to look at when a network does not learn: gradients layer by layer, updates, dead neurons, errors passed back.

>>> from nn import MLP, mse_loss
>>> model = MLP(1, [2, 1])
>>> for neuron, w in zip(model.layers[0].neurons, [1.0, -1.0]):
...     neuron.w[0].data = w
>>> dead_relus(model, [[1.0], [2.0]])
{'layers.0': 0.5}
>>> mse_loss(model.batch([[1.0], [2.0]]), [3.0, 4.0]).backward()
>>> list(gradient_norms(model))
['layers.0', 'layers.1']

A layer is a module that has parameters of its own, or no module within it, by the name that `summary` gives it.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import fsum, hypot, inf, isfinite, sqrt
from typing import Any

from engine import Value, gradients, relu
from engine.modes import callers_depth, switched
from engine.nested import tree_leaves
from engine.value import as_value
from nn.layers.activations import ReLU
from nn.layers.dense import Layer
from nn.module import Module
from nn.training.fit import as_it_was
from nn.training.history import History

# An update that goes with the gradient changes a layer below the first limit 10 million times more slowly than one
# after it: while that one learns all it can, this one moves in the 7th digit. The second is where `viz.plot_gradients`
# draws its line: a usual learning rate times such a norm is more than the weights themselves.
VANISHING, EXPLODING = 1e-7, 1e3


def gradient_norms(model: Module) -> dict[str, float]:
    """The length of each layer's gradient, over the parameters that are its own; frozen ones are left out.

    Raises:
        RuntimeError: if no parameter has a gradient.
    """
    layers = _layers(model)
    if all(p.grad is None for parameters in layers.values() for p in parameters):
        raise RuntimeError("no parameter has a gradient; call loss.backward() before gradient_norms(model)")
    return {name: _length(p.grad or 0.0 for p in parameters) for name, parameters in layers.items()}


def update_ratios(model: Module, before: Mapping[str, Any]) -> dict[str, float]:
    """How far each layer's parameters have moved, as a share of their length: ``|w - before| / |before|``.

    About 0.001 is usual for a single step.

    Args:
        model: the model.
        before: what ``model.state_dict()`` gave earlier.

    Raises:
        ValueError: if it is the state of another model.
    """
    numbers: dict[str, list[tuple[float, float]]] = {}
    for layer, name, parameters in _tensors(model):
        earlier = list(tree_leaves(before.get(name, ())))
        if len(earlier) != len(parameters):
            raise ValueError(f"before has {len(earlier)} numbers of {name}, and the model has {len(parameters)}")
        numbers.setdefault(layer, []).extend((p.data, number) for p, number in zip(parameters, earlier))
    ratios = {}
    for layer, pairs in numbers.items():
        moved, length = _length(now - old for now, old in pairs), _length(old for _, old in pairs)
        ratios[layer] = moved / length if length else inf if moved else 0.0
    return ratios


def dead_relus(model: Module, xs: Iterable[Any]) -> dict[str, float]:
    """The share of relu neurons in each layer that give 0 for every example, and so get no gradient to learn from.

    Args:
        model: the model, which is used as after ``model.eval()``.
        xs: the examples.
    """
    kinds = ("relu", Value.relu, relu)
    with as_it_was(model), switched(recording=False, warning=False), recorded(model.eval()) as outputs:
        model.batch(xs)
    shares = {}
    for path, module in model.named_modules():
        if isinstance(module, ReLU) or (isinstance(module, Layer) and module.neurons[0].activation in kinds):
            neurons = _columns(outputs[_name(path, module)])
            dead = [all(value.data == 0 for value in neuron) for neuron in neurons]
            if dead:
                shares[_name(path, module)] = sum(dead) / len(dead)
    return shares


def error_contributions(model: Module, loss: Callable[[Any, Any], Value], xs: Any, ys: Any) -> dict[str, list[float]]:
    """What each neuron does to the loss: ``∂loss/∂output``, added up over the examples.

    A loss is the mean over the examples, and so this is by how much it grows for each bit that the neuron gives more
    for all of them: it is the error that backpropagation hands back to the neuron. No gradient is changed.

    Args:
        model: the model, which is used as after ``model.eval()``.
        loss: as in `fit`.
        xs: the examples.
        ys: a target for each.

    Returns:
        For each layer a number for every output, in order; those of an image or a sequence one after the other.
    """
    with as_it_was(model), recorded(model.eval()) as outputs:
        value = loss(model.batch(xs), ys)
    columns = {name: _columns(calls) for name, calls in outputs.items()}
    nodes = {node for each in columns.values() for column in each for node in column}
    slopes = dict(zip(nodes, gradients(value, nodes)))
    return {name: [fsum(slopes[node] for node in column) for column in each] for name, each in columns.items()}


def _columns(calls: list[list[Value]]) -> list[dict[Value, None]]:
    """For each neuron what it gave, each Value once: a row of an `Embedding` is the same for many examples."""
    columns: list[dict[Value, None]] = [{} for _ in range(max(map(len, calls), default=0))]
    for output in calls:
        for column, value in zip(columns, output):
            column[value] = None
    return columns


@contextmanager
def recorded(model: Module) -> Iterator[dict[str, list[list[Value]]]]:
    """A block that keeps what each innermost module gives: under its name a flat list for every call of it.

    >>> from nn import MLP
    >>> model = MLP(2, [3, 1])
    >>> with recorded(model) as outputs:
    ...     y = model([1.0, 2.0])
    >>> outputs["layers.1"] == [[y]]
    True
    """
    outputs: dict[str, list[list[Value]]] = {}
    watched: list[tuple[Module, str]] = []
    for path, module in model.named_modules():
        if not any(module.named_children()):
            method = "_fire" if isinstance(module, Layer) else "forward"
            vars(module)[method] = _watched(getattr(module, method), outputs.setdefault(_name(path, module), []))
            watched.append((module, method))
    try:
        yield outputs
    finally:
        for module, method in watched:
            del vars(module)[method]


def _watched(method: Any, calls: list[list[Value]]) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        output = method(*args, **options)
        calls.append([as_value(x) for x in tree_leaves(output)])
        return output

    return call


class Diagnostics:
    """Takes down the health of each layer epoch by epoch, and warns once of each layer that does not learn.

    It is a callback for `fit`; in a loop of one's own call it after ``loss.backward()``.

    Args:
        model: the model.
        xs: examples on which to look for dead relu neurons, and where numbers are not finite; without, neither is done.

    Attributes:
        gradient_norms: for each layer a list of the norms of its gradient, of the last mini-batch of each epoch: for
            `viz.plot_gradients`.
        update_ratios: the same of how far it has moved since the last time; see `update_ratios`.
        dead_relus: the same of the share of its relu neurons that are dead.

    Warns:
        RuntimeWarning: if a gradient vanishes (for each parameter less than 1e-7 of that in a layer after it), explodes
            (a norm above 1e3), or is not finite, or if all relu neurons of a layer are dead.
    """

    def __init__(self, model: Module, xs: Any = None) -> None:
        self.model, self.xs = model, xs
        self.gradient_norms: dict[str, list[float]] = {}
        self.update_ratios: dict[str, list[float]] = {}
        self.dead_relus: dict[str, list[float]] = {}
        self._before = model.state_dict()
        self._told: set[tuple[str, str]] = set()

    def __call__(self, history: History | None = None) -> None:
        """Look at the gradients, and at the parameters, as they are."""
        norms, ratios = gradient_norms(self.model), update_ratios(self.model, self._before)
        dead = dead_relus(self.model, self.xs) if self.xs is not None else {}
        self._before = self.model.state_dict()
        for lists, numbers in ((self.gradient_norms, norms), (self.update_ratios, ratios), (self.dead_relus, dead)):
            for name, number in numbers.items():
                lists.setdefault(name, []).append(number)
        self._warn_of_gradients(norms)
        none = [name for name, share in dead.items() if share == 1]
        self._warn("all relu neurons are dead", none, "they give 0 for every example; try smaller steps or leaky_relu")

    def _warn_of_gradients(self, norms: dict[str, float]) -> None:
        bad = [name for name, norm in norms.items() if not isfinite(norm)]
        if bad:
            self._warn("the gradient is inf or nan", bad, f"{self._where()}detect_anomaly() finds where it arose")
            return
        large = [name for name, norm in norms.items() if norm > EXPLODING]
        advice = f"its norm is up to {max(norms.values()):.3g}; try smaller first weights, standardize, or clip=1.0"
        self._warn("the gradient explodes", large, advice)
        small = vanishing({name: norms[name] / sqrt(len(each)) for name, each in _layers(self.model).items()})
        advice = "a layer after it has over 10⁷ times as much; try larger first weights, a normalisation, or leaky_relu"
        self._warn("the gradient vanishes", small, advice)

    def _warn(self, what: str, layers: list[str], why: str) -> None:
        new = [name for name in layers if (what, name) not in self._told]
        self._told.update((what, name) for name in new)
        if new:
            where = new[0] if len(new) == 1 else f"{len(new)} layers, from {new[0]} to {new[-1]}"
            warnings.warn(f"{what} in {where}: {why}", RuntimeWarning, stacklevel=callers_depth())

    def _where(self) -> str:
        """Which example, or which layer, is the first whose numbers are not finite."""
        for i, x in enumerate(() if self.xs is None else self.xs):
            bad = [number for number in tree_leaves(x) if not isfinite(number)]
            if bad:
                return f"row {i} of xs holds {float(bad[0])}; "
        for i, x in enumerate(() if self.xs is None else self.xs):
            with (
                as_it_was(self.model),
                switched(recording=False, warning=False),
                recorded(self.model.eval()) as outputs,
            ):
                self.model.batch([x])
            for name, calls in outputs.items():
                for value in tree_leaves(calls):
                    if not isfinite(value.data):
                        return f"{name} gives {value.data} for row {i} of xs; "
        return ""


def vanishing(sizes: Mapping[str, float]) -> list[str]:
    """The layers whose gradient is almost nothing beside that of a layer after them.

    A gradient of exactly 0 is none of them: that may be the lot of a layer for a few examples only.

    Args:
        sizes: for each layer, the first one first, the size of the gradient for each parameter.

    >>> vanishing({"first": 1e-9, "second": 1e-5, "third": 1.0})
    ['first']
    """
    found, largest = [], 0.0
    for name, size in reversed(list(sizes.items())):
        if 0 < size < VANISHING * largest:
            found.append(name)
        largest = max(largest, size)
    return found[::-1]


def _name(path: str, module: Module) -> str:
    return path or type(module).__name__


def _tensors(model: Module) -> Iterator[tuple[str, str, list[Value]]]:
    """The parameters that are to be trained: the layer, the name in its state, and the Values of each tensor."""
    trained = set(model.parameters())
    for path, module in model.named_modules():
        for name, tensor in module.tensors():
            values = list(tree_leaves(tensor))
            if values and trained.issuperset(values):
                yield _name(path, module), f"{path}.{name}" if path else name, values


def _layers(model: Module) -> dict[str, list[Value]]:
    layers: dict[str, list[Value]] = {}
    for layer, _, values in _tensors(model):
        layers.setdefault(layer, []).extend(values)
    return layers


def _length(numbers: Iterable[float]) -> float:
    listed = list(numbers)
    length = hypot(*listed)
    return length if isfinite(length) else sum(map(abs, listed))  # hypot(inf, nan) is inf
