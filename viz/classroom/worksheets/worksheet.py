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
>>> print(sheet.check({"d": -8, "e": "40", "L": 38, "grad e": 1, "grad d": "−5", "grad c": -5, "grad a": -5}))
d: right
e: right
L: right
grad e: right
grad c: wrong, you wrote -5
    The wrong operand: the local derivative of x * y with respect to x is y, the other operand.
    This is the node's data, not its gradient.
grad d: right
grad b: not yet
grad a: wrong, you wrote -5
    A path is missing: every use of a node sends it a contribution, and they are added up.
    Only the last contribution was kept: add each one to what is already there (+=, not =).
5 of 8 are right.
"""

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import BackwardStep
from engine.graph import topological_order
from engine.steps import builtin_name
from engine.utils.console import printable
from viz.classroom.worksheets.handout import STYLE, key, page
from viz.classroom.worksheets.marking import Marks, Suspect, Verdict, judge
from viz.classroom.worksheets.problem import LEVELS, exact, problem
from viz.classroom.worksheets.sheet import Sheet
from viz.formulas.mistakes import MISTAKES, backward_with, forward_with, steps_by_receiver
from viz.graph.dot import write


@printable
@dataclass(frozen=True, eq=False)
class Worksheet(Sheet):
    """A worksheet that can mark answers and be printed: made by `worksheet`. Its contents are a `Sheet`."""

    def check(self, answers: Mapping[str, Any]) -> Marks:
        """What is right, what is missing, and which common mistake gives each wrong number; never the answer itself.

        A number that follows correctly from an earlier wrong one is recognised as such.

        Args:
            answers: for each blank a number, or a text such as ``"-1 1/2"``; None or an empty text means not yet.

        Raises:
            TypeError: if `answers` is not a dictionary.
            ValueError: if it names a blank that does not exist.
        """
        if not isinstance(answers, Mapping):
            raise TypeError(f'expected answers as {{"grad a": 3}}, got {type(answers).__name__} {answers!r:.40}')
        given = {" ".join(str(name).split()): answer for name, answer in answers.items()}
        for name in given:
            if name not in self.key:
                raise ValueError(
                    f"there is no blank {name!r:.40} on this worksheet; its blanks are {', '.join(self.key)}"
                )
        verdicts: list[Verdict] = []

        def mark(blank: str, following: float, suspects: Sequence[Suspect], used: Sequence[str]) -> float:
            """Mark a blank, and return the number to continue with."""
            if blank not in self.key:
                return following
            wrong = [v.blank for v in verdicts if v.state == "wrong"]
            before = [name for name in wrong if name in used] or wrong
            verdict, number = judge(blank, given.get(blank), self.key[blank], following, suspects, before)
            verdicts.append(verdict)
            return number

        order = topological_order(self.root)
        data = {node: node.data for node in order if node.rule is None}
        all_the_way = {m: forward_with(order, m) for m in MISTAKES}
        for node in order:
            if node.rule is not None:
                xs = [data[parent] for parent in node.parents]
                suspects = [(m, m.value(node.rule, xs), all_the_way[m][node]) for m in MISTAKES]
                used = [parent.label for parent in node.parents]
                data[node] = mark(node.label, node.rule.evaluate(*xs), suspects, used)
        received = steps_by_receiver(order, data)
        all_the_way = {m: backward_with(order, received, data, m) for m in MISTAKES}
        gradient = {self.root: 1.0}
        for node in reversed(order[:-1]):
            steps = received[node]
            suspects = [(m, m.gradients(steps, gradient, data), all_the_way[m][node]) for m in MISTAKES]
            used = [name for s in steps for name in (f"grad {s.node.label}", *_operands_of_derivative(s))]
            following = sum(gradient[s.node] * s.local for s in steps)
            gradient[node] = mark(f"grad {node.label}", following, suspects, used)
        return Marks(tuple(verdicts))

    def html(self, name: str = "", keys: bool = False) -> str:
        """A self-contained page to print; with `keys`, followed by a page with the key."""
        return Worksheets((self,), (name,)).html(keys)

    def save(self, path: str | os.PathLike[str], name: str = "", keys: bool = False) -> str:
        """Write the page to a file, and return its path."""
        return Worksheets((self,), (name,)).save(path, keys)

    def _repr_html_(self) -> str:
        return Worksheets((self,), ("",))._repr_html_()


def _operands_of_derivative(step: BackwardStep) -> list[str]:
    """The nodes whose data the local derivative of a step depends on."""
    parents, name = step.node.parents, builtin_name(step.node.rule)
    if name == "mul":
        return [str(parents[1 - step.operand].label)]
    return [] if name in ("add", "sub", "neg") else [str(parent.label) for parent in parents]


def worksheet(seed: int, difficulty: str = "easy", forward: bool = True) -> Worksheet:
    """A small random graph to work through by hand: the data of its operations, and all gradients except ∂L/∂L.

    The same seed always gives the same worksheet. At least one node is used twice and gets different gradients from
    ``+=`` and ``=``; no number is larger than 50, no gradient larger than 100, and no denominator larger than 8.

    Args:
        seed: which worksheet.
        difficulty: ``"easy"`` (3 or 4 of + - *), ``"medium"`` (4 to 6, also **2, relu, max and minus) or ``"hard"``
            (6 to 8, also / and fractions).
        forward: whether to ask for the data of the operations too; if not, they are given.

    Raises:
        ValueError: if there is no such difficulty.

    >>> sheet = worksheet(3, "medium", forward=False)
    >>> sheet.expression
    ('d = relu(a)', 'e = b - a', 'f = d * e', 'L = f - c')
    >>> sheet.check({"grad a": 1}).summary
    '0 of 6 are right.'
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be a whole number, and the same one gives the same worksheet; got {seed!r:.40}")
    if not isinstance(difficulty, str) or difficulty not in LEVELS:
        raise ValueError(f"difficulty must be one of {', '.join(map(repr, LEVELS))}, got {difficulty!r:.40}")
    root = problem(random.Random(seed), difficulty)
    order = topological_order(root)
    received = steps_by_receiver(order, {node: node.data for node in order})
    key = {node.label: exact(node.data) for node in order if forward and node.rule is not None}
    key |= {f"grad {node.label}": exact(received[node][-1].total) for node in reversed(order[:-1])}
    return Worksheet(seed, difficulty, root, key)


