"""A picture of the smallest program that fails: the graph, with the numbers of the engine that is checked."""

from dataclasses import replace

from engine.graph import topological_order
from engine.names import number
from viz.classroom.check_engine.trials import Case, agree
from viz.graph.dot import Drawing
from viz.graph.palette import by_role, palette_of
from viz.graph.picture import picture


def draw_failure(case: Case, backward: bool) -> Drawing | None:
    """The graph of a program with the numbers of an engine; a wrong one gives its box a thick orange border.

    Args:
        case: the program, and what it did in that engine.
        backward: whether to show gradients too.

    Returns:
        The picture; None if the program stopped early, so that there are no numbers to draw.
    """
    if len(case.data) < len(case.nodes):
        return None
    boxes, arrows = picture(case.nodes[-1])
    ids = {node: box.id for node, box in zip(topological_order(case.nodes[-1]), boxes)}
    theirs = {ids[node]: i for i, node in enumerate(case.nodes) if node in ids}
    shown = []
    for box in boxes:
        i = theirs.get(box.id)
        if i is not None:
            pairs = [("data", case.data_at_end[i], case.nodes[i].data)]
            if backward:
                pairs.append(("grad", case.grad[i], case.nodes[i].grad))
            rows = [box.rows[0], *(_row(*pair) for pair in pairs)]
            box = replace(box, rows=tuple(rows), marked=any(not agree(x, y) for _, x, y in pairs))
        shown.append(box)
    return Drawing(shown, arrows, look=by_role(shown, palette_of()))


def _row(what: str, theirs: object, ours: float) -> str:
    found = number(theirs) if isinstance(theirs, float) else "—" if theirs is None else type(theirs).__name__
    return f"{what} {found}" + ("" if agree(theirs, ours) else f" ✗ not {number(ours)}")
