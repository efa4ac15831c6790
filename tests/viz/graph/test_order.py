"""Operands, neurons and weights stand in their order: read back from the picture, at every depth, from every engine."""

import itertools
import random
import re
from collections import defaultdict
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Value
from engine.graph import topological_order
from nn import MLP, Neuron, mse_loss
from viz import draw_dot
from viz.graph import engines, folding
from viz.graph.layout import layered, svg
from viz.graph.picture import operands_matter, picture


def vertices_of(root, depth):
    order = topological_order(root)
    return folding.collapse(order, folding.module_paths(order), folding.expanded_to(depth))


def operands(root, depth):
    """The ids of what each box of a picture uses, in the order of the operands; and the boxes where that matters."""
    vertices, vertex_of = vertices_of(root, depth)
    ids = {vertex: f"n{i}" for i, vertex in enumerate(vertices)}
    wanted = {}
    for vertex in vertices:
        used = vertex.inputs if isinstance(vertex, folding.Cluster) else vertex.parents
        tails = [vertex_of[node] for node in used]
        both_values = lambda i: isinstance(vertex, Value) and isinstance(tails[i], Value)  # noqa: B023, E731
        wanted[ids[vertex]] = [ids[t] for i, t in enumerate(tails) if both_values(i) or t not in tails[:i]]
    users = [tail for tails in wanted.values() for tail in set(tails)]
    strict = {ids[vertex] for vertex in vertices if operands_matter(vertex)}
    return wanted, strict | {head for head, tails in wanted.items() if all(users.count(tail) == 1 for tail in tails)}


def frames(drawn):
    """The left, top, right and bottom of each box in a picture of our own."""
    found = {}
    for id, box in re.findall(r'<g id="(n\d+)">(.*?)</g>', drawn):
        x, y, width, height = map(float, re.findall(r'<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', box)[-1])
        found[id] = (x, y, x + width, y + height)
    return found


def arrivals(drawn):
    """The boxes from which arrows arrive at each box, from top to bottom; told from lines and rectangles alone."""
    boxes, found = frames(drawn), defaultdict(list)
    for curve in re.findall(r'<path d="(M[^"]*)"[^>]*marker-end', drawn):
        points = [tuple(map(float, point)) for point in re.findall(r"(-?\d+),(-?\d+)", curve)]
        (x, y), (u, v) = points[0], points[-1]
        (tail,) = [
            id
            for id, (_, top, right, bottom) in boxes.items()
            if abs(right - x) < 1 and abs((top + bottom) / 2 - y) < 1
        ]
        (head,) = [id for id, (left, top, _, bottom) in boxes.items() if abs(left - u) < 1 and top < v < bottom]
        found[head].append((v, tail))
    return {head: [tail for _, tail in sorted(each, key=lambda one: one[0])] for head, each in found.items()}


def arrivals_in_graphviz(drawn):
    """The same for a picture by Graphviz, whose arrows say what they join."""
    found = defaultdict(list)
    for title, edge in re.findall(r'<g id="edge\d+" class="edge">\s*<title>(.*?)</title>(.*?)</g>', drawn, re.DOTALL):
        tail, head = unescape(title).split("->")
        (curve,) = re.findall(r'<path [^>]*d="(.*?)"', edge)
        found[head].append((float(re.findall(r"-?[\d.]+", curve)[-1]), tail))
    return {head: [tail for _, tail in sorted(each, key=lambda one: one[0])] for head, each in found.items()}


def check(found, root, depth):
    wanted, exact = operands(root, depth)
    assert {head: sorted(tails) for head, tails in found.items()} == {h: sorted(t) for h, t in wanted.items() if t}
    assert {head: found[head] for head in exact & set(found)} == {head: wanted[head] for head in exact & set(found)}


OPERATIONS = [
    lambda a, b: a - b,
    lambda a, b: a + b,
    lambda a, b: a * b,
    lambda a, b: a / b,
    lambda a, b: a**b,
    lambda a, b: a.atan2(b),
    lambda a, b: a - 1,
    lambda a, b: 1 - a,
]


