"""Plots of a network's decisions and of its loss, on matplotlib axes; and what all plots share."""

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from engine import Value, no_grad
from engine.compiler.api import compile
from engine.compiler.trace import machine_is_available
from engine.utils.arguments import check_count, check_function, check_several, described
from engine.utils.conversion import to_float
from engine.utils.nested import tree_leaves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours for two or more classes, distinct in any form of colour blindness (M. Okabe, K. Ito, 2008); markers for print
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = ("o", "^", "s", "D", "v", "P")
HATCHES = ("", "..", "//")  # for the regions of the first six classes, of the next six, ...
DASHES = ("-", "--", "-.", ":")

TIMED = 20  # points at which a model is timed
_Item = TypeVar("_Item")
PATIENCE = 4.0  # seconds; compiling machine code for the first time takes longer


def plot_decision_boundary(model: Any, X: Any, y: Any, ax: "Axes | None" = None, steps: int = 60) -> "Axes":
    """Which class a network predicts, over the plane of its two inputs, with the examples on top.

    A module is evaluated in eval mode, and is left as it was.

    Args:
        model: called on a row of two numbers, it gives one score (above 0 means the second class) or one for each
            class. It runs as machine code if it is compiled, or if numba is installed and plain Python would take
            seconds.
        X: rows of two numbers.
        y: the class of each row: 0, 1, 2, ..., or any two labels, the first of which, in order, is the negative one.
        ax: the axes to draw on; new ones if None.
        steps: the number of grid points in each direction.

    Raises:
        ValueError: if the rows do not have two numbers, the numbers of rows and labels differ, or a label is no class
            of the network.
        ImportError: if matplotlib is not installed.
    """
    import numpy as np

    check_function("plot_decision_boundary", model, "plot_decision_boundary(model, X, y)")
    check_several("plot_decision_boundary", X, "plot_decision_boundary(model, X, y), with rows of two numbers in X")
    check_count("steps", steps, 2)
    points, labels = np.asarray(X, dtype=float), np.ravel(y)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"plot_decision_boundary takes rows of two numbers, got an array of shape {points.shape}")
    if len(points) != len(labels):
        raise ValueError(f"plot_decision_boundary takes a label for each row, got {len(points)} and {len(labels)}")
    ax = axes(ax)
    (left, bottom), (right, top) = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    xs, ys = np.linspace(left, right, steps), np.linspace(bottom, top, steps)
    answers = _answers(model, [[x, y] for y in ys.tolist() for x in xs.tolist()])
    scores = np.array([class_scores(answer) for answer in answers]).reshape(steps, steps, -1)
    classes = class_indices(np.unique(labels).tolist(), scores.shape[2])
    alpha = 0.4 if is_dark(ax) else 0.22  # on black, a fainter colour would not be visible
    for i in range(scores.shape[2]):
        lead = scores[:, :, i] - np.delete(scores, i, axis=2).max(axis=2)  # over the best other class
        if lead.max() > 0:
            hatches = [HATCHES[i // 6 % 3]]
            ax.contourf(xs, ys, lead, levels=[0, np.inf], colors=[COLOURS[i % 6]], hatches=hatches, alpha=alpha)
        if lead.min() < 0 < lead.max():
            ax.contour(xs, ys, lead, levels=[0], colors=ink(ax), linewidths=1.5)
    size = 110 if len(points) <= 20 else 55  # a few points can be large enough to see from the back row
    for label, i in classes.items():
        x1, x2 = points[labels == label].T
        look: dict[str, Any] = {"c": COLOURS[i % 6], "marker": MARKERS[(i + i // 6) % 6], "edgecolors": "white"}
        ax.scatter(x1, x2, s=size, label=f"class {label}", zorder=3, **look)
    ax.set(xlim=(left, right), ylim=(bottom, top))
    dress(ax, "x₁", "x₂")
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if len(classes) > 4 else {}
    ax.legend(**{"loc": "upper right", "fontsize": "large", "borderpad": 0.3, "handletextpad": 0.1, **beside})
    return ax


def plot_loss(losses: Sequence[Any] | Mapping[str, Sequence[Any]], ax: "Axes | None" = None) -> "Axes":
    """The loss after each step, as one curve, or as several with their names next to the plot.

    Args:
        losses: numbers or Values, or a dictionary from names to lists of them.
        ax: the axes to draw on; new ones if None.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    ax = axes(ax)
    curves = losses if isinstance(losses, Mapping) else {"": losses}
    for (name, curve), colour, dash in zip(curves.items(), cycle(COLOURS), cycle(DASHES)):
        each = numbers(curve)
        ax.plot(range(1, len(each) + 1), each, dash, color=colour, label=name, linewidth=2.5)
    dress(ax, "step", "loss")
    ax.grid(alpha=0.3)
    if isinstance(losses, Mapping):
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
        makes_room = ax.figure.figure.get_layout_engine() is not None  # otherwise the next plot is there, or the edge
        ax.legend(fontsize="large", **(beside if makes_room else {}))
    return ax


def _answers(model: Any, points: list[list[float]]) -> Sequence[Any]:
    """The model's outputs for many points; as machine code if that is faster even though it must be compiled first."""
    with evaluating(model), no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*runs? in plain Python")
        if hasattr(model, "map"):
            each: Sequence[Any] = model.map(points)
            return each
        begin = perf_counter()
        answers = [model(point) for point in points[:TIMED]]
        seconds = (perf_counter() - begin) / TIMED * len(points)
        if seconds > PATIENCE and machine_is_available():
            with suppress(Exception):  # if it can't be compiled, call it; an error of its own will come again
                return compile(model).map(points)  # type: ignore[no-any-return]
        return answers + [model(point) for point in with_progress(points[TIMED:], "evaluating the model")]


def with_progress(items: Sequence[_Item], doing: str) -> Iterable[_Item]:
    """Go through items with a bar by tqdm, if that is installed, which comes after a second and goes at the end."""
    from nn.training.progress import bar

    shown = bar(iterable=items, desc=doing, delay=1.0, leave=False)
    return items if shown is None else shown


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """A block in which a module, or the module behind a compiled function, is in eval mode."""
    module = inspect.unwrap(model)
    if not hasattr(module, "training") or not hasattr(module, "eval"):
        yield
        return
    within = module.modules() if hasattr(module, "modules") else [module]
    before = [(part, part.training) for part in within]
    try:
        module.eval()
        yield
    finally:
        if module.training != before[0][1]:
            module.train()
        for part, training in before:
            part.training = training


def class_scores(output: Any) -> list[float]:
    """A score for each class; a single score is that of the second class, and its negative that of the first."""
    each = numbers(output)
    return each if len(each) > 1 else [-each[0], each[0]]


def class_indices(labels: list[Any], count: int) -> dict[Any, int]:
    """The index of the score for each label."""
    if all(label in range(count) for label in labels):
        return {label: int(label) for label in labels}
    if count > 2 or len(labels) > 2:
        raise ValueError(
            f"the network has {count} classes, and the labels {labels} do not say which is which; write 0, 1, 2, ..."
        )
    return {label: int(i > 0 or label == 1) for i, label in enumerate(labels)}


def axes(ax: "Axes | None", size: tuple[float, float] = (6, 4.5)) -> "Axes":
    """The given axes; if None, new ones of a size in inches."""
    if ax is not None:
        if not hasattr(ax, "contourf"):
            raise TypeError(
                f"ax must be matplotlib axes, got {described(ax)}; write ax=plt.subplots()[1], or leave it out"
            )
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plots need matplotlib; install it with `pip install 'chalkgrad[plot]'`") from error
    return plt.subplots(figsize=size, layout="constrained")[1]


def numbers(values: Any) -> list[float]:
    """A list of floats, from Values or numbers, in a list or single."""
    if type(values) is list and {*map(type, values)} == {float}:
        return values
    return [x.data if isinstance(x, Value) else to_float(x, "a plot takes") for x in tree_leaves(values)]


def ink(ax: "Axes") -> Any:
    """The colour of the text on these axes: black, or white in a dark style."""
    return ax.xaxis.label.get_color()


def is_dark(ax: "Axes") -> bool:
    """Whether the background of these axes is dark."""
    return readable(ax.get_facecolor()) == "white"


def readable(colour: Any) -> str:
    """Black or white, whichever contrasts more with a background."""
    from matplotlib.colors import to_rgb

    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(colour)]
    light = sum(share * x for share, x in zip((0.2126, 0.7152, 0.0722), linear))
    return "black" if light > 0.26 else "white"


def dress(ax: "Axes", xlabel: str, ylabel: str, title: str = "") -> None:
    """Labels that can be read from the back row, and no frame where it means nothing."""
    ax.set_xlabel(xlabel, fontsize="x-large")
    ax.set_ylabel(ylabel, fontsize="x-large")
    ax.set_title(title, fontsize="x-large")
    ax.tick_params(labelsize="large")
    ax.spines[["top", "right"]].set_visible(False)


def label_ends(ax: "Axes", ends: Sequence[tuple[float, float, str, Any]]) -> None:
    """Write the name of each line at its right end, one below the other, and make room for the names in the axes.

    Args:
        ax: the axes, with the lines drawn and the limits of y set.
        ends: x and y of each line's end, its name and its colour; x is an epoch or a step, counted from 1.
    """
    from matplotlib.ticker import MaxNLocator

    ax.figure.figure.draw_without_rendering()  # now the layout is final
    box, points = ax.get_window_extent(), 72 / ax.figure.dpi
    last = max(x for x, *_ in ends)
    size = min(14.0, box.height * points / len(ends) / 1.25)
    ends = sorted(ends, key=lambda end: end[1])
    heights = [(ax.transData.transform((x, y))[1] - box.y0) * points for x, y, *_ in ends]
    width = 0.0
    places = spread(heights, 1.25 * size, size / 2, box.height * points - size / 2)
    for (x, y, name, colour), height, place in zip(ends, heights, places):
        line: dict[str, Any] = {
            "arrowstyle": "-",
            "color": colour,
            "linewidth": 1.5,
            "relpos": (0, 0.5),
            "shrinkA": 1,
            "shrinkB": 0,
        }
        look: dict[str, Any] = {
            "color": ink(ax),
            "fontsize": size,
            "va": "center",
            "annotation_clip": False,
            "arrowprops": line,
        }
        text = ax.annotate(name, (x, y), (18, place - height), textcoords="offset points", **look)
        width = max(width, text.get_window_extent().x1 + 6 / points - ax.transData.transform((x, y))[0])
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    first = 1 if last > 1 else 0
    left = first - 0.03 * (last - first)
    ax.set_xlim(left, last + (last - left) * width / max(box.width - width, 0.2 * box.width))
    ax.set_xticks([tick for tick in ax.get_xticks() if 1 <= tick <= last])
    ax.spines["bottom"].set_bounds(left, last)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions in the same order, at least `gap` apart and from `low` to `high`, as near as possible to those wanted.

    >>> spread([1.0, 1.0, 9.0], 2.0, 0.0, 10.0)
    [0.0, 2.0, 9.0]
    """
    blocks: list[
        tuple[float, int]
    ] = []  # of each block of close positions: the mean position of its first, and its size
    for i, place in enumerate(wanted):
        start, count = place - i * gap, 1
        while blocks and blocks[-1][0] > start:
            before, many = blocks.pop()
            start, count = (before * many + start * count) / (many + count), many + count
        blocks.append((start, count))
    starts = [start for start, count in blocks for _ in range(count)]
    highest = high - gap * (len(wanted) - 1)
    return [max(low, min(start, highest)) + i * gap for i, start in enumerate(starts)]
