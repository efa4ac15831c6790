"""What small things cost: the memory of a node, the first expression of micrograd's README, and an import."""

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from tests.bench.timing import Step

ROWS, STEPS = 250, 200  # many short chains: micrograd's backward is recursive


def bytes_per_node(number: Callable[[float], Any]) -> float:
    """The memory of a node of a graph of 100,000 additions and multiplications, after its backward pass."""
    gc.collect()
    tracemalloc.start()
    try:
        x, y = number(0.5), number(0.25)
        root = y
        for _ in range(ROWS):
            z = y
            for _ in range(STEPS - 1):
                z = z * x + y
            root = root + z * x
        root.backward()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / (2 * ROWS * STEPS)
    finally:
        tracemalloc.stop()


def readme(number: Callable[[float], Any], repeats: int = 200) -> Callable[[], Step]:
    """The expression that opens micrograd's README, forward and backward, over and over."""

    def step() -> float:
        total = 0.0
        for _ in range(repeats):
            a, b = number(-4.0), number(2.0)
            c = a + b
            d = a * b + b**3
            c += c + 1
            c += 1 + c + (-a)
            d += d * 2 + (b + a).relu()
            d += 3 * d + (b - a).relu()
            e = c - d
            f = e**2
            g = f / 2.0
            g += 10.0 / f
            g.backward()
            total += g.data + a.grad + b.grad
        return total

    return lambda: step


def import_seconds(names: str) -> float:
    """The CPU time of an import in a new interpreter."""
    code = f"from time import process_time; start = process_time(); import {names}; print(process_time() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
