"""A row of numbers for each word, letter or other thing that has a number of its own.

>>> import random
>>> letters = Embedding(26, 4, rng=random.Random(0))
>>> letters
Embedding(26, 4)
>>> letters(2) == letters.weight[2]
True
"""

import random
from operator import index
from typing import Any

from engine import Value, select
from engine.nested import is_list_like
from nn.checks import check_rng, check_size
from nn.layers.tensors import tensor
from nn.module import Module


class Embedding(Module):
    """A table of learned rows: a whole number goes in, its row comes out.

    The rows start with a normal distribution around 0 of width 1. Only the row that was asked for gets a gradient.

    Args:
        num_embeddings: how many rows there are.
        embedding_dim: how many numbers are in each.
        rng: where the first weights come from, as `random` or a `random.Random(seed)`.
        label: what the table is called; row 3 begins with ``label.weight3_0``.

    Attributes:
        weight: the rows, ``[num_embeddings][embedding_dim]``.

    Raises:
        ValueError: if a size is not a positive whole number.
        IndexError: when called, if a number has no row.
        TypeError: if `rng` is a seed, or anything else that draws no random numbers; when called, if a number is not
            whole.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, rng: Any = random, label: str = "") -> None:
        check_size("num_embeddings", num_embeddings)
        check_size("embedding_dim", embedding_dim)
        check_rng(rng, "gauss")
        self.label = label
        prefix = f"{label}." if label else ""
        self.weight = tensor([num_embeddings, embedding_dim], lambda: rng.gauss(0.0, 1.0), f"{prefix}weight")

    def forward(self, x: Any) -> list[Any]:
        """The row of a number, which is an int, or a Value as in a compiled function; of a list of them their rows."""
        if is_list_like(x):
            return [self.forward(each) for each in x]
        if isinstance(x, Value):
            return [select(column, x) for column in zip(*self.weight)]
        i = index(x)
        if not 0 <= i < len(self.weight):
            raise IndexError(f"{self!r} takes numbers from 0 to {len(self.weight) - 1}, one for each row, got {i}")
        return list(self.weight[i])

    def __repr__(self) -> str:
        return f"Embedding({len(self.weight)}, {len(self.weight[0])})"
