"""The loss around the current parameters, as a curve or a map, with the path of the optimizer."""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, cycle
from math import hypot, isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

from engine import Value
from engine.modes import switched
from engine.utils.arguments import check_count, check_several
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from viz.plots.boundary import COLOURS, MARKERS, axes, dress, is_dark, numbers, with_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_loss_surface(
    loss: Callable[[], Any],
    parameters: Any,
    path: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None,
    ax: "Axes | None" = None,
    directions: Sequence[Any] | None = None,
    span: float = 1.0,
    steps: int = 41,
) -> "Axes":
    """The loss around the current parameters: a curve over one parameter or direction, a map over two.

    One or two parameters are the axes themselves. For more, the map shows the plane that fits the path best, spanned by
    its first two principal components, or, without a path, two `random_directions`. The bands of a map have equal area,
    so that they show the shape whatever the numbers are. The parameters always get their original numbers back.

    Args:
        loss: a function without arguments that returns the loss for the parameters' current numbers, as a Value or a
            number; it is called once for each point of a curve or a map.
        parameters: the Values to change, or a module.
        path: snapshots of the numbers of all parameters, each like ``[p.data for p in parameters]``; or a dictionary
            from names to several such paths.
        ax: the axes to draw on; new ones if None.
        directions: one or two lists with a number for each parameter.
        span: the distance from the current parameters to each side, in units of the directions; further if the path is.
        steps: the number of points in each direction.

    Raises:
        TypeError: if `loss` is not a function that returns a number, or a parameter is not a Value that can be set.
        ValueError: if there are no parameters, a direction or a snapshot does not have a number for each of them, or
            `span` or `steps` is too small; or if `loss` returns a Value that it has not recomputed.
        ImportError: if matplotlib is not installed.

    Source: H. Li et al., 2018, https://arxiv.org/abs/1712.09913.

    >>> a, b = Value(1.0, "a"), Value(2.0, "b")
    >>> ax = plot_loss_surface(lambda: a * a + 3 * b * b, [a, b], steps=5)
    >>> ax.get_xlabel(), ax.get_ylabel(), a.data
    ('a', 'b', 1.0)
    """
    values = _values(parameters)
    if not callable(loss):
        raise TypeError(
            f"plot_loss_surface takes a function that returns the loss, got {brief(loss, 60)}; write lambda: ..."
        )
    count = as_integer(steps)
    if count is None or count < 2 or not isinstance(span, Real) or not span > 0:
        raise ValueError(
            f"plot_loss_surface takes steps of at least 2 and a span above 0, got {brief(steps)} and {brief(span)}"
        )
    for name, given in (("path", path), ("directions", directions)):
        if given is not None and not isinstance(given, Mapping):
            check_several(f"plot_loss_surface({name}=)", given, f"{name}=[...], or leave it out")
    ax = axes(ax, (7, 5))
    import numpy as np

    centre = np.array([value.data for value in values])
    named = path if isinstance(path, Mapping) else {"path": () if path is None else path}
    paths = {
        str(name): [_checked("a snapshot of the path", each, len(values)) for each in snapshots]
        for name, snapshots in named.items()
    }
    way = np.array([snapshot for snapshots in paths.values() for snapshot in snapshots] or [centre.tolist()])
    if directions is None and len(values) <= 2:
        plane, start = np.eye(len(values)), centre  # the axes show the parameters themselves
        names = [value.label or f"parameter {i + 1}" for i, value in enumerate(values)]
    else:
        plane, names = _plane(parameters, way, directions)
        start = np.zeros(len(plane))
    seen = np.linalg.lstsq(plane.T, (way - centre).T, rcond=None)[0].T + start  # the path, projected onto the plane
    grids = [_around(middle, span, column, steps) for middle, column in zip(start.tolist(), seen.T)]
    places = np.stack(np.meshgrid(*grids), axis=-1).reshape(-1, len(plane))
    points = centre + (places - start) @ plane
    if len(plane) == 1:
        heights = _losses(loss, values, [*points.tolist(), *way.tolist()])
        ax.plot(grids[0], heights[:steps], color=COLOURS[4 if is_dark(ax) else 0], linewidth=2.5)
        ax.grid(alpha=0.3)
        ax.margins(y=0.18)
        _draw_paths(ax, seen[:, 0].tolist(), heights[steps:], paths)
        names = [*names, "loss"]
    else:
        _draw_map(ax, grids[0], grids[1], np.reshape(_losses(loss, values, points.tolist()), (steps, steps)))
        _draw_paths(ax, seen[:, 0].tolist(), seen[:, 1].tolist(), paths)
    dress(ax, *names)
    ax.locator_params(nbins=6)
    return ax


