"""What lets one see the rule move, in Chromium and in Firefox: nudges, paths, slopes, wrong orders, typed answers."""

import json
import math
import random
import re
import warnings
from fractions import Fraction
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value
from engine.graph import topological_order
from engine.steps import backward_steps
from nn import MLP, GRUCell, Linear, mse_loss
from tests.pages import SET_HASH, until
from tests.paths import ROOT
from tests.viz.player.graphs import labelled, network
from viz import backward_in_order, explain, nudge, play
from viz.classroom.worksheets.marking import judge
from viz.formulas.mistakes import MISTAKES
from viz.graph.palette import gradient_limit, gradient_shade
from viz.player.languages import ALL_PATHS, LANGUAGES
from viz.player.squeeze import TOKEN, squeezed_script


@pytest.fixture
def page(browser_page, tmp_path):
    """A page in each of the browsers, with `page.play(player, address)`."""

    def open_player(player, address=""):
        browser_page.load(player.save(tmp_path / f"{len(list(tmp_path.iterdir()))}.html"), address)

    browser_page.play = open_player
    return browser_page


def read(page, selector):
    """The texts of all elements that the selector finds."""
    return page.evaluate("s => [...document.querySelectorAll(s)].map((each) => each.textContent)", selector)


def curve():
    a, b, c = Value(1.5, "a"), Value(-2.0, "b"), Value(0.5, "c", role="parameter")
    d = labelled(a * b, "d")
    return labelled((d + c).tanh() * d + a * a, "L"), {"a": a, "b": b, "c": c}


STATE = "() => document.querySelector('main').outerHTML.replace(/ style=\"\"/g, '')"


