"""An optimizer's steps while compiled code has moved the parameters' numbers to arrays: see engine/lending.py.

The update rule is recorded as a compiled function is, with Values in the place of all numbers, the optimizer's own
included: a learning rate may change. What follows from it is one loop of machine code over all parameters.
"""

from operator import is_not
from typing import TYPE_CHECKING, Any

from engine.compiled import compile
from engine.lending import Part

if TYPE_CHECKING:
    from nn.optim import Optimizer


class InArrays:
    """The steps of an optimizer in arrays. What can't be done so is left to the optimizer itself, on floats.

    Args:
        optimizer: the optimizer.

    Attributes:
        part: its parameters, and where their numbers are.
    """

    def __init__(self, optimizer: "Optimizer") -> None:
        self.part = Part(optimizer.parameters)
        self._rule: Any = None
        self._lanes: Any = None
        self._training_step: Any = None
        self._refused = False
        self._names: list[str] = []
        self._fixed: dict[str, Any] = {}
        self._results: Any = None
        self._memory: list[Any] = []

    def step(self, optimizer: "Optimizer") -> bool:
        """One step, if it can be done in arrays."""
        loan = None if self._refused else self.part.joined()
        if loan is None or (loan.unreached and loan.unreached.issuperset(self.part.values)):
            return False
        optimizer.steps += 1
        done = False
        try:
            done = self.part.change(lambda data, grad: self._changed(optimizer, data, grad))
        finally:
            optimizer.steps -= not done
        return done

    def minimize(self, optimizer: "Optimizer", loss: Any, how: str, args: tuple[Any, ...]) -> float | None:
        """A whole step, if all is prepared by one that was done bit by bit; gives the loss."""
        if self._results is None or self._refused:
            return None
        if self._training_step is None:
            from engine.training import training_step

            self._training_step = training_step
        optimizer.steps += 1
        number: float | None = None
        try:
            number = self._training_step(self.part, loss, how, args, self._update, optimizer)
        finally:
            optimizer.steps -= number is None
        return number

    def _changed(self, optimizer: "Optimizer", data: Any, grad: Any) -> Any:
        """The next numbers of all parameters; None if the rule can't be machine code."""
        update = self._update(optimizer, data, grad)
        if update is None:
            return None
        lanes, job = update
        lanes.run(job)
        return self._results[0]

    def _update(self, optimizer: "Optimizer", data: Any, grad: Any) -> Any:
        """What is to be run to get the next numbers of all parameters; None if the rule can't be machine code."""
        own = vars(optimizer)
        if self._rule is None or any(map(is_not, map(own.get, self._fixed), self._fixed.values())):
            self._record(optimizer)
        if self._results is None or any(map(is_not, optimizer.state.values(), self._memory)):
            self._results = data.repeat(1 + len(optimizer.memory)).reshape(-1, len(data))
            self._memory = [*self._results[1:]]
            for row, memory in zip(self._memory, optimizer.state.values()):
                row[:] = memory
            optimizer.state = dict(zip(optimizer.memory, self._memory))
        columns, numbers = [data, grad, *self._memory], [*map(own.get, self._names)]
        lanes = self._lanes
        if lanes is None:
            try:
                found = self._rule.over(columns, numbers)
            except Exception:  # it does more than arithmetic, or what it does is wrong, as floats will tell
                found = None
            if found is None or len(found[0].outputs) != len(self._results):
                self._refused = True
                return None
            lanes, sure = found
            self._lanes = lanes if sure else None
        return lanes, lanes.job(columns, numbers, _NOBODY, 0.0, self._results)

    def _record(self, optimizer: "Optimizer") -> None:
        kind, own = type(optimizer), {name: x for name, x in vars(optimizer).items() if name not in _APART}
        names = self._names = [name for name, x in own.items() if type(x) in (int, float)]
        fixed = self._fixed = {name: x for name, x in own.items() if name not in names}

        def update(p: Any, g: Any, *rest: Any) -> Any:
            *memory, numbers = rest
            twin, settings = object.__new__(kind), {**fixed, **dict(zip(names, numbers))}
            vars(twin).update(settings)
            updated = twin.update(p, g, *memory)
            if vars(twin) != settings:
                raise TypeError("an update rule that remembers something of its own is for floats")
            return updated

        self._rule, self._lanes = compile(update), None


_NOBODY = Part([])
_APART = {"parameters", "state", "_in_arrays"}
