"""A picture as SVG without Graphviz: a layered layout, from the operands to the result, with few crossings.

The method is that of K. Sugiyama, S. Tagawa and M. Toda (1981) in its simplest form: each box is given a rank, each
arrow gets a dummy node in every layer that it passes through, and each layer is sorted by the barycentres of its
neighbours, sweeping to and fro.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import dist
from statistics import fmean

from viz.graph.palette import Legend, Look, Palette, by_role
from viz.graph.picture import Arrow, Box

_LINE_HEIGHT, _CHARACTER, _PADDING = 21.0, 8.2, 13.0  # pixels, for text of 14
_LAYER_GAP, _BOX_GAP, _MARGIN = 46.0, 14.0, 8.0
_WIDEST_GAP = 220.0
_LEGEND_NAME, _LEGEND_CELL = 60.0, 56.0
_FULLY_ROUTED = 300  # boxes; in larger pictures long arrows get few dummy nodes
_SWEEPS = 8

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """The place of a box: its centre and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The place of everything in a picture, in pixels.

    Attributes:
        width: the width of the whole picture.
        height: the height of the whole picture.
        places: the place of each box, by its id.
        curves: the curve of each arrow, as the ``d`` of an SVG path.
        label_centres: the centre of each arrow's label.
    """

    width: float
    height: float
    places: dict[str, Place]
    curves: list[str]
    label_centres: list[tuple[float, float]]


def layered(boxes: Sequence[Box], arrows: Sequence[Arrow], rankdir: str = "LR", gap: float = _BOX_GAP) -> Layout:
    """A layout for some boxes and arrows.

    Args:
        boxes: the boxes, in topological order.
        arrows: the arrows between them.
        rankdir: which way the arrows point, ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
        gap: the space between two boxes of a layer, in pixels.
    """
    sideways = rankdir in ("LR", "RL")
    sizes = {box.id: _size(box) if sideways else _size(box)[::-1] for box in boxes}  # along the arrows, and across them
    rank, layers, routes = _assign_ranks(boxes, arrows)
    neighbours = _neighbours(routes)
    _reduce_crossings(layers, *neighbours)
    extents = _layer_extents(layers, sizes, arrows, rank, sideways)
    across = _assign_positions(layers, sizes, gap, *neighbours)
    ports = _ports(routes, across, sizes, {box.id for box in boxes if box.ordered})
    length = extents[-1][1] + _MARGIN
    breadth = max(across[name] + sizes.get(name, (0.0, 0.0))[1] / 2 for name in across) + _MARGIN

    def oriented(point: Point) -> Point:
        forward = point[0] if rankdir in ("LR", "TB") else length - point[0]
        return (forward, point[1]) if sideways else (point[1], forward)

    def side(id: str, which: int) -> float:
        return fmean(extents[rank[id]]) + which * sizes[id][0] / 2

    places, curves, segments = {}, [], []
    for box in boxes:
        places[box.id] = Place(*oriented((side(box.id, 0), across[box.id])), *_size(box))
    for (first, *dummies, last), port in zip(routes, ports):
        points = [(side(first, 1), across[first])]
        for dummy in dummies:
            points += [(edge, across[dummy]) for edge in extents[rank[dummy]]]
        points.append((side(last, -1), port))
        curves.append(_spline(points, oriented))
        segments.append((points[-2], points[-1], extents[rank[last] - 1][1]))
    label_centres = map(oriented, _label_centres(segments, [bool(arrow.label) for arrow in arrows]))
    return Layout(*((length, breadth) if sideways else (breadth, length)), places, curves, list(label_centres))


def svg(boxes: Sequence[Box], arrows: Sequence[Arrow], rankdir: str = "LR", look: Look | None = None) -> str:
    """The picture as the text of an SVG file; the arguments are those of `layered`, and the colours."""
    look, layout = look or by_role(boxes), layered(boxes, arrows, rankdir)
    palette = look.palette
    drawn = [_arrow(*each, palette) for each in zip(arrows, layout.curves, layout.label_centres)]
    drawn += [_box(box, layout.places[box.id], look) for box in boxes]
    drawn += _legend(look.legend, layout.height, palette)
    width = max([layout.width, *(_LEGEND_NAME + len(sizes) * _LEGEND_CELL + 2 * _MARGIN for _, sizes in look.legend)])
    size = f"{width:.0f}", f"{layout.height + len(look.legend) * _LINE_HEIGHT + _MARGIN * bool(look.legend):.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" viewBox="0 0 {" ".join(size)}" '
        f'font-family="Helvetica,Arial,sans-serif" font-size="14">\n'
        f'<defs><marker id="tip" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
        f'<path d="M0,0 L9,4 L0,8 z" fill="{palette.line}"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="{palette.ground}"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _legend(legend: Legend, top: float, palette: Palette) -> list[str]:
    drawn = []
    columns = max((len(sizes) for _, sizes in legend), default=0)
    for i, (name, sizes) in enumerate(legend):
        y = top + i * _LINE_HEIGHT
        left = _MARGIN + _LEGEND_NAME + (columns - len(sizes)) * _LEGEND_CELL  # rows end at the same size
        anchor = "end" if sizes else "start"
        x = left - 8 if sizes else _MARGIN
        drawn.append(f'<text x="{x:.1f}" y="{y + 15:.1f}" text-anchor="{anchor}" fill="{palette.ink}">{name}</text>')
        for j, (size, colour) in enumerate(sizes):
            x = left + j * _LEGEND_CELL
            drawn.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{_LEGEND_CELL}" height="{_LINE_HEIGHT}" fill="{colour}" '
                f'stroke="{palette.line}"/>{_text(x + _LEGEND_CELL / 2, y + 15, size, palette)}'
            )
    return drawn


def _text(x: float, y: float, text: str, palette: Palette, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{palette.ink}"{more}>{escape(text)}</text>'


def _size(box: Box) -> Point:
    longest = max(sum(1 if ord(c) < 0x1100 else 1.8 for c in row) for row in box.rows)
    return longest * _CHARACTER + 2 * _PADDING, len(box.rows) * _LINE_HEIGHT + 6


def _assign_ranks(
    boxes: Sequence[Box], arrows: Sequence[Arrow]
) -> tuple[dict[str, int], list[list[str]], list[list[str]]]:
    """The rank of each box and dummy node, the members of each layer, and each arrow's route through its dummy nodes.

    Arrows from the same box share their dummy nodes, so that they run together as far as they can.
    """
    incoming, outgoing = defaultdict(list), defaultdict(list)
    for arrow in arrows:
        incoming[arrow.head].append(arrow.tail)
        outgoing[arrow.tail].append(arrow.head)
    rank: dict[str, int] = {}
    for box in boxes:
        rank[box.id] = max((rank[tail] + 1 for tail in incoming[box.id]), default=0)
    for box in boxes:  # a leaf goes into the layer before its first use
        if not incoming[box.id]:
            rank[box.id] = min((rank[head] - 1 for head in outgoing[box.id]), default=0)
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for box in boxes:
        layers[rank[box.id]].append(box.id)
    routes = []
    for arrow in arrows:
        passed = list(range(rank[arrow.tail] + 1, rank[arrow.head]))
        if len(boxes) > _FULLY_ROUTED and len(passed) > 4:
            passed = passed[:2] + passed[-2:]  # it runs behind the boxes; dummy nodes in all layers would take minutes
        dummies = {f"{arrow.tail} at {i}": i for i in passed}
        for dummy, i in dummies.items():
            if dummy not in rank:
                rank[dummy] = i
                layers[i].append(dummy)
        routes.append([arrow.tail, *dummies, arrow.head])
    return rank, layers, routes


Neighbours = dict[str, list[str]]


def _neighbours(routes: list[list[str]]) -> tuple[Neighbours, Neighbours]:
    """The neighbours of each box and dummy node in the layer before its own, and in the layer after it."""
    before, after = defaultdict(list), defaultdict(list)
    for tail, head in dict.fromkeys(pair for route in routes for pair in itertools.pairwise(route)):
        before[head].append(tail)
        after[tail].append(head)
    return before, after


def _reduce_crossings(layers: list[list[str]], before: Neighbours, after: Neighbours) -> None:
    """Sort each layer by the barycentres of its neighbours, in sweeps backwards and forwards."""
    position = {name: float(i) for layer in layers for i, name in enumerate(layer)}
    for sweep in range(_SWEEPS):
        neighbours = after if sweep % 2 == 0 else before
        for layer in layers if neighbours is before else reversed(layers):
            barycentres = {name: _barycentre(name, neighbours, position) for name in layer}
            layer.sort(key=barycentres.__getitem__)
            for i, name in enumerate(layer):
                position[name] = float(i)


def _barycentre(name: str, neighbours: Neighbours, position: dict[str, float]) -> float:
    """The mean position of the neighbours; a box that has none stays where it is."""
    return fmean(position[n] for n in neighbours[name]) if neighbours[name] else position[name]


def _layer_extents(
    layers: list[list[str]],
    sizes: dict[str, Point],
    arrows: Sequence[Arrow],
    rank: dict[str, int],
    sideways: bool,
) -> list[Point]:
    """Where each layer begins and ends. The gap after it grows with the labels and the arrows in it."""
    longest: Counter[int] = Counter()  # a label is near the head of its arrow
    for arrow in arrows:
        longest[rank[arrow.head] - 1] = max(longest[rank[arrow.head] - 1], len(arrow.label))
    crossing = Counter(rank[arrow.tail] for arrow in arrows)
    extents, edge = [], _MARGIN
    for i, layer in enumerate(layers):
        thickness = max(sizes[name][0] if name in sizes else 0.0 for name in layer)
        extents.append((edge, edge + thickness))
        label = longest[i] * _CHARACTER if sideways else _LINE_HEIGHT * (longest[i] > 0)
        edge += thickness + _LAYER_GAP + max(label, min(_WIDEST_GAP, crossing[i] * 0.8))
    return extents


def _assign_positions(
    layers: list[list[str]], sizes: dict[str, Point], gap: float, before: Neighbours, after: Neighbours
) -> dict[str, float]:
    """The centre of each box and dummy node across the arrows, as near to its neighbours as there is room."""
    room = {n: sizes[n][1] + gap if n in sizes else _BOX_GAP for layer in layers for n in layer}
    across: dict[str, float] = {}
    for layer in layers:
        across.update(_isotonic(layer, room, dict.fromkeys(layer, 0.0)))
    for sweep in range(2 * _SWEEPS):
        neighbours = before if sweep % 2 else after
        for layer in reversed(layers) if neighbours is after else layers:
            across.update(_isotonic(layer, room, {name: _barycentre(name, neighbours, across) for name in layer}))
    top = min(across[name] - room[name] / 2 for name in across) - _MARGIN + gap / 2
    return {name: place - top for name, place in across.items()}


def _isotonic(layer: list[str], room: dict[str, float], wanted: dict[str, float]) -> dict[str, float]:
    """The positions nearest to the wanted ones (in least squares) that keep the order and give each member its room.

    This is isotonic regression, by the pool adjacent violators algorithm (M. Ayer et al., 1955): neighbours that would
    overlap form a block, whose position is the mean of what its members want.
    """
    offset = list(itertools.accumulate((room[a] + room[b]) / 2 for a, b in itertools.pairwise(layer)))
    offsets = [0.0, *offset]
    blocks: list[tuple[float, int]] = []  # the mean of each block, and the number of its members
    for name, shift in zip(layer, offsets):
        mean, count = wanted[name] - shift, 1
        while blocks and blocks[-1][0] > mean:
            above, more = blocks.pop()
            mean, count = (mean * count + above * more) / (count + more), count + more
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    return {name: mean + shift for name, mean, shift in zip(layer, means, offsets)}


def _ports(
    routes: list[list[str]], across: dict[str, float], sizes: dict[str, Point], ordered: set[str]
) -> list[float]:
    """The ports, where the arrows meet their heads: side by side, so that ``x * x`` shows two.

    They are in the order in which the arrows arrive; or in that of the operands where it matters, as in ``a - b``.
    """
    arriving = defaultdict(list)
    for i, route in enumerate(routes):
        arriving[route[-1]].append(i)
    ports = [0.0] * len(routes)
    for head, arrows in arriving.items():
        step = min(16.0, 0.8 * sizes[head][1] / len(arrows))
        for rank, i in enumerate(arrows if head in ordered else sorted(arrows, key=lambda i: across[routes[i][-2]])):
            ports[i] = across[head] + (rank - (len(arrows) - 1) / 2) * step
    return ports


def _label_centres(segments: list[tuple[Point, Point, float]], labelled: list[bool]) -> list[Point]:
    """The middle of each arrow's last segment, or a point nearer to one end where a label would overlap another label
    or a wide box in the tail's layer. A segment is its two ends, and the edge where the tail's layer ends.
    """
    centres = [_on_curve(tail, head, 0.5) for tail, head, _ in segments]
    labels = [i for i, label in enumerate(labelled) if label]
    crowded = [i for i in labels if any(_overlap(centres[i], centres[j]) for j in labels if j != i)]
    crowded += [i for i in labels if centres[i][0] < segments[i][2] + 2 * _CHARACTER and i not in crowded]
    settled = [centres[i] for i in labels if i not in crowded]
    for i in crowded:
        tail, head, edge = segments[i]
        places = [place for place in (_on_curve(tail, head, t) for t in (0.72, 0.3)) if place[0] > edge]
        centres[i] = max(
            places or centres[i : i + 1], key=lambda place: min((dist(place, other) for other in settled), default=0.0)
        )
        settled.append(centres[i])
    return centres


def _overlap(a: Point, b: Point) -> bool:
    return abs(a[0] - b[0]) < 4 * _CHARACTER and abs(a[1] - b[1]) < _LINE_HEIGHT


def _on_curve(tail: Point, head: Point, t: float) -> Point:
    """A point of the curve from tail to head: the tail for t = 0, the head for t = 1."""
    along, across = 1.5 * t * (1 - t) + t**3, t * t * (3 - 2 * t)
    return tail[0] + along * (head[0] - tail[0]), tail[1] + across * (head[1] - tail[1])


def _spline(points: list[Point], oriented: Callable[[Point], Point]) -> str:
    """A smooth curve whose ends point along the direction of the arrows."""
    x, y = oriented(points[0])
    path = f"M{x:.0f},{y:.0f}"
    for (a, b), (c, d) in itertools.pairwise(points):
        bent = [((a + c) / 2, b), ((a + c) / 2, d), (c, d)] if b != d else [(c, d)]
        path += ("C" if len(bent) == 3 else "L") + " ".join(f"{x:.0f},{y:.0f}" for x, y in map(oriented, bent))
    return path


def _arrow(arrow: Arrow, curve: str, middle: Point, palette: Palette) -> str:
    drawn = f'<path d="{curve}" fill="none" stroke="{palette.line}" marker-end="url(#tip)"/>'
    if arrow.label:
        drawn += _text(middle[0], middle[1] - 7, arrow.label, palette)
    return drawn


def _box(box: Box, place: Place, look: Look) -> str:
    style = look.palette.styles[box.role]
    left, top = place.x - place.width / 2, place.y - place.height / 2
    dash = ' stroke-dasharray="5,3"' if style.dashed else ""
    frame = (
        f'width="{place.width:.1f}" height="{place.height:.1f}" rx="{10 if style.rounded else 0}" '
        f'fill="{look.fills[box.id]}" stroke="{style.border}" stroke-width="{style.width}"{dash}/>'
    )
    drawn = f'<g id="{box.id}">'
    for shift in (5, 0) if style.stacked else (0,):
        drawn += f'<rect x="{left + shift:.1f}" y="{top + shift:.1f}" {frame}'
    for i, row in enumerate(box.rows):
        weight = ' font-weight="bold"' if i == 0 and len(box.rows) > 2 else ""
        text = "".join(c if c.isprintable() else " " for c in row)
        drawn += _text(place.x, top + 3 + (i + 0.5) * _LINE_HEIGHT + 5, text, look.palette, weight)
    return drawn + "</g>"
