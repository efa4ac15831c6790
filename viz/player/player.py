"""The step player: a page that plays the forward and the backward pass of a graph, step by step.

The page is a single file that loads nothing from elsewhere. It holds the graph, the engine's steps, the layout, and the
rules as JavaScript, so that its sliders can recompute both passes. Each step is a small change of state; `player.js`
computes the state it shows by applying all the steps up to that one, so that going back and forth cannot drift.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

from engine import Value
from engine.anomaly import source_lines
from engine.graph import local_derivatives
from engine.names import node_names
from engine.rules import Rule
from engine.steps import backward_steps
from engine.versions import checked_order
from viz.formulas.notation import MATHML
from viz.formulas.symbols import Expression, Name, as_expression, textbook_form
from viz.graph import folding
from viz.graph.dot import write
from viz.graph.layout import layered
from viz.graph.palette import LIGHT
from viz.graph.picture import Arrow, Box, collapsed_edges, operands_matter, size_line
from viz.player.javascript import rule_functions
from viz.player.languages import LANGUAGES

MOST_BOXES_AT_FIRST = 120  # in the first view of a graph with modules
MOST_NODES = 10_000
MOST_DRAWN = 9_000  # boxes and arrows in all views together
MOST_LABELLED = 40  # arrows that there is room for local derivatives on
LONGEST = 24  # names, numbers and operations in a formula shown with a step

# What the frame in a notebook does: it sends its page the colour of the notebook's text, when it loads and whenever the
# notebook's theme changes. The page cannot look for itself, because it is in a sandbox.
_SEND_INK = (
    "const tell = (_, watch) => this.isConnected"
    " ? this.contentWindow.postMessage({ink: getComputedStyle(this).color}, '*') : watch.disconnect();"
    " tell(); new MutationObserver(tell).observe(document.body, {attributes: true})"
)

_HERE = files("viz.player")


def play(
    root: Value, names: Mapping[str, Any] | None = None, depth: int | None = None, lang: str = "en", height: int = 620
) -> "Player":
    """A player that steps through the forward and the backward pass of the graph behind a Value.

    A notebook shows it, light or dark like the notebook itself; ``play(loss).save("chain.html")`` writes a single file
    that needs no network. The arrow keys step, space plays, Home and End jump, and ``#12`` in the address is step 12. A
    click on a node runs to it, a click on a module expands it. The sliders change the inputs and, if there are at most
    8 inputs and parameters together, the parameters.

    Args:
        root: the last Value of the graph, such as a loss.
        names: what to call nodes without a label, such as ``locals()``.
        depth: how far to expand modules at first, as in `draw_dot`; if None, as far as is readable.
        lang: the language of the buttons and sentences, ``"en"``, ``"es"`` or ``"ja"``.
        height: the height of the frame in a notebook, in pixels.

    Raises:
        TypeError: if `root` is not a Value.
        ValueError: if the language is unknown, `depth` is negative, or the graph has more than 10,000 Values.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> x = Value(3.0, "x")
    >>> play(x * x).step_count
    4
    """
    if not isinstance(root, Value):
        raise TypeError(f"expected the Value to play, got {type(root).__name__} {root!r:.40}")
    if not isinstance(lang, str) or lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(map(repr, LANGUAGES))}, got {lang!r}")
    folding.check_depth(depth)
    order = checked_order(root)
    if len(order) > MOST_NODES:
        raise ValueError(
            f"this graph has {len(order):,} Values, too many to step through (at most {MOST_NODES:,}); "
            "play a smaller part, such as one neuron or one example"
        )
    return Player(_graph(order, names, depth, LANGUAGES[lang]), _rule_pairs(order), lang, height)


class Player:
    """A page that plays a graph. A notebook shows it, and ``.save("chain.html")`` saves it."""

    def __init__(self, graph: dict[str, Any], rules: Sequence[tuple[Rule, int]], lang: str, height: int) -> None:
        self.graph, self.rules, self.lang, self.height = graph, rules, lang, height

    @property
    def step_count(self) -> int:
        """The number of steps: each operation, the start of the backward pass, and each contribution is one."""
        forward = sum(1 for operands in self.graph["parents"] if operands)
        return forward + 1 + len(self.graph["backward"])

    @property
    def title(self) -> str:
        """The title of the page."""
        root = self.graph["names"][-1].encode("utf-8", "replace").decode()
        root = "".join(c if c.isprintable() else " " for c in root)
        return LANGUAGES[self.lang]["title"].format(root=root)

    @property
    def html(self) -> str:
        """The whole page. Its content security policy allows only its own script and style, by their hashes."""
        style = _palette() + (_HERE / "player.css").read_text(encoding="utf-8")
        script = rule_functions(self.rules) + "\n" + (_HERE / "player.js").read_text(encoding="utf-8")
        data = _json({**self.graph, "words": LANGUAGES[self.lang]})
        policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'"
        return (
            f'<!DOCTYPE html>\n<html lang="{self.lang}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>{style}</style>\n"
            f'</head>\n<body>\n<script type="application/json" id="graph">{data}</script>\n'
            f"<script>{script}</script>\n</body>\n</html>\n"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, whole or not at all, and return its path."""
        path = Path(path)
        write(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.title)}" width="100%" height="{self.height}" '
            f'sandbox="allow-scripts" onload="{escape(_SEND_INK)}" '
            'style="border:1px solid #8888;border-radius:6px;box-sizing:border-box"></iframe>'
        )


