"""Losses: how wrong a network is, as one number, the mean over the examples.

Each loss takes the network's outputs and the targets, for one example or for a list of them, nested alike: n outputs of
one number each, shape (n, 1), may have targets of shape (n). Targets are numbers or Values. An invalid target is an
error, except while a function is being recorded for compile: then it makes the loss inf or nan.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import fsum, nextafter
from typing import Any

from engine import Value, dot, log_softmax, mean, nary_rules, rules, select, where
from engine.modes import mode
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_leaves
from engine.value import as_value
from nn.checks import as_index, check, check_at_least_0, check_number, is_number
from nn.tensors import format_shape, shape


def mse_loss(predictions: Any, targets: Any, weight: Any = None) -> Value:
    """Mean squared error: the mean of ``(prediction - target)²``.

    Args:
        predictions: numbers or Values.
        targets: a number for each, nested the same way.
        weight: how much each prediction counts, nested the same way: 1 or 0 leaves out padding. The mean is then the
            weighted one: the sum is divided by the sum of the weights, as in PyTorch.

    Raises:
        ValueError: if the shapes of predictions, targets and weights differ, or there are none, or a weight is below 0.

    >>> mse_loss([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    2.5
    >>> mse_loss([Value(1.0), Value(3.0)], [0.0, 1.0], weight=[1.0, 0.0]).data
    1.0
    """
    losses = [(as_value(p) - t) ** 2 for p, t in _pairs("mse_loss", predictions, targets)]
    return _weighted_mean("mse_loss", losses, predictions, weight)


def l1_loss(predictions: Any, targets: Any, weight: Any = None) -> Value:
    """Mean absolute error: the mean of ``|prediction - target|``, which is less sensitive to outliers.

    Args:
        predictions, targets, weight: as in `mse_loss`.

    Raises:
        ValueError: as in `mse_loss`.

    >>> l1_loss([Value(1.0), Value(3.0)], [0.0, 1.0]).data
    1.5
    """
    losses = [abs(as_value(p) - t) for p, t in _pairs("l1_loss", predictions, targets)]
    return _weighted_mean("l1_loss", losses, predictions, weight)


def hinge_loss(scores: Any, targets: Any) -> Value:
    """The max-margin loss of a support vector machine: the mean of ``max(0, 1 - target · score)``.

    Args:
        scores: one for each example; its sign is the prediction.
        targets: -1 or 1 for each example.

    Raises:
        ValueError: if the shapes of scores and targets differ, or there are none, or a target is neither -1 nor 1.
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


def binary_cross_entropy_with_logits(logits: Any, targets: Any, weight: Any = None) -> Value:
    """The mean of ``-t·log(p) - (1 - t)·log(1 - p)`` with ``p = sigmoid(logit)``, without overflow.

    Args:
        logits: one for each example; above 0 means yes.
        targets: from 0 (no) to 1 (yes) for each example.
        weight: a factor for the loss of each, nested the same way; the sum is divided by their number, whatever the
            weights, as in PyTorch (and unlike `mse_loss`).

    Raises:
        ValueError: if the shapes of logits, targets and weights differ, or there are none, a target is not between 0
            and 1, or a weight is below 0.
    """

    def loss(logit: Any, target: Any) -> Value:
        number = _target_number(target)
        if number is not None and (isinstance(number, str) or not 0 <= number <= 1):
            name = "binary_cross_entropy_with_logits"
            hint = _swapped_hint(name, logit, target) or "if your labels are -1 and 1, write (y + 1) / 2"
            raise ValueError(f"{name} takes targets from 0 to 1, got {number!r}; {hint}")
        if isinstance(target, Value):
            target = target / _FROM_0_TO_1(target)  # not finite where it is outside
        result: Value = rules.binary_cross_entropy(as_value(logit), target)
        return result

    name = "binary_cross_entropy_with_logits"
    losses = [loss(z, t) for z, t in _pairs(name, logits, targets)]
    if weight is not None:
        losses = [as_value(w * each) for w, each in zip(_weights(name, logits, weight), losses)]
    return _mean(iter(losses))


def cross_entropy(
    logits: Any,
    targets: Any,
    weight: Sequence[float] | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Value:
    """The mean of ``-log softmax(logits)[target]``, without overflow.

    A target is the index of the correct class, or a row of probabilities, one for each class; then the loss of an
    example is ``-Σ probability · log softmax(logits)``.

    Args:
        logits: a row with one logit for each class, or a list of such rows.
        targets: for each row of logits, an index (floats such as 2.0 are taken too), or a row of probabilities.
        weight: how much each class counts, one number for each. With indices, the mean is a weighted one: the sum is
            divided by the sum of the weights of the targets, as in PyTorch.
        ignore_index: an index that marks examples to leave out, such as padding; if all are, the loss is nan.
        label_smoothing: from 0 to 1: this share of the target is divided among all classes alike.

    Raises:
        ValueError: if the numbers of rows and targets differ, or are 0; if a row of probabilities does not have one for
            each class, or they do not add up to 1; if one of the last three arguments is out of range.
        IndexError: if a target is not the index of a class.
        TypeError: if a target is neither an index nor a row, or the logits are not a row.

    >>> round(cross_entropy([Value(0.0), Value(0.0)], 1).data, 4)
    0.6931
    >>> round(cross_entropy([Value(0.0), Value(0.0)], [0.75, 0.25]).data, 4)
    0.6931
    """
    if not is_list_like(logits):
        raise TypeError(
            f"cross_entropy takes a row of logits, one for each class, and then the target, got {brief(logits)} as the "
            "logits; write cross_entropy(logits, target)"
        )
    rows, targets = list(logits), list(targets) if is_list_like(targets) else targets
    if rows and not is_list_like(rows[0]):  # a single example
        if isinstance(targets, list) and len(targets) != len(rows):
            raise ValueError(
                f"cross_entropy takes a row of logits for each of {len(targets)} targets, got a single row; for one "
                f"example, write the index of its class, or a row of {len(rows)} probabilities"
            )
        rows, targets = [rows], [targets]
    elif not isinstance(targets, list):
        raise ValueError(f"cross_entropy takes a target for each of {len(rows)} rows of logits, got {brief(targets)}")
    _check_lengths("cross_entropy", len(rows), len(targets))
    against = _Classes(weight, ignore_index, label_smoothing)
    plain = weight is None and not label_smoothing and against.ignore_index < 0
    if plain and len(rows) == 1 and isinstance(targets[0], Value) and mode.get().tracing:
        return -as_value(select(log_softmax(rows[0]), targets[0]))  # nan if it is to be ignored: it is out of range
    losses, shares = zip(*(against.loss(list(row), target) for row, target in zip(rows, targets)))
    kept = [loss for loss, share in zip(losses, shares) if isinstance(share, Value) or share]
    if all(not isinstance(share, Value) and share in (0.0, 1.0) for share in shares) and kept:
        return _mean(iter(kept))
    if not kept:
        return Value(0.0) / 0.0  # nan, and a warning
    return as_value(nary_rules.total(*kept) / nary_rules.total(*shares))


_OFF = 1e-3  # how far from 1 the sum of probabilities may be, by rounding


class _Classes:
    """The options of `cross_entropy`, and the loss of one example."""

    def __init__(self, weight: Any, ignore_index: Any, label_smoothing: Any) -> None:
        check("ignore_index", ignore_index, as_integer(ignore_index) is not None, "a whole number")
        check_number("label_smoothing", label_smoothing, lambda x: 0 <= x <= 1, "from 0 to 1")
        self.weight: list[float] | None = None
        if weight is not None:
            if not is_list_like(weight):
                raise ValueError(f"weight must be a list with a number for each class, got {brief(weight)}")
            for w in (weight := list(weight)):
                check_at_least_0("each weight", w)
            self.weight = list(map(float, weight))
        self.ignore_index, self.smoothing = int(ignore_index), float(label_smoothing)

    def loss(self, row: list[Any], target: Any) -> tuple[Any, Any]:
        """The loss of one example, and what it adds to the denominator of the mean."""
        if self.weight is not None and len(self.weight) != len(row):
            raise ValueError(f"weight must have one number for each of {len(row)} classes, got {len(self.weight)}")
        if is_list_like(target):
            return self._soft(row, list(target)), 1.0
        if isinstance(target, Value):
            return self._indexed(row, target)
        i = self._index(target)
        if i == self.ignore_index:
            return 0.0, 0.0
        if not 0 <= i < len(row):
            raise IndexError(f"cross_entropy takes targets from 0 to {len(row) - 1}, one for each logit, got {i}")
        share = 1.0 if self.weight is None else self.weight[i]
        if not self.smoothing:
            loss = -as_value(nary_rules.log_softmax(i)(*row))
            return (loss if self.weight is None else share * loss), share
        probabilities = [0.0] * len(row)
        probabilities[i] = 1.0
        return self._expected(row, probabilities), share

    def _indexed(self, row: list[Any], target: Value) -> tuple[Any, Any]:
        """The same where the index is a Value, which in a compiled function may be ignored in one call only."""
        logs = log_softmax(row)
        ignored = rules.equal(target, float(self.ignore_index))
        index = where(ignored, 0.0, target)
        share = 1.0 if self.weight is None else select(self.weight, index)
        loss = -(1 - self.smoothing) * share * select(logs, index)
        if self.smoothing:
            loss = loss + self._expected(row, [0.0] * len(row))
        return where(ignored, 0.0, loss), where(ignored, 0.0, share)

    def _soft(self, row: list[Any], probabilities: list[Any]) -> Any:
        if len(probabilities) != len(row):
            raise ValueError(
                f"cross_entropy takes a probability for each of {len(row)} classes, got a row of {len(probabilities)}; "
                "if it holds the indices of classes, write one index for each row of logits"
            )
        if self.ignore_index >= 0:
            raise ValueError(
                f"ignore_index is for targets that are indices, got {self.ignore_index} and rows of probabilities; "
                "leave it out"
            )
        numbers = [p for p in map(_target_number, probabilities) if p is not None]
        if len(numbers) < len(row):  # being recorded: the loss is not finite where they are no probabilities
            whole = nary_rules.total(*probabilities)
            above_0 = rules.equal(nary_rules.total(*map(abs, probabilities)), whole)
            are_1 = rules.step(_OFF - abs(whole - 1))
            return self._expected(row, probabilities) / (above_0 * are_1)
        if not all(is_number(p) and p >= 0 for p in numbers) or not abs(fsum(numbers) - 1) < _OFF:
            raise ValueError(
                f"cross_entropy takes probabilities from 0 to 1 that add up to 1, got {brief(numbers, 60)}; "
                "if an example may belong to several classes, write binary_cross_entropy_with_logits(logits, targets)"
            )
        return self._expected(row, [p if isinstance(p, Value) else float(p) for p in probabilities])

    def _expected(self, row: list[Any], probabilities: list[Any]) -> Any:
        """``-Σ weight · probability · log softmax``, with smoothed probabilities."""
        smooth = self.smoothing / len(row)
        factors = [(1 - self.smoothing) * p + smooth for p in probabilities] if self.smoothing else probabilities
        if self.weight is not None:
            factors = [w * factor for w, factor in zip(self.weight, factors)]
        terms = [(f, i) for i, f in enumerate(factors) if isinstance(f, Value) or f]
        if not terms:
            return as_value(0.0 * row[0])
        return -as_value(dot([f for f, _ in terms], [nary_rules.log_softmax(i)(*row) for _, i in terms]))

    def _index(self, target: Any) -> int:
        i = as_index(target)
        if i is None:
            raise TypeError(
                "cross_entropy takes the index of the correct class for each row, a whole number, or a row of "
                f"probabilities, got {brief(target)}; write int(y) for each y of a flat list if they are indices, or "
                "[1 - y, y] if they are probabilities"
            )
        return i


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
    return as_value(nary_rules.total(*map(abs, _parameter_list("l1_penalty", parameters))))


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
            raise TypeError(f"{name} takes Values, got {brief(parameter)}; write model.parameters()")
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


def _mean(losses: Iterator[Value]) -> Value:
    values = list(losses)
    return values[0] if len(values) == 1 else as_value(mean(values))


def _weighted_mean(name: str, losses: list[Value], outputs: Any, weight: Any) -> Value:
    """The mean, or the weighted mean if there are weights."""
    if weight is None:
        return _mean(iter(losses))
    weights = _weights(name, outputs, weight)
    if all(_target_number(w) == 0 for w in weights):
        raise ValueError(f"{name} takes at least one weight above 0, got none")
    return as_value(dot(weights, losses) / nary_rules.total(*weights))


def _weights(name: str, outputs: Any, weight: Any) -> list[Any]:
    """A weight for each output, once it is certain that they are nested in the same way and not below 0."""
    weights = [w for _, w in _pairs(name, outputs, weight, "weight")]
    for w in weights:
        number = _target_number(w)
        if number is not None:
            check_at_least_0("each weight", number)
    return weights


def _pairs(name: str, outputs: Any, targets: Any, what: str = "target") -> Iterator[tuple[Any, Any]]:
    """Each output with its target, or its weight, once it is certain that they are nested alike; (n, 1) is like (n)."""
    each: tuple[list[Any], list[Any]] = [], []
    nestings = _flatten(outputs, each[0]), _flatten(targets, each[1])
    if nestings[0] != nestings[1] and _without_rows_of_one(nestings[0]) != _without_rows_of_one(nestings[1]):
        shapes = f"{format_shape(shape(nestings[0]))} and {what}s of shape {format_shape(shape(nestings[1]))}"
        raise ValueError(f"{name} takes a {what} for each output, nested the same way, got outputs of shape {shapes}")
    _check_lengths(name, len(each[0]), len(each[1]), what)
    return zip(*each)


def _flatten(tree: Any, leaves: list[Any]) -> Any:
    """The nesting of a tree, with None for each leaf; its leaves are added to the list."""
    if is_list_like(tree):
        return [_flatten(branch, leaves) for branch in tree]
    leaves.append(tree)
    return None


def _without_rows_of_one(nesting: Any) -> Any:
    """A nesting in which a row of one number counts as the number."""
    if nesting is None:
        return None
    inside = [_without_rows_of_one(branch) for branch in nesting]
    return None if inside == [None] else inside


def _check_lengths(name: str, outputs: int, targets: int, what: str = "target") -> None:
    if outputs != targets:
        raise ValueError(f"{name} takes as many outputs as {what}s, got {outputs} outputs and {targets} {what}s")
    if not outputs:
        raise ValueError(f"{name} takes at least one example, got none")
