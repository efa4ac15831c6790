"""Learning rates that change as a network trains: calling ``schedule.step()`` after each epoch sets ``optimizer.lr``.

A schedule modifies the current learning rate, as in PyTorch, so two of them can take turns, or act together:

>>> from engine import Value
>>> from nn.optim.optimizers import SGD
>>> optimizer = SGD([Value(1.0)], lr=0.4)
>>> warm_up, decay = LinearLR(optimizer, start_factor=0.5, total_iters=2), StepLR(optimizer, step_size=2, gamma=0.1)
>>> rates = []
>>> for epoch in range(6):
...     rates.append(round(optimizer.lr, 6))
...     (warm_up if epoch < 2 else decay).step()
>>> rates
[0.2, 0.3, 0.4, 0.4, 0.04, 0.04]
"""

from math import cos, inf, pi
from typing import Any

from engine import Value
from nn.checks import check, check_above_0, check_at_least_0, check_integer, check_number
from nn.optim.optimizers import Optimizer


class Schedule:
    """The base class of all schedules: an optimizer whose learning rate they change, and a state to save.

    Args:
        optimizer: the optimizer.

    Attributes:
        base_lr: the optimizer's learning rate before its first schedule.
        steps: how many times `step` has been called.

    Raises:
        TypeError: if `optimizer` is not an optimizer.
        ValueError: if its learning rate is 0, as another schedule may have left it.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            name = type(self).__name__
            raise TypeError(
                f"{name} takes an optimizer, got {optimizer!r:.40}; write {name}(SGD(model.parameters()), ...)"
            )
        if optimizer.lr == 0:
            before = vars(optimizer).get("initial_lr") or 0.1
            raise ValueError(
                f"{type(self).__name__} starts from the optimizer's learning rate, which is 0, perhaps because an "
                f"earlier schedule ended there; write optimizer.lr = {before} first, or create a new optimizer"
            )
        self.optimizer = optimizer
        self.base_lr: float = vars(optimizer).setdefault("initial_lr", optimizer.lr)
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        """The settings and progress of the schedule, and the learning rate, as plain numbers."""
        return {**{name: x for name, x in vars(self).items() if name != "optimizer"}, "lr": self.optimizer.lr}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from what `state_dict` returned.

        Raises:
            ValueError: if the state belongs to something else.
        """
        if state.keys() != self.state_dict().keys():
            raise ValueError(
                f"{type(self).__name__} takes a state of {', '.join(self.state_dict())}; got {', '.join(state)}"
            )
        self.optimizer.lr = state["lr"]
        vars(self).update({name: x for name, x in state.items() if name != "lr"})


class StepLR(Schedule):
    """A staircase: every `step_size` steps, the learning rate is multiplied by `gamma`.

    Args:
        optimizer: the optimizer.
        step_size: the number of steps from one change to the next.
        gamma: the factor.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        step_size = check_integer("step_size", step_size)
        check_above_0("gamma", gamma)
        self.step_size, self.gamma = step_size, gamma

    def step(self) -> None:
        """Count a step, and change the learning rate if a change is due."""
        self.steps += 1
        if self.steps % self.step_size == 0:
            self.optimizer.lr *= self.gamma


class LinearLR(Schedule):
    """A warm-up: the learning rate starts at a fraction of its value, and grows to all of it in equal steps.

    Args:
        optimizer: the optimizer; its learning rate is multiplied by `start_factor` immediately.
        start_factor: the fraction at the start, above 0.
        end_factor: the fraction at the end.
        total_iters: the number of steps from start to end; after that, nothing changes.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        super().__init__(optimizer)
        check_number("start_factor", start_factor, lambda x: 0 < x <= 1, "above 0, and at most 1")
        check_number("end_factor", end_factor, lambda x: 0 <= x <= 1, "from 0 to 1")
        total_iters = check_integer("total_iters", total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        optimizer.lr *= start_factor

    def step(self) -> None:
        """Count a step, and move the learning rate along the line."""
        self.steps += 1
        if self.steps <= self.total_iters:
            self.optimizer.lr *= self._fraction(self.steps) / self._fraction(self.steps - 1)

    def _fraction(self, steps: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * steps / self.total_iters


class CosineAnnealingLR(Schedule):
    """Half a cosine wave: a slow departure from the initial learning rate, and a slow arrival at `eta_min`.

    Source: I. Loshchilov, F. Hutter, 2017, https://arxiv.org/abs/1608.03983, without its restarts: after `T_max` steps
    the wave rises again.

    Args:
        optimizer: the optimizer.
        T_max: the number of steps from the top to the bottom.
        eta_min: the learning rate at the bottom.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer)
        T_max = check_integer("T_max", T_max)
        check_at_least_0("eta_min", eta_min)
        self.T_max, self.eta_min = T_max, eta_min

    def step(self) -> None:
        """Count a step, and move the learning rate along the wave."""
        self.steps += 1
        before, after = self._height(self.steps - 1), self._height(self.steps)
        if before == 0:  # at the bottom there is nothing to scale
            self.optimizer.lr += (self.base_lr - self.eta_min) * after
        else:
            self.optimizer.lr = self.eta_min + (self.optimizer.lr - self.eta_min) * after / before

    def _height(self, steps: int) -> float:
        return (1 + cos(pi * steps / self.T_max)) / 2


class ReduceLROnPlateau(Schedule):
    """Multiply the learning rate by `factor` when the loss has not improved for a while.

    Args:
        optimizer: the optimizer.
        mode: ``"min"`` if lower is better, as for a loss; ``"max"`` if higher is, as for an accuracy.
        factor: what the learning rate is multiplied by.
        patience: how many steps without improvement are tolerated.
        threshold: a loss counts as better if it improves on the best so far by this share of it.
        cooldown: for how many steps after a change the patience is not used up.
        min_lr: the lowest learning rate.

    Raises:
        ValueError: if a number is out of range, or `mode` is anything else.

    >>> from nn.optim.optimizers import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.1
    """

    _MIN_CHANGE = 1e-8  # smaller changes are not made; PyTorch's eps

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(optimizer)
        check("mode", mode, mode in ("min", "max"), "'min' or 'max'")
        check_number("factor", factor, lambda x: 0 < x < 1, "between 0 and 1")
        patience = check_integer("patience", patience, 0)
        check_at_least_0("threshold", threshold)
        cooldown = check_integer("cooldown", cooldown, 0)
        check_at_least_0("min_lr", min_lr)
        self.mode, self.factor, self.patience, self.threshold = mode, factor, patience, threshold
        self.cooldown, self.min_lr = cooldown, min_lr
        self.best: float | None = None
        self.bad_steps = self.cooling = 0

    def step(self, loss: Any) -> None:
        """Record the loss, or whatever else is monitored, and change the learning rate if a change is due."""
        now = loss.data if isinstance(loss, Value) else float(loss)
        self.steps += 1
        if self._is_better(now):
            self.best, self.bad_steps = now, 0
        else:
            self.bad_steps += 1
        if self.cooling:
            self.cooling, self.bad_steps = self.cooling - 1, 0
        if self.bad_steps > self.patience:
            self.cooling, self.bad_steps = self.cooldown, 0
            lr = max(self.optimizer.lr * self.factor, self.min_lr)
            if self.optimizer.lr - lr > self._MIN_CHANGE:
                self.optimizer.lr = lr

    def _is_better(self, now: float) -> bool:
        if self.mode == "min":
            return now < (inf if self.best is None else self.best * (1 - self.threshold))
        return now > (-inf if self.best is None else self.best * (1 + self.threshold))
