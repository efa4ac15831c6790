"""The picture of the neurons: each in its place, in the colour of its contribution, and all that is written legible."""

import random
from itertools import combinations, pairwise
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.text import Annotation

from engine import Value
from nn import MLP, Dropout, Linear, Module, Sequential, Tanh, error_contributions, mse_loss
from viz import plot_neurons
from viz.plots.boundary import COLOURS


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def contributions(*sizes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(size).tolist() for size in sizes]


def columns(ax):
    return [c for c in ax.collections if isinstance(c, PathCollection)]


def lines(ax):
    return [c for c in ax.collections if isinstance(c, LineCollection)]


def headings(ax):
    return [text.get_text().replace("\n", " ") for text in ax.texts if "\n" in text.get_text()]


def names(ax):
    return [text.get_text() for text in ax.texts if isinstance(text, Annotation)]


def in_circles(ax):
    return [t.get_text() for t in ax.texts if "\n" not in t.get_text() and not isinstance(t, Annotation)]


def assert_all_is_apart(ax):
    """Circles do not touch, words do not touch each other, and each number lies in its circle."""
    ax.figure.draw_without_rendering()
    points = 72 / ax.figure.dpi
    circles = []
    for column in columns(ax):
        radius = (np.sqrt(column.get_sizes()[0]) / 2 + 0.75) / points
        centres = ax.transData.transform(column.get_offsets())
        circles += [(x, y, radius) for x, y in centres]
    for (x, y, r), (u, v, s) in combinations(circles, 2):
        assert np.hypot(x - u, y - v) > r + s
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    whole = ax.get_window_extent()
    for x, y, r in circles:
        assert whole.x0 <= x - r
        assert x + r <= whole.x1
        assert y + r <= whole.y1
    for text, box in zip(ax.texts, boxes):
        assert whole.x0 - 1 <= box.x0
        assert box.x1 <= whole.x1 + 1
        assert box.y0 >= whole.y0 - 1
        inside = [np.hypot((box.x0 + box.x1) / 2 - x, (box.y0 + box.y1) / 2 - y) < r for x, y, r in circles]
        if "\n" in text.get_text() or isinstance(text, Annotation):
            assert not any(box.x0 < x < box.x1 and box.y0 < y + r and y - r < box.y1 for x, y, r in circles)
        else:
            assert any(inside)
            x, y, r = circles[inside.index(True)]
            assert box.width < 2 * r


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("sizes", [(2, 3, 1), (2, 16, 16, 1), (784, 128, 20, 10)])
def test_layers_are_columns_of_circles(sizes, style):
    with plt.style.context(style):
        ax = plot_neurons(list(sizes), contributions(*sizes[1:]))
    shown = [len(column.get_offsets()) for column in columns(ax)]
    assert shown == [size if size <= 20 else 12 for size in sizes]
    for x, column in enumerate(columns(ax)):
        assert set(column.get_offsets()[:, 0]) == {x}
        assert sum(column.get_offsets()[:, 1]) == pytest.approx(0)
    names = ["input", *["neuron"] * (len(sizes) - 2), "output"]
    assert headings(ax) == [f"{size} {name}{'s' * (size > 1)}" for size, name in zip(sizes, names)]
    assert [len(c.get_segments()) for c in lines(ax)] == [a * b for a, b in pairwise(shown)]
    assert_all_is_apart(ax)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (2, 16, 16, 1), (784, 128, 20, 10)])
