"""Small programs, run by an engine that somebody else has written and by ours, to be compared.

A program is a few leaves and a few lines, each of which makes a number out of any that are there already, so that
numbers are shared; and it says after which lines the backward pass runs.
"""

import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import c_ulong, py_object, pythonapi
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from math import inf, isclose
from numbers import Real
from string import ascii_lowercase
from threading import Event, Lock, Thread, get_ident
from time import process_time
from typing import Any

from engine.value import Value


@dataclass(frozen=True)
class Kind:
    """A kind of line.

    Attributes:
        text: how it is written, in any engine, with {} for each operand.
        needs: the method that a class must have for it.
        may: for which numbers it is tried; where they are near a kink or a pole it is not.
    """

    text: str
    needs: str
    may: Callable[..., bool] = lambda *xs: True

    @property
    def operands(self) -> int:
        """How many numbers it takes."""
        return self.text.count("{}")

    @cached_property
    def make(self) -> Callable[..., Any]:
        """What it does.

        >>> Kind("{} - {}", "__sub__").make(3, 2)
        1
        """
        source = f"lambda {', '.join(ascii_lowercase[: self.operands])}: {self}"
        made: Callable[..., Any] = eval(compile(source, __file__, "eval"))  # so that no error is told to be here
        return made

    @property
    def cost(self) -> int:
        """How far from plain it is: what engines often make of other operations is less so."""
        return 3 if self.needs in ("__neg__", "__sub__", "__truediv__") or self.needs.startswith("__r") else 1

    @property
    def optional(self) -> bool:
        """Whether an engine may well do without: few have it, and no lesson builds it."""
        return self.needs in ("log", "sqrt", "sin", "cos", "sigmoid", "__rpow__") or self.text == "{}**{}"

    @property
    def mixed(self) -> bool:
        """Whether it takes more than Values: a plain number beside one, or a Value as an exponent."""
        return self.needs.startswith("__r") or self.text.endswith((" 2", " 3")) or self.text == "{}**{}"

    def __str__(self) -> str:
        return self.text.format(*ascii_lowercase[: self.operands])


# The simplest first: of two programs that go wrong, the one of simpler lines is shown.
KINDS = (
    Kind("{} + {}", "__add__"),
    Kind("{} * {}", "__mul__"),
    Kind("-{}", "__neg__"),
    Kind("{} - {}", "__sub__"),
    Kind("{}**2", "__pow__"),
    Kind("{}**3", "__pow__"),
    Kind("{}**-1", "__pow__", lambda x: abs(x) > 0.2),
    Kind("{}**0.5", "__pow__", lambda x: x > 0.2),
    Kind("{} / {}", "__truediv__", lambda x, y: abs(y) > 0.2),
    Kind("{}.relu()", "relu", lambda x: abs(x) > 0.05),
    Kind("{}.tanh()", "tanh"),
    Kind("{}.exp()", "exp", lambda x: x < 4),
    Kind("{}.log()", "log", lambda x: x > 0.2),
    Kind("{}.sigmoid()", "sigmoid"),
    Kind("{}.sqrt()", "sqrt", lambda x: x > 0.2),
    Kind("{}.sin()", "sin"),
    Kind("{}.cos()", "cos"),
    Kind("{} + 2", "__add__"),
    Kind("{} * 3", "__mul__"),
    Kind("{} - 2", "__sub__"),
    Kind("{} / 2", "__truediv__"),
    Kind("2 + {}", "__radd__"),
    Kind("3 * {}", "__rmul__"),
    Kind("2 - {}", "__rsub__"),
    Kind("2 / {}", "__rtruediv__", lambda x: abs(x) > 0.2),
    Kind("sum([{}, {}])", "__radd__"),
    Kind("{}**{}", "__pow__", lambda x, y: x > 0.2 and abs(y) < 4),
    Kind("2**{}", "__rpow__", lambda x: x < 6),
)
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}

