"""The walk over a graph of nodes that know their parents, and the chain rule along it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import filterfalse
from typing import Any, TypeVar

N = TypeVar("N")  # a node: it has a `rule` (None for a leaf), a `grad`, and `parents`, the operands it was made from


def topological_order(root: N) -> list[N]:
    """Every node that the root was computed from, and the root, each after all of its parents.

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
            continue
        while node not in seen:  # down along first operands; the others wait on the stack
            seen.add(node)
            if node.rule is None:
                order.append(node)
                break
            stack.append(node)
            stack.append(None)
            x, y = node._x, node._y
            if type(x) is tuple:
                if not seen.issuperset(x):  # of weights it often is
                    stack += filterfalse(seen.__contains__, reversed(x))
                break
            if y is not None:
                stack.append(y)
            node = x
    return order


def local_derivatives(node: Any) -> Iterable[tuple[Any, float]]:
    """The parents of a node, each with the local derivative ``∂node/∂parent``, as floats.

    Derivatives of derivatives come from `functional.symbolic_local_derivatives`, which feeds the partials Values.
    """
    rule, x, y = node.rule, node._x, node._y
    if rule is None:
        return ()
    try:
        if y is not None:
            dx, dy = rule.partials(node._data, x._data, y._data)
            return (x, dx), (y, dy)
        if type(x) is not tuple:
            (dx,) = rule.partials(node._data, x._data)
            return ((x, dx),)
        partials = rule.partials(node._data, *[parent._data for parent in x])
        if len(partials) == len(x):
            return zip(x, partials)
    except (ArithmeticError, TypeError, ValueError):
        pass  # `evaluate_partials` tries once more, for IEEE 754's answer, or to say what is wrong with the rule
    parents = node.parents
    return zip(parents, rule.evaluate_partials(node._data, *[parent._data for parent in parents]))


def chain_rule(
    order: Sequence[Any],
    local_derivatives: Callable[[Any], Iterable[tuple[Any, Any]]],
    times: Callable[[Any, Any, bool], Any] | None = None,
    seed: float = 1.0,
) -> None:
    """Pass the gradient of every node on to its parents: multiply along a path, add over paths.

    It begins with ``∂root/∂root = 1``, the seed, at the last node of the order, and with 0 everywhere else.

    `local_derivatives` gives a node's parents, each with ``∂node/∂parent``. In reverse, a node comes after everything
    that uses it, so its gradient is complete when it is passed on. The numbers are whatever `local_derivatives` gives:
    floats, or Values that record how the gradient was made.

    Zero is strong: a path with a zero in it adds nothing, not even beside an infinite slope. Only where a slope does
    not exist at all (`Rule.jumps`) is it passed on as nan, whatever it is multiplied by. Floats that are 0 are skipped
    here; for Values, which do not show that they are 0, `times` is a product that does the same.
    """
    for node in order:
        node.grad = 0.0
    order[-1].grad = seed
    for node in reversed(order):
        if node.rule is None:
            continue
        upstream, jumps = node.grad, node.rule.jumps
        if upstream != 0.0 or jumps:
            for parent, local in local_derivatives(node):
                if local != 0.0:
                    parent.grad += upstream * local if times is None else times(upstream, local, jumps)
