"""Working through a graph as a student does: blank after blank, each with the numbers that were had before it.

What stands in a blank may be wrong, and then the next numbers follow from it. So what each blank should hold, and what
each common mistake would put there, is computed from what was answered before. Nothing here asks which kind of number
that is: with floats answers are marked, and with Values all of it becomes a graph that a page can compute again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine import BackwardStep, Value
from engine.graph import topological_order
from engine.steps import builtin_name
from viz.classroom.worksheets.marking import Suspect
from viz.classroom.worksheets.sheet import local_blank
from viz.formulas.mistakes import MISTAKES, backward_with, forward_with, partials, steps_by_receiver


@dataclass(frozen=True)
class Task:
    """One blank to fill in.

    Attributes:
        blank: its name.
        following: what the earlier answers lead to.
        suspects: what the common mistakes lead to.
        used: the blanks whose numbers are needed for it.
    """

    blank: str
    following: float
    suspects: Sequence[Suspect]
    used: Sequence[str]


def work(root: Value, answer: Callable[[Task], float]) -> None:
    """Go through the blanks: the data, then the local derivatives, then the gradients.

    Args:
        root: the last node of the graph.
        answer: gives for each blank the number to go on with.
    """
    order = topological_order(root)
    data = {node: node.data for node in order if node.rule is None}
    all_the_way = {m: forward_with(order, m) for m in MISTAKES}
    for node in order:
        if node.rule is not None:
            xs = [data[parent] for parent in node.parents]
            suspects = [(m, m.value(node.rule, xs), all_the_way[m][node]) for m in MISTAKES]
            used = [str(parent.label) for parent in node.parents]
            data[node] = answer(Task(str(node.label), node.rule(*xs), suspects, used))
    locals_of = {node: list(partials(node, data)) for node in order}
    received = steps_by_receiver(order, data, locals_of)
    for step in [step for node in reversed(order[:-1]) for step in received[node]]:
        # a mistake that gives the same at every step is not one at every step
        wrong = [(m, m.local(step, data)) for m in MISTAKES if m.local]
        suspects = [(m, [number], number) for m, number in wrong]
        blank, used = local_blank(step.node, step.operand), _operands_of_derivative(step)
        locals_of[step.node][step.operand] = answer(Task(blank, step.local, suspects, used))
    received = steps_by_receiver(order, data, locals_of)
    all_the_way = {m: backward_with(order, received, data, m) for m in MISTAKES}
    gradient = {root: 1.0}
    for node in reversed(order[:-1]):
        steps = received[node]
        suspects = [(m, m.gradients(steps, gradient, data), all_the_way[m][node]) for m in MISTAKES]
        used = [f"grad {s.node.label}" for s in steps] + [local_blank(s.node, s.operand) for s in steps]
        used += [name for s in steps for name in _operands_of_derivative(s)]
        following = sum(gradient[s.node] * s.local for s in steps)
        gradient[node] = answer(Task(f"grad {node.label}", following, suspects, used))


def _operands_of_derivative(step: BackwardStep) -> list[str]:
    """The nodes whose data the local derivative of a step depends on."""
    parents, name = step.node.parents, builtin_name(step.node.rule)
    if name == "mul":
        return [str(parents[1 - step.operand].label)]
    return [] if name in ("add", "sub", "neg") else [str(parent.label) for parent in parents]
