"""Rows that look at each other: what a transformer has instead of a memory.

>>> import random
>>> attention = CausalSelfAttention(4, heads=2, rng=random.Random(0))
>>> rows = attention([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
>>> len(rows), len(rows[0])
(3, 4)
"""

import random
from math import sqrt
from typing import Any

from engine import Value, dot, softmax
from engine.nested import is_list_like
from nn.checks import check_size
from nn.layers.dense import Linear
from nn.module import Module


class CausalSelfAttention(Module):
    """Each row of a sequence gathers numbers from itself and the rows before it, those that match it most of all.

    From every row a query, a key and a value are made. How well the query of one row matches the key of another is
    their dot product, over the root of their length, so that it does not grow with that; softmax makes of these scores
    the shares in which the values are mixed. Each head does this by itself, with its part of all three. No row sees
    those after it, so that the next can be predicted at every place at once.

    Source: A. Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Args:
        width: how many numbers are in a row.
        heads: among how many the width is divided.
        bias: whether the four `Linear` layers in it have one.
        rng: where the first weights come from, as `random` or a `random.Random(seed)`.
        label: what the layer is called.

    Attributes:
        query, key, value: from a row to what it looks for, what it is found by, and what it hands on.
        project: from what was gathered by all heads to a row of the result.

    Raises:
        TypeError: if `rng` is a seed, or anything else that draws no random numbers.
        ValueError: if a size is not a positive whole number, or the heads do not divide the width; when called, if it
            is not on rows of that width.
    """

    def __init__(self, width: int, heads: int, bias: bool = False, rng: Any = random, label: str = "") -> None:
        check_size("width", width)
        check_size("heads", heads)
        if width % heads:
            raise ValueError(f"heads must divide the width, got width={width} and heads={heads}")
        self.width, self.heads = width, heads
        self.label = label
        prefix = f"{label}." if label else ""
        self.query = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}query")
        self.key = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}key")
        self.value = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}value")
        self.project = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}project")

    def forward(self, x: Any) -> list[list[Value]]:
        """As many rows as there are in `x`, a list of rows."""
        rows = list(x) if is_list_like(x) else [x]
        if not all(map(is_list_like, rows)):
            raise ValueError(f"{self!r} expects a list of rows, got numbers; of one row alone, write [row]")
        queries, keys, values = (layer.batch(rows) for layer in (self.query, self.key, self.value))
        gathered: list[list[Value]] = [[] for _ in rows]
        size = self.width // self.heads
        for start in range(0, self.width, size):
            head = slice(start, start + size)
            for t, query in enumerate(queries):
                scores = [dot(query[head], key[head]) / sqrt(size) for key in keys[: t + 1]]
                shares = softmax(scores)
                columns = zip(*(value[head] for value in values[: t + 1]))
                gathered[t] += [dot(shares, column) for column in columns]
        return self.project.batch(gathered)

    def __repr__(self) -> str:
        return f"CausalSelfAttention({self.width}, heads={self.heads})"