NUMBERS = (3.0, 2.0, -2.0, 0.5, 1.5, -3.0, -0.5, 4.0)  # the plainest first; 0 and 1 hide mistakes


@dataclass(frozen=True)
class Line:
    """A line of a program: its kind, and the places of its operands among all numbers before it."""

    kind: Kind
    places: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Leaves, lines, and the places of the numbers whose backward pass is run as soon as they are there.

    With ``backward=False`` none is run: for an engine that has none yet.
    """

    leaves: tuple[float, ...]
    lines: tuple[Line, ...] = ()
    passes: tuple[int, ...] = (0,)
    backward: bool = True

    @property
    def names(self) -> str:
        """One letter for each number."""
        return ascii_lowercase[: len(self.leaves) + len(self.lines)]

    @property
    def kinds(self) -> set[Kind]:
        """The kinds of line in it."""
        return {line.kind for line in self.lines}

    @property
    def is_twice(self) -> bool:
        """Whether there are two backward passes."""
        return len(self.passes) > 1

    def size(self) -> tuple[float, ...]:
        """What the smallest program has least of."""
        ranks = sum(_RANK[line.kind] for line in self.lines)
        return (
            len(self.passes), sum(line.kind.cost for line in self.lines), len(self.lines), ranks, len(self.leaves),
            sum(map(NUMBERS.index, self.leaves)),
            *self.leaves, *(place for line in self.lines for place in line.places),
        )  # fmt: skip

    def code(self, called: str = "Value") -> list[str]:
        """The program as Python.

        >>> print(*Program((3.0,), (Line(KINDS[0], (0, 0)),), (1,)).code(), sep="; ")
        a = Value(3.0); b = a + a; b.backward()
        """
        made = [f"{called}({x})" for x in self.leaves]
        made += [line.kind.text.format(*[self.names[place] for place in line.places]) for line in self.lines]
        return [
            text
            for i, (name, right) in enumerate(zip(self.names, made))
            for text in [f"{name} = {right}"] + [f"{name}.backward()"] * (self.backward * self.passes.count(i))
        ]

    def run(self, make: Callable[[float], Any], after: Callable[[Any], object] = lambda node: None) -> list[Any]:
        """Its numbers in some engine; `after` gets each as soon as it is made, before its backward pass."""
        nodes: list[Any] = []
        for i in range(len(self.names)):
            k = i - len(self.leaves)
            line = self.lines[k] if k >= 0 else None
            node = line.kind.make(*[nodes[place] for place in line.places]) if line else make(self.leaves[i])
            nodes.append(node)
            after(node)
            for _ in range(self.backward * self.passes.count(i)):
                node.backward()
        return nodes

    def without_the_unused(self) -> "Program":
        """Without the numbers that no backward pass comes by."""
        used, leaves = set(self.passes), len(self.leaves)
        for i in reversed(range(leaves, len(self.names))):
            if i in used:
                used |= set(self.lines[i - leaves].places)
        at = {old: new for new, old in enumerate(sorted(used))}
        return Program(
            tuple(x for i, x in enumerate(self.leaves) if i in used),
            tuple(
                Line(line.kind, tuple(at[place] for place in line.places))
                for i, line in enumerate(self.lines, leaves)
                if i in used
            ),
            tuple(at[place] for place in self.passes),
            self.backward,
        )

    def smaller(self, kinds: Sequence[Kind] = KINDS) -> Iterator["Program"]:
        """Programs with something taken away or made plainer, of these kinds of line."""
        leaves = len(self.leaves)
        if self.is_twice:
            yield from (replace(self, passes=(place,)) for place in self.passes)
        for i in range(len(self.names)):  # every use of i becomes one of a number before it
            for other in self.lines[i - leaves].places if i >= leaves else range(i):
                yield self._with(i, other)
        for k, line in enumerate(self.lines):
            for j, place in enumerate(line.places):
                for other in range(place):
                    places = (*line.places[:j], other, *line.places[j + 1 :])
                    yield self._with_line(k, Line(line.kind, places))
            for kind in kinds:
                if kind.cost < line.kind.cost:
                    for places in product(range(leaves + k), repeat=kind.operands):
                        yield self._with_line(k, Line(kind, places))
                elif kind.operands == line.kind.operands and _RANK[kind] < _RANK[line.kind]:
                    yield self._with_line(k, Line(kind, line.places))
        for i, x in enumerate(self.leaves):
            for number in NUMBERS[: NUMBERS.index(x)]:
                if number not in self.leaves:
                    yield replace(self, leaves=(*self.leaves[:i], number, *self.leaves[i + 1 :]))

    def _with(self, i: int, other: int) -> "Program":
        def there(places: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(other if place == i else place for place in places)

        lines = tuple(Line(line.kind, there(line.places)) for line in self.lines)
        return replace(self, lines=lines, passes=tuple(sorted(there(self.passes))))

    def _with_line(self, k: int, line: Line) -> "Program":
        return replace(self, lines=(*self.lines[:k], line, *self.lines[k + 1 :]))


@lru_cache(maxsize=4096)
def right(program: Program) -> tuple[Value, ...] | None:
    """The numbers of a program in our engine; None if one is too large to read or too near to where a rule bends."""
    xs: list[float] = list(program.leaves)
    for line in program.lines:
        operands = [xs[place] for place in line.places]
        if not line.kind.may(*operands):
            return None
        xs.append(line.kind.make(*map(Value, operands)).data)
        if not 1e-3 < abs(xs[-1]) < 200 and not (xs[-1] == 0 and line.kind.needs == "relu"):
            return None
    nodes = tuple(program.run(Value))
    for name, node in zip(program.names, nodes):
        node.label = name
    return nodes if all(abs(node.grad or 0.0) < 1e4 for node in nodes) else None


# Their run.


class EndlessError(BaseException):
    """A program took far longer than it may; no ``except Exception`` of theirs swallows it."""


class Watch:
    """A look at the clock from another thread, while it is open. Where there are no threads, there is no limit.

    The time is that of the processor, so that a program which only waits for its turn is not called endless.
    """

    def __init__(self) -> None:
        self._lock, self._closed = Lock(), Event()
        self._deadline, self._watched = inf, get_ident()

    def __enter__(self) -> "Watch":
        with suppress(RuntimeError):
            Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closed.set()

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Raise EndlessError in the block if it takes longer."""
        self._deadline = process_time() + seconds
        try:
            yield
        finally:
            while self._deadline < inf:  # it may be raised in here too
                with suppress(EndlessError), self._lock:
                    self._deadline = inf

    def _look(self) -> None:
        while not self._closed.wait(0.05):
            with self._lock:
                if process_time() > self._deadline:
                    self._deadline += 0.5  # then once more, for Python drops what is raised while a thing is destroyed
                    pythonapi.PyThreadState_SetAsyncExc(c_ulong(self._watched), py_object(EndlessError))


