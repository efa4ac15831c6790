"""What a picture of a graph shows: boxes for Values and collapsed modules, arrows for operands.

Nothing is drawn here: `dot` writes the picture in Graphviz's language, and `layout` lays it out without Graphviz.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine import Value, rules
from engine.graph import topological_order
from engine.names import given_names, number
from engine.steps import builtin_name
from engine.utils.arguments import described, value_hint
from engine.utils.console import printable
from engine.utils.messages import brief
from viz.graph import folding

Edges = Literal["plain", "local"]


@printable
@dataclass(frozen=True)
class Box:
    """One Value or module.

    Attributes:
        id: what the arrows call it.
        rows: its lines of text.
        role: ``"module"``, ``"output"``, or the role of its Value.
        ordered: whether the order of its operands matters, as in ``a - b``.
        gradient: its gradient, or the norm of a module's gradients; None if there is none.
        marked: whether it has a thick orange border, because something in it is wrong.
    """

    id: str
    rows: tuple[str, ...]
    role: str
    ordered: bool = False
    gradient: float | None = None
    marked: bool = False


@printable
@dataclass(frozen=True)
class Arrow:
    """One operand: an arrow from its box to the box of the operation that uses it."""

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
        max_nodes: the most boxes to accept.
        depth: how far to expand modules, as in `folding.expanded_to`; if None, as far as `max_nodes` allows.
        names: what to call nodes without a label, such as ``locals()``.

    Raises:
        TypeError: if `root` is not a Value, or `max_nodes` is not a whole number.
        ValueError: if there are more than `max_nodes` boxes, or `edges` is neither ``"plain"`` nor ``"local"``.
    """
    if not isinstance(root, Value):
        raise TypeError(f"expected the Value to draw, got {described(root)}{value_hint(root)}")
    if edges not in ("plain", "local"):
        raise ValueError(f"edges must be 'plain' or 'local', got {edges!r}")
    if not isinstance(max_nodes, int):
        raise TypeError(f"max_nodes must be a whole number, got {type(max_nodes).__name__} {brief(max_nodes)}")
    folding.check_depth(depth)
    order = topological_order(root)
    paths = folding.module_paths(order)
    is_expanded = folding.expanded_to(folding.deepest_that_fits(order, paths, max_nodes) if depth is None else depth)
    vertices, vertex_of = folding.collapse(order, paths, is_expanded)
    if len(vertices) > max_nodes:
        fitting = folding.deepest_that_fits(order, paths, max_nodes)
        fitting_depth = "" if fitting in (None, -1) else f"depth={fitting} folds it by module; "
        raise ValueError(
            f"this graph has {len(vertices):,} boxes, too many to read in one picture (at most {max_nodes:,}); "
            f"{fitting_depth}draw a smaller part, such as one neuron or one example, or pass max_nodes={len(vertices)}"
        )
    ids: dict[folding.Vertex, str] = {vertex: f"n{i}" for i, vertex in enumerate(vertices)}
    names_of = given_names(order, names)
    boxes = [
        Box(ids[vertex], _rows(vertex, names_of), _role(vertex, root), operands_matter(vertex), _gradient(vertex))
        for vertex in vertices
    ]
    slopes = {
        vertex: vertex.local_gradients()
        for vertex in vertices
        if edges == "local" and isinstance(vertex, Value) and vertex.rule
    }
    arrows = []
    for edge in collapsed_edges(vertices, vertex_of):
        label = edge.count_label
        if slopes and edge.operand is not None:
            label = number(slopes[edge.head][edge.operand])
        arrows.append(Arrow(ids[edge.tail], ids[edge.head], label))
    return boxes, arrows


