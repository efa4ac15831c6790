"""Losses: how wrong a network is, as one number, the mean over the examples.

Each loss takes the network's outputs and the targets, for one example or for a list of them. Targets are numbers or
Values. An invalid target is an error, except while a function is being recorded for compile: then it makes the loss inf
or nan.
"""

from collections.abc import Iterable, Iterator
from math import nextafter
from operator import index
from typing import Any

from engine import Value, dot, log_softmax, mean, rules, select
from engine.modes import mode
from engine.nested import is_list_like, tree_leaves
from engine.value import as_value


def mse_loss(predictions: Any, targets: Any) -> Value:
    """Mean squared error: the mean of ``(prediction - target)²``.

    Raises:
        ValueError: if the numbers of predictions and targets differ, or are 0.

    >>> mse_loss([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    """
    return _mean((as_value(p) - t) ** 2 for p, t in _pairs("mse_loss", predictions, targets))


def l1_loss(predictions: Any, targets: Any) -> Value:
    """Mean absolute error: the mean of ``|prediction - target|``, which is less sensitive to outliers.

    Raises:
        ValueError: if the numbers of predictions and targets differ, or are 0.

    >>> l1_loss([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    1.5
    """
    return _mean(abs(as_value(p) - t) for p, t in _pairs("l1_loss", predictions, targets))


def hinge_loss(scores: Any, targets: Any) -> Value:
    """The max-margin loss of a support vector machine: the mean of ``max(0, 1 - target · score)``.

    Args:
        scores: one for each example; its sign is the prediction.
        targets: -1 or 1 for each example.

    Raises:
        ValueError: if the numbers of scores and targets differ, or are 0, or a target is neither -1 nor 1.
    """

    def loss(score: Any, target: Any) -> Value:
        number = _target_number(target)
        if number is not None and number not in (-1, 1):
            hint = _swapped_hint("hinge_loss", score, target) or "if your labels are 0 and 1, write 2 * y - 1"
            raise ValueError(f"hinge_loss takes targets of -1 or 1, got {number!r}; {hint}")
        if isinstance(target, Value):
            target = target / rules.equal(target * target, 1.0)  # not finite where it is neither
        margin: Value = 1 - as_value(score) * target
        return margin.relu()

    return _mean(loss(s, t) for s, t in _pairs("hinge_loss", scores, targets))


def binary_cross_entropy_with_logits(logits: Any, targets: Any) -> Value:
    """The mean of ``-t·log(p) - (1 - t)·log(1 - p)`` with ``p = sigmoid(logit)``, without overflow.

    Args:
        logits: one for each example; above 0 means yes.
        targets: from 0 (no) to 1 (yes) for each example.

    Raises:
        ValueError: if the numbers of logits and targets differ, or are 0, or a target is not between 0 and 1.
    """

    def loss(logit: Any, target: Any) -> Value:
        number = _target_number(target)
        if number is not None and not 0 <= number <= 1:
            name = "binary_cross_entropy_with_logits"
            hint = _swapped_hint(name, logit, target) or "if your labels are -1 and 1, write (y + 1) / 2"
            raise ValueError(f"{name} takes targets from 0 to 1, got {number!r}; {hint}")
        if isinstance(target, Value):
            target = target / _FROM_0_TO_1(target)  # not finite where it is outside
        result: Value = rules.binary_cross_entropy(as_value(logit), target)
        return result

    return _mean(loss(z, t) for z, t in _pairs("binary_cross_entropy_with_logits", logits, targets))


