"""The loop that runs a program of kernels over flat arrays, forwards and backwards, in machine code.

A program is a list of integers: for each run of like instructions the number of its kernel, how many instructions they
are, how many operands each has, and the operands. All that a run of a program needs is told in one array of integers,
a *job*, so that calling it costs next to nothing; an array in it is told by its address.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from operator import is_
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from engine.lending import Part
from engine.loops import LOOPS
from engine.machine import INNER, OPTIONS, SIGNATURE, Kernel, Uncompilable, compiled, kept, kernel
from engine.rules import Rule
from engine.schedule import scheduled
from engine.steps import table_name
from engine.tape import Tape

# What a job tells: the program; the numbers, the gradients and how many they are; how many of the first numbers are no
# results; which one to differentiate, or -1; the parameters: where they begin, how many they are, and where in a loan
# their numbers are, if they are lent.
PROGRAM, STARTS, RUNS, KERNELS, BACKS, NUMBERS, GRADIENTS, SIZE, LEAVES, ROOT = range(10)
FIRST, COUNT, LENT, PLACES = range(10, 14)
# For lanes also: how many of the first runs are shared; how many numbers are, how long a row is and how many there
# are; the outputs, and where their numbers go, if anywhere; how many examples there are, the floats below, in how many
# arguments the examples are, and for each its address, how far it is from one example to the next, and how many numbers
# an example has.
SHARED, UNIFORM, STRIDE, ROWS, OUTPUTS, OUTPUT_COUNT, RESULTS, EXAMPLES, FLOATS, ARGUMENTS = range(14, 24)
ARGUMENT = 24
SEED, TOTAL = 0, 1  # what the gradient of an output is in each example; the sum of the first output

VALUES, ALL = 1, 3  # what is finite after a run: the values, the gradients too


@intrinsic
def _call(typing, address, operands, repeats, count, width, uniform, v, g):
    """Call the kernel at an address, on operands, numbers and gradients that begin at addresses."""

    def generate(context, builder, signature, arguments):
        kinds = [context.get_value_type(kind) for kind in SIGNATURE.args]
        given = [
            builder.inttoptr(x, kind) if isinstance(kind, ir.PointerType) else x
            for x, kind in zip(arguments[1:], kinds)
        ]
        function = builder.inttoptr(arguments[0], ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        builder.call(function, given)
        return context.get_dummy_value()

    return numba.void(*[numba.int64] * 8), generate


@intrinsic
def _pointer(typing, address):
    """An address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@numba.njit(**INNER)
def _integers(address):
    return numba.carray(_pointer(address), (1 << 40,), np.int64)


@numba.njit(**INNER)
def _floats(address, length):
    return numba.carray(_pointer(address), (length,), np.float64)


@numba.njit(**INNER)
def _forwards(job, begin, end, width, uniform):
    """Run the program from one run of instructions up to another."""
    program = numba.carray(_pointer(job[PROGRAM]), (1 << 40,), np.uint32)
    starts, kernels = numba.carray(_pointer(job[STARTS]), (1 << 40,), np.uint32), _integers(job[KERNELS])
    for i in range(begin, end):
        at = starts[i]
        repeats, count = np.int64(program[at + 1]), np.int64(program[at + 2])
        operands = job[PROGRAM] + 4 * (np.int64(at) + 3)
        _call(kernels[program[at]], operands, repeats, count, width, uniform, job[NUMBERS], job[GRADIENTS])


@numba.njit(**INNER)
def _backwards(job, begin, end, width, uniform):
    """Run the chain rule from the last instruction before one run back to another."""
    program = numba.carray(_pointer(job[PROGRAM]), (1 << 40,), np.uint32)
    starts, backs = numba.carray(_pointer(job[STARTS]), (1 << 40,), np.uint32), _integers(job[BACKS])
    for i in range(end - 1, begin - 1, -1):
        at = starts[i]
        repeats, count = np.int64(program[at + 1]), np.int64(program[at + 2])
        operands = job[PROGRAM] + 4 * (np.int64(at) + 3)
        _call(backs[program[at]], operands, repeats, count, width, uniform, job[NUMBERS], job[GRADIENTS])


@numba.njit(**INNER)
def _finite(numbers):
    """Whether all of them are."""
    bad = 0
    for i in range(numbers.size):  # without a way out in the middle, so that several are looked at at a time
        bad |= int(numbers[i] - numbers[i] != 0.0)
    return bad == 0


@numba.njit(**INNER)
def _gather(job, v):
    """Bring the parameters' numbers, if they are lent."""
    if job[LENT] != 0:
        lent, places = _floats(job[LENT], 1 << 40), _integers(job[PLACES])
        for i in range(job[COUNT]):
            v[job[FIRST] + i] = lent[places[i]]


