"""Checks on a table of examples, named as in scikit-learn: a list or an array of finite numbers, row by row alike.

Arrays stay arrays, which a compiled function reads fastest, and lists stay lists; pandas tables become arrays.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from engine.compiler.pytree import is_array
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_leaves, tree_map


def check_X_y(X: Any, y: Any, ragged: bool) -> tuple[Any, Any]:
    """X and y as two lists or two arrays of the same length; if one of them is an array, both are.

    Args:
        X: the examples.
        y: a target for each, or None.
        ragged: allow examples of different lengths.

    Raises:
        TypeError, ValueError: if there are no examples, their lengths differ, or they hold anything but finite numbers.
    """
    if y is None:
        if isinstance(X, tuple) and len(X) == 2 and all(map(is_list_like, X)):  # what `moons()` returns
            raise TypeError(
                "X and y are two arguments, got a tuple of both as the first; write DataLoader(X, y), or "
                "DataLoader(*data)"
            )
        return check_array("X", X, ragged), None
    X = check_array("X", X, ragged)
    y = check_array("y", y, ragged)
    if len(X) != len(y):
        raise ValueError(f"X and y must have the same length, got {len(X)} rows of X and {len(y)} of y")
    return (X, y) if is_array(X) == is_array(y) or ragged else (_to_numpy(X), _to_numpy(y))


def check_array(name: str, examples: Any, ragged: bool = False) -> Any:
    """Examples as a list or an array, once it is certain that they are alike and hold finite numbers."""
    if hasattr(type(examples), "to_numpy"):  # a pandas table, or a column of one
        examples = examples.to_numpy()
    if not is_list_like(examples):
        raise TypeError(f"{name} must be a list or an array of examples, got {brief(examples)}")
    mixed = hasattr(type(examples), "dtype") and not is_array(examples)  # a table with columns of several types
    if not is_array(examples):
        examples = list(examples.tolist() if mixed else examples)
    if not len(examples):
        raise ValueError(f"{name} must hold at least one example, got none")
    if is_array(examples) and _all_finite(examples):
        return examples
    first = _structure(examples[0])
    for i, row in enumerate(examples):
        for x in tree_leaves(row):
            if not _is_finite(x):
                shown = float(x) if isinstance(x, float) else x  # nan, rather than np.float64(nan)
                raise ValueError(
                    f"row {i} of {name} holds {brief(shown)}, which is not a finite number; remove the row, or fill in "
                    "a number"
                )
        if not ragged and _structure(row) != first:
            raise ValueError(
                f"row {i} of {name} holds {_count(row)}, but row 0 holds {_count(examples[0])}; all rows must have "
                "the same shape, unless you write ragged=True, as for texts"
            )
    return _to_numpy(examples) if mixed else examples


def check_table(name: str, X: Any) -> Any:
    """Examples that are rows of numbers, as `check_array` gives them."""
    X = check_array(name, X)
    if not is_list_like(X[0]) or any(map(is_list_like, X[0])) or not len(X[0]):
        raise ValueError(
            f"{name} must be rows of numbers, got {brief(X[0])} as the first; "
            "write a single column as [[x] for x in xs]"
        )
    return X


def take(examples: Any, indices: Sequence[int]) -> Any:
    """The examples at these indices: an array of an array, a list of a list."""
    return examples[indices] if is_array(examples) else [examples[i] for i in indices]


def _to_numpy(examples: Any) -> Any:
    import numpy as np

    return np.asarray(examples)


def _all_finite(array: Any) -> bool:
    import numpy as np

    return bool(np.isfinite(array).all())


def _is_finite(x: Any) -> bool:
    try:
        return isfinite(x)
    except TypeError:
        return False


def _structure(row: Any) -> Any:
    """The nesting of a row without its numbers, for comparison."""
    return tree_map(lambda _: None, row)


def _count(row: Any) -> str:
    n = len(list(tree_leaves(row)))
    return f"{n} number{'s' * (n != 1)}"
