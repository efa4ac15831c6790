"""A recorded training as plain data for the page, rounded so that 200 steps of two moons take less than half of 2 MB.

Rounded is only what is drawn. A score of classes is divided by the median size in its frame, and this quotient s is
kept in 8 bits as s / (1 + abs(s)), which is finest near the boundary, where s is 0; of several classes, their mean is
taken away first. Another output is kept in 8 bits of the range of the targets, a curve in 16; weights and gradients in
16 bits of the largest one of their step; losses have six digits.
"""

import base64
import sys
from array import array
from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import median
from typing import Any

from viz.training.recording import Frame, Run, View, span

_FINE, _COARSE = 32767, 127  # the largest numbers of 16 and of 8 bits, with a sign


def packed(run: Run) -> dict[str, Any]:
    """What the page needs to know of a training."""
    return {
        "name": run.name,
        "steps": run.steps,
        "losses": [*map(_short, run.losses)],
        "frames": [frame.step for frame in run.frames],
        "norms": [_short(frame.norm) for frame in run.frames],
        "right": [frame.right for frame in run.frames],
        "counted": run.counted,
        "diverged": run.diverged,
        "view": None if run.view is None else _view(run.view, run.frames),
        "network": None if run.network is None else _network(run),
    }


def value_range(view: View) -> tuple[float, float]:
    """The range in which outputs are told apart: what is outside is drawn on its edge."""
    if view.kind == "curve":
        room = view.up[1] - view.up[0]
        return view.up[0] - room, view.up[1] + room  # as far beyond the picture's edges
    return span([point[-1] for point in view.points], 0.0)


def _view(view: View, frames: Sequence[Frame]) -> dict[str, Any]:
    low, high = value_range(view)
    most = _FINE if view.kind == "curve" else _COARSE
    scales = []
    if view.kind == "classes":
        rows = [_centred(frame.outputs, view.shape[0]) for frame in frames]
        scales = [median(map(abs, row)) or 1.0 for row in rows]
        shares = (score / (scale + abs(score)) for row, scale in zip(rows, scales) for score in row)
    else:
        shares = ((2 * x - low - high) / (high - low) for frame in frames for x in frame.outputs)
    return {
        "kind": view.kind,
        "across": view.across,
        "up": view.up,
        "shape": view.shape,
        "range": (low, high),
        "labels": view.labels,
        "scales": [*map(_short, scales)],
        "points": [[*map(_short, point)] for point in view.points],
        "outputs": _base64("h" if most == _FINE else "b", [_whole(share, most) for share in shares]),
    }


def _centred(scores: Sequence[float], planes: int) -> Sequence[float]:
    """Scores less the mean over the classes, plane by plane; a single score as it is, and all within what is finite."""
    scores = [max(-1e6, min(1e6, score)) for score in scores]
    if planes == 1:
        return scores
    each = len(scores) // planes
    means = [sum(scores[place::each]) / planes for place in range(each)]
    return [score - means[i % each] for i, score in enumerate(scores)]


def _network(run: Run) -> dict[str, Any]:
    network = run.network
    assert network is not None
    packed: dict[str, Any] = {
        "sizes": network.sizes,
        "columns": [list(column.items()) for column in network.columns],
        "edges": network.edges,
    }
    for kind in ("weights", "gradients"):
        rows = [getattr(frame, kind) for frame in run.frames]
        largest = [max((abs(x) for x in row if isfinite(x)), default=0.0) for row in rows]
        numbers = [_whole(x / (top or 1.0), _FINE) for row, top in zip(rows, largest) for x in row]
        packed[kind] = {"largest": [*map(_short, largest)], "shares": _base64("h", numbers)}
    return packed


def _short(x: float) -> float | str:
    """With six digits; JSON has no inf and no nan."""
    return float(f"{x:.6g}") if isfinite(x) else str(x)


def _whole(share: float, most: int) -> int:
    """A number from -1 to 1 as a whole one; nan is 0."""
    return round(most * max(-1.0, min(1.0, share))) if share == share else 0


def _base64(code: str, numbers: Iterable[int]) -> str:
    """Whole numbers of 8 ("b") or 16 bits ("h"), the low byte first."""
    packed = array(code, numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()
