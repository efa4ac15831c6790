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

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from itertools import pairwise
from math import cos, inf, pi
from typing import Any

from engine import Value
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from nn.checks import (
    check,
    check_above_0,
    check_at_least_0,
    check_by_making,
    check_integer,
    check_number,
    check_state,
    is_number,
)
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

    step: Any  # defined by each subclass

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            name = type(self).__name__
            raise TypeError(
                f"{name} takes an optimizer, got {brief(optimizer)}; write {name}(SGD(model.parameters()), ...)"
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

    def begin(self) -> None:
        """Set the learning rate to where the schedule begins, whatever came before."""
        self.steps, self.optimizer.lr = 0, self.base_lr

    def state_dict(self) -> dict[str, Any]:
        """The settings and progress of the schedule, and the learning rate, as plain numbers."""
        return {**{name: x for name, x in vars(self).items() if name != "optimizer"}, "lr": self.optimizer.lr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from what `state_dict` returned.

        Raises:
            ValueError: if the state belongs to something else, or holds what cannot be. Nothing is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        self._check_progress(state)
        twin = copy(self.optimizer)
        vars(twin).update(lr=state["base_lr"], initial_lr=state["base_lr"])
        check_by_making(type(self), twin, state)

        def load() -> None:
            self.optimizer.lr = state["lr"]
            vars(self).update({each: part for each, part in state.items() if each != "lr"})

        return load

    def _check_progress(self, state: Mapping[str, Any]) -> None:
        """Check all of a state but the settings."""
        check_state(type(self).__name__, state, self.state_dict(), may_differ={"best", "schedulers"})
        for each in {"steps", "bad_steps", "cooling", "T_cur"} & state.keys():
            check_integer(each, state[each], 0)
        check_number("lr", state["lr"], lambda x: 0 <= x < inf, "at least 0, and finite")
        check_number("base_lr", state["base_lr"], lambda x: 0 < x < inf, "above 0, and finite")


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

    def begin(self) -> None:
        """Set the learning rate to the fraction of its initial value."""
        super().begin()
        self.optimizer.lr *= self.start_factor

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


class CosineAnnealingWarmRestarts(Schedule):
    """Half a cosine wave from the initial learning rate down to `eta_min`, then at once back to the top, and again.

    Source: I. Loshchilov, F. Hutter, 2017, https://arxiv.org/abs/1608.03983. Unlike the others, it computes each
    learning rate from the initial one, whatever else has changed it, as in PyTorch.

    Args:
        optimizer: the optimizer.
        T_0: the number of steps from the first start to the first restart.
        T_mult: how many times as long each wave is as the one before, a whole number.
        eta_min: the learning rate at the bottom.

    Attributes:
        T_cur, T_i: the steps since the last restart, and from it to the next.

    Raises:
        ValueError: if a number is out of range.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        super().__init__(optimizer)
        T_0, T_mult = check_integer("T_0", T_0), check_integer("T_mult", T_mult)
        check_at_least_0("eta_min", eta_min)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_cur, self.T_i = 0, T_0
        self._set_lr()

    def begin(self) -> None:
        """Start with the first wave."""
        super().begin()
        self.T_cur, self.T_i = 0, self.T_0

    def step(self) -> None:
        """Count a step, and move the learning rate along the wave, or to the top of the next."""
        self.steps += 1
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        self._set_lr()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        load = super().prepare_load(state)
        check_integer("T_i", state["T_i"], state["T_cur"] + 1)
        return load

    def _set_lr(self) -> None:
        height = (1 + cos(pi * self.T_cur / self.T_i)) / 2
        self.optimizer.lr = self.eta_min + (self.base_lr - self.eta_min) * height


class SequentialLR(Schedule):
    """Several schedules, one after another, each beginning anew from the initial learning rate when its turn comes.

    Args:
        optimizer: the optimizer.
        schedulers: its schedules, in order; any but `ReduceLROnPlateau`, which needs a loss at each step.
        milestones: after how many steps the second one takes over, the third one, and so on.

    Raises:
        TypeError: if `schedulers` are not a list of schedules.
        ValueError: if one belongs to another optimizer, or is a `ReduceLROnPlateau`, or the milestones are not rising
            whole numbers, one fewer than there are schedules.

    >>> from nn.optim.optimizers import SGD
    >>> optimizer = SGD([Value(1.0)], lr=0.4)
    >>> warm_up, decay = LinearLR(optimizer, start_factor=0.5, total_iters=2), StepLR(optimizer, step_size=2)
    >>> schedule = SequentialLR(optimizer, [warm_up, decay], milestones=[2])
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates.append(round(optimizer.lr, 6))
    ...     schedule.step()
    >>> rates
    [0.2, 0.3, 0.4, 0.4, 0.04]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Schedule], milestones: Sequence[int]) -> None:
        super().__init__(optimizer)
        if not is_list_like(schedulers) or not all(isinstance(each, Schedule) for each in schedulers):
            raise TypeError(
                f"SequentialLR takes a list of schedules, got {brief(schedulers, 60)}; write SequentialLR(optimizer, "
                "[LinearLR(optimizer), StepLR(optimizer, 10)], milestones=[5])"
            )
        self.schedulers = list(schedulers)
        for each in self.schedulers:
            if isinstance(each, ReduceLROnPlateau):
                raise ValueError("SequentialLR takes no ReduceLROnPlateau, which needs a loss at each step")
            if each.optimizer is not optimizer:
                raise ValueError(
                    f"SequentialLR takes schedules of its optimizer, got a {type(each).__name__} of another"
                )
        wanted = max(len(self.schedulers) - 1, 0)
        given = [as_integer(n) for n in milestones] if is_list_like(milestones) else [None]
        self.milestones = [n for n in given if n is not None]
        rising = all(a < b for a, b in pairwise([0, *self.milestones]))
        check(
            "milestones", milestones, bool(self.schedulers) and len(given) == len(self.milestones) == wanted and rising,
            f"{wanted} rising whole numbers above 0, one fewer than there are schedules ({len(self.schedulers)})",
        )  # fmt: skip
        self.begin()

    def begin(self) -> None:
        """Start with the first schedule."""
        super().begin()
        self.schedulers[0].begin()

    def step(self) -> None:
        """A step of the schedule whose turn it is, or its beginning."""
        self.steps += 1
        turn = bisect_right(self.milestones, self.steps)
        if self.steps in self.milestones:
            self.schedulers[turn].begin()
        else:
            self.schedulers[turn].step()

    def state_dict(self) -> dict[str, Any]:
        """The progress, the learning rate, and the states of all schedules."""
        return {**super().state_dict(), "schedulers": [each.state_dict() for each in self.schedulers]}

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        self._check_progress(state)
        states = state["schedulers"]
        if not isinstance(states, (list, tuple)) or len(states) != len(self.schedulers):
            raise ValueError(f"SequentialLR has {len(self.schedulers)} schedules, but the state has {brief(states)}")
        if list(state["milestones"]) != self.milestones:
            raise ValueError(
                f"this SequentialLR has milestones={self.milestones}, but the state has {state['milestones']}"
            )
        loads = [each.prepare_load(part) for each, part in zip(self.schedulers, states)]

        def load() -> None:
            for each in loads:
                each()
            self.optimizer.lr, self.base_lr, self.steps = state["lr"], state["base_lr"], state["steps"]

        return load


