"""The plots show what they are given, on the axes they are given."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from engine import Value
from viz import plot_decision_boundary, plot_loss
from viz.plots import COLOURS

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


def test_new_axes_are_made_when_none_are_given():
    axes = plot_loss([1.0, 0.5])
    assert axes.get_xlabel() == "step"
    plt.close(axes.figure)


def test_rows_of_other_sizes_are_refused(ax):
    with pytest.raises(ValueError, match=r"rows of two numbers, got an array of shape \(1, 3\)"):
        plot_decision_boundary(None, [[1, 2, 3]], [1], ax=ax)
    with pytest.raises(ValueError, match="a label for each row, got 4 and 1"):
        plot_decision_boundary(None, ROWS, [1], ax=ax)


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
    with pytest.raises(ValueError, match=r"tells 2 classes apart, which no labels \[0, 1, 2\] stand for"):
        plot_decision_boundary(lambda row: Value(row[0]), ROWS, [0, 1, 2, 1], ax=ax, steps=5)


def test_more_curves_than_colours_are_all_drawn(ax):
    plot_loss({str(i): [1.0, 2.0] for i in range(8)}, ax=ax)
    assert len(ax.lines) == 8
