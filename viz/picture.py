"""What a picture of a graph shows: a box for every Value, an arrow for every operand, and how each role looks.

Nothing here draws: `dot` writes the picture in Graphviz's language, `layout` places it without Graphviz.
"""

from dataclasses import dataclass
from typing import Literal

from engine import Value
from engine.graph import topological_order
from engine.names import number

Edges = Literal["plain", "local"]


@dataclass(frozen=True)
class Style:
    """How a role looks. Roles differ in fill and, for eyes and printers without colour, in corners and border."""

    fill: str
    border: str
    rounded: bool = False
    dashed: bool = False
    width: float = 1.2


# Fills are pale tints, borders dark shades, of colours that stay apart in every form of colour blindness
# (M. Okabe, K. Ito, 2008, https://jfly.uni-koeln.de/color/).
STYLES = {
    "input": Style("#d6ebf8", "#0b5c8f"),
    "parameter": Style("#fde7bd", "#8a5a00", width=2.6),
    "constant": Style("#ececec", "#6b6b6b", dashed=True),
    "operation": Style("#ffffff", "#3d3d3d", rounded=True),
    "output": Style("#cdeee1", "#00664b", rounded=True, width=2.6),
}
INK = "#1a1a1a"
LINE = "#767676"  # 4.5 to 1 against white, and against black


@dataclass(frozen=True)
class Box:
    """One Value: its lines of text and its role."""

    id: str
    rows: tuple[str, ...]
    role: str


@dataclass(frozen=True)
class Arrow:
    """One operand: from the parent's box to the box it went into."""

    tail: str
    head: str
    label: str = ""


def picture(root: Value, edges: Edges = "plain", max_nodes: int = 300) -> tuple[list[Box], list[Arrow]]:
    """The boxes and arrows of the graph behind a Value, in topological order.

    Args:
        root: the last Value of the graph.
        edges: ``"local"`` writes the local derivative on every arrow.
        max_nodes: refuse a larger graph.

    Raises:
        TypeError: if `root` is not a Value.
        ValueError: if the graph has more than `max_nodes` Values, or `edges` is neither ``"plain"`` nor ``"local"``.
    """
    if not isinstance(root, Value):
        raise TypeError(f"expected the Value to draw, got {type(root).__name__} {root!r:.40}")
    if edges not in ("plain", "local"):
        raise ValueError(f"edges must be 'plain' or 'local', got {edges!r}")
    order = topological_order(root)
    if len(order) > max_nodes:
        raise ValueError(
            f"this graph has {len(order):,} Values, too many to read in one picture (at most {max_nodes:,}). "
            f"Draw a smaller part, such as one neuron or one example, or pass max_nodes={len(order)}"
        )
    ids = {node: f"n{i}" for i, node in enumerate(order)}
    boxes = [Box(ids[node], _rows(node), _role(node, root)) for node in order]
    arrows = []
    for node in order:
        slopes = node.local_gradients() if edges == "local" else ()
        labels = map(number, slopes) if slopes else [""] * len(node.parents)
        arrows += [Arrow(ids[parent], ids[node], label) for parent, label in zip(node.parents, labels)]
    return boxes, arrows


def _role(node: Value, root: Value) -> str:
    return "output" if node is root and node.rule is not None else node.role


def _rows(node: Value) -> tuple[str, ...]:
    if node.role == "constant":
        return (number(node.data),)
    title = f"{node.label}: {node.op}" if node.label and node.op else str(node.label or node.op)
    rows = (f"data {number(node.data)}", f"grad {number(node.grad)}")
    return (title, *rows) if title else rows
