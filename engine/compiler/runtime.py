"""The argument struct of machine code, the drivers that run a program, and one call from Python.

A program is a list of integers: for each run of equal instructions the number of its kernel, how many instructions they
are, how many operands each has, and the operands. All that a run of a program needs is in one struct, a `Job`, so that
a call passes one address. numba reads and writes its fields by name.
"""

import ctypes
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from ctypes import c_double, c_int64
from functools import cache
from typing import Any, Protocol

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from engine.compiler.kernels.codegen import SIGNATURE, Kernel, Uncompilable, compile_kernel, kernel
from engine.compiler.kernels.disk_cache import DEVICE_ONLY, OPTIONS, jit_cached
from engine.compiler.kernels.memory import (
    ADD,
    LOAD,
    TAKE,
    convert,
    fetch_and_add,
    fill,
    finite,
    floats,
    instructions,
    integers,
    load_acquire,
    move,
    pointer_to,
    store_release,
    transpose,
)
from engine.compiler.kernels.nary import NARY_KERNELS
from engine.compiler.pytree import Group
from engine.compiler.tape import Tape
from engine.rules import Rule
from engine.steps import builtin_name


class Located(Protocol):
    """Values, and where their numbers are: see `engine.compiler.buffers.Binding`."""

    values: tuple[Any, ...]
    data: Any

    def in_buffers(self) -> bool:
        """Whether `data` says where the numbers are; else they are in the Values."""


class Column(ctypes.Structure):
    """One argument of many examples, as machine code sees it."""

    _fields_ = [
        ("address", c_int64),
        ("step", c_int64),  # how many numbers an example has
        ("integers", c_int64),  # whether they are integers, one in each example
    ]


