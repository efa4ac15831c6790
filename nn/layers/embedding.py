"""A learned row of numbers for each word, letter or other token, looked up by its index.

>>> import random
>>> letters = Embedding(26, 4, rng=random.Random(0))
>>> letters
Embedding(26, 4)
>>> letters(2) == letters.weight[2]
True

`EmbeddingBag` adds up the rows of a whole text, or takes their mean:

>>> words = EmbeddingBag(1000, 4, rng=random.Random(0))
>>> len(words([17, 4, 250]))
4
"""

import random
from typing import Any

from engine import Value, dot, rules, select
from engine.nary_rules import mean, total
from engine.rules import stop_gradient
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from nn.checks import as_index, check, check_integer, check_rng
from nn.module import Module
from nn.tensors import tensor

Row = list[Value]


class _Table(Module):
    """Rows to look up."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, rng: Any, label: str) -> None:
        shape = [check_integer("num_embeddings", num_embeddings), check_integer("embedding_dim", embedding_dim)]
        check_rng(rng, "gauss")
        self.label = label
        prefix = f"{label}." if label else ""
        self.padding_idx = None
        self.weight = tensor(shape, lambda: rng.gauss(0.0, 1.0), f"{prefix}weight")
        if padding_idx is not None:
            index = as_integer(padding_idx)
            if index is None or not -shape[0] <= index < shape[0]:
                raise ValueError(f"padding_idx must be the index of one of {shape[0]} rows, got {padding_idx!r}")
            self.padding_idx = index % shape[0]
            for value in self.weight[self.padding_idx]:
                value.data = 0.0

    def _row(self, x: Any) -> Row:
        """The row at an index; that of the padding without a gradient."""
        if isinstance(x, Value):
            return [select(column, x) for column in zip(*self._rows())]
        i = self._index(x)
        return list(self._rows()[i] if i == self.padding_idx else self.weight[i])

    def _rows(self) -> list[Row]:
        rows: list[Row] = list(self.weight)
        if self.padding_idx is not None:
            rows[self.padding_idx] = list(map(stop_gradient, rows[self.padding_idx]))
        return rows

    def _index(self, x: Any) -> int:
        i = as_index(x)
        if i is None:
            raise TypeError(f"{self!r} takes whole numbers as indices, got {brief(x)}; write int(x) for each x")
        if not 0 <= i < len(self.weight):
            raise IndexError(f"{self!r} takes indices from 0 to {len(self.weight) - 1}, one for each row, got {i}")
        return i

    def _options(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{len(self.weight)}, {len(self.weight[0])}{padding}"


class Embedding(_Table):
    """A table of learned rows: an index goes in, and its row comes out.

    The rows start normally distributed with mean 0 and standard deviation 1. Only a row that was looked up gets a
    gradient.

    Args:
        num_embeddings: how many rows there are.
        embedding_dim: how many numbers are in a row.
        padding_idx: the index that stands for padding: its row starts as zeros and gets no gradient.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the table; row 3 begins with ``label.weight3_0``.

    Attributes:
        weight: the rows, ``[num_embeddings][embedding_dim]``.

    Raises:
        ValueError: if a size is not a positive whole number, or `padding_idx` has no row.
        IndexError: when called with an index that has no row.
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers; when called with an index that
            is not a whole number.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        rng: Any = random,
        label: str = "",
        *,
        padding_idx: int | None = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, rng, label)

    def forward(self, x: Any) -> list[Any]:
        """The row at an index, a whole number, or a Value in a compiled function; for a list, a list of rows.

        Floats such as 2.0 are taken too, because arrays often hold indices in that form.
        """
        return [self.forward(each) for each in x] if is_list_like(x) else self._row(x)

    def __repr__(self) -> str:
        return f"Embedding({self._options()})"


class EmbeddingBag(_Table):
    """The mean or the sum of the rows at several indices: a text as a bag of words, in which their order is lost.

    Args:
        num_embeddings: as in `Embedding`.
        embedding_dim: as in `Embedding`.
        mode: ``"mean"`` or ``"sum"``.
        padding_idx: the index that stands for padding, which is left out; its row starts as zeros.
        rng: as in `Embedding`.
        label: as in `Embedding`.

    Attributes:
        weight: the rows, ``[num_embeddings][embedding_dim]``.

    Raises:
        ValueError: as in `Embedding`, and if the mode is another one; when called with an empty list.
        IndexError, TypeError: as in `Embedding`, and when called with a single index.

    >>> words = EmbeddingBag(3, 1, mode="sum")
    >>> words.load_state_dict({"weight": [[1.0], [10.0], [100.0]]})
    >>> [x.data for x in words([1, 2, 2])]
    [210.0]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        mode: str = "mean",
        rng: Any = random,
        label: str = "",
        *,
        padding_idx: int | None = None,
    ) -> None:
        check("mode", mode, mode in ("mean", "sum"), "'mean' or 'sum'")
        self.mode = mode
        super().__init__(num_embeddings, embedding_dim, padding_idx, rng, label)

    def forward(self, x: Any) -> Any:
        """One row for a list of indices, which are given as in `Embedding`; for a list of lists, a list of rows."""
        if not is_list_like(x):
            raise TypeError(f"{self!r} takes a list of indices, got {brief(x)}; write [x] for a single one")
        bag = list(x)
        if bag and is_list_like(bag[0]):
            return [self.forward(each) for each in bag]
        if not bag:
            raise ValueError(f"{self!r} takes at least one index, got none")
        bag = [i for i in bag if isinstance(i, Value) or self._index(i) != self.padding_idx]
        if not bag:
            return [Value(0.0, role="constant")] * len(self.weight[0])
        columns = zip(*map(self._row, bag))
        if self.padding_idx is None or not any(isinstance(i, Value) for i in bag):
            return [(total if self.mode == "sum" else mean)(*column) for column in columns]
        kept = [1 - rules.equal(i, float(self.padding_idx)) for i in bag]  # 0 where it is padding
        count = rules.maximum(total(*kept), 1.0) if self.mode == "mean" else 1.0
        return [dot(kept, column) / count for column in columns]

    def __repr__(self) -> str:
        return f"EmbeddingBag({self._options()}, mode={self.mode!r})"
