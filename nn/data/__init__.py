"""Data: examples to learn from, and what happens to them on the way to a training loop.

To read in this order: `toy_sets` (points in the plane), `splits` (training and test sets, columns of one scale),
`sequences` (of different lengths, padded), `loaders` (mini-batches, as in `torch.utils.data`); `validation` checks what
they are given.
"""

from nn.data.loaders import DataLoader, TensorDataset
from nn.data.sequences import pad_sequence
from nn.data.splits import Standardizer, standardize, train_test_split
from nn.data.toy_sets import circles, moons, spirals, xor, yin_yang

__all__ = [
    "DataLoader", "Standardizer", "TensorDataset", "circles", "moons", "pad_sequence", "spirals", "standardize",
    "train_test_split", "xor", "yin_yang",
]  # fmt: skip
