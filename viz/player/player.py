"""The step player: a page that plays the forward and the backward pass of a graph, step by step.

The page is a single file that loads nothing from elsewhere. It holds the graph, its layouts, and the rules as
JavaScript, so that it can recompute both passes. Its script, in the folder `page`, computes the state that it shows by
applying all the steps up to it, so that going back and forth cannot drift.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import Any

from engine import Value
from engine.anomaly import source_lines
from engine.graph import local_derivatives
from engine.names import node_names
from engine.rules import Rule
from engine.steps import backward_steps, builtin_name
from engine.utils.arguments import described, value_hint
from engine.utils.collector import collector_paused
from engine.versions import checked_order
from viz.formulas.mistakes import MISTAKES
from viz.formulas.notation import MATHML
from viz.formulas.orders import Order, firing_in, order_rule
from viz.formulas.symbols import Expression, Name, as_expression, textbook_form
from viz.graph import folding
from viz.graph.dot import write
from viz.graph.layout import layered
from viz.graph.palette import DARK, LIGHT
from viz.graph.picture import Arrow, Box, collapsed_edges, operands_matter, shown_operation, size_line
from viz.player.animation import pictures
from viz.player.document import check_ending, check_look, document, frame
from viz.player.firing import firing_order, module_by_module
from viz.player.javascript import rule_functions
from viz.player.languages import ALL_PATHS, HINTS, LANGUAGES, ORDERS
from viz.player.squeeze import squeezed_script, squeezed_style, with_short_names
from viz.plots.gif import save_gif

MOST_BOXES_AT_FIRST = 120  # in the first view of a graph with modules
MOST_NODES = 10_000
MOST_DRAWN = 9_000  # boxes and arrows in all views together
MOST_LABELLED = 40  # arrows that there is room for local derivatives on
LONGEST = 24  # names, numbers and operations in a formula shown with a step

_HERE = files("viz.player") / "page"

# The parts of the page's script, each of which needs only those before it when it begins.
PARTS = (
    "elements", "numbers", "passes", "picture", "sentences", "answers", "predict", "nudge", "paths", "slope", "order",
    "colour", "controls",
)  # fmt: skip

# What the script of a page does not say, or not where there are no modules.
_PYTHONS_WORDS = ("title", "parameterCount", "model")
_WORDS_OF_MODULES = ("values", "computesMany", "changeMany", "inside")


def play(
    root: Value,
    names: Mapping[str, Any] | None = None,
    depth: int | None = None,
    lang: str = "en",
    height: int = 620,
    order: str | Order | Sequence[Value] | None = None,
) -> "Player":
    """A player that steps through the forward and the backward pass of the graph behind a Value.

    A notebook shows it, light or dark like the notebook itself; ``play(loss).save("chain.html")`` writes a single file
    that needs no network, and ``.save("chain.gif")`` an animation for slides. The arrow keys step, space plays, Home
    and End jump, and ``#12`` in the address is step 12. A click on a node runs to it, a click on a module opens it; up
    and down lead from box to box, Enter opens one. A folded module takes one step in each pass.

    Its buttons: *predict* asks for each local derivative; *nudge* sends a small change of an input forward, beside what
    the derivatives predict; *paths* adds up the paths from an input to the result; *slope* has sliders for the inputs
    (and, if there are at most 8 of both, the parameters), and the curve of the result with its tangent.

    Args:
        root: the last Value of the graph, such as a loss.
        names: what to call nodes without a label, such as ``locals()``.
        depth: how far to expand modules at first, as in `draw_dot`; if None, as far as is readable.
        lang: the language of the buttons and sentences, ``"en"``, ``"es"`` or ``"ja"``.
        height: the height of the frame in a notebook, in pixels.
        order: a wrong order for the backward pass, as in `backward_in_order`; or ``"="``, the right order with
            contributions that replace one another. The page marks who fires too early, and shows the true gradients.

    Raises:
        TypeError: if `root` is not a Value, or `order` is no order.
        ValueError: if the language or the order is unknown, `depth` is negative, `height` is no number of pixels, or
            the graph has more than 10,000 Values.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> x = Value(3.0, "x")
    >>> play(x * x).step_count
    4
    """
    if not isinstance(root, Value):
        raise TypeError(f"expected the Value to play, got {described(root)}{value_hint(root)}")
    check_look(lang, LANGUAGES, height)
    folding.check_depth(depth)
    graph = checked_order(root)
    if len(graph) > MOST_NODES:
        raise ValueError(
            f"this graph has {len(graph):,} Values, too many to step through (at most {MOST_NODES:,}); "
            "play a smaller part, such as one neuron or one example"
        )
    wrong = {} if order is None else _wrong_order(graph, order, ORDERS[lang])
    with collector_paused():
        data = {**_graph(graph, names, depth, lang, bool(wrong)), **wrong}
    return Player(data, _rule_pairs(graph), lang, height)


class Player:
    """A page that plays a graph. A notebook shows it, and ``.save("chain.html")`` saves it."""

    def __init__(self, graph: dict[str, Any], rules: Sequence[tuple[Rule, int]], lang: str, height: int) -> None:
        self.graph, self.rules, self.lang, self.height = graph, rules, lang, height

    @property
    def step_count(self) -> int:
        """The number of steps if all modules are open.

        Each operation is one, the start of the backward pass is one, and so is each contribution.
        """
        parents, roles = self.graph["parents"], self.graph["roles"]
        forward = sum(1 for operands in parents if operands)
        firing = self.graph.get("firing", range(len(parents)))
        contributions = [parent for node in firing for parent in parents[node] if roles[parent] != "constant"]
        return forward + 1 + len(contributions)

    @property
    def title(self) -> str:
        """The title of the page."""
        root = self.graph["names"][-1].encode("utf-8", "replace").decode()
        root = "".join(c if c.isprintable() else " " for c in root)
        return str(LANGUAGES[self.lang]["title"]).format(root=root)

    @property
    def html(self) -> str:
        """The whole page. Its content security policy allows only its own script and style, by their hashes."""
        style = palette() + part("page.css")
        wrong = {mistake.name: mistake.partials for mistake in MISTAKES if mistake.partials}
        parts = [name for name in PARTS if name != "order" or "firing" in self.graph]
        script = "\n".join(
            [
                "(() => {",
                rule_functions(self.rules, wrong),
                *(part(f"{name}.js") for name in parts),
                "})();",
            ]
        )
        words = LANGUAGES[self.lang] | (ORDERS[self.lang] if "firing" in self.graph else {})
        unsaid = _PYTHONS_WORDS if self.graph["modules"] else _PYTHONS_WORDS + _WORDS_OF_MODULES
        words = {key: text for key, text in words.items() if key not in unsaid}
        theme = part("theme.js")
        return document(
            self.title,
            self.lang,
            squeezed_style(style),
            with_short_names(squeezed_script(script)),
            {**self.graph, "words": words, "lang": self.lang},
            before=squeezed_script(theme),
        )

    def save(self, path: str | Path, seconds: float | None = None) -> Path:
        """Write the page to a file, whole or not at all, or the steps as an animation for slides; and return its path.

        Args:
            path: the file, whose name ends in ``.html`` or ``.gif``. The animation is of the first view; in it each
                box fires once in each pass.
            seconds: how long the animation takes; by default a second for each step.

        Raises:
            ValueError: if the name ends in something else, or an animation would have more than 60 boxes, or play a
                wrong order.
            ImportError: if an animation is asked for, and matplotlib or Pillow is not installed.
        """
        path = Path(path)
        if path.suffix.lower() == ".gif":
            if "firing" in self.graph:
                raise ValueError("an animation plays the right order; save a wrong one as a page, such as wrong.html")
            frames = list(pictures(self.graph, LIGHT.styles, LANGUAGES[self.lang]))
            return save_gif(frames, path, len(frames) if seconds is None else seconds)
        check_ending(path, ".gif")
        write(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        return frame(self.html, self.title, self.height)


def palette() -> str:
    """The colours of the roles and of gradients, as CSS variables."""
    text = ""
    for palette, theme in ((LIGHT, ""), (DARK, "[data-theme=dark]")):
        ends = "".join(f"--{name}:{getattr(palette, name)};" for name in ("negative", "zero", "positive", "norm"))
        rules = [f"{theme or ':root'}{{{ends}}}"]
        rules += [
            f"{theme} .{role}{{--fill:{style.fill};--edge:{style.border}}}" for role, style in palette.styles.items()
        ]
        text += f"@media screen{{{''.join(rules)}}}" if theme else "".join(rules)
    return text


def part(name: str) -> str:
    """A file of the folder `page`, which another page may use as well."""
    return (_HERE / name).read_text(encoding="utf-8")


def _number(x: float) -> float | str:
    return x if isfinite(x) else str(x)


def _rule_pairs(order: Sequence[Value]) -> list[tuple[Rule, int]]:
    return list(dict.fromkeys((node.rule, len(node.parents)) for node in order if node.rule))


def _wrong_order(
    graph: Sequence[Value], order: str | Order | Sequence[Value], words: Mapping[str, str]
) -> dict[str, Any]:
    """What the page needs to know of a backward pass in another order, or with ``=`` for ``+=``."""
    index = {node: i for i, node in enumerate(graph)}
    if isinstance(order, str) and order == "=":
        firing, name = list(reversed(graph)), "="
    else:
        firing = firing_in(order_rule(order), graph)
        name = order if isinstance(order, str) else words["ownOrder"]
    return {"firing": [index[node] for node in firing], "assigned": name == "=", "orderName": name}


def _graph(
    order: Sequence[Value], names: Mapping[str, Any] | None, depth: int | None, lang: str, unfolded: bool
) -> dict[str, Any]:
    """Everything the page needs to know, as plain data. Nodes are numbered in topological order."""
    index = {node: i for i, node in enumerate(order)}
    rules = {pair: i for i, pair in enumerate(_rule_pairs(order))}
    lines = [source_lines.get(node) for node in order]
    name = node_names(order, names)
    views, clusters, first = _views(order, name, depth, lang, unfolded)
    return {
        "names": [name[node] for node in order],
        "operations": [shown_operation(node) for node in order],
        "roles": ["output" if node is order[-1] and node.rule else node.role for node in order],
        "values": [_number(node.data) for node in order],
        "parents": [[index[parent] for parent in node.parents] for node in order],
        "locals": _local_derivatives(order),
        "rules": [rules[node.rule, len(node.parents)] if node.rule else -1 for node in order],
        "formulas": [rule_formulas(rule, arity) for rule, arity in rules],
        "lines": {i: f"{Path(line.file).name}:{line.number}  {line.text}" for i, line in enumerate(lines) if line},
        "hints": _hints(order, {builtin_name(rule) for rule, _ in rules}, lang),
        "modules": clusters,
        "views": views,
        "first": first,
    }


def _local_derivatives(order: Sequence[Value]) -> list[list[float | str]]:
    try:
        return [[_number(local) for _, local in local_derivatives(node)] for node in order]
    except Exception:  # a rule fails; that is no matter if nothing is sent back through it, which the steps know
        slopes: dict[Value, list[float | str]] = {node: [] for node in order}
        for step in backward_steps(order, local_derivatives, source_lines):
            slopes[step.node].append(_number(step.local))
        return list(slopes.values())


def _hints(order: Sequence[Value], rules: set[str], lang: str) -> dict[str, str]:
    """What is said of the mistakes that give a wrong local derivative for one of these rules."""
    uses = [parent for node in order for parent in node.parents]
    several = {"total": ALL_PATHS[lang]} if len(uses) > len({*uses}) else {}
    possible = [
        m for m in MISTAKES if m.name in ("sign", "upstream included") or any(rule in m.partials for rule in rules)
    ]
    return several | {mistake.name: HINTS.get(lang, {}).get(mistake.name, mistake.hint) for mistake in possible}


def rule_formulas(rule: Rule, arity: int) -> list[str]:
    """The rule and its partials as MathML, with □0, □1 for the operands and □-1 for the result."""
    xs = [Name(f"□{i}") for i in range(arity)]
    try:
        whole = textbook_form(rule, xs)
        partials = [as_expression(partial) for partial in rule.partials(Name("□-1"), *xs)]
    except Exception:  # a rule that a user has written may take only numbers
        return [""] * (arity + 1)
    return [_short(formula) for formula in (whole, *partials)]


def _short(formula: Expression) -> str:
    if formula.size > LONGEST:
        return ""
    text = MATHML.write(formula).replace("&#x2061;", "\u2061")
    return re.sub(r"<mrow>(<mi>□-?\d+</mi>)</mrow>", r"\1", text)


def _views(
    order: Sequence[Value], name: Mapping[Value, str], depth: int | None, lang: str, unfolded: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """The views that the page offers, with different modules expanded; the modules; and the view to begin with.

    There is one view for each depth, and one for each module, in which it and the modules around it are expanded.
    """
    paths = {} if unfolded else folding.module_paths(order)
    modules = sorted(
        {prefix for path in paths.values() for prefix in folding.prefixes(path)}, key=lambda p: (len(p), p)
    )
    number = {path: i for i, path in enumerate(modules)}
    beside = f"{ORDERS[lang]['true']} -0.00000" if unfolded else ""
    drawing = _Drawing({node: i for i, node in enumerate(order)}, name, number, LANGUAGES[lang], beside)
    arranged = module_by_module(order, paths)
    if not modules:
        return [drawing.view(*folding.collapse(order, paths, folding.expanded_to(None)), arranged)], [], 0
    clusters: list[dict[str, Any]] = [{} for _ in modules]
    views: list[dict[str, Any]] = []
    of_module: dict[folding.ModulePath, int] = {}

    def add(is_expanded: Callable[[folding.ModulePath], bool], **more: int) -> None:
        collapsed = folding.collapse(order, paths, is_expanded)
        for vertex in collapsed[0]:
            if isinstance(vertex, folding.Cluster):
                clusters[number[vertex.path]] = clusters[number[vertex.path]] or drawing.cluster(vertex)
        views.append({**drawing.view(*collapsed, arranged), **more})

    depths = len(modules[-1]) + 2
    for level in range(depths):
        add(folding.expanded_to(level), up=max(0, level - 1))
    of_module[()] = 1
    levels = [*range(depths)]
    for path in modules[1:]:
        if sum(len(view["boxes"]) + len(view["arrows"]) for view in views) <= MOST_DRAWN:
            of_module[path] = len(views)
            levels.append(len(path) + 1)
            add(folding.expanded_along(path), up=of_module[path[:-1]])
    for path in modules:
        clusters[number[path]]["opens"] = of_module.get(path, len(path) + 1)
    sizes = [len(view["boxes"]) for view in views]
    for view, level, size in zip(views, levels, sizes):  # the next depth at which there is more to see
        if deeper := [i for i in range(level, depths) if sizes[i] > size]:
            view["down"] = deeper[0]
    fitting = [i for i in range(depths) if sizes[i] <= MOST_BOXES_AT_FIRST]
    return views, clusters, min(depth, depths - 1) if depth is not None else max(fitting, default=0)


@dataclass(frozen=True)
class _Drawing:
    """How boxes are numbered and what is written in them; the id of a node's box is its number, of module i -1 - i."""

    index: Mapping[Value, int]
    name: Mapping[Value, str]
    number: Mapping[folding.ModulePath, int]
    words: Mapping[str, Any]
    beside: str  # the row with the true gradient, below that with the gradient of a wrong order

    def view(
        self, vertices: Sequence[folding.Vertex], vertex_of: Mapping[Value, folding.Vertex], arranged: Sequence[Value]
    ) -> dict[str, Any]:
        """The layout of a view, its boxes in the order in which they fire in the forward pass."""
        ids = {v: self.index[v] if isinstance(v, Value) else -1 - self.number[v.path] for v in vertices}
        boxes = [Box(str(ids[v]), self.widest_rows(v), "", operands_matter(v)) for v in vertices]
        edges = collapsed_edges(vertices, vertex_of)
        local = "× -0.0000" if len(edges) <= MOST_LABELLED else ""
        labels = [local if edge.operand is not None else edge.count_label for edge in edges]
        arrows = [Arrow(str(ids[edge.tail]), str(ids[edge.head]), label) for edge, label in zip(edges, labels)]
        layout = layered(boxes, arrows, gap=28)
        places = dict(zip(vertices, layout.places.values()))
        return {
            "size": [round(layout.width), round(layout.height)],
            "boxes": [
                [ids[v], *(round(x) for x in (places[v].x, places[v].y, places[v].width, places[v].height))]
                for v in firing_order(vertices, vertex_of, arranged)
            ],
            "arrows": [
                [
                    ids[edge.tail],
                    ids[edge.head],
                    curve,
                    round(x),
                    round(y),
                    -1 if edge.operand is None else edge.operand,
                ]
                + ([edge.values] if edge.count_label else [])
                for edge, curve, (x, y) in zip(edges, layout.curves, layout.label_centres)
            ],
        }

    def cluster(self, cluster: folding.Cluster) -> dict[str, Any]:
        """What the page needs to know of a module."""
        return {
            "name": cluster.name or self.words["model"],
            "size": self.size(cluster),
            "nodes": [self.index[node] for node in cluster.nodes],
            "parameters": [self.index[node] for node in cluster.parameters],
            "outputs": [self.index[node] for node in cluster.outputs],
        }

    def size(self, cluster: folding.Cluster) -> str:
        """A line of text on the size of a module."""
        return size_line(cluster, self.words["parameterCount"].format(count=len(cluster.parameters)))

    def widest_rows(self, vertex: folding.Vertex) -> tuple[str, ...]:
        """The rows of a box, with the widest numbers that have to fit, and room for the mark in the corner."""
        if isinstance(vertex, folding.Cluster):
            signal = ["out -0.0000, grad -0.0"] if len(vertex.outputs) == 1 else []
            return f"✓ {vertex.name or self.words['model']} ✓", self.size(vertex), *signal, "‖grad‖ 0.0000"
        if vertex.role == "constant":
            return (self.name[vertex],)
        title = ": ".join(filter(None, (self.name[vertex], shown_operation(vertex))))
        return f"✓ {title} ✓", "data -0.00000", "grad -0.00000", *filter(None, [self.beside])
