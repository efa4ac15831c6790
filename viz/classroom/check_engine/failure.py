"""How the report on an engine looks in a notebook: its sentences, and a picture of the smallest program that fails."""

from engine.graph import topological_order
from engine.names import number
from viz.classroom.check_engine.report import EngineReport
from viz.classroom.check_engine.trials import same
from viz.formulas.notation import in_page
from viz.formulas.report import Sentence, Table
from viz.graph.dot import Drawing
from viz.graph.picture import picture

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
    found = number(theirs) if isinstance(theirs, float) else "—" if theirs is None else type(theirs).__name__
    return f"{what} {found}" + ("" if same(theirs, ours) else f" ✗ not {number(ours)}")


def page(report: EngineReport) -> str:
    """The report as HTML, with the picture."""
    verdict, *checked = report.head()
    blocks = [_box("0,158,115" if report.ok else "213,94,0", f"<b>{in_page(verdict)}</b>")]
    blocks += [f'<div style="font-size:.9em;margin:.3em 0">{in_page(line)}</div>' for line in checked]
    if report.case:
        code = "\n".join(map(in_page, report.case.program.code(report.called)))
        drawing = draw_failure(report)
        shown = drawing.pipe(format="svg", encoding="utf-8") if drawing else Table(*report.table()).html()
        blocks += [
            Sentence("The smallest program that goes wrong:").html(),
            '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:2em;margin:.5em 1em">'
            f'<pre style="font-family:monospace;font-size:1.1em;margin:0">{code}</pre>'
            f"<div>{shown[shown.find('<svg') if drawing else 0 :]}</div></div>",
        ]
    for first, *rest in _paragraphs(report.tail()):
        hint = "".join(f"<br>{in_page(line.strip())}" for line in rest)
        blocks.append(_box("230,159,0", f"<b>{in_page(first)}</b>{hint}"))
    return "\n".join(blocks)


def _box(colour: str, inside: str) -> str:
    style = f"border-left:.4em solid rgb({colour});background:rgba({colour},.15);padding:.5em .8em;margin:.5em 0"
    return f'<div style="{style}">{inside}</div>'


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines that are indented belong to the one above."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith(" "):
            found[-1].append(line)
        else:
            found.append([line])
    return found