class Job(ctypes.Structure):
    """What one run of a program is given, and what it has found. An array is given by its address."""

    _fields_ = [
        # The program: how many runs of instructions it has, and where in it each begins.
        ("program", c_int64), ("starts", c_int64), ("runs", c_int64),
        ("kernels", c_int64), ("back_kernels", c_int64),
        # Numbers and gradients, how many they are, and how many of the first are leaves.
        ("numbers", c_int64), ("gradients", c_int64), ("size", c_int64), ("leaves", c_int64),
        # The parameters, and where their numbers are, in blocks; none if they are in place.
        ("first_parameter", c_int64), ("parameter_count", c_int64), ("blocks", c_int64), ("block_count", c_int64),
        # For one example: which number to differentiate; -1 for none.
        ("root", c_int64),
        # For a batch: how many of the first runs, and how many of the first numbers, all examples share; behind those
        # numbers are rows of lanes, first those of the inputs, then those that are checked by the kernel of a layer.
        ("shared_runs", c_int64), ("uniform", c_int64), ("stride", c_int64), ("rows", c_int64), ("input_rows", c_int64),
        ("checked_rows", c_int64),
        ("outputs", c_int64), ("output_count", c_int64), ("results", c_int64),  # 0 if results are not wanted
        ("examples", c_int64), ("columns", c_int64), ("column_count", c_int64),
        ("seed", c_double),  # the gradient of the first output in each example; 0 for no gradients
        # What was found: the sum of the first output; what is finite; the first example where something is not, or -1.
        ("total", c_double), ("values_finite", c_int64), ("grads_finite", c_int64), ("first_bad_example", c_int64),
        # For `train_once`: the driver of the program if it is to be run, else 0; where the gradients of the parameters
        # go, in as many blocks; the gradients that are updated, and how many; whether these are the same; the largest
        # norm of the latter, or 0; the update kernel and its arguments; and whether it was done.
        ("driver", c_int64), ("gradient_blocks", c_int64), ("updated_gradients", c_int64), ("updated_count", c_int64),
        ("complete", c_int64), ("clip", c_double), ("update", c_int64), ("update_arguments", c_int64),
        ("updated", c_int64),
        ("clean", c_int64),  # whether the gradients of the parameters are 0, since they were taken from here
        # For several threads: which parts of the run this one does, where its own rows begin, where the integers are by
        # which they take turns (0 if it is alone), and the job of the first thread, which has what was found.
        ("parts", c_int64), ("first_row", c_int64), ("turns", c_int64), ("main", c_int64),
    ]  # fmt: skip

    examples: int

    def __init__(self, program: "Program") -> None:
        super().__init__()
        arrays = {
            "program": program.integers, "starts": program.starts, "kernels": program.kernels.forward,
            "back_kernels": program.kernels.backward, "outputs": program.outputs,
        }  # fmt: skip
        for name, held in arrays.items():
            setattr(self, name, held.ctypes.data)
        for name, number in program.fields.items():
            setattr(self, name, number)
        self.v: Any = np.zeros(0)
        self.make_room(program.size)
        self.v[program.constants] = program.tape.constants
        self.column_structs = (Column * max(1, program.columns))()
        self.columns, self.column_count = ctypes.addressof(self.column_structs), program.columns
        self._alive = program
        self.group: Group | None = None  # the examples,
        self.arrays: list[Any] = []  # their numbers as machine code reads them,
        self.copies: list[tuple[Any, Any]] = []  # those of these arrays that are copies, with their originals,
        self.layouts: list[tuple[Any, ...]] = []  # and where the others are, which may change in place
        self.bound: Any = None  # the blocks of the parameters, if their numbers are elsewhere
        self.gradient: Any = None
        self.update_kernel: Any = None  # for whose step the job was last bound,
        self.epoch = -1  # and in which epoch of buffers
        self.is_brief = program.is_brief  # whether the run takes less time than to let another thread go on
        self.noted = False  # whether it has been noted since that the parameters have gradients
        self.address = self.main = ctypes.addressof(self)
        self.parts = WHOLE

    def make_room(self, size: int) -> None:
        """Have so many numbers, of which the first stay what they are, and as many gradients, which are 0."""
        first: int = self.first_parameter
        before, self.v, self.g = self.v, _aligned_zeros(size, first), _aligned_zeros(size, first)
        self.v[: len(before)] = before
        self.numbers, self.gradients = self.v.ctypes.data, self.g.ctypes.data
        self.memory: Any = self.v.data
        self.by_inputs: Any = self.g[:first].data
        self.by_parameters: Any = self.g[first : first + self.parameter_count]

    def bind_examples(self, group: Group) -> None:
        """Say where the numbers of the examples are."""
        self.group, self.arrays, self.copies, self.layouts = None, [], [], []
        self.examples = n = len(group)
        for struct, column in zip(self.column_structs, group.columns):
            labels = getattr(column, "dtype", None) is _INTEGER and column.shape == (n,)
            array = np.ascontiguousarray(column, dtype=_INTEGER if labels else _FLOAT)
            struct.address, struct.step = array.__array_interface__["data"][0], array.size // n
            struct.integers = labels
            self.arrays.append(array)
            if array is column:
                pointer = c_int64.from_address(id(array) + _POINTER_OFFSET)
                self.layouts.append((pointer, struct.address, array, array.strides, array.shape, array.dtype))
            else:
                self.copies.append((array, column))
        self.group = group

    def read_again(self) -> bool:
        """Read the examples once more, whose numbers may have changed; False if an array has another layout now."""
        for pointer, address, array, strides, shape, dtype in self.layouts:  # read where they are
            if pointer.value != address or array.strides != strides or array.shape != shape:
                return False
            if array.dtype is not dtype:
                return False
        for array, column in self.copies:
            if getattr(column, "shape", array.shape) != array.shape:  # a list has none
                return False
            array[...] = column
        return True

    def bind_parameters(self, parameters: Located) -> None:
        """See that the run finds the numbers of the parameters."""
        if parameters.in_buffers():
            if self.bound is not parameters.data:
                self.blocks, self.block_count = parameters.data.ctypes.data, len(parameters.data)
                self.bound = parameters.data
        else:
            if self.bound is not None:
                self.block_count = 0
                self.bound = None
            first: int = self.first_parameter
            self.v[first : first + len(parameters.values)] = [value._data for value in parameters.values]


