"""Backward, step by step: what its exercises ask for, and the hints for wrong answers."""

from typing import Any

from engine import Value
from engine.utils.messages import brief
from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at
from viz.formulas.orders import backward_in_order


def played_out(order: Any) -> str:
    """What goes wrong first when the operations of the exercise fire in this order.

    >>> played_out(["u", "o", "k", "j"])
    'each once, and complete'
    >>> played_out(["u", "j", "o", "k"])
    'j after 1 of 3'
    >>> played_out("u, o, k, j")
    'each once, and complete'

    Raises:
        ValueError: if they are not its operations.
    """
    j = Value(2.0, "h") * 2
    k = j + 3
    o = k * j
    u = j + o
    nodes = {"j": j, "k": k, "o": o, "u": u}
    listed = filter(str.isalpha, order) if isinstance(order, str) else order
    names = [str(getattr(node, "label", node)).strip() for node in listed]
    for name in names:
        if name not in nodes:
            raise ValueError(f"the operations are j, k, o and u, and {brief(name, 20)} is none of them")
    report = backward_in_order(u, [nodes[name] for name in names])
    if report.again:
        return "one fires again"
    if report.missing:
        return "one never fires"
    for name in names:
        if nodes[name] in report.early:
            had, due = report.early[nodes[name]]
            return f"{name} after {had} of {due}"
    return "each once, and complete"


EXERCISES = {
    "03.1": Exercise(
        right=["u", "o", "k", "j"],
        mistakes=(
            Mistake(
                ["j", "k", "o", "u"],
                "j comes first in the forward pass: the backward pass starts where a gradient is known, at the result.",
            ),
            Mistake(
                ["u", "j", "o", "k"],
                "j fires here when only u has sent to it, but two more use it: being near the result is not enough.",
            ),
            Mistake(
                ["u", "o", "j", "k"], "Almost: j fires here before one of the three nodes that use it has sent to it."
            ),
            Mistake(
                ["u", "j", "o", "k", "j", "j"],
                "A node fires twice, as in naive recursion, and passes on again what it has already passed on.",
            ),
            Mistake(
                ["o", "k", "j"],
                "A node never fires: all four pass their gradient on, the result too, and j passes it on to h.",
            ),
        ),
        measure=played_out,
        advice="Before a node comes in your list, every node that uses it must be there: count the arrows out of it.",
    ),
    "03.2": Exercise(
        right=lambda had, upstream, local: had + upstream * local,
        mistakes=(
            Mistake(
                lambda had, upstream, local: upstream * local,
                "This is = for +=: the message overwrites what the node had from earlier ones.",
            ),
            Mistake(
                lambda had, upstream, local: had + upstream + local,
                "Along a path derivatives are multiplied; only different messages are added.",
            ),
            Mistake(
                lambda had, upstream, local: had + local,
                "The sender's gradient is forgotten: the local derivative alone is not the message.",
            ),
            Mistake(
                lambda had, upstream, local: had + upstream,
                "The local derivative is forgotten: the gradient is not passed on as it came.",
            ),
            Mistake(
                lambda had, upstream, local: had * local + upstream,
                "It is the sender's gradient that is multiplied by the local derivative, not what the receiver had.",
            ),
            Mistake(
                lambda had, upstream, local: had * upstream * local,
                "Along a path derivatives are multiplied, but what different messages bring is added.",
            ),
            Mistake(
                lambda had, upstream, local: (had + upstream) * local,
                "Only the sender's gradient goes along the arrow; what the receiver had is not multiplied again.",
            ),
        ),
        measure=outputs_at((0.0, 2.0, 3.0), (5.0, 2.0, 3.0), (1.0, -1.0, 4.0)),
        advice="Try it with pencil and paper: it had 1, the sender has 2, and the arrow says 3.",
    ),
    "03.3": Exercise(
        right=[72.0, 12.0],
        mistakes=(
            Mistake([24.0, 12.0], "This is after one run, but x is a leaf: nobody has set it back to 0 in between."),
            Mistake([72.0, 36.0], "Not everything adds up: v was computed, and starts from 0 in every pass."),
            Mistake([24.0, 36.0], "The wrong way round: which of the two is the leaf, and which was computed?"),
            Mistake(
                [144.0, 36.0],
                "This is what micrograd gives: there v keeps its old gradient, and passes it on again.",
            ),
            Mistake([96.0, 12.0], "Each run adds the same amount to x; it does not double what is there."),
            Mistake([12.0, 72.0], "These are the two numbers, but the first one asked for is x.grad."),
            Mistake([36.0, 6.0], "v stands twice in v · v: two messages reach it in each pass, one from each place."),
            Mistake([12.0, 6.0], "v stands twice in v · v. And x is a leaf, which nobody sets back to 0 in between."),
            Mistake(
                [36.0, 12.0],
                "The arrow from x to v is forgotten: the gradient of v is multiplied by its local derivative.",
            ),
        ),
        advice="Do one run with pencil and paper first: y is v times v, so v gets two messages.",
    ),
}