def worksheets(students: int | Sequence[str], seed: int = 0, difficulty: str = "easy") -> "Worksheets":
    """A worksheet for each student, no two alike; ``.save("class.html")`` writes them all into one file to print.

    Args:
        students: the number of students, or their names.
        seed: which set of worksheets.
        difficulty: as for `worksheet`.

    Raises:
        TypeError: if `students` is neither a number nor a list of names.
        ValueError: if there are none.

    >>> both = worksheets(["Ada", "Emmy"], seed=1)
    >>> [sheet.difficulty for sheet in both.sheets], both.names
    (['easy', 'easy'], ('Ada', 'Emmy'))
    """
    if isinstance(students, str) or not isinstance(students, (int, Sequence)) or isinstance(students, bool):
        raise TypeError(
            f"expected the number of students, or a list of names, got {students!r:.40}; for one student write ['Ada']"
        )
    names = ("",) * students if isinstance(students, int) else tuple(map(str, students))
    if not names:
        raise ValueError(f"expected at least one student, got {students!r}")
    sheets: dict[tuple[str, ...], Worksheet] = {}
    rng = random.Random(seed)
    while len(sheets) < len(names):
        sheet = worksheet(rng.randrange(10**6), difficulty)
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
        title = "Worksheet" if len(self.sheets) == 1 else "Worksheets"
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f"<style>@page {{ margin: 14mm }} body {{ margin: 0; background: #fff }}</style>\n"
            f"</head>\n<body>\n{self._body(keys)}</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str], keys: bool = False) -> str:
        """Write the pages to a file, whole or not at all, and return its path."""
        write(Path(path), self.html(keys).encode())
        return str(path)

    def _body(self, keys: bool) -> str:
        pages = [page(sheet, name, i) for i, (sheet, name) in enumerate(zip(self.sheets, self.names))]
        if keys:
            listed = "".join(key(sheet, name) for sheet, name in zip(self.sheets, self.names))
            pages.append(f'<section class="worksheet key"><h2>Answer key</h2>{listed}</section>\n')
        return f"<style>{STYLE.read_text(encoding='utf-8')}</style>\n" + "".join(pages)

    def _repr_html_(self) -> str:
        return self._body(keys=False)
