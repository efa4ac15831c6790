"""The loop that runs a program of kernels over flat arrays, forwards and backwards, in machine code.

A program is a list of integers: for each run of like instructions the number of its kernel, how many instructions they
are, how many operands each has, and the operands. All that a run of a program needs is told in one array of integers,
a *job*, so that calling it costs next to nothing; an array in it is told by its address.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from engine.compiler.codegen import INNER, OPTIONS, SIGNATURE, Kernel, Uncompilable, compiled, kept, kernel
from engine.compiler.nary_kernels import LOOPS
from engine.compiler.scalar import scheduled
from engine.compiler.tape import Tape
from engine.conversion import to_float
from engine.rules import Rule
from engine.steps import builtin_name

if TYPE_CHECKING:
    from engine.compiler.buffers import Part

# Where in a job each thing is told: module constants, for numba builds them in.
PROGRAM, STARTS, RUNS = 0, 1, 2  # the program, where in it each run of instructions begins, and how many runs there are
KERNELS, BACKS = 3, 4  # the addresses of the kernels, forward and backward
NUMBERS, GRADIENTS, SIZE = 5, 6, 7  # the numbers, their gradients, and how many they are
LEAVES = 8  # how many of the first numbers are no results
ROOT = 9  # which number to differentiate, or -1
FIRST, COUNT = 10, 11  # the parameters: where their numbers begin, and how many they are
LENT, PLACES = 12, 13  # if they are lent: the numbers of the loan, or 0, and where in it each parameter is
# For lanes also:
SHARED = 14  # how many of the first runs are on numbers that all examples share
UNIFORM = 15  # how many numbers they share: below are those, above are rows
STRIDE, ROWS = 16, 17  # how long a row is, and how many there are
OUTPUTS, OUTPUT_COUNT, RESULTS = 18, 19, 20  # the outputs, how many they are, and where their numbers go, or 0
EXAMPLES = 21  # how many there are
FLOATS = 22  # an array of two floats
SEED, TOTAL = 0, 1  # in it: what the gradient of an output is in each example; the sum of the first output
ARGUMENTS = 23  # in how many arguments the examples are
ARGUMENT = 24  # and for each: its address, how far from one example to the next, and how many numbers an example has

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
def integers(address):
    """The whole numbers at an address."""
    return numba.carray(_pointer(address), (1 << 40,), np.int64)


@numba.njit(**INNER)
def floats(address, length):
    """So many floats at an address."""
    return numba.carray(_pointer(address), (length,), np.float64)


@numba.njit(**INNER)
def _forwards(job, begin, end, width, uniform):
    """Run the program from one run of instructions up to another."""
    program = numba.carray(_pointer(job[PROGRAM]), (1 << 40,), np.uint32)
    starts, kernels = numba.carray(_pointer(job[STARTS]), (1 << 40,), np.uint32), integers(job[KERNELS])
    for i in range(begin, end):
        at = starts[i]
        repeats, count = np.int64(program[at + 1]), np.int64(program[at + 2])
        operands = job[PROGRAM] + 4 * (np.int64(at) + 3)
        _call(kernels[program[at]], operands, repeats, count, width, uniform, job[NUMBERS], job[GRADIENTS])


@numba.njit(**INNER)
def _backwards(job, begin, end, width, uniform):
    """Run the chain rule from the last instruction before one run back to another."""
    program = numba.carray(_pointer(job[PROGRAM]), (1 << 40,), np.uint32)
    starts, backs = numba.carray(_pointer(job[STARTS]), (1 << 40,), np.uint32), integers(job[BACKS])
    for i in range(end - 1, begin - 1, -1):
        at = starts[i]
        repeats, count = np.int64(program[at + 1]), np.int64(program[at + 2])
        operands = job[PROGRAM] + 4 * (np.int64(at) + 3)
        _call(backs[program[at]], operands, repeats, count, width, uniform, job[NUMBERS], job[GRADIENTS])


@numba.njit(fastmath={"reassoc", "contract"}, **INNER)
def _finite(numbers):
    """Whether all of them are: 0 times any other number is nan."""
    total = 0.0
    for i in range(numbers.size):  # without a way out in the middle, so that several are looked at at a time
        total += 0.0 * numbers[i]
    return total == 0.0


@numba.njit(**INNER)
def _gather(job, v):
    """Bring the parameters' numbers, if they are lent."""
    if job[LENT] != 0:
        lent, places = floats(job[LENT], 1 << 40), integers(job[PLACES])
        for i in range(job[COUNT]):
            v[job[FIRST] + i] = lent[places[i]]


