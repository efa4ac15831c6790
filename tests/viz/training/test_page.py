"""The training page in a real browser: what it shows at each step, and every key and button."""

import itertools
import math
import random
import re

import pytest

from engine import no_grad
from engine.names import number
from nn import MLP, SGD, Adam, binary_cross_entropy_with_logits, cross_entropy, moons, mse_loss, spirals
from tests.accessibility import violations
from tests.pages import SET_HASH, until
from viz import play_training

X, Y = moons(40, seed=3)


def trained(lr, steps):
    model = MLP(2, [6, 1], activation="tanh", rng=random.Random(4))
    return model, SGD(model.parameters(), lr=lr), steps


@pytest.fixture(scope="module")
def one():
    model, optimizer, steps = trained(1.0, 30)
    played = play_training(model, (X, Y), binary_cross_entropy_with_logits, optimizer, steps, compiled=False)
    return played, model


@pytest.fixture(scope="module")
def two():
    model, slow, steps = trained(0.1, 12)
    optimizers = {"SGD": slow, "<Adam> & co": Adam(model.parameters(), lr=0.1)}
    return play_training(model, (X, Y), binary_cross_entropy_with_logits, optimizers, steps, compiled=False)


@pytest.fixture
def opened(pages, tmp_path):
    """Opens a saved page."""
    number = itertools.count()
    return lambda played, step="", **options: pages.open(
        played.save(tmp_path / f"training{next(number)}.html"), step, **options
    )


def at(page):
    return page.evaluate("training.step")


def facts(page, i=0):
    return page.locator(".facts").nth(i).locator("dd").all_text_contents()


def written(text):
    return float(text.replace("−", "-"))


PICTURE = """() => [
  ...[...document.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()),
  ...[...document.querySelectorAll("svg")].map((svg) => svg.outerHTML),
].join()"""


def test_every_step_shows_what_was_recorded(opened, one):
    played, _ = one
    (run,) = played.runs
    page = opened(played)
    pictures = []
    for step, frame in enumerate(run.frames):
        assert at(page) == step
        loss, norm, right = facts(page)
        assert loss == number(run.losses[step])  # as the player writes it
        assert written(norm) == pytest.approx(frame.norm, rel=6e-3)
        assert right == f"{frame.right} of 40"
        assert page.locator("#counter").text_content() == f"step {step} of 30"
        pictures.append(page.evaluate(PICTURE))
        page.keyboard.press("ArrowRight")
    assert len(set(pictures)) == 31
    for step in range(29, -1, -1):
        page.keyboard.press("ArrowLeft")
        assert at(page) == step
        assert step % 7 or page.evaluate(PICTURE) == pictures[step]


# The colours of the canvas at points of the plane: red and blue.
COLOURS = """(points) => {
  const canvas = document.querySelector("canvas"), { width, height } = canvas, { across, up } = training.runs[0].view;
  const ratio = width / canvas.clientWidth, all = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const share = (value, [low, high]) => (value - low) / (high - low);
  return points.map(([x, y]) => {
    const column = Math.round(ratio * (52 + share(x, across) * (canvas.clientWidth - 62)));
    const row = Math.round(ratio * (6 + (1 - share(y, up)) * (canvas.clientHeight - 36)));
    return [all[4 * (row * width + column)], all[4 * (row * width + column) + 2]];
  });
}"""


def test_the_colour_of_the_plane_is_the_class_that_the_model_answers(opened, one):
    played, model = one
    draw = random.Random(0)
    points = [(draw.uniform(-1.3, 2.3), draw.uniform(-0.7, 1.2)) for _ in range(80)]
    points = [point for point in points if min(math.dist(point, x) for x in X) > 0.2]  # an example covers the plane
    with no_grad():
        scores = [model([*point]).data for point in points]
    colours = opened(played, "#30").evaluate(COLOURS, points)
    clear = [(score > 0, red > blue) for score, (red, blue) in zip(scores, colours) if abs(score) > 0.4]
    assert {right for right, _ in clear} == {True, False}
    assert all(right == found for right, found in clear)


def test_a_neuron_shows_its_weights_and_gradients(opened, one):
    played, model = one
    page = opened(played, "#30")
    assert page.locator(".neuron text").all_text_contents() == ["x₁", "x₂"]
    figure, name = page.locator(".net").bounding_box(), page.locator(".neuron text").first.bounding_box()
    assert figure["x"] <= name["x"] < name["x"] + name["width"] < page.locator("circle").first.bounding_box()["x"]
    page.locator(".neuron").nth(4).click()  # after two inputs, the third neuron
    assert page.locator("caption").text_content() == "neuron 3 of layer 1"
    rows = [row.locator("td").all_text_contents() for row in page.locator("tbody tr").all()]
    neuron = model.layers[0].neurons[2]
    assert [written(text) for text in rows[0]] == pytest.approx([w.data for w in neuron.w], rel=6e-3)
    frame, edges = played.runs[0].frames[-1], played.runs[0].network.edges
    expected = [frame.gradients[edges.index((0, i, 2))] for i in range(2)]
    assert [written(text) for text in rows[1]] == pytest.approx(expected, rel=6e-2)
    assert page.locator(".edge:not(.faint)").count() == 2
    page.locator(".neuron").nth(4).click()
    assert page.locator("caption").count() == 0
    page.locator(".neuron").nth(0).focus()
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator("caption").text_content() == "output 1"
    assert page.locator("tbody tr").first.locator("td").count() == 6
    page.keyboard.press("ArrowLeft")  # and the steps go on
    assert at(page) == 29


