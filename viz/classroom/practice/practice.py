"""The page of practice: worksheets to fill in on the screen, each answer judged at once."""

import random
from collections.abc import Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from engine import Rule, Value
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from viz.classroom.practice.languages import LANGUAGES
from viz.classroom.practice.tape import blanks_of
from viz.classroom.worksheets import Worksheet, worksheet
from viz.classroom.worksheets.drawing import drawing, node_title
from viz.classroom.worksheets.problem import LEVELS, exact, nodes_of
from viz.classroom.worksheets.sheet import local_blank
from viz.formulas.mistakes import MISTAKES
from viz.graph.dot import write
from viz.graph.palette import DARK, LIGHT
from viz.player.document import check_ending, check_look, document, frame
from viz.player.javascript import rule_functions

MOST = 200  # graphs for each level
_HERE = files("viz.classroom.practice")
_SHARED = files("viz.player") / "page"


def practice(count: int = 20, seed: int = 0, lang: str = "en", height: int = 720) -> "Practice":
    """A page for practising the chain rule on one's own: small random graphs, with a blank for every number.

    Each answer is judged as soon as it is typed, as by `worksheet(...).check`: right, or which mistake gives this
    number. There are hints, and a score. A notebook shows the page, and ``practice().save("practice.html")`` writes a
    single file that needs neither Python nor a network. ``#hard-3`` in its address is the third of the hard graphs.

    Args:
        count: how many graphs of each of the three levels the page draws from; each adds about 9 kB to it.
        seed: which graphs; the same seed always gives the same page.
        lang: the language of the page, ``"en"``, ``"es"`` or ``"ja"``.
        height: the height of the frame in a notebook, in pixels.

    Raises:
        TypeError: if `count` or `seed` is not a whole number.
        ValueError: if `count` is not from 1 to 200, the language is unknown, or `height` is no number of pixels.

    >>> practice(2).sheets["hard"][0].difficulty
    'hard'
    """
    for name, number in (("count", count), ("seed", seed)):
        if as_integer(number) is None:
            raise TypeError(f"{name} must be a whole number, got {type(number).__name__} {brief(number)}")
    if not 1 <= count <= MOST:
        raise ValueError(f"count must be from 1 to {MOST}, got {count}; another seed gives other graphs")
    check_look(lang, LANGUAGES, height)
    rng = random.Random(as_integer(seed))
    sheets = {level: tuple(worksheet(rng.randrange(10**6), level) for _ in range(count)) for level in LEVELS}
    return Practice(sheets, lang, height)


class Practice:
    """A page of practice, made by `practice`. A notebook shows it, and ``.save("practice.html")`` saves it.

    Attributes:
        sheets: the worksheets that it draws from, by level.
        lang: the language of the page.
        height: the height of the frame in a notebook, in pixels.
    """

    def __init__(self, sheets: Mapping[str, tuple[Worksheet, ...]], lang: str, height: int) -> None:
        self.sheets, self.lang, self.height = sheets, lang, height

    @property
    def html(self) -> str:
        """The whole page; it loads nothing from elsewhere."""
        words = LANGUAGES[self.lang]
        rules: dict[tuple[Rule, int], int] = {}
        levels = {level: [_problem(sheet, rules) for sheet in sheets] for level, sheets in self.sheets.items()}
        hints = [words["mistakes"].get(mistake.name, mistake.hint) for mistake in MISTAKES]
        script = "\n".join(
            [
                (_SHARED / "elements.js").read_text(encoding="utf-8"),
                (_SHARED / "answers.js").read_text(encoding="utf-8"),
                rule_functions(list(rules)),
                (_HERE / "practice.js").read_text(encoding="utf-8"),
            ]
        )
        style = _colours() + (_HERE / "practice.css").read_text(encoding="utf-8")
        data = {"words": {**words, "mistakes": hints}, "levels": levels}
        theme = (_SHARED / "theme.js").read_text(encoding="utf-8")
        return document(words["title"], self.lang, style, script, data, before=theme)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all, and return its path.

        Raises:
            ValueError: if its name does not end in ``.html``.
        """
        path = Path(path)
        check_ending(path)
        write(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        return frame(self.html, LANGUAGES[self.lang]["title"], self.height)


def _colours() -> str:
    """The colours of boxes and arrows, as CSS variables."""
    rules = []
    for selector, palette in ((":root", LIGHT), ('[data-theme="dark"]', DARK)):
        colours = {"page": palette.ground, "ink": palette.ink, "line": palette.line}
        for role in ("input", "operation", "output"):
            style = palette.styles[role]
            colours |= {f"{role}-fill": style.fill, f"{role}-line": style.border}
        rules.append(f"{selector} {{{''.join(f'--{name}:{colour};' for name, colour in colours.items())}}}\n")
    return "".join(rules)


def _problem(sheet: Worksheet, rules: dict[tuple[Rule, int], int]) -> dict[str, Any]:
    """Everything that the page needs to know about a graph, as plain data."""
    judged = blanks_of(sheet, rules)
    place = {blank["name"]: i for i, blank in enumerate(judged["blanks"])}
    hints = _hints(sheet)
    for blank in judged["blanks"]:
        blank["hint"] = hints[blank["name"]]
    nodes = nodes_of(sheet.root)
    return {
        **judged,
        "nodes": [
            {
                "title": node_title(node),
                "role": "output" if node is sheet.root else node.role,
                "data": place.get(str(node.label), str(exact(node.data))),  # the number of a blank, or what is given
                "grad": place.get(f"grad {node.label}", "1"),
            }
            for node in nodes
        ],
        "views": [_view(sheet, place, rankdir) for rankdir in ("LR", "TB")],
    }


def _view(sheet: Worksheet, place: Mapping[str, int], rankdir: str) -> dict[str, Any]:
    def rows(node: Value) -> tuple[str, ...]:
        return node_title(node), "data ____", "grad ____"

    drawn = drawing(sheet.root, rows, "box", rankdir)
    blanks = [
        place[local_blank(node, operand)] for node in nodes_of(sheet.root) for operand in range(len(node.parents))
    ]
    boxes = drawn.layout.places.values()
    return {
        "size": [round(drawn.layout.width), round(drawn.layout.height)],
        "boxes": [[round(box.x - box.width / 2), round(box.y - box.height / 2), round(box.width)] for box in boxes],
        "arrows": [
            [curve, round(x), round(y), blank] for curve, (x, y), blank in zip(drawn.curves, drawn.blanks, blanks)
        ],
    }


def _hints(sheet: Worksheet) -> dict[str, str]:
    """For each blank a formula that leads to it."""
    nodes, hints = nodes_of(sheet.root), {}
    for node, line in zip(nodes, sheet.given + sheet.expression):
        hints[str(node.label)] = line
        hints.update({local_blank(node, operand): line for operand in range(len(node.parents))})
    for node in nodes:
        terms = [
            f"grad {user.label} · ∂{user.label}/∂{node.label}"
            for user in reversed(nodes)
            for parent in user.parents
            if parent is node
        ]
        hints[f"grad {node.label}"] = f"grad {node.label} = {' + '.join(terms)}"
    return hints
