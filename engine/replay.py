"""The loop that runs a program of kernels over flat arrays, forwards and backwards, in machine code.

A program is a list of integers: for each instruction the number of its kernel, how many operands it has, and the
operands; `starts` says where each instruction begins. `kernels` and `backs` are the addresses of the machine code.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from engine.loops import LOOPS
from engine.machine import SIGNATURE, Kernel, Uncompilable, compiled, kernel
from engine.rules import Rule
from engine.steps import table_name
from engine.tape import Tape

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy", "boundscheck": False}


@intrinsic
def _call(typing, address, operands, count, width, uniform, v, g):
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

    return numba.void(*[numba.int64] * 7), generate


@numba.njit(**_OPTIONS)
def forwards(program, starts, kernels, begin, end, width, uniform, v, g):
    """Run the instructions from `begin` up to `end`."""
    base, numbers, gradients = program.ctypes.data, v.ctypes.data, g.ctypes.data
    for i in range(begin, end):
        at = starts[i]
        _call(kernels[program[at]], base + 4 * (at + 2), program[at + 1], width, uniform, numbers, gradients)


@numba.njit(**_OPTIONS)
def backwards(program, starts, backs, begin, end, width, uniform, v, g):
    """Run the chain rule over the instructions from the last one before `end` down to `begin`."""
    base, numbers, gradients = program.ctypes.data, v.ctypes.data, g.ctypes.data
    for i in range(end - 1, begin - 1, -1):
        at = starts[i]
        _call(backs[program[at]], base + 4 * (at + 2), program[at + 1], width, uniform, numbers, gradients)


@numba.njit(**_OPTIONS)
def finite(numbers):
    """Whether all of them are."""
    bad = 0
    for i in range(numbers.size):  # without a way out in the middle, so that several are looked at at a time
        bad |= int(numbers[i] - numbers[i] != 0.0)
    return bad == 0


@numba.njit(**_OPTIONS)
def replay(program, starts, kernels, backs, leaves, inputs, v, g, root):
    """One run on the numbers in `v`, and with a root the gradients of it in `g`.

    Gives 1 if all results are finite, plus 2 if the gradients of the first leaves are, the inputs and parameters.
    """
    forwards(program, starts, kernels, 0, len(starts), 1, 0, v, g)
    if root >= 0:
        g[:] = 0.0
        g[root] = 1.0
        backwards(program, starts, backs, 0, len(starts), 1, 0, v, g)
    return finite(v[leaves:]) + 2 * (root < 0 or finite(g[:inputs]))


@numba.njit(**_OPTIONS)
def replay_lanes(
    program, starts, kernels, backs, shared, uniform, stride, rows, v, g, examples, outputs, results, seed
):
    """A run for every example, a row of lanes at a time.

    The first instructions, up to `shared`, do not depend on the examples and run once. With a `seed` other than 0 the
    gradients of the first output, times the seed, add up in `g`.

    Gives the sum of the first output; the first example with a number that is not finite, -1 if there is none; and
    whether all shared gradients are finite.
    """
    n, bad, total = len(starts), -1, 0.0
    forwards(program, starts, kernels, 0, shared, 1, 0, v, g)
    g[:uniform] = 0.0
    inputs = examples.shape[1]
    for begin in range(0, len(examples), stride):
        width = min(stride, len(examples) - begin)
        for j in range(inputs):
            row = v[uniform + j * stride : uniform + j * stride + width]
            for lane in range(width):
                row[lane] = examples[begin + lane, j]
        forwards(program, starts, kernels, shared, n, width, uniform, v, g)
        if bad < 0 and not finite(v[uniform + inputs * stride : uniform + rows * stride]):
            for lane in range(width):
                for j in range(inputs, rows):
                    x = v[uniform + j * stride + lane]
                    if bad < 0 and x - x != 0.0:
                        bad = begin + lane
        for k in range(len(outputs)):
            for lane in range(width):
                results[k, begin + lane] = v[outputs[k] + lane]
        for lane in range(width):
            total += v[outputs[0] + lane]
        if seed != 0.0:
            g[uniform : uniform + rows * stride] = 0.0
            g[outputs[0] : outputs[0] + width] = seed
            backwards(program, starts, backs, shared, n, width, uniform, v, g)
    if seed != 0.0:
        backwards(program, starts, backs, 0, shared, 1, 0, v, g)
    return total, bad, finite(g[:uniform])


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


class Single:
    """A tape as a program for one run at a time. Every slot is a place of its own, so that the tape is the program.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._code = Code((what, n, False) for what, n in tape.operations)
        program, starts = np.frombuffer(tape.program, np.uint32), np.frombuffer(tape.starts, np.uint32)
        self._program = program, starts, self._code.forward, self._code.backward
        self._spare: list[Any] = []

    def run(self, inputs: Sequence[float], parameters: Any, gradient: bool) -> tuple[list[float], Any, int]:
        """One run on these numbers, safe in many threads at once.

        Returns:
            The outputs, the gradients of the first of them by the inputs and the parameters, and what is finite, as
            `replay` tells it.
        """
        tape = self.tape
        v, g = self._spare.pop() if self._spare else self._places()
        ends = tape.inputs, tape.inputs + len(tape.parameters)
        v[: ends[0]] = inputs
        v[ends[0] : ends[1]] = parameters
        fine = replay(*self._program, tape.leaves, ends[1], v, g, tape.outputs[0] if gradient else -1)
        results = [v.item(slot) for slot in tape.outputs]
        gradients = g[: ends[1]].copy() if gradient else None
        self._spare.append((v, g))
        return results, gradients, fine

    def goes_bad(self, inputs: Sequence[float], parameters: Any) -> bool:
        """Whether finite operands have a result that is not finite somewhere."""
        tape = self.tape
        v, g = self._places()
        v[: tape.inputs] = inputs
        v[tape.inputs : tape.inputs + len(parameters)] = parameters
        replay(*self._program, tape.leaves, 0, v, g, -1)
        for i in range(len(tape)):
            _, operands, results, _ = tape.instruction(i)
            if not np.isfinite(v[results]).all() and np.isfinite(v[operands]).all():
                return True
        return False

    def _places(self) -> tuple[Any, Any]:
        tape = self.tape
        v = np.zeros(tape.size)
        v[tape.leaves - len(tape.constants) : tape.leaves] = tape.constants
        return v, np.zeros(tape.size)


