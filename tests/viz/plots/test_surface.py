"""The surface shows the loss where it says it does, and leaves the parameters alone."""

import itertools
import random
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from sklearn.decomposition import PCA

from engine import Value, compile
from nn import MLP
from viz import plot_loss_surface, random_directions
from viz.plots.boundary import COLOURS
from viz.plots.surface import _filter


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def line(ax, name):
    return next(line for line in ax.lines if line.get_label() == name)


def bowl(parameters, centre):
    return lambda: sum((i + 1) * (p - c) ** 2 for i, (p, c) in enumerate(zip(parameters, centre)))


def contour(ax):
    return next(c for c in ax.collections if isinstance(c, mpl.contour.ContourSet) and c.filled)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_one_parameter_is_a_curve_with_the_path_on_it(style):
    w = Value(1.0, "w")
    with plt.style.context(style):
        ax = plot_loss_surface(lambda: w**4 - w, [w], path=[[3.5], [2.0], [1.0]], steps=11)
    xs, ys = ax.lines[0].get_data()
    assert ys == pytest.approx(xs**4 - xs)
    assert (xs[0], xs[-1] > 3.5) == (0.0, True)
    assert line(ax, "path").get_xydata() == pytest.approx(np.array([[3.5, 3.5**4 - 3.5], [2, 14], [1, 0]]))
    assert line(ax, "start").get_xydata().tolist() == [pytest.approx([3.5, 3.5**4 - 3.5])]
    assert line(ax, "end").get_xydata().tolist() == [pytest.approx([1.0, 0.0])]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("w", "loss")
    assert_ends_are_apart(ax, ["start", "end"])


def assert_ends_are_apart(ax, expected):
    ax.figure.draw_without_rendering()
    assert [text.get_text() for text in ax.texts] == expected
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    assert all(ax.get_window_extent().y0 <= box.y0 and box.y1 <= ax.get_window_extent().y1 for box in boxes)


def test_a_lone_value_without_a_path_shows_where_it_is():
    w = Value(2.0)
    ax = plot_loss_surface(lambda: (w * w).data, w, span=0.5, steps=5)
    assert ax.lines[0].get_xdata().tolist() == [1.5, 1.75, 2.0, 2.25, 2.5]
    assert line(ax, "now").get_xydata().tolist() == [[2.0, 4.0]]
    assert (ax.get_xlabel(), [text.get_text() for text in ax.texts]) == ("parameter 1", ["now"])


@pytest.mark.parametrize("path", [[[3.0]], {"SGD": [[3.0]]}])
def test_a_path_of_one_point_is_no_way_from_a_start_to_an_end(path):
    w = Value(1.0, "w")
    ax = plot_loss_surface(lambda: w * w, [w], path, steps=5)
    assert [text.get_text() for text in ax.texts] == ["start"]
    assert line(ax, "start").get_xydata().tolist() == [[3.0, 9.0]]


def test_two_parameters_are_the_axes_of_a_map():
    a, b = Value(1.0, "a"), Value(-2.0, "b")
    seen = {}

    def loss():
        seen[a.data, b.data] = (a - 1) ** 2 + 3 * (b + 2) ** 2
        return seen[a.data, b.data]

    ax = plot_loss_surface(loss, [a, b], path=[[2.0, -1.5], [1.5, -2.5]], span=1.0, steps=9)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert sorted({x for x, _ in seen}) == pytest.approx(np.linspace(0, 2, 9))
    assert sorted({y for _, y in seen}) == pytest.approx(np.linspace(-3, -1, 9))
    assert ax.get_xlim() == pytest.approx((0, 2))
    assert line(ax, "path").get_xydata() == pytest.approx(np.array([[2.0, -1.5], [1.5, -2.5]]))
    for level, path in zip(contour(ax).levels, ax.collections[-1].get_paths()):  # the lines lie where the loss is so
        x, y = path.vertices.T
        if len(x):
            assert (x - 1) ** 2 + 3 * (y + 2) ** 2 == pytest.approx(level, abs=0.15)
    assert_ends_are_apart(ax, ["start", "end"])


