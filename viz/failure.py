"""How the report on an engine looks in a notebook: its sentences, and a picture of the smallest program that fails."""

from engine.graph import topological_order
from engine.names import number
from engine.students import EngineReport
from engine.trials import same
from viz.dot import Drawing
from viz.notation import in_page
from viz.picture import picture
from viz.report import Sentence, Table

WRONG = "#d55e00"


def draw_failure(report: EngineReport) -> Drawing | None:
    """The graph of the smallest program that goes wrong, with their numbers; what is wrong has a thick orange border.

    Nothing is drawn where nothing is wrong, or where there are no numbers to draw.
    """
    case = report.case
    if case is None or len(case.data) < len(case.nodes):
        return None
    boxes, arrows = picture(case.nodes[-1])
    ids = {node: box.id for node, box in zip(topological_order(case.nodes[-1]), boxes)}
    theirs = {ids[node]: i for i, node in enumerate(case.nodes) if node in ids}
    shown, wrong = [], set()
    for box in boxes:
        i = theirs.get(box.id)
        if i is not None:
            pairs = [("data", case.after[i], case.nodes[i].data)]
            if report.backward:
                pairs.append(("grad", case.grad[i], case.nodes[i].grad))
            rows = [box.rows[0], *(_row(*pair) for pair in pairs)]
            box = type(box)(box.id, tuple(rows), box.role, box.ordered)
            wrong |= {box.id} if any(not same(x, y) for _, x, y in pairs) else set()
        shown.append(box)
    drawing = Drawing(shown, arrows)
    for name in wrong:
        drawing.node(name, color=WRONG, penwidth="4")
    return drawing


def _row(what: str, theirs: object, ours: float) -> str:
    found = number(theirs) if isinstance(theirs, float) else "—" if theirs is None else f"a {type(theirs).__name__}"
    return f"{what} {found}" + ("" if same(theirs, ours) else f" ✗ not {number(ours)}")


def page(report: EngineReport) -> str:
    """The report as HTML, with the picture."""
    colour = "0,158,115" if report.ok else "213,94,0"
    style = f"border-left:.4em solid rgb({colour});background:rgba({colour},.15);padding:.1em .8em;margin:.3em 0"
    first, *rest = report.head()
    blocks = [f'<div style="{style}"><p><b>{in_page(first)}</b></p></div>', *(Sentence(line).html() for line in rest)]
    if report.case:
        code = "\n".join(map(in_page, report.case.program.code(report.called)))
        blocks += [Sentence("The smallest program that goes wrong:").html(), f"<pre>{code}</pre>"]
        if drawing := draw_failure(report):
            blocks.append(drawing.pipe(format="svg", encoding="utf-8").partition("?>")[2] or "")
        blocks.append(Table(*report.table()).html())
    for line in report.tail():
        blocks.append(
            f"<p><b>{in_page(line)}</b></p>" if line.startswith("The likely") else Sentence(line.strip()).html()
        )
    return "\n".join(blocks)
