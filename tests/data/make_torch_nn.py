"""Writes torch_nn.json: what PyTorch makes of the losses, and of 10 steps of every optimizer, in float64.

Run it with PyTorch installed: python tests/data/make_torch_nn.py
"""

import json
from itertools import pairwise
from pathlib import Path

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

SIZES = [3, 5, 1, 4]  # a middle layer of one neuron
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.05}),
    "momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "adam": (torch.optim.Adam, {"lr": 0.02, "betas": (0.8, 0.99), "weight_decay": 0.01}),
    "adamw": (torch.optim.AdamW, {"lr": 0.02, "weight_decay": 0.1}),
}


def network(weights):
    layers = [torch.nn.Linear(i, o) for i, o in pairwise(SIZES)]
    for layer, (weight, bias) in zip(layers, weights):
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
    return torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1], torch.nn.Tanh(), layers[2])


rows = torch.randn(6, SIZES[0])
classes = torch.tensor([0, 3, 1, 2, 2, 0])
weights = [(torch.randn(o, i).tolist(), torch.randn(o).tolist()) for i, o in pairwise(SIZES)]
runs = {}
for name, (optimizer, options) in OPTIMIZERS.items():
    model = network(weights)
    steps = optimizer(model.parameters(), **options)
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(model(rows), classes)
        losses.append(loss.item())
        steps.zero_grad()
        loss.backward()
        steps.step()
    runs[name] = {"options": options, "losses": losses}

logits = torch.tensor([0.0, 1.5, -2.0, 40.0, -30.0, 0.3], requires_grad=True)
soft, signs = torch.tensor([0.0, 1.0, 0.25, 1.0, 0.0, 0.5]), torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
losses = {
    "mse_loss": (F.mse_loss(logits, soft), soft),
    "hinge_loss": (F.relu(1 - signs * logits).mean(), signs),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits(logits, soft), soft),
}
mask = torch.tensor([1.0, 0.0, 0.25, 1.0, 0.0, 3.0])
weighted = {
    name: getattr(F, name)(logits, soft, weight=mask)
    for name in ("mse_loss", "l1_loss", "binary_cross_entropy_with_logits")
}
rows_of_logits = 2 * torch.randn(7, 4)
indices, weight = torch.tensor([2, 0, 3, 3, 1, 0, 2]), torch.tensor([0.5, 2.0, 1.0, 0.25])
padded = torch.tensor([2, -100, 3, -100, 1, 0, 2])
shares = torch.softmax(torch.randn(7, 4), 1)
one_hot = F.one_hot(indices, 4).double()
CROSS_ENTROPIES = {
    "plain": (indices, {}),
    "weighted": (indices, {"weight": weight}),
    "a weight of 0": (indices, {"weight": torch.tensor([0.0, 1.0, 3.0, 2.0])}),
    "smoothed": (indices, {"label_smoothing": 0.2}),
    "smoothed to the end": (indices, {"label_smoothing": 1.0}),
    "ignoring": (padded, {}),
    "ignoring another": (indices, {"ignore_index": 3}),
    "weighted, ignoring": (padded, {"weight": weight}),
    "weighted, smoothed": (indices, {"weight": weight, "label_smoothing": 0.1}),
    "everything": (indices, {"weight": weight, "ignore_index": 0, "label_smoothing": 0.3}),
    "probabilities": (shares, {}),
    "one-hot": (one_hot, {}),
    "probabilities, weighted": (shares, {"weight": weight}),
    "probabilities, weighted, smoothed": (shares, {"weight": weight, "label_smoothing": 0.15}),
    "one-hot, smoothed": (one_hot, {"label_smoothing": 0.15}),
}
cross_entropies = {}
for name, (targets, options) in CROSS_ENTROPIES.items():
    given = rows_of_logits.clone().requires_grad_()
    loss = F.cross_entropy(given, targets, **options)
    cross_entropies[name] = {
        "targets": targets.tolist(),
        "options": {key: x.tolist() if torch.is_tensor(x) else x for key, x in options.items()},
        "loss": loss.item(),
        "grad": torch.autograd.grad(loss, given)[0].tolist(),
    }
written = {
    "pytorch": torch.__version__,
    "sizes": SIZES,
    "rows": rows.tolist(),
    "classes": classes.tolist(),
    "weights": weights,
    "runs": runs,
    "logits": rows_of_logits.tolist(),
    "cross_entropies": cross_entropies,
    "outputs": logits.tolist(),
    "losses": {
        name: {"targets": targets.tolist(), "loss": loss.item(), "grad": torch.autograd.grad(loss, logits)[0].tolist()}
        for name, (loss, targets) in losses.items()
    },
    "weight": mask.tolist(),
    "weighted": {
        name: {"targets": soft.tolist(), "loss": loss.item(), "grad": torch.autograd.grad(loss, logits)[0].tolist()}
        for name, loss in weighted.items()
    },
}
Path(__file__).with_name("torch_nn.json").write_text(json.dumps(written, indent=1) + "\n")
