"""The common mistakes that students make with the chain rule, and the numbers that they lead to.

The numbers come from the engine's own steps, added up under a wrong rule.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from engine import rules
from engine.ieee import Float
from engine.rules import Rule
from engine.steps import BackwardStep, backward_steps
from engine.value import Value

Numbers = Mapping[Value, float]
Contribution = Callable[[BackwardStep, float, Numbers], float]
Total = Callable[[list[float], list[BackwardStep], Numbers], Sequence[float]]
Partials = Callable[..., tuple[float, ...]]
Local = Callable[[BackwardStep, Numbers], float]


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong rule that students follow, as a change to one of the formulas that make up the two passes.

    Attributes:
        name: its name in reports.
        hint: what to think about; it names the mistake but does not give the answer.
        contribution: one contribution to a gradient, from its step, the gradient of the sender, and the data of all
            nodes.
        total: the gradient, from its contributions, their steps, and the data. If the mistake has several forms, so
            has the result, the plainest first.
        value: the data of an operation, from its rule and operands; several likewise.
        partials: the wrong local derivatives, by the name of the rule, if that is the mistake; see `wrong_partials`.
        local: the wrong local derivative of a step, from the step and the data; None if the mistake is made elsewhere.
    """

    name: str
    hint: str
    contribution: Contribution = lambda s, upstream, data: upstream * s.local
    total: Total = lambda contributions, steps, data: [sum(contributions)]
    value: Callable[[Rule, Sequence[float]], Sequence[float]] = lambda rule, xs: [rule(*xs)]
    partials: Mapping[str, Partials] = field(default_factory=dict)
    local: Local | None = None

    def gradients(self, steps: list[BackwardStep], upstream: Numbers, data: Numbers) -> Sequence[float]:
        """The gradient of the node that receives these steps, if the mistake is made."""
        return self.total([self.contribution(step, upstream[step.node], data) for step in steps], steps, data)


def wrong_partials(name: str, hint: str, **wrong: Partials) -> Mistake:
    """Wrong lines in the table of derivatives: the partials as functions of (z, x, y) and the constants of the rule.

    >>> swapped = wrong_partials("swapped", "The other operand.", mul=lambda z, x, y: (x, y))
    >>> swapped.partials["mul"](6.0, 2.0, 3.0)
    (2.0, 3.0)
    """

    def local(s: BackwardStep, data: Numbers) -> float:
        partials, rule = wrong.get(s.node.rule.name), s.node.rule
        if partials is None:
            return s.local
        numbers = [data[node] for node in (s.node, *s.node.parents)]
        try:
            return partials(*numbers, *rule.constants)[s.operand]
        except ArithmeticError:  # as in the table of rules, a division by 0 gives what IEEE 754 says
            return float(partials(*map(Float, numbers), *rule.constants)[s.operand])

    return Mistake(name, hint, lambda s, upstream, data: upstream * local(s, data), partials=wrong, local=local)


_CONFUSED_WITH: dict[str, Callable[..., list[float]]] = {  # the results of the operations it is confused with
    "add": lambda x, y: [x * y, x - y],
    "sub": lambda x, y: [x + y],
    "mul": lambda x, y: [x + y],
    "div": lambda x, y: [x * y],
    "maximum": lambda x, y: [rules.minimum(x, y)],
    "power": lambda x, n: [n * x],
    "relu": lambda x: [x],
    "neg": lambda x: [x],
}


def _another_operation(rule: Rule, xs: Sequence[float]) -> Sequence[float]:
    other = _CONFUSED_WITH.get(rule.name)
    return other(*xs, *rule.constants) if other else [rule(*xs)]


def _sums_of_some(contributions: list[float]) -> list[float]:
    return [sum(some) for size in range(1, max(2, len(contributions))) for some in combinations(contributions, size)]


