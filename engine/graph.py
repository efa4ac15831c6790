"""The walk over a graph of nodes that know their parents, and the chain rule along it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import filterfalse
from operator import mul
from typing import Any, TypeVar

N = TypeVar("N")  # a node: it has a `rule`, a `grad`, and its operands in `_x` and `_y` (see `Value.__slots__`)


def topological_order(root: N) -> list[N]:
    """Every node under the root, and the root, each after all of its parents.

    Depth first, with a list where a recursive function would use the call stack: a chain of a million nodes is fine.
    Operands are visited from left to right, so the same expression always gives the same order.
    """
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if node is None:  # every operand of the node below it on the stack is in the order: the node is next
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            if node.rule is None:
                order.append(node)
                continue
            stack += node, None
            x, y = node._x, node._y  # the operands as they are stored: `parents` would make a tuple of them
            if y is not None:
                stack += y, x
            elif type(x) is tuple:
                if not seen.issuperset(x):
                    stack += filterfalse(seen.__contains__, reversed(x))
            else:
                stack.append(x)
    return order


def chain_rule(
    order: Sequence[Any],
    local_derivatives: Callable[[Any], Iterable[tuple[Any, Any]]],
    times: Callable[[Any, Any], Any] = mul,
) -> None:
    """Pass the gradient of every node on to its parents: multiply along a path, add over paths.

    `local_derivatives` gives a node's parents, each with ``∂node/∂parent``. In reverse, a node comes after everything
    that uses it, so its gradient is complete when it is passed on. The numbers are whatever `local_derivatives` gives:
    floats, or Values that record how the gradient was made.

    Zero is strong: a path with a zero in it adds nothing, not even beside an infinite slope. Floats are skipped here;
    for Values, which do not show that they are 0, `times` is the product `rules.strong_mul`. Only where a slope does
    not exist at all (`Rule.jumps`) is it passed on as nan.
    """
    for node in reversed(order):
        upstream, rule = node.grad, node.rule
        if rule is not None and (upstream != 0.0 or rule.jumps):
            for parent, local in local_derivatives(node):
                if local != 0.0:
                    parent.grad += times(upstream, local)
