"""Where a gradient comes from, in words and numbers: `explain`, `formula` and `nudge`.

The numbers are those of the engine's own steps, and the formulas come from feeding symbols to its rules.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from engine import BackwardStep, Value, gradients
from engine.anomaly import source_lines
from engine.graph import local_derivatives, topological_order
from engine.names import node_names, number
from engine.steps import backward_steps
from engine.utils.arguments import described, value_hint
from engine.utils.conversion import to_float
from engine.versions import checked_order
from viz.formulas.notation import Notation
from viz.formulas.report import Block, Equations, Report, Sentence
from viz.formulas.symbols import LONGEST, Expression, Number, derivative, formulas, substitute

FEW_PATHS = 12
FEW_CONTRIBUTIONS = 12
LONGEST_CHAIN = 12
MOST_LINES = 30

Edge = tuple[Value, Value, float]  # a node, its operand, and the local derivative between them


@dataclass(frozen=True, repr=False)
class Explanation(Report):
    """The ledger of a gradient.

    Attributes:
        gradient: ``∂root/∂value``, the sum of the contributions.
        contributions: the steps of the backward pass that contributed to it.
        paths: the paths from the root down to the value, each as a list of edges; empty if there are too many.
        path_count: how many paths there are.
        edge_count: how many edges those paths have between them.
    """

    gradient: float
    contributions: list[BackwardStep]
    paths: list[list[Edge]]
    path_count: int
    edge_count: int


def explain(root: Value, value: Value, names: Mapping[str, Any] | None = None) -> Explanation:
    """The ledger of ``∂root/∂value``: what each use of the value contributed, and along which paths.

    No gradient is changed, and `backward` need not be called first.

    Args:
        root: what to differentiate, such as a loss.
        value: what to differentiate it with respect to.
        names: what to call nodes without a label, such as ``locals()``.

    Raises:
        TypeError: if either is not a Value.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> a = Value(3.0, "a")
    >>> b = a * 2
    >>> b.label = "b"
    >>> L = b * a
    >>> L.label = "L"
    >>> print(explain(L, a))
    The gradient of L with respect to a: every use of a contributes its upstream gradient times its local derivative.
    through L: ∂L/∂L · ∂L/∂a = 1 · 6 = 6
    through b: ∂L/∂b · ∂b/∂a = 3 · 2 = 6
    ∂L/∂a                    = 6 + 6 = 12
    Multiply along a path, add over paths: 2 paths lead from a to L.
    a → b → L = 2 · 3 = 6
    a → L     = 6
    """
    order = _checked_graph(root, value)
    name = node_names(order if value in set(order) else [*order, value], names)
    of, wrt = name[root], name[value]
    if value is root:
        line = Sentence(f"∂{of}/∂{wrt} = 1: this is where the backward pass starts.")
        return Explanation([line], 1.0, [], [], 1, 0)
    contributions = [s for s in backward_steps(order, local_derivatives, source_lines, names) if s.parent is value]
    if not contributions:
        why = "" if root.rule else f" {of} has no history: it is a leaf, or was made in no_grad() or by detach()."
        if root in set(topological_order(value)):
            why = f" It is the other way round: {wrt} was made from {of}. Write explain({wrt}, {of})."
        return Explanation([Sentence(f"{of} does not depend on {wrt}: ∂{of}/∂{wrt} = 0.{why}")], 0.0, [], [], 0, 0)
    gradient = contributions[-1].total
    path_count, between = _paths_between(order, value)
    edge_count = sum(map(len, between.values()))
    paths = list(_paths(root, value, between)) if path_count <= FEW_PATHS else []
    blocks: list[Block] = [
        Sentence(
            f"The gradient of {of} with respect to {wrt}: every use of {wrt} contributes its upstream gradient times "
            "its local derivative."
        ),
        Equations(lambda n: _ledger_rows(n, contributions, gradient)),
    ]
    if paths:
        lead = "paths lead" if path_count > 1 else "path leads"
        blocks += [
            Sentence(f"Multiply along a path, add over paths: {path_count} {lead} from {wrt} to {of}."),
            Equations(lambda n: [_path_row(n, path, name) for path in paths]),
        ]
    else:
        blocks.append(
            Sentence(
                f"{_count_words(path_count)} paths lead from {wrt} to {of}, and multiplying along each of them would "
                f"take as many products. The backward pass needs one multiplication for each of the {edge_count:,} "
                "edges: what arrives at a node is added up before it is passed on. This is dynamic programming."
            )
        )
    if value.grad and value.rule is None and value.grad != gradient:
        blocks.append(
            Sentence(
                f"{wrt}.grad is {number(value.grad)}, which is not this gradient: it comes from another backward(), or "
                "from several, because leaves accumulate their gradients. zero_grad() clears it."
            )
        )
    return Explanation(blocks, gradient, contributions, paths, path_count, edge_count)


def _checked_graph(root: Any, *values: Any) -> list[Value]:
    for value in (root, *values):
        if not isinstance(value, Value):
            raise TypeError(f"expected a Value of the graph, got {described(value)}{value_hint(value)}")
    return checked_order(root)


def _count_words(many: int) -> str:
    return f"{many:,}" if many < 10**15 else f"More than 10**{int((many.bit_length() - 1) * 0.30103)}"


def _ledger_rows(n: Notation, contributions: Sequence[BackwardStep], gradient: float) -> list[list[str]]:
    of, _, wrt = contributions[0].names
    largest = sorted(contributions, key=lambda step: -abs(step.product))[:FEW_CONTRIBUTIONS]
    rows, shown = [], [step for step in contributions if step in largest]
    for step in shown:
        symbols = n.factors([n.derivative(of, step.names[1]), n.derivative(step.names[1], wrt)])
        left = n.row([n.words(f"through {step.names[1]}:"), symbols])
        rows.append([left, n.product([step.upstream, step.local]), n.number(number(step.product))])
    terms = [step.product for step in shown]
    if len(contributions) > len(shown):
        terms.append(gradient - sum(terms))
        rows.append([n.words(f"and {len(contributions) - len(shown)} more, together"), n.number(number(terms[-1]))])
    rows.append([n.derivative(of, wrt), *([n.sum(terms)] if len(terms) > 1 else []), n.number(number(gradient))])
    return rows


def _paths_between(order: Sequence[Value], value: Value) -> tuple[int, dict[Value, list[Edge]]]:
    """The number of paths from the value to the last node, and the edges on them, by the node at their upper end."""
    paths_to: defaultdict[Value, int] = defaultdict(int, {value: 1})
    for node in order:
        if node is not value:
            paths_to[node] = sum(paths_to[parent] for parent in node.parents)
    reached, between = {order[-1]}, {}
    for node in reversed(order):
        if node in reached and node is not value:
            between[node] = [(node, parent, local) for parent, local in local_derivatives(node) if paths_to[parent]]
            reached.update(parent for _, parent, _ in between[node])
    return paths_to[order[-1]], {node: found for node, found in between.items() if found}


def _paths(root: Value, value: Value, between: Mapping[Value, list[Edge]]) -> Iterator[list[Edge]]:
    """Every path from the root down to the value. There are few, but each may be long, so there is no recursion."""
    stack: list[tuple[Value, Any]] = [(root, None)]  # a node, and the linked list of edges to it
    while stack:
        node, taken = stack.pop()
        if node is not value:
            stack += [(edge[1], (edge, taken)) for edge in reversed(between[node])]
            continue
        path: list[Edge] = []
        while taken:
            edge, taken = taken
            path.append(edge)
        yield path[::-1]


def _path_row(n: Notation, path: Sequence[Edge], name: Mapping[Value, str]) -> list[str]:
    upwards = path[::-1]
    nodes = [n.name(name[node]) for node in (upwards[0][1], *(node for node, _, _ in upwards))]
    if len(path) > LONGEST_CHAIN:
        nodes[3:-2] = [n.words("…")]
    product = 1.0
    for _, _, local in path:
        product = product * local if product != 0.0 else 0.0  # where 0 arrives, nothing is sent on
    sides = [n.product([local for _, _, local in upwards])] if 1 < len(path) <= LONGEST_CHAIN else []
    return [
        n.row([part for node in nodes for part in (n.sign("→"), node)][1:]),
        *sides,
        n.number(number(product)),
    ]


def formula(root: Value, wrt: Value | None = None, names: Mapping[str, Any] | None = None) -> Report:
    """The expression behind a Value, and with `wrt` its derivative by the chain rule: in symbols, and in numbers.

    A formula that would fill the board is written as one short equation for each node.

    Args:
        root: what to write down.
        wrt: what to differentiate it with respect to.
        names: what to call nodes without a label, such as ``locals()``.

    Raises:
        TypeError: if either is not a Value.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> x = Value(3.0, "x")
    >>> y = x**2 + 2 * x
    >>> y.label = "y"
    >>> print(formula(y, wrt=x))
    y = x**2 + 2 * x
      = 3**2 + 2 * 3 = 15
    ∂y/∂x = ∂y/∂v1 · ∂v1/∂x + ∂y/∂v2 · ∂v2/∂x
          = 2 * x + 2
          = 2 * 3 + 2 = 8
    """
    order = _checked_graph(root, *([wrt] if wrt is not None else []))
    name = node_names(order if wrt is None or wrt in set(order) else [*order, wrt], names)
    formula_of = formulas(order, name, [wrt] if wrt is not None and wrt is not root else [])
    numbers = {name[node]: node.data for node in order if node.role != "constant"}
    blocks: list[Block] = []
    if formula_of[root].size <= LONGEST:
        sides = [] if root.rule is None else [formula_of[root]]
        blocks.append(Equations(lambda n: _equation_rows(n, n.name(name[root]), sides, numbers, root.data)))
    else:
        operations = [node for node in order if node.rule is not None]
        if len(operations) <= MOST_LINES:
            blocks.append(each_operation(operations, name))
        else:
            left_out = f"and {len(operations) - MOST_LINES:,} more, the last of which is"
            blocks += [each_operation(operations[: MOST_LINES - 1], name), Sentence(left_out)]
            blocks.append(each_operation(operations[-1:], name))
    if wrt is not None:
        symbolic = derivative(order, wrt, formula_of)
        value = gradients(root, [wrt])[0]
        count, between = _paths_between(order, wrt)
        paths = list(_paths(root, wrt, between)) if 1 <= count <= 4 and wrt is not root else []
        if symbolic.size > LONGEST:
            blocks.append(Sentence("The derivative is too long for the board; explain() shows where it comes from."))
        pair = name[root], name[wrt]
        blocks.append(Equations(lambda n: _derivative_rows(n, pair, paths, name, symbolic, numbers, value)))
    return Report(blocks)


def each_operation(order: Sequence[Value], name: Mapping[Value, str]) -> Equations:
    """One short equation for each operation among the nodes."""
    own = {node: formulas([*node.parents, node], name, node.parents)[node] for node in order if node.rule is not None}
    return Equations(
        lambda n: [
            [n.name(name[node]), n.write(operation) if operation.size <= LONGEST else _elided(n, node, name)]
            for node, operation in own.items()
        ]
    )


def _elided(n: Notation, node: Value, name: Mapping[Value, str]) -> str:
    """An operation of so many operands that only the first and the last of them are written."""
    first, last = ([n.name(name[parent]) for parent in some] for some in (node.parents[:3], node.parents[-1:]))
    which = "".join(f"[{i}]" for i in node.rule.constants) if node.rule else ""  # softmax[3]
    return n.call(node.op + which, [*first, n.words("…"), *last])


def _equation_rows(
    n: Notation, left: str, sides: Sequence[Expression | str], numbers: Mapping[str, float], value: float
) -> list[list[str]]:
    """Rows that say: left = each of the formulas = the last one with the numbers substituted = the value."""
    rows = [[left if i == 0 else "", side if isinstance(side, str) else n.write(side)] for i, side in enumerate(sides)]
    last = sides[-1] if sides else ""
    if isinstance(last, Expression) and last.size > 1:
        rows.append(["", n.write(substitute(last, numbers)), n.number(number(value))])
    elif rows and not isinstance(last, Number):
        rows[-1].append(n.number(number(value)))
    return rows or [[left, n.number(number(value))]]


def _derivative_rows(
    n: Notation,
    names: tuple[str, str],
    paths: Sequence[Sequence[Edge]],
    name: Mapping[Value, str],
    symbolic: Expression,
    numbers: Mapping[str, float],
    value: float,
) -> list[list[str]]:
    sides: list[Expression | str] = []
    if 1 < sum(map(len, paths)) <= LONGEST_CHAIN:
        slopes = [[(name[node], name[parent]) for node, parent, _ in path] for path in paths]
        sides.append(n.terms([n.factors([n.derivative(*pair) for pair in _from_root(path)]) for path in slopes]))
    if symbolic.size <= LONGEST:
        sides.append(symbolic)
    return _equation_rows(n, n.derivative(*names), sides, numbers, value)


def _from_root(slopes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A path of one edge starts with ``∂L/∂L``; otherwise it would look like the whole derivative."""
    return [(slopes[0][0], slopes[0][0]), *slopes] if len(slopes) == 1 else slopes