def _json(data: Any) -> str:
    """JSON that is safe in a page: nothing in it can end the script element or a line."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "replace").decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _palette() -> str:
    """The colours of the roles, as CSS variables."""
    return (
        ":root {\n"
        + "".join(f"  --{r}-fill: {s.fill}; --{r}-line: {s.border};\n" for r, s in LIGHT.styles.items())
        + "}\n"
    )


def _number(x: float) -> float | str:
    return x if isfinite(x) else str(x)


def _rule_pairs(order: Sequence[Value]) -> list[tuple[Rule, int]]:
    return list(dict.fromkeys((node.rule, len(node.parents)) for node in order if node.rule))


def _graph(
    order: Sequence[Value], names: Mapping[str, Any] | None, depth: int | None, words: Mapping[str, str]
) -> dict[str, Any]:
    """Everything the page needs to know, as plain data. Nodes are numbered in topological order."""
    index = {node: i for i, node in enumerate(order)}
    rules = {pair: i for i, pair in enumerate(_rule_pairs(order))}
    steps = list(backward_steps(order, local_derivatives, source_lines))
    slopes: dict[Value, list[float | str]] = {node: [] for node in order}
    for step in steps:
        slopes[step.node].append(_number(step.local))
    lines = [source_lines.get(node) for node in order]
    name = node_names(order, names)
    views, clusters, first = _views(order, name, depth, words)
    return {
        "names": [name[node] for node in order],
        "operations": [node.op for node in order],
        "roles": ["output" if node is order[-1] and node.rule else node.role for node in order],
        "values": [_number(node.data) for node in order],
        "parents": [[index[parent] for parent in node.parents] for node in order],
        "locals": [slopes[node] for node in order],
        "rules": [rules[node.rule, len(node.parents)] if node.rule else -1 for node in order],
        "formulas": [_formulas(rule, arity) for rule, arity in rules],
        "backward": [[index[step.node], step.operand] for step in steps if step.parent.role != "constant"],
        "lines": {i: f"{Path(line.file).name}:{line.number}  {line.text}" for i, line in enumerate(lines) if line},
        "modules": clusters,
        "views": views,
        "first": first,
    }


def _formulas(rule: Rule, arity: int) -> list[str]:
    """The rule and its partials as MathML, with □0, □1 for the operands and □-1 for the result."""
    xs = [Name(f"□{i}") for i in range(arity)]
    try:
        whole = textbook_form(rule, xs)
        partials = [as_expression(partial) for partial in rule.partials(Name("□-1"), *xs)]
    except Exception:  # a rule that a user has written may take only numbers
        return [""] * (arity + 1)
    return [_short(formula) for formula in (whole, *partials)]


def _short(formula: Expression) -> str:
    return MATHML.write(formula) if formula.size <= LONGEST else ""


def _views(
    order: Sequence[Value], name: Mapping[Value, str], depth: int | None, words: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """The views that the page offers, with different modules expanded; the modules; and the view to begin with.

    There is one view for each depth, and one for each module, in which it and the modules around it are expanded.
    """
    paths, index = folding.module_paths(order), {node: i for i, node in enumerate(order)}
    modules = sorted(
        {prefix for path in paths.values() for prefix in folding.prefixes(path)}, key=lambda p: (len(p), p)
    )
    if not modules:
        return [_view(folding.collapse(order, paths, folding.expanded_to(None)), index, name, {}, words)], [], 0
    number = {path: i for i, path in enumerate(modules)}
    clusters: list[dict[str, Any]] = [{} for _ in modules]
    views: list[dict[str, Any]] = []
    of_module: dict[folding.ModulePath, int] = {}

    def add(is_expanded: Callable[[folding.ModulePath], bool], **more: Any) -> None:
        collapsed = folding.collapse(order, paths, is_expanded)
        for vertex in collapsed[0]:
            if isinstance(vertex, folding.Cluster):
                clusters[number[vertex.path]] = clusters[number[vertex.path]] or _cluster(vertex, index, words)
        views.append({**_view(collapsed, index, name, number, words), **more})

    depths = len(modules[-1]) + 2
    for level in range(depths):
        add(folding.expanded_to(level), up=max(0, level - 1))
    of_module[()] = 1
    for path in modules[1:]:
        if sum(len(view["boxes"]) + len(view["arrows"]) for view in views) <= MOST_DRAWN:
            of_module[path] = len(views)
            add(folding.expanded_along(path), up=of_module[path[:-1]], path=".".join(path))
    for path in modules:
        clusters[number[path]]["opens"] = of_module.get(path, len(path) + 1)
    fitting = [i for i in range(depths) if len(views[i]["boxes"]) <= MOST_BOXES_AT_FIRST]
    return views, clusters, min(depth, depths - 1) if depth is not None else max(fitting, default=0)


def _view(
    collapsed: tuple[list[folding.Vertex], dict[Value, folding.Vertex]],
    index: Mapping[Value, int],
    name: Mapping[Value, str],
    number: Mapping[folding.ModulePath, int],
    words: Mapping[str, str],
) -> dict[str, Any]:
    """The layout of a view. The id of a node's box is the node's number, that of module i is -1 - i."""
    vertices, vertex_of = collapsed
    ids = {vertex: index[vertex] if isinstance(vertex, Value) else -1 - number[vertex.path] for vertex in vertices}
    boxes = [
        Box(str(ids[vertex]), _widest_rows(vertex, name, words), "", operands_matter(vertex)) for vertex in vertices
    ]
    edges = collapsed_edges(vertices, vertex_of)
    local = "× -0.0000" if len(edges) <= MOST_LABELLED else ""
    labels = [local if edge.operand is not None else edge.count_label for edge in edges]
    arrows = [Arrow(str(ids[edge.tail]), str(ids[edge.head]), label) for edge, label in zip(edges, labels)]
    layout = layered(boxes, arrows, gap=28)
    return {
        "size": [round(layout.width), round(layout.height)],
        "path": None,
        "boxes": [
            [ids[vertex], *(round(x) for x in (place.x, place.y, place.width, place.height))]
            for vertex, place in zip(vertices, layout.places.values())
        ],
        "arrows": [
            [ids[edge.tail], ids[edge.head], curve, round(x), round(y), -1 if edge.operand is None else edge.operand]
            + ([edge.values] if edge.count_label else [])
            for edge, curve, (x, y) in zip(edges, layout.curves, layout.label_centres)
        ],
    }


def _cluster(cluster: folding.Cluster, index: Mapping[Value, int], words: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": cluster.name or words["model"],
        "size": _size(cluster, words),
        "nodes": [index[node] for node in cluster.nodes],
        "parameters": [index[node] for node in cluster.parameters],
        "output": index[cluster.outputs[0]] if len(cluster.outputs) == 1 else -1,
    }


def _size(cluster: folding.Cluster, words: Mapping[str, str]) -> str:
    return size_line(cluster, words["parameterCount"].format(count=len(cluster.parameters)))


def _widest_rows(vertex: folding.Vertex, name: Mapping[Value, str], words: Mapping[str, str]) -> tuple[str, ...]:
    """The rows of a box, with the widest numbers that have to fit."""
    if isinstance(vertex, folding.Cluster):
        title = vertex.name or words["model"]
        return (
            title,
            _size(vertex, words),
            *(["out -0.0000, grad -0.0"] if len(vertex.outputs) == 1 else []),
            "‖grad‖ 0.0000",
        )
    if vertex.role == "constant":
        return (name[vertex],)
    title = f"{name[vertex]}: {vertex.op}" if vertex.op else name[vertex]
    return title, "data -0.00000", "grad -0.00000"
