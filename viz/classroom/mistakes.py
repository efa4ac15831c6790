"""The usual mistakes of students with the chain rule, and what numbers they lead to.

Nothing is computed beside the engine: its own steps are folded under a wrong rule.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from engine import rules
from engine.rules import Rule
from engine.steps import BackwardStep, backward_steps
from engine.value import Value

Numbers = Mapping[Value, float]
Part = Callable[[BackwardStep, float, Numbers], float]
Total = Callable[[list[float], list[BackwardStep], Numbers], Sequence[float]]


@dataclass(frozen=True)
class Mistake:
    """A wrong rule that students follow, as a change to one of the three things that make up the two passes.

    Attributes:
        name: what a report calls it.
        hint: what to think about; it names the mistake and not the answer.
        part: one contribution to a gradient: of its step, the gradient of the sender, and the data of all nodes.
        total: the gradient: of all its contributions, their steps, and the data. There are several where the mistake
            has several forms, the plainest first.
        value: the data of an operation: of its rule and operands; several likewise.
    """

    name: str
    hint: str
    part: Part = lambda s, upstream, data: upstream * s.local
    total: Total = lambda parts, steps, data: [sum(parts)]
    value: Callable[[Rule, Sequence[float]], Sequence[float]] = lambda rule, xs: [rule.evaluate(*xs)]

    def gradients(self, steps: list[BackwardStep], upstream: Numbers, data: Numbers) -> Sequence[float]:
        """What the node that receives these steps gets for its gradient."""
        return self.total([self.part(step, upstream[step.node], data) for step in steps], steps, data)


def _local(names: str, wrong: Callable[[BackwardStep, Numbers], float]) -> Part:
    """A contribution with a wrong local derivative for the rules of these names."""
    return lambda s, upstream, data: upstream * (wrong(s, data) if s.node.rule.name in names.split() else s.local)


_TAKEN_FOR_IT: dict[str, Callable[..., list[float]]] = {  # what the operation is mistaken for gives
    "add": lambda x, y: [x * y, x - y],
    "sub": lambda x, y: [x + y],
    "mul": lambda x, y: [x + y],
    "div": lambda x, y: [x * y],
    "maximum": lambda x, y: [min(x, y)],
    "power": lambda x, n: [n * x],
    "relu": lambda x: [x],
    "neg": lambda x: [x],
}


def _another_operation(rule: Rule, xs: Sequence[float]) -> Sequence[float]:
    other = _TAKEN_FOR_IT.get(rule.name)
    return other(*xs, *rule.constants) if other else [rule.evaluate(*xs)]


def _partial_sums(parts: list[float]) -> list[float]:
    return [sum(some) for size in range(1, max(2, len(parts))) for some in combinations(parts, size)]


# fmt: off
MISTAKES = (
    Mistake("path forgotten", "A path is missing: every use of a node sends it a contribution, and they are all added.",
            total=lambda parts, steps, data: _partial_sums(parts)),
    Mistake("= for +=", "Only the last contribution is kept: each one is added to what is already there (+=, not =).",
            total=lambda parts, steps, data: parts[-1:]),
    Mistake("minus forgotten", "A minus is forgotten: -x has one in its local derivative, and x - y and x / y by y.",
            _local("sub neg div", lambda s, data: -s.local if s.operand or s.node.rule is rules.neg else s.local)),
    Mistake("sign", "The sign is the wrong way round: go through the minuses once more.",
            total=lambda parts, steps, data: [-sum(parts)], value=lambda rule, xs: [-rule.evaluate(*xs)]),
    Mistake("swapped", "The wrong operand: the local derivative of x * y by x is the other operand, y, and not x.",
            _local("mul", lambda s, data: data[s.parent])),
    Mistake("own data", "The result of the operation is taken for its local derivative.",
            _local("mul div power relu maximum", lambda s, data: data[s.node])),
    Mistake("square", "The local derivative of x**2 is 2 * x: the exponent comes down in front, and x stays.",
            _local("power", lambda s, data: data[s.parent])),
    Mistake("quotient", "The local derivative of x / y is 1 / y by x, and -x / y**2 by y.",
            _local("div", lambda s, data: -data[s.node] if s.operand else data[s.node.parents[1]])),
    Mistake("closed gate", "Where relu has a number below 0, and max the smaller one, the local derivative is 0.",
            _local("relu maximum", lambda s, data: 1.0)),
    Mistake("upstream forgotten", "The local derivative stands alone: multiply it by the gradient that arrives.",
            lambda s, upstream, data: s.local),
    Mistake("local forgotten", "The gradient is handed on as it came: multiply it by the local derivative.",
            lambda s, upstream, data: upstream),
    Mistake("added along the path", "Along a path the numbers are multiplied; only different paths are added.",
            lambda s, upstream, data: upstream + s.local),
    Mistake("stale gradient", "The gradient of an earlier pass is still in it: every pass starts from 0.",
            total=lambda parts, steps, data: [steps[-1].total + sum(parts), 2 * sum(parts)]),
    Mistake("started from data", "The pass starts from the gradient of L by itself, which is 1, and not from its data.",
            lambda s, upstream, data: upstream * s.local * (data[s.node] if s.names[0] == s.names[1] else 1.0)),
    Mistake("data for gradient", "This is the data of the node, and not its gradient.",
            total=lambda parts, steps, data: [data[steps[0].parent]]),
    Mistake("operation swapped", "Another operation was done than the one that stands there.",
            value=_another_operation),
    Mistake("operands swapped", "The order matters: x - y is not y - x, and x / y is not y / x.",
            value=lambda rule, xs: [rule.evaluate(*(xs[::-1] if rule.name in ("sub", "div") else xs))]),
)
# fmt: on


def values(order: Sequence[Value], mistake: Mistake) -> dict[Value, float]:
    """The data of every node if the mistake is made all the way."""
    data: dict[Value, float] = {}
    for node in order:
        xs = [data[parent] for parent in node.parents]
        data[node] = mistake.value(node.rule, xs)[0] if node.rule else node.data
    return data


def gradients(
    order: Sequence[Value], contributions: Mapping[Value, list[BackwardStep]], data: Numbers, mistake: Mistake
) -> dict[Value, float]:
    """The gradient of every node if the mistake is made all the way."""
    gradient = {order[-1]: 1.0}
    for node in reversed(order[:-1]):
        gradient[node] = mistake.gradients(contributions[node], gradient, data)[0]
    return gradient


def received_at(order: Sequence[Value], data: Numbers) -> dict[Value, list[BackwardStep]]:
    """The engine's steps to every node, with the local derivatives at these data."""

    def local_derivatives(node: Value) -> Iterable[tuple[Value, float]]:
        xs = [data[parent] for parent in node.parents]
        return zip(node.parents, node.rule.slopes(data[node], *xs)) if node.rule else ()

    found: dict[Value, list[BackwardStep]] = {node: [] for node in order}
    for step in backward_steps(order, local_derivatives, {}):
        found[step.parent].append(step)
    return found
