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

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from math import isclose, isnan
from numbers import Real
from pkgutil import iter_modules
from typing import Any, Literal

from engine import Value
from engine.utils.console import printable
from engine.utils.messages import brief
from viz.formulas.notation import in_page

_ANEW = "None of the common mistakes gives this: work it out again."
_DOTS = "put your answer in place of the dots"
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
        if _is_missing(answer):
            return not_yet
        if _kind(self.right) == "a number" and (misfit := _misfit(_plain(answer), self.right)):
            return Verdict("wrong", misfit)
        try:
            measured = _plain(self.measure(answer))
        except NotImplementedError:
            return not_yet
        except Exception as error:
            if "ellipsis" in str(error).lower():  # dots in the middle of a formula
                return not_yet
            called = callable(self.right) and not callable(answer)  # what it returned was given in its place
            remedy = f" Pass the name of the {_callable_kind(self.right)} alone, without brackets." if called else ""
            return Verdict("wrong", f"Trying your answer gives an error. {_quoted(error)}{remedy}")
        if _is_missing(measured):
            return not_yet
        if _same(measured, self._right, self.rtol):
            return Verdict("right")
        for mistake in self.mistakes:
            if _same(measured, _plain(self.measure(mistake.answer)), self.rtol):
                return Verdict("hint", mistake.hint)
        return Verdict("wrong", _misfit(measured, self._right) or self.advice or _ANEW)


def outputs_at(*arguments: tuple[Any, ...]) -> Callable[[Any], list[Any]]:
    """A measure for functions: what they give for each of these tuples of arguments.

    >>> outputs_at((1.0, 2.0), (3.0, 4.0))(lambda x, y: x * y)
    [2.0, 12.0]
    """

    def outputs(function: Any) -> list[Any]:
        if not callable(function):
            raise TypeError(f"expected a function, got {type(function).__name__} {brief(function)}")
        return [function(*deepcopy(given)) for given in arguments]

    return outputs


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


def _quoted(error: Exception) -> str:
    """An error as one sentence."""
    lines = str(error).strip().splitlines() or [""]
    return ": ".join(filter(None, (type(error).__name__, lines[0]))).rstrip(".") + "."


def _plain(x: Any) -> Any:
    """Values, arrays and tuples as numbers and lists."""
    if isinstance(x, Value):
        return x.data
    if hasattr(x, "tolist"):
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


def _same(x: Any, y: Any, rtol: float) -> bool:
    if _kind(x) != _kind(y):
        return False
    if isinstance(x, Real) and not isinstance(x, bool):
        return isclose(x, y, rel_tol=rtol, abs_tol=1e-9) or (isnan(x) and isnan(y))
    if isinstance(x, str):
        return bool(x.strip().casefold() == y.strip().casefold())
    if isinstance(x, list):
        return len(x) == len(y) and all(_same(a, b, rtol) for a, b in zip(x, y))
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(_same(x[key], y[key], rtol) for key in x)
    return bool(x == y)


def _kind(x: Any) -> str:
    if x is None or x is ...:
        return "nothing"
    kinds = {
        bool: "True or False",
        str: "a text in quotes",
        list: "a list",
        dict: "a dictionary",
        Real: "a number",
        complex: "a complex number",
    }
    return next((word for kind, word in kinds.items() if isinstance(x, kind)), f"a {type(x).__name__}")


def _misfit(x: Any, right: Any) -> str:
    """What is wrong with an answer that is not even of the right kind."""
    comma = isinstance(x, list) and len(x) > 1 and all(type(each) is int for each in x)
    point = " If you meant a decimal, write it with a point: 0.5, not 0,5." if comma else ""
    if _kind(x) != _kind(right):
        return f"Your answer gives {_kind(x)}, but it should give {_kind(right)}.{point * (_kind(right) == 'a number')}"
    if isinstance(x, list):
        if len(x) != len(right):
            point *= len(x) > len(right)
            return f"Your answer gives a list of {len(x)}, but it should give a list of {len(right)}.{point}"
        return next(filter(None, map(_misfit, x, right)), "")
    return ""
