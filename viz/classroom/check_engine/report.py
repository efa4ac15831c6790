"""Is an engine right that somebody has written, such as a student in class? Try it beside ours, line by line.

>>> class Value:
...     def __init__(self, data):
...         self.data = data
...
...     def __add__(self, other):
...         return Value(self.data - other.data)
>>> print(check_engine(Value))  # doctest: +ELLIPSIS
Value is not right yet.
Checked: a + b.
Not there yet, and skipped: a * b, -a, ...
The smallest program that goes wrong:
    a = Value(3.0)
    b = a + a
number  data  right
a       3
b       0  ✗  6
The likely mistake: operation swapped.
    Another operation was done than the one that stands there.
    It explains ... programs that were compared.
"""

import random
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from numbers import Real
from typing import Any
from unittest.mock import patch

from engine.names import number
from viz.classroom.check_engine.diagnosis import Diagnosis, diagnosed
from viz.classroom.check_engine.trials import (
    KINDS,
    Case,
    EndlessError,
    Error,
    Kind,
    Line,
    Program,
    Watch,
    error_of,
    random_programs,
    same,
    shrunk,
    simple_programs,
    tried,
)

MIXED, TWICE, ALIKE = 150, 100, 60  # how many programs: of all kinds of line, of two passes, to compare with one
FURTHER = 60  # how many that went wrong decide between two mistakes that explain as much
STARTS = 8  # how many programs that go wrong are shrunk
CHAIN, DOUBLINGS = 5000, 40  # operations in a row; numbers added to themselves, one after another

_NOT_YET = (TypeError, AttributeError, AssertionError, NotImplementedError)


