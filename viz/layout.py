"""A picture as SVG without Graphviz: layers from the operands to the result, with few crossings.

The method is that of K. Sugiyama, S. Tagawa, M. Toda (1981), in its simplest form: a layer for every step towards the
result, a bend in every layer that an arrow passes, boxes ordered by the mean place of their neighbours.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from statistics import fmean

from viz.picture import INK, LINE, STYLES, Arrow, Box

_LINE_HEIGHT, _CHARACTER, _PADDING = 21.0, 8.2, 13.0  # pixels, for text of 14
_LAYER_GAP, _BOX_GAP = 46.0, 14.0
_SWEEPS = 8


def svg(boxes: Sequence[Box], arrows: Sequence[Arrow], rankdir: str = "LR") -> str:
    """The picture as the text of an SVG file.

    Args:
        boxes: in topological order.
        arrows: between them.
        rankdir: where the arrows point, ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
    """
    sizes = {box.id: _size(box) for box in boxes}
    routes, layers = _layers(boxes, arrows)
    _order(layers, routes)
    across = rankdir in ("LR", "RL")
    label_room = 8.0 * max((len(arrow.label) for arrow in arrows), default=0)
    places = _places(layers, routes, sizes, across, _LAYER_GAP + (label_room if across else label_room and 14))
    width = max(x + sizes.get(n, (0, 0))[0] / 2 for n, (x, _) in places.items()) + 8
    height = max(y + sizes.get(n, (0, 0))[1] / 2 for n, (_, y) in places.items()) + 8
    if rankdir in ("RL", "BT"):
        places = {n: (width - x, y) if across else (x, height - y) for n, (x, y) in places.items()}
    drawn = [_arrow(arrow, route, places, sizes, across) for arrow, route in zip(arrows, routes)]
    drawn += [_box(box, *places[box.id], *sizes[box.id]) for box in boxes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica,Arial,sans-serif" font-size="14">\n'
        f'<defs><marker id="tip" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
        f'<path d="M0,0 L9,4 L0,8 z" fill="{LINE}"/></marker></defs>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _size(box: Box) -> tuple[float, float]:
    longest = max(sum(1 if ord(c) < 0x1100 else 1.8 for c in row) for row in box.rows)
    return longest * _CHARACTER + 2 * _PADDING, len(box.rows) * _LINE_HEIGHT + 6


def _layers(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> tuple[list[list[str]], list[list[str]]]:
    """The route of every arrow, from box over bends to box; and the names in every layer."""
    level: dict[str, int] = {box.id: 0 for box in boxes}
    incoming = defaultdict(list)
    for arrow in arrows:
        incoming[arrow.head].append(arrow.tail)
    for box in boxes:
        level[box.id] = max((level[tail] + 1 for tail in incoming[box.id]), default=0)
    for box in reversed(boxes):  # a leaf stands right before its first use
        if not incoming[box.id]:
            level[box.id] = min((level[a.head] - 1 for a in arrows if a.tail == box.id), default=0)
    layers: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for box in boxes:
        layers[level[box.id]].append(box.id)
    routes = []
    for i, arrow in enumerate(arrows):
        bends = range(level[arrow.tail] + 1, level[arrow.head])
        for j in bends:
            layers[j].append(f"bend {i} {j}")
        routes.append([arrow.tail, *(f"bend {i} {j}" for j in bends), arrow.head])
    return routes, layers


def _neighbours(routes: list[list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before, after = defaultdict(list), defaultdict(list)
    for route in routes:
        for tail, head in itertools.pairwise(route):
            before[head].append(tail)
            after[tail].append(head)
    return before, after


def _order(layers: list[list[str]], routes: list[list[str]]) -> None:
    """Put every name near the mean place of its neighbours, forwards and backwards in turn."""
    before, after = _neighbours(routes)
    place = {name: float(i) for layer in layers for i, name in enumerate(layer)}
    for sweep in range(_SWEEPS):
        near = after if sweep % 2 == 0 else before
        for layer in layers if near is before else reversed(layers):
            layer.sort(key=lambda name: fmean(place[n] for n in near[name]) if near[name] else place[name])
            for i, name in enumerate(layer):
                place[name] = float(i)


def _places(
    layers: list[list[str]],
    routes: list[list[str]],
    sizes: dict[str, tuple[float, float]],
    across: bool,
    gap: float,
) -> dict[str, tuple[float, float]]:
    """The centre of every box and bend."""
    along = [max(sizes.get(n, (0, 0))[0 if across else 1] for n in layer) for layer in layers]
    extent = {n: sizes[n][1 if across else 0] + _BOX_GAP if n in sizes else _BOX_GAP for layer in layers for n in layer}
    main = {}
    edge = 8.0
    for layer, thickness in zip(layers, along):
        main.update(dict.fromkeys(layer, edge + thickness / 2))
        edge += thickness + gap
    before, after = _neighbours(routes)
    cross: dict[str, float] = {}
    for layer in layers:
        _stack(layer, extent, cross, {})
    for sweep in range(2 * _SWEEPS):
        near = before if sweep % 2 else after
        for layer in reversed(layers) if near is after else layers:
            _stack(layer, extent, cross, {n: fmean(cross[m] for m in near[n]) for n in layer if near[n]})
    lowest = min(cross[n] - extent[n] / 2 for n in cross) - 8
    return {n: (main[n], cross[n] - lowest) if across else (cross[n] - lowest, main[n]) for n in cross}


def _stack(layer: list[str], extent: dict[str, float], cross: dict[str, float], wanted: dict[str, float]) -> None:
    """Stack a layer in its order without overlap, as near as can be to where its members want to be."""
    nearest = 0.0
    shifts = []
    for i, name in enumerate(layer):
        room = (extent[layer[i - 1]] + extent[name]) / 2 if i else 0.0
        earliest = nearest + room if i else -1e9
        aim = wanted.get(name, cross.get(name, earliest if i else 0.0))
        cross[name] = nearest = max(aim, earliest)
        shifts.append(aim - nearest)
    for name in layer:
        cross[name] += fmean(shifts)


def _arrow(
    arrow: Arrow,
    route: list[str],
    places: dict[str, tuple[float, float]],
    sizes: dict[str, tuple[float, float]],
    across: bool,
) -> str:
    points = [places[name] for name in route]
    (x0, y0), (x1, y1) = points[0], points[-1]
    w0, h0, w1, h1 = *sizes[arrow.tail], *sizes[arrow.head]
    if across:
        sign = 1 if x1 > x0 else -1
        points[0], points[-1] = (x0 + sign * w0 / 2, y0), (x1 - sign * w1 / 2, y1)
    else:
        sign = 1 if y1 > y0 else -1
        points[0], points[-1] = (x0, y0 + sign * h0 / 2), (x1, y1 - sign * h1 / 2)
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (xa, ya), (xb, yb) in itertools.pairwise(points):
        xm, ym = (xa + xb) / 2, (ya + yb) / 2
        path += f" C{xm:.1f},{ya:.1f} {xm:.1f},{yb:.1f}" if across else f" C{xa:.1f},{ym:.1f} {xb:.1f},{ym:.1f}"
        path += f" {xb:.1f},{yb:.1f}"
    drawn = f'<path d="{path}" fill="none" stroke="{LINE}" marker-end="url(#tip)"/>'
    if arrow.label:
        (xa, ya), (xb, yb) = points[-2], points[-1]
        x, y = (xa + xb) / 2, (ya + yb) / 2 - 7
        drawn += f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" fill="{LINE}">{escape(arrow.label)}</text>'
    return drawn


def _box(box: Box, x: float, y: float, width: float, height: float) -> str:
    style = STYLES[box.role]
    left, top = x - width / 2, y - height / 2
    dash = ' stroke-dasharray="5,3"' if style.dashed else ""
    drawn = (
        f'<g id="{box.id}"><rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{10 if style.rounded else 0}" fill="{style.fill}" stroke="{style.border}" '
        f'stroke-width="{style.width}"{dash}/>'
    )
    for i, row in enumerate(box.rows):
        line = top + 3 + (i + 0.5) * _LINE_HEIGHT + 5
        weight = ' font-weight="bold"' if i == 0 and len(box.rows) == 3 else ""
        text = escape("".join(c if c.isprintable() else " " for c in row))
        drawn += f'<text x="{x:.1f}" y="{line:.1f}" text-anchor="middle" fill="{INK}"{weight}>{text}</text>'
    return drawn + "</g>"
