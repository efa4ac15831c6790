"""Writes torch_layers.json: outputs and gradients of PyTorch's layers on one example, in float64.

Each case is a layer with random weights, its inputs, its output, a random number `upstream` for every output, and the
gradients of ``Σ upstream · output`` by every weight and every input. Run it with PyTorch installed:

    python tests/data/make_torch_layers.py
"""

import json
from pathlib import Path

import torch
from torch import nn

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


def case(name, layer, options, *inputs):
    for parameter in layer.parameters():  # PyTorch's own would do, but not at every size
        parameter.data = torch.randn_like(parameter)
    output = layer(*inputs)
    upstream = torch.randn_like(output)
    output.backward(upstream)
    return {
        "layer": name,
        "options": options,
        "state": {key: tensor.tolist() for key, tensor in layer.state_dict().items()},
        "inputs": [x.tolist() for x in inputs],
        "output": output.tolist(),
        "upstream": upstream.tolist(),
        "gradients": {key: parameter.grad.tolist() for key, parameter in layer.named_parameters()},
        "input_gradients": [x.grad.tolist() if x.requires_grad else None for x in inputs],
    }


def random(*shape):
    return torch.randn(*shape, requires_grad=True)


def of(layer, options, *shapes):
    return case(layer, {**globals(), **vars(nn)}[layer](**options), options, *(random(*shape) for shape in shapes))


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
}
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
text = f'{{"pytorch": "{torch.__version__}", "cases": {{\n{lines}\n}}}}\n'
Path(__file__).with_name("torch_layers.json").write_text(text)
