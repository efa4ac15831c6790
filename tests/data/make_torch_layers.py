"""Writes torch_layers.json: outputs and gradients of PyTorch's layers on one example, in float64.

Each case is a layer with random weights, its inputs, the options of the call, its output, a random number `upstream`
for every output, and the gradients of ``Σ upstream · output`` by every weight and every input. Run it with PyTorch
installed:

    python tests/data/make_torch_layers.py
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


class Attention(nn.Module):
    """Causal self-attention around PyTorch's own scaled dot product."""

    def __init__(self, width, heads, bias=False):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.project = (nn.Linear(width, width, bias=bias) for _ in range(4))

    def forward(self, x):
        def split(y):
            return y.view(len(x), self.heads, -1).transpose(0, 1)

        queries, keys, values = split(self.query(x)), split(self.key(x)), split(self.value(x))
        mixed = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return self.project(mixed.transpose(0, 1).reshape(x.shape))


class Neuron(nn.Module):
    """One number, of parameters named as ours."""

    def __init__(self, nin, activation="relu", bias=True):
        super().__init__()
        self.w = nn.Parameter(torch.empty(nin))
        if bias:
            self.b = nn.Parameter(torch.empty(()))
        self.activation = activation

    def forward(self, x):
        return ACTIVATIONS[self.activation](self.w @ x + getattr(self, "b", 0.0))


class Layer(nn.Linear):
    """A linear layer and its activation, or none."""

    def __init__(self, nin, nout, activation="relu"):
        super().__init__(nin, nout)
        self.activation = activation

    def forward(self, x):
        return ACTIVATIONS[self.activation](super().forward(x))


class MLP(nn.Module):
    """Layers in a row; of a last one of one neuron the number."""

    def __init__(self, nin, nouts, activation="relu"):
        super().__init__()
        names = [activation] * (len(nouts) - 1) + ["linear"]
        self.layers = nn.ModuleList(map(Layer, [nin, *nouts], nouts, names))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x.squeeze()


class Linear(nn.Linear):
    """With the names that its sizes have with us."""

    def __init__(self, nin, nout, bias=True):
        super().__init__(nin, nout, bias)


class Softmax(nn.Softmax):
    """Over the last axis, as ours always is."""

    def __init__(self):
        super().__init__(dim=-1)


class Flatten(nn.Flatten):
    """Of one example."""

    def __init__(self):
        super().__init__(start_dim=0)


class Sequential(nn.Sequential):
    """Of members that are written down."""

    def __init__(self, *members):
        super().__init__(*(named(layer)(*options) for layer, *options in members))


class Padded:
    """A recurrent layer over a sequence of which only the first rows count."""

    def forward(self, x, state=None, length=None):
        if length is None:
            return super().forward(x, state)
        packed, last = super().forward(pack_padded_sequence(x[:, None], [length]))
        last = [h[:, 0] for h in last] if isinstance(last, tuple) else last[:, 0]
        return pad_packed_sequence(packed, total_length=len(x))[0][:, 0], last


class GRU(Padded, nn.GRU):
    """With a length."""


class LSTM(Padded, nn.LSTM):
    """With a length."""


ACTIVATIONS = {"linear": torch.clone, "relu": torch.relu, "tanh": torch.tanh, "gelu": nn.functional.gelu}


def named(layer):
    return {**vars(nn), **globals()}[layer]


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in leaves(branch) if leaf is not None]
    return [tree]


def numbers(tree):
    """Tensors in lists as lists of numbers; what is no tensor, and a tensor that has no gradient, as None."""
    if isinstance(tree, (list, tuple)):
        return [numbers(branch) for branch in tree if branch is not None]
    return None if tree is None else tree.tolist()


def gradients(tree):
    if isinstance(tree, (list, tuple)):
        return [gradients(branch) for branch in tree]
    return numbers(tree.grad) if tree.requires_grad else None


