"""Worksheets on which the chain rule is learned by hand: a small graph with blanks, its key, and what went wrong where.

Every number comes from the engine's records of its own two passes. A wrong answer is explained by folding the same
records under a wrong rule, each usual mistake being one entry of `mistakes.MISTAKES`.

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
    The wrong operand: the local derivative of x * y by x is the other operand, y, and not x.
    This is the data of the node, and not its gradient.
grad d: right
grad b: not yet
grad a: wrong, you wrote -5
    A path is missing: every use of a node sends it a contribution, and they are all added.
    Only the last contribution is kept: each one is added to what is already there (+=, not =).
5 of 8 are right.
"""

import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isclose
from numbers import Rational, Real
from pathlib import Path
from typing import Any, Literal

from engine import BackwardStep, Value
from engine.graph import topological_order
from engine.steps import as_python, builtin_name
from viz.classroom.mistakes import MISTAKES, Mistake, gradients, received_at, values
from viz.classroom.worksheets.handout import STYLE, key, page
from viz.classroom.worksheets.problem import LEVELS, exact, nodes_of, problem
from viz.formulas.notation import in_page
from viz.graph.dot import write

# What a student writes.

_TYPED = str.maketrans({"−": "-", "–": "-", "⁄": "/", "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3"})
_FRACTION = re.compile(r"([+-]?) ?(?:(\d{1,9}) )?(\d{1,9}) ?/ ?([+-]?\d{1,9})")
_DECIMAL = re.compile(r"([+-]?) ?(?=[.,]?\d)(\d{0,9})(?:[.,](\d{0,20}))?")


@dataclass(frozen=True)
class Answer:
    """A number as it was written down: from three digits on, a decimal may be rounded or cut off.

    >>> str(Answer.read("-1 1/2").number)
    '-3/2'
    >>> [Answer.read(text).near(Fraction(2, 3)) for text in ("0,667", "0.666", "0.668", "0.67")]
    [True, True, False, False]
    """

    number: Fraction
    unit: Fraction = Fraction(0)  # of the last decimal
    digits: int = 0

    @classmethod
    def read(cls, given: Any) -> "Answer":
        """The number that was given.

        Raises:
            ValueError: if it is not one; the message says how to write it.
        """
        text = str(given)
        if not isinstance(given, bool):
            if isinstance(given, Rational):
                text = f"{given.numerator}/{given.denominator}"
            elif isinstance(given, Real):
                text = f"{float(given):.6f}".rstrip("0")
        text = " ".join(text.translate(_TYPED).split())
        if match := _DECIMAL.fullmatch(text):
            sign, whole, decimals = match.groups(default="")
            unit = Fraction(1, 10 ** len(decimals)) if decimals else Fraction(0)
            digits = (whole + decimals).lstrip("0")
            return cls(Fraction(f"{sign}{whole or 0}.{decimals or 0}"), unit, len(digits))
        match = _FRACTION.fullmatch(text)
        if match is None or int(match[4]) == 0:
            raise ValueError(f"{given!r:.40} can't be read as a number; write it as 3, -0.5, 3/4 or 1 1/2")
        number = int(match[2] or 0) + Fraction(int(match[3]), int(match[4]))
        return cls(-number if match[1] == "-" else number)

    def near(self, number: float | Fraction, digits: int = 3) -> bool:
        """Is it this number, or rounded or cut off from it if it has at least so many digits?"""
        exact = Fraction(number)
        off = abs(self.number - exact)
        room = self.unit if abs(self.number) < abs(exact) else self.unit / 2
        return off < 1e-6 or (self.digits >= digits and off < room)


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one blank.

    Attributes:
        blank: its name.
        given: what was written there.
        state: ``"right"``, ``"wrong"``, ``"not yet"`` or ``"unreadable"``.
        causes: the names of the mistakes that give this number, the likeliest first, each with its hint.
    """

    blank: str
    given: Any
    state: Literal["right", "wrong", "not yet", "unreadable"]
    causes: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The state in one line."""
        return f"wrong, you wrote {str(self.given).strip():.40}" if self.state == "wrong" else self.state

    def __str__(self) -> str:
        return "\n    ".join([f"{self.blank}: {self.line}", *self.causes.values()])


@dataclass(frozen=True)
class Marks:
    """The verdicts on a worksheet, in the order in which it is worked through; `marks["grad a"]` is one of them."""

    verdicts: tuple[Verdict, ...]

    @property
    def right(self) -> bool:
        """Whether every blank is right."""
        return all(verdict.state == "right" for verdict in self.verdicts)

    @property
    def summary(self) -> str:
        """How many blanks are right."""
        return f"{sum(v.state == 'right' for v in self.verdicts)} of {len(self.verdicts)} are right."

    def __getitem__(self, blank: str) -> Verdict:
        return {verdict.blank: verdict for verdict in self.verdicts}[blank]

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.verdicts, self.summary)))

    def _repr_html_(self) -> str:
        left = 'style="text-align:left"'  # a notebook would begin them anywhere
        rows = ""
        for v in self.verdicts:
            causes = "<br>".join(map(in_page, v.causes.values()))
            rows += (
                f"<tr><th {left}>{in_page(v.blank)}</th><td {left}>{in_page(v.line)}</td><td {left}>{causes}</td></tr>"
            )
        return f"<table>{rows}</table><p>{self.summary}</p>"


