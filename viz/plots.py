"""Plots of a network and of its training, on matplotlib axes."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from engine import Value, no_grad
from engine.trees import is_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Two classes and more, apart in every form of colour blindness (M. Okabe, K. Ito, 2008), and by marker in print.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = ("o", "^", "s", "D", "v", "P")


def plot_decision_boundary(model: Any, X: Any, y: Any, ax: "Axes | None" = None, steps: int = 60) -> "Axes":
    """Where a network says which class, over its two inputs, with the examples on top.

    Args:
        model: called on a row of two numbers, gives one score (above 0 is the second class) or one for each class.
        X: rows of two numbers.
        y: the class of each row: 0, 1, 2, ... or any two labels, of which the first in order is the negative one.
        ax: the axes to draw on; new ones if None.
        steps: how many points each way the network is asked at.

    Raises:
        ValueError: if the rows do not have two numbers, there are not as many rows as labels, or a label stands for
            no class of the network.
        ImportError: if matplotlib is not installed.
    """
    import numpy as np

    points, labels = np.asarray(X, dtype=float), np.ravel(y)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"plot_decision_boundary takes rows of two numbers, got an array of shape {points.shape}")
    if len(points) != len(labels):
        raise ValueError(f"plot_decision_boundary takes a label for each row, got {len(points)} and {len(labels)}")
    ax = axes(ax)
    (left, bottom), (right, top) = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
    xs, ys = np.linspace(left, right, steps), np.linspace(bottom, top, steps)
    with no_grad():
        scores = np.array([[_scores(model([x, y])) for x in xs.tolist()] for y in ys.tolist()])
    for i in range(scores.shape[2]):
        lead = scores[:, :, i] - np.delete(scores, i, axis=2).max(axis=2)  # over the best of the other classes
        ax.contourf(xs, ys, lead, levels=[0, np.inf], colors=[COLOURS[i % 6]], alpha=0.22)
        ax.contour(xs, ys, lead, levels=[0], colors="#1a1a1a", linewidths=1.2)
    for label, i in _classes(np.unique(labels).tolist(), scores.shape[2]).items():
        x1, x2 = points[labels == label].T
        colour, marker = COLOURS[i % 6], MARKERS[i % 6]
        ax.scatter(x1, x2, c=colour, marker=marker, edgecolors="white", label=f"class {label}", zorder=3)
    ax.set(xlabel="x₁", ylabel="x₂", xlim=(left, right), ylim=(bottom, top))
    ax.legend(loc="upper right")
    return ax


def plot_loss(losses: Sequence[Any] | Mapping[str, Sequence[Any]], ax: "Axes | None" = None) -> "Axes":
    """The loss after each step, or several such curves by name.

    Args:
        losses: numbers or Values, or a dictionary from names to those.
        ax: the axes to draw on; new ones if None.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    ax = axes(ax)
    curves = losses if isinstance(losses, Mapping) else {"": losses}
    for (name, curve), colour, dash in zip(curves.items(), cycle(COLOURS), cycle(("-", "--", "-.", ":"))):
        numbers = [x.data if isinstance(x, Value) else float(x) for x in curve]
        ax.plot(range(1, len(numbers) + 1), numbers, dash, color=colour, label=name, linewidth=2)
    ax.set(xlabel="step", ylabel="loss")
    ax.grid(alpha=0.3)
    if isinstance(losses, Mapping):
        ax.legend()
    return ax


def _scores(output: Any) -> list[float]:
    """A score for each class: of a lone score, its negative for the first class and itself for the second."""
    numbers = [x.data if isinstance(x, Value) else float(x) for x in (output if is_row(output) else [output])]
    return numbers if len(numbers) > 1 else [-numbers[0], numbers[0]]


def _classes(labels: list[Any], count: int) -> dict[Any, int]:
    """Which score each label stands for."""
    if all(label in range(count) for label in labels):
        return {label: int(label) for label in labels}
    if count > 2 or len(labels) > 2:
        raise ValueError(
            f"the network tells {count} classes apart, which no labels {labels} stand for; write 0, 1, 2, ..."
        )
    return {label: int(i > 0 or label == 1) for i, label in enumerate(labels)}


def axes(ax: "Axes | None") -> "Axes":
    """The axes as they are; new ones if None."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plots need matplotlib; install it with `pip install 'chalkgrad[plot]'`") from error
    return plt.subplots(figsize=(6, 4.5), layout="constrained")[1]
