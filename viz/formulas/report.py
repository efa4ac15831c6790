"""The parts of a report: sentences, equations and tables; each as text, as LaTeX, and as HTML with MathML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.utils.console import printable, readable
from viz.formulas.notation import LATEX, MATHML, TEXT, Notation, in_page

_STYLE = "border-collapse:collapse;margin:.5em 0"
_CELL = "padding:.15em .8em .15em 0;text-align:left"
_FORMULAS = "font-size:1.15em;margin:.3em 0 .7em;overflow-x:auto;overflow-y:hidden"
_WHOLE = "display:inline-block;min-width:max-content"  # on a narrow screen it scrolls, and its columns do not overlap


@printable
@dataclass(frozen=True)
class Sentence:
    """A line of prose."""

    words: str

    def text(self) -> str:
        """The sentence itself."""
        return self.words

    def latex(self) -> str:
        """A paragraph of a LaTeX document."""
        return "\n" + LATEX.prose(self.words) + "\n"

    def html(self) -> str:
        """A paragraph of a page."""
        return f"<p>{in_page(self.words)}</p>"


@printable
@dataclass(frozen=True)
class Equations:
    """Equations, one below the other; one with an empty left side continues the one above.

    Args:
        sides: gives, for a notation, the sides of each equation.
    """

    sides: Callable[[Notation], Sequence[Sequence[str]]]

    def text(self) -> str:
        """Lines of text with the first equals signs aligned."""
        rows = [[*map(readable, row)] for row in self.sides(TEXT)]
        width = max(len(left) for left, *_ in rows)
        return "\n".join(" = ".join([left.ljust(width), *rest]) for left, *rest in rows)

    def latex(self) -> str:
        """An ``aligned`` display."""
        rows = [
            " ".join([f"{left} &= {rest[0]}", *(f"= {side}" for side in rest[1:])]) for left, *rest in self.sides(LATEX)
        ]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}$$"

    def html(self) -> str:
        """A table in MathML."""
        lines = []
        for left, *rest in self.sides(MATHML):
            right = MATHML.equation("", *rest)
            lines.append(
                f'<mtr><mtd style="text-align:right">{left}</mtd><mtd style="text-align:left">{right}</mtd></mtr>'
            )
        return (
            f'<div style="{_FORMULAS}" tabindex="0"><math xmlns="http://www.w3.org/1998/Math/MathML" style="{_WHOLE}">'
            f'<mtable displaystyle="true">{"".join(lines)}</mtable></math></div>'
        )


@printable
@dataclass(frozen=True)
class Table:
    """Rows of cells below a header."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Lines of text with aligned columns."""
        rows = [[*map(readable, row)] for row in (self.head, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]
        return "\n".join(line.rstrip() for line in lines)

    def latex(self) -> str:
        """An ``array``."""
        lines = [" & ".join(LATEX.words(cell) if cell else "" for cell in row) for row in (self.head, *self.rows)]
        body = " \\\\\n".join([lines[0] + r" \\ \hline" + "\n" + lines[1], *lines[2:]])
        return f"$$\\begin{{array}}{{{'l' * len(self.head)}}}\n{body}\n\\end{{array}}$$"

    def html(self) -> str:
        """A table of a page."""
        head = "".join(f'<th style="{_CELL}">{in_page(cell)}</th>' for cell in self.head)
        rows = ["".join(f'<td style="{_CELL}">{in_page(cell)}</td>' for cell in row) for row in self.rows]
        return f'<table style="{_STYLE}"><tr>{head}</tr>' + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


Block = Sentence | Equations | Table


@printable
@dataclass(frozen=True)
class Report:
    """Sentences, equations and tables. Printed, it is text; a notebook shows its formulas as formulas."""

    blocks: Sequence[Block]

    def __str__(self) -> str:
        return "\n".join(block.text() for block in self.blocks)

    __repr__ = __str__

    @property
    def latex(self) -> str:
        """The report for a LaTeX document."""
        return "\n".join(block.latex() for block in self.blocks)

    @property
    def html(self) -> str:
        """The report for a page; its formulas are MathML, which browsers show without a script."""
        return "\n".join(block.html() for block in self.blocks)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html, "text/latex": self.latex}