# The worksheet.


@dataclass(frozen=True, eq=False)
class Worksheet:
    """A graph with blanks: made by `worksheet`.

    Attributes:
        seed: the number it was drawn with.
        difficulty: ``"easy"``, ``"medium"`` or ``"hard"``.
        root: the last Value, L; its graph is the engine's own, before any `backward`.
        key: the right number for every blank, as a fraction: ``"d"`` is the data of d, ``"grad d"`` its gradient.
    """

    seed: int
    difficulty: str
    root: Value = field(repr=False)
    key: Mapping[str, Fraction] = field(repr=False)

    @property
    def given(self) -> tuple[str, ...]:
        """The leaves: ``"a = 2"``."""
        return tuple(f"{node.label} = {exact(node.data)}" for node in nodes_of(self.root) if node.rule is None)

    @property
    def expression(self) -> tuple[str, ...]:
        """The operations: ``"d = a * b"``."""
        return tuple(f"{s.name} = {as_python(s.node.rule, s.operand_names)}" for s in self.root.forward_steps())

    def check(self, answers: Mapping[str, Any]) -> Marks:
        """What is right, what is missing, and which usual mistake gives a number that is wrong; never the answer.

        A number that follows from an earlier wrong one is told as such, and what is right is not held against it.

        Args:
            answers: for each blank a number, or a text such as ``"-1 1/2"``; None or an empty text is none yet.

        Raises:
            TypeError: if `answers` is not a dictionary.
            ValueError: if it names a blank that is not there.
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

        def settled(blank: str, following: float, suspects: Sequence[Suspect], used: Sequence[str]) -> float:
            """The number to go on with."""
            if blank not in self.key:
                return following
            wrong = [v.blank for v in verdicts if v.state == "wrong"]
            before = [name for name in wrong if name in used] or wrong
            verdict, number = _judged(blank, given.get(blank), self.key[blank], following, suspects, before)
            verdicts.append(verdict)
            return number

        order = topological_order(self.root)
        data = {node: node.data for node in order if node.rule is None}
        through = {m: values(order, m) for m in MISTAKES}
        for node in order:
            if node.rule is not None:
                xs = [data[parent] for parent in node.parents]
                suspects = [(m, m.value(node.rule, xs), through[m][node]) for m in MISTAKES]
                used = [parent.label for parent in node.parents]
                data[node] = settled(node.label, node.rule.evaluate(*xs), suspects, used)
        received = received_at(order, data)
        through = {m: gradients(order, received, data, m) for m in MISTAKES}
        gradient = {self.root: 1.0}
        for node in reversed(order[:-1]):
            steps = received[node]
            suspects = [(m, m.gradients(steps, gradient, data), through[m][node]) for m in MISTAKES]
            used = [name for s in steps for name in (f"grad {s.node.label}", *_behind_the_slope(s))]
            following = sum(gradient[s.node] * s.local for s in steps)
            gradient[node] = settled(f"grad {node.label}", following, suspects, used)
        return Marks(tuple(verdicts))

    def html(self, name: str = "", keys: bool = False) -> str:
        """A page to print, complete in itself; with `keys` the key on a page behind it."""
        return Worksheets((self,), (name,)).html(keys)

    def save(self, path: str | os.PathLike[str], name: str = "", keys: bool = False) -> str:
        """Write the page to a file, and give its path."""
        return Worksheets((self,), (name,)).save(path, keys)

    def _repr_html_(self) -> str:
        return Worksheets((self,), ("",))._repr_html_()


Suspect = tuple[Mistake, Sequence[float], float]  # what it gives if it is made here, and if it is made all the way


def _behind_the_slope(step: BackwardStep) -> list[str]:
    """Whose data the local derivative of a step depends on."""
    parents, name = step.node.parents, builtin_name(step.node.rule)
    if name == "mul":
        return [str(parents[1 - step.operand].label)]
    return [] if name in ("add", "sub", "neg") else [str(parent.label) for parent in parents]


def _judged(
    blank: str, given: Any, key: Fraction, following: float, suspects: Sequence[Suspect], wrong: Sequence[str]
) -> tuple[Verdict, float]:
    """The verdict on an answer, and the number that goes on; `following` is right if what was `wrong` before is not."""
    if given is None or not str(given).strip():
        return Verdict(blank, given, "not yet"), following
    try:
        answer = Answer.read(given)
    except ValueError as error:
        return Verdict(blank, given, "unreadable", {"unreadable": f"{error}."}), following
    if answer.near(key):
        return Verdict(blank, given, "right"), float(key)
    causes = {}
    if answer.near(key, digits=0):
        causes["rounded"] = "Right as far as it goes: write a fraction, or at least three digits."
    if wrong and answer.near(following):
        causes["follows"] = f"Right from what you had for {', '.join(wrong)}: correct that first."
    for mistake, here, _ in suspects:
        if any(answer.near(number) and not isclose(number, following, abs_tol=1e-9) for number in here):
            causes[mistake.name] = mistake.hint
    for mistake, _, through in suspects:
        if answer.near(through) and not isclose(through, following, abs_tol=1e-9):
            causes.setdefault(mistake.name, f"Perhaps all the way from the start: {mistake.hint}")
    causes = causes or {"unknown": "None of the usual mistakes gives this number: work it out once more."}
    return Verdict(blank, given, "wrong", causes), float(answer.number)


# How one is made.


def worksheet(seed: int, difficulty: str = "easy", forward: bool = True) -> Worksheet:
    """A small random graph to fill in by hand: the data of its operations, and every gradient but the last node's.

    The same seed always gives the same worksheet. At least one node is used twice and gets different gradients from
    ``+=`` and ``=``; no number is larger than 50, no gradient larger than 100, and no denominator larger than 8.

    Args:
        seed: which one.
        difficulty: ``"easy"`` (3 or 4 of + - *), ``"medium"`` (4 to 6, also **2, relu, max and minus) or ``"hard"``
            (6 to 8, also / and fractions).
        forward: ask for the data of the operations too; otherwise they are given.

    Raises:
        ValueError: if there is no such difficulty.

    >>> sheet = worksheet(3, "medium", forward=False)
    >>> sheet.expression
    ('d = relu(a)', 'e = b - a', 'f = d * e', 'L = f - c')
    >>> sheet.check({"grad a": 1}).summary
    '0 of 6 are right.'
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be a whole number, the same for the same worksheet, got {seed!r:.40}")
    if not isinstance(difficulty, str) or difficulty not in LEVELS:
        raise ValueError(f"difficulty must be one of {', '.join(map(repr, LEVELS))}, got {difficulty!r:.40}")
    root = problem(random.Random(seed), difficulty)
    order = topological_order(root)
    received = received_at(order, {node: node.data for node in order})
    key = {node.label: exact(node.data) for node in order if forward and node.rule is not None}
    key |= {f"grad {node.label}": exact(received[node][-1].total) for node in reversed(order[:-1])}
    return Worksheet(seed, difficulty, root, key)