LINES = """(lines) => lines.map(({ style }) => [parseFloat(style.strokeWidth), style.strokeDasharray, style.stroke])"""


def test_lines_say_by_width_dashes_and_colour_what_they_are(opened, one):
    played, _ = one
    frame = played.runs[0].frames[0]
    page = opened(played)
    lines = page.locator(".edge").evaluate_all(LINES)
    order = sorted(range(len(lines)), key=lambda i: abs(frame.weights[i]))
    assert [lines[i][0] for i in order] == sorted(width for width, _, _ in lines)
    assert [dashes != "none" for _, dashes, _ in lines] == [weight < 0 for weight in frame.weights]
    assert ["--raises" in colour for _, _, colour in lines] == [gradient > 0 for gradient in frame.gradients]
    shares = [int(re.search(r"(\d+)%", colour).group(1)) for _, _, colour in lines]
    steepest = sorted(range(len(lines)), key=lambda i: abs(frame.gradients[i]))
    assert [shares[i] for i in steepest] == sorted(shares)
    assert max(shares) > 80


def test_every_key_and_button_does_what_it_says(opened, one):
    page = opened(one[0], "#7")
    assert at(page) == 7
    for key, step in (
        ("ArrowRight", 8),
        ("ArrowLeft", 7),
        ("End", 30),
        ("ArrowRight", 30),
        ("Home", 0),
        ("ArrowLeft", 0),
    ):
        page.keyboard.press(key)
        assert at(page) == step
    for name, step in (("forward", 1), ("last", 30), ("back", 29), ("first", 0)):
        page.locator(f"#{name}").click()
        assert at(page) == step
    page.locator("#scrub").fill("12")
    assert (at(page), page.locator("#scrub").get_attribute("aria-valuetext")) == (12, "step 12 of 30")
    page.locator("#scrub").focus()
    page.keyboard.press("ArrowRight")
    assert at(page) == 13
    until(page, "location.hash === '#13'")
    for address, step in (("#junk", 13), ("#1.5", 13), ("#99999", 30), ("#-3", 0)):
        page.evaluate(SET_HASH, address)
        assert at(page) == step
    box = page.locator(".scrubs").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert at(page) == 15
    assert page.locator("#spoken").text_content().startswith("step 15 of 30. SGD, lr = 1: loss ")
    for theme in ("dark", "light"):
        page.locator("#theme").click()
        assert page.locator("html").get_attribute("data-theme") == theme


def test_it_plays_to_the_end_at_the_speed_that_is_set(opened, one):
    page = opened(one[0], locale="en-GB")  # in a window of its own, whose clock stands still
    page.clock.install()
    page.reload()
    page.clock.pause_at("2100-01-01")
    page.keyboard.press("Space")
    assert page.locator("#play").text_content() == "pause"
    page.clock.run_for(1050)
    assert at(page) == 10
    page.locator("#speed").fill("-1")
    page.clock.run_for(1050)
    assert at(page) == 15
    page.locator("#back").click()
    assert (at(page), page.locator("#play").text_content()) == (14, "play")
    page.clock.run_for(3000)
    assert at(page) == 14
    page.locator("#play").click()
    page.clock.run_for(9000)
    assert (at(page), page.locator("#play").text_content()) == (30, "play")


def test_two_trainings_stand_side_by_side_at_the_same_step(opened, two):
    page = opened(two, "#5")
    assert page.locator("h2").all_text_contents() == ["SGD", "<Adam> & co", "Loss"]
    for i, run in enumerate(two.runs):
        assert written(facts(page, i)[0]) == pytest.approx(run.losses[5], rel=6e-3)
    assert page.locator("canvas").count() == 2
    left, right = (page.locator("canvas").nth(i).bounding_box() for i in range(2))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert page.locator("path.curve").count() == 2


def test_the_same_weights_look_the_same_beside_a_run_that_diverges(opened):
    model, _, steps = trained(0.1, 12)
    optimizers = {f"lr = {lr}": SGD(model.parameters(), lr=lr) for lr in (0.1, 100.0)}
    played = play_training(model, (X, Y), binary_cross_entropy_with_logits, optimizers, steps, compiled=False)
    page = opened(played)
    small, large = (page.locator(".net").nth(i).locator(".edge").evaluate_all(LINES) for i in range(2))
    assert small == large
    assert max(width for width, _, _ in large) > 2


