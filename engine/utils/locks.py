"""Locks that a forked process can take.

A fork copies one thread, and all locks as they are: one that another thread holds is never released in the child. So
before a fork we wait until nobody is in the middle of changing what the locks guard, which is then whole in the child
too; and should that take too long, the child's locks are made anew. Where there is no fork, these are plain locks.
"""

import logging  # noqa: F401 - it takes its lock before a fork, too: after ours, if it is imported before ours are made
import os
import sys
from collections.abc import Iterator
from threading import RLock
from time import monotonic
from typing import Any
from weakref import WeakSet

LONGEST_WAIT = 120.0  # seconds, before a fork; a backward pass takes milliseconds, the first machine code a minute

_all: "WeakSet[Any]" = WeakSet()
_awaited: "WeakSet[Any]" = WeakSet()
_held: list[Any] = []  # during a fork, by the thread that forks


def new_lock(awaited: bool = False) -> Any:
    """A reentrant lock that is free in a forked process.

    Args:
        awaited: a fork waits until no other thread holds it, since what it guards must not be left half changed.
    """
    lock = RLock()
    _all.add(lock)
    if awaited:
        _awaited.add(lock)
    return lock


def _of_the_compiler() -> Iterator[Any]:
    """The locks of numba and of LLVM, if they are loaded."""
    for module, path in (("numba.core.compiler_lock", "global_compiler_lock"), ("llvmlite.binding.ffi", "lib._lock")):
        owner: Any = sys.modules.get(module)
        for name in path.split("."):
            owner = getattr(owner, name, None)
        lock = getattr(owner, "_lock", None)
        if isinstance(lock, type(RLock())):
            yield lock


def _before() -> None:
    until = monotonic() + LONGEST_WAIT
    missing: Any = None
    while monotonic() < until:
        others = [lock for lock in (*_of_the_compiler(), *_awaited) if lock is not missing]
        missing = _take([missing, *others] if missing else others, until)
        if missing is None and all(lock in _held for lock in _of_the_compiler()):  # it may have been loaded meanwhile
            return
        _release()  # who holds the one that is missing may be waiting for another


def _take(locks: list[Any], until: float) -> Any:
    """Take these locks, waiting for the first of them alone; gives the first that is held by another thread."""
    for i, lock in enumerate(locks):
        if not lock.acquire(timeout=0.0 if i else max(0.0, until - monotonic())):
            return lock
        _held.append(lock)
    return None


def _release() -> None:
    while _held:
        _held.pop().release()


def _after_in_child() -> None:
    _release()
    for lock in [*_of_the_compiler(), *_all]:
        if lock.acquire(blocking=False):  # it is free, or held by the thread that forked
            lock.release()
        else:
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_release, after_in_child=_after_in_child)