@pytest.mark.parametrize("tool", ["nudge=0,0.1", "paths=0", "slope", "predict", "colour"])
def test_steps_of_a_tool_look_the_same_forwards_backwards_and_from_an_address(page, tool):
    root, _ = curve()
    page.play(play(root), f"#0&{tool}")
    last = page.evaluate("player.last")
    state_at = f"k => {{ player.go(k); return ({STATE})(); }}"
    forwards = [page.evaluate(state_at, k) for k in range(last + 1)]
    backwards = [page.evaluate(state_at, k) for k in range(last, -1, -1)]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == last + 1
    for k in (0, last // 2, last):
        page.goto("about:blank")
        page.play(play(root), f"#{k}&{tool}")
        assert page.evaluate(STATE) == forwards[k]


def test_the_address_says_what_is_open(page):
    root, _ = curve()
    page.play(play(root))
    page.evaluate("document.querySelector('#nudge').click()")
    page.evaluate("player.go(2)")
    until(page, "location.hash === '#2&nudge=0,0.1'")
    page.evaluate(SET_HASH, "#1&paths=1")
    assert page.evaluate("[player.step, document.querySelector('#from').value]") == [1, "1"]


def test_a_nudge_travels_forward_with_pythons_numbers(page):
    root, leaves = curve()
    order = topological_order(root)
    for name, by in (("a", 0.1), ("b", -0.25), ("c", 1e-3)):
        leaf = order.index(leaves[name])
        page.play(play(root), f"#999&nudge={leaf},{by}")
        expected, found = nudge(root, leaves[name], by), page.evaluate("player.nudge")
        assert found["predicted"] == pytest.approx(expected.predicted, rel=1e-12, abs=1e-12)
        assert found["actual"] == pytest.approx(expected.actual, rel=1e-12, abs=1e-12)
        assert len(read(page, "#outcome tr")) == 3
        moved = read(page, ".box.nudged .data")
        assert len(moved) == page.evaluate("player.last")
        assert all(text.startswith("Δ ") for text in moved)
    page.evaluate("document.querySelector('#first').click()")
    assert not read(page, ".box.nudged")
    page.keyboard.press("ArrowRight")
    assert read(page, ".box.nudged .data") == ["Δ 0.001"]
    assert read(page, "#outcome td")[1:] == ["…", "…"]


def test_each_change_on_the_way_is_what_python_recomputes(page):
    root, leaves = curve()
    order, by = topological_order(root), 0.2
    page.play(play(root), f"#999&nudge={order.index(leaves['a'])},{by}")
    for i, node in enumerate(order):
        shown = read(page, f"#n{i} .data, #n{i} .gradient")
        if node.rule is not None:
            local = nudge(node, leaves["a"], by)
            change, guess = (float(text.split()[1]) for text in shown)
            assert change == pytest.approx(local.actual, rel=1e-3)
            assert guess == pytest.approx(local.predicted, rel=1e-3)


def test_what_rounding_leaves_is_no_difference(page):
    a = Value(2.0, "a")
    b = a * 3
    root = b * 2 + b
    page.play(play(root), "#999&nudge=0,0.1")
    assert 0 < abs(page.evaluate("player.nudge.actual - player.nudge.predicted")) < 1e-12
    assert read(page, "#outcome td")[-1] == "0"
    assert " = 0.9 - 0.9 = 0\n" in str(nudge(root, a, 0.1))


def test_a_nudge_is_typed_as_in_a_worksheet(page):
    root, leaves = curve()
    page.play(play(root), "#999&nudge=0,0.1")
    put = """text => { const by = document.querySelector("#by");
      by.value = text; by.dispatchEvent(new Event("change")); return by.getAttribute("aria-invalid"); }"""
    assert page.evaluate(put, "-1/4") == "false"
    assert page.evaluate("player.nudge")["predicted"] == pytest.approx(nudge(root, leaves["a"], -0.25).predicted)
    assert page.evaluate(put, "much") == "true"


def test_the_products_of_the_paths_add_up_to_the_gradient(page):
    root, leaves = curve()
    order = topological_order(root)
    for leaf in leaves.values():
        page.play(play(root), f"#0&paths={order.index(leaf)}")
        expected = explain(root, leaf)
        found = page.evaluate("player.paths")
        products = [math.prod(local for _, _, local in path) for path in expected.paths]
        assert found["products"] == pytest.approx(products, rel=1e-12)
        assert found["count"] == expected.path_count
        assert found["sum"] == pytest.approx(expected.gradient, rel=1e-12)
        for k in range(1, page.evaluate("player.last") + 1):
            page.keyboard.press("ArrowRight")
            assert len(read(page, "#ledger tr")) == k  # it fills as the steps go
            lit = page.evaluate("document.querySelectorAll('.arrow.active').length")
            assert lit == (len(expected.paths[k - 1]) if k <= len(products) else 0)
        assert float(read(page, "#ledger .sum td")[0]) == pytest.approx(expected.gradient, rel=1e-3)


def test_a_click_on_an_input_chooses_it_and_too_many_paths_are_only_counted(page):
    x = Value(1.01, "x")
    y = x
    for _ in range(30):
        y = y + y
    page.play(play(y), "#0&paths=0")
    assert page.evaluate("player.last") == 0
    assert "1,073,741,824 paths" in read(page, "#spoken")[0]
    root, leaves = curve()
    page.play(play(root), "#0&paths=0")
    other = topological_order(root).index(leaves["b"])
    page.evaluate("id => document.getElementById(id).dispatchEvent(new MouseEvent('click'))", f"n{other}")
    assert page.evaluate("document.querySelector('#from').value") == str(other)


def test_the_slope_of_the_curve_is_the_gradient(page):
    root, leaves = curve()
    order = topological_order(root)
    page.play(play(root), "#0&slope")
    for name, number in (("a", 0.75), ("b", 1.0), ("c", 0.25)):
        leaf = order.index(leaves[name])
        page.evaluate(
            """([id, x]) => { const slider = document.getElementById(id);
            slider.value = x; slider.dispatchEvent(new Event("input")); }""",
            [f"s{leaf}", number],
        )
        leaves[name].data = number
        root.forward()
        root.backward()
        found = page.evaluate("player.curve")
        assert found["x"] == number
        assert found["y"] == pytest.approx(root.data, rel=1e-12)
        assert found["slope"] == pytest.approx(leaves[name].grad, rel=1e-12)
        xs = [x for x, _ in found["points"]]
        assert min(xs) < number < max(xs)
        near = min(range(1, len(xs) - 1), key=lambda i: abs(xs[i] - number))
        (x0, y0), (x1, y1) = found["points"][near - 1], found["points"][near + 1]
        assert (y1 - y0) / (x1 - x0) == pytest.approx(found["slope"], abs=0.2)
        for leaf in leaves.values():
            leaf.grad = 0.0
    assert page.evaluate("document.querySelector('#tangent').getAttribute('d')").startswith("M")


def shared():
    a = Value(-1.5, "a")
    b = labelled(a * 3, "b")
    c = labelled(b * 2, "c")
    return labelled(b * a + c * b + (-a), "e")


@pytest.mark.parametrize("order", ["naive recursion", "breadth-first", "depth-first", "topological", "own", "function"])
def test_a_wrong_order_is_played_with_its_totals(page, order):
    root = shared()
    graph = topological_order(root)
    given = {"own": [root, *graph[:-1]], "function": lambda root: topological_order(root)}.get(order, order)
    expected = backward_in_order(root, given)
    page.play(play(root, order=given), "#9999")
    gradients = page.evaluate("player.gradients")
    totals = {leaf: total for leaf, (total, _) in expected.gradients.items()}
    assert {leaf: gradients[graph.index(leaf)] for leaf in totals} == pytest.approx(totals, rel=1e-12)
    marked = page.evaluate("[...document.querySelectorAll('.box.early')].map((box) => Number(box.id.slice(1)))")
    assert {graph[i] for i in marked} == {*expected.early, *expected.again}
    wrong = [leaf for leaf, (total, true) in expected.gradients.items() if total != pytest.approx(true)]
    assert len([text for text in read(page, "#totals td") if "✗" in text and "fired" not in text]) == len(wrong)
    for leaf, (_, true) in expected.gradients.items():
        assert f"{true:.4g}" in read(page, "#totals td")
        assert read(page, f"#n{graph.index(leaf)} .true") == [f"true {true:.4g}"]
    assert len([text for text in read(page, "#totals td") if "never fired" in text]) == len(expected.missing)


def test_who_fires_too_early_is_said_at_that_step(page):
    root = shared()
    page.play(play(root, order="naive recursion"))
    said = []
    for _ in range(page.evaluate("player.last")):
        page.keyboard.press("ArrowRight")
        said += read(page, "#formula .wrong")
    expected = backward_in_order(root, "naive recursion")
    early = [text for text in said if "before its gradient is complete" in text]
    assert {text.split()[1] for text in early} >= {node.label for node in expected.early if node.label}
    assert any("fires again" in text for text in said)
    assert any("instead of" in text for text in read(page, "#cells dd"))  # a is told so for the fifth time, not of 3


BADGES = """() => [...Array(player.last + 1).keys()].map(k => {
  player.go(k);
  return [".sender", ".receiver"].map(kind => document.querySelector(`.box${kind} .badge`)?.textContent ?? "");
})"""


def test_a_box_that_fired_wrongly_still_says_so_while_it_sends_or_receives(page):
    page.play(play(shared(), order="naive recursion"))
    senders, receivers = zip(*page.evaluate(BADGES))
    assert any(re.fullmatch(r"✗ fired .* ↓", badge) for badge in senders)
    assert any(re.fullmatch(r"↓ ✗ fired .*", badge) for badge in receivers)
    assert {"sends ↓", "↓ receives"} <= {*senders, *receivers}
    page.evaluate("player.go(player.last)")
    assert max(box["width"] for box in page.evaluate(ROOM)["boxes"]) < 140 * 18 / 16  # no wider than in the right order


def test_a_contribution_that_replaces_the_others_is_not_said_to_be_added(page):
    page.play(play(shared(), order="="), "#9999")
    assert read(page, "#spoken")[0].endswith("It replaces what a had.")


def test_assignment_keeps_the_last_contribution(page):
    root = shared()
    graph = topological_order(root)
    page.play(play(root, order="="), "#9999")
    gradient = {root: 1.0}
    for node in reversed(graph):
        for parent, slope in zip(node.parents, node.local_gradients()):
            gradient[parent] = gradient[node] * slope
    found = page.evaluate("player.gradients")
    assert [found[i] for i, node in enumerate(graph) if node.role != "constant" and node is not root] == pytest.approx(
        [gradient[node] for node in graph if node.role != "constant" and node is not root]
    )


@pytest.mark.parametrize("wrong", ["backwards", 3, object()])
def test_an_unknown_order_is_refused(wrong):
    with pytest.raises((TypeError, ValueError), match="order"):
        play(shared(), order=wrong)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: play(3), TypeError, r"expected the Value to play, got int 3$"),
        (lambda x: play(abs), TypeError, r"got <built-in function abs>; give it what a call returns"),
        (lambda x: play(x, lang="fr"), ValueError, "lang must be one of 'en', 'es', 'ja', got 'fr'"),
        (lambda x: play(x, height="tall"), ValueError, "height must be a whole number of pixels above 0.*, got 'tall'"),
        (lambda x: play(x, height=-5), ValueError, "height must be .* above 0, such as 620, got -5"),
        (lambda x: play(x, height=True), ValueError, "height must be .* above 0, such as 620, got True"),
        (
            lambda x: play(x).save("x.pdf"),
            ValueError,
            r"must end in .html or .gif, got 'x.pdf'; write save\('x.html'\)",
        ),
        (lambda x: play(x).save("x"), ValueError, r"must end in .html or .gif, got 'x'; write save\('x.html'\)"),
    ],
)
def test_other_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(Value(1.0))


