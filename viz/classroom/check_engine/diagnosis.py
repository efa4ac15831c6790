"""Which mistake in an engine gives the numbers that it gives?

Every usual mistake is a hypothesis: our own engine's steps are folded under the wrong rule, and if the numbers that
come out are theirs, in the program that failed and in others of the same kinds of line, it is the likely one.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from typing import Any

from engine import rules
from engine.graph import topological_order
from engine.rules import RULES, Rule
from engine.steps import BackwardStep
from engine.value import Value, local_derivatives
from viz.classroom.check_engine.trials import Case, same
from viz.classroom.mistakes import MISTAKES, Mistake, Numbers, Part, received_at
from viz.formulas.orders import Operands, breadth_first, depth_first, naive_recursion

Fit = Callable[[Case], bool]


@dataclass(frozen=True)
class Diagnosis:
    """The likely mistake.

    Attributes:
        name: what it is called.
        hint: what to think about.
        explained: how many of the programs compared come out as they do if the mistake is made.
        compared: how many were compared.
    """

    name: str
    hint: str
    explained: int = 1
    compared: int = 1


# Mistakes in one kind of message: a wrong local derivative, or a contribution that is lost. Beside those of the
# worksheets, the ones that are made in code.


def _slope(name: str, hint: str, **wrong: Callable[..., tuple[float, ...]]) -> Mistake:
    """Wrong lines in the table of derivatives: the partials of (z, x, y), and of the constants of the rule."""

    def part(s: BackwardStep, upstream: float, data: Numbers) -> float:
        partials, rule = wrong.get(s.node.rule.name), s.node.rule
        if partials is None:
            return upstream * s.local
        xs = [data[parent] for parent in s.node.parents]
        return upstream * partials(data[s.node], *xs, *rule.constants)[s.operand]

    return Mistake(name, hint, part)


def _shares(name: str, hint: str, *shares: int) -> Mistake:
    """Of an operation of two, the operands get so many times what is theirs."""

    def part(s: BackwardStep, upstream: float, data: Numbers) -> float:
        return upstream * s.local * (shares[s.operand] if len(s.node.parents) > 1 else 1)

    return Mistake(name, hint, part)


def _all_to(operand: int) -> Part:
    """This operand gets what is meant for both."""

    def part(s: BackwardStep, upstream: float, data: Numbers) -> float:
        if len(s.node.parents) == 1:
            return upstream * s.local
        return upstream * sum(local for _, local in local_derivatives(s.node)) if s.operand == operand else 0.0

    return part


def _gate(s: BackwardStep, upstream: float, data: Numbers) -> float:
    return (upstream if upstream > 0 else 0.0) if s.node.rule is rules.relu else upstream * s.local


def _once_from_each(parts: list[float], steps: Sequence[BackwardStep], data: Numbers) -> list[float]:
    """A node that uses this one twice sends once: the last of its contributions, or the first."""
    pairs = [(step.node, part) for step, part in zip(steps, parts)]
    return [sum(dict(pairs).values()), sum(dict(pairs[::-1]).values())]


def _some(parts: list[float], steps: Sequence[BackwardStep], data: Numbers) -> list[float]:
    return [sum(some) for size in range(1, len(parts) + 1) for some in combinations(parts, size)] or [0.0]


_NO_PATH = "An operand gets nothing: an operation of two sends a contribution to each of them."
_LATE = (
    "All contributions go to the last operand: a function made in a loop sees the loop's variable as it is at the end. "
    "Give it a default, def _backward(parent=parent), or loop inside of it. Without a loop: is other written for self?"
)
_UNLIKE = "The output stands where the input is meant, or the other way round: go back to the derivative's formula."
_USUAL = {mistake.name: mistake for mistake in MISTAKES}

# fmt: off
IN_MESSAGES = (
    Mistake("path lost", "A node that is used twice by one operation, as in a * a, gets one contribution and not two: "
            "parents kept in a set, or in a dict, hold it once.", total=_once_from_each),
    _shares("path lost", _NO_PATH, 1, 0), _shares("path lost", _NO_PATH, 0, 1),
    _USUAL["minus forgotten"],
    Mistake("sign", "The sign is the wrong way round: go through the minuses once more.",
            lambda s, upstream, data: -upstream * s.local),
    _USUAL["swapped"],
    _slope("power rule", "The local derivative of x**n is n * x**(n - 1): the exponent comes down as a factor.",
           power=lambda z, x, n: (x ** (n - 1),)),
    _slope("power rule", "The local derivative of x**n is n * x**(n - 1): the exponent is one less afterwards.",
           power=lambda z, x, n: (n * x**n,)),
    _slope("power rule", "The local derivative of x**n is n * x**(n - 1): the exponent comes down as it is, and is one "
           "less afterwards.", power=lambda z, x, n: ((n - 1) * x**n,)),
    _slope("power rule", "The local derivative of x**n is n * x**(n - 1): 2 * x is that of the square alone.",
           power=lambda z, x, n: (2 * x,)),
    _slope("power rule", "The local derivative of x**n is n * x**(n - 1): the power has gone from it.",
           power=lambda z, x, n: (n * x,)),
    _slope("input for output", _UNLIKE, tanh=lambda z, x: (1 - x * x,), sigmoid=lambda z, x: (x * (1 - x),),
           exp=lambda z, x: (x,), log=lambda z, x: (1 / z if z else 0.0,), sqrt=lambda z, x: (0.5 / x,),
           power=lambda z, x, n: rules.power(n).slopes(0.0, z)),
    replace(_USUAL["own data"], part=lambda s, upstream, data: upstream * data[s.node]),
    _slope("square forgotten", "The local derivative of tanh is 1 - tanh(x)**2.", tanh=lambda z, x: (1 - z,)),
    _slope("sign", "The local derivative of tanh is 1 - tanh(x)**2, with a minus.", tanh=lambda z, x: (1 + z * z,)),
    _slope("quotient", "The local derivative of x / y by y is -x / y**2: the square is forgotten.",
           div=lambda z, x, y: (1 / y, -z)),
    _slope("quotient", "The local derivative of x / y by y is -x / y**2: the x is forgotten.",
           div=lambda z, x, y: (1 / y, -1 / y**2)),
    _slope("quotient", "The local derivative of x / y by x is 1 / y, by y it is -x / y**2; those of a product stand "
           "here.", div=lambda z, x, y: (y, x)),
    _USUAL["closed gate"],
    Mistake("closed gate", "relu's gate looks at the gradient that arrives: it is open where the input is above 0.",
            _gate),
    _slope("closed gate", "relu's gate is the wrong way round: the local derivative is 1 where the input is above 0.",
           relu=lambda z, x: (0.0 if x > 0 else 1.0,)),
    replace(_USUAL["upstream forgotten"], hint="The local derivative stands alone, or beside the gradient of the "
            "result, which is 1: multiply it by the gradient of the node that sends it."),
    _USUAL["local forgotten"],
    _USUAL["added along the path"],
    Mistake("nothing sent", "No contribution arrives: does the operation store its operands and its backward "
            "function, and is that called? Or is it multiplied by the gradient of the receiver, still 0, and not by "
            "the sender's?", lambda s, upstream, data: 0.0),
    Mistake("nothing sent", "No contribution arrives from an operation with a plain number: does it store the Value?",
            lambda s, upstream, data: upstream * s.local if all(node.label for node in s.node.parents) else 0.0),
    Mistake("self for other", "Everything goes to the first operand: is self written for other?", _all_to(0)),
    Mistake("other for self", "Everything goes to the last operand: is other written for self?", _all_to(1)),
    Mistake("twice", "Every contribution arrives twice: is it sent by two lines, or two calls?",
            lambda s, upstream, data: 2 * upstream * s.local),
)
LATE = _shares("late closure", _LATE, 0, 2)  # of all rules together: a loop serves them all
OVERWRITTEN = Mistake("= for +=", "Only one contribution is kept: each is added to what is already there (+=, not =).",
                      total=lambda parts, steps, data: parts)
SOME_OVERWRITTEN = Mistake("= for +=", "Some contributions are lost: look for a line with = where += is meant.",
                           total=_some)
IN_DATA = (
    _USUAL["operands swapped"],
    Mistake("power swapped", "The order matters: x**n is not n**x.",
            value=lambda rule, xs: [rules.pow.evaluate(*rule.constants, *xs[::-1]) if rule.name in ("power", "pow")
                                    else rule.evaluate(*xs)]),
    _USUAL["sign"],
    _USUAL["operation swapped"],
)
# fmt: on


def _borrowed(rule: Rule, lender: Rule) -> Mistake:
    """One function in the place of another: its local derivative, and its value."""
    hint = (
        f"What belongs to {lender.name} stands at {rule.name}. Was it copied? If functions are made in a loop: each "
        "sees the loop's variable as it is at the end, unless a default keeps it."
    )

    def part(s: BackwardStep, upstream: float, data: Numbers) -> float:
        if s.node.rule is not rule:
            return upstream * s.local
        slope: float = lender.slopes(lender.evaluate(data[s.parent]), data[s.parent])[0]
        return upstream * slope

    def value(done: Rule, xs: Sequence[float]) -> list[float]:
        return [(lender if done is rule else done).evaluate(*xs)]

    return Mistake("late closure", hint, part, value=value)


def _only_at(mistake: Mistake, names: Collection[str]) -> Mistake:
    """The mistake in some rules, and everything right in the others."""

    def part(s: BackwardStep, upstream: float, data: Numbers) -> float:
        return mistake.part(s, upstream, data) if s.node.rule.name in names else upstream * s.local

    def value(rule: Rule, xs: Sequence[float]) -> Sequence[float]:
        return mistake.value(rule, xs) if rule.name in names else [rule.evaluate(*xs)]

    def total(parts: list[float], steps: list[BackwardStep], data: Numbers) -> Sequence[float]:
        wrong = [(s, p) for s, p in zip(steps, parts) if s.node.rule.name in names]
        if not wrong:
            return [sum(parts)]
        forms = mistake.total([p for _, p in wrong], [s for s, _ in wrong], data)
        return [form + sum(p for s, p in zip(steps, parts) if s.node.rule.name not in names) for form in forms]

    return replace(mistake, part=part, value=value, total=total)


def _fits_data(mistake: Mistake) -> Fit:
    def fits(case: Case) -> bool:
        theirs = _numbers(case.nodes, case.data)
        for node in _graph(case):
            xs = [theirs.get(parent, parent.data) for parent in node.parents]
            if node in theirs and node.rule and not any(same(x, theirs[node]) for x in mistake.value(node.rule, xs)):
                return False
        return True

    return fits


def _fits_messages(mistake: Mistake) -> Fit:
    """Each node's gradient is what the mistake makes of the gradients of those that use it, which are theirs too."""

    def fits(case: Case) -> bool:
        theirs = _numbers(case.nodes, case.grad)
        order = topological_order(case.nodes[-1])
        data = {node: node.data for node in order}
        received = received_at(order, data)
        upstream = {order[-1]: 1.0}
        for node in reversed(order[:-1]):
            forms = [float(x) for x in mistake.gradients(received[node], upstream, data)]
            upstream[node] = theirs.get(node, forms[0])
            if not any(same(x, upstream[node]) for x in forms):
                return False
        return same(theirs.get(order[-1], 1.0), 1.0) or not order[-1].rule

    return fits


