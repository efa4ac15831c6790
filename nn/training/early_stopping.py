"""Early stopping: a network that gets better on its own examples and not on others has begun to learn them by heart.

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

from collections.abc import Mapping
from math import inf
from typing import Any

from nn.module import Module


class EarlyStopping:
    """Remembers the weights of the least validation loss, and when to give up.

    Args:
        patience: how many epochs in a row may pass without a better loss.
        min_delta: by how much a loss must be less than the best to count as better.

    Raises:
        ValueError: if `patience` is not a whole number of at least 1, or `min_delta` is below 0.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0) -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience must be a whole number of at least 1, got {patience!r}; write EarlyStopping(5)")
        if not min_delta >= 0:
            raise ValueError(f"min_delta must be at least 0, got {min_delta}")
        self.patience, self.min_delta = patience, min_delta
        self.begin()

    def begin(self) -> None:
        """Forget all, for another training."""
        self.least = self.mark = inf  # the least loss of all, and the last that was better by min_delta
        self.waited = 0
        self.weights: dict[str, Any] | None = None

    def step(self, loss: float, model: Module) -> None:
        """Take the validation loss of an epoch; nan is never better."""
        if loss < self.least:
            self.least, self.weights = loss, model.state_dict()
        self.waited += 1
        if loss < self.mark - self.min_delta:
            self.mark, self.waited = loss, 0

    @property
    def reason(self) -> str:
        """Why to stop; empty if there is no reason yet."""
        late = self.waited >= self.patience
        return f"no better validation loss for {self.waited} epoch{'s' * (self.waited != 1)}" if late else ""

    def restore(self, model: Module) -> None:
        """Give the model the weights of the least loss."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, as plain numbers."""
        return {name: getattr(self, name) for name in ("least", "mark", "waited", "weights")}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            ValueError: if it is the state of something else.
        """
        if state.keys() != self.state_dict().keys():
            raise ValueError(f"EarlyStopping takes a state of {', '.join(self.state_dict())}; got {', '.join(state)}")
        vars(self).update(state)
