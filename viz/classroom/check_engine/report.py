"""Is an engine that somebody has written, such as a student in class, right? Try it against ours, line by line.

>>> class Value:
...     def __init__(self, data):
...         self.data = data
...
...     def __add__(self, other):
...         return Value(self.data - other.data)
>>> print(check_engine(Value))  # doctest: +ELLIPSIS
Value is not right yet.
Checked: a + b.
Not there yet, so skipped: a * b, -a, ...
The smallest program that goes wrong:
    a = Value(3.0)
    b = a + a
number  data  right
a       3
b       0  ✗  6
The likely mistake: operation swapped.
    A different operation was carried out from the one that is written.
    It explains ... programs compared.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import Any

from engine.names import number
from engine.utils.console import printable
from engine.utils.messages import brief
from viz.classroom.check_engine.diagnosis import Diagnosis, diagnose
from viz.classroom.check_engine.failure import draw_failure
from viz.classroom.check_engine.programs import KINDS, Kind, Line, Program, random_programs, simple_programs
from viz.classroom.check_engine.symptoms import visible_mistake
from viz.classroom.check_engine.trials import (
    Case,
    EndlessError,
    Error,
    Watchdog,
    agree,
    error_of,
    has_method,
    run_in_both,
    shrink,
)
from viz.formulas.notation import in_page
from viz.formulas.report import Sentence, Table

MIXED, TWICE, SIMILAR = (
    150,
    100,
    60,
)  # numbers of programs: with all kinds of line, with two passes, like the one that failed
FURTHER = 60  # the number of failed programs that decide between two mistakes which explain as much
STARTS = 8  # the number of failed programs that are made smaller
CHAIN, DOUBLINGS = 5000, 40  # operations in a row; numbers added to themselves, one after another

_NOT_YET = (TypeError, AttributeError, AssertionError, NotImplementedError)


@printable
@dataclass(frozen=True)
class EngineReport:
    """How an engine compares with ours: a short text when printed, with a picture of what goes wrong in a notebook.

    Attributes:
        called: the name of the class.
        checked: the kinds of line that were tried, such as ``"a + b"``.
        skipped: those that do not work yet, and what is missing for each.
        backward: whether there was a backward pass to check.
        programs: the number of programs that were tried.
        case: the smallest program that goes wrong, in both engines.
        diagnosis: the likely mistake in it.
        remarks: limits of the engine that give no wrong numbers.
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
        """Whether every number was right, for all that the engine can do so far."""
        return self.case is None

    @property
    def complete(self) -> bool:
        """Whether it has backward, all the operators of the lessons, and a tanh or a relu."""
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
            verdict = f"{self.called} is right so far."
        else:
            verdict = f"{self.called} is right."
        if self.ok:
            verdict += f" {self.programs} program{'s' * (self.programs != 1)} gave the same numbers as ours."
        lines = [verdict, f"Checked: {', '.join(self.checked) or 'a number on its own'}."]
        missing = [what for what, why in self.skipped.items() if not why]
        for why in dict.fromkeys(filter(None, self.skipped.values())):
            missing.append(f"{', '.join(what for what in self.skipped if self.skipped[what] == why)} ({why})")
        if not self.backward:
            missing.append("backward(), so no gradients were checked")
        return lines + [f"Not there yet, so skipped: {', '.join(missing)}."] * bool(missing)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The header and rows of a table: the numbers of the smallest program, theirs next to ours."""
        if self.case is None:
            return [], []
        data, grad = [node.data for node in self.case.nodes], [node.grad for node in self.case.nodes]
        columns = [("data", self.case.data, data)]
        if self.case.fault == "changed":
            columns.append(("data at the end", self.case.data_at_end, data))
        if self.backward and self.case.fault in ("gradient", "changed"):
            columns.append(("grad", self.case.grad, grad))
        head, rows = ["number"], [[name] for name in self.case.program.names]
        for title, theirs, ours in columns:
            wrong = [i for i, x in enumerate(theirs) if not agree(x, ours[i])]
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
                lines.append(f"    It explains {found.explained} of the {found.compared} programs compared.")
        elif self.case:
            lines += ["No common mistake gives these numbers: work them out by hand, alongside the engine."]
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

    @property
    def html(self) -> str:
        """The report for a page, with a picture of the smallest program that goes wrong."""
        verdict, *checked = self.head()
        blocks = [_box("0,158,115" if self.ok else "213,94,0", f"<b>{in_page(verdict)}</b>")]
        blocks += [f'<div style="font-size:.9em;margin:.3em 0">{in_page(line)}</div>' for line in checked]
        if self.case:
            code = "\n".join(map(in_page, self.case.program.code(self.called)))
            drawing = draw_failure(self.case, self.backward)
            shown = drawing.pipe(format="svg", encoding="utf-8") if drawing else Table(*self.table()).html()
            blocks += [
                Sentence("The smallest program that goes wrong:").html(),
                '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:2em;margin:.5em 1em">'
                f'<pre style="font-family:monospace;font-size:1.1em;margin:0">{code}</pre>'
                f"<div>{shown[shown.find('<svg') if drawing else 0 :]}</div></div>",
            ]
        for first, *rest in _paragraphs(self.tail()):
            hint = "".join(f"<br>{in_page(line.strip())}" for line in rest)
            blocks.append(_box("230,159,0", f"<b>{in_page(first)}</b>{hint}"))
        return "\n".join(blocks)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html}


def _shown(x: Any, y: Any) -> tuple[str, str]:
    if not isinstance(x, float):
        return ("—" if x is None else type(x).__name__), number(y)
    near = number(x) == number(y) and not agree(x, y)
    return (repr(x), repr(y)) if near else (number(x), number(y))


def _box(colour: str, inside: str) -> str:
    style = f"border-left:.4em solid rgb({colour});background:rgba({colour},.15);padding:.5em .8em;margin:.5em 0"
    return f'<div style="{style}">{inside}</div>'


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines that are indented belong to the one above."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            found[-1].append(line)
        else:
            found.append([line])
    return found


def check_engine(engine: Callable[[float], Any], seed: int = 0) -> EngineReport:
    """Try a class of numbers with a backward pass against ours, and name the likely mistake if they differ.

    The class is called with one number, and its objects have ``data``, ``grad`` and ``backward()``, operators, and
    methods such as ``tanh()``. It need not be finished: what is missing is skipped. Small random programs, in which
    numbers are shared, run in both engines; one that goes wrong is made smaller for as long as it still goes wrong.

    Args:
        engine: the class itself, without parentheses.
        seed: another seed gives other programs.

    Raises:
        TypeError: if `engine` is not a class.
    """
    if not callable(engine):
        raise TypeError(f"check_engine takes the class, such as check_engine(Value), got {brief(engine, 60)}")
    with Watchdog() as watch, redirect_stdout(StringIO()):  # theirs may print
        return _Check(engine, seed, watch).report()


class _Check:
    """A check under way: the programs tried so far, and their results."""

    def __init__(self, engine: Callable[[float], Any], seed: int, watch: Watchdog) -> None:
        self.engine, self.rng, self.watch = engine, random.Random(seed), watch
        self.called = getattr(engine, "__name__", "Value")
        self.backward = has_method(engine, "backward")
        self.skipped: dict[str, str] = {}
        self.kinds: list[Kind] = []
        self.count = 0
        self.wrong: list[Case] = []

    def report(self) -> EngineReport:
        case = self._run(Program((3.0,), backward=False))
        if case.fault:
            return self._found(case)
        sample = self.engine(3.0)
        self.backward = has_method(sample, "backward")
        self._find_kinds(sample)
        sound = self._each_kind_alone()
        if not self._has_timed_out():
            self._try_all(islice(random_programs(self.kinds, self.rng, backward=self.backward), MIXED))
        if self.wrong:
            return self._found(self._smallest(), sound)
        if self.backward:
            self._try_all(islice(random_programs(self.kinds, self.rng, most=4, twice=True), TWICE))
        if self.wrong:
            return self._found(self._smallest(), self.kinds, self._remarks())
        return self._report(remarks=self._remarks())

    def _report(self, **found: Any) -> EngineReport:
        checked = tuple(map(str, self.kinds))
        return EngineReport(self.called, checked, self.skipped, self.backward, self.count, **found)

    def _smallest(self) -> Case:
        """What the smallest cases shrink to: shrinking one may get stuck where another does not."""
        starts = sorted(self.wrong, key=lambda case: case.program.size())[:STARTS]
        found = [shrink(case, self.engine, self.watch, self.kinds) for case in starts]
        return min(found, key=lambda case: case.program.size())

    def _run(self, program: Program) -> Case:
        case = run_in_both(program, self.engine, self.watch)
        assert case is not None  # it is one of ours, and suited to be tried
        return case

    def _try_all(self, programs: Iterable[Program]) -> bool:
        """Try programs, up to one that does not end; whether all were right."""
        before = len(self.wrong)
        for program in programs:
            if (case := run_in_both(program, self.engine, self.watch)) is not None:
                self.count += 1
                if case.fault:
                    self.wrong.append(case)
                if self._has_timed_out():
                    break
        return len(self.wrong) == before

    def _has_timed_out(self) -> bool:
        return bool(self.wrong) and self.wrong[-1].timed_out

    def _find_kinds(self, sample: Any) -> None:
        absent = set()
        for kind in KINDS:
            missing, why = not has_method(sample, kind.method), ""
            if not missing:
                line = Line(kind, tuple(range(kind.arity)))
                first = self._run(Program((3.0, 2.0)[: kind.arity], (line,), (kind.arity,), backward=False))
                refused = _NOT_YET if kind.mixed else NotImplementedError
                if first.error and issubclass(first.error.type, refused):
                    missing, why = True, first.error.text.removeprefix("raised ").partition(", in ")[0]
            if not missing:
                self.kinds.append(kind)
            elif not kind.optional and (why or kind.method not in absent):
                self.skipped[str(kind)] = why
                absent.add(kind.method)

    def _each_kind_alone(self) -> list[Kind]:
        """Try every kind of line alone, and return those that are right."""
        self._try_all([Program((3.0,), backward=self.backward)])
        sound = []
        for kind in self.kinds:
            random_ones = random_programs([kind], self.rng, most=4, backward=self.backward)
            alone = [*simple_programs([kind], self.backward), *islice(random_ones, 6)]
            if self._has_timed_out():
                break
            if self._try_all(alone):
                sound.append(kind)
        return sound

    def _found(self, case: Case, sound: Sequence[Kind] = (), remarks: tuple[Diagnosis, ...] = ()) -> EngineReport:
        diagnosis = Diagnosis("equal nodes", _EQUAL) if self._is_right_by_identity(case) else visible_mistake(case)
        if diagnosis is None and case.fault in ("data", "gradient"):
            here, twice = case.program.kinds, case.program.is_twice
            methods = {kind.method for kind in here}
            related = [kind for kind in self.kinds if kind.method in methods]
            plain = [kind for kind in sound if kind.cost == 1 and kind not in related]
            random_ones = random_programs(3 * related + plain, self.rng, 4, self.backward, twice) if here else ()
            similar = [
                Program((3.0,), backward=self.backward),
                *simple_programs(related, self.backward),
                *islice((program for program in random_ones if program.kinds & here), SIMILAR),
            ]
            others = [
                other for program in similar if (other := run_in_both(program, self.engine, self.watch)) is not None
            ]
            comparable = [x for x in others if x.fault in ("", case.fault) and x.program.is_twice == twice]
            further = [x for x in self.wrong if x.fault == case.fault and x.program.is_twice == twice]
            diagnosis = diagnose(case, comparable, further[:FURTHER])
        return self._report(case=case, diagnosis=diagnosis, remarks=remarks)

    def _is_right_by_identity(self, case: Case) -> bool:
        """Whether nothing is wrong except that they define ``__eq__``."""
        their = type(case.made[0]) if case.made else object
        if their.__eq__ is not object.__eq__:
            from unittest.mock import patch  # here, because it imports asyncio

            with suppress(TypeError), patch.multiple(their, __eq__=object.__eq__, __hash__=object.__hash__):
                return not self._run(case.program).fault
        return False

    def _remarks(self) -> tuple[Diagnosis, ...]:
        kind = next((kind for kind in self.kinds if kind.arity == 2), None)
        if not self.backward or kind is None:
            return ()
        if error := self._run_chain(kind, CHAIN, shared=False):
            if issubclass(error.type, RecursionError):
                return (Diagnosis("recursion", _RECURSION),)
            return (Diagnosis("a long chain", f"A chain of {CHAIN:,} operations {error.text}."),)
        if self._run_chain(kind, DOUBLINGS, shared=True):
            return (Diagnosis("path by path", _PATHS),)
        return ()

    def _run_chain(self, kind: Kind, count: int, shared: bool) -> Error | None:
        try:
            with self.watch.limit(2.0):
                leaf = node = self.engine(1.0)
                for _ in range(count):
                    node = kind.make(node, node if shared else leaf)
                node.backward()
        except (Exception, EndlessError) as error:
            return error_of(error)
        return None


_EQUAL = (
    "Nodes with equal numbers count as equal, so one is taken for the other: remove __eq__ (a dataclass writes one, "
    "@dataclass(eq=False) does not)."
)
_RECURSION = (
    f"A chain of {CHAIN:,} operations ends with a RecursionError: Python does not go that deep. A list of the nodes "
    "still to be visited can replace the function that calls itself, however long the chain is."
)
_PATHS = (
    f"With {DOUBLINGS} numbers, each the one before added to itself, it does not come to an end: it walks every path "
    "separately, and each number doubles how many there are. Visit each node only once."
)
