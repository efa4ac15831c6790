"""The plots of a training say what the data say, and their words are to be read."""

from itertools import combinations
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from sklearn.metrics import accuracy_score, confusion_matrix

from engine import Value
from viz import plot_confusion, plot_find_lr, plot_gradients, plot_history
from viz.plots.boundary import COLOURS, readable

STYLES = pytest.mark.parametrize("style", ["default", "dark_background"])


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def curve(ax, name):
    return next(line for line in ax.lines if line.get_label() == name)


def words(ax):
    return [text.get_text() for text in ax.texts]


def assert_words_are_apart(ax):
    """No word of the axes on another one, and none cut off."""
    ax.figure.draw_without_rendering()
    boxes = [mpl.text.Text.get_window_extent(text) for text in ax.texts]  # without the arrow of an annotation
    for one, other in combinations(boxes, 2):
        assert (
            min(one.x1, other.x1) - max(one.x0, other.x0) < 0.5 or min(one.y1, other.y1) - max(one.y0, other.y0) < 0.5
        )
    whole = ax.figure.bbox
    for box in boxes:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1


# The history.

HISTORY = SimpleNamespace(loss=[3.0, Value(2.0), 1.0, 0.5], validation_loss=[3.1, 2.2, 2.0, 2.5], lr=[0.1] * 4)


@STYLES
def test_a_history_is_two_curves_over_epochs(style):
    with plt.style.context(style):
        ax = plot_history(HISTORY)
    assert curve(ax, "loss").get_xydata().tolist() == [[1, 3], [2, 2], [3, 1], [4, 0.5]]
    assert curve(ax, "validation_loss").get_ydata().tolist() == HISTORY.validation_loss
    assert curve(ax, "loss").get_linestyle() != curve(ax, "validation_loss").get_linestyle()
    assert sorted(words(ax)) == ["training", "validation"]
    assert {text.get_text(): text.xy for text in ax.texts} == {"training": (4, 0.5), "validation": (4, 2.5)}
    assert_words_are_apart(ax)


def test_the_best_validation_epoch_bears_a_star():
    ax = plot_history(HISTORY)
    assert curve(ax, "best").get_xydata().tolist() == [[3, 2.0]]
    assert ax.get_title() == "★ best validation loss: 2 at epoch 3"


def test_without_validation_there_is_no_best_epoch():
    ax = plot_history(SimpleNamespace(loss=np.array([2.0, 1.0]), validation_loss=[]))
    assert (words(ax), ax.get_title()) == (["training"], "")


def test_a_wide_range_is_logarithmic_and_zero_is_not():
    assert plot_history({"loss": [100.0, 0.5]}).get_yscale() == "log"
    assert plot_history({"loss": [100.0, 2.0]}).get_yscale() == "linear"
    assert plot_history({"loss": [100.0, 0.0]}).get_yscale() == "linear"


def test_a_loss_that_is_not_finite_is_told_and_is_not_the_best():
    ax = plot_history({"loss": [1.0, 2.0, np.inf, np.nan], "validation_loss": [np.nan, 2.0, 3.0]})
    assert sorted(words(ax)) == ["training: nan", "validation"]
    assert curve(ax, "best").get_xydata().tolist() == [[2, 2.0]]
    assert words(plot_history({"loss": [np.nan]})) == []


def test_names_of_a_dictionary_are_labels_and_the_learning_rate_is_not_drawn():
    ends = {"SGD": [1, 0.3], "Adam": [1, 0.3], "AdamW": [1, 0.3001], "lr": [0.1, 0.1]}
    ax = plot_history(ends)
    assert sorted(words(ax)) == ["Adam", "AdamW", "SGD"]
    assert_words_are_apart(ax)


def test_labels_stay_within_axes_that_have_no_room_beside_them():
    _, (left, right) = plt.subplots(1, 2)
    for ax in (left, right):
        assert plot_history(HISTORY, ax) is ax
    left.figure.draw_without_rendering()
    for text in left.texts:
        assert mpl.text.Text.get_window_extent(text).x1 <= left.get_window_extent().x1
    assert all(1 <= tick <= 4 for tick in left.get_xticks())


def test_what_is_no_history_is_refused():
    with pytest.raises(TypeError, match=r"got list; for one list of losses write plot_loss\(losses\)"):
        plot_history([1.0, 2.0])
    with pytest.raises(ValueError, match="at least one epoch, got an empty one; train first"):
        plot_history({"loss": [], "lr": [0.1]})


# The gradients.


