"""Writes torch_weights.safetensors: a small model's weights as PyTorch's users save them.

Each tensor is of another type. Run it with PyTorch and safetensors installed:

    python tests/data/make_torch_weights.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)

model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
model(torch.randn(5, 2))  # its running numbers are of these, in float32; that of batches is an int64
state = model.state_dict()
state["0.weight"] = torch.tensor([[0.1, -2.5], [3.0, 1e-3], [-0.0, 300.0]], dtype=torch.bfloat16)
state["0.bias"] = torch.tensor([0.1, -65504.0, 6e-8], dtype=torch.float16)
state["1.weight"] = torch.tensor([1 / 3, -1e300, 5e-324], dtype=torch.float64)
save_file(state, Path(__file__).with_name("torch_weights.safetensors"), {"format": "pt"})
for name, tensor in state.items():
    print(name, tensor.double().tolist())
