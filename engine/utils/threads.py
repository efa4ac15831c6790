"""How many threads share the work on a large batch, and those that help."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import Condition
from typing import TYPE_CHECKING, Any

from engine.utils.arguments import check_count

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

count = 1


def set_num_threads(number: int) -> None:
    """Let so many threads share the work of a compiled function on a large batch; at first it is one.

    It pays on cores that have nothing else to do, for a training step of half a millisecond or more; shorter ones are
    done by one thread whatever is said here. The results are the same to the last bit, however many threads there are.

    Args:
        number: of threads, at least 1; no more than the computer has cores.

    Raises:
        ValueError: if it is not a whole number of at least 1.

    >>> set_num_threads(2)
    >>> get_num_threads()
    2
    >>> set_num_threads(1)
    """
    global count
    check_count("number", number, 1)
    count = int(number)


def get_num_threads() -> int:
    """How many threads may share the work on a large batch; see `set_num_threads`."""
    return count


@contextmanager
def running(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> Iterator[None]:
    """A block while which other threads may call a function, once with each of these arguments; after it none does."""
    condition, at_work, is_over = Condition(), 0, False

    def work(arguments: tuple[Any, ...]) -> None:
        nonlocal at_work
        with condition:
            if is_over:
                return
            at_work += 1
        try:
            function(*arguments)
        finally:
            with condition:
                at_work -= 1
                condition.notify_all()

    def finish() -> None:
        nonlocal is_over
        with condition:
            is_over = True
            condition.wait_for(lambda: not at_work)

    try:
        with suppress(RuntimeError):  # no thread can be started: at the end of the process, or in a browser
            for arguments in calls:
                _pool(len(calls)).submit(work, arguments)
        yield
    finally:
        try:
            finish()
        finally:
            finish()  # once more if that was interrupted: what they are at work on would be used again


@lru_cache(1)
def _pool(number: int) -> "ThreadPoolExecutor":
    """This many other threads, which wait for work."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(number, thread_name_prefix="chalkgrad")


if hasattr(os, "register_at_fork"):  # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
