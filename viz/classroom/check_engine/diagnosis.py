"""Which mistake would make an engine give the numbers that it gives?

Every common mistake is a hypothesis: our own engine's steps are added up under the wrong rule, and if the results are
the numbers of their engine, in the program that failed and in others with the same kinds of line, it is the likely one.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from typing import Any

from engine import rules
from engine.graph import local_derivatives, topological_order
from engine.rules import RULES, Rule
from engine.steps import BackwardStep
from engine.utils.console import printable
from engine.value import Value
from viz.classroom.check_engine.trials import Case, agree
from viz.formulas.mistakes import (
    MISTAKES,
    Contribution,
    Mistake,
    Numbers,
    steps_by_receiver,
    wrong_partials,
)
from viz.formulas.orders import Operands, breadth_first, depth_first, naive_recursion

Fit = Callable[[Case], bool]


@printable
@dataclass(frozen=True)
class Diagnosis:
    """The likely mistake.

    Attributes:
        name: its name.
        hint: what to think about.
        explained: how many of the compared programs the mistake explains.
        compared: how many programs were compared.
    """

    name: str
    hint: str
    explained: int = 1
    compared: int = 1


# Mistakes in the contributions to a gradient: a wrong local derivative, or a contribution that gets lost. Those of the
# worksheets, and the ones that are made in code.


def _multiplied(name: str, hint: str, *shares: int) -> Mistake:
    """The operands of a binary operation get their contributions this many times."""

    def contribution(s: BackwardStep, upstream: float, data: Numbers) -> float:
        return upstream * s.local * (shares[s.operand] if len(s.node.parents) > 1 else 1)

    return Mistake(name, hint, contribution)


def _all_to(operand: int) -> Contribution:
    """This operand gets the contributions of both."""

    def contribution(s: BackwardStep, upstream: float, data: Numbers) -> float:
        if len(s.node.parents) == 1:
            return upstream * s.local
        return upstream * sum(local for _, local in local_derivatives(s.node)) if s.operand == operand else 0.0

    return contribution


def _gate(s: BackwardStep, upstream: float, data: Numbers) -> float:
    return (upstream if upstream > 0 else 0.0) if s.node.rule is rules.relu else upstream * s.local


def _once_from_each(parts: list[float], steps: Sequence[BackwardStep], data: Numbers) -> list[float]:
    """A node that uses this one twice sends only one contribution: the last one, or the first."""
    pairs = [(step.node, part) for step, part in zip(steps, parts)]
    return [sum(dict(pairs).values()), sum(dict(pairs[::-1]).values())]


def _sums_of_some(parts: list[float], steps: Sequence[BackwardStep], data: Numbers) -> list[float]:
    return [sum(some) for size in range(1, len(parts) + 1) for some in combinations(parts, size)] or [0.0]


_ONE_OPERAND = "One operand gets nothing: a binary operation sends a contribution to each of its two operands."
_LATE = (
    "All contributions go to the last operand: a function made in a loop sees the final value of the loop's variable. "
    "Give it a default, def _backward(parent=parent), or loop inside it. Without a loop: is there other instead of "
    "self?"
)
_INPUT_OUTPUT = (
    "The output is used instead of the input, or the input instead of the output: check the formula of the derivative."
)
_POWER = "The local derivative of x**n is n * x**(n - 1):"
_COMMON = {mistake.name: mistake for mistake in MISTAKES}

# fmt: off
GRADIENT_MISTAKES = (
    Mistake("path lost", "A node that an operation uses twice, as in a * a, gets one contribution instead of two: "
            "parents kept in a set or a dict contain it only once.", total=_once_from_each),
    _multiplied("path lost", _ONE_OPERAND, 1, 0), _multiplied("path lost", _ONE_OPERAND, 0, 1),
    _COMMON["minus forgotten"],
    Mistake("sign", "The sign is wrong: check the minuses again.", lambda s, upstream, data: -upstream * s.local),
    _COMMON["swapped"],
    wrong_partials("power rule", f"{_POWER} the exponent comes down as a factor.",
                    power=lambda z, x, n: (x ** (n - 1),)),
    wrong_partials("power rule", f"{_POWER} the exponent is reduced by one.", power=lambda z, x, n: (n * x**n,)),
    wrong_partials("power rule", f"{_POWER} the exponent comes down first, and is reduced by one afterwards.",
                    power=lambda z, x, n: ((n - 1) * x**n,)),
    wrong_partials("power rule", f"{_POWER} 2 * x is right only for the square.", power=lambda z, x, n: (2 * x,)),
    wrong_partials("power rule", f"{_POWER} the power is missing.", power=lambda z, x, n: (n * x,)),
    wrong_partials("input for output", _INPUT_OUTPUT, tanh=lambda z, x: (1 - x * x,),
                    sigmoid=lambda z, x: (x * (1 - x),), exp=lambda z, x: (x,), log=lambda z, x: (1 / z if z else 0.0,),
                    sqrt=lambda z, x: (0.5 / x,), power=lambda z, x, n: rules.power(n).evaluate_partials(0.0, z)),
    replace(_COMMON["own data"], contribution=lambda s, upstream, data: upstream * data[s.node]),
    wrong_partials("square forgotten", "The local derivative of tanh is 1 - tanh(x)**2.", tanh=lambda z, x: (1 - z,)),
    wrong_partials("sign", "The local derivative of tanh is 1 - tanh(x)**2, with a minus.",
                    tanh=lambda z, x: (1 + z * z,)),
    wrong_partials("quotient", "The local derivative of x / y with respect to y is -x / y**2: the square is missing.",
                    div=lambda z, x, y: (1 / y, -z)),
    wrong_partials("quotient", "The local derivative of x / y with respect to y is -x / y**2: the x is missing.",
                    div=lambda z, x, y: (1 / y, -1 / y**2)),
    wrong_partials("quotient", "The local derivatives of x / y are 1 / y with respect to x, and -x / y**2 with "
                    "respect to y; these are those of a product.", div=lambda z, x, y: (y, x)),
    _COMMON["closed gate"],
    Mistake("closed gate", "relu's gate looks at the upstream gradient; it must be open where the input is above 0.",
            _gate),
    wrong_partials("closed gate", "relu's gate is the wrong way round: the local derivative is 1 where the input is "
                    "above 0.", relu=lambda z, x: (0.0 if x > 0 else 1.0,)),
    replace(_COMMON["upstream forgotten"], hint="This is the local derivative alone, or times the gradient of the "
            "result, which is 1: multiply it by the gradient of the node that sends it."),
    _COMMON["local forgotten"],
    _COMMON["added along the path"],
    Mistake("nothing sent", "No contribution arrives: does the operation store its operands and its backward "
            "function, and is that function called? Or does it multiply by the receiver's gradient, which is still 0, "
            "instead of the sender's?", lambda s, upstream, data: 0.0),
    Mistake("nothing sent", "No contribution arrives from an operation with a plain number: does it store the Value?",
            lambda s, upstream, data: upstream * s.local if all(node.label for node in s.node.parents) else 0.0),
    Mistake("self for other", "Everything goes to the first operand: is there self instead of other?", _all_to(0)),
    Mistake("other for self", "Everything goes to the last operand: is there other instead of self?", _all_to(1)),
    Mistake("twice", "Every contribution arrives twice: is it sent by two lines, or by two calls?",
            lambda s, upstream, data: 2 * upstream * s.local),
)
LATE_CLOSURE = _multiplied("late closure", _LATE, 0, 2)  # for all rules together: one loop serves them all
OVERWRITTEN = Mistake("= for +=", "Only one contribution is kept: add each to what is already there (+=, not =).",
                      total=lambda parts, steps, data: parts)
SOME_OVERWRITTEN = Mistake("= for +=", "Some contributions are lost: look for a line with = where += is meant.",
                           total=_sums_of_some)
DATA_MISTAKES = (
    _COMMON["operands swapped"],
    Mistake("power swapped", "The order matters: x**n is not n**x.",
            value=lambda rule, xs: [rules.pow.evaluate(*rule.constants, *xs[::-1]) if rule.name in ("power", "pow")
                                    else rule.evaluate(*xs)]),
    _COMMON["sign"],
    _COMMON["operation swapped"],
)
# fmt: on


def _mixed_up(rule: Rule, lender: Rule) -> Mistake:
    """One function in index of another: its local derivative, or its value."""
    hint = (
        f"{rule.name} has what belongs to {lender.name}. Was it copied? If the functions are made in a loop, each of "
        "them sees the final value of the loop's variable, unless a default keeps an earlier one."
    )

    def contribution(s: BackwardStep, upstream: float, data: Numbers) -> float:
        if s.node.rule is not rule:
            return upstream * s.local
        slope: float = lender.evaluate_partials(lender.evaluate(data[s.parent]), data[s.parent])[0]
        return upstream * slope

    def value(done: Rule, xs: Sequence[float]) -> list[float]:
        return [(lender if done is rule else done).evaluate(*xs)]

    return Mistake("late closure", hint, contribution, value=value)


def _only_at(mistake: Mistake, names: Collection[str]) -> Mistake:
    """The mistake in some rules only, with all others right."""

    def contribution(s: BackwardStep, upstream: float, data: Numbers) -> float:
        return mistake.contribution(s, upstream, data) if s.node.rule.name in names else upstream * s.local

    def value(rule: Rule, xs: Sequence[float]) -> Sequence[float]:
        return mistake.value(rule, xs) if rule.name in names else [rule.evaluate(*xs)]

    def total(parts: list[float], steps: list[BackwardStep], data: Numbers) -> Sequence[float]:
        wrong = [(s, p) for s, p in zip(steps, parts) if s.node.rule.name in names]
        if not wrong:
            return [sum(parts)]
        forms = mistake.total([p for _, p in wrong], [s for s, _ in wrong], data)
        return [form + sum(p for s, p in zip(steps, parts) if s.node.rule.name not in names) for form in forms]

    return replace(mistake, contribution=contribution, value=value, total=total)


def _fits_data(mistake: Mistake) -> Fit:
    def fits(case: Case) -> bool:
        theirs = _numbers(case.nodes, case.data)
        for node in _graph(case):
            xs = [theirs.get(parent, parent.data) for parent in node.parents]
            if node in theirs and node.rule and not any(agree(x, theirs[node]) for x in mistake.value(node.rule, xs)):
                return False
        return True

    return fits


def _fits_gradients(mistake: Mistake) -> Fit:
    """Each node's gradient is what the mistake makes of the gradients of its users, which are theirs too."""

    def fits(case: Case) -> bool:
        theirs = _numbers(case.nodes, case.grad)
        order = topological_order(case.nodes[-1])
        data = {node: node.data for node in order}
        received = steps_by_receiver(order, data)
        upstream = {order[-1]: 1.0}
        for node in reversed(order[:-1]):
            forms = [float(x) for x in mistake.gradients(received[node], upstream, data)]
            upstream[node] = theirs.get(node, forms[0])
            if not any(agree(x, upstream[node]) for x in forms):
                return False
        return agree(theirs.get(order[-1], 1.0), 1.0) or not order[-1].rule

    return fits


