"""Models taken to PyTorch and back.

    model = Sequential(Linear(2, 8), ReLU(), Linear(8, 1))
    network = to_torch(model)                         # a torch.nn.Sequential, to train like any other
    network(torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64))
    model = from_torch(network)

A model of nn is called with one example. PyTorch's is called with a batch, which has one more axis in front, like
``model.batch``. Weights have the same names in both, so each can read the other's files.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

from engine.utils.nested import tree_leaves
from nn.layers import (
    ACTIVATIONS,
    ELU,
    GELU,
    GRU,
    LSTM,
    MLP,
    AvgPool2d,
    BatchNorm1d,
    CausalSelfAttention,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    GRUCell,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LSTMCell,
    MaxPool2d,
    MultiheadAttention,
    Neuron,
    ReLU,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.layers.sequential import prefix_labels
from nn.module import Module, named_tensors
from nn.tensors import shape


def to_torch(model: Module) -> Any:
    """The same model as a ``torch.nn.Module`` in float64, with the same outputs and the same names in its state dict.

    It keeps its training mode, and what was frozen or shared stays so. Its parts are PyTorch's own modules, except for
    `Neuron`, `Layer`, `MLP` and `CausalSelfAttention`: PyTorch has no such modules, so they are defined here.

    Args:
        model: a layer or network of nn.

    Raises:
        TypeError: if it is, or contains, a module or an activation that is not part of nn.
        ValueError: if PyTorch's tensors cannot represent it: modules share part of a tensor, or part of one is frozen.
        ImportError: if PyTorch is not installed.
    """
    torch = _import_torch()
    theirs = _build_torch_module(model, {}).to(torch.float64)
    state = {name: torch.tensor(tensor, dtype=torch.float64) for name, tensor in model.state_dict().items()}
    theirs.load_state_dict(state)
    _tie_weights(theirs, model)
    return theirs


def from_torch(module: Any) -> Module:
    """The same model in nn, from a ``torch.nn.Module`` made of layers that nn has too.

    It keeps its training mode, and what was frozen or shared stays so. (Above 20, PyTorch's Softplus drops a term
    smaller than 3e-9, unless its threshold is higher, as `to_torch` sets it.)

    Args:
        module: a layer or network, on any device and in any precision.

    Raises:
        TypeError: if it is, or contains, a module that nn does not have.
        ValueError: if a layer uses an option that nn does not have, a number is not finite, two different modules share
            a tensor, or some parameters of a layer require a gradient and others do not.
        ImportError: if PyTorch is not installed.
    """
    _import_torch()
    names = {cls.__name__: cls for cls in CONVERSIONS}
    cls = names.get(type(module).__name__.removeprefix("Torch"))
    if cls is None or type(module) is not _torch_class(cls):
        raise TypeError(
            f"from_torch knows the PyTorch modules that nn has too, got {_full_name(module)}; write a Module with the "
            "same parts and names, and load the weights with model.load_state_dict(module.state_dict())"
        )
    _, build = CONVERSIONS[cls]
    ours: Module = build(cls, module)
    ours.load_state_dict({name: tensor.tolist() for name, tensor in module.state_dict().items()})
    if len(ours.parameters(frozen=True)) > sum(parameter.numel() for parameter in module.parameters()):
        raise ValueError(
            f"two modules of {_full_name(module)} share a tensor; in nn they can only be the same module, "
            "used twice in one Sequential"
        )
    for path, part in ours.named_modules():  # from the outside in
        theirs = module.get_submodule(path)
        part.train(theirs.training)
        learning = {parameter.requires_grad for parameter in theirs.parameters(recurse=False)}
        if len(learning) > 1:
            raise ValueError(f"{theirs!r} is partly frozen; nn freezes a module as a whole")
        if learning == {False}:
            part.freeze()
    return ours


def _build_torch_module(model: Module, memo: dict[Module, Any]) -> Any:
    """The PyTorch module for a module and all within it, without the numbers; each is built once."""
    if type(model) not in CONVERSIONS:
        raise TypeError(
            f"to_torch knows the modules of nn, got {_full_name(model)}; write a torch.nn.Module with the same parts "
            "and names, and transfer the weights with nn.save and safetensors.torch.load_file"
        )
    if model not in memo:
        children = [_build_torch_module(child, memo) for _, child in model.named_children()]
        modes = [(module, module.training) for child in children for module in child.modules()]
        build, _ = CONVERSIONS[type(model)]
        memo[model] = build(_torch_class(type(model)), model, *children)
        memo[model].train(model.training)
        for module, mode in modes:  # the modules within keep their own
            module.training = mode
    return memo[model]


def _tie_weights(theirs: Any, model: Module) -> None:
    """Share the tensors that hold the same Values, and freeze those of frozen modules."""
    trained = set(model.parameters())
    tensors = dict[Any, Any]()
    for name, tensor in named_tensors(model):
        path, _, attribute = name.rpartition(".")
        owner, values = theirs.get_submodule(path), (*tree_leaves(tensor),)
        shared = tensors.setdefault((shape(tensor), values), getattr(owner, attribute))
        setattr(owner, attribute, shared)
        if isinstance(shared, _import_torch().nn.Parameter):
            learning = {value in trained for value in values}
            if len(learning) > 1:
                raise ValueError(f"{name!r} of {model!r} is partly frozen; PyTorch trains a tensor as a whole")
            shared.requires_grad_(learning.pop())
    everything = [value for _, values in tensors for value in values]
    if len(set(everything)) < len(everything):
        raise ValueError(f"two tensors of {model!r} share some of their Values; in PyTorch they cannot")


# The table: for each class of nn, how to build PyTorch's from it, and how to build it from PyTorch's. Both get their
# numbers afterwards.

Builder = Callable[..., Any]  # takes the class to build, the module to build it from and, for PyTorch, its children


def _with_options(*names: str, **only: Any) -> Builder:
    """Copy the named options from one to the other; `only` gives the values required of options that nn lacks."""

    def build(cls: Any, module: Any) -> Any:
        for option, value in only.items():
            if getattr(module, option) not in (value, (value,), (value, value)):
                raise ValueError(f"{module!r} has {option}={getattr(module, option)!r}; nn supports only {value!r}")
        return cls(**{name: _ARGUMENTS.get(name, getattr)(module, name) for name in names})

    return build


def _batch_first(build: Builder) -> Builder:
    """Let the first axis of what PyTorch's module takes be the batch, as everywhere here."""
    return lambda cls, ours, *children: build(partial(cls, batch_first=True), ours, *children)


