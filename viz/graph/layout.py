"""A picture as SVG without Graphviz: layers from the operands to the result, with few crossings.

The method is that of K. Sugiyama, S. Tagawa, M. Toda (1981), in its simplest form: a layer for every step towards the
result, a bend in every layer that an arrow passes, boxes ordered by the mean place of their neighbours.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import dist
from statistics import fmean

from viz.graph.picture import GROUND, INK, LINE, STYLES, Arrow, Box

_LINE_HEIGHT, _CHARACTER, _PADDING = 21.0, 8.2, 13.0  # pixels, for text of 14
_LAYER_GAP, _BOX_GAP, _MARGIN = 46.0, 14.0, 8.0
_WIDEST_GAP = 220.0
_READ_AS_A_WHOLE = 300  # boxes
_SWEEPS = 8

Point = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where a box stands: its centre, and how large it is."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in pixels.

    Attributes:
        width: of the whole picture.
        height: of the whole picture.
        places: of the boxes, by their ids.
        curves: of the arrows, in order, as the ``d`` of an SVG path.
        middles: where each arrow's label is centred.
    """

    width: float
    height: float
    places: dict[str, Place]
    curves: list[str]
    middles: list[tuple[float, float]]


def placed(boxes: Sequence[Box], arrows: Sequence[Arrow], rankdir: str = "LR", gap: float = _BOX_GAP) -> Layout:
    """Places for some boxes and arrows.

    Args:
        boxes: in topological order.
        arrows: between them.
        rankdir: where the arrows point, ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
        gap: between two boxes of a layer, in pixels.
    """
    sideways = rankdir in ("LR", "RL")
    sizes = {box.id: _size(box) if sideways else _size(box)[::-1] for box in boxes}  # along the arrows, and across
    level, layers, routes = _layers(boxes, arrows)
    near = _neighbours(routes)
    _order(layers, *near)
    spans = _spans(layers, sizes, arrows, level, sideways)
    across = _across(layers, sizes, gap, *near)
    ports = _ports(routes, across, sizes, {box.id for box in boxes if box.ordered})
    length = spans[-1][1] + _MARGIN
    breadth = max(across[name] + sizes.get(name, (0.0, 0.0))[1] / 2 for name in across) + _MARGIN

    def turned(point: Point) -> Point:
        forward = point[0] if rankdir in ("LR", "TB") else length - point[0]
        return (forward, point[1]) if sideways else (point[1], forward)

    def side(id: str, which: int) -> float:
        return fmean(spans[level[id]]) + which * sizes[id][0] / 2

    places, curves, pieces = {}, [], []
    for box in boxes:
        places[box.id] = Place(*turned((side(box.id, 0), across[box.id])), *_size(box))
    for (first, *bends, last), port in zip(routes, ports):
        points = [(side(first, 1), across[first])]
        for bend in bends:
            points += [(edge, across[bend]) for edge in spans[level[bend]]]
        points.append((side(last, -1), port))
        curves.append(_curve(points, turned))
        pieces.append((points[-2], points[-1], spans[level[last] - 1][1]))
    middles = map(turned, _middles(pieces, [bool(arrow.label) for arrow in arrows]))
    return Layout(*((length, breadth) if sideways else (breadth, length)), places, curves, list(middles))


def svg(boxes: Sequence[Box], arrows: Sequence[Arrow], rankdir: str = "LR") -> str:
    """The picture as the text of an SVG file; the arguments are those of `placed`."""
    layout = placed(boxes, arrows, rankdir)
    drawn = [_arrow(*each) for each in zip(arrows, layout.curves, layout.middles)]
    drawn += [_box(box, layout.places[box.id]) for box in boxes]
    size = f"{layout.width:.0f}", f"{layout.height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" viewBox="0 0 {" ".join(size)}" '
        f'font-family="Helvetica,Arial,sans-serif" font-size="14">\n'
        f'<defs><marker id="tip" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
        f'<path d="M0,0 L9,4 L0,8 z" fill="{LINE}"/></marker></defs>\n'
        f'<rect width="100%" height="100%" fill="{GROUND}"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _size(box: Box) -> Point:
    longest = max(sum(1 if ord(c) < 0x1100 else 1.8 for c in row) for row in box.rows)
    return longest * _CHARACTER + 2 * _PADDING, len(box.rows) * _LINE_HEIGHT + 6


