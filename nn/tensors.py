"""Tensors as nested lists of Values, in the shapes of PyTorch's: making one, and asking for its shape.

>>> weight = tensor([2, 3], lambda: 0.0, "weight")
>>> shape(weight), weight[1][2].label
((2, 3), 'weight1_2')
"""

from collections.abc import Callable, Sequence
from typing import Any

from engine import Value


def tensor(shape: Sequence[int], draw: Callable[[], float], label: str, role: str = "parameter") -> Any:
    """A nested list of leaves.

    Args:
        shape: the size of each axis.
        draw: called once for each leaf, in order, to get its initial number.
        label: the name of the whole tensor; the leaf at ``[0][2]`` is then called ``label0_2``.
        role: the role of the leaves in a graph, as in `Value`.

    >>> bias = tensor([3], lambda: 0.0, "bias")
    >>> [p.label for p in bias]
    ['bias0', 'bias1', 'bias2']
    """

    def subtensor(axis: int, label: str) -> Any:
        if axis == len(shape):
            return Value(draw(), label, role=role)
        separator = "_" if axis else ""
        return [subtensor(axis + 1, f"{label}{separator}{i}") for i in range(shape[axis])]

    return subtensor(0, label)


def is_container(thing: Any) -> bool:
    """Whether a module may look inside this attribute: a list, a tuple or an array of objects.

    Unlike `is_list_like` in engine/utils/nested.py, this is false for an iterator, which a look inside would use up.
    """
    return isinstance(thing, (list, tuple)) or (hasattr(type(thing), "dtype") and str(thing.dtype) == "object")


def shape(tree: Any) -> tuple[int, ...] | None:
    """The size of each axis of a nested list: ``()`` for a number, None if the list is empty or ragged.

    >>> shape([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    (2, 3)
    """
    if not is_container(tree):
        return ()
    shapes = {shape(branch) for branch in tree}
    inner = shapes.pop() if len(shapes) == 1 else None
    return None if inner is None else (len(tree), *inner)


def format_shape(shape: tuple[int, ...] | None) -> str:
    """A shape as text, ``[3, 2]``."""
    return "ragged or empty" if shape is None else str(list(shape))
