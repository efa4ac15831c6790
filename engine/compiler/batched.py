"""A tape laid out for a batch: the same instruction for many examples at once, in SIMD lanes.

What does not depend on the examples has one place for all of them: the parameters, the constants, and what is computed
from these alone. All else has a row of places, a lane for each example.
"""

from array import array
from collections.abc import Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from engine.compiler.nary_kernels import NARY_KERNELS
from engine.compiler.pytree import Group
from engine.compiler.runtime import Job, KernelTable, Located, Program, call_driver, driver, run_batch
from engine.compiler.tape import Tape
from engine.nary_rules import dot
from engine.rules import Rule

LANES = 120  # at most: 15 cache lines, an odd number, against cache-set conflicts between rows
_ROOM = 65536  # numbers in all rows together, and as many gradients: about what a core's own cache holds


class Instruction(NamedTuple):
    """One of a tape's, or several that are done as one: its rule or name, and places.

    A place is p for the p-th that all lanes share, ~r for row r, until it is known where the rows begin.
    """

    what: Rule | str
    operands: list[int]
    results: list[int]
    indices: list[int]


class BatchedProgram(Program):
    """A tape as a program for many examples at once.

    Args:
        tape: of one example.
        varying: how many of the inputs, the first ones, differ between examples.
        columns: in how many arrays these come.

    Raises:
        Uncompilable: if a rule can't be made machine code.
    """

    def __init__(self, tape: Tape, varying: int, columns: int) -> None:
        super().__init__()
        self.tape, self.columns = tape, columns
        instructions, outputs, uniform, rows = _placed(tape, varying)
        instructions = list(_ordered(instructions, uniform))
        uniform = (uniform + 8) // 8 * 8  # one more, a place that stays 0; and rows begin at a cache line
        stride = max(8, min(LANES, _ROOM // rows // 8 * 8))

        def absolute(places: list[int]) -> list[int]:
            return [place if place >= 0 else uniform + ~place * stride for place in places]

        program, starts = array("I"), array("I")
        codes: dict[tuple[Rule | str, int, bool], int] = {}
        for each in instructions:
            operands, results = absolute(each.operands), absolute(each.results)
            if each.indices:
                integers = [len(operands), *operands, *chain.from_iterable(zip(each.indices, results))]
            else:
                integers = [*results, *operands]
            starts.append(len(program))
            code = codes.setdefault((each.what, len(operands), each.results[0] < 0), len(codes))
            program.extend((code, 1, len(integers), *integers))
        self.integers, self.starts = np.frombuffer(program, np.uint32), np.frombuffer(starts, np.uint32)
        self.kernels = KernelTable(codes)
        self.address = driver(run_batch).address
        self.outputs = np.array(absolute(outputs), np.int64)
        self.size = uniform + rows * stride
        parameters = len(tape.parameters)
        self.constants = slice(parameters, parameters + len(tape.constants))
        self.fields = {
            "runs": len(starts), "size": self.size, "first_parameter": 0, "parameter_count": parameters,
            "uniform": uniform, "stride": stride, "rows": rows,
            "shared_runs": sum(each.results[0] >= 0 for each in instructions), "output_count": len(tape.outputs),
        }  # fmt: skip

    def bind(self, job: Job, inputs: Group, seed: float) -> None:
        """Give a job the examples.

        Args:
            job: to be run.
            inputs: the examples.
            seed: what the gradient of the first output is in each example; 0 for no gradients.
        """
        if inputs is job.group and not job.examples_moved():
            for array, column in job.copies:  # there may be other numbers in it now
                array[...] = column
        else:
            job.bind_examples(inputs)
            for i, x in enumerate(inputs.shared, self.constants.stop):
                job.memory[i] = x
        job.seed = seed

    def run(self, group: Group, parameters: Located, seed: float, results: Any = None) -> tuple[Any, float, int, int]:
        """Run it for each example; safe in many threads at once.

        Args:
            group: the examples.
            parameters: the tape's parameters.
            seed: what the gradient of the first output is in each example; 0 for no gradients.
            results: an array for the outputs, if they are wanted: a row for each, and in it every example.

        Returns:
            The gradients with respect to the parameters; the sum of the first output; the first example with a number
            that is not finite, -1 if there is none; and whether the gradients are finite.
        """
        job = self.take()
        self.bind(job, group, seed)
        job.bind_parameters(parameters)
        if results is not None:
            job.results = results.__array_interface__["data"][0]
        call_driver(self.address, job.address)
        job.results = 0
        gradients = job.by_parameters.copy() if seed else None
        found = gradients, job.total, job.first_bad_example, job.grads_finite
        self.free.append(job)
        return found

    def room_for_outputs(self, group: Group) -> Any:
        """An array for the outputs of these examples."""
        return np.empty((len(self.outputs), len(group)))


def _placed(tape: Tape, varying: int) -> tuple[list[Instruction], list[int], int, int]:
    """The instructions of a tape, the places of its outputs, and how many places all lanes share and how many rows
    there are. A shared number that a rule needs in lanes is broadcast to a row first.
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
            instructions.append(Instruction("broadcast", [p], [spread[p]], []))
        return spread.get(p, p)

    for what, operands, results, indices in tape:
        places = [place[slot] for slot in operands]
        lanes = min(places) < 0
        if lanes and what not in NARY_KERNELS:
            places = list(map(in_a_row, places))
        elif lanes and what is dot and min(places[: len(places) // 2], default=-1) >= 0:  # the border of an image, say
            n = len(places) // 2
            places[n : 2 * n] = map(in_a_row, places[n : 2 * n])
        for slot in results:
            place[slot] = ~rows if lanes else uniform
            rows, uniform = rows + lanes, uniform + (not lanes)
        instructions.append(Instruction(what, places, [place[slot] for slot in results], indices))
    return instructions, [in_a_row(place[slot]) for slot in tape.outputs], uniform, rows


def _ordered(instructions: list[Instruction], zero: int) -> Iterator[Instruction]:
    """What all lanes share first; then by topological level, and in a level dots of the same inputs four at a time.

    No two of a level depend on each other. `zero` is the place that stands for the bias of a dot without one.
    """
    levels: dict[int, int] = {}
    kinds: dict[Any, int] = {}
    ranked: list[tuple[bool, int, int, Instruction]] = []
    for each in instructions:
        level = 1 + max((levels.get(place, 0) for place in each.operands), default=0)
        levels.update(dict.fromkeys(each.results, level))
        kind = kinds.setdefault(_shared_inputs(each), len(kinds))
        ranked.append((each.results[0] < 0, level, kind, each))
    ranked.sort(key=itemgetter(0, 1, 2))
    for _, group in groupby(ranked, itemgetter(0, 1, 2)):
        alike = [each for *_, each in group]
        inputs = _shared_inputs(alike[0])
        while inputs and len(alike) >= 4:
            four, alike = alike[:4], alike[4:]
            results = [each.results[0] for each in four]
            weights = [each.operands[0] for each in four]
            biases = [each.operands[-1] if len(each.operands) % 2 else zero for each in four]
            yield Instruction("dot4", [*weights, *biases, *inputs], results, [])
        yield from alike


def _shared_inputs(each: Instruction) -> tuple[int, ...]:
    """The inputs of a dot that all are in lanes, if its weights are shared by all and contiguous; else nothing."""
    n = len(each.operands) // 2
    weights, inputs, bias = each.operands[:n], each.operands[n : 2 * n], each.operands[2 * n :]
    if each.what is not dot or not n or min(weights[:1] + bias) < 0 or max(inputs) >= 0:
        return ()
    return tuple(inputs) if weights == [*range(weights[0], weights[0] + n)] else ()
