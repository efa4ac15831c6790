"""The plots show what they are given, on the axes they are given."""

import math
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.contour import QuadContourSet

from engine import Rule, Value, compile
from engine.compiler import trace
from viz import plot_decision_boundary, plot_loss
from viz.plots.boundary import COLOURS, readable, spread

ROWS, LABELS = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [0.5, 3.0]], [-1, 1, 1, -1]


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_the_boundary_is_where_the_score_is_zero(ax):
    assert plot_decision_boundary(lambda row: Value(row[0]) - 0.75, ROWS, LABELS, ax=ax) is ax
    outlines = [path.vertices for collection in ax.collections for path in collection.get_paths()]
    lines = [line for line in outlines if len(line) and np.allclose(line[:, 0], 0.75, atol=1e-9)]
    assert lines
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class -1", "class 1"]


def test_few_points_are_large_for_the_last_row():
    def size(rows):
        figure, axes = plt.subplots()
        plot_decision_boundary(lambda row: Value(row[0]) - 0.75, rows, [-1, 1] * (len(rows) // 2), ax=axes, steps=5)
        plt.close(figure)
        return axes.collections[-1].get_sizes()[0]

    assert size(ROWS) > 1.5 * size(ROWS * 10)


def test_several_scores_are_several_classes(ax):
    plot_decision_boundary(lambda row: [Value(-row[0]), Value(row[0]), Value(row[1])], ROWS, [0, 1, 2, 1], ax=ax)
    assert len(ax.get_legend().get_texts()) == 3


def test_asking_a_network_records_no_graph(ax):
    seen = []

    def model(row):
        seen.append(Value(row[0]) * 2)
        return seen[-1]

    plot_decision_boundary(model, ROWS, LABELS, ax=ax, steps=3)
    assert all(score.parents == () for score in seen)


def test_losses_may_be_numbers_values_or_several_curves(ax):
    assert plot_loss([3.0, Value(2.0), 1], ax=ax) is ax
    assert ax.lines[0].get_ydata().tolist() == [3.0, 2.0, 1.0]
    plot_loss({"train": [1.0], "test": [2.0]}, ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "test"]


def test_the_names_of_curves_stand_beside_the_axes_where_there_is_room():
    curves = {f"rate {i}": [1.0, 0.5 * i, 0.0] for i in range(6)}
    shown = plot_loss(curves)
    shown.figure.draw_without_rendering()
    names, room = shown.get_legend().get_window_extent(), shown.figure.bbox
    assert shown.get_window_extent().x1 <= names.x0
    assert names.x1 <= room.x1
    assert shown.get_window_extent().width > 0.5 * room.width
    moved = plot_loss(curves, ax=shown).legend(loc="upper left", bbox_to_anchor=(1, 1))  # wherever one likes
    assert shown.get_legend() is moved
    figure, (left, right) = plt.subplots(1, 2)  # nothing makes room here: beside it is the next plot
    plot_loss(curves, ax=left)
    figure.draw_without_rendering()
    assert left.get_legend().get_window_extent().x1 <= right.get_window_extent().x0
    plt.close("all")


def test_new_axes_are_made_when_none_are_given():
    axes = plot_loss([1.0, 0.5])
    assert axes.get_xlabel() == "step"
    plt.close(axes.figure)


def test_rows_of_other_sizes_are_refused(ax):
    with pytest.raises(ValueError, match=r"rows of two numbers, got an array of shape \(1, 3\)"):
        plot_decision_boundary(len, [[1, 2, 3]], [1], ax=ax)
    with pytest.raises(ValueError, match="a label for each row, got 4 and 1"):
        plot_decision_boundary(len, ROWS, [1], ax=ax)


def test_without_matplotlib_the_message_says_how_to_get_it():
    code = "import sys; sys.modules['matplotlib'] = None; from viz import plot_loss; plot_loss([1.0])"
    error = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "ImportError: plots need matplotlib; install it with `pip install 'chalkgrad[plot]'`" in error


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 1, 1, 1], {1: 1}),
        ([0, 0, 0, 0], {0: 0}),
        ([-1, -1, -1, -1], {-1: 0}),
        (["no", "yes"] * 2, {"no": 0, "yes": 1}),
    ],
)
def test_points_have_the_colour_of_the_region_of_their_class(ax, labels, expected):
    plot_decision_boundary(lambda row: Value(row[0]) - 0.75, ROWS, labels, ax=ax, steps=5)
    points = {
        c.get_label(): mpl.colors.to_hex(c.get_facecolor()[0]) for c in ax.collections if "class" in c.get_label()
    }
    assert points == {f"class {label}": COLOURS[i] for label, i in expected.items()}


