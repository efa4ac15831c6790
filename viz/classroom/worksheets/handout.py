"""The printed worksheet: a page with a picture and a table to fill in, and the key to it."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from engine import Value
from viz.classroom.worksheets.problem import exact, nodes_of
from viz.classroom.worksheets.sheet import Sheet
from viz.formulas.notation import in_page
from viz.graph import layout
from viz.graph.picture import Arrow, Box, operands_matter

_BLANK = "_" * 7
STYLE = files("viz.classroom.worksheets") / "worksheet.css"


def page(sheet: Sheet, name: str, number: int) -> str:
    """The page for a student: a line for the name, the picture, and a table to fill in."""
    nodes = nodes_of(sheet.root)
    lines = dict(zip((node.label for node in nodes), sheet.given + sheet.expression))
    rows = "".join(
        f"<tr><td><code>{escape(lines[node.label])}</code></td>"
        f"<td>{_number_or_blank(sheet, node, 'data', '')}</td><td></td>"
        f"<td>{_number_or_blank(sheet, node, 'grad', '')}</td></tr>"
        for node in nodes
    )
    return (
        f'<section class="worksheet"><h2>The chain rule by hand</h2>\n'
        f'<div class="who">Name<span>{in_page(name[:80])}</span>Date<span></span></div>\n'
        "<p>Fill in the blanks: data is the result of the operation, and grad is the derivative of L with respect to "
        f"the node. <small>{_call(sheet)}</small></p>\n"
        f"{_picture(sheet, nodes, number)}"
        f'<table><tr><td></td><th>data</th><th class="sum">contributions, added up</th><th>grad</th></tr>'
        f"{rows}</table></section>\n"
    )


def _call(sheet: Sheet) -> str:
    """The call that makes the same sheet again."""
    return in_page(f'worksheet({sheet.seed}, "{sheet.difficulty}")')


def _number_or_blank(sheet: Sheet, node: Value, kind: str, blank: str) -> str:
    """A number that is given, or a blank if it is asked for."""
    if (node.label if kind == "data" else f"grad {node.label}") in sheet.key:
        return blank
    return "1" if kind == "grad" else str(exact(node.data))


def _picture(sheet: Sheet, nodes: Sequence[Value], number: int) -> str:
    ids = {node: f"sheet{number}-{node.label}" for node in nodes}
    boxes = [
        Box(
            ids[node],
            (
                f"{node.label}: {node.op}" if node.op else node.label,
                *(f"{kind} {_number_or_blank(sheet, node, kind, _BLANK)}" for kind in ("data", "grad")),
            ),
            "output" if node is sheet.root else node.role,
            operands_matter(node),
        )
        for node in nodes
    ]
    return layout.svg(boxes, [Arrow(ids[parent], ids[node]) for node in nodes for parent in node.parents], "LR")


def key(sheet: Sheet, name: str) -> str:
    """What belongs in the blanks of a worksheet, for the teacher."""
    nodes = nodes_of(sheet.root)
    gradients = [str(sheet.key.get(f"grad {node.label}", 1)) for node in nodes]
    rows = [("", [node.label for node in nodes]), ("data", [str(exact(n.data)) for n in nodes]), ("grad", gradients)]
    table = "".join(f"<tr><th>{head}</th>{''.join(f'<td>{x}</td>' for x in cells)}</tr>" for head, cells in rows)
    return (
        f"<div><b>{in_page(name[:80])}</b> <small>{_call(sheet)}: "
        f"{escape('; '.join(sheet.expression))}</small><table>{table}</table></div>\n"
    )
