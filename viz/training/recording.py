"""What is recorded of a training run: at each step the loss, the weights, their gradients, and the outputs to draw."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import hypot, isfinite, sqrt
from statistics import median_low
from typing import TYPE_CHECKING, Any

from engine import TraceError, Value, no_grad
from engine.compiler.api import compile
from engine.compiler.trace import machine_is_available
from engine.utils.collector import collector_paused
from engine.utils.nested import is_list_like
from viz.plots.boundary import class_indices, class_scores, numbers
from viz.plots.neurons import network_of, shown_neurons, weight_rows

if TYPE_CHECKING:
    from nn import DataLoader, Module, Optimizer

# How much is recorded: enough for smooth pictures, and little enough for a page of 2 MB. In plain Python, where each
# point takes a tenth of a millisecond and more, it is less.
MOST_FRAMES, MOST_FRAMES_PLAIN = 200, 40
GRID, GRID_PLAIN = 40, 20  # points in each direction, for a single score
CURVE_POINTS = 121
MOST_COUNTED = 500  # examples on which right answers are counted


@dataclass
class View:
    """Where the outputs are drawn, over one input or two, and the examples.

    Attributes:
        kind: "classes", the regions of two inputs; "surface", a number over two inputs; "curve", a number over one.
        across: the range of the first input.
        up: the range of the second one; for a curve that of the targets, with some room.
        shape: how many numbers a frame has: planes (one for each score), rows, columns.
        points: the inputs of each example, and its target: a number, or the index of its class.
        labels: the classes.
    """

    kind: str
    across: tuple[float, float]
    up: tuple[float, float]
    shape: tuple[int, int, int]
    points: list[tuple[float, ...]]
    labels: list[str]

    def places(self) -> list[list[float]]:
        """The inputs at which the outputs are measured, row by row from below."""
        _, rows, columns = self.shape
        xs = _spaced(*self.across, columns)
        return [[x] for x in xs] if self.kind == "curve" else [[x, y] for y in _spaced(*self.up, rows) for x in xs]


@dataclass
class Frame:
    """The state after a number of steps.

    Attributes:
        step: how many steps have been taken.
        weights: those of the connections, in the order of `Network.edges`.
        gradients: their gradients, for the mini-batch of the next step.
        norm: the norm of the whole gradient.
        outputs: the view's numbers, plane by plane.
        right: how many of the examples are classified correctly; None where there are no classes.
    """

    step: int
    weights: "array[float]"
    gradients: "array[float]"
    norm: float
    outputs: "array[float]"
    right: int | None


@dataclass
class Network:
    """The neurons that are drawn, layer by layer with their heights, and the connections ``(layer, from, to)``."""

    sizes: list[int]
    columns: list[dict[int, float]]
    edges: list[tuple[int, int, int]]


@dataclass
class Run:
    """A recorded training run.

    Attributes:
        name: what the picture calls it.
        steps: how many steps were planned.
        losses: the loss before each step, and in the end that after the last one.
        counted: on how many examples `Frame.right` is counted.
        diverged: the step at which the loss was no longer finite, if there was one. There the run ends.
    """

    name: str
    steps: int
    view: View | None
    network: Network | None
    counted: int = 0
    losses: list[float] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    diverged: int | None = None


def largest_loss(runs: Sequence[Run]) -> float:
    """The largest loss that is drawn: of a training run that diverges, the curve ends at the edge of the picture."""
    return 1000 * max(abs(run.losses[0]) if isfinite(run.losses[0]) else 0.0 for run in runs) or 1.0


def full_strength(runs: Sequence[Run], kind: str) -> float:
    """The weight, or the gradient, that is drawn at full strength: the largest of a run; of several runs, the median.

    It is one for all runs, so that the same network looks the same in each, and next to one that diverges too.
    """
    sizes = [[abs(x) for frame in run.frames for x in getattr(frame, kind) if isfinite(x)] for run in runs]
    largest: float = median_low(max(each, default=0.0) for each in sizes)
    return largest or 1.0


def record(
    name: str,
    model: "Module",
    loader: "DataLoader",
    loss: Callable[[Any, Any], Value],
    optimizer: "Optimizer",
    steps: int,
    compiled: bool | str,
    progress: bool,
) -> Run:
    """Train for a number of steps, each on a new mini-batch, and record them."""
    from nn.training.arguments import labels_of
    from nn.training.objective import Objective
    from nn.training.progress import Progress
    from nn.training.surroundings import (
        Snapshot,
        batches_forever,
        divergence_expected,
        preserve_training_mode,
    )

    fast = compiled is not False and machine_is_available()
    objective = Objective(model, loss, compiled, labels_of(loader))
    count = min(steps, MOST_FRAMES if fast else MOST_FRAMES_PLAIN)
    due = {round(i * steps / count) for i in range(count + 1)}
    batches = batches_forever(loader)
    with (
        preserve_training_mode(model) as train,
        collector_paused(),
        divergence_expected(),
        Progress(progress, 1, 0, steps + 1, name) as bar,
    ):
        train(False)
        camera = _Camera(model, loader, fast)
        run = Run(name, steps, camera.view, camera.network, len(camera.classes))
        for step in range(steps + 1):
            train(False)
            frame = camera.frame(step) if step in due else None
            train(True)
            snapshot = Snapshot(model, [optimizer], loader) if step == steps else None
            if snapshot is None:
                run.losses.append(objective.minimize(optimizer, *next(batches)))
            else:  # no step is left, and the last frame is to show the end
                value = objective(*next(batches))
                optimizer.zero_grad()
                value.backward()
                run.losses.append(value.data)
            if frame is not None:
                frame.gradients = array("f", map(_gradient, camera.connections))
                frame.norm = hypot(*map(_gradient, optimizer.parameters))
                run.frames.append(frame)
            if snapshot is not None:
                snapshot.restore()
            bar.batch()
            if not isfinite(run.losses[-1]):
                run.diverged = step
                break
    return run


class _Camera:
    """Takes the frames: which outputs, and which weights."""

    def __init__(self, model: "Module", loader: "DataLoader", fast: bool) -> None:
        from nn.training.objective import listed

        self._model, self._compiled = model, compile(model) if fast else None
        X, y = listed(loader.X), [*map(_unwrapped, listed(loader.y))]
        self._lone = not is_list_like(X[0])  # an example is a number, and not a list of one
        rows = [numbers(x) for x in X]
        scores = len(numbers(self._outputs([rows[0]])[0]))
        labels = None if any(map(is_list_like, y)) else sorted(set(y))
        indices = _class_indices(labels, scores)
        self.classes = [indices[label] for label in y[:MOST_COUNTED]] if indices else []
        self._examples = rows[: len(self.classes)]
        self.view = _view(rows, y, scores, indices, fast) if labels is not None else None
        self.network, self.connections = _network(model)

    def frame(self, step: int) -> Frame:
        """The outputs and the weights as they are now; the gradients are still to come."""
        places = self.view.places() if self.view is not None else []
        outputs = [*map(numbers, self._outputs(places + self._examples))]
        answers = [class_scores(each) for each in outputs[len(places) :]]
        right = sum(max(each) == each[i] for each, i in zip(answers, self.classes)) if self.classes else None
        planes = range(self.view.shape[0] if self.view is not None else 0)
        scores = array("f", [each[plane] for plane in planes for each in outputs[: len(places)]])
        return Frame(step, array("f", [w.data for w in self.connections]), array("f"), 0.0, scores, right)

    def _outputs(self, rows: list[list[float]]) -> Sequence[Any]:
        """The outputs for many inputs; as machine code, if the model can be compiled."""
        examples = [x for (x,) in rows] if self._lone else rows
        with no_grad():
            if self._compiled is not None and examples:
                try:
                    each: Sequence[Any] = self._compiled.map(examples)
                    return each
                except (TraceError, TypeError):
                    self._compiled = None
            return [self._model(x) for x in examples]


def _gradient(parameter: Value) -> float:
    return float(parameter.grad) if parameter.has_grad else 0.0


def _unwrapped(target: Any) -> Any:
    return target[0] if is_list_like(target) and len(target) == 1 else target


def _spaced(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def span(numbers: Sequence[float], room: float) -> tuple[float, float]:
    """From the smallest to the largest, with room on both sides: that share of the span."""
    low, high = min(numbers), max(numbers)
    if low == high:
        return low - 1.0, high + 1.0
    return low - room * (high - low), high + room * (high - low)


def _class_indices(labels: list[Any] | None, scores: int) -> dict[Any, int]:
    """The index of the score for each label; empty if the targets are not classes."""
    if labels is None or (len(labels) != 2 if scores == 1 else not all(label in range(scores) for label in labels)):
        return {}
    return class_indices(labels, max(2, scores))


def _view(rows: list[list[float]], y: list[Any], scores: int, indices: dict[Any, int], fast: bool) -> View | None:
    """The view of a network with this many inputs and outputs; None if there are too many to draw."""
    inputs, side = len(rows[0]), GRID if fast else GRID_PLAIN
    if inputs == 1 and scores == 1:
        targets = [float(target) for target in y]
        points = [(*x, target) for x, target in zip(rows, targets)]
        across = span([x for x, _ in points], 0.1)
        return View("curve", across, span(targets, 0.3), (1, 1, CURVE_POINTS), points, [])
    if inputs != 2 or (scores > 1 and not indices):
        return None
    across, up = (span([x[i] for x in rows], 0.15) for i in range(2))
    if not indices:
        points = [(*x, float(target)) for x, target in zip(rows, y)]
        return View("surface", across, up, (1, side, side), points, [])
    side = int(side * sqrt(2 / scores)) if scores > 1 else side  # as many numbers in all
    points = [(*x, float(indices[target])) for x, target in zip(rows, y)]
    names = {i: str(label) for label, i in indices.items()}
    labels = [names.get(i, str(i)) for i in range(max(2, scores))]
    return View("classes", across, up, (scores, side, side), points, labels)


def _network(model: Any) -> tuple[Network | None, list[Value]]:
    """The neurons and connections to draw, and the weights of these connections; None if the layers are not dense."""
    try:
        sizes, _, layers = network_of(model)
    except (TypeError, ValueError):
        return None, []
    columns = [shown_neurons(size) for size in sizes]
    edges = [(layer, i, j) for layer, (before, after) in enumerate(pairwise(columns)) for j in after for i in before]
    weights = [weight_rows(layer) for layer in layers]
    connections = [weights[layer][j][i] for layer, i, j in edges]
    if not all(isinstance(weight, Value) for weight in connections):
        return None, []
    return Network(sizes, columns, edges), connections
