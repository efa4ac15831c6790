"""How large may the learning rate be? A short training run in which it grows at each step tells.

Source: L. Smith, 2015, "Cyclical Learning Rates for Training Neural Networks", https://arxiv.org/abs/1506.01186, which
calls it the *LR range test*. The growth by a constant factor, the smoothing and the rule for where to stop are those of
S. Gugger, 2018, "How Do You Find A Good Learning Rate", which fastai and PyTorch Lightning follow too.
"""

from collections.abc import Callable
from math import inf, isfinite, log
from typing import Any

from engine import Value
from engine.names import number
from engine.utils.collector import collector_paused
from engine.utils.console import printable
from nn.checks import check_integer, check_number
from nn.module import Module
from nn.optim import Optimizer
from nn.training.arguments import check_last_batch, check_parts, labels_of, loaders, try_loss
from nn.training.objective import Objective
from nn.training.surroundings import (
    Snapshot,
    batches_forever,
    divergence_expected,
    preserve_training_mode,
)

SMOOTHING = 0.9  # how much of the running mean of the losses is kept at each step
DIVERGED = 4.0  # times the lowest loss


def find_lr(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Value],
    optimizer: Optimizer,
    min_lr: float = 1e-5,
    max_lr: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    *,
    compiled: bool | str = "auto",
    seed: int = 0,
) -> "LRRangeTest":
    """Find a good learning rate: train with one that grows at each step, until the loss diverges.

    The model and the optimizer are left as they were: parameters and gradients, buffers, the optimizer's memory and its
    `lr`, the random generators, and a `DataLoader`'s position. Give the optimizer the rate that you choose, with
    ``optimizer.lr = found.suggestion``. `viz.plot_find_lr` draws the result.

    Args:
        model, data, loss, optimizer, compiled, seed: as for `fit`.
        min_lr: the learning rate of the first step.
        max_lr: that of the last step; each is the same factor larger than the one before.
        steps: how many steps there are, if the loss does not diverge before.
        batch_size: how many examples are in a mini-batch; a `DataLoader` has its own.

    Returns:
        An object with the lists `rates` and `losses`, and a `suggestion`.

    Raises:
        TypeError, ValueError: if the arguments do not fit together.
        TraceError: if `compiled` is True, and the model or the loss cannot be compiled.

    >>> import random
    >>> from nn import MLP, SGD, binary_cross_entropy_with_logits, moons
    >>> model = MLP(2, [8, 1], rng=random.Random(0))
    >>> optimizer = SGD(model.parameters(), lr=0.1)
    >>> found = find_lr(model, moons(60), binary_cross_entropy_with_logits, optimizer, compiled=False)
    >>> 0.01 < found.suggestion < 10.0, optimizer.lr
    (True, 0.1)
    """
    check_parts("find_lr", model, loss, optimizer, compiled)
    check_number("min_lr", min_lr, lambda x: 0 < x < inf, "above 0, and finite")
    check_number("max_lr", max_lr, lambda x: min_lr < x < inf, f"above min_lr, which is {min_lr}, and finite")
    steps = check_integer("steps", steps, 2)
    loader, _ = loaders("find_lr", data, None, batch_size, seed)
    check_last_batch(model, loader)
    try_loss(model, loss, loader)
    rates = [min_lr * (max_lr / min_lr) ** (i / (steps - 1)) for i in range(steps)]
    found, snapshot = LRRangeTest(), Snapshot(model, [optimizer], loader)
    objective = Objective(model, loss, compiled, labels_of(loader))
    try:
        with preserve_training_mode(model) as train, collector_paused(), divergence_expected():
            train(True)
            for rate, batch in zip(rates, batches_forever(loader)):
                optimizer.lr = rate
                found.add(rate, objective.minimize(optimizer, *batch))
                if found.diverged:
                    break
    finally:
        snapshot.restore()
    return found


@printable
class LRRangeTest:
    """What `find_lr` returns.

    Attributes:
        rates: the learning rate of each step.
        losses: the loss of each step's mini-batch, before the step.
        smoothed: their running mean, corrected for its start at 0, as in `Adam`.

    >>> LRRangeTest()
    no step yet
    """

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0

    def add(self, rate: float, loss: float) -> None:
        """Record a step."""
        self.rates.append(rate)
        self.losses.append(loss)
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * loss
        self.smoothed.append(self._mean / (1 - SMOOTHING ** len(self.losses)))

    @property
    def diverged(self) -> bool:
        """Whether the last loss is not finite, or has risen to more than four times the lowest one.

        Both are smoothed; and what a loss has fallen by counts as a rise, where losses are below 0.
        """
        now, best = self.smoothed[-1], min(self.smoothed)
        return not isfinite(now) or now - best > (DIVERGED - 1) * max(abs(best), 1e-12)

    @property
    def suggestion(self) -> float | None:
        """The learning rate at which the smoothed loss falls most steeply, over the logarithm of the rate.

        None if it never falls: then the range was too high, or too short.
        """
        end = min(range(len(self.smoothed)), key=lambda i: self.smoothed[i], default=0)
        x, y = [*map(log, self.rates)], self.smoothed
        slopes = [((y[i + 1] - y[i - 1]) / (x[i + 1] - x[i - 1]), i) for i in range(1, end)]
        slope, i = min(slopes, default=(0.0, 0))
        return self.rates[i] if slope < 0 else None

    def __str__(self) -> str:
        if not self.rates:
            return "no step yet"
        found = self.suggestion
        says = "the loss never fell; try a lower min_lr" if found is None else f"suggestion: lr = {number(found)}"
        end = f"the loss diverged at lr = {number(self.rates[-1])}; " if self.diverged else ""
        return f"{len(self.rates)} steps from lr = {number(self.rates[0])} to {number(self.rates[-1])}; {end}{says}"

    __repr__ = __str__
