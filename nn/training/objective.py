"""The loss of a mini-batch: in plain Python, or compiled, to the same numbers."""

from functools import cached_property
from math import fsum, isclose
from random import Random
from typing import Any

from engine import TraceError, Value
from engine.compiler.api import Compiled, compile
from engine.compiler.pytree import is_array
from engine.compiler.trace import machine_is_available
from engine.modes import switched
from engine.nested import flat, mapped
from engine.value import as_value
from nn.layers.normalisation import BatchNorm1d
from nn.module import Module
from nn.optim.optimizers import Optimizer
from nn.training.checkpoint import Randomness


class Objective:
    """``loss(model.batch(xs), ys)``; which way to get it is found out at the first mini-batch.

    Where the loss is a mean over the examples, and the model does not mix them, one example is compiled, for all of
    them to be run in lanes. Else the mini-batch is compiled as a whole. What can't be compiled runs in plain Python.

    Args:
        model: the model, which stays in training or out of it.
        loss: a function of outputs and targets, for one example or for a list of them.
        compiled: True, False, or ``"auto"``, which is True where numba can be used and the model allows it.
    """

    def __init__(self, model: Module, loss: Any, compiled: bool | str) -> None:
        self.model, self.loss, self.must = model, loss, compiled is True
        plain = compiled is False or (compiled == "auto" and not machine_is_available())
        self._strategy: Any = self._plain if plain else None
        self._norms: list[BatchNorm1d] = []

    def __call__(self, xs: Any, ys: Any) -> Value:
        """The loss, as a Value.

        Raises:
            TraceError: if it must be compiled and can't be.
        """
        if self._strategy is None:
            return self._first(xs, ys)
        try:
            return as_value(self._strategy(xs, ys))
        except (TraceError, TypeError):
            if self.must or self._strategy == self._plain:
                raise
        self._strategy = self._plain
        return self._plain(xs, ys)

    def minimize(self, optimizer: Optimizer, xs: Any, ys: Any) -> float:
        """A step of the optimizer, as one call of machine code where that can be; gives the loss before it."""
        if isinstance(getattr(self._strategy, "__self__", self._strategy), Compiled):
            try:
                return optimizer.minimize(self._strategy, xs, ys)
            except (TraceError, TypeError):  # to be raised again below, or the way is given up
                pass
        return optimizer.minimize(self, xs, ys)

    def _plain(self, xs: Any, ys: Any) -> Value:
        value: Value = self.loss(self.model.batch(listed(xs)), listed(ys))
        return value

    def _first(self, xs: Any, ys: Any) -> Value:
        """The loss of the first mini-batch, and from then on the way by which it was found."""
        norms = [module for _, module in self.model.named_modules() if isinstance(module, BatchNorm1d)]
        self._norms = [norm for norm in norms if norm.training]
        randomness = Randomness(self.model)
        before = randomness.state_dict()
        if not self._norms:
            try:
                value = self._per_example.mean(xs, ys)
                if self._is_mean(value, xs, ys):
                    self._strategy = self._per_example.mean
                    return as_value(value)
            except (TraceError, TypeError):  # a loss of one's own may be for lists alone
                pass
        self._strategy = self._with_statistics if self._norms else self._batch
        try:
            return as_value(self._strategy(xs, ys))
        except (TraceError, TypeError):
            if self.must:
                raise
        randomness.load_state_dict(before)  # what a recording has drawn
        self._strategy = self._plain
        return self._plain(xs, ys)

    def _is_mean(self, value: Value, xs: Any, ys: Any) -> bool:
        """Whether no example matters to the outputs of another, and the loss of the mini-batch is the mean over them.

        The loss is tried with slightly other outputs too, for at the first weights the two may be the same by chance.
        """
        xs, ys, rng = listed(xs), listed(ys), Random(0)
        with switched(recording=False, warning=False):
            outputs, alone = self.model.batch(xs), [self.model(x) for x in xs[:4]]
            near = [mapped(lambda v: v + 1e-3 * rng.random(), output) for output in outputs]
            each = [self.loss(output, y).data for output, y in zip(near, ys)]
            pairs = [(as_value(v).data, as_value(w).data) for v, w in zip(flat(outputs[: len(alone)]), flat(alone))]
            pairs += [(self.loss(outputs, ys).data, value.data), (self.loss(near, ys).data, fsum(each) / len(each))]
        return all(isclose(x, y, rel_tol=1e-9) for x, y in pairs)

    def _with_statistics(self, xs: Any, ys: Any) -> Value:
        """The mini-batch as a whole, with the statistics that batch normalisation takes from it."""
        value, statistics = self._batch_and_statistics(xs, ys)
        for norm, numbers in zip(self._norms, statistics):
            norm.update(numbers, len(xs))
        return as_value(value)

    # What is compiled has a name of its own, for messages.

    @cached_property
    def _per_example(self) -> Any:
        def loss_of_an_example(x: Any, y: Any) -> Value:
            value: Value = self.loss(self.model(x), y)
            return value

        return compile(loss_of_an_example)

    @cached_property
    def _batch(self) -> Any:
        def loss_of_a_batch(xs: Any, ys: Any) -> Value:
            value: Value = self.loss(self.model.batch(xs), ys)
            return value

        return compile(loss_of_a_batch)

    @cached_property
    def _batch_and_statistics(self) -> Any:
        def loss_and_statistics(xs: Any, ys: Any) -> tuple[Value, list[Any]]:
            return self.loss(self.model.batch(xs), ys), [norm.latest for norm in self._norms]

        return compile(loss_and_statistics, aux=True)


def listed(examples: Any) -> Any:
    """An array as a list, whose numbers are Python's."""
    return examples.tolist() if is_array(examples) else examples
