"""The steps of a player as pictures for an animation, drawn by matplotlib in the layout of the page.

A box fires once in each pass: forward it is computed, backward it sends a contribution along each of its arrows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from math import hypot
from typing import TYPE_CHECKING, Any

from engine.names import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BOXES = 60
_WIDTH, _DOTS = 1280, 100  # pixels: of the widest picture, and to an inch
_ACTIVE, _INK, _LINE, _DONE = "#b3261e", "#1a1a1a", "#8a8a8a", "#e3f3e6"  # as in the style sheet of the page


@dataclass
class State:
    """What has been computed, and which gradients have arrived, by the numbers of the nodes."""

    known: set[int]
    gradients: dict[int, float] = field(default_factory=dict)
    sent: dict[tuple[int, int], float] = field(default_factory=dict)  # node and operand: the local derivative
    phase: str = ""
    firing: int | None = None  # the id of a box


def pictures(graph: Mapping[str, Any], styles: Mapping[str, Any], words: Mapping[str, Any]) -> Iterator[bytes]:
    """A PNG file for the beginning, and one for each step.

    Args:
        graph: the data of the page.
        styles: for each role, and for modules, an object with the colours ``fill`` and ``border``.
        words: the words of the page.

    Raises:
        ValueError: if there are too many boxes.
        ImportError: if matplotlib is not installed.
    """
    view = graph["views"][graph["first"]]
    if len(view["boxes"]) > MOST_BOXES:
        raise ValueError(
            f"an animation has room for {MOST_BOXES} boxes, and this view has {len(view['boxes'])}; play a smaller "
            "part, or fold modules by play(..., depth=1)"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("animations need matplotlib; install it with `pip install 'chalkgrad[plot]'`") from error
    width, height = view["size"][0] + 24, view["size"][1] + 56
    figure = Figure(figsize=(width / _DOTS, height / _DOTS))
    ax = figure.add_axes((0, 0, 1, 1))
    for state in states(graph, view):
        ax.clear()
        ax.set(xlim=(-12, width - 12), ylim=(height - 44, -12))
        ax.set_axis_off()
        if state.phase:
            ax.text(0, height - 56, words[f"{state.phase}Phase"], fontsize=13, weight="bold", color=_INK, va="bottom")
        _draw(ax, graph, view, styles, state)
        file = BytesIO()
        figure.savefig(file, format="png", dpi=_DOTS * min(2.0, _WIDTH / width))
        yield file.getvalue()


def _nodes_of(graph: Mapping[str, Any], box: int) -> list[int]:
    return [box] if box >= 0 else graph["modules"][-1 - box]["nodes"]


def states(graph: Mapping[str, Any], view: Mapping[str, Any]) -> Iterator[State]:
    """The beginning, and then after each step the same object, changed."""
    parents, root = graph["parents"], len(graph["names"]) - 1
    boxes = [box[0] for box in view["boxes"]]  # in the order in which they fire forward
    nodes = {box: sorted(_nodes_of(graph, box)) for box in boxes}
    state = State({node for node, operands in enumerate(parents) if not operands})
    yield state
    for box in boxes:
        if any(parents[node] for node in nodes[box]):
            state.known |= set(nodes[box])
            state.phase, state.firing = "forward", box
            yield state
    state.gradients[root] = 1.0
    for box in reversed(boxes):
        if not any(parents[node] for node in nodes[box]):
            continue
        for node in reversed(nodes[box]):
            upstream = state.gradients.get(node, 0.0)
            for operand, parent in enumerate(parents[node]):
                if graph["roles"][parent] == "constant":
                    continue
                local = float(graph["locals"][node][operand])
                product = upstream * local if upstream else 0.0  # where 0 arrives, 0 is sent on
                state.gradients[parent] = state.gradients.get(parent, 0.0) + product
                state.sent[node, operand] = local
        state.phase, state.firing = "backward", box
        yield state


def _draw(
    ax: "Axes", graph: Mapping[str, Any], view: Mapping[str, Any], styles: Mapping[str, Any], state: State
) -> None:
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    backward = state.phase == "backward"
    for _, head, curve, x, y, operand, *_ in view["arrows"]:
        lit = backward and head == state.firing
        look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 12, "shrinkA": 0, "shrinkB": 0}
        look |= {"color": _ACTIVE if lit else _LINE, "linewidth": 3 if lit else 1, "zorder": 2 if lit else 1}
        ax.add_patch(FancyArrowPatch(path=_path(curve), **look))
        if lit and operand >= 0 and (head, operand) in state.sent:
            text = f"× {number(state.sent[head, operand])}"
            halo: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            ax.text(
                x, y, text, color=_ACTIVE, fontsize=11, weight="bold", ha="center", va="center", bbox=halo, zorder=3
            )
    for box, x, y, width, height in view["boxes"]:
        nodes = _nodes_of(graph, box)
        role = graph["roles"][box] if box >= 0 else "module"
        firing, known = box == state.firing, all(node in state.known for node in nodes)
        reached = role != "constant" and any(node in state.gradients for node in nodes)
        patch = FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle=f"round,pad=0,rounding_size={10 if box >= 0 else 2}",
            facecolor=_DONE if reached else styles[role].fill,
            edgecolor=_ACTIVE if firing else styles[role].border,
            linewidth=3.5 if firing else 1.5,
            alpha=1.0 if known else 0.45,
            zorder=4,
        )
        ax.add_patch(patch)
        rows = _rows(graph, box, state)
        for i, row in enumerate(rows):
            place = y + 21 * (i - (len(rows) - 1) / 2)
            weight = "bold" if i == 0 else "normal"
            ax.text(x, place, row, fontsize=10, weight=weight, color=_INK, ha="center", va="center", zorder=5)


def _rows(graph: Mapping[str, Any], box: int, state: State) -> Sequence[str]:
    """What is written in a box."""
    if box < 0:
        module = graph["modules"][-1 - box]
        found = [state.gradients[node] for node in module["parameters"] if node in state.gradients]
        return module["name"], f"‖grad‖ {number(hypot(*found)) if found else '—'}"
    name, op = graph["names"][box], graph["operations"][box]
    if graph["roles"][box] == "constant":
        return (name,)
    data = number(float(graph["values"][box])) if box in state.known else "—"
    grad = number(state.gradients[box]) if box in state.gradients else "—"
    return f"{name}: {op}" if op else name, f"data {data}", f"grad {grad}"


def _path(curve: str) -> Any:
    """The path of an SVG that is made of moves, lines and cubic curves."""
    from matplotlib.path import Path

    kinds = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}
    codes, points = [], []
    for kind, numbers in re.findall(r"([MLC])([^MLC]*)", curve):
        found = [float(x) for x in re.findall(r"-?[\d.]+(?:e-?\d+)?", numbers)]
        pairs = list(zip(found[::2], found[1::2]))
        points += pairs
        codes += [kinds[kind]] * len(pairs)
    return Path(points, codes)
