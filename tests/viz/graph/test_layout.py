"""The built-in layout: no box on another, arrows that point forward, boxes as near as can be to their wish."""

import itertools
import random
import re
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest

from engine import Rule, Value, logsumexp, mean, softmax, where
from nn import MLP, mse_loss
from viz.graph.layout import _isotonic, layered, svg
from viz.graph.picture import Arrow, Box, picture

DIRECTIONS = ["LR", "RL", "TB", "BT"]


def sharing(n, seed=0):
    draw = random.Random(seed)
    boxes = [
        Box(f"n{i}", (f"v{i}: +", "data 0.1234", "grad -0.5678")[: draw.randint(1, 3)], "operation") for i in range(n)
    ]
    near = lambda i: f"n{draw.randrange(max(0, i - draw.choice([3, 30, n])), i)}"  # noqa: E731
    arrows = [Arrow(near(i), f"n{i}", "0.5" * (i % 3 == 0)) for i in range(n // 8 + 1, n) for _ in range(2)]
    return boxes, arrows


def square():
    x = Value(3.0, "x")
    return picture(x * x)


def network():
    return picture(mse_loss([MLP(2, [4, 3, 1], fused=False, rng=random.Random(0))([1.0, 2.0])], [0.5]))


def one_box():
    return picture(Value(1.0, "x"))


def hostile():
    return [Box("a", ("日本語のラベル", "x" * 60), "input"), Box("b", ("",), "constant")], [Arrow("a", "b", "<&>" * 5)]


GRAPHS = [square, network, one_box, hostile, lambda: sharing(40), lambda: sharing(300, 1)]


def frame(place):
    return place.x - place.width / 2, place.y - place.height / 2, place.x + place.width / 2, place.y + place.height / 2


def ends(curve):
    """Where an SVG path begins and where it ends."""
    points = [tuple(map(float, point)) for point in re.findall(r"(-?\d+),(-?\d+)", curve)]
    return points[0], points[-1]


@pytest.mark.parametrize("rankdir", DIRECTIONS)
@pytest.mark.parametrize("graph", GRAPHS, ids=range(len(GRAPHS)))
def test_no_box_lies_on_another_or_outside(graph, rankdir):
    boxes, arrows = graph()
    layout = layered(boxes, arrows, rankdir)
    frames = [frame(place) for place in layout.places.values()]
    for left, top, right, bottom in frames:
        assert left >= 0
        assert top >= 0
        assert right <= layout.width + 1e-6
        assert bottom <= layout.height + 1e-6
    for curve in layout.curves:
        for x, y in re.findall(r"(-?\d+),(-?\d+)", curve):
            assert 0 <= float(x) <= layout.width + 1
            assert 0 <= float(y) <= layout.height + 1
    for (a, b, c, d), (e, f, g, h) in itertools.combinations(frames, 2):
        assert c <= e or g <= a or d <= f or h <= b


@pytest.mark.parametrize("rankdir", DIRECTIONS)
@pytest.mark.parametrize("graph", GRAPHS, ids=range(len(GRAPHS)))
def test_every_arrow_leads_forward_from_edge_to_edge(graph, rankdir):
    boxes, arrows = graph()
    layout = layered(boxes, arrows, rankdir)
    for arrow, curve in zip(arrows, layout.curves, strict=True):
        tail, head = (frame(layout.places[id]) for id in (arrow.tail, arrow.head))
        (x0, y0), (x1, y1) = ends(curve)
        leaves = {"LR": (x0, tail[2]), "RL": (x0, tail[0]), "TB": (y0, tail[3]), "BT": (y0, tail[1])}[rankdir]
        arrives = {"LR": (x1, head[0]), "RL": (x1, head[2]), "TB": (y1, head[1]), "BT": (y1, head[3])}[rankdir]
        for there, edge in (leaves, arrives):
            assert there == pytest.approx(edge, abs=1)
        assert (arrives[0] - leaves[0]) * (1 if rankdir in ("LR", "TB") else -1) > 0
        across = (y1, head[1], head[3]) if rankdir in ("LR", "RL") else (x1, head[0], head[2])
        assert across[1] - 1 <= across[0] <= across[2] + 1


@pytest.mark.parametrize("rankdir", DIRECTIONS)
def test_an_operand_used_twice_has_two_curves(rankdir):
    layout = layered(*square(), rankdir)
    assert len(layout.curves) == 2
    (start, end), (other_start, other_end) = map(ends, layout.curves)
    assert start == other_start
    assert max(abs(a - b) for a, b in zip(end, other_end)) >= 8


def test_no_two_arrows_are_drawn_the_same():
    for graph in GRAPHS:
        curves = layered(*graph()).curves
        assert len(set(curves)) == len(curves)


def test_a_wider_gap_is_kept():
    boxes, arrows = sharing(60)
    for gap in (14.0, 28.0, 60.0):
        layout = layered(boxes, arrows, gap=gap)
        columns = {round(place.x): [] for place in layout.places.values()}
        for place in layout.places.values():
            columns[round(place.x)].append(place)
        for column in columns.values():
            column.sort(key=lambda place: place.y)
            for above, below in itertools.pairwise(column):
                assert below.y - above.y - (below.height + above.height) / 2 >= gap - 1e-6


def test_labels_have_room_between_the_layers():
    boxes, _ = square()
    plain, labelled = (layered(boxes, [Arrow("n0", "n1", label)]) for label in ("", "-1.234e+05"))
    assert labelled.width - plain.width > 60


def crossing():
    a, b = Value(2.0, "a"), Value(-3.0, "b")
    return picture((a + b) * (a * b), edges="local")


def twice():
    x = Value(3.0, "x")
    return picture(x * x, edges="local")


def counted():
    """A label between a wide box and a narrow one."""
    boxes = [
        Box("wide", ("a wide box with a long name",), "module"),
        Box("1", ("1",), "constant"),
        Box("z", ("z",), "output"),
    ]
    return boxes, [Arrow("wide", "z", "5 values"), Arrow("1", "z", "-1")]


def deep():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x * y - x
    return picture((z * y + x / z) * y, edges="local")


def label_frame(label, centre):
    """The least that a label covers, however narrow its letters are."""
    return centre[0] - 3 * len(label), centre[1] - 5, centre[0] + 3 * len(label), centre[1] + 5


def points_along(spline):
    for i in range(0, len(spline) - 1, 3):
        for t in (j / 200 for j in range(201)):
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            yield tuple(sum(w * point[k] for w, point in zip(weights, spline[i : i + 4])) for k in (0, 1))


@pytest.mark.parametrize("rankdir", DIRECTIONS)
@pytest.mark.parametrize("graph", [crossing, twice, counted, deep], ids=lambda graph: graph.__name__)
def test_no_arrow_runs_through_a_label_and_no_label_lies_on_a_box(graph, rankdir):
    boxes, arrows = graph()
    layout = layered(boxes, arrows, rankdir)
    labels = [label_frame(a.label, at) for a, at in zip(arrows, layout.label_centres) if a.label]
    assert labels
    for left, top, right, bottom in labels:
        for spline in layout.splines:
            assert not any(left < x < right and top < y < bottom for x, y in points_along(spline))
        for a, b, c, d in map(frame, layout.places.values()):
            assert c <= left or right <= a or d <= top or bottom <= b
    for (a, b, c, d), (e, f, g, h) in itertools.combinations(labels, 2):
        assert c <= e or g <= a or d <= f or h <= b


def test_the_label_of_an_arrow_is_text_whatever_it_says():
    boxes, _ = square()
    label = '<b>&amp;</b> "1 < 2"'
    texts = [text.text for text in ElementTree.fromstring(svg(boxes, [Arrow("n0", "n1", label)])).iter() if text.text]
    assert label in texts


@pytest.mark.parametrize("rankdir", DIRECTIONS)
@pytest.mark.parametrize("ordered", [True, False])
def test_arrows_arrive_in_the_order_of_the_operands(ordered, rankdir):
    boxes = [Box(name, (name,), "input") for name in "ab"] + [Box("z", ("z",), "output", ordered)]
    straight, swapped = (layered(boxes, [Arrow(tail, "z") for tail in tails], rankdir).curves for tails in ("ab", "ba"))
    arrivals = [[ends(curve)[1] for curve in curves] for curves in (straight, swapped)]
    assert arrivals[0] == arrivals[1] == sorted(arrivals[0])


def test_only_operations_whose_operands_may_be_swapped_are_drawn_as_if_they_could():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    kinds = [a + b, a * b, a.maximum(b), a.minimum(b), a.hypot(b), mean([a, b, a]), logsumexp([a, b])]
    kinds += [a - b, a / b, a**b, a.atan2(b), where(a, b, 3.0), softmax([a, b, a])[1], Rule("f", max, min)(a, b, a)]
    assert [picture(node)[0][-1].ordered for node in kinds] == 7 * [False] + 7 * [True]
    assert not picture(-a)[0][-1].ordered


def test_the_same_graph_is_placed_the_same():
    assert layered(*sharing(200)) == layered(*sharing(200))


@pytest.mark.parametrize(("n", "seconds"), [(300, 2.0), (5000, 20.0)])
def test_large_graphs_are_placed_in_time(n, seconds):
    boxes, arrows = sharing(n)
    start = time.process_time()
    layout = layered(boxes, arrows)
    assert time.process_time() - start < seconds
    assert len(layout.places) == n


def test_the_drawing_has_every_box_and_arrow():
    boxes, arrows = network()
    drawn = svg(boxes, arrows)
    assert Counter(re.findall("<(g|path)", drawn)) == {"g": len(boxes), "path": len(arrows) + 1}


# _isotonic: the least squares under "keep the order, leave each its room".


def isotonic(layer, room, wanted):
    shifts = itertools.accumulate((room[a] + room[b]) / 2 for a, b in itertools.pairwise(layer))
    return dict(zip(layer, _isotonic([wanted[name] for name in layer], [0.0, *shifts])))


def cost(places, wanted):
    return sum((places[name] - wanted[name]) ** 2 for name in wanted)


def brute(layer, room, wanted):
    """The best of all ways to part a layer into blocks that touch, each at the mean of what its members want."""
    best = None
    for cuts in itertools.product([False, True], repeat=len(layer) - 1):
        blocks = [[layer[0]]]
        for name, cut in zip(layer[1:], cuts):
            blocks.append([name]) if cut else blocks[-1].append(name)
        places = {}
        for block in blocks:
            shifts = [0.0, *itertools.accumulate((room[a] + room[b]) / 2 for a, b in itertools.pairwise(block))]
            start = sum(wanted[name] - shift for name, shift in zip(block, shifts)) / len(block)
            places.update({name: start + shift for name, shift in zip(block, shifts)})
        fits = all(places[b] - places[a] >= (room[a] + room[b]) / 2 - 1e-9 for a, b in itertools.pairwise(layer))
        if fits and (best is None or cost(places, wanted) < cost(best, wanted)):
            best = places
    return best


@pytest.mark.parametrize("seed", range(60))
def test_boxes_stand_as_near_to_their_wish_as_there_is_room(seed):
    draw = random.Random(seed)
    layer = [f"n{i}" for i in range(draw.randint(1, 8))]
    room = {name: draw.uniform(1, 20) for name in layer}
    wanted = {name: draw.choice([draw.uniform(0, 60), 30.0]) for name in layer}
    places = isotonic(layer, room, wanted)
    for a, b in itertools.pairwise(layer):
        assert places[b] - places[a] >= (room[a] + room[b]) / 2 - 1e-9
    assert places == pytest.approx(brute(layer, room, wanted))


def test_boxes_with_room_stand_where_they_wish():
    wanted = {"a": 0.0, "b": 50.0, "c": 100.0}
    assert isotonic(list(wanted), dict.fromkeys(wanted, 20.0), wanted) == wanted