def test_bands_are_of_equal_area_and_dark_where_the_loss_is_low():
    a, b = Value(0.0), Value(0.0)
    ax = plot_loss_surface(lambda: (8 * (a * a + b * b)).exp(), [a, b])
    drawn = contour(ax)
    xs, ys = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    counts, _ = np.histogram(np.exp(8 * (xs**2 + ys**2)), drawn.levels)
    assert len(counts) == 13
    assert counts.min() > 0.7 * counts.max()
    colours = [np.dot(mpl.colors.to_rgb(colour), (0.2126, 0.7152, 0.0722)) for colour in drawn.get_facecolor()]
    assert colours == sorted(colours)
    assert [axes.get_ylabel() for axes in ax.figure.axes] == ["parameter 2", "loss"]


@pytest.mark.parametrize("loss", [lambda: 3.0, lambda: float("nan"), lambda: 1e300, lambda: -1e100])
def test_a_flat_surface_is_drawn_too(loss):
    assert plot_loss_surface(loss, [Value(0.0), Value(1.0)], steps=3).get_xlim() == (-1, 1)


def test_where_the_loss_is_not_finite_nothing_is_drawn_and_nothing_warned():
    a, b = Value(0.0), Value(0.0)
    ax = plot_loss_surface(lambda: (a + 0 * b).log(), [a, b], steps=11)
    assert min(path.vertices[:, 0].min() for path in contour(ax).get_paths() if len(path.vertices)) > 0


def test_a_path_through_many_parameters_is_seen_in_its_principal_components():
    rng = np.random.default_rng(0)
    way = np.cumsum(rng.standard_normal((12, 5)) * [3, 1, 0.1, 0.1, 0.1], axis=0)
    parameters = [Value(x) for x in way[-1]]
    ax = plot_loss_surface(bowl(parameters, [0] * 5), parameters, way, steps=3)
    pca = PCA(2).fit(way)
    expected = (way - way[-1]) @ pca.components_.T
    drawn = line(ax, "path").get_xydata()
    assert np.abs(drawn) == pytest.approx(np.abs(expected))  # the sign of a component is free
    assert line(ax, "end").get_xydata() == pytest.approx(np.zeros((1, 2)), abs=1e-9)
    for label, share in zip((ax.get_xlabel(), ax.get_ylabel()), pca.explained_variance_ratio_):
        assert f"({share:.0%})" in label
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert ((drawn > (left, bottom)) & (drawn < (right, top))).all()


def test_directions_lead_from_the_present_parameters():
    parameters, seen = [Value(1.0), Value(2.0), Value(3.0)], []

    def loss():
        seen.append([p.data for p in parameters])
        return parameters[0] + 0.0

    plot_loss_surface(loss, parameters, directions=[[1, 0, 1], [0, 2, 0]], span=0.5, steps=3)
    assert seen == [[1 + x, 2 + 2 * y, 3 + x] for y in (-0.5, 0, 0.5) for x in (-0.5, 0, 0.5)]
    ax = plot_loss_surface(loss, parameters, path=[[0.0, 0, 0], [1, 2, 3]], directions=[[0, 0, 3]], steps=3)
    assert line(ax, "path").get_xydata().tolist() == [pytest.approx([-1, 0]), pytest.approx([0, 1])]
    assert ax.get_xlabel() == "direction 1"


@pytest.mark.parametrize("rng", [42, None, random.Random])
def test_random_directions_want_random_numbers(rng):
    with pytest.raises(TypeError, match=r"rng must be a random.Random, got .*; write rng=random.Random\(0\)"):
        random_directions([Value(1.0)], rng=rng)


