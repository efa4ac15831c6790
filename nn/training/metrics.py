"""Metrics: how good a model is, in numbers for people; none of them has a gradient to learn from.

Each takes the outputs of a model and the targets, all of them at once, as `predict` gives them:

>>> scores, classes = [[2.0, 1.0, 0.0], [0.0, 0.5, 1.0], [3.0, 0.0, 1.0]], [0, 1, 0]
>>> accuracy(scores, classes), top_k(scores, classes, k=2)
(0.6666666666666666, 1.0)
>>> confusion(scores, classes)
[[2, 0, 0], [0, 0, 1], [0, 0, 0]]

The outputs of a classifier are the scores of the classes, a row for each target, and the highest counts; or one score
for each target, and above 0 means yes: the class 1, while no is the class 0, or -1.
"""

from collections.abc import Iterator, Sequence
from math import fsum, sqrt
from typing import Any

from engine import Value
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_map
from nn.checks import as_index, check_integer


def accuracy(outputs: Any, targets: Any) -> float:
    """The share of the targets that were predicted, from 0 to 1.

    Args:
        outputs: scores for each target: a row of them, or one. They may be nested further, as the words of texts are.
        targets: the index of a class for each; one below 0 marks what is to be left out, as in `cross_entropy`, unless
            there is one score, for the classes -1 and 1.

    Raises:
        TypeError: if a target is no whole number.
        ValueError: if the numbers of outputs and targets differ, or are 0, or a target is not the index of a class.
    """
    right = [max(range(len(row)), key=row.__getitem__) == i for row, i in _cases("accuracy", outputs, targets)]
    return sum(right) / len(right)


def top_k(outputs: Any, targets: Any, k: int = 5) -> float:
    """The share of the targets that are among the `k` classes of the highest scores.

    Args:
        outputs, targets: as in `accuracy`.
        k: how many classes; for `fit` write ``metrics={"top 3": partial(top_k, k=3)}``.

    Raises:
        TypeError, ValueError: as in `accuracy`.
    """
    k = check_integer("k", k)
    right = [i in sorted(range(len(row)), key=lambda j: -row[j])[:k] for row, i in _cases("top_k", outputs, targets)]
    return sum(right) / len(right)


def confusion(outputs: Any, targets: Any) -> list[list[int]]:
    """How often each class was taken for each: a row for each true class, a column for each prediction.

    Args:
        outputs, targets: as in `accuracy`.

    Raises:
        TypeError, ValueError: as in `accuracy`.
    """
    cases = list(_cases("confusion", outputs, targets))
    table = [[0] * len(cases[0][0]) for _ in cases[0][0]]
    for row, i in cases:
        table[i][max(range(len(row)), key=row.__getitem__)] += 1
    return table


def rmse(outputs: Any, targets: Any) -> float:
    """The root of the mean squared error, in the units of the targets.

    Args:
        outputs: predictions.
        targets: a number for each, nested in the same way.

    Raises:
        ValueError: if the numbers of outputs and targets differ, or are 0.

    >>> rmse([1.0, 3.0], [2.0, 2.0])
    1.0
    """
    errors = [(output - target) ** 2 for output, target in _pairs("rmse", _numbers(outputs), _numbers(targets))]
    if not errors:
        raise ValueError("rmse takes at least one target, got none")
    return sqrt(fsum(errors) / len(errors))


def _numbers(tree: Any) -> Any:
    return tree_map(lambda x: float(x.data if isinstance(x, Value) else x), tree)


def _pairs(name: str, outputs: Any, targets: Any) -> Iterator[tuple[Any, float]]:
    """Each target that is a number, with what stands in its place in the outputs; a row of one counts as the number."""
    if not is_list_like(targets):
        alone = is_list_like(outputs) and len(outputs) == 1
        yield outputs[0] if alone else outputs, targets
        return
    if not is_list_like(outputs) or len(outputs) != len(targets):
        got = len(outputs) if is_list_like(outputs) else "a number"
        raise ValueError(f"{name} takes an output for each of {len(targets)} targets, got {got}")
    for output, target in zip(outputs, targets):
        yield from _pairs(name, output, target)


def _cases(name: str, outputs: Any, targets: Any) -> Iterator[tuple[Sequence[float], int]]:
    """The scores of all classes, and the index of the right one, for each target that counts."""
    counted = 0
    for output, target in _pairs(name, _numbers(outputs), targets):
        i = as_index(target.data if isinstance(target, Value) else target)
        if i is None:
            raise TypeError(f"{name} takes the index of a class as each target, got {brief(target)}; write int(y)")
        if is_list_like(output) and i < 0:
            continue
        row = output if is_list_like(output) else (0.0, output)  # of one score: no and yes
        index = i if is_list_like(output) else max(i, 0)
        if not index < len(row) or i < -1:
            raise ValueError(f"{name} takes targets from 0 to {len(row) - 1}, one for each class, got {i}")
        counted += 1
        yield row, index
    if not counted:
        raise ValueError(f"{name} takes at least one target, got none")
