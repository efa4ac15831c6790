"""An optimizer's steps while compiled code has moved the parameters' numbers to arrays: see engine/compiler/buffers.py.

The update rule is recorded as a compiled function is, with Values in the place of all numbers, the optimizer's own
included: a learning rate may change. What follows from it is one loop of machine code over all parameters.
"""

from operator import is_not
from types import NoneType
from typing import TYPE_CHECKING, Any

from engine.compiler.api import compile
from engine.compiler.buffers import Part

if TYPE_CHECKING:
    from engine.compiler.update_kernels import Update
    from nn.optim.optimizers import Optimizer


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
        self._update: Update | None = None
        self._training_step: Any = None
        self._refused = False
        self._names: list[str] = []
        self._fixed: dict[str, Any] = {}
        self._memory: list[Any] = []

    def step(self, optimizer: "Optimizer") -> bool:
        """One step, if it can be done in arrays."""
        loan = None if self._refused else self.part.joined()
        if loan is None or (loan.unreached and loan.unreached.issuperset(self.part.values)):
            return False
        optimizer.steps += 1
        done = False
        try:
            done = self.part.change(lambda data, grad: self._run(optimizer, data, grad))
        finally:
            optimizer.steps -= not done
        return done

    def minimize(self, optimizer: "Optimizer", loss: Any, how: str, args: tuple[Any, ...]) -> float | None:
        """A whole step, if all is prepared by one that was done bit by bit; gives the loss."""
        if self._update is None:
            return None
        if self._training_step is None:
            from engine.compiler.fused_optimizer import training_step

            self._training_step = training_step
        optimizer.steps += 1
        number: float | None = None
        try:
            number = self._training_step(self.part, loss, how, args, self._prepared, optimizer)
        finally:
            optimizer.steps -= number is None
        return number

    def _run(self, optimizer: "Optimizer", data: Any, grad: Any) -> Any:
        update = self._prepared(optimizer, data, grad)
        return None if update is None else lambda: update.run(update.job)

    def _prepared(self, optimizer: "Optimizer", data: Any, grad: Any) -> "Update | None":
        """What changes these arrays and the memory, once it is run; None if the rule can't be machine code."""
        own = vars(optimizer)
        if self._rule is None or any(map(is_not, map(own.get, self._fixed), self._fixed.values())):
            self._record(optimizer)
        if self._refused:
            return None
        if any(map(is_not, optimizer.state.values(), self._memory)) or len(self._memory) < len(optimizer.memory):
            self._memory = [data.copy() for _ in optimizer.memory]
            for row, memory in zip(self._memory, optimizer.state.values()):
                row[:] = memory
            optimizer.state = dict(zip(optimizer.memory, self._memory))
        columns, numbers = [data, grad, *self._memory], [own[name] for name in self._names]
        update = self._update or self._recorded([*[float(column[0]) for column in columns], numbers], len(columns))
        if update is not None:
            update.tell(columns, numbers)
        return update

    def _recorded(self, numbers: list[Any], columns: int) -> "Update | None":
        from engine.compiler.update_kernels import Update

        try:
            found = self._rule.recorded(numbers)
            update = None if found is None else Update(found[0], columns)
        except Exception:  # it does more than arithmetic, or what it does is wrong, as floats will tell
            found = None
        self._refused = found is None
        if found is None:
            return None
        self._update = update if found[1] else None
        return update

    def _record(self, optimizer: "Optimizer") -> None:
        kind, own = type(optimizer), {name: x for name, x in vars(optimizer).items() if name not in _APART}
        names = self._names = [name for name, x in own.items() if type(x) in (int, float)]
        fixed = self._fixed = {name: x for name, x in own.items() if name not in names}
        self._refused = not all(isinstance(x, (bool, str, tuple, NoneType)) for x in fixed.values())  # it may change

        def update(p: Any, g: Any, *rest: Any) -> Any:
            *memory, numbers = rest
            twin, settings = object.__new__(kind), {**fixed, **dict(zip(names, numbers))}
            vars(twin).update(settings)
            updated = twin.update(p, g, *memory)
            if vars(twin) != settings:
                raise TypeError("an update rule that remembers something of its own is for floats")
            return updated

        self._rule, self._update = compile(update), None


_APART = {"parameters", "state", "_in_arrays"}