def single(address):
    """Run a program once; gives what is finite."""
    job = integers(address)
    v, g = floats(job[NUMBERS], job[SIZE]), floats(job[GRADIENTS], job[SIZE])
    _gather(job, v)
    _forwards(job, 0, job[RUNS], 1, 0)
    fine = True
    if job[ROOT] >= 0:
        g[:] = 0.0
        g[job[ROOT]] = 1.0
        _backwards(job, 0, job[RUNS], 1, 0)
        fine = _finite(g[: job[FIRST] + job[COUNT]])
    return VALUES * _finite(v[job[LEAVES] :]) + (ALL - VALUES) * fine


def in_lanes(address):
    """Run a program for every example, a row of lanes at a time; gives the first example with a number that is not
    finite, or -1, and less than that if the gradients are not.
    """
    job = integers(address)
    v, g = floats(job[NUMBERS], job[SIZE]), floats(job[GRADIENTS], job[SIZE])
    few, outputs = floats(job[FLOATS], 2), integers(job[OUTPUTS])
    uniform, stride, examples, bad, total = job[UNIFORM], job[STRIDE], job[EXAMPLES], -1, 0.0
    results, seed = floats(job[RESULTS], job[OUTPUT_COUNT] * examples), few[SEED]
    _gather(job, v)
    _forwards(job, 0, job[SHARED], 1, 0)
    if not _finite(v[:uniform]):
        bad = 0
    g[:uniform] = 0.0
    for begin in range(0, examples, stride):
        width, row = min(stride, examples - begin), uniform
        lanes = (width + 7) // 8 * 8  # the last ones do the last example again, and get no gradient
        for k in range(job[ARGUMENTS]):
            step, columns = job[ARGUMENT + 3 * k + 1], job[ARGUMENT + 3 * k + 2]
            numbers = floats(job[ARGUMENT + 3 * k], step * examples)
            for column in range(columns):
                for lane in range(width):
                    v[row + lane] = numbers[(begin + lane) * step + column]
                v[row + width : row + lanes] = v[row + width - 1]
                row += stride
        _forwards(job, job[SHARED], job[RUNS], lanes, uniform)
        if bad < 0 and not _finite(v[row : uniform + job[ROWS] * stride]):
            for lane in range(width):
                for place in range(row, uniform + job[ROWS] * stride, stride):
                    if bad < 0 and v[place + lane] - v[place + lane] != 0.0:
                        bad = begin + lane
        if job[RESULTS] != 0:
            for k in range(job[OUTPUT_COUNT]):
                results[k * examples + begin : k * examples + begin + width] = v[outputs[k] : outputs[k] + width]
        for lane in range(width):
            total += v[outputs[0] + lane]
        if seed != 0.0:
            g[uniform:] = 0.0
            g[outputs[0] : outputs[0] + width] = seed
            _backwards(job, job[SHARED], job[RUNS], lanes, uniform)
    if seed != 0.0:
        _backwards(job, 0, job[SHARED], 1, 0)
    few[TOTAL] = total
    return bad if _finite(g[:uniform]) else -3 - bad


@kept(numba.njit, "void(float64[::1], int64[::1], float64[::1])", **OPTIONS)
def add_at(totals, places, numbers):
    """Add each number at its place."""
    for i in range(len(places)):
        totals[places[i]] += numbers[i]


@cache
def entry(driver: Any) -> Any:
    """The machine code of a driver, which takes the address of a job; `enter` calls it at its own address."""
    return kept(numba.cfunc, types.int64(types.int64), nopython=True, **OPTIONS)(driver)


@intrinsic
def driven(typing, driver, job):
    """Call the driver at an address, on the job at an address."""

    def generate(context, builder, signature, arguments):
        whole = context.get_value_type(types.int64)
        kind = ir.FunctionType(whole, [whole]).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], kind), [arguments[1]])

    return types.int64(types.int64, types.int64), generate


@kept(numba.njit, "int64(int64, int64)", nogil=True, **OPTIONS)
def enter(driver, job):
    """The same from Python, in half the time that ctypes takes."""
    return driven(driver, job)


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
            if isinstance(what, Rule) and not builtin_name(what):
                kernel(what, n, False)
    except Uncompilable as error:
        return str(error)
    return ""