@st.composite
def programs(draw):
    """Expressions that share their parts, with neurons and layers in between."""
    values = [Value(float(i + 2), name) for i, name in enumerate("abc")]
    for i in range(draw(st.integers(1, 7))):
        pick = lambda: values[draw(st.integers(max(0, len(values) - 4), len(values) - 1))]  # noqa: E731
        kind = draw(st.integers(0, len(OPERATIONS) + 2))
        if kind < len(OPERATIONS):
            values.append(OPERATIONS[kind](pick(), pick()))
        elif kind == len(OPERATIONS):
            values.append(Neuron(2, label=f"m{i}", fused=draw(st.booleans()), rng=random.Random(i))([pick(), pick()]))
        else:
            xs = [pick(), pick()]
            hidden = [Neuron(2, label=f"m{i}.n{j}", rng=random.Random(j))(xs) for j in range(2)]
            values.append(Neuron(2, label=f"m{i}.out", rng=random.Random(i))(hidden))
    return values[-1] - draw(st.sampled_from(values[:-1]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # what they compute does not matter here
@given(programs())
def test_operands_stand_in_their_order_at_every_depth(root):
    for depth in (0, 1, 2, 3, None):
        check(arrivals(svg(*picture(root, depth=depth))), root, depth)


TREES = st.recursive(
    st.builds(lambda: Value(0.5, "x")),
    lambda parts: st.one_of(st.builds(lambda a: a.tanh(), parts), st.builds(lambda a, b: a - b, parts, parts)),
    max_leaves=10,
)


def heights(spline, xs):
    """The height of a curve, straight between many of its points, at each x."""
    points = [point for i in range(0, len(spline) - 1, 3) for point in along(*spline[i : i + 4])]
    found = []
    for x in xs:
        (a, b), (c, d) = next(pair for pair in itertools.pairwise(points) if pair[0][0] <= x <= pair[1][0])
        found.append(b + (d - b) * (x - a) / (c - a))
    return found


def along(*curve):
    for t in (i / 40 for i in range(41)):
        weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        yield tuple(sum(w * point[k] for w, point in zip(weights, curve)) for k in (0, 1))


@given(TREES)
def test_no_arrows_cross_if_nothing_is_used_twice(root):
    splines = layered(*picture(root)).splines
    for one, other in itertools.combinations(splines, 2):
        left, right = max(one[0][0], other[0][0]), min(one[-1][0], other[-1][0])
        xs = [left + (right - left) * i / 20 for i in range(21)]
        if left < right:
            gaps = [a - b for a, b in zip(heights(one, xs), heights(other, xs))]
            assert min(gaps) > -0.5 or max(gaps) < 0.5


@pytest.fixture(params=["dot", "graphviz-pure", "none"])
def drawn(request, monkeypatch):
    """Draws with one engine, or with none, and tells where arrows come from, and the top of each box."""
    found = [command for command in engines.engines() if command[0].endswith(request.param)]
    if request.param != "none" and not found:
        pytest.skip(f"needs {request.param}")
    monkeypatch.setattr(engines, "engines", lambda: found)

    def draw(root, **options):
        picture = draw_dot(root, **options).pipe(encoding="utf-8")
        if request.param == "none":
            return arrivals(picture), {id: top for id, (_, top, _, _) in frames(picture).items()}
        titled = re.findall(r"<title>(n\d+)</title>\s*<p[^>]*(?:points|d)=\"(.*?)\"", picture)
        tops = {id: min(float(y) for _, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", shape)) for id, shape in titled}
        return arrivals_in_graphviz(picture), tops

    return draw


def minus(layers, fused):
    """Both ways round, with a module on either side."""
    y = MLP(2, layers, fused=fused, rng=random.Random(0))([1.0, -2.0])
    return [y - 1, 1 - y, (1 - y) / (y - 2), y - y * 3]


@pytest.mark.parametrize("fused", [True, False])
def test_every_engine_keeps_the_order_of_operands(drawn, fused):
    for root in minus([2, 1], fused):
        for depth in (0, 1, 2, None):
            check(drawn(root, depth=depth)[0], root, depth)


@pytest.mark.parametrize("fused", [True, False])
def test_neurons_and_weights_stand_in_their_order_and_weights_by_their_products(drawn, fused):
    model = MLP(2, [4, 3, 1], fused=fused, rng=random.Random(0))
    loss = mse_loss([model([1.0, -2.0])], [0.5])
    for depth in (2, None):
        vertices, vertex_of = vertices_of(loss, depth)
        _, tops = drawn(loss, depth=depth)
        top = {vertex: tops[f"n{i}"] for i, vertex in enumerate(vertices)}
        for layer in model.layers:
            outputs = [node for node in vertex_of if node.rule and str(node.label) in {n.label for n in layer.neurons}]
            heights = [top[vertex_of[node]] for node in sorted(outputs, key=lambda node: str(node.label))]
            assert heights == sorted(heights)
            if depth is None:
                weights = [top[w] for neuron in layer.neurons for w in neuron.w]
                assert weights == sorted(weights)
        if depth is None:  # from top to bottom in the column of the weights: those of one operation, then of the next
            users = {parent: node for node in vertices for parent in node.parents if parent.role == "parameter"}
            for layer in model.layers:
                own = [users[w] for neuron in layer.neurons for w in neuron.w]
                assert [top[node] for node in own] == sorted(top[node] for node in own)


def positions(root):
    """Where each box stands, by the first line of its text, which differs from box to box."""
    drawing = draw_dot(root)
    return {box.rows: drawing.layout.places[box.id] for box in drawing.boxes}


def test_a_graph_that_grows_keeps_what_was_there_where_it_was():
    a, b, c, f = (Value(float(i), name) for i, name in enumerate("abcf"))
    steps = [a * b]
    for grow in (
        lambda y: y + c,
        lambda y: y * f,
        lambda y: y.tanh(),
        lambda y: y - 1,
        lambda y: 2 * y,
    ):
        steps[-1].label = f"step {len(steps)}"
        steps.append(grow(steps[-1]))
    steps[-1].label = "the last"
    earlier = positions(steps[0])
    for step in steps[1:]:
        now = positions(step)
        shifts = {(round(now[rows].x - place.x), round(now[rows].y - place.y)) for rows, place in earlier.items()}
        assert len(shifts) == 1  # as one
        assert shifts.pop()[0] == 0
        earlier = now


def test_what_is_used_again_later_stays_where_it_was(drawn):
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    product = a * b
    for root in (product, product + 10, (product + 10) * a, b - (product + 10) * a):
        names = {box.id: box.rows[0] for box in draw_dot(root).boxes}
        tops = {names[id]: top for id, top in drawn(root)[1].items()}
        assert tops["a"] < tops["b"]


def test_the_same_graph_gives_the_same_picture_however_often_and_after_whatever(drawn):
    def build():
        return mse_loss([MLP(2, [3, 1], rng=random.Random(0))([1.0, -2.0])], [0.5])

    first = draw_dot(build()).source
    assert drawn(build()) == drawn(build())
    others = [build() for _ in range(3)]
    assert {draw_dot(loss).source for loss in (*others, build())} == {first}
