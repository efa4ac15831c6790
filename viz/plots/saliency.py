"""Pictures of what a score depends on: words, pixels or moments, coloured by `nn.saliency`.

Orange raises the score, blue lowers it, and what is not coloured hardly matters.
"""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from engine.names import number
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_map
from viz.graph.palette import Theme, palette_of
from viz.plots.boundary import axes, ink, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HighlightedWords:
    """A text with a colour behind each word, shown in a notebook as HTML; see `highlight_words`."""

    def __init__(self, words: list[str], scores: list[float], theme: Theme | None) -> None:
        self.words, self.scores, self.theme = words, scores, theme

    def _repr_html_(self) -> str:
        palette, limit = palette_of(self.theme), _limit(self.scores)

        def span(text: str, score: float, title: str = "") -> str:
            colour, line = palette.colour(score / limit), "dotted" if score < 0 else "solid"
            edge = palette.line if round(abs(score) / limit, 1) else "transparent"
            style = f"background:{colour};border-bottom:3px {line} {edge};border-radius:3px;padding:1px 4px"
            return f'<span style="{style}" title="{escape(title)}">{escape(text)}</span>'

        text = " ".join(span(word, score, number(score)) for word, score in zip(self.words, self.scores))
        scale = " ".join(span(f"{sign * limit:+.2g}" if sign else "0", sign * limit) for sign in (-1, 0, 1))
        box = f"background:{palette.ground};color:{palette.ink};padding:12px 16px;font:18px/2.1 sans-serif"
        legend = f'<div style="font-size:14px;color:{palette.ink};margin-top:6px">{scale}</div>'
        return f'<div style="{box}"><div>{text}</div>{legend}</div>'

    def __repr__(self) -> str:
        return " ".join(f"{word}({number(score)})" for word, score in zip(self.words, self.scores))


def highlight_words(words: Sequence[str], saliency: Sequence[float], theme: Theme | None = None) -> HighlightedWords:
    """A text in which each word has the colour of its part in the score: solid lines raise it, dotted ones lower it.

    Args:
        words: the words.
        saliency: a number for each, such as ``[sum(row) for row in nn.saliency(..., times_input=True)]``.
        theme: ``"light"`` or ``"dark"``; by default that of all pictures, see `set_theme`.

    Raises:
        TypeError: if `words` is one text.
        ValueError: if there is not a number for each word, or there is no such theme.

    >>> highlight_words(["not", "bad"], [-0.5, 0.25])
    not(-0.5) bad(0.25)
    """
    if isinstance(words, str):
        raise TypeError(f"highlight_words takes a list of words, got {brief(words)}; write text.split()")
    texts, scores = [*map(str, words)], numbers(saliency)
    if len(texts) != len(scores) or not texts:
        raise ValueError(f"highlight_words takes a number for each of {len(texts)} words, got {len(scores)}")
    palette_of(theme)
    return HighlightedWords(texts, scores, theme)


def plot_saliency(x: Any, saliency: Any, ax: "Axes | None" = None) -> "Axes":
    """A series or an image, coloured by what a score depends on.

    A series is drawn as a line, on the colours of its moments. An image is drawn in grey, with a square on each pixel:
    the larger it is, the more the score depends on the pixel.

    Args:
        x: the input: a row of numbers, or an image as rows of numbers, or as a list with one such channel.
        saliency: a number for each, as `nn.saliency` gives them.
        ax: the axes to draw on; new ones if None.

    Raises:
        ValueError: if `x` is neither, or `saliency` has another shape.
        ImportError: if matplotlib is not installed.

    >>> ax = plot_saliency([0.0, 1.0, 0.5], [0.1, -0.2, 0.0])
    >>> ax.get_ylabel()
    'x'
    """
    while is_list_like(x) and len(x) == 1 and is_list_like(x[0]) and is_list_like(x[0][0]):
        x, saliency = x[0], saliency[0]
    if not is_list_like(x) or tree_map(lambda _: 0, x) != tree_map(lambda _: 0, saliency):
        raise ValueError("plot_saliency takes an input and a number for each of its numbers, nested the same way")
    if not len(x) or (is_list_like(x[0]) and (is_list_like(x[0][0]) or len({len(row) for row in x}) > 1)):
        raise ValueError("plot_saliency takes a row of numbers, or an image of one channel; call it for each channel")
    image = is_list_like(x[0])
    ax = axes(ax, (5.4, 4.5) if image else (8, 3.2))
    import matplotlib as mpl

    palette, limit = palette_of(), _limit(numbers(saliency))
    norm = mpl.colors.Normalize(-limit, limit)
    face = mpl.colors.to_hex(ax.get_facecolor())
    shades = mpl.colors.LinearSegmentedColormap.from_list("", [palette.negative, face, palette.positive], N=257)
    if image:
        rows, columns = len(x), len(x[0])
        grey = mpl.colors.LinearSegmentedColormap.from_list("", [face, ink(ax)])
        ax.imshow([numbers(row) for row in x], cmap=grey, alpha=0.55)
        for (i, j), score in zip(((i, j) for i in range(rows) for j in range(columns)), numbers(saliency)):
            side = 0.9 * (abs(score) / limit) ** 0.5
            if side > 0.05:
                colour = palette.positive if score > 0 else palette.negative
                corner = (j - side / 2, i - side / 2)
                ax.add_patch(mpl.patches.Rectangle(corner, side, side, facecolor=colour, edgecolor=ink(ax), lw=0.4))
        ax.set(xticks=[], yticks=[])
    else:
        for t, score in enumerate(numbers(saliency)):
            ax.axvspan(t - 0.5, t + 0.5, color=shades(norm(score)), lw=0)
        ax.plot(numbers(x), color=ink(ax), marker="o", markersize=4)
        ax.set(xlim=(-0.5, len(x) - 0.5), xlabel="t", ylabel="x")
    bar = ax.figure.colorbar(mpl.cm.ScalarMappable(norm, shades), ax=ax, pad=0.02)
    bar.set_label("∂score/∂x", fontsize="x-large")
    bar.ax.tick_params(labelsize="large")
    return ax


def _limit(scores: Sequence[float]) -> float:
    return max(map(abs, scores), default=0.0) or 1.0