def random_directions(parameters: Any, count: int = 2, rng: Any = random) -> list[list[float]]:
    """Random directions through all parameters, scaled so that each neuron's part is as long as its weights.

    A step of 1 then means the same to a neuron with large weights as to one with small weights. Each filter of a
    convolution counts as a neuron, and so do the biases of a layer together. The weights of a neuron are recognised by
    their names in the module, or by the labels of the Values: ``n3.w0`` and ``n3.w1``, or ``weight[3][0]`` and
    ``weight[3][1]``.

    Args:
        parameters: the Values, or a module.
        count: the number of directions.
        rng: the source of randomness, `random` or a `random.Random(seed)`.

    Raises:
        TypeError: if `rng` is not a source of random numbers.

    Source: H. Li et al., 2018, https://arxiv.org/abs/1712.09913.

    >>> weights = [Value(3.0, "n0.w0"), Value(4.0, "n0.w1"), Value(0.0, "n0.b")]
    >>> [[x, y, z]] = random_directions(weights, 1)
    >>> round((x * x + y * y) ** 0.5, 9), abs(z)
    (5.0, 0.0)
    """
    if isinstance(rng, type) or not callable(getattr(rng, "gauss", None)):
        raise TypeError(f"rng must be a random.Random, got {brief(rng)}; write rng=random.Random(0)")
    check_count("count", count, 1)
    values = _values(parameters)
    named = hasattr(parameters, "named_parameters")
    names = [name for name, _ in parameters.named_parameters()] if named else [value.label for value in values]
    filters: dict[tuple[str, ...], list[int]] = {}
    for i, name in enumerate(names):
        filters.setdefault(_filter(name), []).append(i)
    directions = []
    for _ in range(count):
        direction = [rng.gauss(0.0, 1.0) for _ in values]
        for places in filters.values():
            length = hypot(*[direction[i] for i in places])
            wanted = hypot(*[values[i].data for i in places])
            for i in places:
                direction[i] *= wanted / length
        directions.append(direction)
    return directions


def _filter(name: str) -> tuple[str, ...]:
    """What the names of a neuron's or filter's weights share: all but the last index; of weight[3][1][0], the first."""
    parts = re.findall(r"\d+|[^\W\d]+", name)
    last = len(parts)
    while last and parts[last - 1].isdigit():
        last -= 1
    indices = len(parts) - last
    return tuple(parts[: last + (indices > 1)])


def _plane(parameters: Any, way: Any, directions: Sequence[Any] | None) -> tuple[Any, list[str]]:
    """One or two directions as rows, and their names."""
    import numpy as np

    count = way.shape[1]
    if directions is not None:
        plane = np.array([_checked("a direction", each, count) for each in directions])
        if len(plane) not in (1, 2) or np.linalg.matrix_rank(plane) < len(plane):
            raise ValueError(f"plot_loss_surface takes one direction, or two that are independent, got {len(plane)}")
        return plane, [f"direction {i + 1}" for i in range(len(plane))]
    if len(way) == 1:
        return np.array(random_directions(parameters)), ["random direction 1", "random direction 2"]
    _, sizes, components = np.linalg.svd(way - way.mean(axis=0), full_matrices=False)
    if sizes[1] <= 1e-12 * sizes[0]:
        raise ValueError(
            "the path lies on a straight line, which determines no plane; give a path of three snapshots or more, or "
            "directions=random_directions(parameters)"
        )
    shares = sizes**2 / (sizes**2).sum()
    return components[:2], [f"principal component {i + 1} ({shares[i]:.0%})" for i in range(2)]


def _around(middle: float, span: float, path: Any, steps: int) -> Any:
    """Points from `span` before the middle to `span` after it, or a little beyond the path if it goes further."""
    import numpy as np

    low, high = min(middle - span, *path), max(middle + span, *path)
    margin = 0.15 * (high - low)
    return np.linspace(low - margin * (low < middle - span), high + margin * (high > middle + span), steps)


def _losses(loss: Callable[[], Any], values: list[Value], points: list[list[float]]) -> list[float]:
    """The loss at each point, which may be inf or nan; the parameters are then as before, even after an error."""
    heights, before = [], None
    with _restored(values), switched(recording=False, warning=False):
        for point in with_progress(points, "computing the loss"):
            _set_data(values, point)
            result = loss()
            if isinstance(result, Value) and result.rule is not None and result is before:
                raise ValueError(
                    f"loss returned the same Value twice, {result!r}, so it was not recomputed for changed parameters; "
                    "compute it inside the function"
                )
            before = result
            try:
                heights.append(result.data if isinstance(result, Value) else float(result))
            except TypeError as error:
                raise TypeError(f"loss must return a Value or a number, got {brief(result, 60)}") from error
    return heights


@contextmanager
def _restored(values: list[Value]) -> Iterator[None]:
    """A block after which the Values have their old numbers again."""
    before = [value.data for value in values]
    try:
        yield
    finally:
        try:
            _set_data(values, before)
        finally:
            _set_data(values, before)  # again, because an interrupt may have stopped the first


