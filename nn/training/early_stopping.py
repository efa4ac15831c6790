"""Early stopping: a network that improves on its training examples but not on others has begun to memorise them.

>>> from nn import Neuron
>>> model, stopping = Neuron(1), EarlyStopping(patience=2)
>>> for loss in [3.0, 2.0, 2.5]:
...     stopping.step(loss, model)
>>> stopping.reason
''
>>> stopping.step(2.1, model)
>>> stopping.reason
'no better validation loss for 2 epochs'
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from engine.utils.messages import brief
from nn.checks import check_at_least_0, check_integer, check_state
from nn.module import Module


class EarlyStopping:
    """Remembers the weights with the lowest validation loss, and decides when to give up.

    Args:
        patience: how many epochs in a row may pass without a better loss.
        min_delta: how much lower than the best a loss must be to count as better.

    Raises:
        ValueError: if `patience` is not a whole number of at least 1, or `min_delta` is below 0.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0) -> None:
        self.patience = check_integer("patience", patience)
        check_at_least_0("min_delta", min_delta)
        self.min_delta = min_delta
        self.begin()

    def begin(self, model: Module | None = None) -> None:
        """Forget everything, for a new training run, of this model if it is given."""
        self._model = model
        self.least = self.mark = inf  # the lowest loss, and the latest that was better by min_delta
        self.waited = 0
        self.weights: dict[str, Any] | None = None

    def step(self, loss: float, model: Module) -> None:
        """Record the validation loss of an epoch; nan never counts as better."""
        if loss < self.least:
            self.least, self.weights = loss, model.state_dict()
        self.waited += 1
        if loss < self.mark - self.min_delta:
            self.mark, self.waited = loss, 0

    @property
    def reason(self) -> str:
        """Why to stop; empty as long as there is no reason."""
        exhausted = self.waited >= self.patience
        return f"no better validation loss for {self.waited} epoch{'s' * (self.waited != 1)}" if exhausted else ""

    def restore(self, model: Module) -> None:
        """Give the model the weights with the lowest loss."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Everything it remembers, as plain numbers."""
        return {name: getattr(self, name) for name in ("least", "mark", "waited", "weights")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from what `state_dict` returned.

        Raises:
            ValueError: if the state belongs to something else, or its weights to another model than that of `begin`.
                Nothing is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        check_state("EarlyStopping", state, self.state_dict(), may_differ={"weights"})
        waited, weights = check_integer("waited", state["waited"], 0), state["weights"]
        if weights is not None and self._model is not None:
            self._model.prepare_load(weights)
        elif not isinstance(weights, Mapping | None):
            raise ValueError(f"EarlyStopping takes weights from state_dict(), got {brief(weights)}")

        def load() -> None:
            self.least, self.mark = float(state["least"]), float(state["mark"])
            self.waited, self.weights = waited, weights

        return load
