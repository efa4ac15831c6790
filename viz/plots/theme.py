"""Light or dark: one switch for the pictures of graphs and for matplotlib's plots."""

from contextlib import suppress
from typing import Any

from viz.graph.palette import Theme, choose, palette_of

_GROUNDS = ("figure.facecolor", "axes.facecolor")
_INKS = (
    *("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"),
    *("patch.edgecolor", "lines.color", "hatch.color"),
)


def set_theme(theme: Theme) -> None:
    """Draw for a light or for a dark page from now on: `draw_dot`, and all plots by matplotlib.

    The default is light, or what the environment variable ``CHALKGRAD_THEME`` says. The player needs no theme: it
    follows its page. A plot keeps the colours of its lines; its ground and what is written on it change.

    Args:
        theme: ``"light"`` or ``"dark"``.

    Raises:
        ValueError: if there is no such theme.

    >>> set_theme("dark")
    >>> set_theme("light")
    """
    choose(theme)
    with suppress(ImportError):  # pictures of graphs need no matplotlib
        import matplotlib as mpl

        palette, default = palette_of(theme), mpl.rcParamsDefault
        colours: Any = {**dict.fromkeys(_GROUNDS, palette.ground), **dict.fromkeys(_INKS, palette.ink)}
        mpl.rcParams.update(colours if theme == "dark" else {key: default[key] for key in colours})
