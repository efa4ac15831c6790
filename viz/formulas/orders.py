"""Why a topological order? The backward pass in any other order, and what goes wrong with it."""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from operator import attrgetter
from typing import Any

from engine import BackwardStep, Value
from engine.anomaly import source_lines
from engine.graph import local_derivatives, topological_order
from engine.names import node_names, number
from engine.steps import backward_steps
from engine.utils.arguments import described, several, value_hint
from engine.utils.messages import brief
from engine.utils.nested import is_list_like
from engine.versions import checked_order
from viz.formulas.explain import each_operation
from viz.formulas.report import Block, Report, Sentence, Table

Operands = Callable[[Value], Sequence[Value]]
Order = Callable[[Value], Sequence[Value]]

MOST_FIRINGS = 10_000


@dataclass(frozen=True, repr=False)
class OrderReport(Report):
    """What a backward pass did in some order.

    Attributes:
        steps: the contributions, in the order in which they were sent.
        early: nodes that sent their gradient on before it was complete: how many contributions they had, out of how
            many.
        again: nodes that sent it on more than once.
        missing: nodes that never sent it on.
        gradients: for each leaf the gradient that this order gives, and the true one.
        smallest: the root of the smallest expression for which the order goes wrong, if one was found.
    """

    steps: list[BackwardStep]
    early: dict[Value, tuple[int, int]]
    again: list[Value]
    missing: list[Value]
    gradients: dict[Value, tuple[float, float]]
    smallest: Value | None

    @property
    def right(self) -> bool:
        """Whether every leaf got its true gradient."""
        return all(_same(given, true) for given, true in self.gradients.values())


