"""The step player in a real browser: every key and button, every number at every step, and nothing from outside."""

import base64
import gzip
import hashlib
import itertools
import json
import linecache
import math
import random
import re
import warnings
from html.parser import HTMLParser

import pytest

from engine import Rule, Value, atan2, dot, exp, logsumexp, mean, record_lines, softmax
from engine.graph import local_derivatives, topological_order
from engine.names import number
from engine.steps import backward_steps
from tests.pages import SET_HASH, until
from tests.viz.player.graphs import labelled, network
from viz import play
from viz.formulas.mistakes import MISTAKES
from viz.player.languages import HINTS, LANGUAGES

# What a page shows: the picture with all its texts and classes, the formulas, the sentences.
SHOWN = """() => ["#stage svg", "#formula", "#cells", "#source", "#spoken", "#counter"].map(
  (part) => document.querySelector(part).outerHTML).join("\\n")"""

BOXES = """() => [...document.querySelectorAll(".box")].map(
  (box) => [box.id, [...box.querySelectorAll("text")].map((text) => text.textContent)])"""


@pytest.fixture
def opened(pages, tmp_path):
    """Opens a player's file."""
    number = itertools.count()
    return lambda player, step="", **options: pages.open(
        player.save(tmp_path / f"player{next(number)}.html"), step, **options
    )


def set_speed(page, speed):
    page.evaluate(
        """speed => { const slider = document.querySelector("#speed");
      slider.value = speed; slider.dispatchEvent(new Event("input")); }""",
        speed,
    )


def at(page):
    return page.evaluate("player.step")


def shown(page):
    return page.evaluate(SHOWN)


def text(page, part):
    return page.locator(part).text_content()


def boxes(page):
    """The texts of every box."""
    return dict(page.evaluate(BOXES))


def file_address(page):
    return page.url.partition("#")[0]


def same(xs, ys):
    """Are they the same numbers, to the bit?"""
    return list(map(repr, map(float, xs))) == list(map(repr, map(float, ys)))


def classes(page, box):
    return set(page.locator(f"#{box}").get_attribute("class").split())


# Graphs, each for something that can go wrong.


def square():
    a = Value(3.0, "a")
    return labelled(a * a, "L")


def shared():
    a = Value(-1.5, "a")
    b = labelled(a * 3, "b")
    return labelled(b * 2 + b * a - (-a), "e")


def dead():
    """A relu that is off, and an upstream of 0 before an infinite slope."""
    x, z = Value(-2.0, "x"), Value(0.0, "z")
    return labelled((x * 3).relu() * z.sqrt() + x, "L")


def many():
    xs = [Value(x, f"x{i}") for i, x in enumerate((0.3, -1.2, 2.5))]
    ws = [Value(w, f"w{i}", role="parameter") for i, w in enumerate((0.1, 0.2, -0.3))]
    ps = softmax(xs)
    return labelled(dot(ws, ps) + logsumexp(xs) * mean(ps[:2]), "L")


def endless():
    x, y = Value(0.0, "x"), Value(math.inf, "y")
    return labelled(x.log() + (y - y) * x + 1e300 * exp(Value(900.0, "z")), "L")


def lone():
    return Value(2.5, "x")


GRAPHS = [square, shared, dead, many, endless, lone]


def made(graph):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        root = graph()
        root.backward()
    return root


