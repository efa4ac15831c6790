"""Where everything in a picture stands: a layered layout, from the operands to the result; and the picture as SVG.

The method is that of K. Sugiyama, S. Tagawa and M. Toda (1981) in its simplest form: each box is given a rank, each
arrow gets a dummy node in every layer that it passes through, and each layer is sorted by the barycentres of what uses
its members. Graphviz draws the same layout, so that a picture is the same whoever draws it, and in the player.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import dist, fsum, inf
from operator import add, sub

from viz.graph.palette import Legend, Look, Palette, by_role
from viz.graph.picture import Arrow, Box

# All lengths are for text of 14, and in the same unit: points, or pixels in the player's page.
_LINE_HEIGHT, _CHARACTER, _PADDING = 21.0, 8.2, 13.0
_LAYER_GAP, _BOX_GAP, _MARGIN = 46.0, 14.0, 8.0
_WIDEST_GAP = 220.0
_LABEL_HEIGHT, _LABEL_WIDTH = 24.0, 44.0  # room for a label between two arrows: one above the other, side by side
_LEGEND_NAME, _LEGEND_CELL = 60.0, 56.0
_FULLY_ROUTED = 300  # boxes; in larger pictures long arrows get few dummy nodes
_SWEEPS = 8
_CELL = 6.0  # of the grid in which room for labels is looked for
_ALONG = (0.5, 0.58, 0.42, 0.66, 0.34, 0.74, 0.26, 0.82, 0.18, 0.1)  # along an arrow, where its label may stand

Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]


@dataclass(frozen=True)
class Place:
    """The place of a box: its centre and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The place of everything in a picture.

    Attributes:
        width: the width of the whole picture.
        height: the height of the whole picture.
        places: the place of each box, by its id.
        splines: the curve of each arrow: its first point, and three more for each cubic Bézier curve.
        label_centres: the centre of each arrow's label, beside the arrow.
    """

    width: float
    height: float
    places: dict[str, Place]
    splines: list[list[Point]]
    label_centres: list[Point]

    @property
    def curves(self) -> list[str]:
        """The curve of each arrow, as the ``d`` of an SVG path."""
        return [_path(spline) for spline in self.splines]


def layered(boxes: Sequence[Box], arrows: Sequence[Arrow], rankdir: str = "LR", gap: float = _BOX_GAP) -> Layout:
    """A layout for some boxes and arrows.

    Args:
        boxes: the boxes, in topological order.
        arrows: the arrows between them.
        rankdir: which way the arrows point, ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
        gap: the space between two boxes of a layer.
    """
    sideways = rankdir in ("LR", "RL")
    own_sizes = {box.id: _size(box) for box in boxes}
    # Along the arrows, and across them.
    sizes = own_sizes if sideways else {id: size[::-1] for id, size in own_sizes.items()}
    rank, layers, routes = _assign_ranks(boxes, arrows)
    _order_layers(layers, routes)
    extents = _layer_extents(layers, sizes, arrows, rank, sideways)
    apart = _LABEL_HEIGHT if sideways else _LABEL_WIDTH
    lane = apart if any(arrow.label for arrow in arrows) else _BOX_GAP
    across = _assign_positions(layers, sizes, gap, lane, routes)
    ports = _ports(routes, across, sizes, apart, {box.id for box in boxes if box.ordered})
    length = extents[-1][1] + _MARGIN
    breadth = max(place + sizes.get(name, (0.0, 0.0))[1] / 2 for name, place in across.items()) + _MARGIN

    def oriented(point: Point) -> Point:
        forward = point[0] if rankdir in ("LR", "TB") else length - point[0]
        return (forward, point[1]) if sideways else (point[1], forward)

    middles = [(begin + end) / 2 for begin, end in extents]
    centres = {box.id: (middles[rank[box.id]], across[box.id]) for box in boxes}
    places = {id: Place(*oriented(centre), *own_sizes[id]) for id, centre in centres.items()}
    splines = []
    for (first, *dummies, last), port in zip(routes, ports):
        points = [(middles[rank[first]] + sizes[first][0] / 2, across[first])]
        for dummy in dummies:
            (begin, end), place = extents[rank[dummy]], across[dummy]
            points += (begin, place), (end, place)
        points.append((middles[rank[last]] - sizes[last][0] / 2, port))
        splines.append(_spline(points))
    if rankdir != "LR":
        splines = [list(map(oriented, spline)) for spline in splines]
    width, height = (length, breadth) if sideways else (breadth, length)
    # No label lies on a box, or beyond the edge of the picture.
    around = [Place(width / 2, y, width, 1.0) for y in (-1.0, height + 1)]
    around += [Place(x, height / 2, 1.0, height) for x in (-1.0, width + 1)]
    label_centres = _label_centres([arrow.label for arrow in arrows], splines, [*places.values(), *around])
    return Layout(width, height, places, splines, label_centres)


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
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}pt" height="{size[1]}pt" '
        f'viewBox="0 0 {" ".join(size)}" font-family="Helvetica,Arial,sans-serif" font-size="14">\n'
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
    return max(map(_width, box.rows)) + 2 * _PADDING, len(box.rows) * _LINE_HEIGHT + 6


def _width(text: str) -> float:
    return (len(text) if text.isascii() else sum([1 if c < "\u1100" else 1.8 for c in text])) * _CHARACTER


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
        rank[box.id] = 1 + max(map(rank.__getitem__, incoming[box.id]), default=-1)
    for box in boxes:  # a leaf goes into the layer before its first use
        if not incoming[box.id]:
            rank[box.id] = min((rank[head] - 1 for head in outgoing[box.id]), default=0)
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for box in boxes:
        layers[rank[box.id]].append(box.id)
    routes = []
    for arrow in arrows:
        passed: Sequence[int] = range(rank[arrow.tail] + 1, rank[arrow.head])
        if len(boxes) > _FULLY_ROUTED and len(passed) > 4:
            # It runs behind the boxes: dummy nodes in all layers would take minutes.
            passed = [*passed[:2], *passed[-2:]]
        dummies = {f"{arrow.tail} at {i}": i for i in passed}
        for dummy, i in dummies.items():
            if dummy not in rank:
                rank[dummy] = i
                layers[i].append(dummy)
        routes.append([arrow.tail, *dummies, arrow.head])
    return rank, layers, routes


def _order_layers(layers: list[list[str]], routes: list[list[str]]) -> None:
    """Sort each layer, from the result back to the operands, by where the operations stand that use its members.

    So what one operation uses stands beside it, in the order of the operands, and what several use stands between them.
    The operations of the next layer decide, and only where there are none an arrow that goes on: a picture reads as
    the expression does, and what is computed from it later leaves it alone. For a dummy node both count. Sweeps to and
    fro would save some crossings, and would shuffle operands, neurons and weights.
    """
    arriving = Counter(route[-1] for route in routes)
    seen = dict.fromkeys(arriving, 0)
    uses: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    goes_on: dict[str, str] = {}
    dummies: set[str] = set()
    for *passed, head in routes:
        goes_on.update(itertools.pairwise(passed))
        dummies.update(passed[1:])
        shift = ((seen[head] + 0.5) / arriving[head] - 0.5) / 2
        uses[passed[-1]].append((head, shift))
        seen[head] += 1
    place: dict[str, float] = {}

    def wanted(name: str) -> float:
        places = [place[head] + shift for head, shift in uses.get(name, ())]
        if name in goes_on and (name in dummies or not places):
            places.append(place[goes_on[name]])
        return fsum(places) / len(places) if places else inf

    for layer in reversed(layers):
        layer.sort(key={name: wanted(name) for name in layer}.__getitem__)
        place.update(zip(layer, itertools.count()))


def _layer_extents(
    layers: list[list[str]],
    sizes: dict[str, Point],
    arrows: Sequence[Arrow],
    rank: dict[str, int],
    sideways: bool,
) -> list[Point]:
    """Where each layer begins and ends. The gap after it grows with the labels and the arrows in it."""
    labels: list[list[str]] = [[] for _ in layers]
    for arrow in arrows:
        if arrow.label:
            labels[rank[arrow.head] - 1].append(arrow.label)  # it is near the head
    crossing = Counter(rank[arrow.tail] for arrow in arrows)
    extents, edge = [], _MARGIN
    for i, layer in enumerate(layers):
        thickness = max(sizes[name][0] if name in sizes else 0.0 for name in layer)
        extents.append((edge, edge + thickness))
        longest = max(map(len, labels[i]), default=0)
        label = longest * _CHARACTER if sideways else _LINE_HEIGHT * (longest > 0)
        label += min(90.0, 12.0 * max(0, len(labels[i]) - 2))
        edge += thickness + _LAYER_GAP + max(label, min(_WIDEST_GAP, crossing[i] * 0.8))
    return extents


def _assign_positions(
    layers: list[list[str]],
    sizes: dict[str, Point],
    gap: float,
    lane: float,
    routes: list[list[str]],
) -> dict[str, float]:
    """The centre of each box and dummy node across the arrows, as near to its neighbours as there is room.

    Boxes are a gap apart, and an arrow that passes between them has a lane. In each sweep all want to be at the
    barycentre of their neighbours on one side; what has none there wants to stay where it is. They are numbered layer
    by layer, so that a layer is a slice.
    """
    names = [name for layer in layers for name in layer]
    room = [sizes[name][1] + gap if name in sizes else lane for name in names]
    ends = itertools.accumulate(map(len, layers))
    parts = [slice(end - len(layer), end) for layer, end in zip(layers, ends)]
    shifts = [[0.0, *itertools.accumulate((a + b) / 2 for a, b in itertools.pairwise(room[part]))] for part in parts]
    across = [place for apart in shifts for place in _isotonic([0.0] * len(apart), apart)]
    down, up = (
        [
            (part, apart, [near[0] for near in side[part]], [(i, n) for i, n in enumerate(side[part]) if len(n) > 1])
            for part, apart in zip(parts, shifts)
        ]
        for side in _neighbours(routes, names)
    )
    for sweep in [up[::-1], down] * _SWEEPS:
        for part, apart, nearest, several in sweep:
            wanted = [across[i] for i in nearest]
            for i, near in several:
                wanted[i] = fsum(map(across.__getitem__, near)) / len(near)
            across[part] = _isotonic(wanted, apart)
    top = min(place - space / 2 for place, space in zip(across, room)) - _MARGIN + gap / 2
    return {name: place - top for name, place in zip(names, across)}


def _neighbours(routes: list[list[str]], names: list[str]) -> tuple[list[list[int]], list[list[int]]]:
    """For each box and dummy node, by number, its neighbours in the layer before, and in that after; or else itself."""
    number = {name: i for i, name in enumerate(names)}
    before: list[list[int]] = [[] for _ in names]
    after: list[list[int]] = [[] for _ in names]
    numbered = (map(number.__getitem__, route) for route in routes)
    for tail, head in dict.fromkeys(pair for route in numbered for pair in itertools.pairwise(route)):
        before[head].append(tail)
        after[tail].append(head)
    return [found or [i] for i, found in enumerate(before)], [found or [i] for i, found in enumerate(after)]


def _isotonic(wanted: list[float], shifts: list[float]) -> list[float]:
    """The positions nearest to the wanted ones (in least squares) that keep the order of a layer's members.

    `shifts` says how far each must be from the first if they are as close together as there is room. This is isotonic
    regression, by the pool adjacent violators algorithm (M. Ayer et al., 1955): neighbours that would overlap form a
    block, whose position is the mean of what its members want.
    """
    blocks: list[tuple[float, int]] = []  # the mean of each block but the last, and the number of its members
    block, count = -inf, 0  # those of the last
    for mean in map(sub, wanted, shifts):
        if mean >= block:
            blocks.append((block, count))
            block, count = mean, 1
        else:
            block, count = (mean + block * count) / (1 + count), 1 + count
            while blocks[-1][0] > block:
                above, more = blocks.pop()
                block, count = (block * count + above * more) / (count + more), count + more
    blocks.append((block, count))
    means: list[float] = []
    for mean, count in blocks:
        means += [mean] * count
    return list(map(add, means, shifts))


def _ports(
    routes: list[list[str]], across: dict[str, float], sizes: dict[str, Point], apart: float, ordered: set[str]
) -> list[float]:
    """The ports, where the arrows meet their heads: side by side, so that ``x * x`` shows two.

    They are in the order in which the arrows arrive; or in that of the operands where it matters, as in ``a - b``.
    """
    arriving = defaultdict(list)
    for i, route in enumerate(routes):
        arriving[route[-1]].append(i)
    ports = [0.0] * len(routes)
    for head, arrows in arriving.items():
        step = min(apart, 0.8 * sizes[head][1] / len(arrows))
        for rank, i in enumerate(arrows if head in ordered else sorted(arrows, key=lambda i: across[routes[i][-2]])):
            ports[i] = across[head] + (rank - (len(arrows) - 1) / 2) * step
    return ports


def _label_centres(labels: Sequence[str], splines: Sequence[list[Point]], places: Sequence[Place]) -> list[Point]:
    """The centre of each label: beside its arrow, where it lies on as little else as can be.

    What is in the way is looked up in a grid: points of all arrows, and the labels and boxes that stand already.
    """
    ends = [(a, b, c, d) for *_, a, b, c, d in splines]
    if not any(labels) or len(places) > _FULLY_ROUTED:
        return [_beside(curve, 0.5, -1, _width(label), _LINE_HEIGHT) for label, curve in zip(labels, ends)]
    grid: Counter[tuple[int, int]] = Counter()
    for spline in splines:
        grid.update({_cell(point) for curve in _curves(spline) for point in _points_along(curve)})
    for place in places:
        for cell in _cells((place.x, place.y), place.width, place.height):
            grid[cell] += 100
    centres = []
    for label, curve in zip(labels, ends):
        size = _width(label) + 4, _LINE_HEIGHT - 4
        centres.append(_least_covered(curve, size, grid) if label else curve[-1])
        grid.update({cell: 100 for cell in _cells(centres[-1], *size) if label})
    return centres


def _least_covered(curve: Curve, size: Point, grid: Mapping[tuple[int, int], int]) -> Point:
    """The best centre of a rectangle beside a curve."""
    own = Counter({_cell(point) for point in _points_along(curve)})  # the curve itself is not in the way
    beside = [_beside(curve, t, side, *size) for t in _ALONG for side in (-1, 1)]
    return min(beside, key=lambda place: sum(grid[cell] - own[cell] for cell in _cells(place, *size)))


def _cell(point: Point) -> tuple[int, int]:
    return int(point[0] // _CELL), int(point[1] // _CELL)


def _cells(centre: Point, width: float, height: float) -> list[tuple[int, int]]:
    """The cells of the grid under a rectangle."""
    left, top = _cell((centre[0] - width / 2, centre[1] - height / 2))
    right, bottom = _cell((centre[0] + width / 2, centre[1] + height / 2))
    return [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]


def _curves(spline: list[Point]) -> list[Curve]:
    """The Bézier curves of a spline, four points each."""
    return list(zip(spline[::3], spline[1::3], spline[2::3], spline[3::3]))


def _points_along(curve: Curve) -> list[Point]:
    steps = int(1.5 * dist(curve[0], curve[3]) / _CELL) + 2
    return [_on_curve(curve, i / steps) for i in range(steps + 1)]


def _on_curve(curve: Curve, t: float) -> Point:
    """A point of a Bézier curve: its beginning for t = 0, its end for t = 1."""
    (a, b), (c, d), (e, f), (g, h) = curve
    s = 1 - t
    w, x, y, z = s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t
    return w * a + x * c + y * e + z * g, w * b + x * d + y * f + z * h


def _beside(curve: Curve, t: float, side: int, width: float, height: float) -> Point:
    """The centre of a rectangle on one side of a curve, beside the point t."""
    (x, y), (later_x, later_y) = _on_curve(curve, t), _on_curve(curve, t + 0.01)
    length = dist((x, y), (later_x, later_y))
    across, down = (later_y - y) / length, (x - later_x) / length
    away = side * (2 + (abs(across) * width + abs(down) * height) / 2)
    return x - across * away, y - down * away


def _spline(points: list[Point]) -> list[Point]:
    """A smooth curve whose ends point along the direction of the arrows."""
    curve = [points[0]]
    for (a, b), (c, d) in itertools.pairwise(points):
        middle = (a + c) / 2
        curve += (middle, b), (middle, d), (c, d)
    return curve


def _path(spline: list[Point]) -> str:
    """A spline as the ``d`` of an SVG path."""
    path = "M{:.0f},{:.0f}".format(*spline[0])
    for (a, b), (c, d), (e, f), (g, h) in _curves(spline):
        straight = a == c == e == g or b == d == f == h
        path += f"L{g:.0f},{h:.0f}" if straight else f"C{c:.0f},{d:.0f} {e:.0f},{f:.0f} {g:.0f},{h:.0f}"
    return path


def _arrow(arrow: Arrow, curve: str, middle: Point, palette: Palette) -> str:
    drawn = f'<path d="{curve}" fill="none" stroke="{palette.line}" marker-end="url(#tip)"/>'
    if arrow.label:
        drawn += _text(middle[0], middle[1] + 5, arrow.label, palette)
    return drawn


def _box(box: Box, place: Place, look: Look) -> str:
    style = look.palette.style(box)
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
