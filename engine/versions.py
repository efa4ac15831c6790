"""Was a leaf changed after the forward pass that used it? A version counter tells, as in PyTorch.

The counter goes up whenever the data of an existing node is set, and every node keeps the version at which its data was
computed or set. A node older than one of its operands belongs to an earlier forward pass: a gradient through it would
mix two passes, and is refused.
"""

from typing import Any

from engine.graph import N, topological_order
from engine.utils.locks import new_lock

current = 0  # the version that a node made now has
_lock = new_lock(awaited=True)


def bump() -> int:
    """The version after a change of data."""
    global current
    with _lock:
        current += 1
        return current


def checked_order(root: N) -> list[N]:
    """The nodes behind the root in topological order, if they all belong to one forward pass.

    Raises:
        RuntimeError: if a node was changed after another was computed from it.
    """
    order: list[Any] = topological_order(root)
    latest = 0
    for node in order:
        if node._version >= latest:
            latest = node._version  # no operand can be newer
        else:
            check_fresh(node)
    return order


def check_fresh(node: Any) -> None:
    """Raise RuntimeError if an operand was changed after the node was computed from it."""
    for parent in node.parents:
        if parent._version > node._version:
            raise RuntimeError(
                f"{parent._name()} was changed after the forward pass that used it (in {node._name()}), so the "
                "gradient would mix two passes. Call forward() on the result to compute it again with the current "
                "numbers, or run the lines that build it again"
            )