class ReduceLROnPlateau(Schedule):
    """Multiply the learning rate by `factor` when the loss has not improved for a while.

    The learning rates are PyTorch's, except where the best loss is below 0 and `threshold_mode` is ``"rel"``: PyTorch
    multiplies it by ``1 - threshold`` (if higher is better, ``1 + threshold``), and so an equal loss counts as better.

    Args:
        optimizer: the optimizer.
        mode: ``"min"`` if lower is better, as for a loss; ``"max"`` if higher is, as for an accuracy.
        factor: what the learning rate is multiplied by.
        patience: how many steps without improvement are tolerated.
        threshold: a loss counts as better if it improves on the best so far by this share of its size.
        threshold_mode: ``"rel"`` for that; ``"abs"`` if the loss must be better by the threshold itself.
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
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(optimizer)
        check("mode", mode, mode in ("min", "max"), "'min' or 'max'")
        check_number("factor", factor, lambda x: 0 < x < 1, "between 0 and 1")
        patience = check_integer("patience", patience, 0)
        check_at_least_0("threshold", threshold)
        check("threshold_mode", threshold_mode, threshold_mode in ("rel", "abs"), "'rel' or 'abs'")
        cooldown = check_integer("cooldown", cooldown, 0)
        check_at_least_0("min_lr", min_lr)
        self.mode, self.factor, self.patience, self.threshold = mode, factor, patience, threshold
        self.threshold_mode, self.cooldown, self.min_lr = threshold_mode, cooldown, min_lr
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

    def begin(self) -> None:
        """Set the learning rate to its initial value, and forget every loss."""
        super().begin()
        self.best, self.bad_steps, self.cooling = None, 0, 0

    def _is_better(self, now: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.best is None:
            return sign * now > -inf
        if self.threshold_mode == "abs":
            return sign * now > sign * self.best + self.threshold
        farther = 1 + self.threshold if sign * self.best > 0 else 1 - self.threshold  # so that it is better than best
        return sign * now > sign * self.best * farther

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        load, best = super().prepare_load(state), state["best"]
        check("best", best, best is None or (is_number(best) and best == best), "a number or None")
        return load