def _single(address):
    """Run a program once; gives what is finite."""
    job = _integers(address)
    v, g = _floats(job[NUMBERS], job[SIZE]), _floats(job[GRADIENTS], job[SIZE])
    _gather(job, v)
    _forwards(job, 0, job[RUNS], 1, 0)
    fine = True
    if job[ROOT] >= 0:
        g[:] = 0.0
        g[job[ROOT]] = 1.0
        _backwards(job, 0, job[RUNS], 1, 0)
        fine = _finite(g[: job[FIRST] + job[COUNT]])
    return VALUES * _finite(v[job[LEAVES] :]) + (ALL - VALUES) * fine


def _lanes(address):
    """Run a program for every example, a row of lanes at a time; gives the first example with a number that is not
    finite, or -1, and less than that if the gradients are not.
    """
    job = _integers(address)
    v, g = _floats(job[NUMBERS], job[SIZE]), _floats(job[GRADIENTS], job[SIZE])
    floats, outputs = _floats(job[FLOATS], 2), _integers(job[OUTPUTS])
    uniform, stride, examples, bad, total = job[UNIFORM], job[STRIDE], job[EXAMPLES], -1, 0.0
    results, seed = _floats(job[RESULTS], job[OUTPUT_COUNT] * examples), floats[SEED]
    _gather(job, v)
    _forwards(job, 0, job[SHARED], 1, 0)
    if not _finite(v[:uniform]):
        bad = 0
    g[:uniform] = 0.0
    for begin in range(0, examples, stride):
        width, row = min(stride, examples - begin), uniform
        for k in range(job[ARGUMENTS]):
            step, columns = job[ARGUMENT + 3 * k + 1], job[ARGUMENT + 3 * k + 2]
            numbers = _floats(job[ARGUMENT + 3 * k], step * examples)
            for column in range(columns):
                for lane in range(width):
                    v[row + lane] = numbers[(begin + lane) * step + column]
                row += stride
        _forwards(job, job[SHARED], job[RUNS], width, uniform)
        if bad < 0 and not _finite(v[row : uniform + job[ROWS] * stride]):
            for lane in range(width):
                for place in range(row, uniform + job[ROWS] * stride, stride):
                    if bad < 0 and v[place + lane] - v[place + lane] != 0.0:
                        bad = begin + lane
        if job[RESULTS] != 0:
            for k in range(job[OUTPUT_COUNT]):
                for lane in range(width):
                    results[k * examples + begin + lane] = v[outputs[k] + lane]
        for lane in range(width):
            total += v[outputs[0] + lane]
        if seed != 0.0:
            g[uniform:] = 0.0
            g[outputs[0] : outputs[0] + width] = seed
            _backwards(job, job[SHARED], job[RUNS], width, uniform)
    if seed != 0.0:
        _backwards(job, 0, job[SHARED], 1, 0)
    floats[TOTAL] = total
    return bad if _finite(g[:uniform]) else -3 - bad


@cache
def _entry(driver: Any) -> Any:
    """Where Python enters the machine code of a driver: it takes the address of a job."""
    return kept(numba.cfunc, types.int64(types.int64), nopython=True, **OPTIONS)(driver)


class Code:
    """The machine code of some operations, each on one number or on lanes: where it begins, forward and backward."""

    def __init__(self, operations: Iterable[tuple[Rule | str, int, bool]]) -> None:
        self._kernels = [_loop(what) if what in LOOPS else kernel(what, n, lanes) for what, n, lanes in operations]
        self.forward = np.array([each.address for each in self._kernels], dtype=np.int64)
        self.backward = np.array([each.back_address for each in self._kernels], dtype=np.int64)


@cache
def _loop(what: Rule | str) -> Kernel:
    return Kernel(*map(compiled, LOOPS[what]))


def compilable(tape: Tape) -> str:
    """Why a user's rule in a tape can't be machine code; nothing if all can, as those of the table."""
    try:
        for what, n in tape.operations:
            if isinstance(what, Rule) and not table_name(what):
                kernel(what, n, False)
    except Uncompilable as error:
        return str(error)
    return ""