def _bias(module: Any) -> Any:
    """The bias of a layer, or of the projections of an attention; or whether there is one."""
    return module.bias if hasattr(module, "bias") else module.in_proj_bias


def _single_size(module: Any, name: str) -> Any:
    sizes = getattr(module, name)
    return sizes[0] if isinstance(sizes, tuple) and len(sizes) == 1 else sizes


_ARGUMENTS: dict[str, Callable[[Any, str], Any]] = {
    "num_embeddings": lambda module, _: len(module.weight),
    "embedding_dim": lambda module, _: len(module.weight[0]),
    "bias": lambda module, _: _bias(module) is not None and _bias(module) is not False,
    "elementwise_affine": lambda module, name: module.weight is not None,
    **dict.fromkeys(("normalized_shape", "kernel_size", "stride", "padding"), _single_size),
}


def _torch_activation(neurons: list[Neuron]) -> Any:
    """The PyTorch module for the activation that these neurons share."""
    functions = {neuron._activate for neuron in neurons}
    if functions == {ACTIVATIONS["linear"]}:
        return _import_torch().nn.Identity()
    for cls in _ACTIVATIONS:
        if functions == {ACTIVATIONS[cls.name]}:
            return to_torch(cls())
    names = ", ".join(dict.fromkeys(str(neuron.activation) for neuron in neurons))
    raise TypeError(f"to_torch takes one activation per layer, one of {', '.join(ACTIVATIONS)}, got {names}")


