"""Files: a model's weights saved and loaded, and whole models taken to PyTorch and back.

To read in this order: `weights`, `pytorch`. (A training run in progress is saved by `nn.training.checkpoint`.)
"""

from nn.files.pytorch import from_torch, to_torch
from nn.files.weights import load, save

__all__ = ["from_torch", "load", "save", "to_torch"]
