"""Worksheets for practising the chain rule by hand: a small graph with blanks, its key, and what went wrong where.

Every number comes from the engine's records of its own two passes. A wrong answer is explained by adding up the same
records under a wrong rule; each common mistake is one entry of `mistakes.MISTAKES`.

>>> sheet = worksheet(28)
>>> for line in sheet.given + sheet.expression:
...     print(line)
a = -2
b = 6
c = -5
d = a - b
e = d * c
L = e + a
>>> marks = sheet.check({"d": -8, "e": "40", "L": 38, "local a->d": 1, "local b->d": 1, "grad d": "−5", "grad a": -5})
>>> for blank in ("d", "local b->d", "grad d", "grad b", "grad a"):
...     print(marks[blank])
d: right
local b->d: wrong, you wrote 1
    A minus is missing: there is one in the local derivatives of -x, and of x - y and x / y with respect to y.
    The sign is wrong: check the minuses again.
grad d: right
grad b: not yet
grad a: wrong, you wrote -5
    A path is missing: every use of a node sends it a contribution, and they are added up.
    Only the last contribution was kept: add each one to what is already there (+=, not =).
>>> marks.summary
'5 of 14 are right.'
"""

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.graph import topological_order
from engine.utils.console import printable
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from viz.classroom.worksheets.handout import STYLE, key, page
from viz.classroom.worksheets.languages import LANGUAGES
from viz.classroom.worksheets.marking import Marks, Verdict, judge
from viz.classroom.worksheets.problem import LEVELS, exact, problem
from viz.classroom.worksheets.sheet import Sheet, local_blank
from viz.classroom.worksheets.work import Task, work
from viz.formulas.mistakes import steps_by_receiver
from viz.graph.dot import write
from viz.player.document import check_ending, check_lang

_OF_ITS_OWN = """@page { margin: 12mm } body { margin: 0; background: #fff }
h1 { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%) } /* read aloud */
@media screen and (prefers-color-scheme: dark) {
  body { background: #141414; color-scheme: dark }
  .worksheet { --ink: #f0f0f0; --paper: #141414; --quiet: #b8b8b8 }
  .worksheet svg { filter: invert(0.92) hue-rotate(180deg) } /* white turns into the paper's black, blue stays blue */
}"""  # the style of a page that is not in a notebook


@printable
@dataclass(frozen=True, eq=False)
class Worksheet(Sheet):
    """A worksheet that can mark answers and be printed: made by `worksheet`. Its contents are a `Sheet`."""

    def check(self, answers: Mapping[str, Any]) -> Marks:
        """What is right, what is missing, and which common mistake gives each wrong number; never the answer itself.

        A number that follows correctly from an earlier wrong one is recognised as such.

        Args:
            answers: for each blank, such as ``"d"``, ``"local a->d"`` or ``"grad a"``, a number, or a text such as
                ``"-1 1/2"``; None or an empty text means not yet.

        Raises:
            TypeError: if `answers` is not a dictionary.
            ValueError: if it names a blank that does not exist.
        """
        if not isinstance(answers, Mapping):
            raise TypeError(f'expected answers as {{"grad a": 3}}, got {type(answers).__name__} {brief(answers)}')
        given = {" ".join(str(name).replace("→", "->").split()): answer for name, answer in answers.items()}
        for name in given:
            if name not in self.key:
                raise ValueError(
                    f"there is no blank {brief(name)} on this worksheet; its blanks are {', '.join(self.key)}"
                )
        verdicts: list[Verdict] = []

        def mark(task: Task) -> float:
            """Mark a blank; a number that is given is no blank."""
            if task.blank not in self.key:
                return task.following
            wrong = [v.blank for v in verdicts if v.state == "wrong"]
            before = [name for name in wrong if name in task.used] or wrong
            key, suspects = self.key[task.blank], task.suspects
            verdict, number = judge(task.blank, given.get(task.blank), key, task.following, suspects, before)
            verdicts.append(verdict)
            return number

        work(self.root, mark)
        return Marks(tuple(verdicts))

    def html(self, name: str = "", keys: bool = False) -> str:
        """A self-contained page to print; with `keys`, followed by a page with the key."""
        return Worksheets((self,), (name,)).html(keys)

    def save(self, path: str | os.PathLike[str], name: str = "", keys: bool = False) -> str:
        """Write the page to a file, whose name ends in ``.html``, and return its path."""
        return Worksheets((self,), (name,)).save(path, keys)

    def _repr_html_(self) -> str:
        return Worksheets((self,), ("",))._repr_html_()


