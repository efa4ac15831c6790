"""A tape laid out for one example: by topological level, and within a level equal opcodes batched.

An instruction's level is one more than the highest of its operands, so that no two of a level depend on each other.
Those of the same level and operation become one run, which costs one call, and their results are contiguous.
"""

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import numba
import numpy as np

from engine.compiler.kernels.disk_cache import DEVICE_ONLY, OPTIONS, jit_cached
from engine.compiler.kernels.dots import rows_of_matrix
from engine.compiler.kernels.nary import NARY_KERNELS
from engine.compiler.runtime import BRIEF, Job, KernelTable, Located, Program, call_driver, driver, run_once
from engine.compiler.tape import Tape
from engine.nary_rules import dot
from engine.utils.conversion import to_float

_SLOWER = 10  # an operand here takes about so many times as long as a multiplication in lanes


class ScalarProgram(Program):
    """A tape as a program for one example.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.address = driver(run_once).address
        self.integers, self.starts, place = scheduled(tape)
        operations = [*tape.operations, ("contiguous dot", 0), ("matrix product", 0)]  # the last two if they are used
        used = max(len(tape.operations), 1 + int(self.integers[self.starts].max(initial=0)))
        self.kernels = KernelTable((what, n, False) for what, n in operations[:used])
        self.outputs = place[tape.outputs].astype(np.int64)
        self._outputs = self.outputs.tolist()
        self._root, self._alone = self._outputs[0], len(self._outputs) == 1
        self.size = tape.size + gap(tape)
        self._parameters = len(tape.parameters)
        self._pack = struct.Struct(f"{tape.inputs}d").pack_into
        self.constants = slice(tape.inputs + self._parameters, tape.leaves)
        self.is_brief = _SLOWER * len(tape.program) < BRIEF
        self.fields = {
            "runs": len(self.starts), "size": self.size, "leaves": tape.leaves, "first_parameter": tape.inputs,
            "parameter_count": self._parameters,
        }  # fmt: skip

    def bind(self, job: Job, inputs: Sequence[float], seed: float) -> None:
        """Give a job the numbers of one example; a `seed` other than 0 asks for gradients."""
        self._put(job, inputs)
        if job.gradient is not seed:
            job.gradient, job.root = None, self._root if seed else -1
            job.gradient = seed

    def _put(self, job: Job, inputs: Sequence[float]) -> None:
        try:
            self._pack(job.memory, 0, *inputs)
        except struct.error:  # an int is too large for a float
            for x in inputs:
                to_float(x)
            raise

    def run(
        self, inputs: Sequence[float], parameters: Located, gradient: bool
    ) -> tuple[list[float], list[float], Any, int, int]:
        """Run it for one example; safe in many threads at once.

        Returns:
            The outputs; the gradients of the first of them with respect to the inputs, and to the parameters; whether
            all values are finite, and all gradients.
        """
        try:
            job = self.free.pop()  # `take` and `bind` without their calls, which a short function would feel
        except IndexError:
            job = Job(self)
        self._put(job, inputs)
        memory = job.memory
        if job.gradient is not gradient:
            job.gradient, job.root = None, self._root if gradient else -1
            job.gradient = gradient
        if self._parameters:
            job.bind_parameters(parameters)
        finite = call_driver(self.address, job.address)
        results = [memory[self._root]] if self._alone else [memory[place] for place in self._outputs]
        by_inputs: list[float] = []
        by_parameters = _NONE
        if gradient:
            by_inputs = job.by_inputs.tolist()
            if self._parameters:
                by_parameters = job.by_parameters.copy()
        values_finite, grads_finite = (1, 1) if finite else (job.values_finite, job.grads_finite)
        self.free.append(job)
        return results, by_inputs, by_parameters, values_finite, grads_finite

    def differentiate(self, output: int, inputs: Sequence[float], parameters: Located) -> tuple[list[float], Any, bool]:
        """The gradients of one output with respect to the inputs and the parameters, and whether all is finite."""
        job = self.take()
        self.bind(job, inputs, 1.0)
        job.gradient, job.root = None, self._outputs[output]  # the next one to use the job must bind it
        job.bind_parameters(parameters)
        finite = call_driver(self.address, job.address)
        slopes = job.by_inputs.tolist(), job.by_parameters.copy(), bool(finite)
        self.free.append(job)
        return slopes

    def goes_bad(self, inputs: Sequence[float], parameters: Located) -> bool:
        """Whether finite operands have a result that is not finite somewhere."""
        _, _, place = scheduled(self.tape)
        job = self.take()
        self.bind(job, inputs, 0.0)
        job.bind_parameters(parameters)
        call_driver(self.address, job.address)
        v = job.v[place]
        for i in range(len(self.tape)):
            _, operands, results, _ = self.tape.instruction(i)
            if not np.isfinite(v[results]).all() and np.isfinite(v[operands]).all():
                return True
        return False


_NONE = np.zeros(0)


def scheduled(tape: Tape) -> tuple[Any, Any, Any]:
    """The instructions in the order in which they are run, where each run begins, and the place of every slot."""
    program, starts = np.frombuffer(tape.program, np.uint32), np.frombuffer(tape.starts, np.uint32)
    groups = np.array([isinstance(what, str) for what, _ in tape.operations], np.bool_)
    alone = np.array([what in NARY_KERNELS for what, _ in tape.operations], np.bool_)
    dots = np.array([what is dot for what, _ in tape.operations], np.bool_)
    find_levels, write = _scheduler()
    levels = find_levels(program, starts, groups, tape.size)
    order = np.lexsort((program[starts], levels))
    ends = tape.leaves, tape.leaves + gap(tape), tape.size
    integers, begins, place = write(program, starts, groups, alone, dots, levels, order, *ends)
    return integers, begins, place


def gap(tape: Tape) -> int:
    """How many places are left out behind the leaves, so that the first result begins at a cache line.

    So do the parameters. (With both a run of microgpt takes 25.6 µs in place of 28.)
    """
    return (tape.inputs - tape.leaves) % 8


@cache
def _scheduler() -> tuple[Any, Any]:
    """`_levels` and `_written` as machine code, made when it is first needed: a batch does without."""
    numbers, integers, flags = "uint32[::1]", "int64[::1]", "boolean[::1]"
    levels = f"{integers}({numbers}, {numbers}, {flags}, int64)"
    given = f"{numbers}, {numbers}, {flags}, {flags}, {flags}, {integers}, {integers}, int64, int64, int64"
    made = [(_levels, levels), (_written, f"UniTuple({numbers}, 3)({given})")]
    first, second = (jit_cached(numba.njit, signature, **OPTIONS)(function) for function, signature in made)
    return first, second


def _levels(program, starts, groups, size):
    """The level of every instruction."""
    level_of, levels = np.zeros(size, np.int64), np.empty(len(starts), np.int64)
    for i in range(len(starts)):
        at, level = np.int64(starts[i]), np.int64(0)
        count = np.int64(program[at + 1])
        first = at + 3
        last = first + np.int64(program[at + 2]) if groups[program[at]] else at + 2 + count
        for k in range(first, last):
            level = max(level, level_of[program[k]])
        levels[i] = level + 1
        if groups[program[at]]:
            for k in range(last + 1, at + 2 + count, 2):
                level_of[program[k]] = level + 1
        else:
            level_of[program[at + 2]] = level + 1
    return levels


@numba.njit(**DEVICE_ONLY)
def _contiguous(program, place, first, n):
    """Whether these operands are side by side."""
    begin = np.int64(place[program[first]])
    for k in range(1, n):
        if np.int64(place[program[first + k]]) != begin + k:
            return False
    return n > 1


def _written(program, starts, groups, alone, dots, levels, order, leaves, free, size):
    """The instructions in another order, with the places that results get in that order.

    A dot of contiguous weights and contiguous inputs has where these begin as its operands; its opcode is the one after
    all others. A run of them that is a matrix product has the next one.
    """
    place = np.empty(size, np.uint32)
    for slot in range(leaves):
        place[slot] = slot
    written, begins = np.empty(len(program) + len(starts), np.uint32), np.empty(len(starts), np.uint32)
    runs, n = 0, np.int64(0)
    code: Any = 0
    count: Any = 0
    end: Any = 0
    before: Any = -1
    latest: Any = 0
    for i in order:
        at = np.int64(starts[i])
        code, count = np.int64(program[at]), np.int64(program[at + 1])
        n = (count - 1) // 2
        contiguous = (
            dots[code] and _contiguous(program, place, at + 3, n) and _contiguous(program, place, at + 3 + n, n)
        )
        if contiguous:
            code, count = len(groups), 4 + (count - 1) % 2
        head = np.int64(begins[runs - 1])
        if code == before and count == written[head + 2] and (contiguous or not alone[code]) and levels[i] == latest:
            written[head + 1] += 1
        else:
            begins[runs] = end
            written[end], written[end + 1], written[end + 2] = code, 1, count
            end, runs = end + 3, runs + 1
        before = code
        latest = levels[i]
        if contiguous:
            place[program[at + 2]] = free
            written[end], written[end + 1] = free, n
            written[end + 2], written[end + 3] = place[program[at + 3]], place[program[at + 3 + n]]
            if count == 5:
                written[end + 4] = place[program[at + 3 + 2 * n]]
            free += 1
        elif groups[code]:
            n = np.int64(program[at + 2])
            written[end] = n
            for k in range(n):
                written[end + 1 + k] = place[program[at + 3 + k]]
            for k in range(n + 1, count, 2):
                place[program[at + 3 + k]] = free
                written[end + k], written[end + k + 1] = program[at + 2 + k], free
                free += 1
        else:
            place[program[at + 2]] = free
            written[end] = free
            free += 1
            for k in range(1, count):
                written[end + k] = place[program[at + 2 + k]]
        end += count
    for head in begins[:runs]:
        if written[head] == len(groups) and _is_matrix_product(written[np.int64(head) :]):
            written[head] += 1
    return written[:end].copy(), begins[:runs].copy(), place


@numba.njit(**DEVICE_ONLY)
def _is_matrix_product(run):
    """Whether a run of contiguous dots is one matrix with several inputs. With less than eight rows it is no gain."""
    repeats, count, dots = np.int64(run[1]), np.int64(run[2]), run[3:]
    rows = rows_of_matrix(dots, repeats, count)
    if rows < 8 or rows == repeats or repeats % rows != 0:
        return False
    for i in range(repeats):
        this, row, column = dots[i * count :], dots[i % rows * count :], dots[(i - i % rows) * count :]
        if this[1] != dots[1] or this[2] != row[2] or this[3] != column[3] or (count == 5 and this[4] != row[4]):
            return False
    return True