def naive_recursion(root: Value, operands: Operands = attrgetter("parents")) -> Iterator[Value]:
    """Send on, then do the same at each operand: a node is reached once for each path to it."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.rule is not None:
            yield node
            stack += reversed(operands(node))


def breadth_first(root: Value, operands: Operands = attrgetter("parents")) -> list[Value]:
    """The nodes nearest to the root first; each node once."""
    fired, queue = {root: None}, deque([root])
    while queue:
        for parent in operands(queue.popleft()):
            if parent not in fired:
                fired[parent] = None
                queue.append(parent)
    return list(fired)


def depth_first(root: Value, operands: Operands = attrgetter("parents")) -> list[Value]:
    """Down the first operand as far as it goes, then the next; each node once."""
    fired: dict[Value, None] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node not in fired:
            fired[node] = None
            stack += reversed(operands(node))
    return list(fired)


def _naive_recursion(root: Value) -> list[Value]:
    """Send on, then do the same at each operand: a node is reached once for each path to it."""
    fired = list(itertools.islice(naive_recursion(root), MOST_FIRINGS + 1))
    if len(fired) > MOST_FIRINGS:
        raise ValueError(
            f"naive recursion sends a gradient on once for each path, which here is more than {MOST_FIRINGS:,} times; "
            "use a smaller graph"
        )
    return fired


ORDERS: dict[str, Order] = {
    "naive recursion": _naive_recursion,
    "breadth-first": breadth_first,
    "depth-first": depth_first,
    "topological": lambda root: topological_order(root)[::-1],
}


def order_rule(order: str | Order | Sequence[Value]) -> Order | Sequence[Value]:
    """The order of that name, or the one that was given.

    Raises:
        TypeError: if it is no order.
        ValueError: if there is none of that name.
    """
    if isinstance(order, str) and order not in ORDERS:
        raise ValueError(f"unknown order {order!r}; choose one of {', '.join(map(repr, ORDERS))}, or list the nodes")
    rule = ORDERS[order] if isinstance(order, str) else order
    if not callable(rule) and not is_list_like(rule):
        raise TypeError(f"expected an order: one of {', '.join(map(repr, ORDERS))}, or nodes, got {brief(order)}")
    return rule


def firing_in(rule: Order | Sequence[Value], graph: Sequence[Value]) -> list[Value]:
    """The nodes of a graph in the order in which they send their gradient on.

    Raises:
        TypeError: if they are no list of Values.
        ValueError: if there is a node among them that is not in the graph.
    """
    given = rule(graph[-1]) if callable(rule) else rule
    firing, known = several("an order", given, "[L, ...], the nodes with the root first"), set(graph)
    for node in firing:
        if not isinstance(node, Value):
            raise TypeError(f"an order is a list of Values, got {described(node)}{value_hint(node)}")
    if strangers := [node for node in firing if node not in known]:
        raise ValueError(f"the loss does not depend on {strangers[0]!r}; list only nodes of its graph")
    return firing


def backward_in_order(
    loss: Value, order: str | Order | Sequence[Value], names: Mapping[str, Any] | None = None
) -> OrderReport:
    """Run the backward pass in some order, and show which node sent its gradient on before it was complete.

    No gradient is changed.

    Args:
        loss: the root.
        order: ``"naive recursion"``, ``"breadth-first"``, ``"depth-first"`` or ``"topological"``; or the nodes in the
            order in which they are to send their gradient on, the root first; or a function that gives them for a root.
        names: what to call nodes without a label, such as ``locals()``.

    Raises:
        TypeError: if `loss` is not a Value.
        ValueError: if the order is unknown, or contains a node that the loss does not depend on.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> a = Value(2.0, "a")
    >>> b = a * 3
    >>> e = b * 2 + b
    >>> report = backward_in_order(e, "naive recursion", names=locals())
    >>> report.gradients[a]
    (18.0, 9.0)
    """
    if not isinstance(loss, Value):
        raise TypeError(f"expected a Value, got {described(loss)}{value_hint(loss)}")
    rule = order_rule(order)
    graph = checked_order(loss)
    name = node_names(graph, names)
    firing = firing_in(rule, graph)
    steps = list(backward_steps(graph, local_derivatives, source_lines, names, firing))
    expected = {step.parent: step.expected for step in steps}
    received: Counter[Value] = Counter()
    early: dict[Value, tuple[int, int]] = {}
    rows: list[list[str]] = []
    for step in steps:
        node, had, due = step.node, received[step.node], expected.get(step.node, 0)
        if step.operand == 0:
            if had < due:
                early.setdefault(node, (had, due))
            rows.append([name[node], ("first" if node is loss else f"after {had} of {due}") + "  ✗" * (had != due), ""])
        if step.parent.role != "constant":
            rows[-1][2] += f"{', ' * bool(rows[-1][2])}{number(step.product)} to {name[step.parent]}"
        received[step.parent] += 1
    fired = Counter(firing)
    again = [node for node in graph if node.rule is not None and fired[node] > 1]
    missing = [node for node in graph if node.rule is not None and not fired[node]]
    outcome = _outcome(graph, firing)
    blocks: list[Block] = [
        Sentence(f"The backward pass of {name[loss]}, {order if isinstance(order, str) else 'in the order given'}:"),
        Table(["node", "fires", "passes on"], rows),
        *[
            Sentence(f"✗ {name[n]} fired before its gradient was complete: after {x} of {y}.")
            for n, (x, y) in early.items()
        ],
        *[
            Sentence(f"✗ {name[n]} fired {fired[n]} times, and passed on again what it had already passed on.")
            for n in again
        ],
        *[Sentence(f"✗ {name[n]} never fired.") for n in missing],
        Table(
            ["gradient", "in this order", "true"],
            [
                [f"∂{name[loss]}/∂{name[leaf]}", number(given) + "  ✗" * (not _same(given, true)), number(true)]
                for leaf, (given, true) in outcome.items()
            ],
        ),
    ]
    smallest = _smallest(rule) if callable(rule) else _smallest_subgraph(graph, firing)
    if smallest is not None:
        if not _goes_wrong(graph, firing):
            blocks.append(Sentence("✓ Here every gradient happens to be right."))
        small = topological_order(smallest)
        given = rule(smallest) if callable(rule) else [node for node in firing if node in set(small)]
        leaf, (wrong, true) = next(item for item in _outcome(small, given).items() if not _same(*item[1]))
        named = node_names(small, names) if callable(rule) else name
        blocks += [
            Sentence("The smallest expression for which this order goes wrong:"),
            each_operation(small, named),
            Sentence(
                f"∂{named[smallest]}/∂{named[leaf]} is {number(wrong)} in this order; the true value is {number(true)}."
            ),
        ]
    elif not (early or again or missing):
        blocks.append(Sentence("✓ Every node fired once, after all nodes that use it: this is a topological order."))
    return OrderReport(blocks, steps, early, again, missing, outcome, smallest)


def _outcome(order: Sequence[Value], firing: Iterable[Value]) -> dict[Value, tuple[float, float]]:
    """For each leaf that is not a constant, its gradient when the nodes fire in this order, and the true one."""
    got, true = (
        {order[-1]: 1.0} | {step.parent: step.total for step in backward_steps(order, local_derivatives, {}, None, f)}
        for f in (firing, None)
    )
    leaves = [node for node in order if node.rule is None and node.role != "constant"]
    return {leaf: (got.get(leaf, 0.0), true.get(leaf, 0.0)) for leaf in leaves}


def _same(x: float, y: float) -> bool:
    return x == y or isclose(x, y, rel_tol=1e-9)


def _goes_wrong(order: Sequence[Value], firing: Iterable[Value]) -> bool:
    return not all(_same(*pair) for pair in _outcome(order, firing).values())


def _smallest(rule: Order) -> Value | None:
    """The first expression, of up to three additions and multiplications, for which the order goes wrong."""
    for count in range(1, 4):
        choices = [itertools.product((Value.__add__, Value.__mul__), range(i + 1), range(i + 1)) for i in range(count)]
        for program in itertools.product(*choices):
            nodes = [Value(2.0, "a")]
            for operation, i, j in program:
                nodes.append(operation(nodes[i], nodes[j]))
                nodes[-1].label = "abcd"[len(nodes) - 1]
            order = topological_order(nodes[-1])
            if len(order) == len(nodes) and _goes_wrong(order, rule(nodes[-1])):
                return nodes[-1]
    return None


def _smallest_subgraph(graph: Sequence[Value], firing: Sequence[Value]) -> Value | None:
    """The node with the smallest subgraph for which the same order goes wrong."""
    parts = [topological_order(node) for node in graph if node.rule is not None]
    for part in sorted(parts, key=len):
        if _goes_wrong(part, [node for node in firing if node in set(part)]):
            return part[-1]
    return None