def case(name, layer, options, *inputs, **call):
    layer.eval()
    for parameter in layer.parameters():  # PyTorch's own would do, but not at every size
        parameter.data = torch.randn_like(parameter)
    output = layer(*inputs, **{key: torch.tensor(x) if isinstance(x, list) else x for key, x in call.items()})
    upstream = [torch.randn_like(part) for part in leaves(output)]
    sum((u * y).sum() for u, y in zip(upstream, leaves(output))).backward()
    return {
        "layer": name,
        "options": options,
        "state": {key: tensor.tolist() for key, tensor in layer.state_dict().items()},
        "inputs": numbers(inputs),
        "call": call,
        "output": numbers(output),
        "upstream": numbers(upstream),
        "gradients": {key: parameter.grad.tolist() for key, parameter in layer.named_parameters()},
        "input_gradients": gradients(inputs),
    }


def random(*shape):
    """A tensor of random numbers, or where the shape is of shapes, one for each."""
    if isinstance(shape[0], tuple):
        return [random(*each) for each in shape]
    return torch.randn(*shape, requires_grad=True)


def of(layer, options, *shapes, **call):
    return case(layer, named(layer)(**options), options, *(random(*shape) for shape in shapes), **call)


def row_of(*members):
    """A `Sequential`, for an input of the shape that comes last."""
    *members, shape = members
    return case("Sequential", Sequential(*members), {"members": members}, random(*shape))


def conv(shape, **options):
    return of("Conv2d", options, shape)