# fmt: off
MISTAKES = (
    Mistake("path forgotten", "A path is missing: every use of a node sends it a contribution, and they are added up.",
            total=lambda contributions, steps, data: _sums_of_some(contributions)),
    Mistake("= for +=", "Only the last contribution was kept: add each one to what is already there (+=, not =).",
            total=lambda contributions, steps, data: contributions[-1:]),
    wrong_partials("minus forgotten", "A minus is missing: there is one in the local derivatives of -x, and of x - y "
                   "and x / y with respect to y.",
                   sub=lambda z, x, y: (1.0, 1.0), neg=lambda z, x: (1.0,), div=lambda z, x, y: (1.0 / y, z / y)),
    Mistake("sign", "The sign is wrong: check the minuses again.",
            total=lambda contributions, steps, data: [-sum(contributions)],
            value=lambda rule, xs: [-rule(*xs)],
            local=lambda s, data: -s.local),
    wrong_partials("swapped", "The wrong operand: the local derivative of x * y with respect to x is y, the other "
                   "operand.",
                   mul=lambda z, x, y: (x, y)),
    wrong_partials("own data", "The result of the operation was used as its local derivative.",
                   mul=lambda z, x, y: (z, z), div=lambda z, x, y: (z, z), power=lambda z, x, n: (z,),
                   relu=lambda z, x: (z,), maximum=lambda z, x, y: (z, z)),
    wrong_partials("square", "The local derivative of x**2 is 2 * x: the exponent comes down in front, and x stays.",
                   power=lambda z, x, n: (x,)),
    wrong_partials("quotient", "The local derivatives of x / y are 1 / y with respect to x, and -x / y**2 with respect "
                   "to y.",
                   div=lambda z, x, y: (y, -z)),
    wrong_partials("closed gate", "The local derivative is 0 for relu of a number below 0, and for the smaller one of "
                   "a max.",
                   relu=lambda z, x: (1.0,), maximum=lambda z, x, y: (1.0, 1.0)),
    Mistake("upstream included", "This is the whole contribution: leave out the upstream gradient, and the local "
            "derivative remains.", local=lambda s, data: s.upstream * s.local),
    Mistake("data for derivative", "This is the data of an operand, but the local derivatives of x + y, x - y and -x "
            "do not depend on any data.",
            local=lambda s, data: data[s.parent] if s.node.rule.name in ("add", "sub", "neg") else s.local),
    Mistake("upstream forgotten", "This is the local derivative alone: multiply it by the upstream gradient.",
            lambda s, upstream, data: s.local),
    Mistake("local forgotten", "The gradient was passed on unchanged: multiply it by the local derivative.",
            lambda s, upstream, data: upstream),
    Mistake("added along the path", "Along a path, multiply; only separate paths are added.",
            lambda s, upstream, data: upstream + s.local),
    Mistake("stale gradient", "It still contains the gradient of an earlier pass: every pass starts from 0.",
            total=lambda contributions, steps, data: [steps[-1].total + sum(contributions), 2 * sum(contributions)]),
    Mistake("started from data", "The pass starts from ∂L/∂L, which is 1, and not from the data of L.",
            lambda s, upstream, data: upstream * s.local * (data[s.node] if s.names[0] == s.names[1] else 1.0)),
    Mistake("data for gradient", "This is the node's data, not its gradient.",
            total=lambda contributions, steps, data: [data[steps[0].parent]]),
    Mistake("operation swapped", "A different operation was carried out from the one that is written.",
            value=_another_operation),
    Mistake("operands swapped", "The order matters: x - y is not y - x, and x / y is not y / x.",
            value=lambda rule, xs: [rule(*(xs[::-1] if rule.name in ("sub", "div") else xs))]),
)
# fmt: on


def forward_with(order: Sequence[Value], mistake: Mistake) -> dict[Value, float]:
    """The data of every node if the mistake is made at every step."""
    data: dict[Value, float] = {}
    for node in order:
        xs = [data[parent] for parent in node.parents]
        data[node] = mistake.value(node.rule, xs)[0] if node.rule else node.data
    return data


def backward_with(
    order: Sequence[Value], contributions: Mapping[Value, list[BackwardStep]], data: Numbers, mistake: Mistake
) -> dict[Value, float]:
    """The gradient of every node if the mistake is made at every step."""
    gradient = {order[-1]: 1.0}
    for node in reversed(order[:-1]):
        gradient[node] = mistake.gradients(contributions[node], gradient, data)[0]
    return gradient


def partials(node: Value, data: Numbers) -> Sequence[float]:
    """The local derivatives of a node for these data: one for each operand, none for a leaf."""
    return node.rule.evaluate_partials(data[node], *(data[parent] for parent in node.parents)) if node.rule else ()


def steps_by_receiver(
    order: Sequence[Value], data: Numbers, locals_of: Mapping[Value, Sequence[float]] | None = None
) -> dict[Value, list[BackwardStep]]:
    """The engine's steps by the node that receives them.

    Args:
        order: the nodes in topological order.
        data: the data of all nodes.
        locals_of: the local derivatives of each node; if None, those for these data.
    """

    def local_derivatives(node: Value) -> Iterable[tuple[Value, float]]:
        return zip(node.parents, partials(node, data) if locals_of is None else locals_of[node])

    found: dict[Value, list[BackwardStep]] = {node: [] for node in order}
    for step in backward_steps(order, local_derivatives, {}):
        found[step.parent].append(step)
    return found