# How it is printed.


def worksheets(students: int | Sequence[str], seed: int = 0, difficulty: str = "easy") -> "Worksheets":
    """A worksheet for each student, no two alike, to be printed at once with ``.save("class.html")``.

    Args:
        students: how many, or their names.
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
        raise TypeError(f"expected how many students, or a list of names, got {students!r:.40}; one is written ['Ada']")
    names = ("",) * students if isinstance(students, int) else tuple(map(str, students))
    if not names:
        raise ValueError(f"expected at least one student, got {students!r}")
    sheets: dict[tuple[str, ...], Worksheet] = {}
    rng = random.Random(seed)
    while len(sheets) < len(names):
        sheet = worksheet(rng.randrange(10**6), difficulty)
        sheets.setdefault(sheet.given + sheet.expression, sheet)
    return Worksheets(tuple(sheets.values()), names)


@dataclass(frozen=True)
class Worksheets:
    """Worksheets to print, one page each: made by `worksheets`.

    Attributes:
        sheets: one for each student.
        names: theirs; an empty name leaves a line to write it on.
    """

    sheets: tuple[Worksheet, ...]
    names: tuple[str, ...]

    def html(self, keys: bool = False) -> str:
        """A page to print for each student and, with `keys`, the keys behind them; complete in itself."""
        title = "Worksheet" if len(self.sheets) == 1 else "Worksheets"
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f"<style>@page {{ margin: 14mm }} body {{ margin: 0; background: #fff }}</style>\n"
            f"</head>\n<body>\n{self._body(keys)}</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str], keys: bool = False) -> str:
        """Write the pages to a file, and give its path: the file appears whole or not at all."""
        write(Path(path), self.html(keys).encode())
        return str(path)

    def _body(self, keys: bool) -> str:
        pages = [page(sheet, name, i) for i, (sheet, name) in enumerate(zip(self.sheets, self.names))]
        if keys:
            listed = "".join(key(sheet, name) for sheet, name in zip(self.sheets, self.names))
            pages.append(f'<section class="worksheet key"><h2>Key</h2>{listed}</section>\n')
        return f"<style>{STYLE.read_text(encoding='utf-8')}</style>\n" + "".join(pages)

    def _repr_html_(self) -> str:
        return self._body(keys=False)