# Where a NumPy array keeps the pointer to its numbers: after the header of every object. Reading it there takes 30 ns,
# and `array.ctypes.data` takes 2 µs.
_POINTER_OFFSET = object.__basicsize__
_FLOAT, _INTEGER = np.dtype(float), np.dtype(np.int64)


def _aligned_zeros(size: int, first: int) -> Any:
    """An array whose parameters, from the first on, begin at a cache line."""
    numbers = np.zeros(size + 8)
    skipped = (-numbers.ctypes.data // 8 - first) % 8
    return numbers[skipped : skipped + size]


job_at = pointer_to(numba.from_dtype(np.dtype(Job)))


@intrinsic
def _call_kernel(typing, address, operands, repeats, count, width, uniform, v, g):
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
def _call(typing, driver, argument):
    """Call the driver at an address, on the struct at an address."""

    def generate(context, builder, signature, arguments):
        whole = context.get_value_type(types.int64)
        kind = ir.FunctionType(whole, [whole]).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], kind), [arguments[1]])

    return types.int64(types.int64, types.int64), generate


# Drivers: each takes the address of a job.


ZERO, ONE, BACK = map(np.int64, (0, 1, -1))  # for each literal numba would compile the function that is given it anew
BEGIN, PASSES, END = map(np.int64, (1, 2, 4))  # the parts of a run
WHOLE = int(BEGIN | PASSES | END)
BRIEF = 200_000  # multiplications in lanes: about 10 µs, in which it is not worth while to let another thread run


@numba.njit(**DEVICE_ONLY)
def _run(job, kernels_, begin, end, step, width, uniform):
    """Call the kernels of the program's runs of instructions, from one run up to another, or down."""
    program, starts, kernels = instructions(job.program), instructions(job.starts), integers(kernels_)
    first, v, g = job.program, job.numbers, job.gradients
    for i in range(begin, end, step):
        at = starts[i]
        repeats, count = np.int64(program[at + 1]), np.int64(program[at + 2])
        operands = first + 4 * (np.int64(at) + 3)
        _call_kernel(kernels[program[at]], operands, repeats, count, width, uniform, v, g)


def run_once(address):
    """Run a program for one example; gives whether all is finite."""
    job = job_at(address)
    v, g, root = floats(job.numbers), floats(job.gradients), job.root
    move(job.blocks, job.block_count, job.numbers + 8 * job.first_parameter, LOAD)
    _run(job, job.kernels, ZERO, job.runs, ONE, ONE, ZERO)
    values_finite, grads_finite = finite(v, job.leaves, job.size), True
    if root >= 0:
        fill(g, ZERO, job.size, 0.0)
        g[root] = 1.0
        _run(job, job.back_kernels, job.runs - 1, BACK, BACK, ONE, ZERO)
        grads_finite = finite(g, ZERO, job.first_parameter + job.parameter_count)
        job.total = v[root]
    job.values_finite, job.grads_finite = values_finite, grads_finite
    return values_finite and grads_finite