@dataclass(frozen=True)
class EngineReport:
    """What came of an engine beside ours: printed a short text, in a notebook with a picture of what goes wrong.

    Attributes:
        called: the name of the class.
        checked: the kinds of line that were tried, such as ``"a + b"``.
        skipped: those that are not there yet, and what is missing for each.
        backward: whether there was a backward pass to look at.
        programs: how many programs were tried.
        case: the smallest program that goes wrong, in both engines.
        diagnosis: the likely mistake in it.
        remarks: what is no wrong number, but a limit.
    """

    called: str
    checked: tuple[str, ...]
    skipped: dict[str, str]
    backward: bool
    programs: int
    case: Case | None = None
    diagnosis: Diagnosis | None = None
    remarks: tuple[Diagnosis, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every number was right, as far as the engine goes."""
        return self.case is None

    @property
    def complete(self) -> bool:
        """Whether backward and all the operators of the lessons are there, and a tanh or a relu."""
        wanted = {str(kind) for kind in KINDS if "." not in kind.text and not kind.optional}
        return self.backward and wanted <= set(self.checked) and bool({"a.tanh()", "a.relu()"} & set(self.checked))

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The names of the likely mistake, and of the remarks."""
        return tuple(found.name for found in (self.diagnosis, *self.remarks) if found)

    def head(self) -> list[str]:
        """The sentences that say what was checked."""
        if not self.ok:
            verdict = f"{self.called} is not right yet."
        elif self.skipped or not self.backward:
            verdict = f"{self.called} is right as far as it goes."
        else:
            verdict = f"{self.called} is right."
        if self.ok:
            verdict += f" {self.programs} program{'s' * (self.programs != 1)} gave the same numbers as ours."
        lines = [verdict, f"Checked: {', '.join(self.checked) or 'a number alone'}."]
        missing = [what for what, why in self.skipped.items() if not why]
        for why in dict.fromkeys(filter(None, self.skipped.values())):
            missing.append(f"{', '.join(what for what in self.skipped if self.skipped[what] == why)} ({why})")
        if not self.backward:
            missing.append("backward(), so that no gradient was looked at")
        return lines + [f"Not there yet, and skipped: {', '.join(missing)}."] * bool(missing)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows of a table: the numbers of the smallest program, theirs against ours."""
        if self.case is None:
            return [], []
        data, grad = [node.data for node in self.case.nodes], [node.grad for node in self.case.nodes]
        columns = [("data", self.case.data, data)]
        if self.case.fault == "changed":
            columns.append(("data in the end", self.case.after, data))
        if self.backward and self.case.fault in ("gradient", "changed"):
            columns.append(("grad", self.case.grad, grad))
        head, rows = ["number"], [[name] for name in self.case.program.names]
        for title, theirs, ours in columns:
            wrong = [i for i, x in enumerate(theirs) if not same(x, ours[i])]
            head += [title, "right"] if wrong else [title]
            for i, row in enumerate(rows):
                shown = _shown(theirs[i], ours[i]) if i < len(theirs) else ("—", "")
                row.append(shown[0] + "  ✗" * (i in wrong))
                row += [shown[1] * (i in wrong)] * bool(wrong)
        return head, rows

    def tail(self) -> list[str]:
        """The sentences that say what is wrong."""
        lines = []
        if self.case and self.case.error:
            lines.append(f"It {self.case.error.text}.")
        if self.diagnosis and self.case:
            found = self.diagnosis
            lines += [f"The likely mistake: {found.name}.", f"    {found.hint}"]
            if found.compared > 1:
                lines.append(f"    It explains {found.explained} of {found.compared} programs that were compared.")
        elif self.case:
            lines += ["No usual mistake gives these numbers: work them out by hand, beside what the engine does."]
        for remark in self.remarks:
            lines += [f"A remark: {remark.name}.", f"    {remark.hint}"]
        return lines

    def __str__(self) -> str:
        lines = self.head()
        if self.case:
            lines += ["The smallest program that goes wrong:"]
            lines += ["    " + line for line in self.case.program.code(self.called)]
            head, rows = self.table()
            widths = [max(map(len, column)) for column in zip(head, *rows)]
            lines += ["  ".join(x.ljust(width) for x, width in zip(row, widths)).rstrip() for row in (head, *rows)]
        return "\n".join(lines + self.tail())

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        shown = {"text/plain": str(self)}
        try:
            from viz.classroom.check_engine.failure import (
                page,  # the one look upwards: a report draws itself where there is something to draw
            )
        except ImportError:
            return shown
        return shown | {"text/html": page(self)}


def _shown(x: Any, y: Any) -> tuple[str, str]:
    if not isinstance(x, float):
        return ("—" if x is None else type(x).__name__), number(y)
    near = number(x) == number(y) and not same(x, y)
    return (repr(x), repr(y)) if near else (number(x), number(y))


def check_engine(engine: Callable[[float], Any], seed: int = 0) -> EngineReport:
    """Try a class of numbers with a backward pass beside ours, and name the likely mistake where they part.

    The class is called with one number, and its objects have ``data``, ``grad`` and ``backward()``, operators, and
    methods such as ``tanh()``, as far as it has been written: what is missing is skipped. Small random programs, in
    which numbers are shared, run in both engines; one that goes wrong is made as small as it goes on going wrong.

    Args:
        engine: the class itself, without parentheses.
        seed: other programs for another seed.

    Raises:
        TypeError: if it is no class.
    """
    if not callable(engine):
        raise TypeError(f"check_engine takes the class, such as check_engine(Value), got {engine!r:.60}")
    with Watch() as watch, redirect_stdout(StringIO()):  # theirs may print at every step
        return _Trial(engine, seed, watch).report()


class _Trial:
    """The programs tried so far, and what has come of them."""

    def __init__(self, engine: Callable[[float], Any], seed: int, watch: Watch) -> None:
        self.engine, self.rng, self.watch = engine, random.Random(seed), watch
        self.called = getattr(engine, "__name__", "Value")
        self.backward = _has(engine, "backward")
        self.skipped: dict[str, str] = {}
        self.kinds: list[Kind] = []
        self.count = 0
        self.wrong: list[Case] = []

    def report(self) -> EngineReport:
        case = self._tried(Program((3.0,), backward=False))
        if case.fault:
            return self._found(case)
        sample = self.engine(3.0)
        self.backward = _has(sample, "backward")
        self._look_for_kinds(sample)
        innocent = self._each_kind_alone()
        if not self._is_endless():
            self._try(islice(random_programs(self.kinds, self.rng, backward=self.backward), MIXED))
        if self.wrong:
            return self._found(self._smallest(), innocent)
        if self.backward:
            self._try(islice(random_programs(self.kinds, self.rng, most=4, twice=True), TWICE))
        if self.wrong:
            return self._found(self._smallest(), self.kinds, self._remarks())
        return self._report(remarks=self._remarks())

    def _report(self, **found: Any) -> EngineReport:
        checked = tuple(map(str, self.kinds))
        return EngineReport(self.called, checked, self.skipped, self.backward, self.count, **found)

    def _smallest(self) -> Case:
        """What the smallest of the cases shrink to: one may get stuck where another does not."""
        starts = sorted(self.wrong, key=lambda case: case.program.size())[:STARTS]
        found = [shrunk(case, self.engine, self.watch, self.kinds) for case in starts]
        return min(found, key=lambda case: case.program.size())

    def _tried(self, program: Program) -> Case:
        case = tried(program, self.engine, self.watch)
        assert case is not None  # a program of ours, which is fit to be tried
        return case

    def _try(self, programs: Iterable[Program]) -> bool:
        """Try programs until there is one without an end; whether all were right."""
        before = len(self.wrong)
        for program in programs:
            if (case := tried(program, self.engine, self.watch)) is not None:
                self.count += 1
                if case.fault:
                    self.wrong.append(case)
                if self._is_endless():
                    break
        return len(self.wrong) == before

    def _is_endless(self) -> bool:
        return bool(self.wrong) and self.wrong[-1].is_endless

    def _look_for_kinds(self, sample: Any) -> None:
        absent = set()
        for kind in KINDS:
            missing, why = not _has(sample, kind.needs), ""
            if not missing:
                line = Line(kind, tuple(range(kind.operands)))
                first = self._tried(Program((3.0, 2.0)[: kind.operands], (line,), (kind.operands,), backward=False))
                refused = _NOT_YET if kind.mixed else NotImplementedError
                if first.error and issubclass(first.error.type, refused):
                    missing, why = True, first.error.text.removeprefix("raised ").partition(", in ")[0]
            if not missing:
                self.kinds.append(kind)
            elif not kind.optional and (why or kind.needs not in absent):
                self.skipped[str(kind)] = why
                absent.add(kind.needs)

    def _each_kind_alone(self) -> list[Kind]:
        """Try every kind of line by itself, and give those that went right."""
        self._try([Program((3.0,), backward=self.backward)])
        innocent = []
        for kind in self.kinds:
            fuzz = random_programs([kind], self.rng, most=4, backward=self.backward)
            alone = [*simple_programs([kind], self.backward), *islice(fuzz, 6)]
            if self._is_endless():
                break
            if self._try(alone):
                innocent.append(kind)
        return innocent

    def _found(self, case: Case, innocent: Sequence[Kind] = (), remarks: tuple[Diagnosis, ...] = ()) -> EngineReport:
        diagnosis = Diagnosis("equal nodes", _EQUAL) if self._is_right_by_identity(case) else _plain_to_see(case)
        if diagnosis is None and case.fault in ("data", "gradient"):
            here, twice = case.program.kinds, case.program.is_twice
            needs = {kind.needs for kind in here}
            akin = [kind for kind in self.kinds if kind.needs in needs]
            plain = [kind for kind in innocent if kind.cost == 1 and kind not in akin]
            fuzz = random_programs(3 * akin + plain, self.rng, 4, self.backward, twice) if here else ()
            alike = [
                Program((3.0,), backward=self.backward),
                *simple_programs(akin, self.backward),
                *islice((program for program in fuzz if program.kinds & here), ALIKE),
            ]
            others = [other for program in alike if (other := tried(program, self.engine, self.watch)) is not None]
            comparable = [x for x in others if x.fault in ("", case.fault) and x.program.is_twice == twice]
            further = [x for x in self.wrong if x.fault == case.fault and x.program.is_twice == twice]
            diagnosis = diagnosed(case, comparable, further[:FURTHER])
        return self._report(case=case, diagnosis=diagnosis, remarks=remarks)

    def _is_right_by_identity(self, case: Case) -> bool:
        """Whether nothing but an ``__eq__`` of their own is wrong."""
        their = type(case.made[0]) if case.made else object
        if their.__eq__ is not object.__eq__:
            with suppress(TypeError), patch.multiple(their, __eq__=object.__eq__, __hash__=object.__hash__):
                return not self._tried(case.program).fault
        return False

    def _remarks(self) -> tuple[Diagnosis, ...]:
        kind = next((kind for kind in self.kinds if kind.operands == 2), None)
        if not self.backward or kind is None:
            return ()
        if error := self._in_a_row(kind, CHAIN, shared=False):
            if issubclass(error.type, RecursionError):
                return (Diagnosis("recursion", _RECURSION),)
            return (Diagnosis("a long chain", f"A chain of {CHAIN:,} operations {error.text}."),)
        if self._in_a_row(kind, DOUBLINGS, shared=True):
            return (Diagnosis("path by path", _PATHS),)
        return ()

    def _in_a_row(self, kind: Kind, count: int, shared: bool) -> Error | None:
        try:
            with self.watch.limit(2.0):
                leaf = node = self.engine(1.0)
                for _ in range(count):
                    node = kind.make(node, node if shared else leaf)
                node.backward()
        except (Exception, EndlessError) as error:
            return error_of(error)
        return None


_RECURSION = (
    f"A chain of {CHAIN:,} operations ends with a RecursionError: Python does not go that deep. A list of the nodes "
    "still to be visited does what a function that calls itself does, at any length."
)
_PATHS = (
    f"{DOUBLINGS} numbers, each the one before added to itself, come to no end: every path is walked by itself, and "
    "each doubles their number. Visit each node once."
)


def _has(thing: Any, method: str) -> bool:
    try:
        return callable(getattr(thing, method, None))
    except Exception:
        return False


_WHOLE = "A whole Value stands where a number is meant: is .data forgotten?"
_EQUAL = (
    "Equal numbers make equal nodes, and one passes for the other: take away __eq__ (a dataclass writes one: "
    "@dataclass(eq=False) does not)."
)
_START = (
    "The pass starts from the gradient of the result by itself, which is 1: set self.grad to it, and after all that is "
    "set to 0, or it is wiped out."
)
# What an error says, and what is behind it: the first that fits.
# fmt: off
_ERRORS = (
    ("RecursionError", "recursion", "A function calls itself without end: what ends it? In an operator: is .data "
     "forgotten?"),
    ("'NoneType' object is not callable", "None is called", "Store the function itself, without (): out._backward = "
     "_backward. And a leaf needs one that does nothing."),
    ("'NoneType'(?! object has no)", "None for a number", "Something is None: let grad begin as 0.0, and let functions "
     "return."),
    ("'(int|float)' object has no attribute", "plain number", "A plain number stands where a Value is meant: "
     "other = other if isinstance(other, Value) else Value(other)."),
    ("'(function|method|type)'", "function not called", "A function stands where what it gives is meant: call "
     "it, with ()."),
    ("must be real number, not '?[A-Z]|not supported between", "Value for a number", _WHOLE),
    (r"unsupported operand.*('float' and '[A-Z]|'[A-Z]\w*' and 'float')", "Value beside a number", "A number meets a "
     "whole Value: is .data forgotten? Or is it __radd__ or __rmul__ that is missing?"),
    ("not iterable|must support iteration", "missing comma", "One stands where several are meant: a tuple of one has a "
     "comma, (x,)."),
    ("", "error", "Python says where it happened; run the smallest program by itself."),
)
# fmt: on


def _plain_to_see(case: Case) -> Diagnosis | None:
    """What needs no comparing: errors, no number where one should be, and a pass that does not begin with 1."""
    if case.fault == "error" and case.error:
        if case.is_endless:
            return Diagnosis("endless loop", "What ends the loop? A node that has been visited is not visited again.")
        return next(Diagnosis(name, hint) for said, name, hint in _ERRORS if re.search(said, case.error.text))
    missing = next((i for i, x in enumerate(case.data) if x is None), None)
    if missing is not None and missing < len(case.program.leaves):
        return Diagnosis("no data", "Keep the number in __init__: self.data = data.")
    if missing is not None and isinstance(case.made[missing], Real):
        return Diagnosis("bare number returned", "The operation gives a bare number: make a Value of it.")
    if missing is not None:
        return Diagnosis("nothing returned", "The operation gives nothing that has data: is a return missing?")
    leaves = list(zip(case.data, case.program.leaves))
    if not all(same(x, number) for x, number in leaves):
        return Diagnosis("data changed", "It does not keep the number that it was given: self.data = data, as it is.")
    for x in (*case.data, *case.after, *case.grad):
        if _has(x, "backward"):
            return Diagnosis("Value for a number", _WHOLE)
        if not isinstance(x, float | None):
            return Diagnosis("no number", f"An object of type {type(x).__name__} stands where a number is meant.")
    if case.fault == "changed":
        return Diagnosis("data changed", "A number was changed after it was made: make a new object for every result.")
    if case.fault == "gradient" and not case.program.is_twice:
        if not any(case.grad):
            return Diagnosis("no start", _START)
        if not case.program.lines and same(case.grad[0], case.data[0]):
            return Diagnosis("started from data", "The pass starts from the gradient of a by itself, and not its data.")
        if not case.program.lines:
            return Diagnosis("wrong start", "The gradient of the result by itself is 1: set self.grad to it.")
    return None
