"""Colours: how each role looks on a light and on a dark page, and what colour a gradient has.

Roles differ in fill and, for anyone who sees no colour, in corners and border. Blue and orange, the two ends of the
scale for gradients, are told apart with any form of colour blindness (M. Okabe, K. Ito, 2008,
https://jfly.uni-koeln.de/color/), and the sign stands in the box as well.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.names import number
from viz.graph.picture import Box

Theme = Literal["light", "dark"]

DECADES = 3  # the scale ends where a gradient is a thousandth of the largest


@dataclass(frozen=True)
class Style:
    """How a role looks."""

    fill: str
    border: str
    rounded: bool = False
    dashed: bool = False
    stacked: bool = False
    width: float = 1.2


@dataclass(frozen=True)
class Palette:
    """The colours of a picture, as ``#rrggbb``.

    Attributes:
        ground: behind everything; in the dark theme that of JupyterLab's pages. Every picture has one, because no
            grey for lines and numbers is readable both on a white and on a dark page.
        ink: of numbers and names.
        line: of arrows; its contrast with the ground is at least 4.5 to 1.
        marked: of the border of a marked box.
        styles: the look of each role.
        negative: of the largest gradient below 0.
        zero: of a gradient of 0, and of none.
        positive: of the largest gradient above 0.
        norm: of the largest norm of a module's gradients, which has no sign.
    """

    ground: str
    ink: str
    line: str
    marked: str
    negative: str
    zero: str
    positive: str
    norm: str
    styles: Mapping[str, Style] = field(repr=False)

    def style(self, box: Box) -> Style:
        """The look of a box."""
        style = self.styles[box.role]
        return replace(style, border=self.marked, width=4.0) if box.marked else style

    def colour(self, shade: float, of_norm: bool = False) -> str:
        """The colour of a shade between -1 and 1: a mixture of two colours in sRGB.

        >>> LIGHT.colour(1.0), LIGHT.colour(0.0), LIGHT.colour(-0.5)
        ('#f59b5a', '#ffffff', '#b7d8f4')
        """
        end = self.norm if of_norm else self.positive if shade > 0 else self.negative
        mixed = zip(_channels(self.zero), _channels(end))
        return "#" + "".join(f"{round(a + abs(shade) * (b - a)):02x}" for a, b in mixed)


LIGHT = Palette(
    ground="#ffffff",
    ink="#1a1a1a",
    line="#767676",
    marked="#d55e00",
    negative="#6fb1ea",
    zero="#ffffff",
    positive="#f59b5a",
    norm="#dd9cc0",
    styles={
        "input": Style("#d6ebf8", "#0b5c8f"),
        "parameter": Style("#fde7bd", "#8a5a00", width=2.6),
        "constant": Style("#ececec", "#6b6b6b", dashed=True),
        "operation": Style("#ffffff", "#3d3d3d", rounded=True),
        "output": Style("#cdeee1", "#00664b", rounded=True, width=2.6),
        "module": Style("#f5e1ec", "#8a2f66", stacked=True),
    },
)
DARK = Palette(
    ground="#111111",
    ink="#f2f2f2",
    line="#808892",
    marked="#ff9a3c",
    negative="#1f6fb2",
    zero="#232a32",
    positive="#a84e0c",
    norm="#8a3f70",
    styles={
        "input": Style("#0f3d5c", "#d6ebf8"),
        "parameter": Style("#553c0d", "#fde7bd", width=2.6),
        "constant": Style("#3b3d40", "#ececec", dashed=True),
        "operation": Style("#232a32", "#d5d9de", rounded=True),
        "output": Style("#084739", "#cdeee1", rounded=True, width=2.6),
        "module": Style("#4f2442", "#f5e1ec", stacked=True),
    },
)
PALETTES: dict[Theme, Palette] = {"light": LIGHT, "dark": DARK}
_chosen: Theme | None = None


def palette_of(theme: Theme | None = None) -> Palette:
    """The colours of a theme; if None, of the one that was set, or the one in the environment, or the light one.

    Raises:
        ValueError: if there is no such theme.
    """
    named = theme or _chosen or os.environ.get("CHALKGRAD_THEME") or "light"
    if not isinstance(named, str) or named not in PALETTES:
        raise ValueError(f"theme must be 'light' or 'dark', got {named!r}")
    return PALETTES[named]


def choose(theme: Theme) -> None:
    """Set the theme of all pictures that do not name their own."""
    global _chosen
    palette_of(theme)
    _chosen = theme


# These two are translated into JavaScript for the player, so they keep to what `javascript` can translate.


def gradient_shade(gradient: float, limit: float) -> float:
    """Where a gradient stands on the scale, between -1 and 1.

    The scale is logarithmic, because gradients that are worth seeing together differ by powers of ten: a tenth of the
    limit is one step of three paler, and from a thousandth on it is 0. A gradient that is not a number is 0 too.

    Args:
        gradient: the gradient, or a norm.
        limit: the size that has the full colour, from `gradient_limit`.

    >>> [gradient_shade(gradient, 1.0) for gradient in (-1.0, 0.1, 0.001, 0.0)]
    [-1.0, 0.6666666666666667, 0.0, 0.0]
    """
    if math.isnan(gradient) or abs(gradient) <= limit / 10.0**DECADES:
        return 0.0
    return math.copysign(min(1.0, 1.0 + math.log10(abs(gradient) / limit) / DECADES), gradient)


def gradient_limit(largest: float) -> float:
    """The end of the scale: the power of ten that is not below the largest size, so that it seldom changes.

    >>> gradient_limit(0.3), gradient_limit(100.0), gradient_limit(0.0)
    (1.0, 100.0, 1.0)
    """
    return 10.0 ** min(308, math.ceil(math.log10(largest))) if largest > 0.0 else 1.0


Legend = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # rows of a name and of sizes, each with its colour


@dataclass(frozen=True)
class Look:
    """The colours of one picture.

    Attributes:
        palette: the colours of everything but the boxes.
        fills: the colour of each box, by its id.
        legend: what the colours mean, where it is not the role.
    """

    palette: Palette
    fills: Mapping[str, str]
    legend: Legend = ()


def by_role(boxes: Iterable[Box], palette: Palette = LIGHT) -> Look:
    """Each box has the colour of its role."""
    return Look(palette, {box.id: palette.styles[box.role].fill for box in boxes})


def by_gradient(boxes: Iterable[Box], palette: Palette = LIGHT) -> Look:
    """Each box has the colour of its gradient, a module that of the norm of its gradients; a constant stays grey."""
    sizes = [abs(box.gradient) for box in boxes if box.gradient is not None]
    limit = gradient_limit(max(filter(math.isfinite, sizes), default=0.0))
    fills = {}
    for box in boxes:
        shade = gradient_shade(0.0 if box.gradient is None else box.gradient, limit)
        colour = palette.colour(shade, box.role == "module")
        fills[box.id] = palette.styles[box.role].fill if box.role == "constant" else colour
    if not sizes:
        return Look(palette, fills, (("no gradients yet: call backward()", ()),))
    upward = [0.0, *(limit / 10**i for i in reversed(range(DECADES)))]
    rows = {"grad": [-x for x in upward[:0:-1]] + upward, "‖grad‖": upward}
    if not any(box.role == "module" for box in boxes):
        del rows["‖grad‖"]
    if all(box.role in ("module", "constant") for box in boxes):
        del rows["grad"]
    return Look(
        palette,
        fills,
        tuple(
            (name, tuple((number(x), palette.colour(gradient_shade(x, limit), name != "grad")) for x in scale))
            for name, scale in rows.items()
        ),
    )


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
