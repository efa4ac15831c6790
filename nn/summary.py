"""What a model consists of, as a table: its modules, the shapes of their tensors, and how many parameters there are.

>>> from nn import MLP
>>> MLP(2, [3, 1]).summary()
name      module                            tensors                  parameters
          MLP
layers.0  Layer(2, 3, activation='relu')    weight [3, 2], bias [3]           9
layers.1  Layer(3, 1, activation='linear')  weight [1, 3], bias [1]           4
13 parameters: 13 trainable, 0 frozen
"""

from collections.abc import Iterable
from typing import NamedTuple

from engine.utils.console import printable


class SummaryRow(NamedTuple):
    """One module: its path, the module as text, its tensors as text, how many parameters, and how many are frozen."""

    name: str
    module: str
    tensors: str
    parameters: int
    frozen: int


@printable
class Summary:
    """The table for a model, which displays itself at a prompt and in a notebook; `Module.summary` makes it.

    Args:
        rows: one for each module, from the outside in. A shared parameter is counted in the first row only.

    Attributes:
        rows: the same.
        total, trainable, frozen: the number of parameters overall.
    """

    def __init__(self, rows: Iterable[SummaryRow]) -> None:
        self.rows = list(rows)
        self.total = sum(row.parameters for row in self.rows)
        self.frozen = sum(row.frozen for row in self.rows)
        self.trainable = self.total - self.frozen

    def __str__(self) -> str:
        cells = [("name", "module", "tensors", "parameters", "")]
        for row in self.rows:
            count = f"{row.parameters:,}" if row.tensors else ""
            cells.append((row.name, row.module, row.tensors, count, f"{row.frozen:,} frozen" if row.frozen else ""))
        a, b, c, d, _ = (max(map(len, column)) for column in zip(*cells))
        lines = [f"{v:{a}}  {w:{b}}  {x:{c}}  {y:>{d}}  {z}".rstrip() for v, w, x, y, z in cells]
        end = f"{self.total:,} parameters: {self.trainable:,} trainable, {self.frozen:,} frozen"
        return "\n".join([*lines, end])

    __repr__ = __str__
