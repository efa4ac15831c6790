"""The picture of a graph in Graphviz's language, and as SVG, PNG or PDF.

>>> from engine import Value
>>> x = Value(3.0, label="x")
>>> draw_dot(x * x).source.count("n0 -> n1")
2
"""

import os
import re
import webbrowser
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from math import dist
from pathlib import Path
from typing import Any, Literal

import graphviz

from engine import Value
from engine.utils.console import printable
from engine.utils.files import write_file
from viz.graph import engines
from viz.graph.layout import Point, layered, svg
from viz.graph.palette import Legend, Look, Theme, by_gradient, by_role, palette_of
from viz.graph.picture import Arrow, Box, Edges, picture

_MEDIA_TYPES = {
    "svg": "image/svg+xml",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "pdf": "application/pdf",
}
_TIP = 8.0  # the length of the tip of an arrow, in points
FONT = "Helvetica,Arial,sans-serif"


def draw_dot(
    root: Value,
    format: str = "svg",
    rankdir: str = "LR",
    edges: Edges = "plain",
    max_nodes: int = 300,
    depth: int | None = None,
    names: Mapping[str, Any] | None = None,
    colour: Literal["role", "grad"] = "role",
    theme: Theme | None = None,
    color: None = None,
) -> "Drawing":
    """The graph behind a Value as a picture: shown by a notebook, or saved with ``.render("name")``.

    A box for every Value, an arrow for every operand (``x * x`` has two). Inputs have square corners, parameters a
    thick border, constants a dashed one; operations have round corners, and the output a thick border too.

    Args:
        root: the last Value of the graph.
        format: ``"svg"``, ``"png"``, or with Graphviz installed ``"pdf"``.
        rankdir: where the arrows point, ``"LR"`` (to the right), ``"TB"`` (down), ``"RL"`` or ``"BT"``.
        edges: ``"local"`` writes the local derivative on every arrow.
        max_nodes: refuse to draw more boxes, which nobody could read.
        depth: how far to open modules: 0 draws a network as one box, 1 its layers, 2 its neurons, 3 their operations
            with a box for the parameters of each, 4 everything; as far as `max_nodes` allows if None. What belongs to
            a module is read off the labels: ``L0.n3.w1`` is part of ``L0.n3``.
        names: what to call nodes without a label, such as ``locals()``.
        colour: what the colour of a box tells: ``"role"``, or ``"grad"``: the sign and the size of its gradient (orange
            above 0, blue below 0; a module's norm is purple), with a legend. After no backward pass there is nothing
            to colour, and the legend says so.
        theme: ``"light"`` or ``"dark"``, like the page that the picture is for; if None, that of `set_theme`.
        color: not an option; it says how ``colour`` is spelt.

    Returns:
        A `graphviz.Digraph` that finds an engine by itself. The same graph always gives the same text.

    Raises:
        TypeError: if `root` is not a Value, or ``colour`` is spelt ``color``.
        ValueError: if the graph is too large, or an option is unknown.

    >>> x = Value(3.0, label="x")
    >>> y = x * x
    >>> y.backward()
    >>> draw_dot(y, colour="grad").look.legend[0][1][-1]  # a gradient of 10 has the full colour
    ('10', '#f59b5a')
    """
    if color is not None:
        written = repr(color) if color in ("role", "grad") else "'role' or colour='grad'"
        raise TypeError(f"the option is spelt colour: write draw_dot(..., colour={written})")
    if colour not in ("role", "grad"):
        raise ValueError(f"colour must be 'role' or 'grad', got {colour!r}")
    if rankdir not in ("LR", "TB", "RL", "BT"):
        raise ValueError(f"rankdir must be 'LR', 'TB', 'RL' or 'BT', got {rankdir!r}")
    palette = palette_of(theme)
    boxes, arrows = picture(root, edges, max_nodes, depth, names)
    look = (by_gradient if colour == "grad" else by_role)(boxes, palette)
    return Drawing(boxes, arrows, format, rankdir, look)