cases = {
    "embedding": case("Embedding", nn.Embedding(5, 3), {"num_embeddings": 5, "embedding_dim": 3}, torch.tensor(2)),
    "embedding of a text": case(
        "Embedding", nn.Embedding(5, 3), {"num_embeddings": 5, "embedding_dim": 3}, torch.tensor([4, 0, 4, 1])
    ),
    "convolution": conv((2, 4, 5), in_channels=2, out_channels=3, kernel_size=3),
    "convolution without bias": conv((1, 3, 3), in_channels=1, out_channels=2, kernel_size=2, bias=False),
    "convolution with padding": conv((2, 3, 2), in_channels=2, out_channels=2, kernel_size=3, padding=1),
    "convolution with strides": conv((1, 6, 7), in_channels=1, out_channels=2, kernel_size=3, stride=2),
    "convolution of all kinds": conv(
        (2, 4, 6), in_channels=2, out_channels=2, kernel_size=(2, 3), stride=(1, 2), padding=(2, 1)
    ),
    "convolution of points": conv((3, 2, 2), in_channels=3, out_channels=1, kernel_size=1),
    "largest": of("MaxPool2d", {"kernel_size": 2}, (2, 4, 5)),
    "largest with strides": of("MaxPool2d", {"kernel_size": [3, 2], "stride": [1, 2]}, (1, 4, 5)),
    "mean": of("AvgPool2d", {"kernel_size": 2}, (2, 4, 5)),
    "mean with strides": of("AvgPool2d", {"kernel_size": [2, 3], "stride": [2, 1]}, (1, 5, 4)),
    "recurrent": of("GRUCell", {"input_size": 3, "hidden_size": 2}, (3,), (2,)),
    "recurrent at the start": of("GRUCell", {"input_size": 2, "hidden_size": 3}, (2,)),
    "recurrent without bias": of("GRUCell", {"input_size": 2, "hidden_size": 2, "bias": False}, (2,), (2,)),
    "attention": of("Attention", {"width": 6, "heads": 2}, (4, 6)),
    "attention with bias": of("Attention", {"width": 4, "heads": 4, "bias": True}, (3, 4)),
    "attention at the start": of("Attention", {"width": 4, "heads": 1}, (1, 4)),
    "linear": of("Linear", {"nin": 3, "nout": 2}, (3,)),
    "linear without bias": of("Linear", {"nin": 2, "nout": 3, "bias": False}, (2,)),
    "neuron": of("Neuron", {"nin": 3, "activation": "tanh"}, (3,)),
    "neuron without bias": of("Neuron", {"nin": 2, "activation": "gelu", "bias": False}, (2,)),
    "layer": of("Layer", {"nin": 3, "nout": 4}, (3,)),
    "network": of("MLP", {"nin": 3, "nouts": [5, 4, 2], "activation": "tanh"}, (3,)),
    "network of one output": of("MLP", {"nin": 2, "nouts": [4, 1]}, (2,)),
    **{
        f"{name} {options or ''}".strip(): of(name, options, (2, 5))
        for name, options in [
            ("ReLU", {}),
            ("LeakyReLU", {}),
            ("LeakyReLU", {"negative_slope": 0.2}),
            ("ELU", {}),
            ("ELU", {"alpha": 0.7}),
            ("GELU", {}),
            ("SiLU", {}),
            ("Softplus", {}),
            ("Sigmoid", {}),
            ("Tanh", {}),
            ("Softmax", {}),
            ("Dropout", {"p": 0.3}),
            ("Flatten", {}),
        ]
    },
    "layers in a row": row_of(["Linear", 3, 4], ["LayerNorm", 4], ["GELU"], ["Dropout", 0.3], ["Linear", 4, 2], (3,)),
    "layers for an image": row_of(
        ["Conv2d", 1, 2, 2], ["Tanh"], ["AvgPool2d", 2], ["Flatten"], ["Linear", 2, 3], ["Softmax"], (1, 3, 3)
    ),
    "memory": of("LSTMCell", {"input_size": 3, "hidden_size": 2}, (3,), ((2,), (2,))),
    "memory without bias": of("LSTMCell", {"input_size": 2, "hidden_size": 2, "bias": False}, (2,)),
    **{
        f"{layer} {name}": of(layer, {"input_size": 3, "hidden_size": 2, **options}, (4, 3), *states, **call)
        for layer in ("GRU", "LSTM")
        for name, options, rows, call in [
            ("over a sequence", {}, 1, {}),
            ("at the start, without bias", {"bias": False}, 0, {}),
            ("in layers, both ways", {"num_layers": 2, "bidirectional": True}, 4, {}),
            ("with padding", {"num_layers": 2, "bidirectional": True}, 0, {"length": 2}),
        ]
        for states in [[] if not rows else [(rows, 2)] if layer == "GRU" else [((rows, 2), (rows, 2))]]
    },
    "convolution of a series": of("Conv1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3}, (2, 5)),
    "convolution of a series, of all kinds": of(
        "Conv1d",
        {"in_channels": 2, "out_channels": 2, "kernel_size": 2, "stride": 3, "padding": 2, "bias": False},
        (2, 6),
    ),
    **{
        f"multihead attention {name}": of(
            "MultiheadAttention", {"embed_dim": 4, "num_heads": 2, **options}, *shapes, **call
        )
        for name, options, shapes, call in [
            ("of one head", {"num_heads": 1, "bias": False}, [(2, 4), (3, 4), (3, 4)], {}),
            ("of other sizes", {"kdim": 3, "vdim": 5}, [(2, 4), (3, 3), (3, 5)], {"average_attn_weights": False}),
            ("with padding", {}, [(2, 4), (3, 4), (3, 4)], {"key_padding_mask": [False, True, False]}),
            (
                "with a mask",
                {},
                [(2, 4), (3, 4), (3, 4)],
                {"attn_mask": [[False, True, False], [True, True, False]], "average_attn_weights": False},
            ),
            (
                "with scores to add",
                {},
                [(2, 4), (3, 4), (3, 4)],
                {"attn_mask": [[0.5, -1.0, 0.0], [2.0, float("-inf"), 0.0]], "need_weights": False},
            ),
        ]
    },
    "embedding with padding": case(
        "Embedding",
        nn.Embedding(4, 2, padding_idx=1),
        {"num_embeddings": 4, "embedding_dim": 2, "padding_idx": 1},
        torch.tensor([3, 1, 0]),
    ),
    **{
        f"bag, {options}": case(
            "EmbeddingBag",
            nn.EmbeddingBag(5, 3, **options),
            {"num_embeddings": 5, "embedding_dim": 3, **options},
            torch.tensor([[4, 0, 4, 1], [0, 2, 1, 0], [0, 0, 0, 0]]),
        )
        for options in [{"mode": mode, **padding} for mode in ("sum", "mean") for padding in ({}, {"padding_idx": 0})]
    },
}
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
text = f'{{"pytorch": "{torch.__version__}", "cases": {{\n{lines}\n}}}}\n'
Path(__file__).with_name("torch_layers.json").write_text(text)
