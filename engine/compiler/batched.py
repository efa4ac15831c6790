"""A tape of one example, run for many at once: a lane for each, side by side.

What does not depend on the examples has one place for all of them: the parameters, the constants, and what is computed
from these alone. All else has a row of places, a lane for each example.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engine.compiler.nary_kernels import LOOPS
from engine.compiler.runtime import (
    ARGUMENTS,
    COUNT,
    FIRST,
    OUTPUT_COUNT,
    RESULTS,
    ROWS,
    RUNS,
    SEED,
    SHARED,
    SIZE,
    STRIDE,
    TOTAL,
    UNIFORM,
    Code,
    Job,
    Program,
    enter,
    entry,
    in_lanes,
)  # fmt: skip
from engine.compiler.tape import Tape
from engine.rules import Rule, dot

if TYPE_CHECKING:
    from engine.compiler.buffers import Part

LANES = 120  # at most: 15 lines of the machine's memory, an odd number, so that rows do not fall on the same lines
_ROOM = 65536  # numbers in all rows together, and as many gradients: about what a core's own memory holds


class Instruction(NamedTuple):
    """One of a tape's, or several that are done as one: its rule or name, and places.

    A place is p for the p-th that all lanes share, ~r for row r, until it is known where the rows begin.
    """

    what: Rule | str
    operands: list[int]
    results: list[int]
    indices: list[int]


class Lanes(Program):
    """A tape as a program for many examples at once.

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
        instructions, outputs, uniform, rows = _placed(tape, varying)
        instructions = list(_in_order(instructions, uniform))
        uniform = (uniform + 8) // 8 * 8  # one more, a place that stays 0; and rows begin where the machine likes it
        stride = max(8, min(LANES, _ROOM // rows // 8 * 8))

        def settled(places: list[int]) -> list[int]:
            return [place if place >= 0 else uniform + ~place * stride for place in places]

        program, starts = array("I"), array("I")
        codes: dict[tuple[Rule | str, int, bool], int] = {}
        for each in instructions:
            operands, results = settled(each.operands), settled(each.results)
            if each.indices:
                integers = [len(operands), *operands, *chain.from_iterable(zip(each.indices, results))]
            else:
                integers = [*results, *operands]
            starts.append(len(program))
            code = codes.setdefault((each.what, len(operands), each.results[0] < 0), len(codes))
            program.extend((code, 1, len(integers), *integers))
        self.integers, self.starts = np.frombuffer(program, np.uint32), np.frombuffer(starts, np.uint32)
        self.code = Code(codes)
        self.address = entry(in_lanes).address
        self.outputs = np.array(settled(outputs), np.int64)
        self.size = uniform + rows * stride
        parameters = len(tape.parameters)
        self.constants = slice(parameters, parameters + len(tape.constants))
        self.told = {
            RUNS: len(starts), SIZE: self.size, FIRST: 0, COUNT: parameters, UNIFORM: uniform, STRIDE: stride,
            SHARED: sum(each.results[0] >= 0 for each in instructions), ROWS: rows,
            OUTPUT_COUNT: len(tape.outputs), ARGUMENTS: arguments,
        }  # fmt: skip

    def job(
        self, examples: Sequence[Any], others: Sequence[float], parameters: "Part", seed: float, results: Any = None
    ) -> Job:
        """A run for each example, to be done; safe in many threads at once.

        Args:
            examples: for each argument an array, or lists, with a row for each example.
            others: the inputs that do not vary.
            parameters: the tape's parameters.
            seed: what the gradient of the first output is in each example; 0 for no gradients.
            results: an array for the outputs, if they are wanted: a row for each, and in it every example.
        """
        job = self.spare()
        job.show(examples)
        for i, x in enumerate(others, self.constants.stop):
            job.numbers[i] = x
        job.bring(parameters)
        if results is not job.results:
            job.told[RESULTS] = 0 if results is None else results.__array_interface__["data"][0]
            job.results = results
        job.floats[SEED] = seed
        return job

    def run(self, job: Job) -> tuple[Any, float, int, bool]:
        """Do it.

        Returns:
            The gradients by the parameters; the sum of the first output; the first example with a number that is not
            finite, -1 if there is none; and whether the gradients are finite.
        """
        bad = enter(self.address, job.address)
        gradients = job.g[: job.told[COUNT]].copy() if job.floats[SEED] else None
        total = job.floats[TOTAL]
        self.put_back(job)
        return gradients, total, bad if bad >= -1 else -3 - bad, bad >= -1

    def outputs_of(self, examples: Sequence[Any]) -> Any:
        """An array for the outputs of so many examples."""
        return np.empty((len(self.outputs), len(examples[0])))


def _placed(tape: Tape, varying: int) -> tuple[list[Instruction], list[int], int, int]:
    """The instructions of a tape, the places of its outputs, and how many places all lanes share and how many rows
    there are. A shared number that a rule needs in lanes is spread over a row first.
    """
    leaves = [*range(tape.inputs, tape.leaves), *range(varying, tape.inputs)]  # the parameters first
    place = {slot: p for p, slot in enumerate(leaves)} | {slot: ~slot for slot in range(varying)}
    uniform, rows = len(leaves), varying
    spread: dict[int, int] = {}
    instructions: list[Instruction] = []

    def in_a_row(p: int) -> int:
        nonlocal rows
        if p >= 0 and p not in spread:
            spread[p], rows = ~rows, rows + 1
            instructions.append(Instruction("spread", [p], [spread[p]], []))
        return spread.get(p, p)

    for what, operands, results, indices in tape:
        places = [place[slot] for slot in operands]
        lanes = min(places) < 0
        if lanes and what not in LOOPS:
            places = list(map(in_a_row, places))
        elif lanes and what is dot and min(places[: len(places) // 2], default=-1) >= 0:  # the border of an image, say
            n = len(places) // 2
            places[n : 2 * n] = map(in_a_row, places[n : 2 * n])
        for slot in results:
            place[slot] = ~rows if lanes else uniform
            rows, uniform = rows + lanes, uniform + (not lanes)
        instructions.append(Instruction(what, places, [place[slot] for slot in results], indices))
    return instructions, [in_a_row(place[slot]) for slot in tape.outputs], uniform, rows


def _in_order(instructions: list[Instruction], zero: int) -> Iterator[Instruction]:
    """What all lanes share first; then level by level, and in a level dots of the same inputs four at a time.

    No two of a level depend on each other. `zero` is the place that stands for the bias of a dot without one.
    """
    levels: dict[int, int] = {}
    kinds: dict[Any, int] = {}
    ranked: list[tuple[bool, int, int, Instruction]] = []
    for each in instructions:
        level = 1 + max((levels.get(place, 0) for place in each.operands), default=0)
        levels.update(dict.fromkeys(each.results, level))
        kind = kinds.setdefault(_inputs(each), len(kinds))
        ranked.append((each.results[0] < 0, level, kind, each))
    ranked.sort(key=itemgetter(0, 1, 2))
    for _, group in groupby(ranked, itemgetter(0, 1, 2)):
        alike = [each for *_, each in group]
        inputs = _inputs(alike[0])
        while inputs and len(alike) >= 4:
            four, alike = alike[:4], alike[4:]
            results = [each.results[0] for each in four]
            weights = [each.operands[0] for each in four]
            biases = [each.operands[-1] if len(each.operands) % 2 else zero for each in four]
            yield Instruction("four dots", [*weights, *biases, *inputs], results, [])
        yield from alike


def _inputs(each: Instruction) -> tuple[int, ...]:
    """The inputs of a dot that all are in lanes, if its weights, shared by all, stand in a row; else nothing."""
    n = len(each.operands) // 2
    weights, inputs, bias = each.operands[:n], each.operands[n : 2 * n], each.operands[2 * n :]
    if each.what is not dot or not n or min(weights[:1] + bias) < 0 or max(inputs) >= 0:
        return ()
    return tuple(inputs) if weights == [*range(weights[0], weights[0] + n)] else ()
