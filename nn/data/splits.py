"""Training and test data: splitting the examples in two, and bringing their columns to one scale.

>>> from nn.data.toy_sets import moons
>>> X, y = moons(100)
>>> X_train, X_test, y_train, y_test = train_test_split(X, y)
>>> X_train, X_test, scaler = standardize(X_train, X_test)
>>> len(X_train), len(X_test)
(80, 20)
"""

from math import ceil, fsum, hypot, sqrt
from random import Random
from typing import Any

from engine.compiler.pytree import is_array
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import tree_leaves
from nn.checks import as_seed, is_number
from nn.data.validation import check_table, check_X_y, take


def train_test_split(
    X: Any, y: Any, test_size: float = 0.2, seed: int = 0, stratify: bool = False, ragged: bool = False
) -> tuple[Any, Any, Any, Any]:
    """Split examples at random into a training set and a test set.

    Args:
        X: the examples.
        y: a target for each.
        test_size: the fraction that goes into the test set, rounded up; or, as a whole number, how many examples do.
        seed: the same seed gives the same split.
        stratify: take the same fraction of every class in `y`, give or take one example.
        ragged: allow examples of different lengths, such as texts.

    Returns:
        ``X_train, X_test, y_train, y_test``, as in scikit-learn.

    Raises:
        ValueError: if either set would be empty, if X and y differ in length, or if rows differ in length or hold
            anything but finite numbers.
    """
    if y is None:
        raise TypeError("train_test_split takes a target for each example, got None; write train_test_split(X, y)")
    X, y = check_X_y(X, y, ragged)
    n = len(X)
    count = as_integer(test_size)
    if count is None:
        count = ceil(test_size * n) if is_number(test_size) and 0 < test_size < 1 else 0
    if not 0 < count < n:
        raise ValueError(f"test_size must leave examples in both sets, got {brief(test_size)} of {n} examples")
    if not isinstance(stratify, bool):
        raise TypeError("stratify is True or False, and the classes are those in y; write stratify=True")
    rng = Random(as_seed(seed))
    order = list(range(n))
    rng.shuffle(order)
    test = order[:count]
    if stratify:
        # Sort by class, each class shuffled within; then take examples at even distances.
        order.sort(key=lambda i: tuple(tree_leaves(y[i])))
        test = [i for k, i in enumerate(order) if (k + 1) * count // n > k * count // n]
        rng.shuffle(order)
        rng.shuffle(test)
    chosen = set(test)
    train = [i for i in order if i not in chosen]
    return take(X, train), take(X, test), take(y, train), take(y, test)


class Standardizer:
    """Columns with mean 0 and standard deviation 1: ``(x - mean) / deviation``, as measured on the training set.

    A network learns faster when all columns have the same scale. A column in which all numbers are equal becomes 0
    everywhere, and is not divided by its deviation.

    Args:
        X_train: the rows to measure. Not those of the test set: nothing learned from them may leak into training.

    Attributes:
        mean, deviation: one for each column; the deviation is 1 where all numbers are equal.

    Raises:
        ValueError: if there are no rows, or they differ in length or hold anything but finite numbers.

    >>> scaler = Standardizer([[1.0, 10.0], [3.0, 10.0]])
    >>> scaler([[3.0, 10.0], [5.0, 11.0]])
    [[1.0, 0.0], [3.0, 1.0]]
    """

    def __init__(self, X_train: Any) -> None:
        X_train = check_table("X_train", X_train)
        columns = list(zip(*(X_train.tolist() if is_array(X_train) else X_train)))
        self.mean: list[float] = []
        self.deviation: list[float] = []
        for column in columns:
            constant = min(column) == max(column)
            mean = float(column[0]) if constant else fsum(column) / len(column)
            self.mean.append(mean)
            self.deviation.append(1.0 if constant else hypot(*(x - mean for x in column)) / sqrt(len(column)))

    def __call__(self, X: Any) -> Any:
        """The rows, standardized with the training set's means and deviations; put a single row in a list too.

        Raises:
            ValueError: if a row does not have as many columns as were measured.
        """
        X = check_table("X", X)
        if len(X[0]) != len(self.mean):
            raise ValueError(f"the standardizer has measured {len(self.mean)} columns, got rows of {len(X[0])}")
        if is_array(X):
            return (X - self.mean) / self.deviation
        return [[(x - m) / d for x, m, d in zip(row, self.mean, self.deviation)] for row in X]


def standardize(X_train: Any, X_test: Any) -> tuple[Any, Any, Standardizer]:
    """Bring the columns of both sets to the same scale, as measured on the training set alone.

    Args:
        X_train: rows of numbers.
        X_test: rows with as many numbers.

    Returns:
        Both sets, and the `Standardizer`, for any further data that the network will see.

    Raises:
        ValueError: if there are no rows, or they differ in length or hold anything but finite numbers.
    """
    scaler = Standardizer(X_train)
    return scaler(X_train), scaler(X_test), scaler