def nudge(root: Value, value: Value, by: float, names: Mapping[str, Any] | None = None) -> "Nudge":
    """What a small change does to the root: what the gradient predicts, and what really happens.

    The graph itself is not changed: it is recomputed separately.

    Args:
        root: what to look at.
        value: what to change, a leaf or an interior node.
        by: by how much.
        names: what to call nodes without a label, such as ``locals()``.

    Raises:
        TypeError: if `root` or `value` is not a Value.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> x = Value(3.0, "x")
    >>> y = x**2
    >>> y.label = "y"
    >>> print(nudge(y, x, 0.1))
    x goes from 3 to 3.1.
    predicted: ∂y/∂x · 0.1 = 6 · 0.1 = 0.6
    actual                 = 9.61 - 9 = 0.61
    difference             = 0.61 - 0.6 = 0.01
    A tenth of the nudge leaves a difference of 0.0001: the derivative is the limit as the nudge shrinks to 0.
    """
    order, by = _checked_graph(root, value), to_float(by)
    name = node_names(order if value in set(order) else [*order, value], names)
    slope = gradients(root, [value])[0]
    after, nearer = (_recomputed(order, value, value.data + step) for step in (by, by / 10))
    predicted, actual = slope * by, after - root.data
    difference, rest = actual - predicted, nearer - root.data - slope * by / 10
    moved = value.data + by != value.data
    agree = moved and abs(difference) <= 1e-12 * max(abs(after), abs(root.data), abs(predicted))  # up to rounding
    of, to = name[root], name[value]

    def rows(n: Notation) -> list[list[str]]:
        change, guess, off = (n.number(number(x)) for x in (actual, predicted, 0.0 if agree else difference))
        left = n.row([n.words("predicted:"), n.factors([n.derivative(of, to), n.number(number(by))])])
        return [
            [left, n.product([slope, by]), guess],
            [n.words("actual"), n.difference(after, root.data), change],
            [n.words("difference"), n.difference(actual, predicted), off],
        ]

    blocks: list[Block] = [
        Sentence(f"{to} goes from {number(value.data)} to {number(value.data + by)}."),
        Equations(rows),
    ]
    tenth = f"A tenth of the nudge leaves a difference of {number(rest)}"
    if not moved:
        blocks.append(Sentence(f"The nudge is lost in rounding: {to} stays as it is."))
    elif agree:
        blocks.append(Sentence("They agree: the slope is constant over the whole nudge."))
    elif abs(rest) < abs(difference) / 20:
        blocks.append(Sentence(f"{tenth}: the derivative is the limit as the nudge shrinks to 0."))
    elif isfinite(rest):
        blocks.append(Sentence(f"{tenth}: there is a kink or a sharp bend here."))
    return Nudge(blocks, predicted, actual)


@dataclass(frozen=True, repr=False)
class Nudge(Report):
    """A predicted change next to the actual one."""

    predicted: float
    actual: float


def _recomputed(order: Sequence[Value], value: Value, data: float) -> float:
    """The data of the last node if `value` had other data."""
    numbers: dict[Value, float] = {}
    for node in order:
        if node is value:
            numbers[node] = data
        elif node.rule is None:
            numbers[node] = node.data
        else:
            numbers[node] = node.rule.evaluate(*[numbers[parent] for parent in node.parents])
    return numbers[order[-1]]
