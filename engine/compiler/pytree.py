"""What arguments look like, apart from the numbers in them: two calls that look alike can share a tape.

>>> leaves = []
>>> structure([[1.0, 2.0], [3.0, 4.0]], leaves), leaves
((2, (2, 'number')), [1.0, 2.0, 3.0, 4.0])
>>> rebuilt((2, (2, 'number')), iter("abcd"))
[['a', 'b'], ['c', 'd']]
"""

from collections.abc import Hashable, Iterator
from numbers import Real
from typing import Any

# NUMBER; (n, key) of n alike; ("list", key, ...); ("dict", (name, key), ...); ("as it is", type, thing);
# ("named", type, key, ...) of a namedtuple
Key = Any
NUMBER = "number"
_PLAIN = {float, int}


def structure(tree: Any, leaves: list[Any]) -> Key:
    """What a number, or a nested list, tuple, array or dict of numbers, looks like; its numbers are put into `leaves`.

    Values count as numbers, and so does a truth of NumPy, as those in an array do. What is no number, such as a string
    or Python's True, is part of what it looks like.

    Raises:
        TypeError: if something in it is neither a number nor to be told from others (it has no hash).
    """
    if type(tree) is float or type(tree) is int or hasattr(tree, "apply_rule"):
        leaves.append(tree)
        return NUMBER
    if isinstance(tree, (list, tuple)):
        if type(tree) is not list and hasattr(tree, "_fields"):
            return ("named", type(tree), *[structure(branch, leaves) for branch in tree])
        if tree and {*map(type, tree)} <= _PLAIN:
            leaves += tree
            return len(tree), NUMBER
        keys = [structure(branch, leaves) for branch in tree]
        return (len(keys), keys[0]) if keys and all(key == keys[0] for key in keys) else ("list", *keys)
    if isinstance(tree, dict):
        return ("dict", *((name, structure(branch, leaves)) for name, branch in tree.items()))
    if isinstance(tree, Real) and not isinstance(tree, bool):
        leaves.append(float(tree))
        return NUMBER
    if hasattr(tree, "to_numpy"):  # a table or a column of pandas
        return structure(tree.to_numpy(), leaves)
    if is_array(tree):
        leaves.extend(tree.ravel().tolist())
        return of_array(tree.shape)
    if hasattr(tree, "tolist"):  # an array of Values
        return structure(tree.tolist(), leaves)
    if isinstance(tree, Hashable):
        return "as it is", type(tree), tree
    raise TypeError(
        f"a compiled function takes numbers and nested lists or arrays of them, got {type(tree).__name__} {tree!r:.40}"
    )


def is_array(tree: Any) -> bool:
    """Whether this is an array of numbers."""
    return getattr(getattr(tree, "dtype", None), "kind", "none") in "fiub"


def of_array(shape: tuple[int, ...]) -> Key:
    """What an array looks like: as lists of the same numbers do."""
    key: Key = NUMBER
    for n in reversed(shape):
        key = (n, key) if n else ("list",)
    return key


def rebuilt(key: Key, leaves: Iterator[Any]) -> Any:
    """Lists, dicts and namedtuples that look like this, with other leaves."""
    if key == NUMBER:
        return next(leaves)
    kind, *rest = key
    if kind == "list":
        return [rebuilt(branch, leaves) for branch in rest]
    if kind == "dict":
        return {name: rebuilt(branch, leaves) for name, branch in rest}
    if kind == "named":
        return rest[0](*[rebuilt(branch, leaves) for branch in rest[1:]])
    if kind == "as it is":
        return rest[1]
    return [rebuilt(rest[0], leaves) for _ in range(kind)]


def described(key: Key, name: str) -> Iterator[str]:
    """A name for every leaf: ``x``, or ``x[0]``, ``x[1]`` of a list."""
    if key == NUMBER:
        yield name
        return
    kind, *rest = key
    if kind == "dict":
        for part, branch in rest:
            yield from described(branch, f"{name}[{part!r}]")
    elif kind == "named":
        for part, branch in zip(rest[0]._fields, rest[1:]):
            yield from described(branch, f"{name}.{part}")
    elif kind != "as it is":
        branches = rest if kind == "list" else rest * kind
        for i, branch in enumerate(branches):
            yield from described(branch, f"{name}[{i}]")