def sharing(n, seed=0):
    """A random graph of about n nodes, most of which are used more than once."""
    draw = random.Random(seed)
    nodes = [Value(draw.uniform(-1, 1), f"x{i}") for i in range(n // 10 + 2)]
    used = set()
    while len(nodes) + (len(nodes) - len(used)) < n:
        a, b = draw.choice(nodes[-60:]), draw.choice(nodes)
        nodes.append(draw.choice([lambda: a + b, lambda: a * b, lambda: a.tanh(), lambda: a - b])())  # noqa: B023
        used.update(nodes[-1].parents)
    return labelled(sum(node for node in nodes if node not in used).tanh(), "L")


def folds(root):
    """For every step k, the numbers of the nodes' gradients and of their contributions, as the engine has them."""
    order = topological_order(root)
    forward = sum(node.rule is not None for node in order)
    gradient = dict.fromkeys(order, 0.0)
    states = [list(gradient.values())] * (forward + 1)
    gradient[root] = 1.0
    states.append(list(gradient.values()))
    for step in backward_steps(order, local_derivatives, {}):
        if step.parent.role != "constant":
            gradient[step.parent] = step.total
            states.append(list(gradient.values()))
    return order, states


# Steps: forwards, backwards, and from anywhere.


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_step_looks_the_same_forwards_backwards_and_in_a_fresh_page(opened, graph):
    page = opened(player := play(made(graph)))
    last = player.step_count
    forwards, backwards = [shown(page)], []
    for _ in range(last):
        page.keyboard.press("ArrowRight")
        forwards.append(shown(page))
    assert at(page) == last
    for _ in range(last):
        backwards.append(shown(page))
        page.keyboard.press("ArrowLeft")
    assert forwards == [shown(page), *reversed(backwards)]
    assert len(set(forwards)) == last + 1
    address = file_address(page)
    for k in range(0, last + 1, 1 + last // 6):
        page.goto("about:blank")
        page.goto(f"{address}#{k}")
        assert shown(page) == forwards[k]


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_numbers_are_the_engines_at_every_step(opened, graph):
    root = made(graph)
    page = opened(play(root))
    order, states = folds(root)
    assert len(states) == page.evaluate("player.last") + 1
    assert same(page.evaluate("player.values"), [node.data for node in order])
    for k, gradients in enumerate(states):
        page.evaluate("k => player.go(k)", k)
        assert same(page.evaluate("player.gradients"), gradients)
        texts = boxes(page)
        for i, node in enumerate(order):
            if node.role != "constant":
                assert {f"grad {number(gradients[i])}", "grad —"} & set(texts[f"n{i}"])
                assert {f"data {number(node.data)}", "data —"} & set(texts[f"n{i}"])
    assert same(gradients, [node.grad if node.role != "constant" else 0.0 for node in order])
    assert not any("—" in row for rows in texts.values() for row in rows)


def test_numbers_are_written_as_python_writes_them(opened):
    draw = random.Random(0)
    numbers = [
        0.0,
        -0.0,
        1.0,
        1e-4,
        9.9995e-5,
        9999.5,
        99995.0,
        12345.0,
        1.0625,
        -2.0625,
        0.03125,
        1e300,
        5e-324,
        math.inf,
    ]
    numbers += [draw.uniform(-10, 10) * 10.0 ** draw.randint(-12, 12) for _ in range(150)]
    numbers += [draw.randint(0, 99999) / 2 ** draw.randint(0, 8) for _ in range(150)]
    page = opened(play(sum([Value(x) for x in numbers[1:]], Value(numbers[0]))))
    texts = {rows[1] for rows in boxes(page).values()}
    assert {f"data {number(x)}" for x in numbers} <= texts


def test_an_address_names_a_step(opened):
    player = play(made(shared))
    page = opened(player, "#12")
    last = player.step_count
    assert at(page) == 12
    for step, expected in (("#0", 0), ("#3", 3), ("#99999", last), ("#-4", 0), ("#", 0), (f"#{last}", last)):
        page.evaluate(SET_HASH, step)
        assert at(page) == expected
    for junk in ("#junk", "#1.5", "#%F0", "#NaN", "#Infinity", "#{}"):
        page.evaluate(SET_HASH, junk)
        assert at(page) == last
    page.keyboard.press("ArrowLeft")
    until(page, f"location.hash === '#{last - 1}'")


@pytest.mark.parametrize(("step", "expected"), [("#99999", "last"), ("#-1", "0"), ("#junk", "0"), ("#2.5", "0")])
def test_a_page_opens_whatever_its_address_ends_in(opened, step, expected):
    page = opened(play(made(shared)), step)
    assert page.evaluate(f"player.step === {expected.replace('last', 'player.last')}")
    until(page, "location.hash === '#' + player.step")


def test_a_click_on_a_node_runs_to_it(opened):
    root = made(shared)
    page = opened(play(root))
    order = topological_order(root)
    for i, node in enumerate(order):
        page.evaluate("start => player.go(start)", start := 7 if node.role == "constant" else 0)
        page.locator(f"#n{i}").click()
        if node.role == "constant":
            assert at(page) == start  # there is nothing to run to
            continue
        if node.rule:
            assert at(page) == sum(other.rule is not None for other in order[: i + 1])
            assert "waiting" not in classes(page, f"n{i}")
            page.locator(f"#n{i}").click()
        assert "done" in classes(page, f"n{i}")
        page.evaluate("player.go(player.step - 1)")
        assert "done" not in classes(page, f"n{i}")


def test_a_rule_that_fails_matters_only_where_a_gradient_is_sent_back_through_it():
    def partials(z, x):
        raise LookupError("no partials")

    x = Value(2.0, "x")
    y = Rule("own", lambda x: x * x, partials)(x)
    assert play((y - 100).relu() + x).graph["locals"] == [[], ["nan"], [], [1.0, -1.0], [0.0], [1.0, 1.0]]
    with pytest.raises(LookupError, match="no partials"):
        play(y + x)


# Keys and buttons.


def test_every_key_does_what_it_says(opened):
    player = play(made(shared))
    page = opened(player)
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", player.step_count), ("Home", 0)):
        page.keyboard.press(key)
        assert at(page) == step
    page.keyboard.press("ArrowLeft")
    assert at(page) == 0
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert at(page) == player.step_count
    page.keyboard.press("Control+ArrowLeft")
    assert at(page) == player.step_count


def test_every_button_does_what_it_says(opened):
    player = play(made(shared))
    page = opened(player)
    for button, step in (("forward", 1), ("forward", 2), ("back", 1), ("last", player.step_count), ("first", 0)):
        page.locator(f"#{button}").click()
        assert at(page) == step
    page.locator("#more").click()
    width = page.locator("#stage svg").bounding_box()["width"]
    page.locator("#larger").click()
    assert page.locator("#stage svg").bounding_box()["width"] == pytest.approx(width * 1.25, abs=1)
    page.locator("#smaller").click()
    page.locator("#smaller").click()
    assert page.locator("#stage svg").bounding_box()["width"] == pytest.approx(width / 1.25, abs=1)
    page.locator("#fit").click()
    whole, stage = page.locator("#stage svg").bounding_box(), page.locator("#stage").bounding_box()
    assert whole["width"] <= stage["width"]
    assert whole["height"] <= stage["height"]
    for theme in ("dark", "light"):
        page.locator("#theme").click()
        assert page.locator("html").get_attribute("data-theme") == theme


def test_space_plays_to_the_end_and_stops(opened):
    player = play(made(square))
    page = opened(player)
    set_speed(page, 2)
    page.keyboard.press("Space")
    assert text(page, "#play") == "pause"
    until(page, "player.step === player.last")
    until(page, "document.querySelector('#play').textContent === 'play'")
    page.keyboard.press("Space")
    assert at(page) < player.step_count  # from the beginning again
    page.keyboard.press("Space")
    assert text(page, "#play") == "play"


@pytest.mark.parametrize(
    "stop", ["Space", "ArrowRight", "Home", "#play", "#back", "#forward", "#first", "#last", "#n0"]
)
def test_playing_stops_when_one_steps_in(opened, stop):
    page = opened(play(made(shared)))
    page.clock.install()
    page.reload()
    page.clock.pause_at("2100-01-01")
    page.locator("#play").click()
    page.clock.run_for(3000)
    assert at(page) == 2
    page.locator(stop).click() if stop.startswith("#") else page.keyboard.press(stop)
    assert text(page, "#play") == "play"
    step = at(page)
    page.clock.run_for(9000)
    assert at(page) == step


def test_the_speed_is_how_often_a_step_is_taken(opened):
    page = opened(play(network((3, 1), fused=False)[0]))
    page.clock.install()
    page.reload()
    page.clock.pause_at("2100-01-01")
    page.locator("#play").click()
    steps = []
    for speed in (-2, -1, 0, 1, 2):
        set_speed(page, speed)
        before = at(page)
        page.clock.run_for(5650)
        steps.append(at(page) - before)
    assert steps == [1, 2, 4, 8, 16]


def test_an_arrow_key_on_a_slider_moves_the_slider(opened):
    page = opened(play(made(shared)), "#5")
    page.locator("#slope").click()
    page.locator("#more").click()
    for slider in ("#speed", "#s0"):
        before = float(page.locator(slider).input_value())
        page.locator(slider).focus()
        page.keyboard.press("ArrowRight")
        assert float(page.locator(slider).input_value()) > before
        page.keyboard.press("Home")
        assert float(page.locator(slider).input_value()) < before
        assert at(page) == 5
    page.keyboard.press("Space")
    assert text(page, "#play") == "pause"


def test_everything_can_be_reached_and_used_by_keys_alone(opened):
    page = opened(play(network((2, 1))[0], depth=1))
    page.locator("#forward").focus()
    page.keyboard.press("Enter")
    assert at(page) == 1
    page.locator("#more").focus()
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    buttons = page.locator("button:visible:enabled").evaluate_all("all => all.map((button) => button.id)")
    assert {*buttons, "speed"} <= reached
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "more"
    assert not page.locator("#menu").is_visible()


def test_every_box_is_reached_and_opened_from_the_keyboard(opened):
    page = opened(play(network((2, 1))[0], depth=1))
    assert page.locator(".box[tabindex='0']").count() == 1
    focus = "document.activeElement.id"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(focus) in boxes(page):
            break
    reached = [page.evaluate(focus)]
    for _ in boxes(page):
        page.keyboard.press("ArrowDown")
        reached.append(page.evaluate(focus))
    assert set(reached) == set(boxes(page))
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focus) == reached[-3]
    assert page.locator(".ring").get_attribute("visibility") == "visible"
    assert at(page) == 0
    while not page.evaluate(focus).startswith("m"):
        page.keyboard.press("ArrowUp")
    module = boxes(page)[page.evaluate(focus)][0]
    page.keyboard.press("Enter")
    assert boxes(page)[page.evaluate(focus)][0].startswith(module + ".")  # inside
    page.keyboard.press("Escape")
    assert boxes(page)[page.evaluate(focus)][0] == module


# Predicting.


def product(a=1.7, b=3.1, c=0.4):
    a, b, c = Value(a, "a"), Value(b, "b"), Value(c, "c")
    return labelled(labelled(a * b, "d") * labelled(a + c, "f"), "L")


def test_a_prediction_hides_the_local_derivative_and_what_follows_from_it(opened):
    root = product()
    page = opened(play(root))
    steps = list(root.backward_steps())
    first = page.evaluate("player.last") - len(steps) + 1
    page.locator("#predict").click()
    assert page.locator("#predict").get_attribute("aria-pressed") == "true"
    secrets = 0
    for k, step in enumerate(steps, first):
        page.evaluate("k => player.go(k)", k)
        known = [step.upstream, step.before, *(node.data for node in topological_order(root)), 1.0, 2.0, 3.0, k]
        known += [other.total for other in steps[: k - first]]
        visible = [row for rows in boxes(page).values() for row in rows]
        visible += [text(page, part) for part in ("#formula", "#cells", "#spoken")]
        visible += page.locator(".arrow.active text").all_text_contents()
        for answer in {number(step.local), number(step.product), number(step.total)} - set(map(number, known)):
            assert not re.search(rf"(?<![\d.]){re.escape(answer)}(?![\d.])", " ".join(visible))
            secrets += 1
        assert text(page, "#formula").endswith("·?=?")
        assert text(page, "#spoken").startswith("What is the local derivative of")
        page.keyboard.press("ArrowRight")  # a question waits
        assert at(page) == k
        if k % 2:
            page.locator("#reveal").click()
        else:
            page.locator("#answer").fill(str(step.local))
            page.keyboard.press("Enter")
        assert text(page, "#formula").endswith(f"={number(step.product)}")
        assert f"now has {number(step.total)}, from" in text(page, "#spoken")
        assert not page.locator("#reveal").is_visible()
    assert secrets >= 3
    right = sum(k % 2 == 0 for k in range(first, first + len(steps)))
    assert text(page, "#score") == f"{right} of {len(steps)} right the first time"
    page.locator("#predict").click()
    page.evaluate("player.go(player.last)")
    assert "?" not in text(page, "#formula")
    assert not page.locator("#question").is_visible()


def test_playing_waits_while_a_question_is_open(opened):
    page = opened(play(made(shared)), "#7")
    page.clock.install()
    page.reload()
    page.clock.pause_at("2100-01-01")
    page.locator("#predict").click()
    page.locator("#play").click()
    page.clock.run_for(9000)
    assert at(page) == 8
    assert text(page, "#formula").endswith("?")
    page.locator("#answer").fill("1")
    page.locator("#check").click()
    page.clock.run_for(1500)
    assert at(page) == 9


def test_a_wrong_prediction_stays_open_and_names_the_mistake(opened):
    page = opened(play(product(2.0, 5.0, 1.0)), "#5&predict")  # d = 10, f = 3: L sends f to d
    assert text(page, "#score") == "nothing answered yet"
    said = lambda: page.locator("#verdict li").all_text_contents()  # noqa: E731
    known = {mistake.name: mistake.hint for mistake in MISTAKES}
    for wrong, hint in (("10", known["swapped"]), ("30", known["own data"]), ("-3", known["sign"])):
        page.locator("#answer").fill(wrong)
        page.keyboard.press("Enter")
        assert hint in said()
        assert text(page, "#formula").endswith("?")
        assert text(page, "#score") == "0 of 1 right the first time"
    for wrong, start in (
        ("x", "This can't be read"),
        ("7", "None of the common mistakes"),
        ("1", "This is the upstream"),
    ):
        page.locator("#answer").fill(wrong)
        page.locator("#check").click()
        assert said()[0].startswith(start)
    page.locator("#answer").fill("6/2")
    page.keyboard.press("Enter")
    assert said() == ["Right."]
    assert text(page, "#score") == "0 of 1 right the first time"


def test_a_question_looks_the_same_however_one_came_to_it(opened):
    page = opened(play(made(shared)), "#9")
    page.locator("#predict").click()  # asks at once
    asked = shown(page)
    assert "?" in text(page, "#formula")
    page.evaluate("player.go(8); player.go(9)")
    assert shown(page) == asked
    address = file_address(page)
    page.goto("about:blank")
    page.goto(f"{address}#9&predict")
    assert shown(page) == asked


# Folding.


WALK = """(key) => {
  const steps = [player.step];
  for (;;) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    if (player.step === steps.at(-1)) return steps;
    steps.push(player.step);
  }
}"""


FIRES = """() => {
  const found = { forward: [], backward: [], said: [] };
  for (let k = 1; k <= player.last; k++) {
    player.go(k);
    const phase = document.querySelector("#counter").textContent.split(" · ")[1];
    const box = document.querySelector(phase === "forward" ? ".box.receiver" : ".box.sender");
    // An operation may send along several arrows, one stop each; a module makes one stop.
    if (box && (box.matches(".module") || found[phase].at(-1) !== box.id)) found[phase].push(box.id);
    found.said.push(document.querySelector("#spoken").textContent);
  }
  return found;
}"""


def is_operation(page, id):
    return page.locator(f"#{id}").evaluate("box => box.matches('.operation, .output')")


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("fused", [True, False])
def test_a_folded_network_fires_each_visible_box_once_in_each_pass(opened, depth, fused):
    root, _ = network((3, 2, 1), fused=fused)
    page = opened(play(root, depth=depth))
    fired = page.evaluate(FIRES)
    visible = boxes(page)
    computing = {id for id in visible if is_operation(page, id) or (id[0] == "m" and "→" in visible[id][1])}
    assert sorted(fired["forward"]) == sorted(computing)
    assert sorted(fired["backward"]) == sorted(computing)
    assert fired["backward"] == fired["forward"][::-1]
    modules = [visible[id][0].split(".")[0] for id in fired["forward"]]
    layers = [name for name in modules if re.fullmatch(r"L\d", name)]
    assert layers == sorted(layers)  # layer by layer
    names = {rows[0].split(":")[0] for rows in visible.values()} | {"loss"}
    hidden = {node.label for node in topological_order(root) if node.label} - names
    for sentence in fired["said"]:
        assert not [name for name in hidden if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.\[])", sentence)], (
            sentence
        )


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
def test_a_network_plays_at_every_depth(opened, depth):
    root, model = network((3, 2, 1))
    page = opened(play(root, depth=depth))
    root.backward()
    page.evaluate("player.go(player.last)")
    undone = page.evaluate("[...document.querySelectorAll('.box:not(.done):not(.constant)')].map((box) => box.id)")
    assert undone == []
    assert same(
        page.evaluate("player.gradients"), [n.grad if n.role != "constant" else 0 for n in topological_order(root)]
    )
    neurons = {neuron.label: neuron for layer in model.layers for neuron in layer.neurons}
    parameters = {f"{name}.parameters": neuron for name, neuron in neurons.items() if len(neuron.parameters()) >= 3}
    layers = {f"L{i}": layer for i, layer in enumerate(model.layers)}
    modules = ({"model": model}, layers, neurons, parameters, {})[depth]
    norms = {rows[0]: row for rows in boxes(page).values() for row in rows if row.startswith("‖")}
    expected = {name: math.hypot(*[p.grad for p in module.parameters()]) for name, module in modules.items()}
    assert norms == {name: f"‖grad‖ {number(norm)}" for name, norm in expected.items()}


def test_opening_a_box_steps_inside_it(opened):
    root, _ = network((3, 2, 1), fused=False)
    page = opened(play(root, depth=1))
    count = page.evaluate("player.last")
    for k in (0, 2, count // 2, count - 1, count):
        page.evaluate("k => player.go(k)", k)
        gradients, known = page.evaluate("player.gradients"), page.locator(".box:not(.waiting)").count()
        sizes = [page.locator(".box").count()]
        while page.locator("#open").is_enabled():
            page.locator("#open").click()
            sizes.append(page.locator(".box").count())
            assert page.evaluate("player.gradients") == gradients
            assert page.locator(".box:not(.waiting)").count() >= known
        assert sizes == sorted(set(sizes))
        assert len(sizes) == 4
        while page.locator("#close").is_enabled():
            page.locator("#close").click()
        page.locator("#open").click()
        assert page.locator(".box").count() == sizes[0]
        if k in (0, count):
            assert at(page) == k


def test_after_a_click_on_a_module_more_can_still_be_opened(opened):
    page = opened(play(network((3, 2, 1))[0], depth=1))
    page.locator(".box", has_text="L1").click()
    counts = [page.locator(".box").count()]
    while page.locator("#open").is_enabled():
        page.locator("#open").click()
        counts.append(page.locator(".box").count())
    assert counts == sorted(set(counts))
    assert counts[-1] == len(topological_order(network((3, 2, 1))[0]))


def test_a_click_opens_a_module_and_escape_closes_it(opened):
    page = opened(play(network()[0], depth=1))
    names = lambda: {rows[0] for rows in boxes(page).values()}  # noqa: E731
    assert {"L0", "L1", "L2"} <= names()
    page.locator(".box", has_text="L1").click()
    assert {"L0", "L1.n0", "L1.n15", "L2"} <= names()
    page.locator(".box", has_text=re.compile("^L1.n3")).click()
    assert {"L1.n3.parameters", "L1.n4", "L0"} <= names()
    page.locator(".box", has_text="L1.n3.parameters").click()
    assert {"L1.n3.w0", "L1.n3.b", "L1.n4", "L0"} <= names()
    page.keyboard.press("Escape")
    assert "L1.n3.parameters" in names()
    assert "L1.n3.w0" not in names()
    page.keyboard.press("Escape")
    assert "L1.n3" in names()
    page.locator("#close").click()
    assert {"L0", "L1", "L2"} <= names()
    page.keyboard.press("Escape")
    assert "model" in names()
    page.keyboard.press("Escape")
    assert "model" in names()
    assert page.locator("#close").is_disabled()


def test_closing_a_box_over_a_question_answers_it(opened):
    root, _ = network((2, 1))
    page = opened(play(root, depth=4))
    page.locator("#predict").click()
    page.evaluate("player.go(player.last - 1)")
    page.keyboard.press("ArrowRight")
    assert page.locator("#reveal").is_visible()
    page.evaluate("for (let i = 0; i < 3; i++) document.querySelector('#close').click()")
    assert not page.locator("#reveal").is_visible()


@pytest.mark.parametrize(("lang", "said"), [("en", "3 values"), ("es", "3 valores"), ("ja", "値 3 個")])
def test_an_arrow_for_several_numbers_says_how_many_and_not_what_looks_like_a_slope(opened, lang, said):
    root, _ = network((3, 1))
    assert said in opened(play(root, depth=1, lang=lang)).locator(".arrow text").all_text_contents()


def test_a_graph_without_modules_has_nothing_to_fold(opened):
    page = opened(play(made(shared)))
    assert not page.locator("#open").is_visible()
    assert not page.locator("#close").is_visible()


# Sliders.


def recipe(x, y, z):
    """Most kinds of rules, of three inputs."""
    p = softmax([x, y, z])
    a = (x * y - z / 3) ** 2 + (x**2 + 1) ** 0.5 + abs(y) ** z
    b = exp(-x).log1p() + y.tanh() * z.sigmoid() + x.softplus() + y.gelu() - z.silu()
    c = atan2(x, y) + x.hypot(z) + x.maximum(y) + z.minimum(x) + y.relu() + z.elu() + x.leaky_relu() + y.clamp(-1, 1)
    return a + b * c + logsumexp([a, b, c]) + mean([p[0] * x, p[1], p[2]]) + dot([x, y, z], p) + x.sin() * y.cos()


def test_sliders_recompute_both_passes_as_python_does(opened):
    start = [0.7, -1.3, 2.1]
    root = recipe(*[Value(v, name) for v, name in zip(start, "xyz")])
    player = play(root)
    page = opened(player)
    leaves = {rows[0]: int(id[1:]) for id, rows in boxes(page).items() if rows[0] in "xyz"}
    page.locator("#slope").click()
    original = [page.evaluate("player.values"), (page.keyboard.press("End"), page.evaluate("player.gradients"))[1]]
    draw = random.Random(1)
    for k in (0, 10, player.step_count // 2, player.step_count - 1, player.step_count):
        page.evaluate("k => player.go(k)", k)
        numbers = []
        for name in "xyz":
            slider = page.locator(f"#s{leaves[name]}")
            low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
            slider.evaluate(
                "(slider, x) => { slider.value = x; slider.dispatchEvent(new Event('input')); }",
                draw.uniform(low, high),
            )
            numbers.append(float(slider.input_value()))
        again = recipe(*[Value(v, name) for v, name in zip(numbers, "xyz")])
        order, states = folds(again)
        assert page.evaluate("player.values") == pytest.approx([node.data for node in order], rel=1e-12)
        assert page.evaluate("player.gradients") == pytest.approx(states[k], rel=1e-12, abs=1e-14)
        again.backward()
        page.evaluate("player.go(player.last)")
        ends = [node.grad if node.role != "constant" else 0.0 for node in order]
        assert page.evaluate("player.gradients") == pytest.approx(ends, rel=1e-12, abs=1e-14)
        assert f"data {number(again.data)}" in boxes(page)[f"n{len(order) - 1}"]
    page.locator("#reset").click()
    assert [page.evaluate("player.values"), page.evaluate("player.gradients")] == original


@pytest.mark.parametrize(("start", "wanted"), [(7.0, "5"), (0.5, "0.35"), (-120.0, "-121"), (0.0, "0.25")])
def test_a_slider_reaches_round_numbers(opened, start, wanted):
    page = opened(play(labelled(Value(start, "x") * 2, "L")))
    page.locator("#slope").click()
    page.locator("#s0").fill(wanted)
    assert page.evaluate("player.values[0]") == float(wanted)
    low, high = (float(page.locator("#s0").get_attribute(end)) for end in ("min", "max"))
    assert low <= start - max(1, abs(start)) < start + max(1, abs(start)) <= high


def sum_of_squares(x, target, w, b):
    return labelled((w * x + b - target) ** 2 + w * w * 0.1, "loss")


def test_where_there_are_few_leaves_parameters_have_sliders_too_that_recompute_both_passes(opened):
    w, b = Value(0.5, "w", role="parameter"), Value(-1.0, "b", role="parameter")
    page = opened(play(sum_of_squares(Value(2.0, "x"), Value(7.0, "target"), w, b)))
    page.locator("#slope").click()
    assert page.locator("#sliders label span").all_text_contents() == ["x", "target", "w", "b"]
    page.evaluate("player.go(player.last)")
    for number_of_w in (0.5, 1.25, -0.5):  # down to the least loss, and past it
        leaf = next(int(id[1:]) for id, rows in boxes(page).items() if rows[0] == "w")
        page.locator(f"#s{leaf}").fill(str(number_of_w))
        again = sum_of_squares(Value(2.0, "x"), Value(7.0, "target"), Value(number_of_w, "w"), Value(-1.0, "b"))
        order, states = folds(again)
        assert page.evaluate("player.values") == pytest.approx([node.data for node in order], rel=1e-12)
        assert page.evaluate("player.gradients") == pytest.approx(states[-1], rel=1e-12, abs=1e-14)


def test_a_slider_at_zero_shows_no_sign_and_its_zero_has_none(opened):
    x = Value(-3.0, "x")
    page = opened(play(labelled(1.0 / (x * 2.0 - 5.0) * -0.0, "y")))
    page.locator("#slope").click()
    for number_of_x in ("-0", "0"):
        page.locator("#sliders input").first.fill(number_of_x)
        assert page.locator("#sliders output").first.text_content() == "0"
        page.evaluate("player.go(player.last)")
        shown_now = " ".join(line for rows in boxes(page).values() for line in rows) + text(page, "#formula")
        assert not re.search(r"[-−]0(?![.\w])", shown_now), shown_now


@pytest.mark.parametrize(
    ("inputs", "parameters", "count"),
    [(3, 5, 8), (3, 6, 3), (10, 0, 10), (0, 10, 10)],
)
def test_which_leaves_have_sliders(opened, inputs, parameters, count):
    leaves = [Value(1.0, f"x{i}") for i in range(inputs)]
    leaves += [Value(1.0, f"w{i}", role="parameter") for i in range(parameters)]
    page = opened(play(sum(leaves, Value(0.0, role="constant"))))
    page.locator("#slope").click()
    assert page.locator("#sliders input").count() == count


def test_a_rule_the_page_cannot_know_is_named_in_place_of_the_sliders(opened):
    table = {1.0: 2.0}
    strange = Rule("look up", lambda x: table.get(x, x), lambda z, x: (1.0,))
    x = Value(1.0, "x")
    page = opened(play(strange(x) * x))
    page.locator("#slope").click()
    assert page.locator("#sliders input").count() == 0
    assert "look up" in text(page, "#aside p")
    page.keyboard.press("End")
    assert page.evaluate("player.gradients")[0] == 3.0


# Labels are data.

HOSTILE = [
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror=window.owned=1>",
    "<!--<script>",
    "\"'`${window.owned = 1}",
    "a & b &amp; &lt;",
    "$& $1 {root} {k}",
    "javascript:window.owned=1",
    "line\u2028break\u2029end",
    "tab\tbell\anul\0",
    "\ud800 alone",
    "日本語のラベル",
    "émoji 🎈 ∂L/∂w",
    "□0",
    "x" * 300,
]


def plain(label):
    return re.sub(r"[\x00-\x1f\x7f]", " ", label).replace("\ud800", "?")


def hostile(label):
    """A graph with a label wherever there can be one: leaves, the root, modules, lines, files."""
    x, w = Value(3.0, label), Value(0.5, f"{label}/a.w".replace(".w", "") + ".w", role="parameter")
    file = f"<{label}>.py"
    code = f"y = x * w + x  # {plain(label)}\n"
    linecache.cache[file] = (len(code), None, [code], file)
    scope = {"x": x, "w": w}
    with record_lines():
        exec(compile(code, file.replace("\0", ""), "exec"), scope)
    return labelled(scope["y"], f"{label}!")


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_a_label_is_shown_as_text_and_nothing_else(opened, label):
    root = hostile(label)
    player = play(root)
    page = opened(player, "#1")
    assert " ".join(plain(label).split()) in " ".join(page.title().replace("\ufffd", "").split())
    for depth in (0, 1):
        page.locator("#open" if depth else "#close").dispatch_event("click")
        for k in range(player.step_count + 1):
            page.evaluate("k => player.go(k)", k)
            assert page.evaluate("window.owned === undefined")
            assert page.locator("img, iframe, object, a").count() == 0
            assert page.locator("script").count() == 3
    assert page.locator("[style], [onerror], [onclick]").count() == 0
    shown = " ".join(plain(label).split())
    titles = {" ".join(rows[0].split()) for rows in boxes(page).values()}
    assert shown in titles
    assert any(title.replace(" !", "!").startswith(f"{shown}!") for title in titles)
    page.evaluate("player.go(1)")
    assert shown[:20] in " ".join((text(page, "#source") + text(page, "#formula")).split())
    embedded = player._repr_html_()
    embedded.encode()
    assert Frames(embedded).tags == ["iframe"]


@pytest.mark.parametrize("symbol", ["<img src=x onerror=window.owned=1>", "a & b", "</mi><mi>□0", "日本語", "$&", "\a"])
def test_a_rules_symbol_is_text_too(opened, symbol):
    rule = Rule(symbol, lambda x: 2 * x, lambda z, x: (2.0,))
    page = opened(play(rule(Value(3.0, "x"))))
    for k in range(4):
        page.evaluate("k => player.go(k)", k)
        assert page.locator("img, parsererror").count() == 0
        if k == 1:
            assert symbol.strip("\a") in text(page, "#formula")
    assert boxes(page)["n1"][0].endswith(plain(symbol))


class Frames(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


# The file.


def test_the_file_is_closed_to_the_outside():
    html = play(network((3, 1))[0]).html
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 2
    for text in (style, *scripts):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    addresses = set(re.findall(r"(?:https?:)?//[\w.]+\.[\w/]+", html))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}
    assert not re.search(r"\sstyle=|javascript:|\son\w+=|@import|url\((?!#)", html)


def test_the_same_graph_gives_the_same_file():
    assert play(network()[0]).html == play(network()[0]).html


# Languages.


@pytest.mark.parametrize("lang", ["es", "ja"])
def test_a_language_says_all_that_english_says(lang):
    words, english = LANGUAGES[lang], LANGUAGES["en"]
    assert list(words) == list(english)
    assert set(words["hints"]) == set(english["hints"])
    assert set(HINTS[lang]) == {m.name for m in MISTAKES if m.partials or m.name in ("sign", "upstream included")}
    for key, sentence in ({**english, **english["hints"]}).items():
        words = {**words, **words.get("hints", {})}
        if isinstance(sentence, dict):
            continue
        assert set(re.findall(r"\{\w+\}", words[key])) == set(re.findall(r"\{\w+\}", sentence))
        assert words[key] != sentence


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_speaks_one_language(opened, lang):
    page = opened(play(made(shared), lang=lang))
    assert page.locator("html").get_attribute("lang") == lang
    own = "".join(map(str, LANGUAGES[lang].values()))
    others = [words for other in LANGUAGES if other != lang for words in LANGUAGES[other].values()]
    foreign = [words for words in others if isinstance(words, str) and words not in own]
    page.locator("#slope").click()
    for k in range(page.evaluate("player.last") + 1):
        page.evaluate("k => player.go(k)", k)
        lines = [line.strip() for line in page.locator("body").inner_text().split("\n")]
        assert not set(lines) & set(foreign)
        assert text(page, "#spoken")


@pytest.mark.parametrize("lang", ["es", "ja"])
def test_a_closed_module_speaks_the_language_of_the_page(opened, lang):
    page = opened(play(network((2, 1))[0], depth=1, lang=lang))
    assert not any("parameter" in row for rows in boxes(page).values() for row in rows)


# For every eye and ear.


def test_every_control_has_a_name_and_every_step_is_said(opened):
    page = opened(play(network((2, 1))[0], depth=3))
    for control in page.locator("button, input, select").all():
        name = control.get_attribute("aria-label") or control.text_content() or control.locator("..").text_content()
        assert re.search(r"\w", name)
    live = page.locator("[aria-live=polite]")
    said = []
    for k in range(page.evaluate("player.last") + 1):
        page.evaluate("k => player.go(k)", k)
        said.append(live.text_content())
    assert all(said)
    assert len(set(said)) == len(said)
    assert page.locator("#stage svg").get_attribute("aria-label") == text(page, "h1") == page.title()


LOOK = """(box) => {
  const rect = getComputedStyle(box.querySelector("rect.body"));
  const [mark, badge] = box.querySelectorAll(".mark, .badge");
  return [rect.strokeDasharray, rect.strokeWidth, mark.textContent, badge.textContent];
}"""


def test_who_sends_who_receives_and_what_is_done_can_be_told_without_colour(opened):
    page = opened(play(made(shared)))
    page.evaluate("player.go(player.last - 3)")
    looks = {}
    for kind in (
        ".sender",
        ".receiver",
        ".done:not(.sender):not(.receiver)",
        ":not(.done):not(.sender):not(.receiver)",
    ):
        dash, width, *signs = page.locator(f".box{kind}:not(.constant)").first.evaluate(LOOK)
        looks[kind] = dash != "none", width, signs[0], signs[1]
    sender, receiver, done, plain = looks.values()
    assert sender[3] == "sends ↓"
    assert receiver[3] == "↓ receives"
    assert (done[2], plain[2]) == ("✓", "")
    assert len({look[:2] for look in (sender, receiver, plain)}) == 3
    active = page.locator(".arrow.active path").evaluate("path => parseFloat(getComputedStyle(path).strokeWidth)")
    idle = page.locator(".arrow:not(.active) path").first.evaluate("p => parseFloat(getComputedStyle(p).strokeWidth)")
    assert active > 2 * idle


CONTRAST = """() => {
  const channels = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    const shares = colour.startsWith("color(") ? [r, g, b] : [r / 255, g / 255, b / 255];
    return shares.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  };
  const light = (colour) => { const [r, g, b] = channels(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const page = getComputedStyle(document.body).backgroundColor, found = {};
  for (const box of document.querySelectorAll(".box")) {
    const fill = getComputedStyle(box.querySelector("rect.body")).fill;
    for (const text of box.querySelectorAll("text")) {
      const kind = text.getAttribute("class"), behind = kind === "badge" ? page : fill;
      found[`${box.getAttribute("class")} ${kind}`] = contrast(getComputedStyle(text).fill, behind);
    }
  }
  for (const part of document.querySelectorAll("#panel, #panel dt, #bar, #source, #bar button"))
    found[part.id || part.tagName] = contrast(
      getComputedStyle(part).color,
      getComputedStyle(part.closest("button, #panel, #bar")).backgroundColor,
    );
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(opened, theme):
    root, _ = network((2, 1), fused=False)
    page = opened(play(root, depth=2), color_scheme=theme, reduced_motion="reduce")
    assert page.locator("html").get_attribute("data-theme") == theme
    for depth in (2, 3):
        for k in (0, 5, page.evaluate("player.last") - 2):
            page.evaluate("k => player.go(k)", k)
            contrasts = page.evaluate(CONTRAST)
            assert {part: x for part, x in contrasts.items() if x < 4.5} == {}
        if depth == 2:
            page.locator("#open").click()


def test_the_page_follows_the_systems_colours(opened):
    page = opened(play(made(square)), color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    until(page, f"{background} !== {json.dumps(dark)}")
    assert page.locator("html").get_attribute("data-theme") == "light"


PAGES = {"light": "background: white; color: rgba(0, 0, 0, 0.87)", "dark": "background: #111; color: white"}


@pytest.fixture
def framed(pages):
    """Opens a page with a player in a frame, as a notebook shows it, on a system that is light or dark."""

    def open_page(body, system):
        page = pages.page(color_scheme=system)
        page.set_content(f'<body style="{body}">{play(made(square))._repr_html_()}</body>')
        return page, page.frames[1]

    return open_page


def is_theme(theme):
    return f"document.documentElement.dataset.theme === '{theme}'"


@pytest.mark.parametrize("system", PAGES)
@pytest.mark.parametrize("theme", PAGES)
def test_a_frame_is_light_or_dark_as_the_page_around_it(framed, theme, system):
    page, player = framed(PAGES[theme], system)
    until(player, is_theme(theme))
    behind = player.evaluate("getComputedStyle(document.body).backgroundColor")
    assert behind == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[theme]
    page.emulate_media(color_scheme=theme)
    page.emulate_media(color_scheme=system)
    assert player.evaluate(is_theme(theme))


def test_a_frame_follows_its_page_until_its_button_is_pressed(framed):
    page, player = framed(PAGES["light"], "light")
    for theme in ("dark", "light"):
        page.evaluate("style => document.body.setAttribute('style', style)", PAGES[theme])
        until(player, is_theme(theme))
    player.locator("#more").click()
    player.locator("#theme").click()
    page.evaluate("style => document.body.setAttribute('style', style)", PAGES["dark"])
    until(player, is_theme("dark"))
    player.locator("#theme").click()
    for theme in ("light", "dark"):
        page.evaluate("style => document.body.setAttribute('style', style)", PAGES[theme])
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(50)
        assert player.evaluate(is_theme("light"))


@pytest.mark.parametrize("system", PAGES)
def test_a_frame_that_is_told_nothing_it_can_read_follows_the_system(framed, system):
    page, player = framed("color: color(srgb 0.5 0.5 0.5)", system)
    for message in ("null", "'dark'", "{ink: 1}", "{ink: 'dark'}"):
        page.evaluate(f"document.querySelector('iframe').contentWindow.postMessage({message}, '*')")
    other = {"light": "dark", "dark": "light"}[system]
    page.wait_for_timeout(50)
    assert player.evaluate(is_theme(system))
    page.emulate_media(color_scheme=other)
    until(player, is_theme(other))


def test_no_box_fades_from_light_to_dark(framed):
    """A frame out of sight would begin with that when it comes into sight."""
    _, player = framed(PAGES["light"], "light")
    fades = "document.querySelector('#theme').click(); document.getAnimations().length"
    assert [player.evaluate(fades) for _ in range(3)] == [0, 0, 0]


def test_a_frame_that_is_taken_away_is_told_nothing_more(framed):
    page, _ = framed(PAGES["light"], "light")
    page.evaluate("document.querySelector('iframe').remove()")
    page.evaluate("style => document.body.setAttribute('style', style)", PAGES["dark"])


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_by_itself_for_those_who_ask_for_that(opened, motion):
    page = opened(play(made(shared)), reduced_motion=motion)
    page.clock.install()
    page.reload()
    page.evaluate("""() => {
      window.scrolls = new Set();
      document.querySelector("#stage").scrollTo = (to) => scrolls.add(to.behavior);
    }""")
    fades = page.locator("rect.body").first.evaluate("rect => getComputedStyle(rect).transitionDuration")
    assert (fades == "0s") == (motion == "reduce")
    page.locator("#play").click()
    page.clock.run_for(5000)
    assert page.evaluate("[...scrolls]") == ["auto" if motion == "reduce" else "smooth"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_paper_there_are_no_controls_and_the_page_is_white(opened, theme):
    page = opened(play(made(shared)), "#10", color_scheme=theme, reduced_motion="reduce")
    page.emulate_media(media="print", color_scheme=theme)
    assert page.locator("button:visible, input:visible").count() == 0
    for part in ("#stage svg", "#formula", "#cells", "#counter"):
        assert page.locator(part).is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 26, 26)"
    assert (
        page.locator(".box.operation rect").first.evaluate("rect => getComputedStyle(rect).fill")
        == "rgb(255, 255, 255)"
    )
    picture = page.locator("#stage svg").bounding_box()
    assert picture["width"] <= 1280


def test_a_phone_shows_the_picture_first_then_one_row_of_controls(opened):
    page = opened(play(made(shared)), "#10", has_touch=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    stage, bar, panel = (page.locator(part).bounding_box() for part in ("#stage", "#bar", "#panel"))
    assert stage["y"] == 0
    assert stage["height"] > 400
    assert stage["height"] <= bar["y"] <= panel["y"]
    rows = {round(button.bounding_box()["y"]) for button in page.locator("#bar button:visible").all()}
    assert len(rows) == 1
    page.locator("#forward").tap()
    assert at(page) == 11
    page.locator("#more").tap()
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.locator("#paths").tap()
    page.locator(".box.input").first.tap()
    assert page.evaluate("player.paths.count") == 4


TEXTS = """() => {
  const scale = document.querySelector("#stage svg").getScreenCTM().a;
  const view = document.querySelector("#stage").getBoundingClientRect();
  const size = (text) => parseFloat(getComputedStyle(text).fontSize) * scale;
  const texts = [...document.querySelectorAll("#stage text")].map(size);
  const inside = (box) => {
    const { left, right, top, bottom } = box.getBoundingClientRect();
    return left >= view.left - 1 && right <= view.right + 1 && top >= view.top - 1 && bottom <= view.bottom + 1;
  };
  const active = [...document.querySelectorAll(".box.sender, .box.receiver")];
  return [Math.min(...texts), !active.length || active.some(inside)];
}"""


@pytest.mark.parametrize("size", [(1280, 720), (850, 620)])
def test_texts_can_be_read_from_the_back_row_and_what_changes_is_in_sight(opened, size):
    page = opened(play(network((4, 4, 1))[0], depth=1), reduced_motion="reduce")
    page.set_viewport_size(dict(zip(("width", "height"), size)))
    page.reload()
    for _ in range(4):
        for k in range(0, page.evaluate("player.last") + 1, 1 + page.evaluate("player.last") // 12):
            page.evaluate("k => player.go(k)", k)
            least, seen = page.evaluate(TEXTS)
            assert least >= 18 - 0.01
            assert seen
        if page.locator("#open").is_enabled():
            page.locator("#open").click()
    for tool in ("predict", "nudge", "paths", "slope"):
        page.locator(f"#{tool}").click()
        page.evaluate("player.go(2)")
        assert page.evaluate(TEXTS) == [pytest.approx(18, abs=0.01), True]


def test_the_picture_is_fitted_anew_when_its_room_changes(opened):
    page = opened(play(labelled(Value(2.0, "x") * Value(3.0, "y"), "L")), "#1")
    fits = """() => { const [stage, picture] = ['#stage', '#stage svg'].map((each) => document.querySelector(each));
      const [room, size] = [stage, picture].map((each) => each.getBoundingClientRect());
      return size.height <= room.height && size.width <= room.width; }"""
    for tool in ("slope", "predict", "nudge", "paths", "paths"):
        page.locator(f"#{tool}").click()
        until(page, f"({fits})()")
    height = lambda: page.locator("#panel").bounding_box()["height"]  # noqa: E731
    low = height()
    page.evaluate("player.go(player.last)")
    assert height() > low  # as high as what it says
    assert low < 60


def test_a_page_is_dark_from_its_first_frame(opened):
    page = opened(play(made(square)), color_scheme="dark")
    page.add_init_script("""requestAnimationFrame(() => {
      window.first = getComputedStyle(document.documentElement).getPropertyValue("--page"); })""")
    page.reload()
    until(page, "window.first !== undefined")
    html = play(made(square)).html
    assert html.index("prefers-color-scheme") < html.index("<body")
    assert page.evaluate("first") in ("#14181d", "")
    page.close()  # its script would run for other tests too


# Sizes and times.

JUMPS = """() => {
  const last = player.last, places = [last, 0, last >> 1, last, last >> 1, 0, last, last >> 1, 0, last - 1, 0];
  for (const k of places) {
    player.go(k);
    document.body.offsetHeight; // the layout belongs to it
  }
  return places.length;
}"""


def seconds_of_jumps(page):
    """How many jumps, and what they took: seconds of the processor, of the page's own thread: a machine may be busy."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent():
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    begin = spent()
    jumps = page.evaluate(JUMPS)
    return jumps, spent() - begin


@pytest.mark.slow
@pytest.mark.parametrize("graph", ["random", "network"])
def test_a_thousand_nodes_are_small_and_quick(opened, graph):
    root = sharing(1000) if graph == "random" else network((16, 16, 1), fused=False)[0]
    assert 950 <= len(topological_order(root)) <= 1100
    player = play(root)
    page = opened(player)
    size = len(player.html.encode()), len(gzip.compress(player.html.encode()))
    assert size < (1_200_000, 1_200_000)
    assert size[1] < 200_000
    while page.locator("#open").is_visible() and page.locator("#open").is_enabled():
        page.locator("#open").click()
    assert page.locator(".box").count() > 950
    jumps, seconds = seconds_of_jumps(page)
    assert 0 < seconds < 0.1 * jumps


@pytest.mark.slow
def test_five_thousand_nodes_still_play(opened):
    root = sharing(5000)
    player = play(root)
    page = opened(player)
    page.keyboard.press("End")
    assert at(page) == player.step_count
    assert page.locator(".box:not(.done):not(.constant)").count() == 0
    page.keyboard.press("ArrowLeft")
    assert at(page) == player.step_count - 1


def test_a_held_key_does_not_flood_the_address(opened):
    """Browsers refuse an address that changes many times a second."""
    page = opened(play(made(many)), locale="en-GB")  # in a window of its own, whose clock stands still
    page.clock.install()
    page.reload()
    page.clock.pause_at("2100-01-01")  # from here on only `run_for` lets time pass, however busy the machine is
    page.evaluate("""() => {
      const replace = history.replaceState.bind(history);
      window.changes = 0;
      history.replaceState = (...place) => { window.changes += 1; replace(...place); };
    }""")
    assert len(page.evaluate(WALK, "ArrowRight")) > 30
    assert page.evaluate("changes") == 0
    page.clock.run_for(1000)
    assert page.evaluate("changes") == 1
    assert page.evaluate("location.hash === '#' + player.last")
