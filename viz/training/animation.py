"""The pictures of an animation: what the training page shows, drawn by matplotlib."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from math import isfinite, log10
from typing import TYPE_CHECKING, Any

from viz.plots.boundary import COLOURS, DASHES, MARKERS, dress, ink
from viz.training.languages import LANGUAGES
from viz.training.packing import value_range
from viz.training.recording import Frame, Network, Run, View, full_strength, largest_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PER_SECOND = 5  # pictures
_DOTS = 75  # per inch
_JAPANESE = ("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic", "MS Gothic", "IPAexGothic")
_PAIRS = (COLOURS[0], COLOURS[5], COLOURS[2], COLOURS[3])  # the colours of the losses


def pictures(runs: Sequence[Run], lang: str, seconds: float) -> Iterator[bytes]:
    """PNG files, evenly spaced over the steps, no more than can be shown in that many seconds.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    try:
        from matplotlib import font_manager, rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("animations need matplotlib; install it with `pip install 'chalkgrad[plot]'`") from error
    fonts = [name for name in _JAPANESE if name in font_manager.get_font_names()]
    words = LANGUAGES[lang if lang != "ja" or fonts else "en"]
    with rc_context({"font.family": ["DejaVu Sans", *fonts]}):
        yield from _pictures(Figure(figsize=(12.8, 7.2), layout="constrained"), runs, words, seconds)


def _pictures(figure: Any, runs: Sequence[Run], words: Mapping[str, str], seconds: float) -> Iterator[bytes]:
    last = max(run.frames[-1].step for run in runs)
    stops = sorted({frame.step for run in runs for frame in run.frames})
    count = max(2, min(len(stops), round(_PER_SECOND * seconds)))
    chosen = sorted({stops[round(i * (len(stops) - 1) / (count - 1))] for i in range(count)})
    grid = figure.add_gridspec(2, len(runs) + 1, height_ratios=(1, 0.85))
    columns = [(figure.add_subplot(grid[0, i]), figure.add_subplot(grid[1, i])) for i in range(len(runs))]
    loss = figure.add_subplot(grid[:, -1])
    now, dots = _draw_losses(loss, runs, words)
    most = largest_loss(runs)
    full = full_strength(runs, "weights"), full_strength(runs, "gradients")
    for step in chosen:
        for (answers, neurons), run in zip(columns, runs):
            frame = [frame for frame in run.frames if frame.step <= step][-1]
            for ax in (answers, neurons):
                ax.clear()
            at = run.losses[min(step, len(run.losses) - 1)]
            title = f"{run.name}\n{words['loss']} {at:.3g}"
            if run.view is not None:
                _draw_view(answers, run.view, frame)
            else:
                answers.set_axis_off()
            if run.network is not None:
                _draw_network(neurons, run.network, frame, *full)
            else:
                neurons.set_axis_off()
            answers.set_title(title, fontsize="x-large")
        now.set_xdata([step, step])
        for dot, run in zip(dots, runs):
            at = min(step, len(run.losses) - 1)
            dot.set_data([at], [min(run.losses[at], most)])
        loss.set_title(words["counter"].format(k=step, n=last), fontsize="x-large")
        file = BytesIO()
        figure.savefig(file, format="png", dpi=_DOTS)
        figure.set_layout_engine("none")  # each picture is laid out like the first one
        yield file.getvalue()


def _draw_losses(ax: "Axes", runs: Sequence[Run], words: Mapping[str, str]) -> tuple[Any, list[Any]]:
    """The curves of the losses; returns the line and the dots that mark the step."""
    most, dots = largest_loss(runs), []
    finite = [min(loss, most) for run in runs for loss in run.losses if isfinite(loss)]
    for run, colour, dash in zip(runs, _PAIRS * len(runs), DASHES * len(runs)):
        ax.plot(
            range(len(run.losses)),
            [min(loss, most) for loss in run.losses],
            dash,
            color=colour,
            linewidth=2.5,
            label=run.name,
        )
        dots += ax.plot([], [], "o", color=colour, markersize=10)
    if finite and 0 < min(finite) * 100 < max(finite):
        ax.set_yscale("log")
    dress(ax, words["step"], words["loss"])
    ax.grid(alpha=0.3)
    if len(runs) > 1:
        ax.legend(fontsize="large", loc="upper right")
    return ax.axvline(0, color=ink(ax), linestyle=":", linewidth=1.5), dots


