"""An optimizer's steps on arrays: its update rule as one loop of machine code, and a whole training step.

The update rule is recorded as a compiled function is, with Values in the place of all numbers, the optimizer's own
included: a learning rate may change. Its tape becomes an `UpdateKernel`, one loop over all parameters.
"""

from collections.abc import Callable, Sequence
from operator import is_, is_not, itemgetter
from threading import get_ident
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from engine import versions
from engine.compiler import buffers
from engine.compiler.api import Compiled, compile
from engine.compiler.buffers import Binding, BufferedValue, ParameterBuffer
from engine.compiler.guards import Guard
from engine.compiler.pytree import NUMBER, Batch, Group, flatten_args
from engine.compiler.result import CompiledValue
from engine.compiler.tape import Tape
from engine.compiler.trace import Specialization
from engine.modes import NORMAL, mode
from engine.rules import Rule
from engine.value import Value

if TYPE_CHECKING:
    from engine.compiler.batched import BatchedProgram
    from engine.compiler.runtime import Job, Program


class UpdateRule(Protocol):
    """What is used of an optimizer: its `update`, what it remembers of each parameter, and its count of steps."""

    memory: tuple[str, ...]
    state: dict[str, Any]
    steps: int

    def update(self, p: Any, g: Any, *memory: Any) -> tuple[Any, ...]:
        """The next ``p`` and the next memory, from a parameter, its gradient, and the memory of both."""


class FastPath(NamedTuple):
    """The program of a batch, and what it was found by."""

    specialization: Specialization
    batch: Batch
    group: Group
    program: "BatchedProgram"


Repeat = Callable[[Callable[..., Value], tuple[Any, ...], float | None], float | None]


