"""Attention: rows that look at one another, which is what a transformer has in place of a memory.

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
from engine.utils.nested import is_list_like
from nn.checks import check_integer
from nn.layers.dense import Linear
from nn.module import Module


class CausalSelfAttention(Module):
    """Each row of a sequence gathers information from itself and the rows before it, mostly from those that match it.

    Every row is turned into a query, a key and a value. A score says how well the query of one row matches the key of
    another: their dot product, divided by the square root of their length so that it does not grow with the length.
    Softmax turns the scores into attention weights, and the values are averaged with these weights. Each head does this
    on its own, with its own part of the queries, keys and values. No row sees the rows after it, so the next row can be
    predicted at every position at once.

    Source: A. Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Args:
        width: how many numbers are in a row.
        heads: how many heads the width is divided among.
        bias: whether its four `Linear` layers have a bias.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the layer.

    Attributes:
        query, key, value: from a row to what it looks for, what it is found by, and what it passes on.
        project: from what all the heads gathered to a row of the output.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if a size is not a positive whole number, or the width is not a multiple of the number of heads;
            when called with anything but rows of that width.
    """

    def __init__(self, width: int, heads: int, bias: bool = False, rng: Any = random, label: str = "") -> None:
        width, heads = check_integer("width", width), check_integer("heads", heads)
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
        """One row for each row of `x`, which is a list of rows."""
        rows = list(x) if is_list_like(x) else [x]
        if not all(map(is_list_like, rows)):
            raise ValueError(f"{self!r} expects a list of rows, got numbers; write a single row as [row]")
        queries, keys, values = (layer.batch(rows) for layer in (self.query, self.key, self.value))
        gathered: list[list[Value]] = [[] for _ in rows]
        size = self.width // self.heads
        for start in range(0, self.width, size):
            head = slice(start, start + size)
            for t, query in enumerate(queries):
                scores = [dot(query[head], key[head]) / sqrt(size) for key in keys[: t + 1]]
                weights = softmax(scores)
                columns = zip(*(value[head] for value in values[: t + 1]))
                gathered[t] += [dot(weights, column) for column in columns]
        return self.project.batch(gathered)

    def __repr__(self) -> str:
        return f"CausalSelfAttention({self.width}, heads={self.heads})"