def curve():
    xs = [[i / 10] for i in range(-10, 11)]
    model = MLP(1, [4, 1], activation="tanh", rng=random.Random(0))
    return play_training(
        model, (xs, [math.sin(3 * x) for (x,) in xs]), mse_loss, Adam(model.parameters(), lr=0.1), 4, compiled=False
    )


def arms():
    model = MLP(2, [4, 3], rng=random.Random(0))
    return play_training(
        model, spirals(30), cross_entropy, Adam(model.parameters(), lr=0.1), 4, compiled=False, lang="es"
    )


def surface():
    model = MLP(2, [4, 1], rng=random.Random(0))
    return play_training(
        model, (X, [x * y for x, y in X]), mse_loss, Adam(model.parameters(), lr=0.1), 4, compiled=False, lang="ja"
    )


def blind():
    model = MLP(3, [30, 1], rng=random.Random(0))
    rows = [[*x, 1.0] for x in X]
    return play_training(model, (rows, Y), mse_loss, SGD(model.parameters(), lr=1e4), 400, compiled=False)


INKS = """(all) => all.map((canvas) => {
  return new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
})"""


@pytest.mark.parametrize("make", [curve, arms, surface, blind])
def test_other_networks_have_their_pictures(opened, make):
    played = make()
    page = opened(played, "#99")
    assert page.locator("canvas").count() == (make is not blind)
    assert page.locator("html").get_attribute("lang") == played.lang
    assert page.locator(".warning").is_visible() == (make is blind)
    last = len(played.runs[0].losses) - 1  # also where it diverges between two frames
    assert at(page) == last
    inks = page.locator("canvas").evaluate_all(INKS)
    assert all(ink > 10 for ink in inks)
    names = page.locator(".neuron text").all_text_contents()
    expected = {curve: ["x"], arms: ["x₁", "x₂", *"012"], surface: ["x₁", "x₂"], blind: ["x₁", "x₂", "x₃"]}
    assert names == expected[make]


def test_it_plays_in_firefox_too(firefox_page, one, tmp_path):
    played, model = one
    firefox_page.goto(played.save(tmp_path / "training.html").as_uri() + "#30")
    colours = firefox_page.evaluate(COLOURS, [X[0], [-1.2, 1.1]])
    assert len(set(map(tuple, colours))) == 2
    firefox_page.click("[aria-label='neuron 3 of layer 1'] circle")
    shown = "[...document.querySelectorAll('tbody tr:first-child td')].map(cell => Number(cell.textContent))"
    weights = [w.data for w in model.layers[0].neurons[2].w]
    assert firefox_page.evaluate(shown) == pytest.approx(weights, rel=1e-3)
    firefox_page.press("ArrowLeft")
    assert firefox_page.evaluate("training.step") == 29
    firefox_page.click("#play")
    until(firefox_page, "training.step === 30")


TEXTS = """() => [...document.querySelectorAll("body *")].filter(
  (element) => element.checkVisibility() && !element.classList.contains("spoken")
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
).map((element) => [parseFloat(getComputedStyle(element).fontSize), element.textContent])"""
DARK = """() => getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).every((part) => Number(part) < 128)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_from_the_back_row_and_by_everyone(opened, one, two, scheme):
    for played in (one[0], two):
        page = opened(played, "#9", color_scheme=scheme)
        assert page.evaluate(DARK) == (scheme == "dark")
        sizes = page.evaluate(TEXTS)
        assert [text for size, text in sizes if size < 18] == []
        whole = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert whole == [1280, 720]
        assert violations(page) == {}


def test_the_first_frame_is_dark_where_the_system_is(opened, one):
    """Also before any script has run."""
    page = opened(one[0], color_scheme="dark", java_script_enabled=False)
    assert page.evaluate(DARK)


def test_on_a_phone_all_is_in_one_column_and_one_row_of_controls(opened, one, two):
    for played in (one[0], two):
        page = opened(played, "#9", width=390, height=844, has_touch=True, is_mobile=True)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        tops = {round(page.locator(f"#{name}").bounding_box()["y"]) for name in ("back", "play", "forward", "theme")}
        assert len(tops) == 1
        assert page.locator("canvas").first.bounding_box()["y"] < 260
        page.locator("#forward").tap()
        assert at(page) == 10
    page = opened(two.beside(one[0]), width=390, height=844, has_touch=True, is_mobile=True)  # one below the other
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = [page.locator(".head, .fit").nth(i).bounding_box() for i in range(6)]
    assert all(above["y"] + above["height"] <= below["y"] for above, below in itertools.pairwise(boxes))


def test_in_a_notebook_it_is_framed_and_takes_on_the_theme(pages, one):
    page = pages.page(width=1000, height=900)
    page.set_content(f"<body style='color: white; background: black'>{one[0]._repr_html_()}")
    frame = page.frame_locator("iframe")
    frame.locator("#forward").click()
    assert frame.locator("#counter").text_content() == "step 1 of 30"
    until(page.frames[1], "document.documentElement.dataset.theme === 'dark'")
