"""The chain rule in slow motion: a record for every operation, and for every message a node sends to an operand.

`graph.chain_rule` is the same two lines without the writing down.

>>> from engine import Value
>>> a = Value(3.0, "a")
>>> y = a * a
>>> for step in y.forward_steps():
...     print(step)
v1 = a * a = 3 * 3 = 9
>>> for step in y.backward_steps():  # leaves the gradients that backward() leaves
...     print(step)
∂v1/∂a += ∂v1/∂v1 · ∂v1/∂a = 1 · 3 = 3   (a has 1 of 2 contributions)
∂v1/∂a += ∂v1/∂v1 · ∂v1/∂a = 1 · 3 = 3   (a has 2 of 2 contributions)
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from engine.modes import SourceLine
from engine.names import called, in_brackets, number
from engine.rules import RULES, Rule

LocalDerivatives = Callable[[Any], Iterable[tuple[Any, float]]]


@dataclass(frozen=True, slots=True)
class ForwardStep:
    """One operation: the node it made, and what of.

    Attributes:
        node: the node.
        value: its number.
        operands: the numbers it was made from.
        name: what the node is called.
        operand_names: what the operands are called.
        line: the line of code that made it, if lines were recorded (`record_lines`).
    """

    node: Any
    value: float
    operands: tuple[float, ...]
    name: str
    operand_names: tuple[str, ...]
    line: SourceLine | None

    def __str__(self) -> str:
        symbols = written(self.node.rule, self.operand_names)
        numbers = written(self.node.rule, [in_brackets(number(x)) for x in self.operands])
        return f"{self.name} = {symbols} = {numbers} = {number(self.value)}"


@dataclass(frozen=True, slots=True)
class BackwardStep:
    """One application of the chain rule: what a node passes on to one of its operands.

    Attributes:
        node: who sends.
        parent: who receives, an operand of the node.
        operand: which operand, counted from 0: in ``a * a`` both are the same node.
        upstream: ``∂root/∂node``, the gradient the sender has.
        local: ``∂node/∂parent``.
        product: upstream times local; 0 where upstream is 0, even through an infinite slope.
        before: what the receiver had.
        total: what it has now.
        received: how many contributions it has had, this one included.
        expected: how many it waits for.
        names: what the root, the sender and the receiver are called.
        line: the line of code that made the sender, if lines were recorded (`record_lines`).
    """

    node: Any
    parent: Any
    operand: int
    upstream: float
    local: float
    product: float
    before: float
    total: float
    received: int
    expected: int
    names: tuple[str, str, str]
    line: SourceLine | None

    def __str__(self) -> str:
        root, node, parent = self.names
        factors = f"{number(self.upstream)} · {in_brackets(number(self.local))}"
        return (
            f"∂{root}/∂{parent} += ∂{root}/∂{node} · ∂{node}/∂{parent} = {factors} = {number(self.product)}"
            f"   ({parent} has {self.received} of {self.expected} contribution{'s' * (self.expected != 1)})"
        )


def forward_steps(
    order: Sequence[Any], lines: Mapping[Any, SourceLine], names: Mapping[str, Any] | None = None
) -> Iterator[ForwardStep]:
    """A record for every operation among the nodes."""
    name = called(order, names)
    for node in order:
        if node.rule is not None:
            numbers = tuple(parent.data for parent in node.parents)
            parents = tuple(name[parent] for parent in node.parents)
            yield ForwardStep(node, node.data, numbers, name[node], parents, lines.get(node))


def backward_steps(
    order: Sequence[Any],
    local_derivatives: LocalDerivatives,
    lines: Mapping[Any, SourceLine],
    names: Mapping[str, Any] | None = None,
    firing: Iterable[Any] | None = None,
) -> Iterator[BackwardStep]:
    """A record for every application of the chain rule; no node is changed.

    Args:
        order: the nodes in topological order, the root last.
        local_derivatives: gives a node's operands, each with its local derivative.
        lines: the source lines that are known.
        names: as for `called`.
        firing: which node passes its gradient on, one after another; from the root backwards if not given. Any other
            order is there to show what goes wrong with it.
    """
    root, name = order[-1], called(order, names)
    expected = Counter(parent for node in order for parent in node.parents)
    received: Counter[Any] = Counter()
    gradient = dict.fromkeys(order, 0.0)
    gradient[root] = 1.0
    for node in reversed(order) if firing is None else firing:
        upstream = gradient[node]
        try:
            found = list(local_derivatives(node))
        except Exception:
            if upstream != 0.0:
                raise
            found = [(parent, nan) for parent in node.parents]  # where nothing is passed on, no slope is asked for
        for operand, (parent, local) in enumerate(found):
            product = upstream * local if upstream != 0.0 else 0.0
            before = gradient[parent]
            gradient[parent] = before + product
            received[parent] += 1
            yield BackwardStep(
                node, parent, operand, upstream, local, product, before, gradient[parent], received[parent],
                expected[parent], (name[root], name[node], name[parent]), lines.get(node),
            )  # fmt: skip


def running_totals(order: Sequence[Any], steps: Iterable[BackwardStep]) -> Iterator[BackwardStep]:
    """The steps, one at a time, with the gradients of the nodes as they are at each.

    After the last they are what `Value.backward` leaves, on leaves added to what was there. Stop before that, and they
    stay half done: `Value.zero_grad` clears them.
    """
    before = {node: float(node.grad or 0.0) for node in order if node.rule is None}
    for node in order:
        node.grad = before.get(node, 0.0)
    order[-1].grad += 1.0
    for step in steps:
        step.parent.grad = step.total + before.get(step.parent, 0.0)
        yield step


_BETWEEN = {"add": "+", "sub": "-", "mul": "*", "zero_mul": "*", "div": "/", "zero_div": "/", "pow": "**"}


def table_name(rule: Rule) -> str:
    """What a rule is called in the table or which family it is of; empty for a rule of a user's own.

    >>> from engine import rules
    >>> table_name(rules.mul), table_name(rules.power(2.0)), table_name(Rule("power", max, lambda z, x, y: (1.0, 1.0)))
    ('mul', 'power', '')
    """
    return rule.name if rule.constants or RULES.get(rule.name) is rule else ""


def written(rule: Rule, operands: Sequence[str]) -> str:
    """A rule of operands as Python would write it.

    >>> from engine import rules
    >>> written(rules.mul, ["a", "b"]), written(rules.power(2.0), ["a"]), written(rules.sin, ["a"])
    ('a * b', 'a**2', 'sin(a)')
    """
    name = table_name(rule)
    if name in _BETWEEN:
        return f" {_BETWEEN[name]} ".join(operands)
    if name == "power":
        return f"{operands[0]}**{rule.symbol.removeprefix('**')}"
    if name == "neg":
        return f"-{operands[0]}"
    if name == "select":
        return operands[0]
    listed = [x[1:-1] if x.startswith("(-") and x.endswith(")") else x for x in operands]  # commas part them already
    if name in ("softmax", "log_softmax"):
        return f"{rule.symbol}({', '.join(listed)})" + "".join(f"[{i}]" for i in rule.constants)
    return f"{rule.symbol}({', '.join([*listed, *map(number, rule.constants)])})"