@dataclass(frozen=True)
class Error:
    """What an engine raised, and in which of its functions."""

    type: type[BaseException]
    text: str


def error_of(error: BaseException) -> Error:
    """An error in one line, to be read after \"it\"."""
    text = f"raised {type(error).__name__}: {' '.join(str(error).split())}"[:200]
    if isinstance(error, EndlessError):
        text = "did not come to an end"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__, -9) if frame.filename != __file__]
    if frames:
        text += f", in {frames[-1].name}" + (f": {frames[-1].line}" if frames[-1].line else "")
    return Error(type(error), text)


def read(node: Any, name: str) -> Any:
    """An attribute: a number of any kind as a float, anything else as it is, None if there is none."""
    try:
        x = getattr(node, name, None)
        if getattr(x, "shape", None) == ():
            x = x.item()  # type: ignore[union-attr]
    except Exception:
        return None
    return float(x) if isinstance(x, Real) else x


@dataclass(frozen=True)
class Case:
    """A program, its numbers in our engine, and what came of it in theirs.

    Attributes:
        made: their numbers themselves.
        data: what they were when they were made.
        after: what they were in the end.
        grad: their gradients in the end.
        error: what was raised, if anything; the lists go as far as there was something.
        fault: what is wrong: ``"error"``, ``"data"``, ``"changed"``, ``"gradient"``, or nothing.
    """

    program: Program
    nodes: tuple[Value, ...]
    made: list[Any]
    data: list[Any]
    after: list[Any]
    grad: list[Any]
    error: Error | None
    fault: str

    @property
    def is_endless(self) -> bool:
        """Whether it took far longer than it may."""
        return self.error is not None and self.error.type is EndlessError