def _numbers(nodes: Iterable[Value], found: Iterable[Any]) -> dict[Value, float]:
    return {node: x for node, x in zip(nodes, found) if isinstance(x, float)}


def _graph(case: Case) -> list[Value]:
    """All nodes, including constants, in topological order."""
    return list(dict.fromkeys(node for root in case.nodes for node in topological_order(root)))


# Mistakes in the order in which nodes pass their gradients on.

Order = Callable[[Value, Operands], Mapping[Value, float]]  # the gradients that result from an order


def _skipping_unstored(names: Collection[str], stored: int) -> Callable[[Value, Operands], Iterator[Value]]:
    """The right order, without the nodes that are reached only through operands that these rules do not store."""

    def order(root: Value, operands: Operands) -> Iterator[Value]:
        reached = {root}
        for node in reversed(topological_order(root)):
            if node in reached and node.rule:
                yield node
                reached |= set(node.parents[:stored] if node.rule.name in names else node.parents)

    return order


def _sending_in(order: Callable[[Value, Operands], Iterable[Value]]) -> Order:
    """The nodes of an order, one after another, send on the gradient that they have."""

    def gradients(root: Value, operands: Operands) -> dict[Value, float]:
        got = defaultdict(float, {root: 1.0})
        for node in islice(order(root, operands), 1000):
            for parent, local in local_derivatives(node):
                got[parent] += got[node] * local
        return got

    return gradients


