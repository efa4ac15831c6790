"""An optimizer's steps on arrays: its update rule as one loop of machine code, and a whole training step.

The update rule is recorded as a compiled function is, with Values in the place of all numbers, the optimizer's own
included: a learning rate may change. Its tape becomes an `UpdateKernel`, one loop over all parameters.
"""

from collections.abc import Sequence
from math import isfinite
from operator import is_not
from types import NoneType
from typing import Any, NamedTuple, Protocol

from engine import versions
from engine.compiler import buffers
from engine.compiler.api import Compiled, compile
from engine.compiler.buffers import ParameterBuffer, any_buffered
from engine.compiler.pytree import NUMBER, flatten_args
from engine.compiler.tape import Tape
from engine.compiler.trace import Specialization
from engine.modes import NORMAL, mode
from engine.rules import Rule
from engine.value import Value


class UpdateRule(Protocol):
    """What is used of an optimizer: its `update`, what it remembers of each parameter, and its count of steps."""

    memory: tuple[str, ...]
    state: dict[str, Any]
    steps: int

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """The next ``p`` and the next memory, from a parameter, its gradient, and the memory of both."""


class FastPath(NamedTuple):
    """A loss and its arguments with everything checked: what is left is to run the program."""

    specialization: Specialization
    program: Any
    inputs: Any  # numbers of one example, or a `Group`
    seed: float