TYPED = [
    *("3", "3.0", "6/2", "-1/4", "0,25", "1 1/2", "-1 1/2", "½", "2½", "−5", "0.667", "0,666", "0.668", "0.67", ".5"),
    *("5.", "+7", "- 7", "", "   ", "x", "1e5", "nan", "1/0", "--2", "12345678901", "0.0000001", "3 / 4", "３", "1/3"),
    *("0.333", "0.3333"),
]
KEYS = [3.0, -0.25, 2 / 3, 1.5, 0.5, -5.0, 7.0, 0.0, 1 / 3, 0.0625, 1e-9, 12.5, math.tanh(0.3)]


def test_typed_answers_are_judged_as_in_python(page):
    page.play(play(curve()[0]))
    by_name = {m.name: m for m in MISTAKES if m.partials or m.name == "sign"}
    cases, expected = [], []
    for key in KEYS:
        numbers = dict(zip(by_name, (-key, key + 1, 2 * key, key, 0.25, 3.0, 0.5)))
        for text in TYPED:
            verdict, _ = judge("x", text, Fraction(key), key, [(by_name[n], [x], x) for n, x in numbers.items()], [])
            expected.append([verdict.state, list(verdict.causes)])
            cases.append([text, key, list(numbers.items())])
    found = page.evaluate("cases => cases.map((each) => player.judge(...each))", cases)
    assert [[each["state"], each["causes"]] for each in found] == expected