class FusedOptimizer:
    """The steps of an optimizer on arrays. What can't be done so is left to the optimizer itself, on floats.

    Args:
        parameters: those of the optimizer.

    Attributes:
        buffer: where their numbers are, from the first compiled step on.
        repeat: the last step once more, for the same function and arguments: it gives None, and has done nothing, where
            anything that the step depends on is not as it was. None if there is no such step.
    """

    def __init__(self, parameters: Sequence[Value]) -> None:
        self.buffer = ParameterBuffer(parameters)
        self._binding = Binding(parameters)
        self._refused = False
        self._rule: Compiled | None = None  # the update of one parameter
        self._guard = Guard()
        self._kernel: UpdateKernel | None = None  # the same for all of them, once it is validated
        self._names: list[str] = []  # the optimizer's attributes that are numbers
        self._fixed: dict[str, Any] = {}  # all others
        self._memory: list[Any] = []
        self._count = 0  # how many attributes the optimizer has
        self._path: FastPath | None = None
        self.repeat: Repeat | None = None

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, wherever it is."""
        self._binding.zero_grad()

    def expect(self, value: Value) -> None:
        """Take the parameters, if it is machine code that will give them their gradients, and so in arrays."""
        if isinstance(value, CompiledValue) and not self._refused:
            self.buffer.adopt()

    def step(self, optimizer: UpdateRule) -> bool:
        """One step, if it can be done on arrays: a compiled call has given gradients, and nobody has looked since."""
        buffer = self.buffer
        if self._refused or not (buffer.live or BufferedValue in map(type, buffer.values)):
            return False
        if not buffer.adopt() or len(buffer.without_grad) == len(buffer.values):
            return False
        optimizer.steps += 1
        done = False
        try:
            kernel = self._update_kernel(optimizer)
            if kernel is not None:
                own, numbers = vars(optimizer), kernel.numbers
                with buffers.lock:
                    if buffer.live:  # not if the update rule, or another thread, has read a parameter
                        for k, name in enumerate(self._names):
                            numbers[k] = own[name]
                        buffer.version = buffer.latest = versions.bump()
                        kernel.call(kernel.address, kernel.arguments)
                        done = True
        finally:
            optimizer.steps -= not done
        return done

    def minimize(
        self, optimizer: UpdateRule, function: Callable[..., Value], how: str, args: tuple[Any, ...], clip: float | None
    ) -> float | None:
        """A whole step, if all is prepared by one that was done bit by bit; gives the loss before it.

        Args:
            optimizer: whose update rule it is.
            function: what is to become smaller: a `Compiled`, or its `mean` or `sum`.
            how: ``"call"``, ``"mean"`` or ``"sum"``.
            args: the arguments of that.
            clip: the largest norm that the gradient may have, if there is one.
        """
        self.repeat = None
        loss: Any = getattr(function, "__self__", function)
        path = self._path
        if self._kernel is None or not self.buffer.live or mode.get() is not NORMAL:
            return None

        # Which program is it?
        inputs: Any = []
        if how == "call":
            signature, examples = flatten_args(args, {}, inputs), [inputs]
            if not _NUMBERS.issuperset(map(type, inputs)):
                return None
        else:
            batch = loss.batch(args, {})
            if path is not None and path.batch is batch:
                inputs = path.group
            else:
                path = None
                inputs, *others = batch.groups()
                if others:
                    return None
            signature, examples = inputs.signature, inputs
        if loss.is_due(signature):
            return None
        specialization, expected = loss.specialize(signature, examples)
        if specialization is None or expected is not None or specialization.result != NUMBER:
            return None
        program: Program
        seen_before = True
        if how == "call":
            program, seed = specialization.scalar, 1.0
        else:
            if path is None or path.specialization is not specialization:
                seen_before = False
                path = self._path = FastPath(specialization, batch, inputs, specialization.batched(inputs))
            program, seed = path.program, 1 / batch.size if how == "mean" else 1.0

        # Which update is it?
        optimizer.steps += 1  # some rules divide by what is 0 before the first step
        try:
            kernel = self._update_kernel(optimizer)
        finally:
            optimizer.steps -= 1
        if kernel is None:
            return None
        job = program.take()
        try:
            program.bind(job, inputs, seed)
            is_bound = job.epoch == buffers.epoch and job.update_kernel is kernel
            if not is_bound and not self._bind(job, specialization.parameters, kernel):
                return None  # some numbers are in Values
            number = self._train(optimizer, program, job, kernel, specialization.parameters, seed, clip)
        finally:
            program.free.append(job)
        if number is not None and seen_before:
            known = batch if how != "call" else signature
            self.repeat = self._repeated(optimizer, function, known, inputs, specialization, program, kernel, seed)
        return number

    def _train(
        self,
        optimizer: UpdateRule,
        program: "Program",
        job: "Job",
        kernel: "UpdateKernel",
        parameters: Binding,
        seed: float,
        clip: float | None,
    ) -> float | None:
        """Run a job, and update the parameters if all is finite and nobody has changed one meanwhile.

        A brief run and the update are one call, under the lock; unless another thread trains too, which would have to
        wait for it.
        """
        global _trainer
        thread = get_ident()
        job.driver = program.address if job.is_brief and thread == _trainer else 0
        _trainer, version = thread, versions.current
        if not (job.driver or program.execute(job)):
            return None  # some numbers are not finite
        own, numbers, buffer = vars(optimizer), kernel.numbers, self.buffer
        with buffers.lock:
            if buffers.epoch != job.epoch:
                return None  # another thread has read a parameter
            for each in parameters.buffers:
                if each.version > version:
                    return None  # another thread has made a step
            before = buffer.version, buffer.latest
            job.updated, job.clip = 0, clip or 0.0
            optimizer.steps += 1
            try:
                for k, name in enumerate(self._names):
                    numbers[k] = own[name]
                buffer.version = buffer.latest = versions.bump()
                kernel.call(kernel.train_address, job.address)
            finally:
                if not job.updated:
                    optimizer.steps -= 1
                    buffer.version, buffer.latest = before
            if not job.updated:
                return None  # some numbers are not finite, or the norm of the gradient overflows
            if not job.noted:
                buffer.without_grad.clear()
                parameters.note_gradients()
                job.noted = True
        return job.total * seed  # type: ignore[no-any-return]

    def _repeated(
        self,
        optimizer: UpdateRule,
        function: Callable[..., Value],
        known: Any,  # the `Batch`, or for a call on one example its signature
        inputs: Any,
        specialization: Specialization,
        program: "Program",
        kernel: "UpdateKernel",
        seed: float,
    ) -> Repeat:
        """What `repeat` is after such a step: all that `minimize` looks up is known, and asked only if it still is so.

        It asks what can change an answer; tests/engine/compiler/test_repeated_steps.py has a case for each question.
        """
        loss: Any = getattr(function, "__self__", function)
        batch = known if isinstance(known, Batch) else None
        own, state, parameters, guard = vars(optimizer), optimizer.state, specialization.parameters, self._guard
        attributes, names = len(own), [*self._fixed, "parameters", "state"]
        fixed, now = [own[name] for name in names], itemgetter(*names)
        leaves, count, memory = own["parameters"], len(self.buffer.values), [*state.values()]
        free = program.free
        arrays = () if batch is None else (*batch.args,)

        def repeat(function_: Callable[..., Value], args: tuple[Any, ...], clip: float | None) -> float | None:
            if function_ != function or mode.get() is not NORMAL:
                return None
            if batch is not None:
                if len(args) != len(arrays) or not all(map(is_, args, arrays)):
                    return None
            else:
                numbers: list[float] = []
                if flatten_args(args, {}, numbers) != known or not _NUMBERS.issuperset(map(type, numbers)):
                    return None
            if len(own) != attributes or len(leaves) != count or not all(map(is_, now(own), fixed)):
                return None  # a setting of the optimizer, or its parameters
            if not all(map(is_, state.values(), memory)) or not guard.holds() or not loss.may_repeat(specialization):
                return None
            try:
                job = free.pop()
            except IndexError:  # another thread runs it
                return None
            try:
                if job.update_kernel is not kernel:
                    return None
                if batch is None:
                    program.bind(job, numbers, seed)
                elif job.group is inputs and job.read_again():
                    job.seed = seed
                else:
                    return None
                number = self._train(optimizer, program, job, kernel, parameters, seed, clip)
                specialization.calls += number is not None
                return number
            finally:
                free.append(job)

        return repeat

    def _bind(self, job: "Job", parameters: Binding, kernel: "UpdateKernel") -> bool:
        """Tell a job where the parameters are and how they are updated; False if they are in no buffers."""
        job.update_kernel, job.noted = None, False
        with buffers.lock:
            job.bind_parameters(parameters)
            if job.bound is None or not self.buffer.live:
                return False
            job.gradient_blocks = parameters.grad.ctypes.data
            job.updated_gradients, job.updated_count = self.buffer.grad.ctypes.data, len(self.buffer.values)
            job.complete = parameters.buffers == (self.buffer,) and len(parameters.values) == job.updated_count
            job.update, job.update_arguments = kernel.address, kernel.arguments
            job.update_kernel, job.epoch = kernel, buffers.epoch
        return True

    def _update_kernel(self, optimizer: UpdateRule) -> "UpdateKernel | None":
        """The update rule as machine code; None if it can't be."""
        own = vars(optimizer)
        if (
            self._rule is None
            or len(own) != self._count
            or any(map(is_not, map(own.get, self._fixed), self._fixed.values()))
        ):
            self._define_rule(optimizer)
        elif not self._guard.holds():
            self._guard = self._guard.renewed()
            self._kernel = None
        if self._refused:
            return None
        if any(map(is_not, optimizer.state.values(), self._memory)) or len(self._memory) < len(optimizer.memory):
            self._memory = [self.buffer.data.copy() for _ in optimizer.memory]
            for row, memory in zip(self._memory, optimizer.state.values()):
                row[:] = memory
            optimizer.state = dict(zip(optimizer.memory, self._memory))
            if self._kernel is not None:
                with buffers.lock:
                    self._kernel.bind(self._columns())
        return self._kernel or self._make_kernel(own)

    def _columns(self) -> list[Any]:
        """The arrays with a number of each parameter."""
        return [self.buffer.data, self.buffer.grad, *self._memory]

    def _make_kernel(self, own: dict[str, Any]) -> "UpdateKernel | None":
        columns = self._columns()
        assert self._rule is not None
        try:
            leaves: list[Any] = []
            example = [*[float(column[0]) for column in columns], [own[name] for name in self._names]]
            signature = flatten_args(tuple(example), {}, leaves)
            specialization, _ = self._rule.specialize(signature, [leaves])
            self._refused = specialization is None or bool(specialization.parameters.values)
            if self._refused or specialization is None:
                return None
            kernel = UpdateKernel(specialization.tape, len(columns))
            kernel.bind(columns)
        except Exception:  # it does more than arithmetic, or it is wrong: then the plain step says so
            self._refused = True
            return None
        specialization.note_validation()
        if specialization.calls > 1:
            self._kernel = kernel
        return kernel

    def _define_rule(self, optimizer: UpdateRule) -> None:
        kind: Any = type(optimizer)
        own = {name: x for name, x in vars(optimizer).items() if name not in _APART}
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

        self._rule, self._kernel, self._count = compile(update), None, len(vars(optimizer))
        # What the rule sees besides the optimizer's attributes, and whether a step is still one of `Optimizer`.
        self._guard = Guard(lambda: (kind.update, kind.step, kind.zero_grad))


