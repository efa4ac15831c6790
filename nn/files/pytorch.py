"""Models taken to PyTorch, and brought back from it.

    model = Sequential(Linear(2, 8), ReLU(), Linear(8, 1))
    network = to_torch(model)                         # a torch.nn.Sequential, to be trained as any other
    network(torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64))
    model = from_torch(network)

A model here is called on one example; PyTorch's on a batch, with one more axis in front, as ``model.batch`` is. Weights
have the same names in both, so that a file made here is read there, and the other way round.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from engine.nested import tree_leaves
from nn.layers.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh
from nn.layers.attention import CausalSelfAttention
from nn.layers.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from nn.layers.dense import MLP, Layer, Linear, Neuron
from nn.layers.dropout import Dropout
from nn.layers.embedding import Embedding
from nn.layers.normalisation import BatchNorm1d, LayerNorm, RMSNorm
from nn.layers.recurrent import GRUCell
from nn.layers.sequential import Sequential, prefix_labels
from nn.module import Module, named_tensors
from nn.tensors import shape


def to_torch(model: Module) -> Any:
    """The same model as a ``torch.nn.Module``, in float64: the same outputs, and the same names in its state.

    Whether it is in training, what is frozen and what is shared is carried over. Its parts are PyTorch's own; only
    `Neuron`, `Layer`, `MLP` and `CausalSelfAttention`, which PyTorch has not, are written for it here.

    Args:
        model: a layer or network of nn.

    Raises:
        TypeError: if it is, or has in it, a module or an activation that is not of nn.
        ValueError: if PyTorch's tensors can't hold it: modules share a part of a tensor, or a part of one is frozen.
        ImportError: if PyTorch is not installed.
    """
    torch = _torch()
    theirs = _there(model, {}).to(torch.float64)
    state = {name: torch.tensor(tensor, dtype=torch.float64) for name, tensor in model.state_dict().items()}
    theirs.load_state_dict(state)
    _tie(theirs, model)
    return theirs


def from_torch(module: Any) -> Module:
    """The same model in nn, of a ``torch.nn.Module`` made of layers that nn has.

    Whether it is in training, what is frozen and what is shared is carried over. (Above 20, PyTorch's Softplus leaves
    out a term below 3e-9, unless it is told otherwise, as `to_torch` does.)

    Args:
        module: a layer or network, on any device and of any precision.

    Raises:
        TypeError: if it is, or has in it, a module that nn has not.
        ValueError: if a layer has an option that nn has not, a number is not finite, modules share a tensor and are not
            the same, or of a layer's parameters some require a gradient and others do not.
        ImportError: if PyTorch is not installed.
    """
    _torch()
    names = {kind.__name__: kind for kind in TABLE}
    kind = names.get(type(module).__name__.removeprefix("Torch"))
    if kind is None or type(module) is not _class_there(kind):
        raise TypeError(
            f"from_torch knows PyTorch's modules that nn has too, got {_kind(module)}; write a Module of the same "
            "parts and names, and give it the numbers with model.load_state_dict(module.state_dict())"
        )
    _, here = TABLE[kind]
    ours: Module = here(kind, module)
    ours.load_state_dict({name: tensor.tolist() for name, tensor in module.state_dict().items()})
    if len(ours.parameters(frozen=True)) > sum(parameter.numel() for parameter in module.parameters()):
        raise ValueError(
            f"two modules of {_kind(module)} share a tensor; nn can do so only if they are one module of one Sequential"
        )
    for path, part in ours.named_modules():  # from the outermost inwards
        theirs = module.get_submodule(path)
        part.train(theirs.training)
        learning = {parameter.requires_grad for parameter in theirs.parameters(recurse=False)}
        if len(learning) > 1:
            raise ValueError(f"{theirs!r} is frozen in part; nn freezes a module as a whole")
        if learning == {False}:
            part.freeze()
    return ours


def _there(model: Module, made: dict[Module, Any]) -> Any:
    """PyTorch's module, without the numbers, of a module and all within; made once for each."""
    if type(model) not in TABLE:
        raise TypeError(
            f"to_torch knows the modules of nn, got {_kind(model)}; write a torch.nn.Module of the same parts and "
            "names, and take the numbers over with nn.save and safetensors.torch.load_file"
        )
    if model not in made:
        parts = [_there(part, made) for _, part in model.named_children()]
        modes = [(each, each.training) for part in parts for each in part.modules()]
        made[model] = TABLE[type(model)][0](_class_there(type(model)), model, *parts)
        made[model].train(model.training)
        for each, mode in modes:  # those within have their own
            each.training = mode
    return made[model]


