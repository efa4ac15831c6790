"""Gradient descent and its relatives: from a parameter and its gradient to the next parameter.

An update rule is plain arithmetic on a parameter ``p``, its gradient ``g`` and the optimizer's memory of that
parameter. It is written once, for floats; when the parameters' numbers are in arrays, as after a compiled loss, it is
compiled too. The memory lives in the optimizer, not in the Values.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from math import inf, isfinite
from numbers import Real
from typing import Any

from engine import Value, rules
from engine.compiler.api import Compiled
from engine.compiler.fused_optimizer import FusedOptimizer
from engine.utils.collector import collector_paused
from engine.utils.messages import brief
from nn.checks import (
    check,
    check_above_0,
    check_at_least_0,
    check_by_making,
    check_integer,
    check_number,
    check_share,
    check_state,
)
from nn.optim.clipping import clip_grad_norm_


class Optimizer:
    """The base class of all optimizers.

    A subclass lists in `memory` what it remembers of each parameter, and defines `update`.

    Args:
        parameters: the Values to update.
        lr: the learning rate.

    Attributes:
        parameters: the list of these Values. One that is added later is updated from then on, with a memory of 0.

    Raises:
        TypeError: if a parameter is not a Value.
        ValueError: if there are no parameters, one occurs twice, or `lr` is not above 0.
    """

    __slots__ = ("__dict__", "__weakref__", "_remembered")  # what the memory is of; compiled rules look at the dict
    memory: tuple[str, ...] = ()
    squares: tuple[str, ...] = ()  # those parts of the memory that are never below 0

    def __init__(self, parameters: Iterable[Value], lr: float) -> None:
        if not hasattr(parameters, "__iter__"):
            raise TypeError(f"an optimizer takes a list of Values, got {brief(parameters)}; write model.parameters()")
        self.parameters = list(parameters)
        self._check_parameters()
        check_above_0("lr", lr)
        self.lr = lr
        self.steps = 0
        self.state: dict[str, Any] = {name: [0.0] * len(self.parameters) for name in self.memory}
        self._remembered = list(self.parameters)

    def _check_parameters(self) -> None:
        if not self.parameters:
            raise ValueError("an optimizer takes at least one parameter, got none; write model.parameters()")
        for parameter in self.parameters:
            if not isinstance(parameter, Value):
                raise TypeError(f"an optimizer takes Values, got {brief(parameter)}; write model.parameters()")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError("an optimizer takes each parameter once, got one of them twice")

    def _follow_parameters(self) -> None:
        """Where the list of parameters has been changed, let the memory follow: that of a new one is 0."""
        if self.parameters == self._remembered:  # Values are compared by identity
            return
        self._check_parameters()
        for parameter in self._remembered:
            _ = parameter.data  # its number may have been moved to an array
        places = {parameter: i for i, parameter in enumerate(self._remembered)}
        self.state = {
            name: [float(numbers[places[p]]) if p in places else 0.0 for p in self.parameters]
            for name, numbers in self.state.items()
        }
        self._remembered = list(self.parameters)
        vars(self).pop("_fused", None)

    @cached_property
    def _fused(self) -> FusedOptimizer:
        return FusedOptimizer(self.parameters)

    def __getstate__(self) -> dict[str, Any]:
        self._follow_parameters()
        return {name: part for name, part in vars(self).items() if name != "_fused"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._remembered = list(self.parameters)

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """The next ``p`` and the next memory, from a parameter, its gradient and what is remembered of it."""
        raise TypeError(f"{type(self).__name__} has no update rule: define update(self, p, g, ...) in it")

    def _check_begun(self) -> None:
        """For update rules that depend on the number of steps: `step` counts before it updates."""
        if self.steps == 0:
            raise RuntimeError(
                f"the update rule of {type(self).__name__} depends on the number of steps, counting this one, which is "
                "still 0; call optimizer.step(), or write optimizer.steps = 1 before the first update"
            )

    def step(self) -> None:
        """Update every parameter once. For one that no backward pass has reached, the gradient is 0.

        Raises:
            RuntimeError: if no parameter has a gradient.
        """
        self._follow_parameters()
        if self._fused.step(self):
            return
        if not any(parameter.has_grad for parameter in self.parameters):
            raise RuntimeError("no parameter has a gradient; call loss.backward() before optimizer.step()")
        self.steps += 1
        each = zip(self.parameters, *[list(map(float, memory)) for memory in self.state.values()])
        updated = [self.update(p.data, float(p.grad) if p.has_grad else 0.0, *memory) for p, *memory in each]
        if not isinstance(updated[0], tuple) or len(updated[0]) != 1 + len(self.memory):
            expected = ", ".join(["p", *self.memory])
            raise TypeError(f"update must return the next ({expected},) as a tuple, got {brief(updated[0], 60)}")
        for parameter, (data, *_) in zip(self.parameters, updated):
            parameter.data = data
        self.state = {name: [new[i] for new in updated] for i, name in enumerate(self.memory, start=1)}

    def minimize(self, function: Callable[..., Value], *args: Any, clip: float | None = None) -> float:
        """One training step on the value of a function of these arguments.

        It does the same as ``value = function(*args)``, `zero_grad`, ``value.backward()`` and `step`. For a compiled
        function, or its ``mean`` or ``sum`` over many examples, all of it is a single call of machine code.

        Args:
            function: what is to become smaller.
            args: its arguments.
            clip: the largest norm that the gradient may have; a longer one is shortened by `clip_grad_norm_`.

        Returns:
            The number that the function returned.

        Raises:
            TypeError: if the function is none, or returns something other than a Value.
            ValueError: if `clip` is not above 0.

        >>> w = Value(1.0)
        >>> SGD([w], lr=0.1).minimize(lambda x: (w * x) ** 2, 1.0), w.data
        (1.0, 0.8)
        """
        if clip is not None:
            check_number("clip", clip, lambda x: x > 0, "a norm above 0")
            clip = float(clip)
        repeat = self._fused.repeat
        if repeat is not None and (number := repeat(function, args, clip)) is not None:
            return number
        if len(self.parameters) != len(self._remembered):
            self._follow_parameters()
        kind = type(self)
        if kind.step is Optimizer.step and kind.zero_grad is Optimizer.zero_grad and (how := _way(function)):
            number = self._fused.minimize(self, function, how, args, clip)
            if number is not None:
                return number
        if not callable(function):
            raise TypeError(f"minimize takes a function and its arguments, got {brief(function)}; write minimize(f, x)")
        with collector_paused():
            value = function(*args)
            if not isinstance(value, Value):
                hint = "is a return missing in it?" if value is None else "write it with Values"
                raise TypeError(f"minimize takes a function that returns one Value, got {brief(value)} from it; {hint}")
            self._fused.expect(value)
            self.zero_grad()
            value.backward()
            if clip is not None:
                clip_grad_norm_(self.parameters, clip)
            self.step()
        return value.data

    def state_dict(self) -> dict[str, Any]:
        """All that training needs to resume, as plain numbers: the settings, the steps so far, and the memory.

        >>> SGD([Value(1.0)], lr=0.1, momentum=0.9).state_dict()["memory"]
        {'velocity': [0.0]}
        """
        self._follow_parameters()
        numbers = {name: x for name, x in vars(self).items() if isinstance(x, Real)}  # NumPy's as Python's
        own = {name: x if isinstance(x, (bool, int, float)) else float(x) for name, x in numbers.items()}
        tuples = {name: list(x) for name, x in vars(self).items() if isinstance(x, tuple) and name != "memory"}
        memory = {name: [*map(float, numbers)] for name, numbers in self.state.items()}
        return {"kind": type(self).__name__, "settings": own | tuples, "memory": memory}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from what `state_dict` returned, with the settings in it, including `lr`, as in PyTorch.

        Raises:
            TypeError, ValueError: if the state belongs to another kind of optimizer, or to another number of
                parameters, or a setting is not what the optimizer takes, or the memory holds anything but numbers.
                Nothing is changed then.
        """
        self.prepare_load(state)()

    def prepare_load(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """Check a state as `load_state_dict` does, and return what loads it."""
        own, name = self.state_dict(), type(self).__name__
        check_state(name, state, own, may_differ=own)
        kind, settings, memory = state["kind"], state["settings"], state["memory"]
        sizes = [
            {each: len(numbers) for each, numbers in memories.items() if isinstance(numbers, (list, tuple))}
            for memories in (own["memory"], memory if isinstance(memory, Mapping) else {})
        ]
        if kind != name or sizes[0] != sizes[1] or len(sizes[1]) != len(memory):
            raise ValueError(
                f"this {name} has a memory of {sizes[0]}, but the state is one of {brief(kind)} with {sizes[1]}; "
                "create the optimizer with the same settings as the one that was saved"
            )
        if not isinstance(settings, Mapping):
            raise ValueError(f"the settings of {name} are a dict, got {brief(settings)}")
        counts = {each: x for each in settings if isinstance(x := getattr(type(self), str(each), None), Real)}
        initial = {"initial_lr": own["settings"].get("initial_lr", 0.1)}  # where it has, or had, a schedule
        given = {**initial, **settings}
        check_state(f"the settings of {name}", given, {**counts, **own["settings"], **initial})
        check_integer("steps", settings["steps"], 0)
        check_number("lr", settings["lr"], lambda x: 0 <= x < inf, "at least 0, and finite")  # 0: a schedule's end
        check_number("initial_lr", given["initial_lr"], lambda x: 0 < x < inf, "above 0, and finite")
        check_by_making(type(self), self.parameters, {**settings, "lr": settings["lr"] or 1.0})
        for each, numbers in memory.items():
            for number in numbers:
                check_number(f"each number of {each!r}", number, isfinite, "a number, and finite")
                if each in self.squares:
                    check_at_least_0(f"each number of {each!r}", number)

        def load() -> None:
            vars(self).update({each: tuple(x) if isinstance(x, list) else x for each, x in settings.items()})
            self.state = {each: [*map(float, memory[each])] for each in self.memory}

        return load

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0; do this before each backward pass."""
        self._follow_parameters()
        self._fused.zero_grad()


def _way(function: Any) -> str:
    """How a compiled function is called, or else nothing: one example, or the mean or the sum over many."""
    compiled = getattr(function, "__self__", function)
    if not isinstance(compiled, Compiled):
        return ""
    return "call" if compiled is function else function.__name__ if function.__name__ in ("mean", "sum") else ""


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient.

    With momentum, the step is against a running sum of the gradients (B. Polyak, 1964); with nesterov, against that sum
    as it will be after the step (Y. Nesterov, 1983), in PyTorch's form.

    Args:
        parameters: the Values to update.
        lr: the learning rate.
        momentum: how much of the running sum is kept at each step, from 0 up to 1.
        weight_decay: adds ``weight_decay · p`` to the gradient, which is L2 regularization.
        nesterov: look ahead; requires momentum.

    Raises:
        ValueError: if a number is out of range.

    >>> w = Value(1.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data
    0.8
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.memory = ("velocity",) if momentum else ()
        super().__init__(parameters, lr)
        check_share("momentum", momentum)
        check_at_least_0("weight_decay", weight_decay)
        if nesterov and not momentum:
            raise ValueError("nesterov looks ahead along the momentum, got momentum=0; write momentum=0.9")
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """``velocity = momentum · velocity + g``, and a step against it."""
        g = g + self.weight_decay * p
        if not memory:
            return (p - self.lr * g,)
        velocity = self.momentum * memory[0] + g
        direction = g + self.momentum * velocity if self.nesterov else velocity
        return p - self.lr * direction, velocity


class Adam(Optimizer):
    """A step size for each parameter: the mean of its gradients divided by the root of the mean of their squares.

    Source: D. Kingma, J. Ba, 2015, https://arxiv.org/abs/1412.6980.

    Args:
        parameters: the Values to update.
        lr: the learning rate, about the size of each step.
        betas: how much of the running means, of the gradient and of its square, is kept at each step.
        eps: keeps the quotient finite.
        weight_decay: adds ``weight_decay · p`` to the gradient.

    Raises:
        ValueError: if a number is out of range.
    """

    memory = ("mean", "square")
    squares = ("square",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        each = list(betas) if hasattr(betas, "__iter__") else []
        valid = len(each) == 2 and all(isinstance(beta, Real) and 0 <= beta < 1 for beta in each)
        check("betas", betas, valid, "two numbers from 0 up to 1")
        check_above_0("eps", eps)
        check_at_least_0("weight_decay", weight_decay)
        self.betas, self.eps, self.weight_decay = tuple(betas), eps, weight_decay

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """Running means that start from 0, each divided by the share of it that is filled.

        The share of the squares stands in the learning rate and in `eps`, as in section 2 of the paper, which saves a
        division for each parameter.

        Raises:
            RuntimeError: if there was no step, and so nothing is filled.
        """
        self._check_begun()
        mean, square = memory
        keep, keep_square = self.betas
        p, g = self.decay(p, g)
        mean = keep * mean + (1 - keep) * g
        square = keep_square * square + (1 - keep_square) * g * g
        root = rules.sqrt(1 - keep_square**self.steps)
        rate = self.lr * root / (1 - keep**self.steps)
        return p - rate * mean / (rules.sqrt(square) + self.eps * root), mean, square

    def decay(self, p: Any, g: Any) -> tuple[Any, Any]:
        """Weight decay as part of the gradient, and so scaled along with it."""
        return p, g + self.weight_decay * p


class AdamW(Adam):
    """Adam with decoupled weight decay, which is not part of the gradient.

    Source: I. Loshchilov, F. Hutter, 2019, https://arxiv.org/abs/1711.05101. The arguments are those of `Adam`.
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decay(self, p: Any, g: Any) -> tuple[Any, Any]:
        """Weight decay by shrinking the parameter itself."""
        return p * (1 - self.lr * self.weight_decay), g


class RMSprop(Optimizer):
    """A step size for each parameter: its gradient divided by the root of the running mean of its squares.

    Source: T. Tieleman, G. Hinton, 2012, lecture 6 of "Neural Networks for Machine Learning".

    Args:
        parameters: the Values to update.
        lr: the learning rate, about the size of each step.
        alpha: how much of the running mean is kept at each step.
        eps: keeps the quotient finite.
        weight_decay: adds ``weight_decay · p`` to the gradient.
        momentum: how much of a running sum of the quotients is kept at each step, from 0 up to 1.

    Raises:
        ValueError: if a number is out of range.
    """

    squares = ("square",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        self.memory = ("square", "velocity") if momentum else ("square",)
        super().__init__(parameters, lr)
        check_share("alpha", alpha)
        check_above_0("eps", eps)
        check_at_least_0("weight_decay", weight_decay)
        check_share("momentum", momentum)
        self.alpha, self.eps, self.weight_decay, self.momentum = alpha, eps, weight_decay, momentum

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """``square = alpha · square + (1 - alpha) · g²``, and a step of ``g / √square``."""
        square, *rest = memory
        g = g + self.weight_decay * p
        square = self.alpha * square + (1 - self.alpha) * g * g
        direction = g / (rules.sqrt(square) + self.eps)
        if not rest:
            return p - self.lr * direction, square
        velocity = self.momentum * rest[0] + direction
        return p - self.lr * velocity, square, velocity


class Adagrad(Optimizer):
    """A step size for each parameter: its gradient divided by the root of the sum of all its squares so far.

    Source: J. Duchi, E. Hazan, Y. Singer, 2011, https://jmlr.org/papers/v12/duchi11a.html.

    Args:
        parameters: the Values to update.
        lr: the learning rate, which is the size of the first step.
        lr_decay: how fast the learning rate falls: at step n it is ``lr / (1 + (n - 1) · lr_decay)``.
        weight_decay: adds ``weight_decay · p`` to the gradient.
        eps: keeps the quotient finite.

    Raises:
        ValueError: if a number is out of range.
    """

    memory = ("square",)
    squares = ("square",)

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(parameters, lr)
        check_at_least_0("lr_decay", lr_decay)
        check_at_least_0("weight_decay", weight_decay)
        check_above_0("eps", eps)
        self.lr_decay, self.weight_decay, self.eps = lr_decay, weight_decay, eps

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """``square = square + g²``, and a step of ``g / √square``.

        Raises:
            RuntimeError: before the first step, because the learning rate depends on the number of steps.
        """
        self._check_begun()
        (square,) = memory
        g = g + self.weight_decay * p
        square = square + g * g
        lr = self.lr / (1 + (self.steps - 1) * self.lr_decay)
        return p - lr * g / (rules.sqrt(square) + self.eps), square
