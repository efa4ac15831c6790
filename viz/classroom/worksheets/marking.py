"""How answers are marked: a number as it was written down, and what is said of it: a verdict for every blank.

In a page `viz/player/answers.js` does the same.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import isclose, isfinite
from numbers import Rational, Real
from typing import Any, Literal

from engine.utils.console import printable
from engine.utils.messages import brief, shortened
from viz.formulas.mistakes import Mistake
from viz.formulas.notation import in_page

_TYPED = str.maketrans(
    {
        **dict(zip("０１２３４５６７８９．，／－＋−–⁄", "0123456789.,/-+--/")),
        "½": " 1/2",
        "¼": " 1/4",
        "¾": " 3/4",
        "⅓": " 1/3",
        "⅔": " 2/3",
    }
)
_FRACTION = re.compile(r"([+-]?) ?(?:(\d{1,9}) )?(\d{1,9}) ?/ ?([+-]?\d{1,9})", re.ASCII)
_DECIMAL = re.compile(r"([+-]?) ?(?=[.,]?\d)(\d{0,9})(?:[.,](\d{0,20}))?", re.ASCII)


@printable
@dataclass(frozen=True)
class Answer:
    """A number as it was written down; a decimal of three digits or more may be rounded or cut off.

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
        """Read the number that was given.

        Raises:
            ValueError: if it is not a number; the message says how to write one.
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
            raise ValueError(f"{brief(given)} can't be read as a number; write it as 3, -0.5, 3/4 or 1 1/2")
        number = int(match[2] or 0) + Fraction(int(match[3]), int(match[4]))
        return cls(-number if match[1] == "-" else number)

    def near(self, number: float | Fraction, digits: int = 3) -> bool:
        """Whether it is this number or, if it has at least so many digits, this number rounded or cut off."""
        if not isfinite(number):
            return False
        exact = Fraction(number)
        off = abs(self.number - exact)
        room = self.unit if abs(self.number) < abs(exact) else self.unit / 2
        return off < 1e-6 or (self.digits >= digits and off < room)


@printable
@dataclass(frozen=True)
class Verdict:
    """What is said about one blank.

    Attributes:
        blank: its name.
        given: what was written there.
        state: ``"right"``, ``"wrong"``, ``"not yet"`` or ``"unreadable"``.
        causes: the mistakes that give this number, the most likely first: their names, each with its hint.
    """

    blank: str
    given: Any
    state: Literal["right", "wrong", "not yet", "unreadable"]
    causes: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The state in one line."""
        return f"wrong, you wrote {shortened(str(self.given).strip(), 40)}" if self.state == "wrong" else self.state

    def __str__(self) -> str:
        return "\n    ".join([f"{self.blank}: {self.line}", *self.causes.values()])


@printable
@dataclass(frozen=True)
class Marks:
    """The verdicts on a worksheet, in the order in which it is worked; `marks["grad a"]` is one of them."""

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
        left = 'style="text-align:left"'  # notebooks align table cells to the right
        rows = ""
        for v in self.verdicts:
            causes = "<br>".join(map(in_page, v.causes.values()))
            rows += (
                f"<tr><th {left}>{in_page(v.blank)}</th><td {left}>{in_page(v.line)}</td><td {left}>{causes}</td></tr>"
            )
        return f"<table>{rows}</table><p>{self.summary}</p>"


Suspect = tuple[Mistake, Sequence[float], float]  # a mistake, and what it gives if made here, and if made at every step


def judge(
    blank: str, given: Any, key: Fraction, following: float, suspects: Sequence[Suspect], wrong: Sequence[str]
) -> tuple[Verdict, float]:
    """The verdict on an answer, and the number to continue with; `following` is what the earlier answers lead to."""
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
        causes["rounded"] = "Right so far: write a fraction, or at least three digits."
    if wrong and answer.near(following):
        causes["follows"] = f"This follows from what you had for {', '.join(wrong)}: correct that first."
    for mistake, here, _ in suspects:
        if any(answer.near(number) and not isclose(number, following, abs_tol=1e-9) for number in here):
            causes[mistake.name] = mistake.hint
    for mistake, _, all_the_way in suspects:
        if answer.near(all_the_way) and not isclose(all_the_way, following, abs_tol=1e-9):
            causes.setdefault(mistake.name, f"Perhaps at every step: {mistake.hint}")
    causes = causes or {"unknown": "None of the common mistakes gives this number: work it out again."}
    return Verdict(blank, given, "wrong", causes), float(answer.number)