class FusedOptimizer:
    """The steps of an optimizer on arrays. What can't be done so is left to the optimizer itself, on floats.

    Args:
        parameters: those of the optimizer.

    Attributes:
        buffer: where their numbers are, from the first compiled step on.
    """

    def __init__(self, parameters: Sequence[Value]) -> None:
        self.buffer = ParameterBuffer(parameters)
        self._refused = False
        self._rule: Compiled | None = None  # the update of one parameter
        self._kernel: UpdateKernel | None = None  # the same for all of them, once it was validated
        self._names: list[str] = []  # the optimizer's attributes that are numbers
        self._fixed: dict[str, Any] = {}  # all others
        self._memory: list[Any] = []
        self._path: FastPath | None = None

    def step(self, optimizer: UpdateRule) -> bool:
        """One step, if it can be done on arrays: a compiled call has given gradients, and nobody has looked since."""
        buffer = self.buffer
        if self._refused or not (buffer.live or any_buffered(buffer.values)):
            return False
        if not (buffer.live or buffer.adopt()) or len(buffer.without_grad) == len(buffer.values):
            return False
        optimizer.steps += 1
        done = False
        try:
            kernel = self._update_kernel(optimizer)
            if kernel is not None:
                with buffers.lock:
                    if buffer.live:  # the update rule may have looked at a parameter, as may another thread
                        self._bind_update(kernel, optimizer)
                        buffer.version = versions.bump()
                        kernel.call_driver(kernel.address, kernel.arguments)
                        done = True
        finally:
            optimizer.steps -= not done
        return done

    def minimize(self, optimizer: UpdateRule, loss: Compiled, how: str, args: tuple[Any, ...]) -> float | None:
        """A whole step, if all is prepared by one that was done bit by bit; gives the loss before it.

        Args:
            optimizer: whose update rule it is.
            loss: what is to become smaller.
            how: ``"call"``, ``"mean"`` or ``"sum"``.
            args: the arguments of that.
        """
        buffer = self.buffer
        if self._kernel is None or mode.get() is not NORMAL:
            return None
        path = self._fast_path(loss, how, args)
        if path is None or not buffer.live:
            return None
        parameters, program = path.specialization.parameters, path.program
        optimizer.steps += 1
        job = program.take()
        job.updated = 0
        try:
            kernel = self._update_kernel(optimizer)
            if kernel is None:
                return None
            program.bind(job, path.inputs, parameters, path.seed)
            version, epoch = versions.current, buffers.epoch
            if job.bound is None:  # the parameters are in no buffers
                return None
            kernel.call_driver(program.address, job.address)
            number: float = program.result(job)
            if not (job.values_finite and job.grads_finite and isfinite(number)):
                return None
            with buffers.lock:
                if buffers.epoch != epoch or not buffer.live:
                    return None  # another thread has looked at a parameter
                for each in parameters.buffers:
                    if each.version > version:
                        return None  # another thread has made a step
                self._bind_update(kernel, optimizer)
                job.gradient_addresses, job.updated_gradients = parameters.grad_address, buffer.grad_address
                job.updated_count = len(buffer.values)
                job.update, job.update_arguments = kernel.address, kernel.arguments
                buffer.version = versions.bump()
                kernel.call_driver(kernel.apply_address, job.address)
                buffer.without_grad.clear()
                parameters.note_gradients()
            return number
        finally:
            optimizer.steps -= not job.updated
            program.give_back(job)

    def _fast_path(self, loss: Compiled, how: str, args: tuple[Any, ...]) -> FastPath | None:
        if how == "call":
            leaves: list[Any] = []
            specialization, expected = loss.specialize(flatten_args(args, {}, leaves), [leaves])
            if specialization is None or expected is not None or specialization.result != NUMBER:
                return None
            if not _NUMBERS.issuperset(map(type, leaves)):
                return None
            return FastPath(specialization, specialization.scalar, leaves, 1.0)
        batch, path = loss.batch(args, {}), self._path
        group, *others = batch.groups()
        specialization, expected = loss.specialize(group.signature, group)
        if others or specialization is None or expected is not None or specialization.result != NUMBER:
            return None
        seed = 1 / batch.size if how == "mean" else 1.0
        if path is None or (path.specialization, path.inputs, path.seed) != (specialization, group, seed):
            path = self._path = FastPath(specialization, specialization.batched(group), group, seed)
        return path

    def _update_kernel(self, optimizer: UpdateRule) -> "UpdateKernel | None":
        """The update rule as machine code; None if it can't be."""
        own = vars(optimizer)
        if self._rule is None or any(map(is_not, map(own.get, self._fixed), self._fixed.values())):
            self._define_rule(optimizer)
        if self._refused:
            return None
        if any(map(is_not, optimizer.state.values(), self._memory)) or len(self._memory) < len(optimizer.memory):
            self._memory = [self.buffer.data.copy() for _ in optimizer.memory]
            for row, memory in zip(self._memory, optimizer.state.values()):
                row[:] = memory
            optimizer.state = dict(zip(optimizer.memory, self._memory))
        return self._kernel or self._make_kernel(own)

    def _bind_update(self, kernel: "UpdateKernel", optimizer: UpdateRule) -> None:
        own = vars(optimizer)
        kernel.bind([self.buffer.data, self.buffer.grad, *self._memory], [own[name] for name in self._names])

    def _make_kernel(self, own: dict[str, Any]) -> "UpdateKernel | None":
        columns = [self.buffer.data, self.buffer.grad, *self._memory]
        assert self._rule is not None
        try:
            leaves: list[Any] = []
            example = [*[float(column[0]) for column in columns], [own[name] for name in self._names]]
            signature = flatten_args(tuple(example), {}, leaves)
            specialization, expected = self._rule.specialize(signature, [leaves])
            self._refused = specialization is None or bool(specialization.parameters.values)
            if self._refused or specialization is None:
                return None
            kernel = UpdateKernel(specialization.tape, len(columns))
        except Exception:  # it does more than arithmetic, or what it does is wrong, as floats will tell
            self._refused = True
            return None
        specialization.validations += expected is not None
        if specialization.validations > 1:
            self._kernel = kernel
        return kernel

    def _define_rule(self, optimizer: UpdateRule) -> None:
        kind, own = type(optimizer), {name: x for name, x in vars(optimizer).items() if name not in _APART}
        names = self._names = [name for name, x in own.items() if type(x) in _NUMBERS]
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

        self._rule, self._kernel = compile(update), None


_NUMBERS = {float, int}
_APART = {"parameters", "state", "_fused"}


