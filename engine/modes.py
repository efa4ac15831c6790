"""Switches for a block of code: record no graph (`no_grad`), or stop where a number goes bad (`detect_anomaly`).

The switch is a context variable, so that it holds for this thread and this async task alone.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Mode:
    """How an operation behaves: does it record itself, does it warn of inf and nan, does it raise at them."""

    recording: bool = True
    warning: bool = True
    anomaly: bool = False


NORMAL = Mode()
mode: ContextVar[Mode] = ContextVar("mode", default=NORMAL)


@contextmanager
def switched(**changes: Any) -> Iterator[None]:
    """The mode, changed for a block of code."""
    token = mode.set(replace(mode.get(), **changes))
    try:
        yield
    finally:
        mode.reset(token)


def no_grad() -> Any:
    """A block, or a decorated function, that computes numbers and records no graph.

    >>> from engine import Value
    >>> with no_grad():
    ...     y = Value(3.0) * 2
    >>> y.data, y.parents
    (6.0, ())
    """
    return switched(recording=False)


def detect_anomaly() -> Any:
    """A block in which the first inf or nan raises `FloatingPointError` and names the line that made it.

    It covers the slopes of a backward pass too, for nodes that were made inside the block.

    >>> from engine import Value
    >>> with detect_anomaly():
    ...     Value(0.0, label="p").log()
    Traceback (most recent call last):
    FloatingPointError: log(p = 0.0) gave -inf
    """
    return switched(anomaly=True)


_ROOT = os.path.dirname(os.path.dirname(__file__))
_PACKAGES = tuple(os.path.join(_ROOT, name, "") for name in ("engine", "nn"))


def callers_depth() -> int:
    """The stack level, for `warnings.warn` in the function that asks, of the first line outside these packages."""
    depth = 1
    while sys._getframe(depth).f_code.co_filename.startswith(_PACKAGES):
        depth += 1
    return depth


def callers_line() -> str:
    """The file and line outside these packages that led here."""
    frame = sys._getframe(callers_depth() - 1)
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