def cross_entropy(logits: Any, targets: Any) -> Value:
    """The mean of ``-log softmax(logits)[target]``, without overflow.

    Args:
        logits: a row with one logit for each class, or a list of such rows.
        targets: the index of the correct class, or a list of such indices.

    Raises:
        ValueError: if the numbers of rows and targets differ, or are 0.
        IndexError: if a target is not the index of a class.
        TypeError: if a target is not a whole number, or the logits are not a row.

    >>> round(cross_entropy([Value(0.0), Value(0.0)], 1).data, 4)
    0.6931
    """

    def loss(row: Any, target: Any) -> Value:
        if isinstance(target, Value):
            return -as_value(select(log_softmax(row), target))
        xs, i = list(row), _class_index(target)
        if not 0 <= i < len(xs):
            raise IndexError(f"cross_entropy takes targets from 0 to {len(xs) - 1}, one for each logit, got {i}")
        return -as_value(rules.log_softmax(i)(*xs))

    if not is_list_like(logits):
        raise TypeError(
            f"cross_entropy takes a row of logits, one for each class, and then the target, got {logits!r:.40} as the "
            "logits; write cross_entropy(logits, target)"
        )
    if not is_list_like(targets):
        return loss(logits, targets)
    rows, targets = list(logits), list(targets)
    if rows and not is_list_like(rows[0]):
        raise ValueError(f"cross_entropy takes a row of logits for each of {len(targets)} targets, got a single row")
    _check_lengths("cross_entropy", len(rows), len(targets))
    return _mean(loss(row, target) for row, target in zip(rows, targets))


def l1_penalty(parameters: Iterable[Any]) -> Value:
    """``Σ |p|``, a sum, not a mean. Add a small multiple of it to the loss to drive parameters to 0.

    Args:
        parameters: Values, or a nested list of them.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if there are none.

    >>> l1_penalty([Value(3.0), Value(-4.0)]).data
    7.0
    """
    return as_value(rules.total(*map(abs, _parameter_list("l1_penalty", parameters))))


def l2_penalty(parameters: Iterable[Any]) -> Value:
    """``Σ p²``, a sum, not a mean, as one node. Add a small multiple of it to the loss to keep parameters small.

    ``loss + 0.5 * c * l2_penalty(parameters)`` has the gradient that an optimizer uses with ``weight_decay=c``. (The
    exception is AdamW, which keeps the decay separate from the gradient.)

    Args:
        parameters: Values, or a nested list of them.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if there are none.

    >>> l2_penalty([Value(3.0), Value(-4.0)]).data
    25.0
    """
    values = _parameter_list("l2_penalty", parameters)
    return as_value(dot(values, values))


def _parameter_list(name: str, parameters: Any) -> list[Value]:
    values = list(tree_leaves(parameters))
    if not values:
        raise ValueError(f"{name} takes at least one parameter, got none; write model.parameters()")
    for parameter in values:
        if not isinstance(parameter, Value):
            raise TypeError(f"{name} takes Values, got {parameter!r:.40}; write model.parameters()")
    return values


_FROM_0_TO_1 = rules.between(nextafter(0.0, -1.0), nextafter(1.0, 2.0))


def _target_number(target: Any) -> Any:
    """A target's number; None for a Value while a function is being recorded, when its number must not be used."""
    if not isinstance(target, Value):
        return target
    return None if mode.get().tracing else target.data


def _swapped_hint(name: str, output: Any, target: Any) -> str:
    """What to write if outputs and targets were swapped, which is likely if only the targets are Values."""
    swapped = isinstance(target, Value) and not isinstance(output, Value)
    return f"the outputs come first: {name}(outputs, targets)" if swapped else ""


def _class_index(target: Any) -> int:
    try:
        return index(target)
    except TypeError:
        raise TypeError(
            f"cross_entropy takes the index of the correct class for each row, a whole number, got {target!r:.40}; "
            "write int(y) for each y of a flat list"
        ) from None


def _mean(losses: Iterator[Value]) -> Value:
    values = list(losses)
    return values[0] if len(values) == 1 else as_value(mean(values))


def _pairs(name: str, outputs: Any, targets: Any) -> Iterator[tuple[Any, Any]]:
    outputs, targets = list(tree_leaves(outputs)), list(tree_leaves(targets))
    _check_lengths(name, len(outputs), len(targets))
    return zip(outputs, targets)


def _check_lengths(name: str, outputs: int, targets: int) -> None:
    if outputs != targets:
        raise ValueError(f"{name} takes as many outputs as targets, got {outputs} outputs and {targets} targets")
    if not outputs:
        raise ValueError(f"{name} takes at least one example, got none")