def _edge_by_edge(root: Value, operands: Operands) -> dict[Value, float]:
    """Send to one operand, do the same there, and continue with the next operand."""
    got = defaultdict(float, {root: 1.0})

    def visit(node: Value) -> None:
        places = operands(node)
        for parent, local in sorted(local_derivatives(node), key=lambda edge: places.index(edge[0])):
            got[parent] += got[node] * local
            visit(parent)

    visit(root)
    return got


_NOT_STORED = (
    "The operands of an operation send nothing on, because they are not in the order: does the operation store its "
    "operands?"
)
_TOPOLOGICAL = "A node must wait for all the nodes that use it: go through a topological order in reverse."
# fmt: off
ORDERS: tuple[tuple[str, str, Order], ...] = (
    ("order not reversed", "The pass runs from the leaves to the result, or stops after its first node: it has to "
                           "begin "
     "at the result, and go on. Is a return indented too far, into the loop? Or are no operands stored?",
     _sending_in(lambda root, operands: topological_order(root))),
    ("wrong order", f"A node passes its gradient on at every visit, including what it has passed on before. "
     f"{_TOPOLOGICAL} Or is the set of visited nodes missing?", _sending_in(naive_recursion)),
    ("wrong order", f"A node passes its gradient on as soon as anything arrives. {_TOPOLOGICAL}", _edge_by_edge),
    ("wrong order", f"A node passes its gradient on before it is complete. {_TOPOLOGICAL}", _sending_in(depth_first)),
    ("wrong order", f"A node passes its gradient on before it is complete. {_TOPOLOGICAL}", _sending_in(breadth_first)),
)
# fmt: on