def _activation_name(module: Any) -> str:
    """The name in `ACTIVATIONS` for the activation of a TorchNeuron or TorchLayer."""
    if type(module.activation) is _import_torch().nn.Identity:
        return "linear"
    ours: Any = from_torch(module.activation)
    if type(ours) not in _ACTIVATIONS or repr(ours) != repr(type(ours)()):
        raise ValueError(
            f"{module!r} has an activation that ACTIVATIONS does not name; put {ours!r} after a linear layer instead"
        )
    name: str = ours.name
    return name


def _mlp_from_torch(cls: Any, theirs: Any) -> MLP:
    layers: list[Any] = [from_torch(layer) for layer in theirs.layers]
    sizes = [layer.out_features for layer in theirs.layers]
    model: MLP = cls(theirs.layers[0].in_features, sizes, _activation_name(theirs.layers[0]))
    for i, layer in enumerate(layers):
        prefix_labels(layer, f"L{i}")
    model.layers = layers
    return model


def _sequential_from_torch(cls: Any, theirs: Any) -> Any:
    names = [*theirs._modules]
    if names != [str(i) for i in range(len(names))]:
        raise ValueError(
            f"nn numbers the members of a Sequential, but these are called {', '.join(names)}; omit the names"
        )
    members = {member: from_torch(member) for member in theirs}
    return cls(*[members[member] for member in theirs])


def _softplus_from_torch(cls: Any, theirs: Any) -> Any:
    if theirs.threshold < 20:
        raise ValueError(
            f"{theirs!r} has threshold={theirs.threshold}; nn has no threshold, and accepts one of 20 or more"
        )
    return _with_options(beta=1)(cls, theirs)


_CELL = "input_size", "hidden_size", "bias"
_SEQUENCE = *_CELL, "num_layers", "bidirectional"
_ATTENTION = "embed_dim", "num_heads", "bias", "kdim", "vdim"
_TABLE = "num_embeddings", "embedding_dim", "padding_idx"
_WINDOW = "in_channels", "out_channels", "kernel_size", "stride", "padding"