def worksheet(seed: int, difficulty: str = "easy", forward: bool = True, lang: str = "en") -> Worksheet:
    """A small random graph to work through by hand: the data of its operations, local derivatives, and gradients.

    Its blanks are the data of each operation (``"d"``), the local derivative on each arrow (``"local a->d"``), and all
    gradients except ∂L/∂L (``"grad a"``).

    The same seed always gives the same worksheet. At least one node is used twice and gets different gradients from
    ``+=`` and ``=``; no number is larger than 50, no gradient larger than 100, and no denominator larger than 8.

    Args:
        seed: which worksheet.
        difficulty: ``"easy"`` (3 or 4 of ``+ - *``), ``"medium"`` (4 to 6, also ``**2``, relu, max and minus) or
            ``"hard"`` (6 to 8, also / and fractions).
        forward: whether to ask for the data of the operations too; if not, they are given.
        lang: the language in which it is printed, ``"en"``, ``"es"`` or ``"ja"``; `Worksheet.check` answers in English.

    Raises:
        ValueError: if there is no such difficulty or language.

    >>> sheet = worksheet(3, "medium", forward=False)
    >>> sheet.expression
    ('d = relu(a)', 'e = b - a', 'f = d * e', 'L = f - c')
    >>> sheet.check({"grad a": 1}).summary
    '0 of 13 are right.'
    """
    number = as_integer(seed)
    if number is None:
        raise TypeError(f"seed must be a whole number, and the same one gives the same worksheet; got {brief(seed)}")
    seed = number
    if not isinstance(difficulty, str) or difficulty not in LEVELS:
        raise ValueError(f"difficulty must be one of {', '.join(map(repr, LEVELS))}, got {brief(difficulty)}")
    check_lang(lang, LANGUAGES)
    root = problem(random.Random(seed), difficulty)
    order = topological_order(root)
    received = steps_by_receiver(order, {node: node.data for node in order})
    key = {node.label: exact(node.data) for node in order if forward and node.rule is not None}
    arriving = [step for node in reversed(order[:-1]) for step in received[node]]
    key |= {local_blank(step.node, step.operand): exact(step.local) for step in arriving}
    key |= {f"grad {node.label}": exact(received[node][-1].total) for node in reversed(order[:-1])}
    return Worksheet(seed, difficulty, root, key, lang)


def worksheets(
    students: int | Sequence[str], seed: int = 0, difficulty: str = "easy", lang: str = "en"
) -> "Worksheets":
    """A worksheet for each student, no two alike; ``.save("class.html")`` writes them all into one file to print.

    Args:
        students: the number of students, or their names.
        seed: which set of worksheets.
        difficulty: as for `worksheet`.
        lang: likewise.

    Raises:
        TypeError: if `students` is neither a number nor a list of names.
        ValueError: if there are none.

    >>> both = worksheets(["Ada", "Emmy"], seed=1)
    >>> [sheet.difficulty for sheet in both.sheets], both.names
    (['easy', 'easy'], ('Ada', 'Emmy'))
    """
    count = as_integer(students)
    if count is not None:
        names: tuple[str, ...] = ("",) * count
    elif isinstance(students, Sequence) and not isinstance(students, str):
        names = tuple(map(str, students))
    else:
        raise TypeError(
            f"expected the number of students, or a list of names, got {brief(students)}; for one student write "
            "['Ada'], for two write 2"
        )
    if not names:
        raise ValueError(f"expected at least one student, got {students!r}")
    sheets: dict[tuple[str, ...], Worksheet] = {}
    number = as_integer(seed)
    rng = random.Random(seed if number is None else number)
    while len(sheets) < len(names):
        sheet = worksheet(rng.randrange(10**6), difficulty, lang=lang)
        sheets.setdefault(sheet.given + sheet.expression, sheet)
    return Worksheets(tuple(sheets.values()), names)


@printable
@dataclass(frozen=True)
class Worksheets:
    """Worksheets to print, one to a page: made by `worksheets`.

    Attributes:
        sheets: one for each student.
        names: the students' names; for an empty one there is a line to write it on.
    """

    sheets: tuple[Worksheet, ...]
    names: tuple[str, ...]

    def html(self, keys: bool = False) -> str:
        """A self-contained file with a page for each student and, with `keys`, the keys at the end."""
        title = self._words["worksheet" if len(self.sheets) == 1 else "worksheets"]
        return (
            f'<!DOCTYPE html>\n<html lang="{self.sheets[0].lang}">\n<head>\n<meta charset="utf-8">\n'
            f"<title>{title}</title>\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"</head>\n<body>\n<main>\n<h1>{title}</h1>\n{self._body(keys)}<style>{_OF_ITS_OWN}</style>\n</main>\n</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str], keys: bool = False) -> str:
        """Write the pages to a file, whole or not at all, and return its path.

        Raises:
            ValueError: if its name does not end in ``.html``.
        """
        check_ending(Path(path))
        write(Path(path), self.html(keys).encode())
        return str(path)

    @property
    def _words(self) -> Mapping[str, str]:
        return LANGUAGES[self.sheets[0].lang]

    def _body(self, keys: bool) -> str:
        pages = [page(sheet, name, i) for i, (sheet, name) in enumerate(zip(self.sheets, self.names))]
        if keys:
            listed = "".join(key(sheet, name) for sheet, name in zip(self.sheets, self.names))
            head = f"<h2>{self._words['key']}</h2>"
            pages.append(f'<section class="worksheet key">{head}<div class="keys">{listed}</div></section>\n')
        return f"<style>{STYLE.read_text(encoding='utf-8')}</style>\n" + "".join(pages)

    def _repr_html_(self) -> str:
        return self._body(keys=False)