class Job:
    """A job for one run at a time: places for the numbers and gradients of a program, and the array that tells all."""

    def __init__(self, program: "Program") -> None:
        self.v, self.g = np.zeros(program.size), np.zeros(program.size)
        self.v[program.constants] = program.tape.constants
        told = np.zeros(ARGUMENT + 3 * program.arguments, np.int64)
        arrays = {
            PROGRAM: program.integers, STARTS: program.starts, KERNELS: program.code.forward,
            BACKS: program.code.backward, NUMBERS: self.v, GRADIENTS: self.g, OUTPUTS: program.outputs,
        }  # fmt: skip
        for entry, held in arrays.items():
            told[entry] = held.ctypes.data
        for entry, number in program.told.items():
            told[entry] = number
        floats = np.zeros(2)
        told[FLOATS] = floats.ctypes.data
        self.floats: Any = floats.data
        self.examples: Sequence[Any] = [None] * program.arguments
        self._alive = told, program
        self._lent: Any = None
        self.told: Any = told.data
        self.numbers: Any = self.v.data
        self.gradients: Any = self.g.data
        self.address = told.ctypes.data

    def show(self, examples: Sequence[Any]) -> None:
        """Tell where the examples are."""
        self.told[EXAMPLES] = n = len(examples[0])
        arrays = [np.ascontiguousarray(numbers, dtype=float) for numbers in examples]
        for k, numbers in enumerate(arrays):
            entry = ARGUMENT + 3 * k
            self.told[entry] = numbers.__array_interface__["data"][0]
            self.told[entry + 1] = self.told[entry + 2] = numbers.size // n
        self.examples = arrays  # kept, and as long as they are the same not looked at again

    def bring(self, parameters: Part) -> None:
        """See that the run finds the parameters' numbers."""
        lent = parameters.addresses()
        told = self.told
        if lent is not None:
            told[LENT], told[PLACES], self._lent = lent
        else:
            told[LENT] = 0
            if parameters.values:
                first = told[FIRST]
                self.v[first : first + len(parameters.values)] = [value._data for value in parameters.values]


class Program:
    """What a job is made for: instructions, their machine code, and where things are."""

    tape: Tape
    code: Code
    integers: Any
    starts: Any
    outputs: Any
    size: int
    constants: slice
    arguments = 0
    told: dict[int, int]

    def __init__(self) -> None:
        self._spare: list[Job] = []

    def job(self) -> Job:
        """A job that nobody uses; to be put back."""
        try:
            return self._spare.pop()
        except IndexError:
            return Job(self)


