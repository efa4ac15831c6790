"""Light and dark: pictures and plots change together, and change back."""

from types import SimpleNamespace

import matplotlib as mpl
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from engine import Value
from viz import draw_dot, plot_find_lr, plot_history, plot_loss, set_theme
from viz.graph import palette
from viz.graph.palette import DARK, LIGHT
from viz.plots.boundary import ink


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    monkeypatch.setattr(palette, "_chosen", None)
    monkeypatch.delenv("CHALKGRAD_THEME", raising=False)
    with mpl.rc_context():
        yield
    plt.close("all")


def ground():
    return draw_dot(Value(1.0, "x")).look.palette


def test_pictures_and_plots_become_dark_and_light_again():
    before = mpl.rcParams.copy()
    set_theme("dark")
    ax = plot_loss([2.0, 1.0])
    assert ground() is DARK
    assert mpl.colors.to_hex(ax.get_facecolor()) == mpl.colors.to_hex(ax.figure.get_facecolor()) == DARK.ground
    assert mpl.colors.to_hex(ink(ax)) == DARK.ink
    assert draw_dot(Value(1.0), theme="light").look.palette is LIGHT
    set_theme("light")
    assert ground() is LIGHT
    assert mpl.rcParams == before


def contrast(colour, ground):
    linear = [
        [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in mpl.colors.to_rgb(each)]
        for each in (colour, ground)
    ]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_stand_out_from_the_page_and_from_the_dots(theme):
    set_theme(theme)
    losses = [0.7, 0.6, 0.3, 0.9]
    found = SimpleNamespace(rates=[0.01, 0.1, 1.0, 10.0], losses=losses, smoothed=losses, suggestion=0.1)
    ax = plot_find_lr(found)
    dots, line = (contrast(each.get_color(), ax.get_facecolor()) for each in ax.lines[:2])
    assert line > max(4.5, dots)
    history = plot_history({"loss": losses, "validation_loss": losses})
    assert contrast(history.lines[0].get_color(), history.get_facecolor()) > 4.5


def test_the_environment_says_what_nobody_has_chosen(monkeypatch):
    assert ground() is LIGHT
    monkeypatch.setenv("CHALKGRAD_THEME", "dark")
    assert ground() is DARK
    assert draw_dot(Value(1.0), theme="light").look.palette is LIGHT
    set_theme("light")
    assert ground() is LIGHT


def test_other_themes_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="theme must be 'light' or 'dark', got 'black'"):
        set_theme("black")
    monkeypatch.setenv("CHALKGRAD_THEME", "black")
    with pytest.raises(ValueError, match="theme must be 'light' or 'dark', got 'black'"):
        ground()