def test_a_class_without_examples_leaves_the_others_their_colours(ax):
    plot_decision_boundary(lambda row: (row[0], row[1], -row[0]), ROWS, np.array([[0], [2], [2], [0]]), ax=ax, steps=5)
    points = {
        c.get_label(): mpl.colors.to_hex(c.get_facecolor()[0]) for c in ax.collections if "class" in c.get_label()
    }
    assert points == {"class 0": COLOURS[0], "class 2": COLOURS[2]}


def test_labels_that_stand_for_no_class_are_refused(ax):
    with pytest.raises(ValueError, match=r"has 2 classes, and the labels \[0, 1, 2\] do not say which is which"):
        plot_decision_boundary(lambda row: Value(row[0]), ROWS, [0, 1, 2, 1], ax=ax, steps=5)


def test_more_curves_than_colours_are_all_drawn(ax):
    plot_loss({str(i): [1.0, 2.0] for i in range(8)}, ax=ax)
    assert len(ax.lines) == 8


def boundary(ax):
    """Where the line between two classes runs, as sorted x coordinates."""
    paths = [path.vertices for collection in ax.collections for path in collection.get_paths()]
    return [x for path in paths if len(path) == 31 and np.ptp(path[:, 0]) < 1e-9 for x in path[:1, 0]]


def asks_for_floats(row):
    return math.sin(float(row[0]) - 0.75)


MODELS = {
    "one score": lambda row: Value(row[0]) - 0.75,
    "a list of one": lambda row: [row[0] - 0.75],
    "two scores": lambda row: [0.75 - row[0], row[0] - 0.75],
    "floats": asks_for_floats,
    "compiled": compile(lambda row: row[0] - 0.75),
    "compiled, two scores": compile(lambda row: [0.75 - row[0], row[0] - 0.75]),
    "NumPy": lambda row: np.dot([1.0, 0.0], np.asarray(row, dtype=float)) - 0.75,
}


@pytest.mark.parametrize("name", MODELS)
def test_every_form_of_model_draws_the_same_boundary(ax, name):
    plot_decision_boundary(MODELS[name], ROWS, LABELS, ax=ax, steps=31)
    found = boundary(ax)
    assert found
    assert found == pytest.approx([0.75] * len(found), abs=1e-3)


class Switching:
    """A module with train and eval modes, of two parts, one of which is in eval mode all along."""

    def __init__(self):
        self.parts = [self, SimpleNamespace(training=False)]
        self.training, self.seen = True, []

    def modules(self):
        return iter(self.parts)

    def train(self):
        for part in self.parts:
            part.training = True
        return self

    def eval(self):
        for part in self.parts:
            part.training = False
        return self

    def __call__(self, row):
        self.seen.append([part.training for part in self.parts])
        return row[0] - 0.75


def test_a_module_is_asked_in_eval_mode_and_is_as_before_afterwards(ax):
    model = Switching()
    plot_decision_boundary(model, ROWS, LABELS, ax=ax, steps=3)
    plot_decision_boundary(compile(model), ROWS, LABELS, ax=ax, steps=3)
    assert model.seen
    assert all(modes == [False, False] for modes in model.seen)
    assert [part.training for part in model.parts] == [True, False]
    model.parts.append(SimpleNamespace(training=True))
    model.seen = None  # the call fails
    with pytest.raises(AttributeError):
        plot_decision_boundary(model, ROWS, LABELS, ax=ax, steps=3)
    assert [part.training for part in model.parts] == [True, False, True]


