"""What a picture of a graph shows: boxes for Values and closed modules, arrows for operands, and how each role looks.

Nothing here draws: `dot` writes the picture in Graphviz's language, `layout` places it without Graphviz.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine import Value
from engine.graph import topological_order
from engine.names import number, own_names
from engine.steps import table_name
from viz.graph import folding as fold

Edges = Literal["plain", "local"]


@dataclass(frozen=True)
class Style:
    """How a role looks. Roles differ in fill and, for eyes and printers without colour, in corners and border."""

    fill: str
    border: str
    rounded: bool = False
    dashed: bool = False
    stacked: bool = False
    width: float = 1.2


# Fills are pale tints, borders dark shades, of colours that stay apart in every form of colour blindness
# (M. Okabe, K. Ito, 2008, https://jfly.uni-koeln.de/color/).
STYLES = {
    "input": Style("#d6ebf8", "#0b5c8f"),
    "parameter": Style("#fde7bd", "#8a5a00", width=2.6),
    "constant": Style("#ececec", "#6b6b6b", dashed=True),
    "operation": Style("#ffffff", "#3d3d3d", rounded=True),
    "output": Style("#cdeee1", "#00664b", rounded=True, width=2.6),
    "module": Style("#f5e1ec", "#8a2f66", width=1.2, stacked=True),
}
GROUND = "white"  # of every picture: no grey of lines and numbers is good on white and on a dark page too
INK = "#1a1a1a"
LINE = "#767676"  # 4.5 to 1 against the ground


@dataclass(frozen=True)
class Box:
    """One Value or module: its lines of text, its role, and whether its operands enter in their order (a - b)."""

    id: str
    rows: tuple[str, ...]
    role: str
    ordered: bool = False


@dataclass(frozen=True)
class Arrow:
    """One operand: from the parent's box to the box it went into."""

    tail: str
    head: str
    label: str = ""


def picture(
    root: Value,
    edges: Edges = "plain",
    max_nodes: int = 300,
    depth: int | None = None,
    names: Mapping[str, Any] | None = None,
) -> tuple[list[Box], list[Arrow]]:
    """The boxes and arrows of the graph behind a Value, in topological order.

    Args:
        root: the last Value of the graph.
        edges: ``"local"`` writes the local derivative on every arrow.
        max_nodes: refuse more boxes.
        depth: how far modules are opened, as `fold.at_depth` has it; as far as `max_nodes` allows if None.
        names: what to call nodes without a label, such as ``locals()``.

    Raises:
        TypeError: if `root` is not a Value.
        ValueError: if there are more than `max_nodes` boxes, or `edges` is neither ``"plain"`` nor ``"local"``.
    """
    if not isinstance(root, Value):
        raise TypeError(f"expected the Value to draw, got {type(root).__name__} {root!r:.40}")
    if edges not in ("plain", "local"):
        raise ValueError(f"edges must be 'plain' or 'local', got {edges!r}")
    fold.check_depth(depth)
    order = topological_order(root)
    paths = fold.module_paths(order)
    opened = fold.at_depth(fold.deepest(order, paths, max_nodes) if depth is None else depth)
    parts, part_of = fold.fold(order, paths, opened)
    if len(parts) > max_nodes:
        fitting = fold.deepest(order, paths, max_nodes)
        fitting_depth = "" if fitting in (None, -1) else f"depth={fitting} folds it by module; "
        raise ValueError(
            f"this graph has {len(parts):,} boxes, too many to read in one picture (at most {max_nodes:,}); "
            f"{fitting_depth}draw a smaller part, such as one neuron or one example, or pass max_nodes={len(parts)}"
        )
    ids: dict[fold.Part, str] = {part: f"n{i}" for i, part in enumerate(parts)}
    title = own_names(order, names)
    boxes = [Box(ids[part], _rows(part, title), _role(part, root), ordered(part)) for part in parts]
    slopes = {
        part: part.local_gradients() for part in parts if edges == "local" and isinstance(part, Value) and part.rule
    }
    arrows = []
    for link in links(parts, part_of):
        label = link.several
        if slopes and link.operand is not None:
            label = number(slopes[link.head][link.operand])
        arrows.append(Arrow(ids[link.tail], ids[link.head], label))
    return boxes, arrows


@dataclass(frozen=True)
class Link:
    """Two boxes, one of which uses the other.

    Attributes:
        tail: the box that is used.
        head: the box that uses it.
        operand: which operand of the head it is; None where one of the two is a closed module.
        values: how many Values of the tail are used.
    """

    tail: fold.Part
    head: Any
    operand: int | None = None
    values: int = 1

    @property
    def several(self) -> str:
        """What the arrow says of many Values; nothing if a box of parameters alone says it already."""
        known = isinstance(self.tail, fold.Group) and not self.tail.inputs and self.values == len(self.tail.parameters)
        return "" if self.values == 1 or known else f"{self.values} values"


def links(parts: Sequence[fold.Part], part_of: Mapping[Value, fold.Part]) -> list[Link]:
    """Every use of one box by another: for two Values each use, and for modules all uses as one."""
    found = []
    for part in parts:
        if isinstance(part, fold.Group):
            merged = Counter(part_of[node] for node in part.inputs)
        else:
            tails = [part_of[parent] for parent in part.parents]
            found += [Link(tail, part, i) for i, tail in enumerate(tails) if isinstance(tail, Value)]
            merged = Counter(tail for tail in tails if isinstance(tail, fold.Group))
        found += [Link(tail, part, values=count) for tail, count in merged.items()]
    return found


_EITHER_WAY = {"add", "mul", "maximum", "minimum", "hypot"}


def ordered(part: fold.Part) -> bool:
    """Whether it would be another operation with its two operands the other way round."""
    return (
        isinstance(part, Value)
        and part.rule is not None
        and len(part.parents) == 2
        and table_name(part.rule) not in _EITHER_WAY
    )


def _role(part: fold.Part, root: Value) -> str:
    if isinstance(part, fold.Group):
        return "module"
    return "output" if part is root and part.rule is not None else part.role


def _rows(part: fold.Part, title: Mapping[Value, str]) -> tuple[str, ...]:
    if isinstance(part, fold.Group):
        signal = [f"out {number(node.data)}, grad {number(node.grad)}" for node in part.outputs]
        count = len(part.parameters)
        return (
            part.name or "model",
            size(part, f"{count:,} parameter{'s' * (count != 1)}"),
            *(signal if len(signal) == 1 else ()),
            f"‖grad‖ {number(part.gradient_norm)}",
        )
    if part.role == "constant":
        return (number(part.data),)
    first = ": ".join(filter(None, (title[part], part.op)))
    rows = (f"data {number(part.data)}", f"grad {number(part.grad)}")
    return (first, *rows) if first else rows


def size(module: fold.Group, parameters: str) -> str:
    """How many Values go into a module and come out of it, and what is said of its parameters."""
    return f"{len(module.inputs)} → {len(module.outputs)}, {parameters}" if module.inputs else parameters
