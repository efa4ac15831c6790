"""What small things cost: the memory of a node, and an import."""

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any


def chains(x: Any, y: Any, nodes: int, steps: int = 50) -> Any:
    """A graph of so many additions and multiplications.

    It is a balanced sum of many short chains, for micrograd's backward is recursive: nothing is deeper than a few more
    than twice `steps`.

    Args:
        x, y: what each chain begins with, and takes in at every step.
        nodes: how many, a multiple of 2 * `steps`.
        steps: how many multiplications make a chain.
    """
    parts = [y]
    for _ in range(nodes // (2 * steps)):
        z = y
        for _ in range(steps - 1):
            z = z * x + y
        parts.append(z * x)
    while len(parts) > 1:
        odd = parts[len(parts) // 2 * 2 :]
        parts = [a + b for a, b in zip(parts[::2], parts[1::2])] + odd
    return parts[0]


def bytes_per_node(number: Callable[[float], Any], nodes: int = 100_000) -> float:
    """The memory of a node of a graph of additions and multiplications, after its backward pass."""
    gc.collect()
    tracemalloc.start()
    try:
        root = chains(number(0.5), number(0.25), nodes)
        root.backward()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / nodes
    finally:
        tracemalloc.stop()


def import_seconds(names: str) -> float:
    """The CPU time of an import in a new interpreter."""
    code = f"from time import process_time; start = process_time(); import {names}; print(process_time() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
