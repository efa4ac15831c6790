"""The history of a training run, epoch by epoch.

>>> history = History()
>>> history.add(loss=0.9, validation_loss=1.1, lr=0.1, seconds=0.5)
>>> history.add(loss=0.5, validation_loss=0.8, lr=0.1, seconds=0.5)
>>> history.add(loss=0.3, validation_loss=1.0, lr=0.1, seconds=0.5)
>>> history
epoch    loss  validation   lr  seconds
    1     0.9         1.1  0.1      0.5
    2     0.5         0.8  0.1      0.5  ★
    3     0.3           1  0.1      0.5
3 epochs in 1.5 s; the best validation loss, 0.8, was at epoch 2
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.names import number
from engine.utils.console import printable
from engine.utils.messages import brief
from nn.checks import check_state, is_number
from nn.module import Module

_MAX_ROWS = 12  # in the table, not counting the best epoch


@printable
class History:
    """What `fit` returns, and passes to its callbacks.

    Args:
        model: the model in training.
        metrics: the names of what is measured besides.

    Attributes:
        loss: for each epoch, the mean over its examples, each with the weights at the time of its mini-batch.
        validation_loss: for each epoch, the loss on the held-out examples at its end; empty if there are none.
        metrics: for each metric its number at the end of each epoch, by name: ``history.metrics["accuracy"]``.
        lr: the learning rate of each epoch.
        seconds: how long each epoch took.
        stopped: why the training ended before its last epoch; empty if it did not.
        interrupted: whether it was interrupted, for example by Ctrl-C.
    """

    def __init__(self, model: Module | None = None, metrics: Iterable[str] = ()) -> None:
        self.model = model
        self.metrics: dict[str, list[float]] = {name: [] for name in metrics}
        self.loss: list[float] = []
        self.validation_loss: list[float] = []
        self.lr: list[float] = []
        self.seconds: list[float] = []
        self.stopped = ""
        self.interrupted = False

    def add(
        self,
        loss: float,
        validation_loss: float | None,
        lr: float,
        seconds: float,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Record an epoch."""
        for name, numbers in self.metrics.items():
            numbers.append((metrics or {})[name])
        self.loss.append(loss)
        if validation_loss is not None:
            self.validation_loss.append(validation_loss)
        self.lr.append(lr)
        self.seconds.append(seconds)

    @property
    def epoch(self) -> int:
        """How many epochs there have been."""
        return len(self.loss)

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation loss, or if there is none, the lowest loss; the first epoch is 1.

        None if every loss was nan.
        """
        losses = [(loss, i) for i, loss in enumerate(self._monitored(), start=1) if loss == loss]
        return min(losses)[1] if losses else None

    def _monitored(self) -> list[float]:
        return self.validation_loss or self.loss

    def to_dict(self) -> dict[str, Any]:
        """Everything but the model, as lists and plain values."""
        return {**self.state_dict(), **{name: getattr(self, name) for name in ("best_epoch", "stopped", "interrupted")}}

    def state_dict(self) -> dict[str, list[float]]:
        """The lists, as stored in a checkpoint."""
        own = {name: list(getattr(self, name)) for name in ("loss", "validation_loss", "lr", "seconds")}
        return own | {f"metric {name}": list(numbers) for name, numbers in self.metrics.items()}

    def load_state_dict(self, state: Mapping[str, list[float]]) -> None:
        """Resume from what `state_dict` returned.

        Raises:
            ValueError: if the state belongs to something else, or holds anything but a number for each epoch. Nothing
                is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, list[float]]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        own = self.state_dict()
        check_state("a History", state, own, may_differ=own)
        for name, numbers in state.items():
            if not isinstance(numbers, (list, tuple)) or not all(map(is_number, numbers)):
                raise ValueError(f"a History takes a list of numbers as its {name}, got {brief(numbers)}")
            if len(numbers) > len(state["loss"]) or (len(numbers) < len(state["loss"]) and name != "validation_loss"):
                raise ValueError(f"a History of {len(state['loss'])} epochs has {len(numbers)} numbers for {name}")

        def load() -> None:
            for name, numbers in state.items():
                if name.startswith("metric "):
                    self.metrics[name.removeprefix("metric ")] = [*map(float, numbers)]
                else:
                    setattr(self, name, [*map(float, numbers)])

        return load

    def __str__(self) -> str:
        best, n = self.best_epoch, self.epoch
        if not n:
            return "no epoch yet"
        shown = (
            {1 + round(i * (n - 1) / (_MAX_ROWS - 1)) for i in range(_MAX_ROWS)} if n > _MAX_ROWS else range(1, n + 1)
        )
        columns = {
            "loss": self.loss,
            "validation": self.validation_loss,
            **self.metrics,
            "lr": self.lr,
            "seconds": self.seconds,
        }
        lists = [(name, numbers) for name, numbers in columns.items() if numbers]
        rows = [["epoch", *(name for name, _ in lists), ""]]
        for epoch in sorted({*shown, best or n}):
            numbers = [number(numbers[epoch - 1]) for _, numbers in lists]
            rows.append([str(epoch), *numbers, "★" if epoch == best else ""])
        widths = [max(6 if i == 1 else 0, *map(len, column)) for i, column in enumerate(zip(*rows))]
        lines = ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
        end = f"{n} epoch{'s' * (n != 1)} in {sum(self.seconds):.3g} s"
        if best is not None:
            name = "validation loss" if self.validation_loss else "loss"
            end += f"; the best {name}, {number(self._monitored()[best - 1])}, was at epoch {best}"
        return "\n".join([*lines, end + (f"; stopped: {self.stopped}" if self.stopped else "")])

    __repr__ = __str__
