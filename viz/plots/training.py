"""Plots of a training run: the loss epoch by epoch, or over the learning rate; gradients; and the confusion matrix."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from engine import Value
from engine.names import number
from engine.utils.arguments import check_several
from engine.utils.nested import tree_leaves
from viz.plots.boundary import COLOURS, DASHES, MARKERS, axes, dress, ink, is_dark, label_ends, numbers, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = {"loss": "training", "validation_loss": "validation", "val_loss": "validation"}
VANISHING, EXPLODING = 1e-6, 1e3  # gradient norms below and above which a layer hardly learns


def plot_history(history: Any, ax: "Axes | None" = None) -> "Axes":
    """The loss after each epoch, on the training and the validation examples; a star marks the best validation loss.

    The loss axis is logarithmic if it spans more than two powers of ten. A loss that is not finite leaves a gap.

    Args:
        history: an object with lists ``loss`` and ``validation_loss`` (which may be empty), or a dictionary from names
            to lists of numbers or Values; ``lr`` is left out.
        ax: the axes to draw on; new ones if None.

    Raises:
        TypeError: if `history` is neither.
        ValueError: if it contains no epochs.
        ImportError: if matplotlib is not installed.

    >>> ax = plot_history({"loss": [2.0, 1.0, 0.5], "validation_loss": [2.1, 1.5, 1.6]})
    >>> ax.get_title()
    '★ best validation loss: 1.5 at epoch 2'
    """
    if not isinstance(history, Mapping):
        if not hasattr(history, "loss"):
            raise TypeError(
                f"plot_history takes an object with lists loss and validation_loss, or a dictionary of lists, "
                f"got {type(history).__name__}; for one list of losses write plot_loss(losses)"
            )
        history = {name: getattr(history, name, ()) for name in ("loss", "validation_loss")}
    curves = {str(name): numbers(curve) for name, curve in history.items() if name != "lr"}
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves:
        raise ValueError("plot_history takes a history of at least one epoch, got an empty one; train first")
    ax = axes(ax, (7, 4.5))
    ends, title = [], ""
    looks = zip(cycle(_line_colours(ax)), cycle(DASHES), cycle(MARKERS))
    for (name, curve), (colour, dash, marker) in zip(curves.items(), looks):
        epochs = range(1, len(curve) + 1)
        look: dict[str, Any] = {
            "color": colour,
            "linewidth": 2.5,
            "markersize": 7,
            "markevery": max(1, len(curve) // 12),
        }
        ax.plot(epochs, curve, dash, marker=marker, label=name, **look)
        drawn = [(x, y) for x, y in zip(epochs, curve) if isfinite(y)]
        if drawn:
            last = "" if isfinite(curve[-1]) else f": {curve[-1]}"
            ends.append((*drawn[-1], _NAMES.get(name, name) + last, colour))
        if drawn and _NAMES.get(name, name) == "validation":
            epoch, best = min(drawn, key=lambda point: point[1])
            title = f"★ best validation loss: {number(best)} at epoch {epoch}"
            ax.axvline(epoch, color=colour, linestyle=":", linewidth=1.5)
            ax.plot(epoch, best, "*", color=colour, markersize=22, markeredgecolor=ink(ax), zorder=4, label="best")
    finite = [y for curve in curves.values() for y in curve if isfinite(y)]
    if finite and min(finite) > 0 and max(finite) > 100 * min(finite):
        ax.set_yscale("log")
    dress(ax, "epoch", "loss", title)
    ax.grid(alpha=0.3)
    if ends:
        label_ends(ax, ends)
    return ax


def _line_colours(ax: "Axes") -> list[str]:
    """Colours for lines, the clearest first: of the two blues, the one that stands out from the background."""
    return [COLOURS[i] for i in ((4, 5, 2, 3, 1, 0) if is_dark(ax) else (0, 5, 2, 3, 1, 4))]


def plot_find_lr(found: Any, ax: "Axes | None" = None) -> "Axes":
    """The loss over the learning rate, as `nn.find_lr` measured it; a star marks the suggestion.

    Dots are the losses of mini-batches, the line is their running mean. Losses far above the first one are cut off.

    Args:
        found: the result of `nn.find_lr`, or an object with lists ``rates``, ``losses`` and ``smoothed``, and a number
            or None as ``suggestion``.
        ax: the axes to draw on; new ones if None.

    Raises:
        TypeError: if `found` is no such object.
        ValueError: if it has no finite loss.
        ImportError: if matplotlib is not installed.

    >>> from types import SimpleNamespace
    >>> losses = [0.7, 0.6, 0.3, 0.9]
    >>> rates = [0.01, 0.1, 1.0, 10.0]
    >>> ax = plot_find_lr(SimpleNamespace(rates=rates, losses=losses, smoothed=losses, suggestion=0.1))
    >>> ax.get_title()
    '★ suggestion: lr = 0.1'
    """
    if not all(hasattr(found, name) for name in ("rates", "losses", "smoothed", "suggestion")):
        raise TypeError(
            f"plot_find_lr takes what find_lr returns, got {type(found).__name__}; write "
            "plot_find_lr(find_lr(model, (X, y), loss, optimizer))"
        )
    rates, losses, smoothed = numbers(found.rates), numbers(found.losses), numbers(found.smoothed)
    finite = [y for y in smoothed if isfinite(y)]
    if not finite:
        raise ValueError("plot_find_lr takes at least one finite loss, got none; try a lower min_lr")
    ax = axes(ax, (7, 4.5))
    line, *_, dots = _line_colours(ax)
    ax.plot(rates, losses, ".", color=dots, markersize=7, label="loss")
    ax.plot(rates, smoothed, color=line, linewidth=2.5, label="smoothed")
    title = "no suggestion: the loss never fell"
    if found.suggestion is not None:
        title = f"★ suggestion: lr = {number(found.suggestion)}"
        height = smoothed[min(range(len(rates)), key=lambda i: abs(rates[i] - found.suggestion))]
        ax.axvline(found.suggestion, color=COLOURS[5], linestyle=":", linewidth=1.5)
        look: dict[str, Any] = {"markersize": 22, "markeredgecolor": ink(ax), "zorder": 4, "label": "suggestion"}
        ax.plot(found.suggestion, height, "*", color=COLOURS[5], **look)
    ax.set_xscale("log")
    low = min(y for y in [*finite, *losses] if isfinite(y))
    span = max(finite[0] - low, 0.05 * abs(finite[0]), 1e-9)
    ax.set_ylim(low - 0.1 * span, finite[0] + 0.5 * span)
    dress(ax, "learning rate", "loss", title)
    ax.grid(alpha=0.3)
    return ax


def plot_gradients(gradients: Mapping[str, Sequence[Any]], ax: "Axes | None" = None) -> "Axes":
    """The size of each layer's gradient, step by step: where it vanishes, and where it explodes.

    Norms below 1e-6 and above 1e3 are in shaded bands. A triangle on the lower edge marks a norm of 0, and one on the
    upper edge a norm that is not finite.

    Args:
        gradients: for the name of each layer, in order, the norms of its gradient after each step or epoch.
        ax: the axes to draw on; new ones if None.

    Raises:
        TypeError: if `gradients` is not a dictionary.
        ValueError: if it contains no norms, or a norm is below 0.
        ImportError: if matplotlib is not installed.

    >>> ax = plot_gradients({"L0": [1e-3, 1e-5, 1e-8], "L1": [0.5, 0.4, 0.2]})
    >>> [text.get_text() for text in ax.texts]
    ['vanishing', 'L0', 'L1']
    """
    if not isinstance(gradients, Mapping):
        raise TypeError(
            f"plot_gradients takes a dictionary from layers to lists of norms, got {type(gradients).__name__}; "
            "write {'L0': [...], 'L1': [...]}"
        )
    norms = {str(name): numbers(each) for name, each in gradients.items()}
    if not any(norms.values()):
        raise ValueError("plot_gradients takes at least one norm, got none; record some after backward()")
    for name, each in norms.items():
        if any(norm < 0 for norm in each):
            raise ValueError(f"plot_gradients takes norms, which are at least 0, got {min(each)} in {name}")
    ax = axes(ax, (8, 5.5))
    import matplotlib as mpl
    from matplotlib.patheffects import withStroke

    every = [norm for each in norms.values() for norm in each]
    visible = [norm for norm in every if 0 < norm < inf] or [1.0]
    bottom = min(min(visible) / 4, VANISHING / 10 if 0 in every else inf)
    top = max(max(visible) * 4, EXPLODING * 10 if not all(map(isfinite, every)) else 0.0)
    face = mpl.colors.to_rgb(ax.get_facecolor())
    first, last = (0.3, 1.0) if is_dark(ax) else (0.0, 0.8)  # neither end of the map looks like the background
    ends = []
    for i, ((name, each), dash) in enumerate(zip(norms.items(), cycle(DASHES))):
        colour = mpl.colormaps["viridis"](first + (last - first) * i / max(1, len(norms) - 1))
        steps = range(1, len(each) + 1)
        heights = [bottom if norm == 0 else norm if norm < inf else top for norm in each]
        ax.plot(steps, heights, dash, color=colour, linewidth=2.5, label=name)
        for height, marker, edge in ((bottom, "v", 0.0), (top, "^", inf)):
            there = [x for x, norm in zip(steps, each) if norm == edge or (edge == inf and not isfinite(norm))]
            if there:
                ax.plot(there, [height] * len(there), marker, color=colour, markersize=10, clip_on=False)
        if each:
            ends.append((len(each), heights[-1], name, colour))
    ax.set(yscale="log", ylim=(bottom, top))
    ax.grid(alpha=0.3)
    dress(ax, "step", "norm of the gradient")
    words: dict[str, Any] = {"fontsize": "x-large", "weight": "bold", "color": ink(ax), "va": "center", "zorder": 4}
    halo = [withStroke(linewidth=5, foreground=face)]
    for word, low, high in (("vanishing", bottom, min(VANISHING, top)), ("exploding", max(EXPLODING, bottom), top)):
        if low < high:
            ax.axhspan(low, high, color=COLOURS[5], alpha=0.2, linewidth=0)
            ax.text(0.02, (low * high) ** 0.5, word, transform=ax.get_yaxis_transform(), path_effects=halo, **words)
    label_ends(ax, ends)
    return ax


def plot_confusion(y_true: Any, y_pred: Any, labels: Sequence[Any] | None = None, ax: "Axes | None" = None) -> "Axes":
    """The confusion matrix: how often each class was predicted (in columns) for each true class (in rows).

    Args:
        y_true: the right class of each example, a number or a string.
        y_pred: the predicted class of each example.
        labels: all classes in order, including any that never appear; or the names of the classes 0, 1, 2, ...; if
            None, the classes that appear.
        ax: the axes to draw on; new ones if None.

    Raises:
        ValueError: if the numbers of predictions and examples differ or are 0, or a class is not among the labels.
        ImportError: if matplotlib is not installed.

    >>> ax = plot_confusion([0, 1, 1, 1], [0, 1, 1, 0], labels=["no", "yes"])
    >>> ax.get_title()
    'accuracy 75%: 3 of 4'
    >>> [text.get_text() for text in ax.texts]
    ['1', '0', '1', '2']
    """
    for given in (y_true, y_pred):
        check_several("plot_confusion", given, "plot_confusion(y_true, y_pred), the classes of each example")
    true, predicted = _classes(y_true), _classes(y_pred)
    if len(true) != len(predicted):
        raise ValueError(
            f"plot_confusion takes a prediction for each example, got {len(true)} and {len(predicted)}; from scores "
            "for each class, take the class with the highest"
        )
    if not true:
        raise ValueError("plot_confusion takes at least one example, got none")
    found = {*true, *predicted}
    names = sorted(found, key=lambda x: (isinstance(x, str), x)) if labels is None else _classes(labels)
    place = {name: i for i, name in enumerate(names)}
    if not found <= set(place):
        place = {i: i for i in range(len(names))}
    if not found <= set(place):
        strange = sorted(found - set(names) - set(place), key=str)
        raise ValueError(f"plot_confusion has no label for the class {strange[0]!r}; labels are {names}")
    ax = axes(ax, (6, 5.5))
    import matplotlib as mpl

    counts = [[0] * len(names) for _ in names]
    for row, column in zip(true, predicted):
        counts[place[row]][place[column]] += 1
    face, most = mpl.colors.to_hex(ax.get_facecolor()), max(map(max, counts))
    shades = [mpl.colors.LinearSegmentedColormap.from_list("", [face, colour]) for colour in (COLOURS[5], COLOURS[0])]
    # The square root of the share, so that a single mistake among many examples is visible.
    image = [[shades[i == j]((n / most) ** 0.5) for j, n in enumerate(row)] for i, row in enumerate(counts)]
    ax.imshow(image)
    right = sum(counts[i][i] for i in range(len(names)))
    dress(ax, "predicted", "true", f"accuracy {100 * right / len(true):.3g}%: {right} of {len(true)}")
    steep = max(len(str(name)) for name in names) * len(names) > 24
    ax.set_xticks(range(len(names)), names, rotation=90 if steep else 0)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.figure.figure.draw_without_rendering()
    cell = ax.get_window_extent().width / len(names) * 72 / ax.figure.dpi
    size = min(28.0, cell / 2, cell / 0.75 / len(str(most)))
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            look: dict[str, Any] = {"color": readable(image[i][j]), "alpha": 1.0 if n else 0.5}
            ax.text(j, i, str(n), ha="center", va="center", fontsize=size, **look)
    return ax


def _classes(labels: Any) -> list[Any]:
    """The classes, with whole numbers as ints: 1 for 1.0 and for Value(1)."""
    plain = [x.data if isinstance(x, Value) else x for x in tree_leaves(labels)]
    return [int(x) if isinstance(x, float) and x.is_integer() else x for x in plain]