@STYLES
@pytest.mark.parametrize("layers", [1, 3, 20])
def test_gradients_are_lines_in_order_of_colour_with_labels_apart(layers, style):
    norms = {f"layer {i}": [10.0 ** (i - layers), 10.0 ** (i - layers - 1)] for i in range(layers)}
    with plt.style.context(style):
        ax = plot_gradients(norms)
    lines = [curve(ax, name) for name in norms]
    assert [line.get_ydata().tolist() for line in lines] == list(norms.values())
    assert ax.get_yscale() == "log"
    brightness = [np.dot(mpl.colors.to_rgb(line.get_color()), (0.2126, 0.7152, 0.0722)) for line in lines]
    assert brightness == sorted(brightness)
    background = np.dot(mpl.colors.to_rgb(ax.get_facecolor()), (0.2126, 0.7152, 0.0722))
    assert min(abs(b - background) for b in brightness) > 0.2
    labels = [text for text in ax.texts if text.get_text() in norms]
    assert [text.get_text() for text in labels] == list(norms)
    assert {text.get_color() for text in ax.texts} == {ax.xaxis.label.get_color()}
    assert_words_are_apart(ax)
    middles = [mpl.text.Text.get_window_extent(text).y0 for text in labels]
    assert middles == sorted(middles)
    assert min(text.get_fontsize() for text in labels) >= 11


def test_the_same_norms_have_labels_apart():
    assert_words_are_apart(plot_gradients({f"L{i}": [1.0, 1.0] for i in range(20)}))


@pytest.mark.parametrize(
    ("norms", "expected"),
    [
        ([1.0, 0.1], []),
        ([1.0, 1e-5], []),
        ([1.0, 1e-9], ["vanishing"]),
        ([1.0, 0.0], ["vanishing"]),
        ([1.0, 1e6], ["exploding"]),
        ([1.0, np.inf], ["exploding"]),
        ([1e-9, np.nan], ["vanishing", "exploding"]),
        ([1e-9, 1e-8], ["vanishing"]),
    ],
)
def test_vanishing_and_exploding_gradients_lie_in_a_band(norms, expected):
    ax = plot_gradients({"L0": norms})
    assert words(ax) == [*expected, "L0"]
    assert len(ax.patches) == len(expected)
    low, high = ax.get_ylim()
    for patch, word in zip(ax.patches, expected):
        edges = (patch.get_y(), patch.get_y() + patch.get_height())
        assert edges == pytest.approx((low, min(1e-6, high)) if word == "vanishing" else (1e3, high))


def test_norms_that_no_logarithm_has_are_triangles_on_the_edge():
    ax = plot_gradients({"L0": [1.0, 0.0, np.inf, np.nan]})
    low, high = ax.get_ylim()
    assert curve(ax, "L0").get_ydata().tolist() == [1.0, low, high, high]
    marks = {line.get_marker(): line.get_xydata().tolist() for line in ax.lines if line.get_marker() in "v^"}
    assert marks == {"v": [[2, low]], "^": [[3, high], [4, high]]}


def test_what_are_no_norms_is_refused():
    with pytest.raises(TypeError, match=r"got list; write \{'L0': \[...\], 'L1': \[...\]\}"):
        plot_gradients([[1.0]])
    with pytest.raises(ValueError, match=r"at least 0, got -1.0 in L1"):
        plot_gradients({"L0": [1.0], "L1": [2.0, -1.0]})
    with pytest.raises(ValueError, match="at least one norm, got none"):
        plot_gradients({"L0": []})


# The confusion matrix.


def cells(ax):
    n = len(ax.get_yticks())
    found = {(round(text.get_position()[1]), round(text.get_position()[0])): int(text.get_text()) for text in ax.texts}
    return [[found[row, column] for column in range(n)] for row in range(n)]