def _fits_order(gradients: Order) -> Fit:
    """Run in that order. Either operand may come first, as in a set, but always the same one."""

    def fits(case: Case) -> bool:
        root = case.nodes[-1]
        forks = [node for node in topological_order(root) if len(set(node.parents)) > 1]
        theirs = _numbers(case.nodes, case.grad)
        for turned in islice(product((False, True), repeat=len(forks)), 64):
            back = {node for node, turn in zip(forks, turned) if turn}
            for once in (False, True):  # parents in a set: a * a has one
                got = gradients(root, _operands(back, once))
                if all(agree(got[node], x) for node, x in theirs.items()):
                    return True
        return False

    return fits


def _operands(back: Collection[Value], once: bool) -> Operands:
    def operands(node: Value) -> Sequence[Value]:
        found = tuple(dict.fromkeys(node.parents)) if once else node.parents
        return found[::-1] if node in back else found

    return operands


_STARTS = (
    "Every node's gradient is set to 1 on the way: only the result starts with 1. If backward() calls the backward() "
    "of the operands, move the walk into a function inside it."
)


def _all_ones(case: Case) -> bool:
    return all(agree(x, 1.0) for x in case.grad)


# Mistakes between one backward pass and the next.


Walk = Callable[[list[Value], list[Value]], list[Value]]


def _new(kept: list[Value], order: list[Value]) -> list[Value]:
    return [node for node in order if node not in kept]


def _fits_passes(fresh: Callable[[Value], bool], start: float = 0.0, walk: Walk = lambda kept, order: order) -> Fit:
    """Each pass starts with 0 at nodes that are `fresh`, and with 1 at its root, plus `start` times the old gradient.

    The order it follows depends on the nodes kept from earlier passes and on the right order.
    """

    def fits(case: Case) -> bool:
        grad = dict.fromkeys(_graph(case), 0.0)
        kept: list[Value] = []
        for index in case.program.passes:
            order = topological_order(case.nodes[index])
            for node in order:
                if fresh(node):
                    grad[node] = 0.0
            grad[order[-1]] = 1.0 + start * grad[order[-1]]
            for node in reversed(walk(kept, order)):
                for parent, local in local_derivatives(node):
                    grad[parent] += grad[node] * local
            kept += _new(kept, order)
        theirs = _numbers(case.nodes[: len(case.program.leaves)], case.grad)
        return all(agree(grad[node], x) for node, x in theirs.items())

    return fits