def _numbers(nodes: Iterable[Value], found: Iterable[Any]) -> dict[Value, float]:
    return {node: x for node, x in zip(nodes, found) if isinstance(x, float)}


def _graph(case: Case) -> list[Value]:
    """All nodes, constants included, in topological order."""
    return list(dict.fromkeys(node for root in case.nodes for node in topological_order(root)))


# Mistakes in the order in which nodes pass their gradients on.

Order = Callable[[Value, Operands], Mapping[Value, float]]  # the gradients that come of an order


def _past(names: Collection[str], stored: int) -> Callable[[Value, Operands], Iterator[Value]]:
    """The right order, but without what is reached only by operands that rules of these names do not store."""

    def order(root: Value, operands: Operands) -> Iterator[Value]:
        reached = {root}
        for node in reversed(topological_order(root)):
            if node in reached and node.rule:
                yield node
                reached |= set(node.parents[:stored] if node.rule.name in names else node.parents)

    return order


def _fired(order: Callable[[Value, Operands], Iterable[Value]]) -> Order:
    """The nodes of an order, one after another, pass on what they have."""

    def gradients(root: Value, operands: Operands) -> dict[Value, float]:
        got = defaultdict(float, {root: 1.0})
        for node in islice(order(root, operands), 1000):
            for parent, local in local_derivatives(node):
                got[parent] += got[node] * local
        return got

    return gradients