def test_random_directions_are_as_long_as_each_neurons_weights():
    model = MLP(3, [4, 2], rng=random.Random(0))
    flat = [p.data for p in model.parameters()]
    one, other = random_directions(model, 2, random.Random(1))
    assert one != other
    at = 0
    for layer in model.layers:
        for neuron in layer.neurons:
            n = len(neuron.w)
            for direction in (one, other):
                assert np.linalg.norm(direction[at : at + n]) == pytest.approx(np.linalg.norm(flat[at : at + n]))
                assert direction[at + n] == 0  # the bias is 0 still
            at += n + 1
    assert random_directions(model.parameters(), 2, random.Random(1)) == [one, other]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("L0.n3.w0", "L0.n3.w12", True),
        ("L0.n3.w0", "L0.n4.w0", False),
        ("L0.n3.w0", "L0.n3.b", False),
        ("0.weight[3][1]", "0.weight[3][12]", True),
        ("0.weight[3][1]", "0.weight[4][1]", False),
        ("weight[3][0][1][1]", "weight[3][2][0][1]", True),
        ("layers.0.neurons.3.w.0", "layers.0.neurons.3.w.1", True),
        ("layers.0.neurons.3.w.0", "layers.0.neurons.2.w.0", False),
        ("bias[0]", "bias[1]", True),
        ("", "", True),
    ],
)
def test_the_weights_of_a_neuron_are_known_by_their_names(one, other, same):
    assert (_filter(one) == _filter(other)) is same


def test_a_compiled_loss_is_drawn_and_its_parameters_are_as_before():
    pytest.importorskip("numba")
    model = MLP(2, [3, 1], rng=random.Random(0))
    loss = compile(lambda x: model(x) ** 2)
    value = loss.mean([[1.0, 2.0], [0.5, -1.0]])
    value.backward()
    before = [(p.data, p.grad) for p in model.parameters()]
    random.seed(0)
    ax = plot_loss_surface(lambda: loss.mean([[1.0, 2.0], [0.5, -1.0]]), model, steps=5)
    assert ax.get_xlabel() == "random direction 1"
    assert [(p.data, p.grad) for p in model.parameters()] == before


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_parameters_are_as_before_whatever_happens(error):
    parameters = [Value(0.1), Value(1 / 3), Value(-0.0)]
    before = [repr(p) for p in parameters]
    calls = []

    def loss():
        calls.append(1)
        if len(calls) == 5:
            raise error
        return parameters[0] * 2

    with pytest.raises(error):
        plot_loss_surface(loss, parameters, steps=3)
    assert [repr(p) for p in parameters] == before
    calls += [1] * 9
    plot_loss_surface(loss, parameters, steps=3)
    assert [repr(p) for p in parameters] == before


def test_an_interrupt_while_the_numbers_are_given_back_leaves_none_behind():
    class Slow(Value):
        interrupted = False

        @property
        def data(self):
            return Value.data.fget(self)

        @data.setter
        def data(self, number):
            if number == 1.0 and not Slow.interrupted:
                Slow.interrupted = True
                raise KeyboardInterrupt
            Value.data.fset(self, number)

    parameters = [Value(7.0), Slow(1.0), Value(8.0)]
    with pytest.raises(KeyboardInterrupt):
        plot_loss_surface(lambda: parameters[0] * 1, parameters, directions=[[1, 2, 3], [1, 0, 0]], steps=2)
    assert [p.data for p in parameters] == [7.0, 1.0, 8.0]


