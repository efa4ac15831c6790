"""The picture of a worksheet's graph: its boxes and arrows, and where the blanks for local derivatives are."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine import Value
from viz.classroom.worksheets.problem import nodes_of
from viz.graph.layout import Layout, Place, Point, layered
from viz.graph.picture import Arrow, Box, operands_matter, shown_operation

BLANK = (46.0, 24.0)  # the size of a blank on an arrow, in pixels
_ROOM = "\u00a0" * 5  # a label that leaves room for it, and is not seen
_TIP = 10.0  # of an arrow


@dataclass(frozen=True)
class Drawing:
    """A graph with room for the blanks on its arrows.

    Attributes:
        boxes: a box for each node, in the order of `nodes_of`.
        arrows: an arrow for each operand of each node, in the same order.
        layout: where they stand.
        blanks: the centre of the blank on each arrow: side by side before the operation that the arrows lead to.
        curves: the curve of each arrow, as the ``d`` of an SVG path; it passes through its blank.
    """

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    layout: Layout
    blanks: Sequence[Point]
    curves: Sequence[str]


def node_title(node: Value) -> str:
    """The first line in the box of a node: its name and its operation."""
    return ": ".join(filter(None, (node.label, shown_operation(node))))


def drawing(root: Value, rows: Callable[[Value], tuple[str, ...]], prefix: str, rankdir: str) -> Drawing:
    """The drawing of a graph.

    Args:
        root: its last node.
        rows: what stands in the box of a node.
        prefix: what the boxes' ids begin with.
        rankdir: which way the arrows point, ``"LR"`` or ``"TB"``.
    """
    nodes = nodes_of(root)
    ids = {node: f"{prefix}-{node.label}" for node in nodes}
    boxes = [
        Box(ids[node], rows(node), "output" if node is root else node.role, operands_matter(node)) for node in nodes
    ]
    arrows = [Arrow(ids[parent], ids[node], _ROOM) for node in nodes for parent in node.parents]
    layout = layered(boxes, arrows, rankdir)
    blanks = _blanks(layout, arrows, rankdir == "LR")
    curves = [
        _through(curve, blank, layout.places[arrow.head], rankdir == "LR")
        for curve, blank, arrow in zip(layout.curves, blanks, arrows)
    ]
    return Drawing(boxes, arrows, layout, blanks, curves)


def _blanks(layout: Layout, arrows: Sequence[Arrow], sideways: bool) -> list[Point]:
    """The centres of the blanks, in the order in which the arrows meet the box that they lead to."""
    arriving = defaultdict(list)
    for i, arrow in enumerate(arrows):
        arriving[arrow.head].append(i)
    centres: dict[int, Point] = {}
    for head, indices in arriving.items():
        place, port = layout.places[head], {i: _points(layout.curves[i])[-1][sideways] for i in indices}
        for rank, i in enumerate(sorted(indices, key=port.__getitem__)):
            aside = rank - (len(indices) - 1) / 2
            if sideways:
                centre = place.x - place.width / 2 - _TIP - BLANK[0] / 2, place.y + aside * (BLANK[1] + 4)
            else:
                centre = place.x + aside * (BLANK[0] + 4), place.y - place.height / 2 - _TIP - BLANK[1] / 2
            centres[i] = centre
    return [centres[i] for i in range(len(arrows))]


def _through(curve: str, blank: Point, head: Place, sideways: bool) -> str:
    """A curve that leads into its blank and straight on, instead of to the middle of the box."""
    last = max(curve.rfind("C"), curve.rfind("L"))
    tail = _points(curve[:last])[-1]
    (start, across), (middle, port) = (tail, blank) if sideways else (tail[::-1], blank[::-1])
    entry = middle - BLANK[0 if sideways else 1] / 2
    end = head.x - head.width / 2 if sideways else head.y - head.height / 2
    bend = (start + entry) / 2
    points = [(bend, across), (bend, port), (entry, port), (end, port)]
    first, second, third, fourth = (f"{x:.0f},{y:.0f}" if sideways else f"{y:.0f},{x:.0f}" for x, y in points)
    return f"{curve[:last]}C{first} {second} {third}L{fourth}"


def _points(curve: str) -> list[Point]:
    """The points that an SVG path names."""
    return [(float(x), float(y)) for x, y in re.findall(r"(-?\d+),(-?\d+)", curve)]
