"""The loss of a mini-batch, in plain Python or compiled, with the same numbers either way."""

from collections.abc import Sequence
from functools import cached_property
from itertools import cycle, islice
from math import fsum, isclose
from random import Random
from typing import Any

from engine import TraceError, Value
from engine.compiler.api import Compiled, compile
from engine.compiler.pytree import is_array
from engine.compiler.trace import machine_is_available
from engine.modes import switched
from engine.utils.nested import tree_leaves, tree_map
from engine.value import as_value
from nn.layers import BatchNorm1d
from nn.module import Module
from nn.optim import Optimizer
from nn.tensors import shape
from nn.training.checkpoint import Randomness


class Objective:
    """``loss(model.batch(xs), ys)``; how to compute it is decided at the first mini-batch.

    A mini-batch is ``(xs, ys)``, or for a model of several inputs one list or array for each, and last the targets.

    If the loss is a mean over the examples, and the model does not let them affect one another, the loss of a single
    example is compiled, and run for many at a time. Otherwise the mini-batch is compiled as a whole. What cannot be
    compiled runs in plain Python.

    Args:
        model: the model, which stays in its training mode.
        loss: a function of outputs and targets, for one example or for a list of them.
        compiled: True, False, or ``"auto"``, which means True if numba can be used and the model allows it.
        labels: the targets there are, for a loss that is a mean with some of them only: see `_is_mean`.
    """

    def __init__(self, model: Module, loss: Any, compiled: bool | str, labels: Sequence[Any] = ()) -> None:
        self.labels = labels
        self.model, self.loss, self.must = model, loss, compiled is True
        plain = compiled is False or (compiled == "auto" and not machine_is_available())
        self._strategy: Any = self._plain if plain else None
        self._norms: list[BatchNorm1d] = []

    def __call__(self, *batch: Any) -> Value:
        """The loss, as a Value.

        Raises:
            TraceError: if it must be compiled, but cannot be.
        """
        if self._strategy is None:
            return self._first(*batch)
        try:
            return as_value(self._strategy(*batch))
        except (TraceError, TypeError):
            if self.must or self._strategy == self._plain:
                raise
        self._strategy = self._plain
        return self._plain(*batch)

    def minimize(self, optimizer: Optimizer, *batch: Any, clip: float | None = None) -> float:
        """An optimizer step, as one call of machine code where possible; returns the loss before the step."""
        options = {} if clip is None else {"clip": clip}  # an optimizer of a user's own may know none
        if isinstance(getattr(self._strategy, "__self__", self._strategy), Compiled):
            try:
                return optimizer.minimize(self._strategy, *batch, **options)
            except (TraceError, TypeError):  # raised again below, or answered by running in plain Python
                pass
        return optimizer.minimize(self, *batch, **options)

    def _plain(self, *batch: Any) -> Value:
        *inputs, ys = map(listed, batch)
        value: Value = self.loss(self.model.batch(*inputs), ys)
        return value

    def _first(self, *batch: Any) -> Value:
        """The loss of the first mini-batch; the way it was computed is used from then on."""
        norms = [module for _, module in self.model.named_modules() if isinstance(module, BatchNorm1d)]
        self._norms = [norm for norm in norms if norm.training]
        randomness = Randomness(self.model)
        before = randomness.state_dict()
        if not self._norms:
            try:
                value = self._per_example.mean(*batch)
                if self._is_mean(value, *batch):
                    self._strategy = self._per_example.mean
                    return as_value(value)
            except (TraceError, TypeError):  # a user's loss may take only lists
                pass
        self._strategy = self._with_statistics if self._norms else self._batch
        try:
            return as_value(self._strategy(*batch))
        except (TraceError, TypeError):
            if self.must:
                raise
        randomness.load_state_dict(before)  # recording may have drawn random numbers
        self._strategy = self._plain
        return self._plain(*batch)

    def _is_mean(self, value: Value, *batch: Any) -> bool:
        """Whether no example affects the outputs for another, and the loss of the mini-batch is the mean over examples.

        The loss is also tried on slightly different outputs, because with the initial weights both might be the case
        by chance; and on all other labels, because a class may have a weight, or mark examples to leave out.
        """
        (*inputs, ys), rng = map(listed, batch), Random(0)
        with switched(recording=False, warning=False):
            outputs, alone = self.model.batch(*inputs), [self.model(*each) for each in islice(zip(*inputs), 4)]
            near = [tree_map(lambda v: v + 1e-3 * rng.random(), output) for output in outputs]
            each = [self.loss(output, y).data for output, y in zip(near, ys)]
            others = [y for y in self.labels[:1000] if shape(y) == shape(ys[0])]
            alike = len(near) > 1 and len({shape(output) for output in near}) == 1
            pairs = list(zip(cycle(near), others)) if alike else []
            whole = self.loss([output for output, _ in pairs], others).data if pairs else 0.0
            ends = [self.loss(output, y).data for output, y in pairs] or [0.0]
            same = [
                (as_value(v).data, as_value(w).data)
                for v, w in zip(tree_leaves(outputs[: len(alone)]), tree_leaves(alone))
            ]
            same += [(whole, fsum(ends) / len(ends))]
            same += [(self.loss(outputs, ys).data, value.data), (self.loss(near, ys).data, fsum(each) / len(each))]
        return all(isclose(x, y, rel_tol=1e-9) for x, y in same)

    def _with_statistics(self, *batch: Any) -> Value:
        """The loss of the mini-batch as a whole, and an update of the statistics for batch normalization."""
        value, statistics = self._batch_and_statistics(*batch)
        for norm, numbers in zip(self._norms, statistics):
            norm.update(numbers, len(batch[-1]))
        return as_value(value)

    # Each compiled function has a name of its own, for error messages.

    @cached_property
    def _per_example(self) -> Any:
        def loss_of_an_example(*example: Any) -> Value:
            *inputs, y = example
            value: Value = self.loss(self.model(*inputs), y)
            return value

        return compile(loss_of_an_example)

    @cached_property
    def _batch(self) -> Any:
        def loss_of_a_batch(*batch: Any) -> Value:
            *inputs, ys = batch
            value: Value = self.loss(self.model.batch(*inputs), ys)
            return value

        return compile(loss_of_a_batch)

    @cached_property
    def _batch_and_statistics(self) -> Any:
        def loss_and_statistics(*batch: Any) -> tuple[Value, list[Any]]:
            *inputs, ys = batch
            return self.loss(self.model.batch(*inputs), ys), [norm.latest for norm in self._norms]

        return compile(loss_and_statistics, aux=True)


def listed(examples: Any) -> Any:
    """An array as a list of Python numbers."""
    return examples.tolist() if is_array(examples) else examples
