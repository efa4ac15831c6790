"""The progress of a training run: a tqdm bar if that is installed, and otherwise a line now and then."""

import sys
import warnings
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from engine.names import number
from nn.training.history import History

_MAX_LINES = 20  # printed without tqdm


def bar(**options: Any) -> Any:
    """A tqdm bar; None if tqdm is not installed.

    In a notebook it is written to stdout, because what is on stderr leaves a red ground behind.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without widgets, tqdm warns that it falls back on text
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(file=sys.stdout if "ipykernel" in sys.modules else None, **options)


class Progress:
    """Shows the epoch, the losses and the remaining time.

    Args:
        shown: whether to show anything.
        epochs: how many epochs there will be.
        done: how many of them were done earlier.
        batches: how many mini-batches an epoch has.
        name: what is under way, if it is not epochs; nothing of the bar is left in the end then.
    """

    def __init__(self, shown: bool, epochs: int, done: int, batches: int, name: str = "") -> None:
        self.shown, self.epochs, self.done = shown, epochs, done
        self._bar: Any = None
        self._drawn = 0.0
        if shown:
            self._bar = bar(
                total=epochs * batches,
                initial=done * batches,
                desc=name or f"epoch {done}/{epochs}",
                unit="batch",
                leave=not name,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def batch(self) -> None:
        """Count a mini-batch."""
        if self._bar is not None:
            self._bar.update()

    def epoch(self, history: History) -> None:
        """Show the end of an epoch."""
        if not self.shown:
            return
        losses = {"loss": history.loss, "validation": history.validation_loss, **history.metrics}
        now = {name: number(numbers[-1]) for name, numbers in losses.items() if numbers}
        n = history.epoch
        if self._bar is not None:
            self._bar.set_description(f"epoch {n}/{self.epochs}", refresh=False)
            due = perf_counter() > self._drawn + 0.1  # drawing the bar at every epoch may take longer than the epochs
            self._drawn = perf_counter() if due else self._drawn
            self._bar.set_postfix(now, refresh=due)
        elif history.stopped or n * _MAX_LINES // self.epochs > (n - 1) * _MAX_LINES // self.epochs:
            new = history.seconds[self.done :]
            left = sum(new) / len(new) * (self.epochs - n)
            print(f"epoch {n}/{self.epochs}", *(f"{name} {loss}" for name, loss in now.items()), f"{left:.0f} s left")
