"""Nested lists of parameters or other leaves, in the shapes of PyTorch's tensors."""

from collections.abc import Callable, Sequence
from typing import Any

from engine import Value


def tensor(shape: Sequence[int], draw: Callable[[], float], label: str, role: str = "parameter") -> Any:
    """A nested list of leaves.

    Args:
        shape: how many there are along each axis.
        draw: gives the first number of each, in order.
        label: what they are called together; the one at ``[0][2]`` is ``label0_2``.
        role: what they are to the graph, as in `Value`.

    >>> bias = tensor([3], lambda: 0.0, "bias")
    >>> [p.label for p in bias]
    ['bias0', 'bias1', 'bias2']
    """

    def part(axis: int, label: str) -> Any:
        if axis == len(shape):
            return Value(draw(), label, role=role)
        separator = "_" if axis else ""
        return [part(axis + 1, f"{label}{separator}{i}") for i in range(shape[axis])]

    return part(0, label)