W = [Value(1.0), Value(2.0), Value(3.0)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((W[0] * 2, W), TypeError, r"a function that returns the loss, got Value\(data=2.0, grad=—\); write lambda"),
        ((lambda: None, W), TypeError, "loss must return a Value or a number, got None"),
        ((lambda: [W[0]], W), TypeError, "loss must return a Value or a number, got "),
        ((lambda: 1.0, []), ValueError, r"at least one parameter, got none; write model.parameters\(\)"),
        ((lambda: 1.0, [1.0]), TypeError, r"takes Values that can be set, got 1.0; write model.parameters\(\)"),
        ((lambda: 1.0, [W[0] * 2]), TypeError, "takes Values that can be set, got Value"),
        ((lambda: 1.0, W, [[1.0, 2.0]]), ValueError, "a snapshot of the path must have a number for each .*, got 2"),
        ((lambda: 1.0, W, [[1.0, 2.0, np.nan]]), ValueError, "the path must have finite numbers, got nan"),
        ((lambda: 1.0, W, [[0, 0, 0], [1, 1, 1]]), ValueError, "the path lies on a straight.*directions=random"),
        ((lambda: 1.0, W, None, None, [[1.0]]), ValueError, "a direction must have a number for each .*, got 1"),
        ((lambda: 1.0, W, None, None, np.eye(3)), ValueError, "one direction, or two that are .*, got 3"),
        ((lambda: 1.0, W, None, None, [[1, 1, 1], [2, 2, 2]]), ValueError, "or two that are independent"),
        ((lambda: 1.0, W, None, None, None, 0.0), ValueError, "a span above 0, got 41 and 0.0"),
        ((lambda: 1.0, W, None, None, None, 1.0, 1), ValueError, "steps of at least 2 and a span above 0, got 1"),
    ],
)
def test_what_can_not_be_drawn_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        plot_loss_surface(*arguments)
    assert [w.data for w in W] == [1.0, 2.0, 3.0]


def test_a_loss_that_was_computed_before_is_refused():
    stale = W[0] * W[1]
    with pytest.raises(ValueError, match=r"returned the same Value twice, .* compute it inside the function"):
        plot_loss_surface(lambda: stale, W)


def test_the_path_is_drawn_in_a_colour_of_its_own():
    assert line(plot_loss_surface(lambda: W[0] * 1.0, W[0], steps=3), "path").get_color() == COLOURS[5]


def test_several_paths_have_their_names_and_lie_where_they_were():
    a, b = Value(0.0, "a"), Value(0.0, "b")
    paths = {"one": [[2.0, 1.0], [1.0, 0.5], [0.5, 0.0]], "other": [[2.0, 1.0], [-3.0, -1.0]]}
    ax = plot_loss_surface(lambda: a * a + b * b, [a, b], paths, steps=5)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
    for name, path in paths.items():
        assert line(ax, name).get_xydata() == pytest.approx(np.array(path))
    assert line(ax, "one").get_color() != line(ax, "other").get_color()
    assert ax.get_xlim()[0] < -3 < 2 < ax.get_xlim()[1]


def test_several_paths_through_many_parameters_share_a_plane():
    values = [Value(0.0) for _ in range(3)]
    paths = {"one": [[0.0, 0, 0], [4, 0, 0]], "other": [[0.0, 0, 0], [0, 3, 0]]}
    ax = plot_loss_surface(lambda: values[0] * values[1] + values[2], values, paths, steps=5)
    ends = [line(ax, name).get_xydata() for name in paths]
    assert ends[0][0] == pytest.approx(ends[1][0])
    assert [np.linalg.norm(each[1] - each[0]) for each in ends] == pytest.approx([4, 3])


@pytest.mark.parametrize("paths", [{}, {"one": []}])
def test_names_without_a_path_show_where_the_parameters_are(paths):
    assert line(plot_loss_surface(lambda: W[0] * 1.0, W[0], paths, steps=3), "now")


@pytest.mark.parametrize(("seconds", "shown"), [(0.0, False), (0.5, True)])
def test_what_takes_long_shows_how_far_it_is(seconds, shown, monkeypatch, capsys):
    pytest.importorskip("tqdm")
    clock = itertools.count()
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock) * seconds)
    a = Value(1.0, "a")
    plot_loss_surface(lambda: a * a, [a], steps=9)
    assert ("computing the loss" in capsys.readouterr().err) == shown


def test_without_tqdm_it_is_drawn_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    a = Value(1.0, "a")
    assert plot_loss_surface(lambda: a * a, [a], steps=9).get_xlabel() == "a"