def _draw_view(ax: "Axes", view: View, frame: Frame) -> None:
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    face = to_hex(ax.get_facecolor())
    planes = np.nan_to_num(np.array(frame.outputs), nan=0.0, posinf=1e6, neginf=-1e6).reshape(view.shape)
    xs, ys = np.linspace(*view.across, view.shape[2]), np.linspace(*view.up, view.shape[1])
    low, high = value_range(view)
    points = np.array(view.points)
    extent = (*view.across, *view.up)
    smooth: dict[str, Any] = {"extent": extent, "interpolation": "bilinear", "origin": "lower", "aspect": "auto"}
    if view.kind == "curve":
        ax.plot(points[:, 0], points[:, 1], "o", color=COLOURS[0])
        ax.plot(xs, planes[0, 0], color=COLOURS[5], linewidth=3)
    elif view.kind == "surface":
        shades = LinearSegmentedColormap.from_list("", [COLOURS[0], face, COLOURS[5]])
        look: dict[str, Any] = {"cmap": shades, "vmin": low, "vmax": high}
        ax.imshow(planes[0], **smooth, **look)
        ax.scatter(points[:, 0], points[:, 1], c=points[:, 2], edgecolors=ink(ax), **look)
    else:
        if view.shape[0] == 1:
            shades = LinearSegmentedColormap.from_list("", [COLOURS[0], face, COLOURS[1]])
            ax.imshow(np.tanh(planes[0] / 2), cmap=shades, vmin=-1, vmax=1, alpha=0.6, **smooth)
            leads = [planes[0]]
        else:
            leads = [plane - np.delete(planes, i, axis=0).max(axis=0) for i, plane in enumerate(planes)]
            for i, lead in enumerate(leads):
                if lead.max() > 0:
                    ax.contourf(xs, ys, lead, [0, np.inf], colors=[COLOURS[i % 6]], alpha=0.4)
        for lead in leads:
            if lead.min() < 0 < lead.max():
                ax.contour(xs, ys, lead, [0], colors=ink(ax), linewidths=1.5)
        for i in range(len(view.labels)):
            x1, x2 = points[points[:, 2] == i, :2].T
            ax.scatter(x1, x2, s=40, c=COLOURS[i % 6], marker=MARKERS[i % 6], edgecolors="white", zorder=3)
    ax.set(xlim=view.across, ylim=view.up)
    dress(ax, *(("x", "y") if view.kind == "curve" else ("x₁", "x₂")))


def _draw_network(ax: "Axes", network: Network, frame: Frame, heaviest: float, steepest: float) -> None:
    """The neurons. A line's width is the size of the weight, dashes that it is below 0, its colour the gradient."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    dark = sum(to_rgb(ax.get_facecolor())) < 1.5
    neutral = to_rgb("#59616b" if dark else "#b9bdc4")
    colours = []
    for gradient in frame.gradients:
        share = _strength(abs(gradient) / steepest)
        end = to_rgb(COLOURS[5] if gradient > 0 else COLOURS[4 if dark else 0])
        colours.append([x + share * (y - x) for x, y in zip(neutral, end)])
    thin = min(1.0, (60 / len(network.edges)) ** 0.5)
    lines = LineCollection(
        [[(x, network.columns[x][i]), (x + 1, network.columns[x + 1][j])] for x, i, j in network.edges],
        linewidths=[0.4 + 5 * thin * min(1.0, abs(weight) / heaviest) for weight in frame.weights],
        linestyles=["-" if weight >= 0 else (0, (3, 1.5)) for weight in frame.weights],
        colors=colours,
    )
    ax.add_collection(lines, autolim=False)
    for x, (column, size) in enumerate(zip(network.columns, network.sizes)):
        look: dict[str, Any] = {"markersize": 11, "markeredgecolor": ink(ax), "markeredgewidth": 1.5}
        ax.plot([x] * len(column), list(column.values()), "o", color=ax.get_facecolor(), **look)
        if len(column) < size:
            ax.plot([x] * 3, [-0.5, 0, 0.5], "o", color=ink(ax), markersize=2)
    rows = max(1.5, *(0.5 + max(column.values()) for column in network.columns))
    ax.set(xlim=(-0.2, len(network.sizes) - 0.8), ylim=(-rows, rows))
    ax.set_axis_off()


def _strength(share: float) -> float:
    """How strong the colour of a gradient is, by its share of full strength: it fades out at a thousandth."""
    return max(0.0, min(1.0, 1 + log10(share) / 3)) if share > 0 else 0.0