def ticks(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


@STYLES
@pytest.mark.parametrize("classes", [2, 10])
def test_confusion_counts_what_scikit_learn_counts(classes, style):
    rng = np.random.default_rng(classes)
    true, predicted = rng.integers(0, classes, 500), rng.integers(0, classes, 500)
    predicted[:400] = true[:400]
    with plt.style.context(style):
        ax = plot_confusion(true, predicted)
    expected = confusion_matrix(true, predicted)
    assert cells(ax) == expected.tolist()
    right = int(expected.trace())
    assert ax.get_title() == f"accuracy {100 * accuracy_score(true, predicted):.3g}%: {right} of 500"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert ticks(ax.xaxis) == ticks(ax.yaxis) == [str(i) for i in range(classes)]
    assert_words_are_apart(ax)
    width = ax.get_window_extent().width / classes
    for text in ax.texts:
        assert text.get_window_extent().width < width
        image = ax.images[0].get_array()[round(text.get_position()[1]), round(text.get_position()[0])]
        assert text.get_color() == readable(image)
    face = np.array(mpl.colors.to_rgb(ax.get_facecolor()))
    shades = np.abs(np.asarray(ax.images[0].get_array())[:, :, :3] - face).sum(axis=2)
    for right in (True, False):  # the more, the further from the background
        chosen = np.eye(classes, dtype=bool) == right
        order = np.argsort(expected[chosen])
        assert (np.diff(shades[chosen][order]) >= -1e-9).all()
    most = np.unravel_index(np.argmax(expected), expected.shape)
    assert mpl.colors.to_hex(ax.images[0].get_array()[most]) == COLOURS[0]


def test_rows_are_true_and_columns_predicted():
    assert cells(plot_confusion([0, 0, 1], [1, 1, 1])) == [[0, 2], [0, 1]]


def test_classes_may_be_strings_values_and_floats():
    true, predicted = ["dog", "cat", "dog"], ["cat", "cat", "dog"]
    ax = plot_confusion(true, np.array(predicted))
    assert cells(ax) == confusion_matrix(true, predicted).tolist()
    assert ticks(ax.xaxis) == ["cat", "dog"]
    assert ticks(plot_confusion([Value(1.0), 0], np.array([1.0, 0.0])).xaxis) == ["0", "1"]


def test_labels_are_classes_in_order_or_names_of_numbers():
    ax = plot_confusion(["b", "a"], ["a", "a"], labels=["b", "never", "a"])
    assert cells(ax) == confusion_matrix(["b", "a"], ["a", "a"], labels=["b", "never", "a"]).tolist()
    ax = plot_confusion([0, 2], [2, 2], labels=["cat", "dog", "bird"])
    assert cells(ax) == [[0, 0, 1], [0, 0, 0], [0, 0, 1]]
    assert ticks(ax.yaxis) == ["cat", "dog", "bird"]
    assert cells(plot_confusion([3, 1], [3, 3], labels=[3, 2, 1])) == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_long_names_are_not_written_over_one_another():
    ax = plot_confusion(range(10), range(10), labels=[f"automobile {i}" for i in range(10)])
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(box.y0 >= 0 for box in boxes)


def test_what_can_not_be_counted_is_refused():
    with pytest.raises(
        ValueError, match="a prediction for each example, got 2 and 4; from scores for each class, take"
    ):
        plot_confusion([0, 1], [[0.1, 0.9], [0.2, 0.8]])
    with pytest.raises(ValueError, match="at least one example, got none"):
        plot_confusion([], [])
    with pytest.raises(ValueError, match=r"no label for the class 'fox'; labels are \['cat', 'dog'\]"):
        plot_confusion(["cat"], ["fox"], labels=["cat", "dog"])
    with pytest.raises(ValueError, match="no label for the class 2"):
        plot_confusion([0, 1], [1, 2], labels=["no", "yes"])


# The learning-rate range test.


def range_test(losses, suggestion=None):
    rates = [10.0 ** (i - 3) for i in range(len(losses))]
    return SimpleNamespace(rates=rates, losses=losses, smoothed=losses, suggestion=suggestion)


@STYLES
def test_a_range_test_is_drawn_over_the_logarithm_of_the_rate(style):
    with plt.style.context(style):
        ax = plot_find_lr(range_test([1.0, 0.9, 0.4, 0.3, 50.0, np.nan], suggestion=0.1))
    assert ax.get_xscale() == "log"
    assert curve(ax, "smoothed").get_xydata()[:5].tolist() == [[1e-3, 1], [1e-2, 0.9], [0.1, 0.4], [1, 0.3], [10, 50]]
    assert curve(ax, "suggestion").get_xydata().tolist() == [[0.1, 0.4]]
    assert ax.get_title() == "★ suggestion: lr = 0.1"
    low, high = ax.get_ylim()
    assert low < 0.3
    assert 1.0 < high < 2.0  # where it diverges is not what the picture is about


def test_a_range_test_may_have_found_nothing():
    ax = plot_find_lr(range_test([1.0, 2.0]))
    assert ax.get_title() == "no suggestion: the loss never fell"
    with pytest.raises(
        TypeError, match=r"plot_find_lr takes what find_lr returns, got list; write plot_find_lr\(find_lr"
    ):
        plot_find_lr([1.0])
    with pytest.raises(ValueError, match="at least one finite loss, got none; try a lower min_lr"):
        plot_find_lr(range_test([np.nan]))
