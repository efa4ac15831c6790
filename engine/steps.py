"""The chain rule in slow motion: a record for every operation, and for every contribution sent to an operand.

`graph.chain_rule` is the same two lines without the records.

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
from engine.names import in_brackets, node_names, number
from engine.rules import RULES, Rule
from engine.utils.console import printable

LocalDerivatives = Callable[[Any], Iterable[tuple[Any, float]]]


@printable
@dataclass(frozen=True, slots=True)
class ForwardStep:
    """One operation: the node it made, and from which operands.

    Attributes:
        node: the node.
        value: its number.
        operands: the numbers it was computed from.
        name: the name of the node.
        operand_names: the names of the operands.
        line: the line of code that made it, if lines were recorded (`record_lines`).
    """

    node: Any
    value: float
    operands: tuple[float, ...]
    name: str
    operand_names: tuple[str, ...]
    line: SourceLine | None

    def __str__(self) -> str:
        symbols = as_python(self.node.rule, self.operand_names)
        numbers = as_python(self.node.rule, [in_brackets(number(x)) for x in self.operands])
        return f"{self.name} = {symbols} = {numbers} = {number(self.value)}"


@printable
@dataclass(frozen=True, slots=True)
class BackwardStep:
    """One application of the chain rule: what a node sends to one of its operands.

    Attributes:
        node: the sender.
        parent: the receiver, an operand of the node.
        operand: which operand it is, counted from 0; in ``a * a`` both are the same node.
        upstream: ``∂root/∂node``, the gradient of the sender.
        local: ``∂node/∂parent``.
        product: upstream times local; 0 where upstream is 0, even if local is infinite.
        before: the gradient of the receiver before this step.
        total: its gradient after this step.
        received: how many contributions it has received, including this one.
        expected: how many it will receive in all.
        names: the names of the root, the sender and the receiver.
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
    """A record for every operation in the graph."""
    name = node_names(order, names)
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
        names: as for `node_names`.
        firing: the order in which nodes send their gradient on; if None, reverse topological order. Any other order is
            there to show what goes wrong.
    """
    root, name = order[-1], node_names(order, names)
    expected = Counter(parent for node in order for parent in node.parents)
    received = dict.fromkeys(order, 0)
    gradient = dict.fromkeys(order, 0.0)
    gradient[root] = 1.0
    for node in reversed(order) if firing is None else firing:
        upstream = gradient[node]
        try:
            found = list(local_derivatives(node))
        except Exception:
            if upstream != 0.0:
                raise
            found = [(parent, nan) for parent in node.parents]  # nothing is sent on, so the derivatives are not needed
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
    """The steps, one at a time, while the nodes' gradients are brought up to date with each.

    After the last step they are what `Value.backward` leaves (on leaves, added to what was there). If you stop before
    that, they are left unfinished, and `Value.zero_grad` clears them.
    """
    before = {node: float(node.grad or 0.0) for node in order if node.rule is None}
    for node in order:
        node.grad = before.get(node, 0.0)
    order[-1].grad += 1.0
    for step in steps:
        step.parent.grad = step.total + before.get(step.parent, 0.0)
        yield step


_INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "zero_mul": "*",
    "strong_mul": "*",
    "mod": "%",
    "div": "/",
    "zero_div": "/",
    "pow": "**",
}


def builtin_name(rule: Rule) -> str:
    """The name of a rule in the table, or of its family; empty for a rule that a user has written.

    >>> from engine import rules
    >>> own = Rule("power", max, lambda z, x, y: (1.0, 1.0))
    >>> builtin_name(rules.mul), builtin_name(rules.power(2.0)), builtin_name(own)
    ('mul', 'power', '')
    """
    return rule.name if rule.constants or RULES.get(rule.name) is rule else ""


def as_python(rule: Rule, operands: Sequence[str]) -> str:
    """A rule applied to operands, as it would be written in Python.

    >>> from engine import rules
    >>> as_python(rules.mul, ["a", "b"]), as_python(rules.power(2.0), ["a"]), as_python(rules.sin, ["a"])
    ('a * b', 'a**2', 'sin(a)')
    """
    name = builtin_name(rule)
    if name in _INFIX:
        return f" {_INFIX[name]} ".join(operands)
    if name == "power":
        return f"{operands[0]}**{rule.symbol.removeprefix('**')}"
    if name == "neg":
        return f"-{operands[0]}"
    if name == "select":
        return operands[0]
    listed = [x[1:-1] if x.startswith("(-") and x.endswith(")") else x for x in operands]  # commas are enough
    if name in ("softmax", "log_softmax"):
        return f"{rule.symbol}({', '.join(listed)})" + "".join(f"[{i}]" for i in rule.constants)
    return f"{rule.symbol}({', '.join([*listed, *map(number, rule.constants)])})"