def test_the_mistakes_give_the_numbers_that_they_give_in_python(page):
    x, y = Value(2.5, "x"), Value(-4.0, "y")
    for operation in (x * y, x - y, x / y, x**2, x.relu(), x.maximum(y), -x):
        operation.label = "L"
        names = {m.name: m for m in MISTAKES if operation.rule.name in m.partials}
        page.play(play(operation), "#3&predict")
        for step in backward_steps(topological_order(operation), lambda n: zip(n.parents, n.local_gradients()), {}):
            page.evaluate("k => player.go(k)", 3 + step.operand)
            for mistake in names.values():
                xs = [parent.data for parent in operation.parents]
                number = mistake.partials[operation.rule.name](operation.data, *xs, *operation.rule.constants)
                given = number[step.operand]
                if Fraction(given) == Fraction(step.local):
                    continue
                page.evaluate("text => { document.querySelector('#answer').value = text; }", repr(given))
                page.evaluate("document.querySelector('#check').click()")
                assert mistake.hint in read(page, "#verdict li")


def test_a_derivative_over_all_paths_is_told_from_the_local_derivative(page):
    a = Value(2.0, "a")
    b = labelled(a * 3, "b")
    root = labelled(b * 2 + b, "e")
    page.play(play(root), "#6&predict")  # e sends to b: ∂e/∂b is 3 over both paths, and 1 on this arrow
    assert read(page, "#asked")[0].startswith("local derivative")
    for typed, said in (("3", ALL_PATHS["en"]), ("1", "Right.")):
        page.evaluate("text => { document.querySelector('#answer').value = text; }", typed)
        page.evaluate("document.querySelector('#check').click()")
        assert read(page, "#verdict li") == [said]


def test_colours_are_those_of_the_pictures(page):
    root, _ = network((3, 1))
    page.play(play(root, depth=1), "#999&colour")
    filled = page.evaluate("[...document.querySelectorAll('.box rect.body')].map((rect) => rect.style.fill)")
    assert any("--norm" in fill or "color" in fill for fill in filled)
    assert "grad" in read(page, "#legend b")
    numbers = [0.0, 1e-9, -0.004, 0.3, -1.0, 7.0, -99.0, 1e20]
    shades = page.evaluate("xs => xs.map((x) => player.shade(x, 10))", numbers)
    assert shades == pytest.approx([gradient_shade(x, 10.0) for x in numbers])
    limits = page.evaluate("xs => xs.map((x) => player.limitOf(x))", numbers)
    assert limits == pytest.approx([gradient_limit(x) for x in numbers])
    assert "‖grad‖" in read(page, "#legend b")
    page.evaluate("document.querySelector('#colour').click()")
    assert not any(page.evaluate("[...document.querySelectorAll('.box rect.body')].map((rect) => rect.style.fill)"))


