"""A learned row of numbers for each word, letter or other token, looked up by its index.

>>> import random
>>> letters = Embedding(26, 4, rng=random.Random(0))
>>> letters
Embedding(26, 4)
>>> letters(2) == letters.weight[2]
True
"""

import random
from typing import Any

from engine import Value, select
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from nn.checks import as_index, check_integer, check_rng
from nn.module import Module
from nn.tensors import tensor


class Embedding(Module):
    """A table of learned rows: an index goes in, and its row comes out.

    The rows start normally distributed with mean 0 and standard deviation 1. Only a row that was looked up gets a
    gradient.

    Args:
        num_embeddings: how many rows there are.
        embedding_dim: how many numbers are in a row.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the table; row 3 begins with ``label.weight3_0``.

    Attributes:
        weight: the rows, ``[num_embeddings][embedding_dim]``.

    Raises:
        ValueError: if a size is not a positive whole number.
        IndexError: when called with an index that has no row.
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers; when called with an index that
            is not a whole number.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, rng: Any = random, label: str = "") -> None:
        shape = [check_integer("num_embeddings", num_embeddings), check_integer("embedding_dim", embedding_dim)]
        check_rng(rng, "gauss")
        self.label = label
        prefix = f"{label}." if label else ""
        self.weight = tensor(shape, lambda: rng.gauss(0.0, 1.0), f"{prefix}weight")

    def forward(self, x: Any) -> list[Any]:
        """The row at an index, a whole number, or a Value in a compiled function; for a list, a list of rows.

        Floats such as 2.0 are taken too, because arrays often hold indices in that form.
        """
        if is_list_like(x):
            return [self.forward(each) for each in x]
        if isinstance(x, Value):
            return [select(column, x) for column in zip(*self.weight)]
        i = as_index(x)
        if i is None:
            raise TypeError(f"{self!r} takes whole numbers as indices, got {brief(x)}; write int(x) for each x")
        if not 0 <= i < len(self.weight):
            raise IndexError(f"{self!r} takes indices from 0 to {len(self.weight) - 1}, one for each row, got {i}")
        return list(self.weight[i])

    def __repr__(self) -> str:
        return f"Embedding({len(self.weight)}, {len(self.weight[0])})"
