"""Nested lists of numbers: going through the numbers, and giving other numbers the same shape."""

from collections.abc import Callable, Iterator
from typing import Any


def is_row(tree: Any) -> bool:
    """Whether this holds several numbers: a list, an array of one dimension or more, anything to iterate over."""
    return isinstance(tree, (list, tuple)) or (
        hasattr(tree, "__iter__") and not isinstance(tree, (str, bytes, dict)) and getattr(tree, "shape", None) != ()
    )


def flat(tree: Any) -> Iterator[Any]:
    """Every number in a nested list, in order.

    >>> list(flat([[1, 2], 3]))
    [1, 2, 3]
    """
    if is_row(tree):
        for branch in tree:
            yield from flat(branch)
    else:
        yield tree


def mapped(f: Callable[[Any], Any], tree: Any) -> Any:
    """The same nested list with `f` of every number.

    >>> mapped(lambda x: 10 * x, [[1, 2], 3])
    [[10, 20], 30]
    """
    return [mapped(f, branch) for branch in tree] if is_row(tree) else f(tree)