def run_batch(address):
    """Run a program for every example, a row of lanes at a time; gives whether all is finite.

    Several threads take turns at what they add to: for each run of instructions an integer tells how many passes have
    done it, and so which is the next; so does another one for the sum of the outputs. The last one tells which pass is
    to be taken next.
    """
    job = job_at(address)
    v, g, results, turns = floats(job.numbers), floats(job.gradients), floats(job.results), job.turns
    outputs, columns, found = integers(job.outputs), integers(job.columns), job_at(job.main)
    uniform, stride, examples, seed = job.uniform, job.stride, job.examples, job.seed
    shared_runs, runs, first_row = job.shared_runs, job.runs, job.first_row
    if job.parts & BEGIN:
        move(job.blocks, job.block_count, job.numbers + 8 * job.first_parameter, LOAD)
        _run(job, job.kernels, ZERO, shared_runs, ONE, ONE, ZERO)
        found.total, found.first_bad_example = 0.0, -1 if finite(v, job.leaves, uniform) else 0
        if seed != 0.0:
            fill(g, job.parameter_count if job.clean else 0, uniform, 0.0)
            job.clean = 0
    passes = (examples + stride - 1) // stride  # all of about the same width
    most = ((examples + passes - 1) // passes + 7) // 8 * 8
    this, end = 0 if job.parts & PASSES else examples, first_row + job.rows * stride
    while True:
        if turns != 0:
            this = fetch_and_add(turns + 8 * (runs + 1), ONE)
        begin = this * most
        if begin >= examples:
            break
        width, row = min(most, examples - begin), first_row
        lanes = (width + 7) // 8 * 8  # those left over repeat the last example, and get no gradient
        for k in range(job.column_count):
            step, at = columns[3 * k + 1], columns[3 * k] + 8 * begin * columns[3 * k + 1]
            if columns[3 * k + 2]:
                convert(v, row, integers(at), width)
            else:
                transpose(at, step, width, job.numbers + 8 * row, stride)
            for _ in range(step):
                fill(v, row + width, row + lanes, v[row + width - 1])
                row += stride
        _run(job, job.kernels, shared_runs, runs, ONE, lanes, uniform)
        if job.results != 0:
            for k in range(job.output_count):
                for lane in range(width):
                    results[k * examples + begin + lane] = v[outputs[k] + lane]
        while turns != 0 and load_acquire(turns + 8 * runs) != this:
            pass
        if found.first_bad_example < 0 and not finite(v, first_row + job.checked_rows * stride, end):
            for lane in range(width):
                for place in range(row, end, stride):
                    if found.first_bad_example < 0 and v[place + lane] - v[place + lane] != 0.0:
                        found.first_bad_example = begin + lane
        total = found.total
        for lane in range(width):
            total += v[outputs[0] + lane]
        found.total = total
        if turns != 0:
            store_release(turns + 8 * runs, this + 1)
        if seed != 0.0:
            fill(g, first_row + job.input_rows * stride, end, 0.0)  # nobody reads those of the inputs
            fill(g, outputs[0], outputs[0] + width, seed)
            for i in range(runs - 1, shared_runs - 1, BACK):
                while turns != 0 and load_acquire(turns + 8 * i) != this:
                    pass
                _run(job, job.back_kernels, i, i + 1, ONE, lanes, uniform)
                if turns != 0:
                    store_release(turns + 8 * i, this + 1)
        this += 1
    if job.parts & END:
        found.values_finite, found.grads_finite = found.first_bad_example < 0, True
        if seed != 0.0:
            _run(job, job.back_kernels, shared_runs - 1, BACK, BACK, ONE, ZERO)
            found.grads_finite = finite(g, ZERO, uniform)
    return found.values_finite and found.grads_finite


@numba.njit(fastmath={"reassoc", "contract"}, **DEVICE_ONLY)
def _clip(numbers, n, longest):
    """Shorten so many finite numbers, as one vector, to this norm if it is longer; see `nn.clip_grad_norm_`.

    False, and nothing is done, if their own norm overflows.
    """
    largest, total = 0.0, 0.0
    for i in range(n):
        largest = max(largest, abs(numbers[i]))
    if largest != 0.0:
        for i in range(n):
            total += (numbers[i] / largest) * (numbers[i] / largest)  # squared, it might overflow
    norm = largest * math.sqrt(total)
    coefficient = longest / (norm + 1e-6)
    if coefficient < 1.0 and math.isfinite(norm):
        for i in range(n):
            numbers[i] *= coefficient
    return math.isfinite(norm)


def train_once(address):
    """A training step: run the program if it has not run yet, and if all is finite, update the parameters."""
    job = job_at(address)
    if job.driver != 0:
        _call(job.driver, address)
    if not (job.values_finite and job.grads_finite and math.isfinite(job.total)):
        return 0
    gradients, at = floats(job.updated_gradients), job.gradients + 8 * job.first_parameter
    if job.complete:
        move(job.gradient_blocks, job.block_count, at, TAKE)
        job.clean = 1
    else:
        fill(gradients, ZERO, job.updated_count, 0.0)
        move(job.gradient_blocks, job.block_count, at, ADD)
    if job.clip != 0.0 and not _clip(gradients, job.updated_count, job.clip):
        return 0  # the norm of the gradient overflows
    _call(job.update, job.update_arguments)
    job.updated = 1
    return 0


def compile_driver(function: Any) -> Any:
    """The machine code of a driver, for as long as this object lives; `call_driver` calls it at its `address`."""
    return jit_cached(numba.cfunc, types.int64(types.int64), nopython=True, **OPTIONS)(function)


driver = cache(compile_driver)  # one for each function of this file, kept for good


# What Python calls.


@jit_cached(numba.njit, "int64(int64, int64)", nogil=True, **OPTIONS)
def call_driver(driver, argument):
    """Call the driver at an address, on the struct at an address: half the time that ctypes takes."""
    return _call(driver, argument)


@jit_cached(numba.njit, "int64(int64, int64)", **OPTIONS)
def call_without_pause(driver, argument):
    """The same, while no other thread runs Python."""
    return _call(driver, argument)


# Programs.


class KernelTable:
    """The kernels of some operations, scalar or batched: where each begins in memory, forward and backward."""

    def __init__(self, operations: Iterable[tuple[Rule | str, int, bool]]) -> None:
        self._kernels = [
            _nary_kernel(what) if what in NARY_KERNELS else kernel(what, n, batched) for what, n, batched in operations
        ]
        self.forward = np.array([each.address for each in self._kernels], dtype=np.int64)
        self.backward = np.array([each.back_address for each in self._kernels], dtype=np.int64)


@cache
def _nary_kernel(what: Rule | str) -> Kernel:
    return Kernel(*map(compile_kernel, NARY_KERNELS[what]))


def why_uncompilable(tape: Tape) -> str:
    """Why a user's rule in a tape can't be machine code; nothing if all can, as those of the table."""
    try:
        for what, n in tape.operations:
            if isinstance(what, Rule) and not builtin_name(what):
                kernel(what, n, False)
    except Uncompilable as error:
        return str(error)
    return ""


class Program(ABC):
    """A tape laid out for a driver: instructions, their kernels, and where things are.

    Attributes:
        integers, starts: the instructions, and where each run of them begins.
        kernels: what the instructions do.
        outputs: where the results are.
        size: how many numbers there are.
        constants: where those are that never change.
        columns: in how many arrays the examples come.
        is_brief: whether every run takes less time than to let another thread go on.
        fields: fields of every job for this program.
        address: where its driver begins.
        free: jobs that are not in use. Whoever takes one puts it back, unless interrupted.
    """

    tape: Tape
    kernels: KernelTable
    integers: Any
    starts: Any
    outputs: Any
    size: int
    constants: slice
    columns = 0
    is_brief = False
    fields: dict[str, int]
    address: int

    def __init__(self) -> None:
        self.free: list[Job] = []

    def take(self) -> Job:
        """A job that is not in use."""
        try:
            return self.free.pop()
        except IndexError:
            return Job(self)

    def execute(self, job: Job) -> int:
        """Run a job that is bound; gives whether all is finite."""
        return call_driver(self.address, job.address)  # type: ignore[no-any-return]

    @abstractmethod
    def bind(self, job: Job, inputs: Any, seed: float) -> None:
        """Give a job its examples, or the one; a `seed` other than 0 asks for gradients."""