def _tie(theirs: Any, model: Module) -> None:
    """Share the tensors whose numbers are shared, and freeze those of frozen modules."""
    trained = set(model.parameters())
    tensors = dict[Any, Any]()
    for name, tensor in named_tensors(model):
        path, _, attribute = name.rpartition(".")
        owner, values = theirs.get_submodule(path), (*tree_leaves(tensor),)
        shared = tensors.setdefault((shape(tensor), values), getattr(owner, attribute))
        setattr(owner, attribute, shared)
        if isinstance(shared, _torch().nn.Parameter):
            learning = {value in trained for value in values}
            if len(learning) > 1:
                raise ValueError(f"{name!r} of {model!r} is frozen in part; PyTorch trains a tensor as a whole")
            shared.requires_grad_(learning.pop())
    everything = [value for _, values in tensors for value in values]
    if len(set(everything)) < len(everything):
        raise ValueError(f"two tensors of {model!r} share a part of their numbers; those of PyTorch can't")


# The table: how each class of nn becomes PyTorch's of that name, and how it is made of it. Numbers follow afterwards.

Make = Callable[..., Any]  # gets the class of what is to be made, what it is made of, and to PyTorch, its parts


def _by(*names: str, **only: Any) -> Make:
    """Make the one of the other's attributes; `only` says what options must be that nn has not."""

    def make(new: Any, module: Any) -> Any:
        for option, value in only.items():
            if getattr(module, option) not in (value, (value, value)):
                raise ValueError(f"{module!r} has {option}={getattr(module, option)!r}; nn has only {value!r}")
        return new(**{name: _ARGUMENTS.get(name, getattr)(module, name) for name in names})

    return make


def _size(module: Any, name: str) -> Any:
    sizes = getattr(module, name)
    return sizes[0] if isinstance(sizes, tuple) and len(sizes) == 1 else sizes


_ARGUMENTS: dict[str, Callable[[Any, str], Any]] = {
    "bias": lambda module, name: getattr(module, name) is not None,
    "elementwise_affine": lambda module, name: module.weight is not None,
    "normalized_shape": _size,
}


def _activation_there(neurons: list[Neuron]) -> Any:
    """PyTorch's activation of some neurons of nn."""
    functions = {neuron._activate for neuron in neurons}
    if functions == {ACTIVATIONS["linear"]}:
        return _torch().nn.Identity()
    for kind in _ACTIVATIONS:
        if functions == {ACTIVATIONS[kind.name]}:
            return to_torch(kind())
    names = ", ".join(dict.fromkeys(str(neuron.activation) for neuron in neurons))
    raise TypeError(
        f"to_torch knows one activation a layer, of {', '.join(ACTIVATIONS)}, got {names}; choose one of those"
    )


def _activation_here(module: Any) -> str:
    """The name of the activation in a `Neuron` or `Layer` in PyTorch."""
    if type(module.activation) is _torch().nn.Identity:
        return "linear"
    ours: Any = from_torch(module.activation)
    if type(ours) not in _ACTIVATIONS or repr(ours) != repr(type(ours)()):
        raise ValueError(f"{module!r} has an activation without a name in ACTIVATIONS; put {ours!r} after it")
    name: str = ours.name
    return name


def _mlp_here(new: Any, theirs: Any) -> MLP:
    layers: list[Any] = [from_torch(layer) for layer in theirs.layers]
    sizes = [layer.out_features for layer in theirs.layers]
    model: MLP = new(theirs.layers[0].in_features, sizes, _activation_here(theirs.layers[0]))
    for i, layer in enumerate(layers):
        prefix_labels(layer, f"L{i}")
    model.layers = layers
    return model


def _sequential_here(new: Any, theirs: Any) -> Any:
    names = [*theirs._modules]
    if names != [str(i) for i in range(len(names))]:
        raise ValueError(
            f"nn numbers the members of a Sequential, and these are called {', '.join(names)}; leave out the names"
        )
    members = {member: from_torch(member) for member in theirs}
    return new(*[members[member] for member in theirs])


def _batch_norm_here(new: Any, theirs: Any) -> Any:
    if theirs.momentum is None:
        raise ValueError(f"{theirs!r} has momentum=None, the mean of all batches; nn has only a number")
    return _by("num_features", "eps", "momentum", affine=True, track_running_stats=True)(new, theirs)


def _softplus_here(new: Any, theirs: Any) -> Any:
    if theirs.threshold < 20:
        raise ValueError(
            f"{theirs!r} has threshold={theirs.threshold}, nn has no such; 20 and more are as good as none"
        )
    return _by(beta=1)(new, theirs)


def _gru(new: Any, module: Any) -> Any:
    return new(module.input_size, module.hidden_size, module.bias_ih is not None)


_WINDOW = "in_channels", "out_channels", "kernel_size", "stride", "padding"