_trainer = 0  # the thread that was the last to make a step
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
        numbers: what all parameters share, in the order of the tape's inputs, to be filled in before each call.
        train_address: where the driver of a whole training step begins, which runs it in the end.
        call: calls either.

    Raises:
        Uncompilable: if it can't be made machine code.
    """

    def __init__(self, tape: Tape, columns: int) -> None:
        import numpy as np

        from engine.compiler.kernels.codegen import Uncompilable, to_numba
        from engine.compiler.kernels.disk_cache import load_generated
        from engine.compiler.kernels.memory import floats, integers
        from engine.compiler.runtime import call_without_pause, compile_driver, driver, train_once

        if len(tape.outputs) != columns - 1:
            raise Uncompilable(f"a rule of {columns - 1} numbers gives {len(tape.outputs)}")
        if groups := [what for what, _ in tape.operations if not isinstance(what, Rule)]:
            raise Uncompilable(f"{groups[0]} is of several parameters")
        parts = {f"f{k}": to_numba(what.value) for k, (what, _) in enumerate(tape.operations) if isinstance(what, Rule)}
        text = source(tape, columns)
        names = {name: part.code for name, part in parts.items()} | {"integers": integers, "floats": floats}
        identity = text + "".join(part.identity for part in parts.values())
        code = compile_driver(load_generated(text, identity, names)["update"])
        self.address, self.train_address = code.address, driver(train_once).address
        self.call = call_without_pause
        self._columns: Sequence[Any] = ()
        shared = np.array([*[0.0] * (tape.inputs - columns), *tape.constants, 0.0])
        fields = np.zeros(2 + columns, np.int64)
        fields[1] = shared.ctypes.data
        self.arguments = fields.ctypes.data
        self.numbers: Any = shared.data
        self._fields: Any = fields
        self._alive = code

    def bind(self, columns: Sequence[Any]) -> None:
        """Say which arrays it is to work on."""
        self._fields[0] = len(columns[0])
        self._fields[2:] = [column.ctypes.data for column in columns]
        self._columns = columns


def source(tape: Tape, columns: int) -> str:
    """The text of the loop, for the values of the tape's rules by the names f0, f1, ...

    Its arguments are integers: how many parameters there are, the address of the numbers that all share, and those of
    the columns. What depends on the shared numbers alone is computed once.

    >>> p, g, lr = Value(1.0), Value(2.0), Value(0.1)
    >>> tape = Tape([("p", p), ("g", g), ("lr", lr)], [p - lr * g])
    >>> print(source(tape, 2), end="")
    def update(address):
        fields = integers(address)
        n, numbers = fields[0], floats(fields[1])
        column0, column1 = floats(fields[2]), floats(fields[3])
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
    text += "    n, numbers = fields[0], floats(fields[1])\n"
    text += f"    {_listed('column{}', rows)} = {_listed('floats(fields[{}])', [2 + k for k in rows])}\n"
    text += "".join(f"    v{slot} = numbers[{k}]\n" for k, slot in enumerate(numbers))
    text += f"{once}    for i in range(n):\n        {_listed('v{}', rows)} = {_listed('column{}[i]', rows)}\n{each}"
    text += "".join(f"        column{k}[i] = v{slot}\n" for k, slot in zip([0, *range(2, columns)], tape.outputs))
    return text + "    return 0\n"


def _listed(pattern: str, numbers: Sequence[int]) -> str:
    return ", ".join(pattern.format(number) for number in numbers)