# Sizes.

ROOM = """() => {
  const of = each => each.getBoundingClientRect().toJSON(), stage = document.querySelector("#stage");
  const texts = [...stage.querySelectorAll("text")].map(text => parseFloat(getComputedStyle(text).fontSize));
  const boxes = [...stage.querySelectorAll(".box")].map(of), room = of(stage);
  const isCut = box => box.left < room.left || box.right > room.right || box.top < room.top || box.bottom > room.bottom;
  const least = Math.min(...texts) * stage.querySelector("svg").getScreenCTM().a;
  return { boxes, room, least, cut: boxes.filter(isCut).length, result: isCut(boxes.at(-1)) };
}"""


def steady(page):
    """Where all stands, once the page has fitted its picture into the room that it has."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(ROOM)


def test_a_picture_is_fitted_into_the_room_beside_a_tool(page):
    page.play(play(neuron()), "#9")
    for tool in ("predict", "nudge", "paths", "slope", "slope"):
        page.evaluate("tool => document.getElementById(tool).click()", tool)
        found = steady(page)
        assert (found["cut"], found["least"]) == (0, pytest.approx(18, abs=0.01))
    model = MLP(2, [3, 1], rng=random.Random(0))
    page.play(play(mse_loss([model([Value(0.5), Value(-0.25)])], [1.0]), depth=1))
    assert steady(page)["cut"] == 0


def test_where_there_is_no_room_for_all_the_result_is_in_sight(page):
    x = Value(0.5, "x")
    y = x
    for _ in range(9):
        y = (y * x).tanh()
    page.play(play(y), "#0&slope")
    assert steady(page)["cut"] > 0
    assert not steady(page)["result"]
    page.evaluate("document.getElementById('paths').click()")
    page.evaluate("player.go(player.last)")
    assert not steady(page)["result"]


@pytest.mark.parametrize("width", [1280, 700])
def test_no_label_of_an_arrow_lies_on_a_box(pages, tmp_path, width):
    page = pages.open(play(neuron()).save(tmp_path / "neuron.html"), "#9999&slope", width=width)
    found = page.evaluate("""() => [...document.querySelectorAll(".arrow text")].map(text => {
      const a = text.getBoundingClientRect();
      return [...document.querySelectorAll(".box .body")].filter(body => {
        const b = body.getBoundingClientRect();
        return a.right > b.left + 1 && a.left < b.right - 1 && a.bottom > b.top + 4 && a.top < b.bottom - 4;
      }).length;
    })""")
    assert found == [0] * 9


def test_on_a_phone_the_slope_is_read_in_full(pages, tmp_path):
    page = pages.open(play(neuron()).save(tmp_path / "neuron.html"), "#9&slope", width=390, height=844)
    column, said, slider = (page.locator(part).bounding_box() for part in ("#aside", "#slopeIs", "#s0"))
    assert column["y"] <= said["y"]
    assert slider["y"] + slider["height"] <= column["y"] + column["height"]


# For everybody: axe-core finds nothing, in any mode, light and dark.


@pytest.fixture(scope="module")
def axe():
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("size", "theme"), [((1280, 720), "light"), ((1280, 720), "dark"), ((390, 844), "light")]
)  # the colours are the same at every size
def test_axe_finds_nothing(pages, tmp_path, axe, theme, size):
    deep, _ = network((3, 2, 1), fused=False)
    page = pages.page(*size, color_scheme=theme, reduced_motion="reduce", bypass_csp=True)
    wrong = shared()
    players = [play(curve()[0]), play(deep, depth=1), play(wrong, order="naive recursion")]
    for i, (player, address) in enumerate(
        [
            *((players[0], f"#7&{tool}") for tool in ("predict", "nudge=0,0.1", "paths=0", "slope", "colour")),
            (players[1], "#0"),
            (players[1], "#6"),
            (players[2], "#8"),
        ]
    ):
        pages.go(page, player.save(tmp_path / f"{i}.html"), address)
        page.evaluate(axe)
        if i == 0:
            page.evaluate("document.querySelector('#more').click()")
        found = page.evaluate("axe.run().then(({ violations }) => violations.map((v) => [v.id, v.nodes[0].html]))")
        assert found == [], (address, json.dumps(found, indent=1))


# The page.


def test_the_mark_of_a_box_leaves_its_title_free(page):
    rng = random.Random(1)
    root = MLP(2, [3, 1], rng=rng, fused=False)([Value(1.0, "a number with a long name"), Value(-2.0, "x")])
    page.play(play(root, depth=3), "#9999")
    found = page.evaluate("""() => [...document.querySelectorAll(".box")].map(box => {
        const [title, mark] = [".title", ".mark"].map(part => box.querySelector(part)?.getBBox());
        return title && mark?.width ? mark.x - title.x - title.width : null;
    }).filter(gap => gap !== null)""")
    assert len(found) > 10
    assert min(found) > 0


def neuron():
    """Ten nodes."""
    x1, x2 = Value(2.0, "x1"), Value(0.0, "x2")
    w1, w2, b = (Value(w, name, role="parameter") for w, name in ((-3.0, "w1"), (1.0, "w2"), (6.88, "b")))
    return labelled((x1 * w1 + x2 * w2 + b).tanh(), "o")


def test_a_height_may_be_numpys():
    assert 'height="700"' in play(Value(1.0), height=np.int64(700))._repr_html_()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_of_ten_nodes_is_small(lang):
    assert len(topological_order(neuron())) == 10
    assert len(play(neuron(), lang=lang).html.encode()) <= 60_000


def test_the_script_is_written_so_that_it_can_be_squeezed():
    for path in (*(ROOT / "viz/player/page").glob("*.js"), *(ROOT / "viz/live/page").glob("*.js")):
        text = path.read_text(encoding="utf-8")
        templates = [match[0] for match in TOKEN.finditer(text) if match["kept"] and match[0].startswith("`")]
        assert all(template.count("{") == template.count("}") for template in templates)
        assert not re.search(r"[\w)\]] ?/[\w(]", re.sub(r"//.*|/\*.*?\*/", "", strings_out(text)))
        assert strings_out(squeezed_script(text)) == strings_out(squeezed_script(squeezed_script(text)))


def strings_out(text):
    """A script without what it keeps as it is."""
    return "".join("" if match["kept"] else match[0] for match in TOKEN.finditer(text))


# The order of the boxes.


def fires_right(root, depth=1):
    """In every view each box after all that it uses, and every node in exactly one box; the page's data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        graph = play(root, depth=depth).graph
    for view in graph["views"]:
        place = {}
        for i, (box, *_) in enumerate(view["boxes"]):
            for node in [box] if box >= 0 else graph["modules"][-1 - box]["nodes"]:
                assert node not in place
                place[node] = i
        assert sorted(place) == list(range(len(graph["names"])))
        for node, parents in enumerate(graph["parents"]):
            assert all(place[parent] <= place[node] for parent in parents)
    return graph


@settings(max_examples=8)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=2), st.integers(1, 2), st.booleans(), st.booleans())
def test_boxes_stand_in_an_order_in_which_each_can_fire_once(sizes, examples, fused, shared_input):
    model = MLP(2, [*sizes, 1], fused=fused)
    xs = [Value(1.0), Value(2.0)]
    inputs = [xs if shared_input else [Value(float(i)), Value(0.5)] for i in range(examples)]
    graph = fires_right(mse_loss([model(x) for x in inputs], [1.0] * examples))
    everything = graph["views"][max(range(len(graph["views"])), key=lambda i: len(graph["views"][i]["boxes"]))]
    names = [graph["names"][box] for box, *_ in everything["boxes"]]
    layers = [name.split(".")[0] for name in names if name.startswith("L") and "." in name]
    assert examples > 1 or layers == sorted(layers)  # with everything open too


def test_modules_that_come_back_to_one_another_are_played_too():
    cell, scale = GRUCell(1, 2, label="cell"), Linear(2, 1, label="out")
    hidden, x = None, [Value(0.5, "x")]
    for _ in range(3):
        hidden = cell(x, hidden)
        x = scale(hidden)
    graph = fires_right(labelled(x[0] * 2, "y"))
    assert len(graph["views"]) > 3
