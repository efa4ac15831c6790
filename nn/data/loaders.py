"""From a table of examples to what a training loop takes: a part to test on, columns of one scale, mini-batches.

>>> from nn.data.toy_sets import moons
>>> X, y = moons(100)
>>> X_train, X_test, y_train, y_test = train_test_split(X, y)
>>> X_train, X_test, scaler = standardize(X_train, X_test)
>>> for xs, ys in DataLoader(X_train, y_train, batch_size=32, shuffle=True):
...     print(len(xs), len(ys))
32 32
32 32
16 16

Examples are rows of numbers, or nested lists of them, or numbers. Arrays stay arrays, from which a compiled function
reads fastest, and lists stay lists; tables of pandas become arrays.
"""

from collections.abc import Iterator, Sequence
from math import ceil, fsum, hypot, isfinite, sqrt
from random import Random
from typing import Any

from engine.compiler.pytree import is_array
from engine.nested import is_list_like, tree_leaves, tree_map


def train_test_split(
    X: Any, y: Any, test_size: float = 0.2, seed: int = 0, stratify: bool = False, ragged: bool = False
) -> tuple[Any, Any, Any, Any]:
    """Split examples at random into a part to train on and a part to test on.

    Args:
        X: the examples.
        y: a target for each.
        test_size: the share of the test part, rounded up; or, as a whole number, how many examples.
        seed: the same seed gives the same parts.
        stratify: take the same share of every class in `y`, up to one example.
        ragged: allow examples of different lengths, such as texts.

    Returns:
        ``X_train, X_test, y_train, y_test``, as in scikit-learn.

    Raises:
        ValueError: if a part would be empty, if X and y are not of one length, or if rows are of different lengths or
            hold something other than finite numbers.
    """
    X, y = _examples(X, y, ragged)
    n = len(X)
    tested = test_size if isinstance(test_size, int) else ceil(test_size * n)
    if not 0 < tested < n:
        raise ValueError(f"test_size must leave examples in both parts, got {test_size} of {n} examples")
    if not isinstance(stratify, bool):
        raise TypeError("stratify is True or False, and the classes are those in y; write stratify=True")
    rng = Random(seed)
    order = list(range(n))
    rng.shuffle(order)
    test = order[:tested]
    if stratify:
        # Class after class, shuffled within each; then take examples at even distances.
        order.sort(key=lambda i: tuple(tree_leaves(y[i])))
        test = [i for k, i in enumerate(order) if (k + 1) * tested // n > k * tested // n]
        rng.shuffle(order)
        rng.shuffle(test)
    chosen = set(test)
    train = [i for i in order if i not in chosen]
    return _picked(X, train), _picked(X, test), _picked(y, train), _picked(y, test)


class Standardizer:
    """Columns of mean 0 and deviation 1: ``(x - mean) / deviation``, with what was measured on the training part.

    A network learns faster from columns of one scale. A column in which all numbers are the same becomes 0 everywhere,
    and is not divided by its deviation.

    Args:
        X_train: the rows to measure. Not those to test on: what is known of them must not help.

    Attributes:
        mean, deviation: of each column; the deviation is 1 where all numbers are the same.

    Raises:
        ValueError: if there are no rows, or they are of different lengths or hold something other than finite numbers.

    >>> scaler = Standardizer([[1.0, 10.0], [3.0, 10.0]])
    >>> scaler([[3.0, 10.0], [5.0, 11.0]])
    [[1.0, 0.0], [3.0, 1.0]]
    """

    def __init__(self, X_train: Any) -> None:
        X_train = _table("X_train", X_train)
        columns = list(zip(*(X_train.tolist() if is_array(X_train) else X_train)))
        self.mean: list[float] = []
        self.deviation: list[float] = []
        for column in columns:
            same = min(column) == max(column)
            mean = float(column[0]) if same else fsum(column) / len(column)
            self.mean.append(mean)
            self.deviation.append(1.0 if same else hypot(*(x - mean for x in column)) / sqrt(len(column)))

    def __call__(self, X: Any) -> Any:
        """The rows, measured with the mean and the deviation of the training part; one row must stand in a list too.

        Raises:
            ValueError: if a row has not as many columns as were measured.
        """
        X = _table("X", X)
        if len(X[0]) != len(self.mean):
            raise ValueError(f"the standardizer has measured {len(self.mean)} columns, got rows of {len(X[0])}")
        if is_array(X):
            return (X - self.mean) / self.deviation
        return [[(x - m) / d for x, m, d in zip(row, self.mean, self.deviation)] for row in X]


def standardize(X_train: Any, X_test: Any) -> tuple[Any, Any, Standardizer]:
    """Bring the columns of both parts to one scale, as measured on the training part alone.

    Args:
        X_train: rows of numbers.
        X_test: rows of as many numbers.

    Returns:
        Both parts, and the `Standardizer` for whatever else the network will see.

    Raises:
        ValueError: if there are no rows, or they are of different lengths or hold something other than finite numbers.
    """
    scaler = Standardizer(X_train)
    return scaler(X_train), scaler(X_test), scaler


class DataLoader:
    """Mini-batches, an epoch of them each time it is iterated over: ``for xs, ys in loader``; without y, ``for xs in``.

    Args:
        X: the examples.
        y: a target for each.
        batch_size: how many examples are in a batch; the last may have fewer.
        shuffle: give every epoch an order of its own.
        drop_last: leave the last batch out if it has fewer.
        seed: the same seed gives the same orders.
        ragged: allow examples of different lengths, such as texts.

    Attributes:
        epoch: which epoch comes next, or is under way, from 0.
        given: how many examples of it were given.

    Raises:
        ValueError: if `batch_size` is not a whole number of at least 1 (or, with `drop_last`, leaves no batch), if X
            and y are not of one length, or if rows are of different lengths or hold what is no finite number.

    >>> loader = DataLoader([1, 2, 3, 4, 5], batch_size=2, shuffle=True, seed=1)
    >>> len(loader), list(loader), list(loader)
    (3, [[2, 3], [5, 4], [1]], [[2, 1], [4, 3], [5]])
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        ragged: bool = False,
    ) -> None:
        self.X, self.y = _examples(X, y, ragged)
        n = len(self.X)
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size}")
        if drop_last and batch_size > n:
            raise ValueError(
                f"batch_size must be at most {n}, the number of examples, with drop_last; got {batch_size}"
            )
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self._end = n - n % batch_size if drop_last else n
        self.epoch = self.given = 0
        self._resumed = False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return ceil(self._end / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self.given and not self._resumed:  # the last epoch was broken off
            self.epoch, self.given = self.epoch + 1, 0
        self._resumed = False
        epoch, order = self.epoch, self._order()
        for start in range(self.given, self._end, self.batch_size):
            places = order[start : start + self.batch_size]
            self.epoch, self.given = epoch, min(start + self.batch_size, self._end)
            xs = _picked(self.X, places)
            yield xs if self.y is None else (xs, _picked(self.y, places))
        self.epoch, self.given = epoch + 1, 0

    def _order(self) -> Any:
        order = list(range(len(self.X)))
        if self.shuffle:
            Random(f"{self.seed} {self.epoch}").shuffle(order)  # of the epoch alone, so that it can be found again
        if is_array(self.X):
            import numpy as np

            return np.array(order)
        return order

    def state_dict(self) -> dict[str, int]:
        """Where the loader is, as plain numbers; also in the middle of an epoch."""
        return {"seed": self.seed, "epoch": self.epoch, "given": self.given, "examples": len(self.X)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from where a loader of the same examples was: the next iteration gives the rest of its epoch.

        Raises:
            ValueError: if that loader had another number of examples, or it is the state of something else.
        """
        if state.keys() != self.state_dict().keys():
            raise ValueError(f"a DataLoader takes a state of {', '.join(self.state_dict())}; got {', '.join(state)}")
        if state["examples"] != len(self.X):
            raise ValueError(f"the state is of a loader of {state['examples']} examples, and this has {len(self.X)}")
        self.seed, self.epoch, self.given = state["seed"], state["epoch"], state["given"]
        self._resumed = True


def _examples(X: Any, y: Any, ragged: bool) -> tuple[Any, Any]:
    """X and y as lists or arrays that fit each other; if one of them is an array, both are."""
    X = _checked("X", X, ragged)
    if y is None:
        return X, None
    y = _checked("y", y, ragged)
    if len(X) != len(y):
        raise ValueError(f"X and y must be of one length, got {len(X)} rows of X and {len(y)} of y")
    return (X, y) if is_array(X) == is_array(y) or ragged else (_array(X), _array(y))


def _array(examples: Any) -> Any:
    import numpy as np

    return np.asarray(examples)


def _checked(name: str, examples: Any, ragged: bool = False) -> Any:
    """Examples as a list or an array, once it is known that they are alike and hold finite numbers."""
    if hasattr(examples, "to_numpy"):  # a table or a column of pandas
        examples = examples.to_numpy()
    if not is_list_like(examples):
        raise TypeError(f"{name} must be a list or an array of examples, got {examples!r:.40}")
    mixed = hasattr(examples, "dtype") and not is_array(examples)  # a table with columns of several kinds
    if not is_array(examples):
        examples = list(examples.tolist() if mixed else examples)
    if not len(examples):
        raise ValueError(f"{name} must hold at least one example, got none")
    if is_array(examples) and _all_finite(examples):
        return examples
    first = tree_map(_nothing, examples[0])
    for i, row in enumerate(examples):
        for x in tree_leaves(row):
            if not _is_finite(x):
                shown = float(x) if isinstance(x, float) else x  # nan, and not np.float64(nan)
                raise ValueError(
                    f"row {i} of {name} holds {shown!r:.40}, and not a finite number; leave the row out, or put one "
                    "there"
                )
        if not ragged and tree_map(_nothing, row) != first:
            raise ValueError(
                f"row {i} of {name} holds {_size(row)} and row 0 holds {_size(examples[0])}; rows must be alike, or "
                "for texts write ragged=True"
            )
    return _array(examples) if mixed else examples


def _table(name: str, X: Any) -> Any:
    """Rows of numbers, checked."""
    X = _checked(name, X)
    if not is_list_like(X[0]) or any(map(is_list_like, X[0])) or not len(X[0]):
        raise ValueError(
            f"{name} must be rows of numbers, got {X[0]!r:.40} as the first; a column is [[x] for x in xs]"
        )
    return X


def _all_finite(array: Any) -> bool:
    import numpy as np

    return bool(np.isfinite(array).all())


def _is_finite(x: Any) -> bool:
    try:
        return isfinite(x)
    except TypeError:
        return False


def _nothing(x: Any) -> None:
    return None


def _size(row: Any) -> str:
    n = len(list(tree_leaves(row)))
    return f"{n} number{'s' * (n != 1)}"


def _picked(examples: Any, places: Sequence[int]) -> Any:
    return examples[places] if is_array(examples) else [examples[i] for i in places]