LANES = 128  # at most: more do not make an instruction's own cost any smaller
_ROOM = 65536  # numbers in all rows together, and as many gradients: about what a core's own memory holds


class Lanes:
    """A tape as a program for many examples at once, a lane for each.

    What does not depend on the examples has one place for all of them: the parameters, the constants, and what is
    computed from these alone. All else has a row of places.

    Args:
        tape: of one example.
        varying: how many of the inputs, the first ones, differ between examples.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape, varying: int) -> None:
        self.tape, self.varying = tape, varying
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
                for p in {p for p in places if p >= 0 and p not in spread}:
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
        self.uniform, self.rows = uniform, rows
        self.stride = max(8, min(LANES, _ROOM // rows))
        self.shared = sum(not in_lanes for _, in_lanes, *_ in instructions)
        program, starts = array("I"), array("I")
        codes: dict[tuple[Rule | str, int, bool], int] = {}
        for what, in_lanes, places, results, indices in instructions:
            operands, results = list(map(self._settled, places)), list(map(self._settled, results))
            starts.append(len(program))
            program.append(codes.setdefault((what, len(operands), in_lanes), len(codes)))
            if isinstance(what, str) and what != "spread":
                integers = [len(operands), *operands, *chain.from_iterable(zip(indices, results))]
            else:
                integers = [*results, *operands]
            program.append(len(integers))
            program.extend(integers)
        self.outputs = np.array([self._settled(place[slot]) for slot in tape.outputs])
        self._code = Code(codes)
        integers_of_all, begins = np.frombuffer(program, np.uint32), np.frombuffer(starts, np.uint32)
        self._program = integers_of_all, begins, self._code.forward, self._code.backward
        self._layout = self.shared, self.uniform, self.stride, self.rows
        self._spare: list[Any] = []

    def _settled(self, place: int) -> int:
        return place if place >= 0 else self.uniform + ~place * self.stride

    def run(
        self, examples: Any, others: Sequence[float], parameters: Any, seed: float = 0.0
    ) -> tuple[Any, Any, float, int, bool]:
        """One run for each example, safe in many threads at once.

        Args:
            examples: the inputs that vary, an array of a row for each example.
            others: the inputs that do not.
            parameters: the numbers of the tape's parameters.
            seed: what the gradient of the first output is in each example; 0 for no gradients.

        Returns:
            The outputs, a row for each and in it every example; the gradients by the parameters; and what
            `replay_lanes` gives.
        """
        v, g = self._spare.pop() if self._spare else self._places()
        n = len(self.tape.parameters)
        v[:n] = parameters
        if others:
            v[self._first_other : self._first_other + len(others)] = others
        results = np.empty((len(self.outputs), len(examples)))
        told = replay_lanes(*self._program, *self._layout, v, g, examples, self.outputs, results, seed)
        gradients = g[:n].copy() if seed else None
        self._spare.append((v, g))
        return results, gradients, *told

    def _places(self) -> tuple[Any, Any]:
        size = self.uniform + self.rows * self.stride
        n = len(self.tape.parameters)
        v = np.zeros(size)
        v[n : self._first_other] = self.tape.constants
        return v, np.zeros(size)

    @property
    def _first_other(self) -> int:
        return len(self.tape.parameters) + len(self.tape.constants)
