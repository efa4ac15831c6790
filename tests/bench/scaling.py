"""What an instruction of a compiled graph costs, from small graphs to large ones."""

import gc
import tracemalloc
from collections.abc import Iterable
from math import isclose
from statistics import median
from typing import Any

from engine import Value, compile
from tests.bench.footprint import chains
from tests.bench.timing import Step, turn

WARM = 17  # calls before the clock starts: the last of them that is compared with plain Python for a while
PLAIN = 100_000  # up to here the gradients are compared with those of a plain run, and all memory is counted


def instructions(sizes: Iterable[int], rounds: int) -> list[dict[str, Any]]:
    """For each size the time of an instruction, forward and backward, and its memory.

    Raises:
        AssertionError: if a result or a gradient is not that of the plain graph.
    """
    _replays(compile(lambda x, y: chains(x, y, 100)))()  # the machine code of its operations is made here
    graphs = {size: compile(lambda x, y, size=size: chains(x, y, size)) for size in sizes}
    memory = {size: _memory(graph, size) for size, graph in graphs.items()}
    times: dict[int, list[float]] = {size: [] for size in graphs}
    for _ in range(rounds):
        for size, graph in graphs.items():
            times[size].append(turn(_replays(graph), warm=WARM)[0] / len(graph.tape))
    return [
        {"name": f"{size:,} instructions", "seconds_per_instruction": median(times[size])} | memory[size]
        for size in graphs
    ]


def _memory(graph: Any, size: int) -> dict[str, float]:
    """The bytes that an instruction takes on the tape, and with the numbers and gradients that it is run on."""
    if size > PLAIN:
        graph(Value(0.5), Value(0.25))
        return {"bytes_of_tape": graph.tape.nbytes / len(graph.tape)}
    gc.collect()
    tracemalloc.start()
    try:
        _replays(graph)()
        gc.collect()  # the graph that was recorded is gone, what was made of it remains
        both = tracemalloc.get_traced_memory()[0] / len(graph.tape)
    finally:
        tracemalloc.stop()
    compiled, plain = _gradients(graph), _gradients(lambda x, y: chains(x, y, size))
    assert all(map(lambda a, b: isclose(a, b, rel_tol=1e-9), compiled, plain)), f"{compiled}, and plain {plain}"
    return {"bytes_of_tape": graph.tape.nbytes / len(graph.tape), "bytes_of_all": both}


def _gradients(function: Any) -> list[float]:
    x, y = Value(0.5), Value(0.25)
    value = function(x, y)
    value.backward()
    return [value.data, x.grad, y.grad]


def _replays(graph: Any) -> Step:
    x, y = Value(0.5), Value(0.25)

    def step() -> float:
        value = graph(x, y)
        value.backward()
        return value.data

    return step