def _edge_by_edge(root: Value, operands: Operands) -> dict[Value, float]:
    """Pass on to one operand, do the same there, and go on with the next operand."""
    got = defaultdict(float, {root: 1.0})

    def visit(node: Value) -> None:
        places = operands(node)
        for parent, local in sorted(local_derivatives(node), key=lambda edge: places.index(edge[0])):
            got[parent] += got[node] * local
            visit(parent)

    visit(root)
    return got


_NOT_STORED = (
    "What stands behind an operation sends nothing on, for it is not in the order: does the operation store its "
    "operands?"
)
_TOPOLOGICAL = "A node has to wait until all that use it have passed on to it: take the reverse of a topological order."
# fmt: off
ORDERS: tuple[tuple[str, str, Order], ...] = (
    ("order not reversed", "The pass runs from the leaves to the result, or ends with its first node: it has to begin "
     "at the result, and to go on. Is a return indented into the loop? Or are no operands stored?",
     _fired(lambda root, operands: topological_order(root))),
    ("wrong order", f"A node passes its gradient on at every visit, and what it has passed on already once more. "
     f"{_TOPOLOGICAL} Or is the set of visited nodes missing?", _fired(naive_recursion)),
    ("wrong order", f"A node passes its gradient on as soon as anything arrives. {_TOPOLOGICAL}", _edge_by_edge),
    ("wrong order", f"A node passes its gradient on before it is complete. {_TOPOLOGICAL}", _fired(depth_first)),
    ("wrong order", f"A node passes its gradient on before it is complete. {_TOPOLOGICAL}", _fired(breadth_first)),
)
# fmt: on


