"""Writes torch_normalisation.json: what PyTorch makes of batch, layer and RMS normalisation, in float64.

Run it with PyTorch installed: python tests/data/make_torch_normalisation.py
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

EXAMPLES, FEATURES = 5, 3
LAYERS = {
    "BatchNorm1d": (nn.BatchNorm1d, {}),
    "BatchNorm1d of its own": (nn.BatchNorm1d, {"eps": 0.01, "momentum": 0.3}),
    "BatchNorm1d of all batches": (nn.BatchNorm1d, {"momentum": None}),
    "LayerNorm": (nn.LayerNorm, {}),
    "LayerNorm of its own": (nn.LayerNorm, {"eps": 0.01}),
    "LayerNorm without weights": (nn.LayerNorm, {"elementwise_affine": False}),
    "RMSNorm": (nn.RMSNorm, {}),
    "RMSNorm of its own": (nn.RMSNorm, {"eps": 1e-5}),
    "RMSNorm without weights": (nn.RMSNorm, {"elementwise_affine": False}),
}


def state(module):
    return {name: numbers.tolist() for name, numbers in module.state_dict().items()}


def passed(module, rows, upstream):
    """The outputs, and the gradients of ``sum(upstream * outputs)``."""
    rows = rows.clone().requires_grad_()
    outputs = module(rows)
    module.zero_grad()
    (upstream * outputs).sum().backward()
    return {
        "outputs": outputs.tolist(),
        "rows": rows.grad.tolist(),
        "parameters": {name: p.grad.tolist() for name, p in module.named_parameters()},
        "state": state(module),
    }


layers = {}
for name, (kind, options) in LAYERS.items():
    module = kind(FEATURES, **options)
    for parameter in module.parameters():
        parameter.data = torch.randn(FEATURES)
    rows, upstream = 10 * torch.randn(2, EXAMPLES, FEATURES)
    written = {"options": options, "before": state(module), "inputs": rows.tolist(), "upstream": upstream.tolist()}
    written["train"] = [passed(module, rows, upstream), passed(module, rows + 1, upstream)]
    module.eval()
    written["eval"] = passed(module, rows, upstream)
    layers[name] = written

model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
rows, classes = torch.randn(6, 2), torch.tensor([0, 1, 2, 2, 1, 0])
training = {"before": state(model), "rows": rows.tolist(), "classes": classes.tolist(), "losses": []}
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    loss = F.cross_entropy(model(rows), classes)
    training["losses"].append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
training["after"] = state(model)
training["outputs"] = model.eval()(rows).tolist()

written = {"pytorch": torch.__version__, "layers": layers, "training": training}
Path(__file__).with_name("torch_normalisation.json").write_text(json.dumps(written, indent=1) + "\n")
