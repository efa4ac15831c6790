"""The contents of a worksheet: a graph, and the right number for every blank in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from engine import Value
from engine.steps import as_python
from engine.utils.console import printable
from viz.classroom.worksheets.problem import exact, nodes_of


@printable
@dataclass(frozen=True, eq=False)
class Sheet:
    """A graph with blanks.

    Attributes:
        seed: the seed that it was drawn with.
        difficulty: ``"easy"``, ``"medium"`` or ``"hard"``.
        root: the last Value, L; its graph is an ordinary graph of the engine, before any `backward`.
        key: the right number for every blank, as a fraction: ``"d"`` is the data of d, ``"local a->d"`` the local
            derivative on the arrow from a to d, ``"grad d"`` the gradient of d.
        lang: the language in which it is printed.
    """

    seed: int
    difficulty: str
    root: Value = field(repr=False)
    key: Mapping[str, Fraction] = field(repr=False)
    lang: str = field(default="en", repr=False)

    @property
    def given(self) -> tuple[str, ...]:
        """The leaves: ``"a = 2"``."""
        return tuple(f"{node.label} = {exact(node.data)}" for node in nodes_of(self.root) if node.rule is None)

    @property
    def expression(self) -> tuple[str, ...]:
        """The operations: ``"d = a * b"``."""
        return tuple(f"{s.name} = {as_python(s.node.rule, s.operand_names)}" for s in self.root.forward_steps())


def local_blank(node: Value, operand: int) -> str:
    """The name of the blank on the arrow from an operand; in ``d = a * a`` there are two arrows from a to d."""
    parent = node.parents[operand]
    again = " (2)" if parent in node.parents[:operand] else ""
    return f"local {parent.label}->{node.label}{again}"
