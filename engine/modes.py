"""Switches for a block of code: record no graph (`no_grad`), stop where a number goes bad (`detect_anomaly`), or
remember which line made which node (`record_lines`).

The switch is a context variable, so it affects only the current thread and async task.
"""

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from engine.utils.console import printable
from engine.utils.messages import brief


@dataclass(frozen=True, slots=True)
class Mode:
    """How an operation behaves: whether it records itself, warns of inf and nan, raises an error for them, remembers
    its source line; and whether a function is being recorded for `compile`, when numbers must not leave the graph."""

    recording: bool = True
    warning: bool = True
    anomaly: bool = False
    lines: bool = False
    tracing: bool = False


class TraceError(RuntimeError):
    """A function cannot be compiled, because not all that it does is in the graph; the message says what to write."""


def leaves_graph(value: Any, what: str, instead: str) -> TraceError:
    """The error for a number that leaves the graph while a function is being recorded."""
    return TraceError(
        f"{value._name()} {what} while a function was recorded to be compiled: its current number would be built into "
        f"the machine code. Instead {instead}; or call the function without compile"
    )


NORMAL = Mode()
mode: ContextVar[Mode] = ContextVar("mode", default=NORMAL)


@contextmanager
def switched(**changes: Any) -> Iterator[None]:
    """A block of code in which the mode is changed."""
    token = mode.set(replace(mode.get(), **changes))
    try:
        yield
    finally:
        mode.reset(token)


def _block(name: str, given: Any, **changes: bool) -> Any:
    """A block in another mode. If a function was passed, the decorator lacks its parentheses."""
    if given is not None:
        raise TypeError(
            f"{name} takes no argument, got {brief(given, 60)}; write @{name}() above a function, or with {name}():"
        )
    return switched(**changes)


def no_grad(nothing: None = None, /) -> Any:
    """A block, or a decorated function, that computes numbers and records no graph.

    >>> from engine import Value
    >>> with no_grad():
    ...     y = Value(3.0) * 2
    >>> y.data, y.parents
    (6.0, ())

    Raises:
        TypeError: if a function is passed, as by ``@no_grad`` without parentheses.
    """
    return _block("no_grad", nothing, recording=False)


def detect_anomaly(nothing: None = None, /) -> Any:
    """A block in which the first inf or nan raises `FloatingPointError`, at the line that produces it.

    This includes the local derivatives in a backward pass, for nodes made inside the block: the error then names the
    line that made the node.

    >>> from engine import Value
    >>> with detect_anomaly():
    ...     Value(0.0, label="p").log()
    Traceback (most recent call last):
    FloatingPointError: log(p = 0.0) gave -inf
    """
    return _block("detect_anomaly", nothing, anomaly=True, lines=True)


def record_lines(nothing: None = None, /) -> Any:
    """A block in which every node remembers the line of code that made it, to be shown in steps and in the player.

    >>> from engine import Value
    >>> with record_lines():
    ...     y = Value(3.0) * 2
    >>> [step.line.number for step in y.forward_steps()]
    [2]
    """
    return _block("record_lines", nothing, lines=True)


_ROOT = os.path.dirname(os.path.dirname(__file__))
PACKAGES = tuple(os.path.join(_ROOT, name, "") for name in ("engine", "nn", "viz"))


def callers_depth() -> int:
    """The `stacklevel` for `warnings.warn`, in the calling function, of the first line outside these packages."""
    depth = 1
    while sys._getframe(depth).f_code.co_filename.startswith(PACKAGES):
        depth += 1
    return depth


@printable
@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a user's code: where it is, and its text (empty if the file cannot be read)."""

    file: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}"


def callers_line() -> SourceLine:
    """The line outside these packages that led here."""
    frame = sys._getframe(callers_depth() - 1)
    file, number = frame.f_code.co_filename, frame.f_lineno
    return SourceLine(file, number, linecache.getline(file, number, frame.f_globals).strip())