def _fits_order(gradients: Order) -> Fit:
    """Run in that order; which operand comes first may be either, as in a set, if it is always the same."""

    def fits(case: Case) -> bool:
        root = case.nodes[-1]
        forks = [node for node in topological_order(root) if len(set(node.parents)) > 1]
        theirs = _numbers(case.nodes, case.grad)
        for turned in islice(product((False, True), repeat=len(forks)), 64):
            back = {node for node, turn in zip(forks, turned) if turn}
            for once in (False, True):  # parents in a set: a * a has one
                got = gradients(root, _operands(back, once))
                if all(same(got[node], x) for node, x in theirs.items()):
                    return True
        return False

    return fits


def _operands(back: Collection[Value], once: bool) -> Operands:
    def operands(node: Value) -> Sequence[Value]:
        found = tuple(dict.fromkeys(node.parents)) if once else node.parents
        return found[::-1] if node in back else found

    return operands


_STARTS = (
    "Every node's gradient is set to 1 on the way: only the result begins with 1. If backward() calls backward() of "
    "the operands, let a function inside of it do the walk."
)


def _all_ones(case: Case) -> bool:
    return all(same(x, 1.0) for x in case.grad)


# Mistakes between one backward pass and the next.


Walked = Callable[[list[Value], list[Value]], list[Value]]


def _new(kept: list[Value], order: list[Value]) -> list[Value]:
    return [node for node in order if node not in kept]