class UpdateKernel:
    """A tape of one parameter as a loop over all of them; see `source`.

    Args:
        tape: its inputs are numbers of a parameter, the first of which is to be changed and the second not, and then
            numbers that all share. Its outputs are the next numbers, in the same order without the second.
        columns: how many of the inputs are a parameter's own.

    Attributes:
        address: where its machine code begins.
        arguments: where its arguments are; see `bind`.
        apply_address: where the driver begins that runs it at the end of a training step.
        call_driver: calls either, and the driver of a program.

    Raises:
        Uncompilable: if it can't be made machine code.
    """

    def __init__(self, tape: Tape, columns: int) -> None:
        import numpy as np

        from engine.compiler.codegen import Uncompilable, to_numba
        from engine.compiler.disk_cache import load_generated
        from engine.compiler.runtime import apply_update, call_driver, compile_driver, driver, floats, integers

        if len(tape.outputs) != columns - 1:
            raise Uncompilable(f"a rule of {columns - 1} numbers gives {len(tape.outputs)}")
        if groups := [what for what, _ in tape.operations if not isinstance(what, Rule)]:
            raise Uncompilable(f"{groups[0]} is of several parameters")
        parts = {f"f{k}": to_numba(what.value) for k, (what, _) in enumerate(tape.operations) if isinstance(what, Rule)}
        text = source(tape, columns)
        names = {name: part.code for name, part in parts.items()} | {"integers": integers, "floats": floats}
        identity = text + "".join(part.identity for part in parts.values())
        code = compile_driver(load_generated(text, identity, names)["update"])
        self.address, self.apply_address = code.address, driver(apply_update).address
        self.call_driver = call_driver
        self._columns: list[Any] = [None] * columns
        shared = np.array([*[0.0] * (tape.inputs - columns), *tape.constants, 0.0])
        fields = np.zeros(2 + columns, np.int64)
        fields[1] = shared.ctypes.data
        self.arguments = fields.ctypes.data
        self._shared: Any = shared.data
        self._fields: Any = fields.data
        self._alive = code

    def bind(self, columns: Sequence[Any], numbers: Sequence[float]) -> None:
        """Say which arrays it is to work on, and what the numbers are that all parameters share."""
        for k, column in enumerate(columns):
            if column is not self._columns[k]:
                self._fields[0], self._fields[2 + k] = len(column), column.ctypes.data
                self._columns[k] = column
        for k, number in enumerate(numbers):
            self._shared[k] = number


def source(tape: Tape, columns: int) -> str:
    """The text of the loop, for the values of the tape's rules by the names f0, f1, ...

    Its arguments are integers: how many parameters there are, the address of the numbers that all share, and those of
    the columns. What depends on the shared numbers alone is computed once.

    >>> p, g, lr = Value(1.0), Value(2.0), Value(0.1)
    >>> tape = Tape([("p", p), ("g", g), ("lr", lr)], [p - lr * g])
    >>> print(source(tape, 2), end="")
    def update(address):
        fields = integers(address)
        n, numbers = fields[0], floats(fields[1], 1)
        column0, column1 = floats(fields[2], n), floats(fields[3], n)
        v2 = numbers[0]
        for i in range(n):
            v0, v1 = column0[i], column1[i]
            v3 = f0(v2, v1)
            v4 = f1(v0, v3)
            column0[i] = v4
        return 0
    """
    once, each = "", ""
    uniform = set(range(columns, tape.leaves))
    for i, (_, operands, (result,), _) in enumerate(tape):
        line = f"v{result} = f{tape.program[tape.starts[i]]}({', '.join(f'v{slot}' for slot in operands)})\n"
        if uniform.issuperset(operands):
            uniform.add(result)
            once += f"    {line}"
        else:
            each += f"        {line}"
    rows, numbers = range(columns), range(columns, tape.leaves)
    text = "def update(address):\n    fields = integers(address)\n"
    text += f"    n, numbers = fields[0], floats(fields[1], {len(numbers)})\n"
    text += f"    {_listed('column{}', rows)} = {_listed('floats(fields[{}], n)', [2 + k for k in rows])}\n"
    text += "".join(f"    v{slot} = numbers[{k}]\n" for k, slot in enumerate(numbers))
    text += f"{once}    for i in range(n):\n        {_listed('v{}', rows)} = {_listed('column{}[i]', rows)}\n{each}"
    text += "".join(f"        column{k}[i] = v{slot}\n" for k, slot in zip([0, *range(2, columns)], tape.outputs))
    return text + "    return 0\n"


def _listed(pattern: str, numbers: Sequence[int]) -> str:
    return ", ".join(pattern.format(number) for number in numbers)
