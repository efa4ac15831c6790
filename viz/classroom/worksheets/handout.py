"""The printed worksheet: a page with a picture and a table to fill in, and the key to it."""

from fractions import Fraction
from html import escape
from importlib.resources import files

from engine import Value
from engine.names import in_brackets
from viz.classroom.worksheets.drawing import BLANK, drawing, node_title
from viz.classroom.worksheets.languages import LANGUAGES
from viz.classroom.worksheets.problem import exact, nodes_of
from viz.classroom.worksheets.sheet import Sheet, local_blank
from viz.formulas.notation import in_page
from viz.graph.layout import svg
from viz.graph.palette import LIGHT

_BLANK = "_" * 5
STYLE = files("viz.classroom.worksheets") / "worksheet.css"


def page(sheet: Sheet, name: str, number: int) -> str:
    """The page for a student: a line for the name, the picture with its blanks, and room to work for every node."""
    nodes, words = nodes_of(sheet.root), LANGUAGES[sheet.lang]
    lines = dict(zip((node.label for node in nodes), sheet.given + sheet.expression))
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(lines[node.label])}</code></th>'
        f"<td>{'1' if node is sheet.root else ''}</td></tr>"
        for node in nodes
    )
    return (
        f'<section class="worksheet"><h2>{words["title"]}</h2>\n'
        f'<div class="who">{words["name"]}<span>{in_page(name[:80])}</span>{words["date"]}<span></span></div>\n'
        f"<p>{words['task']} <small>{_call(sheet)}</small></p>\n"
        f'<div class="work">{_picture(sheet, number)}'
        f'<table><thead><tr><th scope="col">{words["node"]}</th><th scope="col">{words["work"]}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>\n"
    )


def _call(sheet: Sheet) -> str:
    """The call that makes the same sheet again."""
    lang = f', lang="{sheet.lang}"' if sheet.lang != "en" else ""
    return in_page(f'worksheet({sheet.seed}, "{sheet.difficulty}"{lang})')


def _number_or_blank(sheet: Sheet, node: Value, kind: str) -> str:
    """A number that is given, or a blank if it is asked for."""
    if (node.label if kind == "data" else f"grad {node.label}") in sheet.key:
        return _BLANK
    return "1" if kind == "grad" else str(exact(node.data))


def _picture(sheet: Sheet, number: int) -> str:
    def rows(node: Value) -> tuple[str, ...]:
        return node_title(node), *(f"{kind} {_number_or_blank(sheet, node, kind)}" for kind in ("data", "grad"))

    drawn, (width, height) = drawing(sheet.root, rows, f"sheet{number}", "TB"), BLANK
    blanks = "".join(
        f'<rect class="blank" x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width}" height="{height}" '
        f'rx="4" fill="{LIGHT.ground}" stroke="{LIGHT.line}"/>'
        for x, y in drawn.blanks
    )
    text = svg(drawn.boxes, drawn.arrows, "TB").replace("</svg>", f"{blanks}</svg>")
    for curve, through in zip(drawn.layout.curves, drawn.curves):
        text = text.replace(f'd="{curve}"', f'd="{through}"', 1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{LANGUAGES[sheet.lang]["picture"]}" ', 1)


def key(sheet: Sheet, name: str) -> str:
    """What belongs in the blanks of a worksheet, with every contribution to each gradient, for the teacher."""
    rows = "".join(
        f'<tr><th scope="row">{escape(str(node.label))}</th><td>{exact(node.data)}</td>'
        f"<td>{_contributions(sheet, node)}</td></tr>"
        for node in nodes_of(sheet.root)
    )
    return (
        f"<div><b>{in_page(name[:80])}</b> <small>{_call(sheet)}<br>{escape('; '.join(sheet.expression))}</small>"
        '<table><thead><tr><td></td><th scope="col">data</th>'
        f'<th scope="col">{LANGUAGES[sheet.lang]["contributions"]}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>\n"
    )


def _contributions(sheet: Sheet, node: Value) -> str:
    """The gradient of a node as the sum of its contributions: 1 · (-5) + 2 · 1/2 = -4."""
    if node is sheet.root:
        return "1"
    terms = []
    for user in reversed(nodes_of(sheet.root)):
        for operand, parent in enumerate(user.parents):
            if parent is node:
                upstream = sheet.key.get(f"grad {user.label}", Fraction(1))
                terms.append((upstream, sheet.key[local_blank(user, operand)]))
    products = [f"{upstream} · {in_brackets(str(local))}" for upstream, local in terms]
    first, *rest = products
    # a product that begins with a minus is not put behind a plus
    total = " + ".join([first, *(f"({product})" if product.startswith("-") else product for product in rest)])
    return f"{total} = {sheet.key[f'grad {node.label}']}"
