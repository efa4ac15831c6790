"""Small random graphs whose numbers can be worked out by hand, and which bring out the common mistakes."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isclose, isfinite

from engine import Rule, Value, rules
from engine.graph import topological_order
from engine.modes import switched
from viz.formulas.mistakes import steps_by_receiver


@dataclass(frozen=True)
class _Level:
    operations: tuple[int, ...]
    rules: tuple[Rule, ...]
    required: frozenset[Rule]  # at least one of them
    leaves: int = 3
    zeros: int = 1  # the most gradients that may be 0
    fractions: tuple[Fraction, ...] = ()


_INTEGERS = tuple(Fraction(n) for n in (-5, -4, -3, -2, 2, 3, 4, 5, 6))
_FRACTIONS = tuple(Fraction(n, d) for n, d in ((1, 2), (3, 2), (-1, 2), (3, 4), (1, 4), (5, 2)))
_UNARY = (rules.power(2.0), rules.relu, rules.neg)
_PLAIN, _KINKED = (rules.add, rules.sub, rules.mul), (*_UNARY, rules.maximum)
LEVELS = {
    "easy": _Level((3, 4), _PLAIN, frozenset({rules.mul}), zeros=0),
    "medium": _Level((4, 5, 6), (*_PLAIN, *_KINKED), frozenset(_KINKED)),
    "hard": _Level((6, 7, 8), (*_PLAIN, *_KINKED, rules.div), frozenset({rules.div}), leaves=4, fractions=_FRACTIONS),
}


def problem(rng: random.Random, difficulty: str) -> Value:
    """The last node, L, of a small random graph whose numbers can be worked out by hand.

    Args:
        rng: where the randomness comes from.
        difficulty: one of `LEVELS`.
    """
    level = LEVELS[difficulty]
    operations = rng.choice(level.operations)
    with switched(recording=True, warning=False):
        while (root := _draw(rng, level, operations)) is None or not _qualifies(root, level):
            pass
    return root


def _draw(rng: random.Random, level: _Level, operations: int) -> Value | None:
    """A random graph with named nodes, or None if the draw came to a dead end."""
    nodes = [Value(number) for number in rng.sample(_INTEGERS + level.fractions, level.leaves)]
    unused = list(nodes)
    for left in reversed(range(operations)):
        for _ in range(20):
            rule = rng.choice(level.rules)
            operands = [rng.choice(unused)] + [rng.choice(nodes) for _ in range(rule not in _UNARY)]
            rng.shuffle(operands)
            still_unused = [node for node in unused if node not in operands]
            node = rule(*operands)
            if len(still_unused) <= left and _is_useful(
                node, nodes
            ):  # each operation still to come uses up at most two, and adds one
                break
        else:
            return None
        nodes.append(node)
        unused = [*still_unused, node]
    for name, node in zip("abcdefghijk", nodes_of(nodes[-1])):
        node.label = name
    nodes[-1].label = "L"
    return nodes[-1]


def _is_useful(node: Value, others: Sequence[Value]) -> bool:
    """Whether a node has a short number, is at no kink, does not make the rest 0, and is not trivial or repeated."""
    rule, operands = node.rule, node.parents
    return (
        _is_short(node.data)
        and abs(node.data) <= 50
        and (exact(node.data) != 0 or rule is rules.relu)
        and (rule is not rules.maximum or exact(operands[0].data) != exact(operands[1].data))
        and (rule not in _UNARY or operands[0].rule is not rule)  # such as -(-x)
        and (rule is rules.mul or len(set(operands)) == len(operands))  # such as x - x
        and all(other.rule is not rule or set(other.parents) != set(operands) for other in others)
    )


def _qualifies(root: Value, level: _Level) -> bool:
    """Whether the gradients can be worked out by hand, and bring out the mistakes that they should."""
    order = topological_order(root)
    received = steps_by_receiver(order, {node: node.data for node in order})
    steps = [step for node in order for step in received[node]]
    gradients = [received[node][-1].total for node in order[:-1]]
    shared = [node for node in order if len(received[node]) > 1]
    return (
        _depth(order) <= 5  # as wide as the paper
        and all(map(_is_short, gradients))
        and all(_is_short(step.local) and _is_short(step.product) for step in steps)
        and max(map(abs, gradients)) <= 100
        and [exact(x) for x in gradients].count(Fraction(0)) <= level.zeros
        and any(node.rule in level.required for node in order)
        and bool(level.fractions) == any(not node.data.is_integer() for node in order)
        and any(abs(exact(step.upstream)) not in (0, 1) for step in steps)
        and (level.rules != _PLAIN or len(shared) == 1)
        and any(  # used by two operations, and wrong with = for +=
            len({step.node for step in received[node]}) > 1
            and all(exact(step.product) != 0 for step in received[node])
            and exact(received[node][-1].product) != exact(received[node][-1].total)
            for node in shared
        )
    )


def _depth(order: Sequence[Value]) -> int:
    depth: Counter[Value] = Counter()
    for node in order:
        depth[node] = 1 + max((depth[parent] for parent in node.parents), default=-1)
    return depth[order[-1]]


def exact(number: float) -> Fraction:
    """The fraction that a short number stands for."""
    return Fraction(number).limit_denominator(8)


def _is_short(number: float) -> bool:
    if not isfinite(number) or not isclose(number, exact(number), abs_tol=1e-9):
        return False
    return number == round(number) or abs(exact(number).numerator) <= 40


def nodes_of(root: Value) -> list[Value]:
    """The leaves, then the operations in the order in which they are computed, which is also that of their names."""
    return sorted(topological_order(root), key=lambda node: node.rule is not None)