class Job:
    """A job for one run at a time: places for the numbers and gradients of a program, and the array that tells all."""

    def __init__(self, program: "Program") -> None:
        self.v, self.g = _zeros(program.size), _zeros(program.size)
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
        few = np.zeros(2)
        told[FLOATS] = few.ctypes.data
        self.floats: Any = few.data
        self._examples: list[Any] = [None] * program.arguments
        self._rows: list[Any] = [None] * program.arguments
        self._alive = told, program
        self._lent: Any = None
        self.results: Any = None
        self.told: Any = told.data
        self.numbers: Any = self.v.data
        self.by_inputs: Any = self.g[: program.told[FIRST]].data
        self.address = told.ctypes.data

    def show(self, examples: Sequence[Any]) -> None:
        """Tell where the examples are."""
        told, n = self.told, len(examples[0])
        if told[EXAMPLES] != n:
            self._examples = [None] * len(examples)
        told[EXAMPLES] = n
        for k, numbers in enumerate(examples):
            if numbers is not self._examples[k]:
                self._examples[k] = None
                self._rows[k] = held = np.ascontiguousarray(numbers, dtype=float)
                entry = ARGUMENT + 3 * k
                told[entry] = held.__array_interface__["data"][0]
                told[entry + 1] = told[entry + 2] = held.size // n
                self._examples[k] = numbers
            elif numbers is not self._rows[k]:  # no array of floats, and perhaps other numbers now
                self._rows[k][...] = numbers

    def bring(self, parameters: "Part") -> None:
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

    def is_lent(self) -> bool:
        """Whether it reads the parameters' numbers where they are lent."""
        return bool(self.told[LENT])


def _zeros(size: int) -> Any:
    """An array that begins where a line of the machine's memory does."""
    numbers = np.zeros(size + 8)
    skipped = -numbers.ctypes.data // 8 % 8
    return numbers[skipped : skipped + size]


class Program:
    """What a job is made for: instructions, their machine code, and where things are.

    The driver that does its jobs begins at an address.
    """

    tape: Tape
    code: Code
    integers: Any
    starts: Any
    outputs: Any
    size: int
    constants: slice
    arguments = 0
    told: dict[int, int]
    address: int

    def __init__(self) -> None:
        self._spare: list[Job] = []

    def spare(self) -> Job:
        """A job that nobody uses; to be put back."""
        try:
            return self._spare.pop()
        except IndexError:
            return Job(self)

    def put_back(self, job: Job) -> None:
        """What it held is needed no more."""
        self._spare.append(job)


class Single(Program):
    """A tape as a program for one run at a time.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.code = Code([*((what, n, False) for what, n in tape.operations), ("dot of rows", 0, False)])
        self.address = entry(single).address
        self.integers, self.starts, place = scheduled(tape)
        self.outputs = place[tape.outputs].astype(np.int64)
        self._outputs = self.outputs.tolist()
        self._root = self._outputs[0]
        self.size = tape.size
        parameters = len(tape.parameters)
        self.constants = slice(tape.inputs + parameters, tape.leaves)
        self.told = {
            RUNS: len(self.starts), SIZE: tape.size, LEAVES: tape.leaves, FIRST: tape.inputs, COUNT: parameters,
        }  # fmt: skip
        self._inputs, self._parameters = tape.inputs, parameters

    def job(self, inputs: Sequence[float], parameters: "Part", gradient: bool) -> Job:
        """A run on these numbers, to be done; safe in many threads at once."""
        job = self.spare()
        numbers = job.numbers
        try:
            for i, x in enumerate(inputs):
                numbers[i] = x
        except ValueError:  # of a memoryview, for an int that no float can hold
            to_float(inputs[i])
            raise
        if self._parameters:
            job.bring(parameters)
        job.told[ROOT] = self._root if gradient else -1
        return job

    def run(self, job: Job) -> tuple[list[float], list[float], Any, int]:
        """Do it.

        Returns:
            The outputs; the gradients of the first of them by the inputs, and by the parameters; and what is finite.
        """
        fine = enter(self.address, job.address)
        results = self.results(job)
        by_inputs: list[float] = []
        by_parameters = _NONE
        if job.told[ROOT] >= 0:
            by_inputs = job.by_inputs.tolist()
            if self._parameters:
                by_parameters = job.g[self._inputs : self._inputs + self._parameters].copy()
        self.put_back(job)
        return results, by_inputs, by_parameters, fine

    def results(self, job: Job) -> list[float]:
        """The outputs of a job that is done."""
        numbers = job.numbers
        return [numbers[place] for place in self._outputs]

    def goes_bad(self, inputs: Sequence[float], parameters: "Part") -> bool:
        """Whether finite operands have a result that is not finite somewhere."""
        _, _, place = scheduled(self.tape)
        job = self.job(inputs, parameters, False)
        enter(self.address, job.address)
        v = job.v[place]
        for i in range(len(self.tape)):
            _, operands, results, _ = self.tape.instruction(i)
            if not np.isfinite(v[results]).all() and np.isfinite(v[operands]).all():
                return True
        return False


_NONE = np.zeros(0)