def _fits_passes(fresh: Callable[[Value], bool], start: float = 0.0, walked: Walked = lambda kept, order: order) -> Fit:
    """Each pass begins with 0 at nodes that are `fresh`, and with 1, or 1 and `start` of the old, at its root.

    It goes along an order that is made of what earlier passes have kept and of the right one.
    """

    def fits(case: Case) -> bool:
        grad = dict.fromkeys(_graph(case), 0.0)
        kept: list[Value] = []
        for place in case.program.passes:
            order = topological_order(case.nodes[place])
            for node in order:
                if fresh(node):
                    grad[node] = 0.0
            grad[order[-1]] = 1.0 + start * grad[order[-1]]
            for node in reversed(walked(kept, order)):
                for parent, local in local_derivatives(node):
                    grad[parent] += grad[node] * local
            kept += _new(kept, order)
        theirs = _numbers(case.nodes[: len(case.program.leaves)], case.grad)
        return all(same(grad[node], x) for node, x in theirs.items())

    return fits


_STALE = (
    "The gradients of an earlier backward pass are still in the nodes between, and are passed on once more: set them "
    "to 0 before a pass begins. Only leaves add up over passes."
)
_KEPT = (
    "A backward pass finds the nodes that an earlier one has visited: begin each with a new list and a new set; one "
    "that stands in a default or in the class is kept."
)
# fmt: off
PASSES: tuple[tuple[str, str, Fit], ...] = (
    ("repeated backward", _STALE, _fits_passes(lambda node: False)),
    ("repeated backward", _STALE, _fits_passes(lambda node: False, start=1.0)),
    ("leaves reset", "A backward pass sets the gradients of leaves to 0: two losses have to add up there. Set only "
     "those of the nodes between to 0.", _fits_passes(lambda node: True)),
    ("leaves reset", "A backward pass sets the gradients of leaves to 0: two losses have to add up there.",
     _fits_passes(lambda node: node.rule is None)),
    ("kept between passes", _KEPT, _fits_passes(lambda node: False, walked=_new)),
    ("kept between passes", _KEPT,
     _fits_passes(lambda node: False, walked=lambda kept, order: kept + _new(kept, order))),
)
# fmt: on


# Which of them.


def hypotheses(case: Case) -> Iterator[tuple[str, str, Fit]]:
    """Name, hint and test of every mistake that could be behind a case, the more definite first."""
    if case.program.is_twice:
        yield from PASSES
        return
    here = {node.rule.name: node.rule for node in _graph(case) if node.rule}
    scopes = [*([list(here)] if len(here) > 1 else []), *([name] for name in here)]
    unary = [name for name in here if name in _UNARY]
    borrowed = [_borrowed(here[name], RULES[other]) for name in unary for other in _UNARY if other != name]
    if case.fault == "data":
        for mistake in [*[_only_at(mistake, scope) for scope in scopes for mistake in IN_DATA], *borrowed]:
            yield mistake.name, mistake.hint, _fits_data(mistake)
        return
    for mistake in (LATE, *IN_MESSAGES, *[_only_at(mistake, scope) for scope in scopes for mistake in IN_MESSAGES]):
        yield mistake.name, mistake.hint, _fits_messages(mistake)
    yield OVERWRITTEN.name, OVERWRITTEN.hint, _fits_messages(OVERWRITTEN)
    yield "started at every node", _STARTS, _all_ones  # in sums alone the one before gives the same numbers
    for mistake in borrowed:
        yield mistake.name, mistake.hint, _fits_messages(mistake)
    for name, hint, order in ORDERS:
        yield name, hint, _fits_order(order)
    for scope, stored in product(scopes, (0, 1)):
        yield "operands not stored", _NOT_STORED, _fits_order(_fired(_past(scope, stored)))
    yield SOME_OVERWRITTEN.name, SOME_OVERWRITTEN.hint, _fits_messages(SOME_OVERWRITTEN)


_UNARY = ("relu", "tanh", "exp", "log", "sigmoid", "sqrt", "sin", "cos")


def diagnosed(case: Case, others: Sequence[Case], further: Sequence[Case] = ()) -> Diagnosis | None:
    """The mistake that explains this case and most of the others, if one explains nine tenths of them.

    Of two that explain as many, it is the one that explains more of some further cases.
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