_STALE = (
    "The gradients of an earlier backward pass are still in the interior nodes, and are passed on again: set them to 0 "
    "before a pass starts. Only leaves accumulate over several passes."
)
_KEPT = (
    "A backward pass finds the nodes that an earlier one visited: start each pass with a new list and a new set; one "
    "in a default argument or in the class is kept."
)
# fmt: off
PASSES: tuple[tuple[str, str, Fit], ...] = (
    ("repeated backward", _STALE, _fits_passes(lambda node: False)),
    ("repeated backward", _STALE, _fits_passes(lambda node: False, start=1.0)),
    ("leaves reset", "A backward pass sets the gradients of leaves to 0, but two losses have to add up there. Set "
     "only those of the interior nodes to 0.", _fits_passes(lambda node: True)),
    ("leaves reset", "A backward pass sets the gradients of leaves to 0, but two losses have to add up there.",
     _fits_passes(lambda node: node.rule is None)),
    ("kept between passes", _KEPT, _fits_passes(lambda node: False, walk=_new)),
    ("kept between passes", _KEPT,
     _fits_passes(lambda node: False, walk=lambda kept, order: kept + _new(kept, order))),
)
# fmt: on


# Which of them it is.


def hypotheses(case: Case) -> Iterator[tuple[str, str, Fit]]:
    """The name, hint and test of every mistake that could be behind a case, the more specific ones first."""
    if case.program.is_twice:
        yield from PASSES
        return
    here = {node.rule.name: node.rule for node in _graph(case) if node.rule}
    scopes = [*([list(here)] if len(here) > 1 else []), *([name] for name in here)]
    unary = [name for name in here if name in _UNARY]
    mixed_up = [_mixed_up(here[name], RULES[other]) for name in unary for other in _UNARY if other != name]
    if case.fault == "data":
        for mistake in [*[_only_at(mistake, scope) for scope in scopes for mistake in DATA_MISTAKES], *mixed_up]:
            yield mistake.name, mistake.hint, _fits_data(mistake)
        return
    for mistake in (
        LATE_CLOSURE,
        *GRADIENT_MISTAKES,
        *[_only_at(mistake, scope) for scope in scopes for mistake in GRADIENT_MISTAKES],
    ):
        yield mistake.name, mistake.hint, _fits_gradients(mistake)
    yield OVERWRITTEN.name, OVERWRITTEN.hint, _fits_gradients(OVERWRITTEN)
    yield "started at every node", _STARTS, _all_ones  # in sums alone, the one before gives the same numbers
    for mistake in mixed_up:
        yield mistake.name, mistake.hint, _fits_gradients(mistake)
    for name, hint, order in ORDERS:
        yield name, hint, _fits_order(order)
    for scope, stored in product(scopes, (0, 1)):
        yield "operands not stored", _NOT_STORED, _fits_order(_sending_in(_skipping_unstored(scope, stored)))
    yield SOME_OVERWRITTEN.name, SOME_OVERWRITTEN.hint, _fits_gradients(SOME_OVERWRITTEN)


_UNARY = ("relu", "tanh", "exp", "log", "sigmoid", "sqrt", "sin", "cos")


def diagnose(case: Case, others: Sequence[Case], further: Sequence[Case] = ()) -> Diagnosis | None:
    """The mistake that explains this case and the most of the others, if it explains nine tenths of them.

    A tie is decided by some further cases.
    """
    best, most = None, (0, 0)
    for name, hint, fits in hypotheses(case):
        if fits(case):
            explained = 1 + sum(map(fits, others))
            if explained >= most[0]:
                score = explained, sum(map(fits, further))
                if score > most:
                    best, most = Diagnosis(name, hint, explained, 1 + len(others)), score
    return best if best and 10 * best.explained >= 9 * best.compared else None