@printable
class Drawing(graphviz.Digraph):  # type: ignore[misc]
    """A `graphviz.Digraph` that has its layout, and is drawn by the system's `dot`, else by graphviz-pure.

    With neither, SVG is drawn without them. ``pipe(engine="circo")`` asks for another layout.
    """

    def __init__(
        self,
        boxes: list[Box],
        arrows: list[Arrow],
        format: str = "svg",
        rankdir: str = "LR",
        look: Look | None = None,
    ) -> None:
        look = look or by_role(boxes)
        palette = look.palette
        text = {"fontname": FONT, "fontcolor": palette.ink}
        legend = {**text, "label": _legend(look.legend), "labelloc": "b"} if look.legend else {}
        super().__init__(
            format=format,
            graph_attr={"rankdir": rankdir, "bgcolor": palette.ground, "splines": "true", **legend},
            node_attr={**text, "fontsize": "14", "fixedsize": "true", "margin": "0"},
            edge_attr={**text, "fontsize": "13", "color": palette.line, "arrowsize": "0.8"},
        )
        self.boxes, self.arrows, self.look = boxes, arrows, look
        self.layout = layered(boxes, arrows, rankdir)

        def point(x: float, y: float) -> str:
            return f"{x:.1f},{self.layout.height - y:.1f}"  # Graphviz measures upwards

        for box in boxes:
            place = self.layout.places[box.id]
            rows = "|".join(map(escape, box.rows))
            style = palette.style(box)
            self.node(
                box.id,
                label=rows if rankdir in ("LR", "RL") else f"{{{rows}}}",
                shape="Mrecord" if style.rounded else "record",
                fillcolor=look.fills[box.id],
                color=style.border,
                penwidth=str(style.width),
                style="filled,dashed" if style.dashed else "filled",
                pos=point(place.x, place.y),
                width=f"{place.width / 72:.3f}",
                height=f"{place.height / 72:.3f}",
            )
        for arrow, spline, centre in zip(arrows, self.layout.splines, self.layout.label_centres):
            label = {"label": escape(arrow.label), "lp": point(*centre)} if arrow.label else {}
            self.edge(arrow.tail, arrow.head, pos=_pos(spline, point), **label)

    def __str__(self) -> str:
        return str(self.source)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **options: Any
    ) -> dict[str, str | bytes]:
        """What a notebook shows, also when it is exported: the format that was asked for, or SVG.

        Raises:
            RuntimeError: see `pipe`.
        """
        wanted = {_MEDIA_TYPES.get(self.format, "image/svg+xml")} if include is None else set(include)
        formats = {media: format for format, media in _MEDIA_TYPES.items() if media in wanted - set(exclude or ())}
        return {
            media: self.pipe(format, encoding="utf-8" if format == "svg" else None) for media, format in formats.items()
        }

    def copy(self) -> "Drawing":
        """A drawing of its own with the same boxes and arrows."""
        return deepcopy(self)

    def pipe(self, format: str | None = None, *args: Any, encoding: str | None = None, **options: Any) -> Any:
        """The picture as bytes, or as text with an `encoding`.

        Raises:
            RuntimeError: if an engine is needed and there is none; the message says how to get one.
        """
        format = format or self.format
        how = options.get("engine") or (None if self.engine == "dot" else self.engine)
        drawn = engines.draw(self.source, format, how)
        if drawn is None and format == "svg":
            drawn = svg(self.boxes, self.arrows, self.graph_attr["rankdir"], self.look).encode()
        if drawn is None:
            raise RuntimeError(f"no engine here can draw {format}; {engines.REMEDY}, or draw svg, which needs none")
        return drawn.decode(encoding) if encoding else drawn

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *args: Any,
        outfile: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> str:
        """Write ``filename`` (the text) and ``filename.svg`` (the picture), and give the path of the picture.

        As `graphviz.Digraph.render`, but each file appears whole or not at all.
        """
        if outfile is not None:
            format = format or Path(outfile).suffix[1:]
            filename = filename or Path(outfile).with_suffix(".gv")
        source = Path(directory or self.directory, filename or self.filename)
        format = format or self.format
        target = Path(outfile) if outfile is not None else source.with_name(f"{source.name}.{format}")
        drawn = self.pipe(format, **options)
        if not cleanup:
            write(source, self.source.encode())
        write(target, drawn)
        if view:
            webbrowser.open(target.resolve().as_uri())
        return str(target)


def _pos(spline: list[Point], point: Callable[[float, float], str]) -> str:
    """A spline as Graphviz takes it: first the tip of the arrow, and then a curve that ends where the tip begins."""
    *curve, (a, b), (x, y) = spline
    length = dist((a, b), (x, y))
    base = x + (a - x) * _TIP / length, y + (b - y) * _TIP / length
    return " ".join([f"e,{point(x, y)}", *(point(*each) for each in (*curve, (a, b), base))])


def _legend(legend: Legend) -> str:
    """A legend as a table in Graphviz's HTML-like language."""
    columns = max(len(sizes) for _, sizes in legend)
    rows = (
        f'<TR><TD BORDER="0" ALIGN="RIGHT" COLSPAN="{1 + columns - len(sizes)}">{name}</TD>'
        + "".join(f'<TD BGCOLOR="{colour}" WIDTH="44">{size}</TD>' for size, colour in sizes)
        + "</TR>"
        for name, sizes in legend
    )
    return f'<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="4">{"".join(rows)}</TABLE>>'


def escape(text: str) -> str:
    r"""A line as text of a DOT record, whatever is in it: nothing in a label can add to the drawing or break it.

    >>> escape('a|b "c"')
    'a\\|b\\ \\"c\\"'
    """
    return re.sub(r"([\\{}|<> ])", r"\\\1", text.replace("&", "&amp;")).replace('"', '\\"')


def write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, and make the folders it is in."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; write the name of a file in it, such as {path / 'chain.html'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, data)
