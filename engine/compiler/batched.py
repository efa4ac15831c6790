"""A tape laid out for a batch: the same instruction for many examples at once, in SIMD lanes.

What does not depend on the examples has one place for all of them: the parameters, the constants, and what is computed
from these alone. All else has a row of places, a lane for each example.
"""

import ctypes
from array import array
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from engine.compiler.kernels.layer import row_size
from engine.compiler.kernels.nary import NARY_KERNELS
from engine.compiler.pytree import Group
from engine.compiler.runtime import (
    BEGIN,
    BRIEF,
    END,
    PASSES,
    WHOLE,
    Job,
    KernelTable,
    Located,
    Program,
    call_driver,
    driver,
    run_batch,
)
from engine.compiler.tape import Tape
from engine.nary_rules import dot
from engine.rules import Rule, relu
from engine.utils import threads

LANES = 120  # at most: 15 cache lines, an odd number, against cache-set conflicts between rows
_ROOM = 32768  # numbers in all rows together, and as many gradients: about half of what a core's own cache holds
# Other threads are woken, which takes about 50 µs, for so many multiplications, and more passes than these: a second
# thread begins one behind, and the last one works alone.
_WORTH_A_THREAD, _FEW = 1_000_000, 2


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
        fixed = range(len(tape.parameters), tape.leaves - varying)  # the places of what is no parameter
        instructions, outputs, rows = _in_layers(instructions, outputs, uniform, rows, varying, fixed)
        uniform = (uniform + 8) // 8 * 8  # one extra place that stays 0, and room so that rows begin at a cache line
        stride = max(8, min(LANES, _ROOM // rows // 8 * 8))
        program, starts, widest, work, checked = array("i"), array("I"), 0, 0, varying
        codes: dict[tuple[Rule | str, int, bool], int] = {}
        for what, operands, results, indices in instructions:
            if what == "layer":
                widest = max(widest, row_size.py_func(indices[1]))
                integers = [*indices, results[0], ~rows, *results[1:], *operands]
                work += indices[0] * indices[1]
                checked += indices[0]
            elif indices:
                integers = [len(operands), *operands, *chain.from_iterable(zip(indices, results))]
            else:
                integers = [*results, *operands]
            starts.append(len(program))
            code = codes.setdefault((what, len(operands), results[0] < 0), len(codes))
            program.extend((code, 1, len(integers), *integers))
        self.kernels = KernelTable(codes)
        self.address = driver(run_batch).address
        self._room = (rows + widest) * stride  # for the rows of one thread
        self.size = uniform + self._room
        self._places = np.frombuffer(program, np.int32), np.array(outputs)
        self._work = work + len(program)  # about how many multiplications an example is
        parameters = len(tape.parameters)
        self.constants = slice(parameters, parameters + len(tape.constants))
        self.fields = {
            "runs": len(starts), "size": self.size, "leaves": fixed.stop, "first_parameter": 0,
            "parameter_count": parameters, "uniform": uniform, "stride": stride, "rows": rows, "input_rows": varying,
            "first_row": uniform, "checked_rows": checked, "output_count": len(tape.outputs),
            "shared_runs": sum(each.results[0] >= 0 for each in instructions),
        }  # fmt: skip
        self.starts = np.frombuffer(starts, np.uint32)
        self._layouts: dict[int, tuple[int, Any, Any]] = {}
        _, self.integers, self.outputs = self._layout(0)

    def _layout(self, thread: int) -> tuple[int, Any, Any]:
        """Where the rows of a thread begin, and the instructions and the outputs that are there."""
        if thread not in self._layouts:
            first, stride = self.fields["uniform"] + thread * self._room, self.fields["stride"]
            program, outputs = (
                np.where(places < 0, first + stride * ~places.astype(np.int64), places) for places in self._places
            )
            return self._layouts.setdefault(thread, (first, program.astype(np.uint32), outputs))
        return self._layouts[thread]

    def bind(self, job: Job, inputs: Group, seed: float) -> None:
        """Give a job the examples.

        Args:
            job: to be run.
            inputs: the examples.
            seed: what the gradient of the first output is in each example; 0 for no gradients.
        """
        if inputs is not job.group or not job.read_again():
            job.bind_examples(inputs)
            job.is_brief = job.examples * self._work < BRIEF
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
        self.execute(job)
        job.results = 0
        gradients = job.by_parameters.copy() if seed else None
        found = gradients, job.total, job.first_bad_example, job.grads_finite
        self.free.append(job)
        return found

    def execute(self, job: Job) -> int:
        """Run a job that is bound, in several threads if that pays; gives whether all is finite."""
        if threads.count == 1 or job.examples <= _FEW * job.stride or job.examples * self._work < _WORTH_A_THREAD:
            return call_driver(self.address, job.address)  # type: ignore[no-any-return]
        layouts = [self._layout(thread) for thread in range(threads.count)]
        if len(job.v) < layouts[-1][0] + self._room:
            job.make_room(layouts[-1][0] + self._room)
        turns = np.zeros(job.runs + 2, np.int64)
        try:
            job.parts = int(BEGIN)
            call_driver(self.address, job.address)
            job.turns, job.parts = turns.ctypes.data, int(PASSES)
            helpers = [Job.from_buffer_copy(job) for _ in layouts[1:]]
            for helper, (first_row, program, outputs) in zip(helpers, layouts[1:]):
                helper.first_row, helper.program, helper.outputs = first_row, program.ctypes.data, outputs.ctypes.data
            with threads.running(call_driver, [(self.address, ctypes.addressof(each)) for each in helpers]):
                call_driver(self.address, job.address)
            job.turns, job.parts = 0, int(END)
            return call_driver(self.address, job.address)  # type: ignore[no-any-return]
        finally:
            job.turns, job.parts = 0, WHOLE

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


def _in_layers(
    instructions: list[Instruction], outputs: list[int], zero: int, rows: int, varying: int, fixed: range
) -> tuple[list[Instruction], list[int], int]:
    """What all lanes share first; then by topological level, and in a level all dots of the same inputs as one.

    With them goes the relu that alone uses each, if all of them have one. No two of a level depend on each other.
    `zero` is the place that stands for the bias of a dot without one; `varying` is how many of the first rows come from
    outside, and `fixed` are places, so that nobody reads their gradients. Gives the instructions, the outputs, and how
    many rows there are now.
    """
    unread = {~row for row in range(varying)}
    unread |= {each.results[0] for each in instructions if each.what == "broadcast" and each.operands[0] in fixed}
    users: dict[int, list[Instruction | None]] = {}
    for each in instructions:
        for place in each.operands:
            users.setdefault(place, []).append(each)
    for place in outputs:
        users.setdefault(place, []).append(None)
    levels: dict[int, int] = {}
    kinds: dict[Any, int] = {}
    ranked: list[tuple[bool, int, int, Instruction]] = []
    for each in instructions:
        level = 1 + max((levels.get(place, 0) for place in each.operands), default=0)
        levels.update(dict.fromkeys(each.results, level))
        kind = kinds.setdefault(_shared_inputs(each, unread), len(kinds))
        ranked.append((each.results[0] < 0, level, kind, each))
    ranked.sort(key=itemgetter(0, 1, 2))
    ordered: list[Instruction] = []
    fused: set[int] = set()  # the results of the relus that a layer does
    for _, group in groupby(ranked, itemgetter(0, 1, 2)):
        alike = [each for *_, each in group if each.results[0] not in fused]
        inputs = _shared_inputs(alike[0], unread) if len(alike) > 1 else ()
        if not inputs:
            ordered += alike
            continue
        results = [each.results[0] for each in alike]
        after = [users.get(place, []) for place in results]
        with_relu = all(len(them) == 1 and them[0] is not None and them[0].what is relu for them in after)
        if with_relu:
            results = [each.results[0] for (each,) in after if each is not None]
            fused.update(results)
        weights = [each.operands[0] for each in alike]
        biases = [each.operands[-1] if len(each.operands) % 2 else zero for each in alike]
        is_read = not unread.issuperset(inputs)
        numbers = [len(results), len(inputs), int(with_relu), int(is_read)]
        ordered.append(Instruction("layer", [*weights, *biases, *inputs], [~rows, *results], numbers))
        rows += 1
    return _renumbered(ordered, outputs, varying)


def _renumbered(
    instructions: list[Instruction], outputs: list[int], varying: int
) -> tuple[list[Instruction], list[int], int]:
    """The same without the rows that nobody uses; and how many are left.

    Those of the inputs stay the first; next are those that a layer's check row tells all about.
    """
    used = {*range(varying), *(~place for place in outputs if place < 0)}
    checked = {~place for each in instructions if each.what == "layer" for place in each.results[1:]}
    for each in instructions:
        used.update(~place for place in chain(each.operands, each.results) if place < 0)
    rows = {row: i for i, row in enumerate(sorted(used, key=lambda row: (row >= varying, row not in checked, row)))}

    def renumber(places: list[int]) -> list[int]:
        return [place if place >= 0 else ~rows[~place] for place in places]

    found = [Instruction(what, renumber(ops), renumber(results), more) for what, ops, results, more in instructions]
    return found, renumber(outputs), len(rows)


def _shared_inputs(each: Instruction, unread: set[int]) -> tuple[int, ...]:
    """The inputs of a dot that all are in lanes, if its weights are shared by all and contiguous; else nothing.

    None is there twice, but for those whose gradients nobody reads: such as the zero around an image.
    """
    n = len(each.operands) // 2
    weights, inputs, bias = each.operands[:n], each.operands[n : 2 * n], each.operands[2 * n :]
    if each.what is not dot or not n or min(weights[:1] + bias) < 0 or max(inputs) >= 0:
        return ()
    read = [place for place in inputs if place not in unread]
    if len({*read}) < len(read):
        return ()
    return tuple(inputs) if weights == [*range(weights[0], weights[0] + n)] else ()