def _layers(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> tuple[dict[str, int], list[list[str]], list[list[str]]]:
    """The layer of every box and bend, the members of every layer, and the route of every arrow from bend to bend.

    Arrows from one box share their bends, so that they run together as far as they can.
    """
    incoming, outgoing = defaultdict(list), defaultdict(list)
    for arrow in arrows:
        incoming[arrow.head].append(arrow.tail)
        outgoing[arrow.tail].append(arrow.head)
    level: dict[str, int] = {}
    for box in boxes:
        level[box.id] = max((level[tail] + 1 for tail in incoming[box.id]), default=0)
    for box in boxes:  # a leaf stands right before its first use
        if not incoming[box.id]:
            level[box.id] = min((level[head] - 1 for head in outgoing[box.id]), default=0)
    layers: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for box in boxes:
        layers[level[box.id]].append(box.id)
    routes = []
    for arrow in arrows:
        passed = list(range(level[arrow.tail] + 1, level[arrow.head]))
        if len(boxes) > _READ_AS_A_WHOLE and len(passed) > 4:
            passed = passed[:2] + passed[-2:]  # far arrows run behind the boxes: bends for all would take minutes
        bends = {f"{arrow.tail} at {i}": i for i in passed}
        for bend, i in bends.items():
            if bend not in level:
                level[bend] = i
                layers[i].append(bend)
        routes.append([arrow.tail, *bends, arrow.head])
    return level, layers, routes


Near = dict[str, list[str]]


def _neighbours(routes: list[list[str]]) -> tuple[Near, Near]:
    """What stands before every box and bend, and what after it."""
    before, after = defaultdict(list), defaultdict(list)
    for tail, head in dict.fromkeys(pair for route in routes for pair in itertools.pairwise(route)):
        before[head].append(tail)
        after[tail].append(head)
    return before, after


def _order(layers: list[list[str]], before: Near, after: Near) -> None:
    """Put every name near the mean place of its neighbours, forwards and backwards in turn."""
    place = {name: float(i) for layer in layers for i, name in enumerate(layer)}
    for sweep in range(_SWEEPS):
        near = after if sweep % 2 == 0 else before
        for layer in layers if near is before else reversed(layers):
            layer.sort(key=lambda name: fmean(place[n] for n in near[name]) if near[name] else place[name])
            for i, name in enumerate(layer):
                place[name] = float(i)


def _spans(
    layers: list[list[str]],
    sizes: dict[str, Point],
    arrows: Sequence[Arrow],
    level: dict[str, int],
    sideways: bool,
) -> list[Point]:
    """Where every layer begins and ends. The gap behind it grows with the labels and the arrows that cross it."""
    longest: Counter[int] = Counter()  # a label stands in front of the head
    for arrow in arrows:
        longest[level[arrow.head] - 1] = max(longest[level[arrow.head] - 1], len(arrow.label))
    crossing = Counter(level[arrow.tail] for arrow in arrows)
    spans, edge = [], _MARGIN
    for i, layer in enumerate(layers):
        thickness = max(sizes[name][0] if name in sizes else 0.0 for name in layer)
        spans.append((edge, edge + thickness))
        label = longest[i] * _CHARACTER if sideways else _LINE_HEIGHT * (longest[i] > 0)
        edge += thickness + _LAYER_GAP + max(label, min(_WIDEST_GAP, crossing[i] * 0.8))
    return spans


def _across(
    layers: list[list[str]], sizes: dict[str, Point], gap: float, before: Near, after: Near
) -> dict[str, float]:
    """The centre of every box and bend across the arrows, as near to those of its neighbours as there is room."""
    room = {n: sizes[n][1] + gap if n in sizes else _BOX_GAP for layer in layers for n in layer}
    across: dict[str, float] = {}
    for layer in layers:
        across.update(_stacked(layer, room, dict.fromkeys(layer, 0.0)))
    for sweep in range(2 * _SWEEPS):
        near = before if sweep % 2 else after
        for layer in reversed(layers) if near is after else layers:
            wanted = {name: fmean(across[n] for n in near[name]) if near[name] else across[name] for name in layer}
            across.update(_stacked(layer, room, wanted))
    top = min(across[name] - room[name] / 2 for name in across) - _MARGIN + gap / 2
    return {name: place - top for name, place in across.items()}


def _stacked(layer: list[str], room: dict[str, float], wanted: dict[str, float]) -> dict[str, float]:
    """The places nearest to the wanted ones, by least squares, that keep the order and leave each its room.

    Neighbours that want to overlap form a block, which stands where its members want to be on average (the pool
    adjacent violators algorithm: M. Ayer et al., 1955).
    """
    offset = list(itertools.accumulate((room[a] + room[b]) / 2 for a, b in itertools.pairwise(layer)))
    offsets = [0.0, *offset]
    blocks: list[tuple[float, int]] = []  # the mean, and of how many
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
    """Where every arrow meets its head: side by side, so that ``x * x`` shows two.

    They meet it in the order in which they come, or of the operands where that makes a difference, as in ``a - b``.
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


def _middles(pieces: list[tuple[Point, Point, float]], labelled: list[bool]) -> list[Point]:
    """The middle of each arrow's last piece; nearer to one of its ends where labels would lie on each other, or on a
    wider box beside the tail. A piece is told by its ends, and by where all boxes of the tail's layer end.
    """
    found = [_along(tail, head, 0.5) for tail, head, _ in pieces]
    labels = [i for i, label in enumerate(labelled) if label]
    crowded = [i for i in labels if any(_meet(found[i], found[j]) for j in labels if j != i)]
    crowded += [i for i in labels if found[i][0] < pieces[i][2] + 2 * _CHARACTER and i not in crowded]
    settled = [found[i] for i in labels if i not in crowded]
    for i in crowded:
        tail, head, edge = pieces[i]
        places = [place for place in (_along(tail, head, t) for t in (0.72, 0.3)) if place[0] > edge]
        found[i] = max(
            places or found[i : i + 1], key=lambda place: min((dist(place, other) for other in settled), default=0.0)
        )
        settled.append(found[i])
    return found


def _meet(a: Point, b: Point) -> bool:
    return abs(a[0] - b[0]) < 4 * _CHARACTER and abs(a[1] - b[1]) < _LINE_HEIGHT


def _along(tail: Point, head: Point, t: float) -> Point:
    """A point of the curve between two: at 0 the tail, at 1 the head."""
    along, across = 1.5 * t * (1 - t) + t**3, t * t * (3 - 2 * t)
    return tail[0] + along * (head[0] - tail[0]), tail[1] + across * (head[1] - tail[1])


def _curve(points: list[Point], turned: Callable[[Point], Point]) -> str:
    """A smooth line that leaves and arrives along the direction of the arrows."""
    x, y = turned(points[0])
    path = f"M{x:.0f},{y:.0f}"
    for (a, b), (c, d) in itertools.pairwise(points):
        bent = [((a + c) / 2, b), ((a + c) / 2, d), (c, d)] if b != d else [(c, d)]
        path += ("C" if len(bent) == 3 else "L") + " ".join(f"{x:.0f},{y:.0f}" for x, y in map(turned, bent))
    return path


def _arrow(arrow: Arrow, curve: str, middle: Point) -> str:
    drawn = f'<path d="{curve}" fill="none" stroke="{LINE}" marker-end="url(#tip)"/>'
    if arrow.label:
        x, y = middle
        drawn += f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle" fill="{INK}">{escape(arrow.label)}</text>'
    return drawn


def _box(box: Box, place: Place) -> str:
    style = STYLES[box.role]
    left, top = place.x - place.width / 2, place.y - place.height / 2
    dash = ' stroke-dasharray="5,3"' if style.dashed else ""
    frame = (
        f'width="{place.width:.1f}" height="{place.height:.1f}" rx="{10 if style.rounded else 0}" fill="{style.fill}" '
        f'stroke="{style.border}" stroke-width="{style.width}"{dash}/>'
    )
    drawn = f'<g id="{box.id}">'
    for shift in (5, 0) if style.stacked else (0,):
        drawn += f'<rect x="{left + shift:.1f}" y="{top + shift:.1f}" {frame}'
    for i, row in enumerate(box.rows):
        line = top + 3 + (i + 0.5) * _LINE_HEIGHT + 5
        weight = ' font-weight="bold"' if i == 0 and len(box.rows) > 2 else ""
        text = escape("".join(c if c.isprintable() else " " for c in row))
        drawn += f'<text x="{place.x:.1f}" y="{line:.1f}" text-anchor="middle" fill="{INK}"{weight}>{text}</text>'
    return drawn + "</g>"
