"""What an exercise asks for, the mistakes that students make in it, and the verdict on an answer.

Answers are not compared as they stand, but by what can be measured: a number by itself, a function by its outputs, a
learning rate by how a training run with it turns out.

>>> area = Exercise(
...     right=6.0,
...     mistakes=(
...         Mistake(5.0, "You added the sides: an area is a product."),
...         Mistake(10.0, "This is the way around the rectangle, not its area."),
...         Mistake(3.0, "This is a triangle: half of the rectangle."),
...     ),
...     advice="Draw the rectangle, and count its squares.",
... )
>>> for answer in (..., 10, 6, 7):
...     print(area.check(answer))
… not yet: put your answer in place of the dots
→ hint: This is the way around the rectangle, not its area.
✓ right
✗ wrong: Draw the rectangle, and count its squares.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from math import isclose
from numbers import Real
from pkgutil import iter_modules
from typing import Any, Literal

from engine import Value
from engine.utils.console import printable
from engine.utils.messages import brief
from engine.utils.nested import tree_map
from viz.formulas.notation import in_page

_ANEW = "None of the common mistakes gives this: work it out again."
_DOTS = "put your answer in place of the dots"
_ROUNDED = "This looks rounded: give more digits, or let Python work it out."
_IN_QUOTES = {"a number": r"[-+]?\d+([.,/]\d+)?", "a list": r"[\[(].*"}
_SIGN = "The size is right; check the sign."
_PERCENT = "This is a hundred times too large: if you meant percent, give a number from 0 to 1."
_RETURN = "put your answer in place of the dots, and let the function return it"
State = Literal["right", "not yet", "hint", "wrong"]
STATE_TYPE = "application/vnd.chalkgrad.verdict+json"  # what `viz.mark` finds in a saved notebook; nobody sees it
LOOKS: dict[
    State, tuple[str, str]
] = {  # a sign, a word and a colour for each state; the colours are told apart by the colour-blind too
    "right": ("✓ right", "0,158,115"),
    "not yet": ("… not yet", "128,128,128"),
    "hint": ("→ hint", "230,159,0"),
    "wrong": ("✗ wrong", "213,94,0"),
}


@printable
@dataclass(frozen=True)
class Verdict:
    """The verdict on an answer: one line when printed, a box in a notebook. It never contains the right answer.

    Attributes:
        state: ``"right"``, ``"not yet"``, ``"hint"`` for a known mistake, or ``"wrong"``.
        hint: what to think about; empty if the answer is right.
        exercise: the exercise that it is about, if it is one of a lesson.
    """

    state: State
    hint: str = ""
    exercise: str = field(default="", compare=False)

    def __str__(self) -> str:
        return ": ".join(filter(None, (LOOKS[self.state][0], self.hint)))

    __repr__ = __str__

    @property
    def html(self) -> str:
        """A box that is readable on light and on dark pages."""
        word, colour = LOOKS[self.state]
        style = f"border-left:.4em solid rgb({colour});background:rgba({colour},.15);padding:.5em .8em;margin:.3em 0"
        return f'<div style="{style}"><b>{word}</b>{in_page(f": {self.hint}" if self.hint else "")}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        shown: dict[str, Any] = {"text/plain": str(self), "text/html": self.html}
        if self.exercise:
            shown[STATE_TYPE] = {"exercise": self.exercise, "state": self.state, "hint": self.hint}
        return shown


@printable
@dataclass(frozen=True)
class Mistake:
    """A wrong answer that students really give.

    Attributes:
        answer: what they write: a number, a text, a function...
        hint: a sentence that names the mistake without giving the right answer away.
    """

    answer: Any
    hint: str


@printable
@dataclass(frozen=True)
class Exercise:
    """An exercise: what is right, which mistakes are known, and how answers are compared.

    Attributes:
        right: a right answer.
        mistakes: the known wrong answers; the first that fits is named.
        measure: what is compared. Numbers, also in Values, are the same within `rtol`, texts regardless of case and
            outer spaces, lists and dictionaries element by element.
        advice: the hint for an answer that is neither right nor a known mistake.
        rtol: how far from the right number, relative to it, still counts as right.
    """

    right: Any
    mistakes: tuple[Mistake, ...]
    measure: Callable[[Any], Any] = lambda answer: answer
    advice: str = ""
    rtol: float = 1e-3

    @cached_property
    def _right(self) -> Any:
        return _plain(self.measure(self.right))

    def check(self, answer: Any) -> Verdict:
        """The verdict on an answer; an error that its measure raises is quoted, not raised."""
        not_yet = Verdict("not yet", _RETURN if callable(answer) else _DOTS)
        try:
            if _is_missing(answer):
                return not_yet
            if _kind(self.right) == "a number" and (misfit := _misfit(_plain(answer), self.right)):
                return Verdict("wrong", misfit)
            measured = _plain(self.measure(answer))
        except NotImplementedError:
            return not_yet
        except (Exception, SystemExit) as error:
            if "ellipsis" in str(error).lower():  # dots in the middle of a formula
                return not_yet
            called = callable(self.right) and not callable(answer)  # what it returned was given in its place
            remedy = f" Pass the name of the {_callable_kind(self.right)} alone, without brackets." if called else ""
            return Verdict("wrong", f"Trying your answer gives an error. {_quoted(error)}{remedy}")
        if _is_missing(measured):
            return not_yet
        exact = callable(self.right)  # what a function returns is a text to the letter; what people write is not
        if _same(measured, self._right, self.rtol, exact):
            return Verdict("right")
        for mistake in self.mistakes:
            if _same(measured, _plain(self.measure(mistake.answer)), self.rtol, exact):
                return Verdict("hint", mistake.hint)
        for slip, hint in ((_negated, _SIGN), (_in_percent, _PERCENT)):
            if _same(measured, tree_map(slip, self._right), self.rtol, exact):
                return Verdict("hint", hint)
        if _is_rounded(measured, self._right):
            return Verdict("hint", _ROUNDED)
        said = _misfit(measured, self._right) or self.advice or _ANEW
        if isinstance(self.measure, _Outputs):
            wrong = next(i for i, (x, y) in enumerate(zip(measured, self._right)) if not _same(x, y, self.rtol, exact))
            said += f" Given {self.measure.named(wrong)}, yours returns {_named(measured[wrong])}."
        return Verdict("wrong", said)


@dataclass(frozen=True)
class _Outputs:
    arguments: tuple[tuple[Any, ...], ...]

    def __call__(self, function: Any) -> list[Any]:
        if not callable(function):
            raise TypeError(f"expected a function, got {type(function).__name__} {_named(function)}")
        return [self._output(function, i) for i in range(len(self.arguments))]

    def _output(self, function: Callable[..., Any], i: int) -> Any:
        try:
            return function(*deepcopy(self.arguments[i]))
        except Exception as error:
            error.add_note(f"It was given {self.named(i)}.")
            raise

    def named(self, i: int) -> str:
        """The i-th arguments, for a message."""
        return " and ".join(map(_named, self.arguments[i]))


def outputs_at(*arguments: tuple[Any, ...]) -> Callable[[Any], list[Any]]:
    """A measure for functions: what they give for each of these tuples of arguments.

    >>> outputs_at((1.0, 2.0), (3.0, 4.0))(lambda x, y: x * y)
    [2.0, 12.0]
    """
    return _Outputs(arguments)


def check(name: str, answer: Any) -> Verdict:
    """The verdict on an answer to an exercise of a lesson: right, not yet, or which mistake leads to it.

    Args:
        name: lesson and exercise, such as ``"01.1"``, or application and exercise, such as ``"digits.1"``.
        answer: what the student found: a number, a list, a text, a function or a class, whatever the exercise asks for.

    Raises:
        ValueError: if there is no such exercise.
    """
    modules = _modules()
    lesson = str(name).partition(".")[0]
    if lesson not in modules:
        raise ValueError(f'there is no exercise {brief(name)}; write lesson and exercise as "01.1", {_among(modules)}')
    exercises: Mapping[str, Exercise] = import_module(modules[lesson]).EXERCISES
    if name not in exercises:
        raise ValueError(f"there is no exercise {brief(name)} in lesson {lesson}; there are {', '.join(exercises)}")
    return replace(exercises[name].check(answer), exercise=name)


def _modules() -> dict[str, str]:
    """Where the exercises of a lesson are, or of an application, by its number or its name."""
    here, modules = "viz.classroom.exercises", {}
    for package, prefix in ((here, "lesson_"), (f"{here}.applications", "")):
        for module in iter_modules(import_module(package).__path__):
            if module.name.startswith(prefix):
                modules[module.name.removeprefix(prefix)] = f"{package}.{module.name}"
    return modules


def _among(lessons: Iterable[str]) -> str:
    names = ", ".join(sorted(lessons))
    return f"for the lessons {names}" if names else "though no lesson has exercises yet"


def _callable_kind(thing: Any) -> str:
    return "class" if isinstance(thing, type) else "function"


def _quoted(error: BaseException) -> str:
    """An error as one sentence, and what it happened with as another."""
    lines = str(error).strip().splitlines() or [""]
    sentence = ": ".join(filter(None, (type(error).__name__, lines[0]))).rstrip(".") + "."
    return " ".join([sentence, *getattr(error, "__notes__", ())])


def _plain(x: Any) -> Any:
    """Values, arrays and tuples as numbers and lists."""
    if isinstance(x, Value):
        return x.data
    if hasattr(x, "tolist") and not isinstance(x, type):
        return x.tolist()
    if isinstance(x, (list, tuple)):
        return [_plain(each) for each in x]
    if isinstance(x, Mapping):
        return {key: _plain(each) for key, each in x.items()}
    return x


def _is_missing(x: Any) -> bool:
    """Whether there is no answer yet: nothing, dots in a list, or nothing in all outputs of a function."""
    if isinstance(x, (list, tuple)) and len(x) > 0:
        return any(each is ... for each in x) or all(map(_is_missing, x))
    return x is ... or x is None


def _same(x: Any, y: Any, rtol: float, exact: bool = False) -> bool:
    if _kind(x) != _kind(y):
        return False
    if isinstance(x, Real) and not isinstance(x, bool):
        return _near(x, y, rtol) or (x != x and y != y)  # nan is the same as nan
    if isinstance(x, str):
        return bool(x == y if exact else x.strip().casefold() == y.strip().casefold())
    if isinstance(x, list):
        return len(x) == len(y) and all(_same(a, b, rtol, exact) for a, b in zip(x, y))
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(_same(x[key], y[key], rtol, exact) for key in x)
    return bool(x == y)


def _near(x: Real, y: Real, rtol: float) -> bool:
    try:
        return isclose(x, y, rel_tol=rtol, abs_tol=1e-9)
    except OverflowError:  # more than the largest float
        return bool(x == y)


def _negated(x: Any) -> Any:
    """A number with the other sign; anything else as it is."""
    return -x if _kind(x) == "a number" else x


def _in_percent(x: Any) -> Any:
    """A share, which is from 0 to 1, in percent; anything else as it is."""
    return x * 100 if _kind(x) == "a number" and 0 <= x <= 1 else x


def _is_rounded(x: Any, right: Any) -> bool:
    """Whether numbers are the right ones, but with too few digits behind the point."""
    if _kind(x) != _kind(right):
        return False
    if isinstance(x, list):
        return len(x) == len(right) and all(map(_is_rounded, x, right))
    if isinstance(x, Real) and not isinstance(x, bool):
        return _near(x, right, 0.05) and any(_near(x, round(right, digits), 1e-9) for digits in range(1, 12))
    return _same(x, right, 0.0, exact=True)


def _kind(x: Any) -> str:
    if x is None or x is ...:
        return "nothing"
    if callable(x):
        return f"a {_callable_kind(x)}"
    kinds = {
        bool: "True or False",
        str: "a text in quotes",
        list: "a list",
        dict: "a dictionary",
        Real: "a number",
        complex: "a complex number",
    }
    name = type(x).__name__
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    return next((word for kind, word in kinds.items() if isinstance(x, kind)), f"{article} {name}")


def _misfit(x: Any, right: Any) -> str:
    """What is wrong with an answer that is not even of the right kind."""
    if _kind(x) != _kind(right):
        return f"Your answer gives {_kind(x)}, but it should give {_kind(right)}.{_remedy(x, _kind(right))}"
    if isinstance(x, list):
        if len(x) != len(right):
            numbers = len(x) <= 2 * len(right) and all(_kind(each) == "a number" for each in right)
            point = _about_commas(x) if numbers and len(x) > len(right) else ""
            return f"Your answer gives a list of {len(x)}, but it should give a list of {len(right)}.{point}"
        return next(filter(None, map(_misfit, x, right)), "")
    return ""


def _remedy(x: Any, wanted: str) -> str:
    """What to write where something of another kind is wanted, if that is plain."""
    if callable(x):
        return " Call it: put brackets after its name, with what goes in between them."
    if isinstance(x, str) and wanted in _IN_QUOTES and re.fullmatch(_IN_QUOTES[wanted], x.strip()):
        return " Leave the quotes out."
    if wanted == "a list" and isinstance(x, Real):
        return " Put it in square brackets, with a comma between one and the next."
    if wanted == "a list" and isinstance(x, Iterable) and not isinstance(x, (str, bytes, Mapping)):
        return " list(...) makes a list of it."
    if wanted == "a number" and isinstance(x, bool):
        return " int(...) makes 1 or 0 of it."
    if wanted == "a number" and isinstance(x, list) and len(x) <= 2:
        return " Leave the brackets out." if len(x) == 1 else _about_commas(x)
    return ""


def _about_commas(x: list[Any]) -> str:
    """A comma in a number makes a list of it."""
    if not x or not all(type(each) is int for each in x):
        return ""
    if len(x) == 2 and 100 <= x[1] < 1000:
        return " If you meant thousands, leave the comma out."
    return " If you meant a decimal, write it with a point: 0.5, not 0,5."


def _named(x: Any) -> str:
    """A thing, for a message, whatever its `repr` does."""
    if callable(x):
        return f"a {_callable_kind(x)}"
    try:
        return brief(x, 60)
    except Exception:
        return _kind(x)
