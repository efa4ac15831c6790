"""A picture of a network as columns of neurons, each coloured by its contribution to the error."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

from engine.utils.arguments import check_several
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from viz.plots.boundary import COLOURS, axes, ink, numbers, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MOST_SHOWN = 20  # neurons in one column; of a larger layer, only the first and last few are shown


def plot_neurons(
    model: Any,
    contributions: Sequence[Any] | Mapping[str, Sequence[Any]],
    ax: "Axes | None" = None,
    names: Sequence[str] | None = None,
) -> "Axes":
    r"""A network layer by layer, each neuron coloured by its error contribution ``∂loss/∂activation``.

    Vermilion neurons raise the loss when they fire more strongly, blue ones lower it; the circle shows the number, or
    at least its sign. A line is a weight: its width shows its size relative to its layer; it is dashed if below 0.

    Args:
        model: an MLP, or anything with consecutive layers that have ``neurons`` or a ``weight[out][in]``; or the sizes
            of the layers, inputs first, for a picture without weights.
        contributions: the result of `nn.error_contributions` for the model; if the activation is a module of its own, a
            neuron's contribution is that of its activation. Or, for each layer, a list with a number for each neuron;
            that of the inputs may be left out, or be None.
        ax: the axes to draw on; new ones if None.
        names: what the inputs are called, such as ``["height", "weight"]``; x₁, x₂ and so on if None.

    Raises:
        TypeError: if `model` has no such layers, or `names` is one text.
        ValueError: if the number of lists is not that of layers, or that of numbers not that of neurons, or that of
            names not that of inputs, or a layer does not take as many numbers as the one before it gives.
        ImportError: if matplotlib is not installed.

    >>> ax = plot_neurons([2, 3, 1], [[0.1, -0.2, 0.0], [1.0]])
    >>> [text.get_text() for text in ax.texts]
    ['2\ninputs', 'x₁', 'x₂', '3\nneurons', '+0.1', '−0.2', '0', '1\noutput', '+1']
    """
    sizes, weights, weighted = network_of(model)
    if not isinstance(contributions, Mapping):
        check_several("plot_neurons", contributions, "plot_neurons(model, error_contributions(model, loss, xs, ys))")
    given = _by_layer(contributions, model, weighted) if isinstance(contributions, Mapping) else contributions
    layers = _contributions(given, sizes)
    inputs = _input_names(names, sizes[0])
    ax = axes(ax, (8, 5))
    import matplotlib as mpl

    largest = max((abs(c) for each in layers for c in each or () if isfinite(c)), default=0.0) or 1.0
    norm = mpl.colors.Normalize(-largest, largest)
    face = mpl.colors.to_hex(ax.get_facecolor())
    shades = mpl.colors.LinearSegmentedColormap.from_list("", [COLOURS[0], face, COLOURS[5]], N=257)
    bar = ax.figure.colorbar(mpl.cm.ScalarMappable(norm, shades), ax=ax, pad=0.02)
    bar.set_label("∂loss/∂activation", fontsize="x-large")
    bar.ax.tick_params(labelsize="large")
    columns = [shown_neurons(size) for size in sizes]
    rows = max(2.0, *(1 + 2 * max(column.values()) for column in columns))
    ax.set_axis_off()
    ax.figure.figure.draw_without_rendering()  # now the layout is final
    box, points = ax.get_window_extent(), 72 / ax.figure.dpi
    whole, high = box.width * points, box.height * points
    row = (high - 44) / rows  # the height of a neuron; there are two lines of text below them all
    size = min(0.8 * row, 0.5 * whole / len(sizes), 64)
    font = min(14.0, 0.8 * row)
    left = min(max(0.5 * whole / len(sizes), size / 2 + 8 + 0.62 * font * max(map(len, inputs))), 0.4 * whole)
    wide = (whole - left) / (len(sizes) - 0.5)  # from one column to the next
    ax.set(xlim=(-left / wide, len(sizes) - 0.5), ylim=(-rows / 2 - 44 / row, rows / 2))
    for x, weight in enumerate(weights):
        _draw_weights(ax, x, columns[x], columns[x + 1], weight)
    shown = [_short_text(each[i]) for column, each in zip(columns, layers) if each for i in column]
    font_in_circle = min(18, 0.8 * size, 0.88 * size / 0.66 / max(map(len, shown), default=1))
    room = font_in_circle >= 8  # for numbers that are readable
    for x, (column, each) in enumerate(zip(columns, layers)):
        name = "input" if x == 0 else "output" if x == len(sizes) - 1 else "neuron"
        words = f"{sizes[x]:,}\n{name}{'s' * (sizes[x] != 1)}"
        font = min(14, wide / 0.62 / len(name + "s"))
        ax.text(x, -rows / 2 - 6 / row, words, fontsize=font, color=ink(ax), ha="center", va="top")
        if len(column) < sizes[x]:
            ax.plot([x] * 3, [-0.5, 0, 0.5], "o", color=ink(ax), markersize=min(5, row / 4))  # an ellipsis
        fills = [shades(norm(each[i])) if each and isfinite(each[i]) else face for i in column]
        look: dict[str, Any] = {"s": size**2, "c": fills, "edgecolors": [ink(ax)], "linewidths": 1.5, "zorder": 2}
        ax.scatter([x] * len(column), list(column.values()), **look)
        if x == 0:
            _write_names(ax, [(inputs[i], y) for i, y in column.items()], size, left, row)
        for (i, y), fill in zip(column.items(), fills):
            words = _short_text(each[i])[: None if room else 1] if each else ""
            font = font_in_circle if room else min(18, 0.8 * size)
            if words:
                ax.text(x, y, words, fontsize=font, color=readable(fill), ha="center", va="center_baseline", zorder=3)
    return ax


def _input_names(names: Sequence[str] | None, count: int) -> list[str]:
    if names is None:
        return [f"x{i + 1}".translate(_SUBSCRIPTS) for i in range(count)]
    if isinstance(names, str):
        raise TypeError(f"plot_neurons takes a list of names, one for each input, got the text {brief(names)}")
    if len(names) != count:
        raise ValueError(f"plot_neurons takes a name for each of {count} inputs, got {len(names)}")
    return list(map(str, names))


def _write_names(ax: "Axes", names: Sequence[tuple[str, float]], circle: float, room: float, row: float) -> None:
    """The names of the inputs to the left of their circles, in letters that fit; all lengths are in points."""
    font = min(14.0, 0.8 * row, (room - circle / 2 - 8) / 0.62 / max(len(name) for name, _ in names))
    look: dict[str, Any] = {"fontsize": font, "color": ink(ax), "ha": "right", "va": "center"}
    for name, y in names:
        ax.annotate(name, (0, y), (-circle / 2 - 4, 0), textcoords="offset points", **look)


def _short_text(contribution: float) -> str:
    """A number short enough for a circle, starting with its sign."""
    return f"{contribution:+.2g}".replace("-", "−") if contribution else "0"


def _draw_weights(ax: "Axes", x: int, left: dict[int, float], right: dict[int, float], weight: Any) -> None:
    """The lines between the neurons of two layers that are shown; thin ones if there are no weights."""
    from matplotlib.collections import LineCollection

    ends = [(i, j) for j in right for i in left]
    each = [weight[j][i] for i, j in ends] if weight else []
    largest = max(map(abs, each), default=0.0) or 1.0
    shares = [abs(w) / largest for w in each] or [0.2] * len(ends)
    thin = min(1.0, (40 / len(ends)) ** 0.5)  # if there are many lines
    lines = LineCollection(
        [[(x, left[i]), (x + 1, right[j])] for i, j in ends],
        linewidths=[0.3 + 3 * thin * share for share in shares],
        colors=[ink(ax)] * len(ends),
        alpha=[0.06 + (0.2 + 0.5 * thin) * share ** (2 - thin) for share in shares],
        linestyles=["-" if w >= 0 else (0, (3, 1.5)) for w in each] or "-",
        zorder=1,
    )
    ax.add_collection(lines, autolim=False)


def shown_neurons(size: int) -> dict[int, float]:
    """The neurons of a layer that are shown, from top to bottom, with their heights above the middle."""
    if size <= MOST_SHOWN:
        return {i: (size - 1) / 2 - i for i in range(size)}
    return {**{i: 6.5 - i for i in range(6)}, **{size - 6 + i: -1.5 - i for i in range(6)}}


def network_of(model: Any) -> tuple[list[int], list[Any], list[Any]]:
    """The size of each layer, inputs first; the weights between them, ``[out][in]``, or None; and their layers."""
    layers = list(model) if is_list_like(model) else [model]
    if len(layers) > 1 and all(hasattr(size, "__index__") for size in layers):
        if min(layers) < 1:
            raise ValueError(f"plot_neurons takes layers of at least one neuron, got sizes {layers}")
        return [int(size) for size in layers], [None] * (len(layers) - 1), []
    weighted = list(_weighted(layers))
    weights = [_weights(layer) for layer in weighted]
    if not weights:
        raise TypeError(
            f"plot_neurons takes an MLP, or the sizes of at least two layers, got {brief(model)}; write [2, 16, 16, 1]"
        )
    for before, after in pairwise(weights):
        if len(before) != len(after[0]):
            raise ValueError(
                f"plot_neurons takes layers that follow one another, but one gives {len(before)} numbers and the next "
                f"takes {len(after[0])}; for a picture without weights write the sizes, [2, 16, 16, 1]"
            )
    return [len(weights[0][0]), *map(len, weights)], weights, weighted


def _weighted(model: Any) -> Iterator[Any]:
    """The layers with weights, in order, including those inside other layers."""
    if _weights(model):
        yield model
    elif is_list_like(model):
        for part in model:
            yield from _weighted(part)
    elif hasattr(model, "layers"):
        yield from _weighted(list(model.layers))
    elif hasattr(model, "named_modules"):
        yield from _weighted([part for part in vars(model).values() if hasattr(part, "named_modules")])


def weight_rows(layer: Any) -> Sequence[Sequence[Any]]:
    """The weights of a layer, ``[out][in]``, as they are stored; empty if it has none itself."""
    rows = getattr(layer, "weight", None)
    rows = [neuron.w for neuron in getattr(layer, "neurons", ())] if rows is None else rows
    return rows if is_list_like(rows) and all(map(is_list_like, rows)) else ()


def _weights(layer: Any) -> list[list[float]]:
    return [numbers(row) for row in weight_rows(layer)]


def _by_layer(given: Mapping[str, Sequence[Any]], model: Any, weighted: Sequence[Any]) -> list[Sequence[Any]]:
    """For each layer with weights, the last contributions before the next one: its own, or those of its activation."""
    if not hasattr(model, "named_modules"):
        return list(given.values())
    firsts = {name for name, module in model.named_modules() if any(module is layer for layer in weighted)}
    layers: list[Sequence[Any]] = []
    for name, each in given.items():
        if name in firsts:
            layers.append(each)
        elif layers:
            layers[-1] = each
    return layers


def _contributions(given: Sequence[Any], sizes: list[int]) -> list[list[float] | None]:
    """A list of numbers for each layer, inputs first; None for inputs that have none."""
    layers = [None if each is None else numbers(each) for each in given]
    if len(layers) == len(sizes) - 1:
        layers = [None, *layers]
    if len(layers) != len(sizes):
        raise ValueError(
            f"plot_neurons takes a list of contributions for each of {len(sizes)} layers, or for all but the inputs, "
            f"got {len(layers)}"
        )
    for i, (each, size) in enumerate(zip(layers, sizes)):
        if each is not None and len(each) != size:
            raise ValueError(f"plot_neurons takes {size} contributions for layer {i} of {sizes}, got {len(each)}")
    return layers
