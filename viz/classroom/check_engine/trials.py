"""A program run by an engine that somebody else has written, and by ours; what differs, and in how small a program."""

import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isclose
from numbers import Real
from threading import Event, Lock, Thread, get_ident
from time import process_time
from typing import Any

from engine.utils.console import printable
from engine.value import Value
from viz.classroom.check_engine.programs import Kind, Program

_OURS = os.path.dirname(__file__)


@lru_cache(maxsize=4096)
def reference_run(program: Program) -> tuple[Value, ...] | None:
    """The numbers of a program in our engine; None if one is too large to read, or too near a kink or a pole."""
    xs: list[float] = list(program.leaves)
    for line in program.lines:
        operands = [xs[index] for index in line.operands]
        if not line.kind.is_safe(*operands):
            return None
        xs.append(line.kind.make(*map(Value, operands)).data)
        if not 1e-3 < abs(xs[-1]) < 200 and not (xs[-1] == 0 and line.kind.method == "relu"):
            return None
    nodes = tuple(program.run(Value))
    for name, node in zip(program.names, nodes):
        node.label = name
    return nodes if all(abs(node.grad or 0.0) < 1e4 for node in nodes) else None


class EndlessError(BaseException):
    """A program took far longer than allowed. It is no Exception, so that theirs cannot catch it by accident."""


class Watchdog:
    """A watchdog: a thread that enforces time limits while it is open. Where there are no threads, there is no limit.

    What counts is processor time, so that a program which only waits for its turn does not count as endless.
    """

    def __init__(self) -> None:
        self._lock, self._closed = Lock(), Event()
        self._deadline, self._watched = inf, get_ident()

    def __enter__(self) -> "Watchdog":
        with suppress(RuntimeError):
            Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closed.set()

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """A block in which EndlessError is raised if it takes longer."""
        self._deadline = process_time() + seconds
        try:
            yield
        finally:
            while self._deadline < inf:  # it may be raised in here as well
                with suppress(EndlessError), self._lock:
                    self._deadline = inf

    def _watch(self) -> None:
        from ctypes import c_ulong, py_object, pythonapi  # here, because it takes long to import

        while not self._closed.wait(0.05):
            with self._lock:
                if process_time() > self._deadline:
                    self._deadline += 0.5  # try again then: in a finalizer, Python drops it
                    pythonapi.PyThreadState_SetAsyncExc(c_ulong(self._watched), py_object(EndlessError))


@printable
@dataclass(frozen=True)
class Error:
    """An error that an engine raised: its type, and a text with the function it came from."""

    type: type[BaseException]
    text: str


def error_of(error: BaseException) -> Error:
    """An error described in one line that continues \"it ...\"."""
    text = f"raised {type(error).__name__}: {' '.join(str(error).split())}"[:200]
    if isinstance(error, EndlessError):
        text = "did not come to an end"
    trace = traceback.extract_tb(error.__traceback__, -9)
    frames = [frame for frame in trace if os.path.dirname(frame.filename) != _OURS]
    if frames:
        text += f", in {frames[-1].name}" + (f": {frames[-1].line}" if frames[-1].line else "")
    return Error(type(error), text)


def read(node: Any, name: str) -> Any:
    """An attribute: a number of any type as a float, anything else unchanged, None if there is none."""
    try:
        x = getattr(node, name, None)
        if getattr(x, "shape", None) == ():
            x = x.item()  # type: ignore[union-attr]
    except Exception:
        return None
    return float(x) if isinstance(x, Real) else x


@printable
@dataclass(frozen=True)
class Case:
    """A program, its numbers in our engine, and what it did in theirs.

    Attributes:
        program: the program.
        nodes: its numbers in our engine.
        made: its numbers in theirs, as objects.
        data: their data when they were made.
        data_at_end: their data at the end.
        grad: their gradients at the end.
        error: what was raised, if anything; then the lists stop where the program did.
        fault: what is wrong: ``"error"``, ``"data"``, ``"changed"``, ``"gradient"``, or empty.
    """

    program: Program
    nodes: tuple[Value, ...]
    made: list[Any]
    data: list[Any]
    data_at_end: list[Any]
    grad: list[Any]
    error: Error | None
    fault: str

    @property
    def timed_out(self) -> bool:
        """Whether it took far longer than allowed."""
        return self.error is not None and self.error.type is EndlessError


def has_method(thing: Any, method: str) -> bool:
    """Whether a class or an object has a method; a property that raises counts as none."""
    try:
        return callable(getattr(thing, method, None))
    except Exception:
        return False


def agree(x: Any, y: Any) -> bool:
    """Whether two numbers agree up to rounding; a gradient that was never set counts as 0."""
    x, y = (0.0 if z is None else z for z in (x, y))
    return isinstance(x, float) and isinstance(y, float) and isclose(x, y, rel_tol=1e-6, abs_tol=1e-9)


def run_in_both(program: Program, make: Callable[[float], Any], watch: Watchdog) -> Case | None:
    """Run a program in both engines; None if it is not suited to it."""
    nodes = reference_run(program)
    if nodes is None:
        return None
    made: list[Any] = []
    data: list[Any] = []
    error = None

    def on_node(node: Any) -> None:
        made.append(node)
        data.append(read(node, "data"))

    try:
        with watch.limit(1.0):
            program.run(make, on_node)
    except (Exception, EndlessError) as raised:
        error = error_of(raised)
    at_last = [read(node, "data") for node in made]
    grad = [read(node, "grad") for node in made]
    if any(x is None or not agree(x, node.data) for x, node in zip(data, nodes)):
        fault = "data"
    elif error:
        fault = "error"
    elif not all(map(agree, at_last, data)):
        fault = "changed"
    elif program.backward and not all(agree(x, nodes[i].grad) for i, x in enumerate(grad[: len(program.leaves)])):
        fault = "gradient"
    else:
        fault = ""
    return Case(program, nodes, made, data, at_last, grad, error, fault)


def shrink(case: Case, make: Callable[[float], Any], watch: Watchdog, kinds: Sequence[Kind]) -> Case:
    """The smallest case with the same fault that can be reached from this one, one simplification at a time."""
    if case.timed_out:
        return case
    raised = case.error and case.error.type
    while True:
        for program in case.program.simplifications(kinds):
            program = program.without_dead_code()
            is_plain = not program.is_twice or min(program.passes) >= len(program.leaves)
            if is_plain and program.size() < case.program.size():
                found = run_in_both(program, make, watch)
                if found and found.fault == case.fault and (found.error and found.error.type) == raised:
                    case = found
                    break
        else:
            return case
