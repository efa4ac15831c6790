"""Pictures of saliency: words, images and series, and what they refuse."""

import pytest

from viz import highlight_words, plot_saliency, set_theme
from viz.graph.palette import DARK, LIGHT


@pytest.fixture(autouse=True)
def light():
    yield
    set_theme("light")


def test_words_have_the_colour_of_their_sign_and_are_text():
    page = highlight_words(["not", "<b>bad</b>", "film"], [-0.5, 0.25, 0.0])._repr_html_()
    assert f"background:{LIGHT.negative};border-bottom:3px dotted" in page
    assert f"background:{LIGHT.colour(0.5)};border-bottom:3px solid" in page
    assert f"background:{LIGHT.zero};" in page
    assert "&lt;b&gt;bad&lt;/b&gt;" in page
    assert "<b>" not in page
    assert 'title="-0.5"' in page


def test_a_theme_may_be_named_or_set():
    words = highlight_words(["a"], [1.0])
    set_theme("dark")
    assert DARK.positive in words._repr_html_()
    assert LIGHT.positive in highlight_words(["a"], [1.0], theme="light")._repr_html_()


def test_an_image_has_a_square_for_each_pixel_that_matters():
    pytest.importorskip("matplotlib")
    from matplotlib.colors import to_hex

    ax = plot_saliency([[[0.0, 1.0], [0.5, 0.2]]], [[[0.0, 4.0], [-1.0, 0.0]]])
    squares = {(round(p.get_x() + p.get_width() / 2), round(p.get_y() + p.get_height() / 2)): p for p in ax.patches}
    assert squares.keys() == {(1, 0), (0, 1)}
    assert [to_hex(squares[at].get_facecolor()) for at in ((1, 0), (0, 1))] == [LIGHT.positive, LIGHT.negative]
    assert squares[1, 0].get_width() == pytest.approx(2 * squares[0, 1].get_width())


def test_a_series_has_a_band_for_each_moment():
    pytest.importorskip("matplotlib")
    ax = plot_saliency([0.0, 1.0, 0.5], [0.1, -0.2, 0.0])
    assert len(ax.patches) == 3
    assert [*ax.lines[0].get_ydata()] == [0.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: highlight_words("not bad", [1.0, 2.0]), TypeError, "takes a list of words, .* write text.split"),
        (lambda: highlight_words(["a", "b"], [1.0]), ValueError, "takes a number for each of 2 words, got 1"),
        (lambda: highlight_words(["a"], [1.0], theme="blue"), ValueError, "theme must be 'light' or 'dark'"),
        (lambda: plot_saliency([1.0, 2.0], [1.0]), ValueError, "takes an input and a number for each of its numbers"),
        (lambda: plot_saliency([[[1.0]]] * 2, [[[1.0]]] * 2), ValueError, "an image of one channel; call it for each"),
    ],
)
def test_what_cannot_be_drawn_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()