TABLE: dict[type[Module], tuple[Make, Make]] = {
    Neuron: (
        lambda new, ours: new(len(ours.w), _activation_there([ours]), ours.b is not None),
        lambda new, theirs: new(len(theirs.w), _activation_here(theirs), bias=theirs.b is not None),
    ),
    Layer: (
        lambda new, ours: new(len(ours.weight[0]), len(ours.weight), _activation_there(ours.neurons), bool(ours.bias)),
        lambda new, theirs: new(
            theirs.in_features, theirs.out_features, _activation_here(theirs), bias=theirs.bias is not None
        ),
    ),
    Linear: (
        lambda new, ours: new(len(ours.weight[0]), len(ours.weight), bool(ours.bias)),
        lambda new, theirs: new(theirs.in_features, theirs.out_features, theirs.bias is not None),
    ),
    MLP: (lambda new, ours, *layers: new(layers), _mlp_here),
    Sequential: (lambda new, ours, *members: new(*members), _sequential_here),
    ELU: (_by("alpha"), _by("alpha")),
    GELU: (_by(), _by(approximate="none")),
    LeakyReLU: (_by("negative_slope"), _by("negative_slope")),
    ReLU: (_by(), _by()),
    Sigmoid: (_by(), _by()),
    SiLU: (_by(), _by()),
    Softmax: (lambda new, ours: new(dim=-1), _by(dim=-1)),
    Softplus: (lambda new, ours: new(threshold=40.0), _softplus_here),  # from there on it is the identity in float64
    Tanh: (_by(), _by()),
    Dropout: (_by("p"), _by("p")),
    BatchNorm1d: (lambda new, ours: new(len(ours.weight), ours.eps, ours.momentum), _batch_norm_here),
    LayerNorm: (2 * (_by("normalized_shape", "eps", "elementwise_affine"),)),
    RMSNorm: (2 * (_by("normalized_shape", "eps", "elementwise_affine"),)),
    Embedding: (
        lambda new, ours: new(len(ours.weight), len(ours.weight[0])),
        _by("num_embeddings", "embedding_dim", padding_idx=None, max_norm=None, scale_grad_by_freq=False),
    ),
    Conv2d: (_by(*_WINDOW, "bias"), _by(*_WINDOW, "bias", dilation=1, groups=1, padding_mode="zeros")),
    MaxPool2d: (
        _by("kernel_size", "stride"),
        _by("kernel_size", "stride", padding=0, dilation=1, ceil_mode=False, return_indices=False),
    ),
    AvgPool2d: (
        _by("kernel_size", "stride"),
        _by("kernel_size", "stride", padding=0, ceil_mode=False, divisor_override=None),
    ),
    Flatten: (_by(), _by(start_dim=1, end_dim=-1)),
    GRUCell: (_gru, _gru),
    CausalSelfAttention: (
        lambda new, ours, *parts: new(ours.heads, *parts),
        lambda new, theirs: new(theirs.query.in_features, theirs.heads, theirs.query.bias is not None),
    ),
}
_ACTIVATIONS: list[Any] = [ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh]


# PyTorch's side.


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "to_torch and from_torch need PyTorch; install it with `pip install torch`, or as "
            "https://pytorch.org/get-started says for your machine"
        ) from error
    return torch


def _kind(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _class_there(kind: type[Module]) -> Any:
    """PyTorch's class of the same name, or the one written here."""
    return _written_here().get(f"Torch{kind.__name__}") or getattr(_torch().nn, kind.__name__)


def __getattr__(name: str) -> Any:
    """The classes below, which are made when they are first asked for; pickle finds them here."""
    if name.startswith("Torch") and name in _written_here():
        return _written_here()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _written_here() -> dict[str, Any]:
    """What PyTorch has not."""
    import torch
    from torch import nn

    class TorchNeuron(nn.Module):
        """From ``(N, nin)`` to ``(N,)``."""

        def __init__(self, nin: int, activation: Any, bias: bool) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.empty(nin))
            self.b = nn.Parameter(torch.empty(())) if bias else None
            self.activation = activation

        def forward(self, x: Any) -> Any:
            total = x @ self.w
            return self.activation(total if self.b is None else total + self.b)

    class TorchLayer(nn.Linear):
        """From ``(N, nin)`` to ``(N, nout)``: a ``Linear`` and its activation, with the names of the ``Linear``."""

        def __init__(self, nin: int, nout: int, activation: Any, bias: bool) -> None:
            super().__init__(nin, nout, bias)
            self.activation = activation

        def forward(self, x: Any) -> Any:
            return self.activation(super().forward(x))

    class TorchMLP(nn.Module):
        """From ``(N, nin)`` to ``(N, nout)``, or ``(N,)`` of one output: what a loss by ``(N,)`` targets expects."""

        def __init__(self, layers: Iterable[Any]) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x.squeeze(-1)  # an axis of 1

    class TorchCausalSelfAttention(nn.Module):
        """From ``(N, T, width)`` to the same."""

        def __init__(self, heads: int, query: Any, key: Any, value: Any, project: Any) -> None:
            super().__init__()
            self.heads = heads
            self.query, self.key, self.value, self.project = query, key, value, project

        def forward(self, x: Any) -> Any:
            queries, keys, values = (
                layer(x).unflatten(-1, (self.heads, -1)).transpose(-2, -3)  # (N, heads, T, width / heads)
                for layer in (self.query, self.key, self.value)
            )
            mixed = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
            return self.project(mixed.transpose(-2, -3).flatten(-2))

    classes: list[Any] = [TorchNeuron, TorchLayer, TorchMLP, TorchCausalSelfAttention]
    for kind in classes:
        kind.__qualname__ = kind.__name__
    return {kind.__name__: kind for kind in classes}
