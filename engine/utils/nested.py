"""Nested lists of numbers: visiting every number, and building a list of the same shape from other numbers.

A list of lists is a tree whose leaves are numbers, hence the names, which are those of `jax.tree`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from engine.utils.conversion import array_shape


def is_list_like(tree: Any) -> bool:
    """Whether this holds several numbers: a list, an array with at least one axis, or any other iterable."""
    kind = type(tree)  # and not the object, which may answer to any name
    return issubclass(kind, (list, tuple)) or (
        hasattr(kind, "__iter__") and not issubclass(kind, (str, bytes, dict)) and array_shape(tree) != ()
    )


def tree_leaves(tree: Any) -> Iterator[Any]:
    """Every number in a nested list, in order.

    >>> list(tree_leaves([[1, 2], 3]))
    [1, 2, 3]
    """
    if is_list_like(tree):
        for branch in tree:
            yield from tree_leaves(branch)
    else:
        yield tree


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """A nested list of the same shape, with `f` applied to every number.

    >>> tree_map(lambda x: 10 * x, [[1, 2], 3])
    [[10, 20], 30]
    """
    return [tree_map(f, branch) for branch in tree] if is_list_like(tree) else f(tree)
