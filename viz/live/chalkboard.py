"""The live page: what is in it, and how its parts are put together."""

import base64
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from viz.formulas.mistakes import MISTAKES
from viz.graph.dot import write
from viz.live.languages import EXAMPLES, LANGUAGES
from viz.live.table import PIECES, functions, methods, rules
from viz.player import languages as player
from viz.player.document import check_look, document, frame, json_in_page
from viz.player.player import PARTS, palette, part
from viz.player.squeeze import squeezed_script, squeezed_style

_HERE = files("viz.live") / "page"
_PARTS = ("layout", "engine", "parser", "formulas", "graph", "board")


def chalkboard(code: str | None = None, lang: str = "en", height: int = 720) -> "Chalkboard":
    """A page on which one types an expression, and the player steps through its chain rule at once, without Python.

    ``chalkboard().save("chalkboard.html")`` writes a single file that needs no network. On it one writes what a lesson
    writes, such as ``L = (a*b + c).tanh()``, on several lines, with values, ``neuron(2, tanh)`` and ``mlp(2, [4, 1])``;
    takes a step of gradient descent; tries wrong orders; and copies a link that has all of it.

    Args:
        code: the text that it begins with; by default, a first example.
        lang: the language that it begins with, ``"en"``, ``"es"`` or ``"ja"``; all three can be chosen on the page.
        height: the height of its frame in a notebook, in pixels.

    Raises:
        TypeError: if `code` is not a text.
        ValueError: if the language is unknown, or `height` is no number of pixels.

    >>> page = chalkboard("x = 3\\nL = x * x")
    >>> page.code.splitlines()
    ['x = 3', 'L = x * x']
    """
    if code is not None and not isinstance(code, str):
        raise TypeError(f"code must be a text such as 'L = a*b + c', got {type(code).__name__} {code!r:.40}")
    check_look(lang, LANGUAGES, height)
    return Chalkboard(EXAMPLES["simple"][0] if code is None else code, lang, height)


class Chalkboard:
    """The live page, made by `chalkboard`. A notebook shows it, and ``.save("chalkboard.html")`` saves it.

    Attributes:
        code: the text that it begins with.
        lang: the language that it begins with.
        height: the height of its frame in a notebook, in pixels.
    """

    def __init__(self, code: str, lang: str, height: int) -> None:
        self.code, self.lang, self.height = code, lang, height

    @property
    def html(self) -> str:
        """The whole page; it loads nothing from elsewhere."""
        table, script = rules()
        data = {
            "code": self.code,
            "lang": self.lang,
            "words": {lang: _words(lang) for lang in LANGUAGES},
            "examples": EXAMPLES,
            "rules": table,
            "pieces": PIECES,
            "functions": functions(),
            "methods": methods(),
        }
        style = palette() + part("page.css") + _file("board.css")
        title = str(LANGUAGES[self.lang]["title"])
        theme, unpack = (squeezed_script(text) for text in (part("theme.js"), _file("unpack.js")))
        script = squeezed_script(_script(script))
        packed = _packed(f"{json_in_page(data)}\0{script}")
        return document(title, self.lang, squeezed_style(style), unpack, packed, before=theme, unpacked=script)

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, whole or not at all, and return its path."""
        path = Path(path)
        write(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        return frame(self.html, str(LANGUAGES[self.lang]["title"]), self.height)


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _packed(text: str) -> str:
    """A text, compressed, as base64: a third of its size. The page unpacks it (`unpack.js`)."""
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return base64.b64encode(deflate.compress(text.encode()) + deflate.flush()).decode()


def _script(rules: str) -> str:
    """One script for the page and for the frame in it, whose data have names: there it is the player."""
    tools = [name for name in PARTS if name != "elements"]
    return "\n".join(
        [
            "(() => {",
            part("elements.js"),
            'const board = JSON.parse(document.querySelector("#data").textContent);',
            rules,
            "const TABLE = RULES;",
            *(_file(f"{name}.js") for name in _PARTS),
            part("answers.js"),
            "function player() {",
            "document.title = board.title;",
            "const RULES = board.used.map(([at, constants]) => entryOf(at, constants));",
            *(part(f"{name}.js") for name in tools if name != "answers"),
            "}",
            "(board.names ? player : chalkboard)();",
            "})();",
        ]
    )


def _words(lang: str) -> dict[str, Any]:
    hints = {mistake.name: player.HINTS.get(lang, {}).get(mistake.name, mistake.hint) for mistake in MISTAKES}
    local = {mistake.name for mistake in MISTAKES if mistake.partials} | {"sign", "upstream included"}
    of_player = (
        player.LANGUAGES[lang]
        | player.ORDERS[lang]
        | {
            "allPaths": player.ALL_PATHS[lang],
            "mistakes": {name: hint for name, hint in hints.items() if name in local},
        }
    )
    return LANGUAGES[lang] | {"player": of_player}