def test_the_inputs_have_names(sizes):
    ax = plot_neurons(sizes, contributions(*sizes[1:]))
    shown = range(sizes[0]) if sizes[0] == 2 else [*range(6), *range(778, 784)]
    subscripts = dict(zip("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    assert names(ax) == ["x" + "".join(subscripts[digit] for digit in str(i + 1)) for i in shown]
    own = [f"quantity number {i}" for i in range(sizes[0])]
    ax = plot_neurons(sizes, contributions(*sizes[1:]), names=own)
    assert names(ax) == [own[i] for i in shown]
    assert_all_is_apart(ax)
    assert plot_neurons([1, 1], [[0.5]], names=["x"]).texts[1].get_text() == "x"


def test_names_of_inputs_are_checked():
    with pytest.raises(ValueError, match="takes a name for each of 2 inputs, got 1"):
        plot_neurons([2, 1], [[0.5]], names=["x"])
    with pytest.raises(TypeError, match="takes a list of names, one for each input, got the text 'xy'"):
        plot_neurons([2, 1], [[0.5]], names="xy")


def test_of_a_wide_layer_the_first_and_the_last_are_shown():
    each = [float(i - 50) for i in range(100)]
    ax = plot_neurons([1, 100, 1], [each, [0.0]])
    fills = columns(ax)[1].get_facecolor()
    shades = ax.figure.axes[1]._colorbar.mappable
    assert fills == pytest.approx(shades.to_rgba(each[:6] + each[-6:]), abs=1e-6)
    assert len(ax.lines) == 1  # three dots
    ys = columns(ax)[1].get_offsets()[:, 1]
    assert (np.diff(ys) < 0).all()
    assert (abs(ax.lines[0].get_ydata()) < 0.8).all()


def test_colours_say_the_sign_and_the_size():
    ax = plot_neurons([5, 1], [[-2.0, -1.0, 0.0, 1.0, 2.0], [Value(0.5)]])
    fills = [mpl.colors.to_hex(fill) for fill in columns(ax)[0].get_facecolor()]
    assert (fills[0], fills[2], fills[4]) == (COLOURS[0], "#ffffff", COLOURS[5])
    distances = [1 - min(mpl.colors.to_rgb(fill)) for fill in fills]
    assert distances[0] > distances[1] > distances[2] < distances[3] < distances[4]
    bar = ax.figure.axes[1]
    assert bar.get_ylim() == (-2, 2)
    assert bar.get_ylabel() == "∂loss/∂activation"


def test_numbers_stand_in_circles_with_room_and_signs_in_small_ones():
    ax = plot_neurons([3, 1], [[-0.0123, 0.5, 0.0], [1.0]])
    assert in_circles(ax) == ["−0.012", "+0.5", "0", "+1"]
    given = contributions(16, 16)
    ax = plot_neurons([16, 16], given)
    signs = in_circles(ax)
    assert signs == ["+" if c > 0 else "−" for each in given for c in each]


@pytest.mark.parametrize(
    ("model", "last"),
    [
        (MLP(2, [3, 1], rng=random.Random(0)), ["layers.0", "layers.1"]),
        (Sequential(Linear(2, 3), Tanh(), Dropout(0.5), Linear(3, 1), Tanh()), ["2", "4"]),
        (Sequential(Dropout(0.5), Linear(2, 3), Linear(3, 1)), ["1", "2"]),
    ],
)
def test_what_error_contributions_gives_is_taken_as_it_is(model, last):
    given = error_contributions(model, mse_loss, [[0.0, 1.0], [1.0, 2.0]], [1.0, -1.0])
    ax = plot_neurons(model, given)
    assert [t.get_text() for t in ax.texts] == [
        t.get_text() for t in plot_neurons(model, [given[n] for n in last]).texts
    ]
    assert len(columns(ax)) == 3
    plot_neurons([2, 3, 1], {"hidden": [1.0, 2.0, 3.0], "out": [4.0]})
    with pytest.raises(ValueError, match="for each of 3 layers, or for all but the inputs, got 0"):
        plot_neurons(model, {"another": [1.0]})


class Halves(Module):
    def __init__(self):
        self.hidden, self.tail = Sequential(Linear(2, 3), Tanh()), MLP(3, [2, 1])

    def forward(self, x):
        return self.tail(self.hidden(x))


@pytest.mark.parametrize(
    ("model", "last"),
    [
        (Sequential(MLP(2, [3, 2]), Tanh(), Linear(2, 1)), ["0.layers.0", "1", "2"]),
        (Sequential(Sequential(Linear(2, 3), Tanh()), Sequential(Linear(3, 2)), Linear(2, 1)), ["0.1", "1.0", "2"]),
        (Halves(), ["hidden.1", "tail.layers.0", "tail.layers.1"]),
    ],
    ids=["MLP", "Sequential", "Module"],
)
def test_layers_within_others_are_drawn_too(model, last):
    given = error_contributions(model, mse_loss, [[0.0, 1.0], [1.0, 2.0]], [1.0, -1.0])
    ax = plot_neurons(model, given)
    assert headings(ax) == ["2 inputs", "3 neurons", "2 neurons", "1 output"]
    expected = plot_neurons([2, 3, 2, 1], [given[name] for name in last])
    assert [t.get_text() for t in ax.texts] == [t.get_text() for t in expected.texts]


def test_layers_that_do_not_follow_one_another_are_refused():
    with pytest.raises(
        ValueError, match=r"one gives 3 numbers and the next takes 2; .* write the sizes, \[2, 16, 16, 1"
    ):
        plot_neurons(Sequential(Linear(2, 3), Linear(2, 1)), contributions(3, 1))


def test_inputs_without_contributions_are_empty():
    for given in ([[1.0], [2.0]], [None, [1.0], [2.0]]):
        ax = plot_neurons([2, 1, 1], given)
        assert [mpl.colors.to_hex(c) for c in columns(ax)[0].get_facecolor()] == ["#ffffff"] * 2
        assert in_circles(ax) == ["+1", "+2"]


def test_contributions_that_are_not_finite_are_told():
    ax = plot_neurons([2, 1], [[np.nan, -np.inf], [1.0]])
    assert in_circles(ax) == ["+nan", "−inf", "+1"]
    assert plot_neurons([1, 1], [[0.0], [0.0]]).figure.axes[1].get_ylim() == (-1, 1)


def test_lines_are_weights():
    model = MLP(2, [2, 1], rng=random.Random(0))
    for neuron, weights in zip(model.layers[0].neurons, [(1.0, -4.0), (0.0, 2.0)]):
        for parameter, weight in zip(neuron.w, weights):
            parameter.data = weight
    ax = plot_neurons(model, contributions(2, 1))
    first = lines(ax)[0]
    ends = [tuple(map(tuple, segment)) for segment in first.get_segments()]
    top, bottom = 0.5, -0.5
    expected = {
        ((0, top), (1, top)): 1.0,
        ((0, bottom), (1, top)): -4.0,
        ((0, top), (1, bottom)): 0.0,
        ((0, bottom), (1, bottom)): 2.0,
    }
    assert set(ends) == set(expected)
    weights = np.array([expected[end] for end in ends])
    order = np.argsort(np.abs(weights))
    assert (np.diff(np.array(first.get_linewidths())[order]) > 0).all()
    assert (np.diff(np.array(first.get_alpha())[order]) > 0).all()
    dashed = [dashes is not None for _, dashes in first.get_linestyles()]
    assert dashed == (weights < 0).tolist()


def test_any_layers_of_weights_will_do():
    linear = SimpleNamespace(weight=[[Value(1.0), 2.0, 3.0], [4.0, 5.0, 6.0]])
    tail = SimpleNamespace(weight=np.ones((1, 2)))
    ax = plot_neurons([linear, SimpleNamespace(), tail], contributions(2, 1))
    assert headings(ax) == ["3 inputs", "2 neurons", "1 output"]


def test_they_are_drawn_on_given_axes():
    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5))
    assert plot_neurons([2, 4, 4, 1], contributions(4, 4, 1), left) is left
    assert plot_neurons([2, 4, 4, 1], contributions(4, 4, 1), right) is right
    assert_all_is_apart(right)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"takes an MLP, or the sizes of at least two layers, got 3; write \[2, 16"):
        plot_neurons(3, [])
    with pytest.raises(TypeError, match=r"at least two layers, got \[3\]"):
        plot_neurons([3], [[1.0]])
    with pytest.raises(ValueError, match="for each of 3 layers, or for all but the inputs, got 1"):
        plot_neurons([2, 3, 1], [[1.0]])
    with pytest.raises(ValueError, match=r"takes 3 contributions for layer 1 of \[2, 3, 1\], got 2"):
        plot_neurons([2, 3, 1], [[1.0, 2.0], [1.0]])
    with pytest.raises(ValueError, match=r"at least one neuron, got sizes \[2, 0, 1\]"):
        plot_neurons([2, 0, 1], [[], [1.0]])