@printable
@dataclass(frozen=True)
class Edge:
    """A use of one vertex by another in the graph that is drawn.

    Attributes:
        tail: the vertex that is used.
        head: the vertex that uses it.
        operand: which operand of the head the tail is; None if either of them is a collapsed module.
        values: how many Values of the tail are used.
    """

    tail: folding.Vertex
    head: Any
    operand: int | None = None
    values: int = 1

    @property
    def count_label(self) -> str:
        """The label of an arrow for several Values; none if its tail, a box of parameters, says it already."""
        tail = self.tail
        known = isinstance(tail, folding.Cluster) and not tail.inputs and self.values == len(tail.parameters)
        return "" if self.values == 1 or known else f"{self.values} values"


def collapsed_edges(vertices: Sequence[folding.Vertex], vertex_of: Mapping[Value, folding.Vertex]) -> list[Edge]:
    """The edges between vertices: one for each use of a Value by a Value, one for all uses to or from a module.

    Those of a vertex are in the order of its operands: in ``L1 - 1`` that of L1 comes first, even if L1 is a module.
    """
    found = []
    for vertex in vertices:
        used = vertex.inputs if isinstance(vertex, folding.Cluster) else vertex.parents
        tails = [vertex_of[node] for node in used]
        uses = Counter(tails)
        for i, tail in enumerate(tails):
            if isinstance(vertex, Value) and isinstance(tail, Value):
                found.append(Edge(tail, vertex, i))
            elif count := uses.pop(tail, 0):
                found.append(Edge(tail, vertex, values=count))
    return found


_COMMUTATIVE = {
    *("add", "mul", "zero_mul", "strong_mul", "maximum", "minimum", "hypot", "equal"),
    *("total", "mean", "largest", "smallest", "logsumexp"),
    "dot",  # its operands are named w0, w1, ...
}


def operands_matter(vertex: folding.Vertex) -> bool:
    """Whether the vertex is an operation that gives something else when its operands are swapped."""
    return (
        isinstance(vertex, Value)
        and vertex.rule is not None
        and len(vertex.parents) > 1
        and builtin_name(vertex.rule) not in _COMMUTATIVE
    )


def shown_operation(node: Value) -> str:
    """The operation of a node as its box shows it: as in the expression, so that -d is a ``-``, and no ``neg``.

    >>> x = Value(2.0)
    >>> shown_operation(-x), shown_operation(x * x), shown_operation(x)
    ('-', '*', '')
    """
    return "-" if node.rule is rules.neg else node.op


def one_line(text: str, longest: int = 60) -> str:
    """A label as one line of text that anything can draw: not too long, and without control characters.

    >>> one_line("two\\nlines")
    'two lines'
    """
    text = "".join(c for c in " ".join(text.split("\n")) if unicodedata.category(c) not in ("Cc", "Cs"))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _role(vertex: folding.Vertex, root: Value) -> str:
    if isinstance(vertex, folding.Cluster):
        return "module"
    return "output" if vertex is root and vertex.rule is not None else vertex.role


def _gradient(vertex: folding.Vertex) -> float | None:
    if isinstance(vertex, folding.Cluster):
        return vertex.gradient_norm
    return vertex.grad if vertex.has_grad and vertex.role != "constant" else None


def _rows(vertex: folding.Vertex, names_of: Mapping[Value, str]) -> tuple[str, ...]:
    if isinstance(vertex, folding.Cluster):
        signal = [f"out {number(node.data)}, grad {number(node.grad)}" for node in vertex.outputs]
        count = len(vertex.parameters)
        return (
            one_line(vertex.name) or "model",
            size_line(vertex, f"{count:,} parameter{'s' * (count != 1)}"),
            *(signal if len(signal) == 1 else ()),
            f"‖grad‖ {number(vertex.gradient_norm)}",
        )
    if vertex.role == "constant":
        return (number(vertex.data),)
    first = ": ".join(filter(None, (one_line(names_of[vertex]), shown_operation(vertex))))
    rows = (f"data {number(vertex.data)}", f"grad {number(vertex.grad)}")
    return (first, *rows) if first else rows


def size_line(module: folding.Cluster, parameters: str) -> str:
    """A line of text: how many Values go into a module and come out of it, and the given words on its parameters."""
    return f"{len(module.inputs)} → {len(module.outputs)}, {parameters}" if module.inputs else parameters