class Single(Program):
    """A tape as a program for one run at a time.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.code = Code([*((what, n, False) for what, n in tape.operations), ("dot of rows", 0, False)])
        self._run = _entry(_single).ctypes
        self.integers, self.starts, place = scheduled(tape)
        self.outputs = place[tape.outputs].astype(np.int64)
        self._root, *self._others = self.outputs.tolist()
        self.size = tape.size
        parameters = len(tape.parameters)
        self.constants = slice(tape.inputs + parameters, tape.leaves)
        self.told = {
            RUNS: len(self.starts), SIZE: tape.size, LEAVES: tape.leaves, FIRST: tape.inputs, COUNT: parameters,
        }  # fmt: skip
        self._inputs, self._end = tape.inputs, tape.inputs + parameters

    def run(
        self, inputs: Sequence[float], parameters: Part, gradient: bool
    ) -> tuple[list[float], list[float], Any, int]:
        """One run on these numbers, safe in many threads at once.

        Returns:
            The outputs; the gradients of the first of them by the inputs, and by the parameters; and what is finite.
        """
        job = self.job()
        numbers, told = job.numbers, job.told
        for i, x in enumerate(inputs):
            numbers[i] = x
        job.bring(parameters)
        told[ROOT] = self._root if gradient else -1
        fine = self._run(job.address)
        results = [numbers[self._root]]
        if self._others:
            results += [numbers[place] for place in self._others]
        n = self._inputs
        by_inputs = job.gradients[:n].tolist() if gradient else []
        by_parameters = job.g[n : self._end].copy() if gradient and n < self._end else _NONE
        self._spare.append(job)
        return results, by_inputs, by_parameters, fine

    def goes_bad(self, inputs: Sequence[float], parameters: Part) -> bool:
        """Whether finite operands have a result that is not finite somewhere."""
        _, _, place = scheduled(self.tape)
        job = self.job()
        job.v[: self.tape.inputs] = inputs
        job.bring(parameters)
        job.told[ROOT] = -1
        self._run(job.address)
        v = job.v[place]
        for i in range(len(self.tape)):
            _, operands, results, _ = self.tape.instruction(i)
            if not np.isfinite(v[results]).all() and np.isfinite(v[operands]).all():
                return True
        return False


_NONE = np.zeros(0)
LANES = 128  # at most: more do not make an instruction's own cost any smaller
_ROOM = 65536  # numbers in all rows together, and as many gradients: about what a core's own memory holds


class Lanes(Program):
    """A tape as a program for many examples at once, a lane for each.

    What does not depend on the examples has one place for all of them: the parameters, the constants, and what is
    computed from these alone. All else has a row of places.

    Args:
        tape: of one example.
        varying: how many of the inputs, the first ones, differ between examples.
        arguments: over how many arguments these are spread.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape, varying: int, arguments: int) -> None:
        super().__init__()
        self.tape, self.arguments = tape, arguments
        # A number's place: p for the p-th that all lanes share, ~r for row r, until it is known where the rows begin.
        leaves = [*range(tape.inputs, tape.leaves), *range(varying, tape.inputs)]  # the parameters first
        place = {slot: p for p, slot in enumerate(leaves)} | {slot: ~slot for slot in range(varying)}
        uniform, rows = len(leaves), varying
        spread: dict[int, int] = {}
        instructions: list[tuple[Rule | str, bool, list[int], list[int], list[int]]] = []
        for i in range(len(tape)):
            what, operands, results, indices = tape.instruction(i)
            places = [place[slot] for slot in operands]
            in_lanes = min(places) < 0
            if in_lanes and what not in LOOPS:
                for p in dict.fromkeys(p for p in places if p >= 0 and p not in spread):
                    spread[p] = ~rows
                    instructions.append(("spread", True, [p], [~rows], []))
                    rows += 1
                places = [spread[p] if p >= 0 else p for p in places]
            for slot in results:
                place[slot] = ~rows if in_lanes else uniform
                rows, uniform = rows + in_lanes, uniform + (not in_lanes)
            instructions.append((what, in_lanes, places, [place[slot] for slot in results], indices))
        for slot in tape.outputs:
            if place[slot] >= 0:
                instructions.append(("spread", True, [place[slot]], [~rows], []))
                place[slot], rows = ~rows, rows + 1
        instructions.sort(key=lambda instruction: instruction[1])  # what all lanes share comes first
        stride = max(8, min(LANES, _ROOM // rows))

        def settled(place: int) -> int:
            return place if place >= 0 else uniform + ~place * stride

        program, starts = array("I"), array("I")
        codes: dict[tuple[Rule | str, int, bool], int] = {}
        for what, in_lanes, places, results, indices in instructions:
            operands, results = list(map(settled, places)), list(map(settled, results))
            if isinstance(what, str) and what != "spread":
                integers = [len(operands), *operands, *chain.from_iterable(zip(indices, results))]
            else:
                integers = [*results, *operands]
            starts.append(len(program))
            program.extend((codes.setdefault((what, len(operands), in_lanes), len(codes)), 1, len(integers), *integers))
        self.integers, self.starts = np.frombuffer(program, np.uint32), np.frombuffer(starts, np.uint32)
        self.code = Code(codes)
        self._run = _entry(_lanes).ctypes
        self.outputs = np.array([settled(place[slot]) for slot in tape.outputs], np.int64)
        self.size = uniform + rows * stride
        parameters = len(tape.parameters)
        self.constants = slice(parameters, parameters + len(tape.constants))
        self.told = {
            RUNS: len(starts), SIZE: self.size, FIRST: 0, COUNT: parameters, UNIFORM: uniform, STRIDE: stride,
            SHARED: sum(not in_lanes for _, in_lanes, *_ in instructions), ROWS: rows,
            OUTPUT_COUNT: len(tape.outputs), ARGUMENTS: arguments,
        }  # fmt: skip

    def run(
        self, examples: Sequence[Any], others: Sequence[float], parameters: Part, seed: float, keep: bool
    ) -> tuple[Any, Any, float, int, bool]:
        """One run for each example, safe in many threads at once.

        Args:
            examples: for each argument an array, or lists, with a row for each example.
            others: the inputs that do not vary.
            parameters: the tape's parameters.
            seed: what the gradient of the first output is in each example; 0 for no gradients.
            keep: whether the outputs are wanted.

        Returns:
            The outputs, a row for each and in it every example, or None; the gradients by the parameters; the sum of
            the first output; the first example with a number that is not finite, -1 if there is none; and whether the
            gradients are finite.
        """
        job = self.job()
        told, n = job.told, len(examples[0])
        if not all(map(is_, examples, job.examples)):
            job.show(examples)
        if others:
            first = self.constants.stop
            job.v[first : first + len(others)] = others
        job.bring(parameters)
        results = np.empty((len(self.outputs), n)) if keep else None
        told[RESULTS] = 0 if results is None else results.ctypes.data
        job.floats[SEED] = seed
        bad = self._run(job.address)
        gradients = job.g[: told[COUNT]].copy() if seed else None
        total = job.floats[TOTAL]
        self._spare.append(job)
        return results, gradients, total, bad if bad >= -1 else -3 - bad, bad >= -1