def _set_data(values: list[Value], data: Iterable[float]) -> None:
    for value, number in zip(values, data):
        value.data = number


def _values(parameters: Any) -> list[Value]:
    """The parameters as a list of leaves."""
    own = getattr(parameters, "parameters", None)
    values = list(own() if callable(own) else parameters if is_list_like(parameters) else [parameters])
    if not values:
        raise ValueError("plot_loss_surface takes at least one parameter, got none; write model.parameters()")
    for value in values:
        if not isinstance(value, Value) or value.rule is not None:
            raise TypeError(
                f"plot_loss_surface takes Values that can be set, got {brief(value, 60)}; write model.parameters()"
            )
    return values


def _checked(what: str, given: Any, count: int) -> list[float]:
    each = numbers(given)
    if len(each) != count:
        raise ValueError(f"{what} must have a number for each of the {count} parameters, got {len(each)}")
    if not all(map(isfinite, each)):
        raise ValueError(f"{what} must have finite numbers, got {next(x for x in each if not isfinite(x))}")
    return each


def _draw_map(ax: "Axes", xs: Any, ys: Any, heights: Any) -> None:
    """Bands of equal area, dark where the loss is low, empty where it is not finite."""
    import matplotlib as mpl
    import numpy as np

    heights = np.ma.masked_where(~(np.abs(heights) < 1e200), heights)  # matplotlib cannot draw much larger ones
    known = heights.compressed() if heights.count() else np.zeros(1)
    bounds = np.quantile(known, np.linspace(0, 1, 14)).tolist()
    for digits in range(2, 17):  # as few digits as it takes to tell the bands apart
        levels = sorted({float(f"{bound:.{digits}g}") for bound in bounds})
        if len(levels) > 8:
            break
    if len(levels) < 2:
        around = abs(levels[0]) / 2 or 0.5
        levels = [levels[0] - around, levels[0] + around]
    norm = mpl.colors.BoundaryNorm(levels, 256, extend="both")
    bands = ax.contourf(xs, ys, heights, levels=levels, norm=norm, cmap="viridis", extend="both")
    if len(levels) > 2:
        ax.contour(xs, ys, heights, levels=levels, colors="white", linewidths=0.6, alpha=0.6)
    bar = ax.figure.colorbar(bands, ax=ax, spacing="uniform", ticks=levels[::2], format="%g")
    if abs(levels[0]) < 1e-3 * levels[1]:  # 0 for the eye, and 1.6e-05 is a puzzle
        bar.set_ticks(levels[::2], labels=["0", *(f"{level:g}" for level in levels[2::2])])
    bar.set_label("loss", fontsize="x-large")
    bar.ax.tick_params(labelsize="large")


def _draw_paths(ax: "Axes", xs: list[float], ys: list[float], paths: dict[str, list[list[float]]]) -> None:
    """One path, or several with colours and names; xs and ys hold the points of one path after the other."""
    if len(paths) < 2:
        _draw_path(ax, xs, ys, any(paths.values()))
        return
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=4, foreground="white")]
    ends = list(accumulate(map(len, paths.values()), initial=0))
    for name, start, end, colour, marker in zip(paths, ends, ends[1:], cycle(_PATH_COLOURS), cycle(MARKERS)):
        look: dict[str, Any] = {"color": colour, "markersize": 6, "markeredgecolor": "black", "linewidth": 2}
        ax.plot(xs[start:end], ys[start:end], f"{marker}-", label=name, path_effects=halo, zorder=3, **look)
    ax.legend(fontsize="large")


_PATH_COLOURS = (
    COLOURS[5],
    COLOURS[3],
    COLOURS[1],
    COLOURS[4],
    COLOURS[0],
    COLOURS[2],
)  # the most distinct from viridis first


def _draw_path(ax: "Axes", xs: list[float], ys: list[float], moves: bool) -> None:
    """The path with its start and end, or the current parameters alone."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=5, foreground="white")]
    ax.plot(xs, ys, color=COLOURS[5], linewidth=2, path_effects=halo, label="path")
    ax.plot(xs, ys, "o", color=COLOURS[5], markersize=5, markevery=max(1, len(xs) // 20))
    ends = [("start", 0, "o", 11, "bottom"), ("end", -1, "*", 20, "top")]
    for name, at, marker, size, side in ends[: len(xs)] if moves else [("now", 0, "X", 14, "bottom")]:
        look: dict[str, Any] = {"color": COLOURS[5], "markeredgecolor": "black", "zorder": 4, "clip_on": False}
        ax.plot(xs[at], ys[at], marker, markersize=size, label=name, **look)
        words: dict[str, Any] = {"fontsize": "x-large", "weight": "bold", "color": "black", "path_effects": halo}
        offset = (0, 10 if side == "bottom" else -10)
        ax.annotate(name, (xs[at], ys[at]), offset, textcoords="offset points", ha="center", va=side, **words)
