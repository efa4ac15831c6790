"""Light and dark: pictures and plots change together, and change back."""

import matplotlib as mpl
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from engine import Value
from viz import draw_dot, plot_loss, set_theme
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