def same(x: Any, y: Any) -> bool:
    """Whether two numbers agree but for rounding; a gradient that nobody asked for is as good as 0."""
    x, y = (0.0 if z is None else z for z in (x, y))
    return isinstance(x, float) and isinstance(y, float) and isclose(x, y, rel_tol=1e-6, abs_tol=1e-9)


def tried(program: Program, make: Callable[[float], Any], watch: Watch) -> Case | None:
    """A program run in both engines, if it is fit for it."""
    nodes = right(program)
    if nodes is None:
        return None
    made: list[Any] = []
    data: list[Any] = []
    error = None

    def after(node: Any) -> None:
        made.append(node)
        data.append(read(node, "data"))

    try:
        with watch.limit(1.0):
            program.run(make, after)
    except (Exception, EndlessError) as raised:
        error = error_of(raised)
    at_last = [read(node, "data") for node in made]
    grad = [read(node, "grad") for node in made]
    if any(x is None or not same(x, node.data) for x, node in zip(data, nodes)):
        fault = "data"
    elif error:
        fault = "error"
    elif not all(map(same, at_last, data)):
        fault = "changed"
    elif program.backward and not all(same(x, nodes[i].grad) for i, x in enumerate(grad[: len(program.leaves)])):
        fault = "gradient"
    else:
        fault = ""
    return Case(program, nodes, made, data, at_last, grad, error, fault)


# Which programs.


def simple_programs(kinds: Sequence[Kind], backward: bool) -> Iterator[Program]:
    """Every kind of line by itself: on different numbers, and on one number twice."""
    for kind in kinds:
        for numbers in (NUMBERS[:2], NUMBERS[2:4], NUMBERS[:1]):
            places = tuple(range(kind.operands)) if len(numbers) > 1 else (0,) * kind.operands
            last = max(places) + 1
            yield Program(numbers[:last], (Line(kind, places),), (last,), backward)


def random_programs(
    kinds: Sequence[Kind], rng: random.Random, most: int = 7, backward: bool = True, twice: bool = False
) -> Iterator[Program]:
    """Programs without end, in which a number is often used more than once."""
    while kinds:
        leaves = tuple(rng.sample(NUMBERS, rng.randint(1, 3)))
        lines: list[Line] = []
        for known in range(len(leaves), len(leaves) + rng.randint(1, most)):
            kind = rng.choice(kinds)
            recent = [known - 1, known - 1, *range(known)]  # or few lines would lead on
            lines.append(Line(kind, tuple(rng.choice(recent) for _ in range(kind.operands))))
        last = len(leaves) + len(lines) - 1
        first = (rng.randint(len(leaves), last),) if twice else ()
        yield Program(leaves, tuple(lines), (*first, last), backward).without_the_unused()


def shrunk(case: Case, make: Callable[[float], Any], watch: Watch, kinds: Sequence[Kind]) -> Case:
    """The smallest case with the same fault that is found by taking away from this one."""
    if case.is_endless:
        return case
    raised = case.error and case.error.type
    while True:
        for program in case.program.smaller(kinds):
            program = program.without_the_unused()
            is_plain = not program.is_twice or min(program.passes) >= len(program.leaves)
            if is_plain and program.size() < case.program.size():
                found = tried(program, make, watch)
                if found and found.fault == case.fault and (found.error and found.error.type) == raised:
                    case = found
                    break
        else:
            return case