def test_a_slow_model_is_asked_as_machine_code_where_numba_is(ax, monkeypatch):
    pytest.importorskip("numba")
    calls = []

    def model(row):
        calls.append(row)
        return row[0] - 0.75

    plot_decision_boundary(model, ROWS, LABELS, ax=ax, steps=20)
    assert len(calls) == 400  # a class does not wait for machine code where it would not pay
    calls.clear()
    monkeypatch.setattr("viz.plots.boundary.PATIENCE", 0.0)
    plot_decision_boundary(model, ROWS, LABELS, ax=ax, steps=20)
    assert 20 < len(calls) < 30
    calls.clear()
    monkeypatch.setattr("viz.plots.boundary.machine_is_available", lambda: False)
    plot_decision_boundary(model, ROWS, LABELS, ax=ax, steps=20)
    assert len(calls) == 400


def test_plain_python_is_no_reason_to_warn(ax, monkeypatch):
    strange = Rule("strange", lambda x: x + len(f"{x}") * 0, lambda z, x: (1.0,))
    plot_decision_boundary(lambda row: strange(row[0]) - 0.75, ROWS, LABELS, ax=ax, steps=31)
    assert boundary(ax)
    monkeypatch.setattr("engine.compiler.trace.find_spec", lambda name: None)
    trace.why_no_machine.cache_clear()
    trace._machine_or_warning.cache_clear()
    try:
        plot_decision_boundary(compile(lambda row: row[0] - 0.75), ROWS, LABELS, ax=ax, steps=31)
    finally:
        trace.why_no_machine.cache_clear()
        trace._machine_or_warning.cache_clear()


def test_ten_classes_are_all_apart(ax):
    directions = [(np.cos(t), np.sin(t)) for t in np.linspace(0, 2 * np.pi, 10, endpoint=False)]
    plot_decision_boundary(lambda row: [row[0] * c + row[1] * s for c, s in directions], directions, range(10), ax=ax)
    points = [c for c in ax.collections if "class" in str(c.get_label())]
    looks = {(mpl.colors.to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in points}
    assert len(points) == len(looks) == 10
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1  # not on the examples


def test_dark_styles_have_light_lines():
    with plt.style.context("dark_background"):
        axes = plot_decision_boundary(lambda row: row[0] - 0.75, ROWS, LABELS, steps=5)
    lines = [c for c in axes.collections if len(c.get_edgecolor()) and not len(c.get_facecolor())]
    assert {mpl.colors.to_hex(c.get_edgecolor()[0]) for c in lines} == {"#ffffff"}
    plt.close(axes.figure)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_regions_stand_out_from_their_ground(style):
    with plt.style.context(style):
        axes = plot_decision_boundary(lambda row: row[0] - 0.75, ROWS, LABELS, steps=5)
    ground = np.array(axes.get_facecolor()[:3])
    regions = [c.get_facecolor()[0] for c in axes.collections if isinstance(c, QuadContourSet) and c.filled]
    assert len(regions) == 2
    for *colour, alpha in regions:
        assert np.linalg.norm(alpha * (colour - ground)) > 0.22
    plt.close(axes.figure)


def test_labels_are_spread_as_little_as_can_be():
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(0)
    for _ in range(50):
        n, gap = int(rng.integers(1, 20)), 3.0
        wanted = np.sort(rng.uniform(0, 100, n))
        start = IsotonicRegression(y_min=5, y_max=95 - gap * (n - 1)).fit_transform(
            range(n), wanted - gap * np.arange(n)
        )
        assert spread(wanted.tolist(), gap, 5, 95) == pytest.approx((start + gap * np.arange(n)).tolist())


@pytest.mark.parametrize(("background", "expected"), [("white", "black"), ("#0072b2", "white"), ("#e69f00", "black")])
def test_what_is_written_stands_out(background, expected):
    assert readable(background) == expected