CONVERSIONS: dict[type[Module], tuple[Builder, Builder]] = {
    Neuron: (
        lambda cls, ours: cls(len(ours.w), _torch_activation([ours]), ours.b is not None),
        lambda cls, theirs: cls(len(theirs.w), _activation_name(theirs), bias=theirs.b is not None),
    ),
    Layer: (
        lambda cls, ours: cls(len(ours.weight[0]), len(ours.weight), _torch_activation(ours.neurons), bool(ours.bias)),
        lambda cls, theirs: cls(
            theirs.in_features, theirs.out_features, _activation_name(theirs), bias=theirs.bias is not None
        ),
    ),
    Linear: (
        lambda cls, ours: cls(len(ours.weight[0]), len(ours.weight), bool(ours.bias)),
        lambda cls, theirs: cls(theirs.in_features, theirs.out_features, theirs.bias is not None),
    ),
    MLP: (lambda cls, ours, *layers: cls(layers), _mlp_from_torch),
    Sequential: (lambda cls, ours, *members: cls(*members), _sequential_from_torch),
    ELU: (_with_options("alpha"), _with_options("alpha")),
    GELU: (_with_options(), _with_options(approximate="none")),
    LeakyReLU: (_with_options("negative_slope"), _with_options("negative_slope")),
    ReLU: (_with_options(), _with_options()),
    Sigmoid: (_with_options(), _with_options()),
    SiLU: (_with_options(), _with_options()),
    Softmax: (lambda cls, ours: cls(dim=-1), _with_options(dim=-1)),
    Softplus: (lambda cls, ours: cls(threshold=40.0), _softplus_from_torch),  # the identity above 40, in float64
    Tanh: (_with_options(), _with_options()),
    Dropout: (_with_options("p"), _with_options("p")),
    BatchNorm1d: (
        lambda cls, ours: cls(len(ours.weight), ours.eps, ours.momentum),
        _with_options("num_features", "eps", "momentum", affine=True, track_running_stats=True),
    ),
    LayerNorm: (2 * (_with_options("normalized_shape", "eps", "elementwise_affine"),)),
    RMSNorm: (2 * (_with_options("normalized_shape", "eps", "elementwise_affine"),)),
    Embedding: (
        _with_options(*_TABLE),
        _with_options(*_TABLE, max_norm=None, scale_grad_by_freq=False),
    ),
    EmbeddingBag: (
        _with_options(*_TABLE, "mode"),
        _with_options(*_TABLE, "mode", max_norm=None, scale_grad_by_freq=False, include_last_offset=False),
    ),
    Conv1d: (
        _with_options(*_WINDOW, "bias"),
        _with_options(*_WINDOW, "bias", dilation=1, groups=1, padding_mode="zeros"),
    ),
    Conv2d: (
        _with_options(*_WINDOW, "bias"),
        _with_options(*_WINDOW, "bias", dilation=1, groups=1, padding_mode="zeros"),
    ),
    MaxPool2d: (
        _with_options("kernel_size", "stride"),
        _with_options("kernel_size", "stride", padding=0, dilation=1, ceil_mode=False, return_indices=False),
    ),
    AvgPool2d: (
        _with_options("kernel_size", "stride"),
        _with_options("kernel_size", "stride", padding=0, ceil_mode=False, divisor_override=None),
    ),
    Flatten: (_with_options(), _with_options(start_dim=1, end_dim=-1)),
    GRUCell: 2 * (_with_options(*_CELL),),
    LSTMCell: 2 * (_with_options(*_CELL),),
    GRU: (_batch_first(_with_options(*_SEQUENCE)), _with_options(*_SEQUENCE, dropout=0)),
    LSTM: (_batch_first(_with_options(*_SEQUENCE)), _with_options(*_SEQUENCE, dropout=0, proj_size=0)),
    CausalSelfAttention: (
        lambda cls, ours, *parts: cls(ours.heads, *parts),
        lambda cls, theirs: cls(theirs.query.in_features, theirs.heads, theirs.query.bias is not None),
    ),
    MultiheadAttention: (
        lambda cls, ours, out_proj: _batch_first(_with_options(*_ATTENTION))(cls, ours),
        _with_options(*_ATTENTION, dropout=0, bias_k=None, bias_v=None, add_zero_attn=False),
    ),
}
_ACTIVATIONS: list[Any] = [ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh]


# PyTorch's side.


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "to_torch and from_torch need PyTorch; install it with `pip install torch`, or see "
            "https://pytorch.org/get-started for your machine"
        ) from error
    return torch


def _full_name(module: Any) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _torch_class(cls: type[Module]) -> Any:
    """PyTorch's class of the same name, or the one defined here."""
    return _torch_classes().get(f"Torch{cls.__name__}") or getattr(_import_torch().nn, cls.__name__)


def __getattr__(name: str) -> Any:
    """The classes below, which are defined when they are first asked for; pickle finds them by these names."""
    if name.startswith("Torch") and name in _torch_classes():
        return _torch_classes()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _torch_classes() -> dict[str, Any]:
    """The classes that PyTorch lacks."""
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
        """From ``(N, nin)`` to ``(N, nout)``, or with one output to ``(N,)``, to match targets ``(N,)`` in a loss."""

        def __init__(self, layers: Iterable[Any]) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return x.squeeze(-1)  # if it has size 1

    class TorchCausalSelfAttention(nn.Module):
        """From ``(N, T, width)`` to ``(N, T, width)``."""

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
    for cls in classes:
        cls.__qualname__ = cls.__name__
    return {cls.__name__: cls for cls in classes}
