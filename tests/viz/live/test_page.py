"""The live page in Chromium and in Firefox: typing, stepping, learning, links; by keyboard, on a phone, on paper."""

import re
from time import sleep
from urllib.parse import urlencode

import pytest

from engine import Value
from nn import SGD, Neuron
from tests.accessibility import CUT, violations
from viz import backward_in_order
from viz.live import chalkboard
from viz.live.languages import EXAMPLES, LANGUAGES
from viz.player import languages as player_languages


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return chalkboard().save(tmp_path_factory.mktemp("live") / "chalkboard.html")


@pytest.fixture
def page(browser_page, path):
    """The page in each of the browsers, with `page.open(link)`."""

    def open_link(**link):
        browser_page.goto("about:blank")
        browser_page.load(path, f"#{urlencode(link)}")
        while not browser_page.evaluate("Boolean(window.chalkboard)"):
            sleep(0.02)

    browser_page.open = open_link
    browser_page.open()
    return browser_page


def settle(page):
    """Wait until the player shows what was typed."""
    while not page.evaluate("Boolean(window.chalkboard && chalkboard.settled)"):
        sleep(0.02)


def inner(page):
    """The page in the frame, once the player is there."""
    settle(page)
    if hasattr(page, "frames"):
        frame = page.frames[-1]
    else:  # Firefox
        tree = page.firefox.command("browsingContext.getTree", root=page.context)["contexts"][0]
        frame = type(page)(page.firefox, tree["children"][-1]["context"])
    while not frame.evaluate("Boolean(window.player)"):
        sleep(0.02)
    return frame


TYPE = """text => {
  const code = document.querySelector("#code"); code.value = text; code.dispatchEvent(new Event("input"));
}"""
TITLES = "[...document.querySelectorAll('.title')].map((each) => each.textContent)"
CHOOSE = """([id, value]) => {
  const select = document.querySelector(id); select.value = value; select.dispatchEvent(new Event('change'));
}"""


def type_in(page, text):
    page.evaluate(TYPE, text)
    return inner(page)


def read(page, selector):
    return page.evaluate("s => document.querySelector(s).textContent", selector)


# Typing and stepping.


def test_what_is_typed_is_played_at_once(page):
    frame = type_in(page, "a = 2\nb = -3\nL = (a*b + 10).tanh() + a")
    frame.evaluate("player.go(9999)")
    a, b = Value(2.0), Value(-3.0)
    root = (a * b + 10).tanh() + a
    root.backward()
    assert frame.evaluate("player.values[player.values.length - 1]") == pytest.approx(root.data, rel=1e-12)
    assert frame.evaluate("player.gradients.slice(0, 2)") == pytest.approx([a.grad, b.grad], rel=1e-12)
    assert frame.evaluate(TITLES) == ["a", "b", "v1: *", "v2: +", "v3: tanh", "L: +"]
    frame.evaluate("document.querySelector('#first').click()")
    assert read(frame, "#counter").startswith("0 of 11")


def test_the_players_tools_work_there(page):
    frame = type_in(page, "x = 1.5\nL = x**3 + sin(x)*x")
    frame.evaluate("document.querySelector('#slope').click()")
    assert frame.evaluate("player.curve.slope") == pytest.approx(3 * 1.5**2 + 1.1036008, rel=1e-6)
    frame.evaluate("document.querySelector('#paths').click()")
    assert frame.evaluate("player.paths.count") == 3
    frame.evaluate("document.querySelector('#predict').click()")
    frame.evaluate("player.go(6)")
    assert frame.evaluate("!document.querySelector('#question').hidden")
    frame.evaluate("document.querySelector('#slope').click()")
    frame.evaluate(
        "() => { const s = document.querySelector('#s0'); s.value = 2; s.dispatchEvent(new Event('input')); }"
    )
    assert frame.evaluate("player.values[0]") == 2


def test_wrong_orders_are_chosen(page):
    type_in(page, EXAMPLES["order"][0])
    a = Value(2.0)
    b = a * 3
    for order in ("naive recursion", "breadth-first", "depth-first"):
        page.evaluate(CHOOSE, ["#backward", order])
        frame = inner(page)
        frame.evaluate("player.go(9999)")
        assert frame.evaluate("player.gradients[0]") == backward_in_order(b * 2 + b, order).gradients[a][0]


def test_the_examples_show_what_their_names_say(page):
    gradients = {}
    for name in EXAMPLES:
        page.evaluate(CHOOSE, ["#examples", name])
        frame = inner(page)
        frame.evaluate("player.go(9999)")
        assert read(page, "#said") == ""
        gradients[name] = frame.evaluate("player.gradients[0]")
    wanted = {"micrograd": 138.8338192419825, "twice": 6, "assigned": 6, "order": 18, "dead": 0}
    assert {name: gradients[name] for name in wanted} == pytest.approx(wanted)
    assert abs(gradients["flat"]) < 1e-7


# What is said of what cannot be read. For every sentence a text that leads to it.

TROUBLES = {
    "nothing": "# nothing",
    "missing": "y = x +",
    "unclosed": "y = tanh(2",
    "character": "y = 2 ?",
    "statement": "for i in x: y",
    "power": "x = 2\ny = x^2",
    "floor": "x = 2\ny = x//2",
    "comparison": "x = 2\ny = x == 2",
    "times": "x = 2\ny = 2x",
    "two": "x = 2\ny = x x",
    "left": "x = 2\nx + 1 = y",
    "comma": "x = 0,5",
    "unexpected": "y = 2 3",
    "start": "*2",
    "noValue": "y = q * 2",
    "unknownNear": "x = 2\ny = sigmiod(x)",
    "noFunction": "y = integrate(2)",
    "aFunction": "y = tanh",
    "notCalled": "x = 2\ny = x(3)",
    "noMethod": "x = 2\ny = x.integrate()",
    "noMethods": "y = (2).tanh()",
    "brackets": "x = 2\ny = x.tanh",
    "backward": "x = 2\ny = x.grad",
    "arguments": "x = 2\ny = atan2(x)",
    "noOption": "n = neuron(2, size=3)",
    "reserved": "lambda = 2",
    "notANumber": "x = 2\ny = x * [1, 2]",
    "notAList": "x = 2\ny = x[0]",
    "index": "x = [1, 2]\ny = x[2]",
    "takesList": "x = 2\ny = max(x, 3)",
    "takesNumber": "x = 2\ny = clamp(x, x)",
    "clamp": "x = 2\ny = clamp(x, 3, 1)",
    "sizes": "a, b = 1",
    "activation": "n = neuron(2, 'cube')",
    "size": "n = neuron(0)",
    "inputs": "n = neuron(2)\ny = n(1)",
    "aList": "y = [1, 2]",
    "aModule": "n = neuron(2)",
    "tooLarge": "m = mlp(2, [64, 64, 64])\ny = sum(m(1, 2)) + " + " + ".join(["sum(m(1, 2))"] * 9),
}


def test_every_mistake_is_told_with_what_to_write(page):
    said = {lang: {} for lang in LANGUAGES}
    for lang in LANGUAGES:
        page.evaluate(CHOOSE, ["#language", lang])
        for kind, text in TROUBLES.items():
            found = page.evaluate("text => chalkboard.trouble(text)", text)
            assert (found or [None])[0] == kind, (text, found)
            assert "{" not in found[1]
            assert "undefined" not in found[1]
            said[lang][kind] = found[1]
    assert set(TROUBLES) | {"tooManyFirings"} == set(LANGUAGES["en"]["troubles"])
    assert said["en"]["missing"] == (
        "Line 1: something is missing after “+”: write a number or a name there, as in y = x + 2."
    )
    assert said["en"]["unknownNear"] == "Line 2: there is no sigmiod: do you mean sigmoid?"
    assert len({said[lang]["power"] for lang in said}) == 3


def test_while_a_text_cannot_be_read_the_player_shows_the_last_one(page):
    type_in(page, "x = 3\nL = x * x")
    page.evaluate(TYPE, "x = 3\nL = x * x +")
    frame = inner(page)
    assert "write a number or a name there, as in L = x * x + 2." in read(page, "#said")
    assert page.evaluate("document.querySelector('#code').getAttribute('aria-invalid')") == "true"
    assert frame.evaluate("player.values[player.values.length - 1]") == 9
    type_in(page, "x = 3\nL = x * x + 1")
    assert read(page, "#said") == ""


HOSTILE = "</script><script>window.parent.hit = window.hit = 1</script><img src=x onerror='window.hit=1'>"


def test_hostile_text_is_text(page):
    link = {"code": f"x = 2\nL = x * {HOSTILE}", "lang": HOSTILE, "order": HOSTILE, "at": HOSTILE, "w.__proto__.0": "1"}
    page.open(**link)
    assert page.evaluate("document.querySelector('#code').value") == link["code"]
    assert read(page, "#said")
    for name in ("constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"):
        frame = type_in(page, f"{name} = 3\nL = {name} * 2 + {name}")
        assert frame.evaluate("player.gradients.length") == 4
        assert page.evaluate("text => chalkboard.trouble(text)", f"L = {name}(2)")[0] in ("noFunction", "unknownNear")
    assert page.evaluate("'hit' in window") is False
    assert page.evaluate("document.querySelectorAll('img').length") == 0


# Learning.


def test_a_gradient_step_is_that_of_sgd(page):
    start = "x = 0.5\ny = -1\nn = neuron(2, tanh, seed=3)\nw = parameter(0.75)\nloss = (n(x, y)*w - 1)**2"
    frame = type_in(page, start)
    numbers = dict(
        zip(page.evaluate("text => chalkboard.forPlayer(text).names", start), frame.evaluate("player.values"))
    )
    model = Neuron(2, "tanh", label="n")
    w = Value(0.75, "w", role="parameter")
    for parameter in model.parameters():
        parameter.data = numbers[parameter.label]
    optimizer = SGD([*model.parameters(), w], lr=0.25)
    page.evaluate("() => { document.querySelector('#rate').value = '0,25'; }")
    for _ in range(5):
        loss = (model([Value(0.5), Value(-1.0)]) * w - 1) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        page.evaluate("document.querySelector('#descend').click()")
    loss = (model([Value(0.5), Value(-1.0)]) * w - 1) ** 2
    frame = inner(page)
    assert page.evaluate("chalkboard.root.value") == pytest.approx(loss.data, rel=1e-4)
    assert read(page, "#descended").startswith("step 5: loss ")
    text = page.evaluate("document.querySelector('#code').value")
    assert float(re.search(r"parameter\((.*?)\)", text)[1]) == pytest.approx(w.data, rel=1e-4)
    link, values = page.evaluate("location.href"), frame.evaluate("player.values")
    page.goto("about:blank")
    page.goto(link)
    assert inner(page).evaluate("player.values") == values


def test_without_parameters_the_inputs_change_in_the_text(page):
    type_in(page, "x = 3  # a leaf\ny = -4\nL = x*x + y*y")
    page.evaluate("document.querySelector('#descend').click()")
    settle(page)
    assert page.evaluate("document.querySelector('#code').value") == "x = 2.4  # a leaf\ny = -3.2\nL = x*x + y*y"
    assert read(page, "#descended") == "step 1: L 25 → 16"
    type_in(page, "L = [1, 2]")
    page.evaluate("document.querySelector('#descend').click()")
    assert read(page, "#said")


def test_a_step_takes_the_gradients_that_are_shown(page):
    page.evaluate(CHOOSE, ["#examples", "assigned"])
    inner(page)
    page.evaluate("document.querySelector('#descend').click()")
    assert page.evaluate("document.querySelector('#code').value").startswith("a = 1.4\n")  # 2 - 0.1 · 6, with = for +=


# Links.


def test_a_link_has_all_of_it(page):
    type_in(page, "x = 3\nw = 2\nL = relu(x*w) + x % 2")
    page.evaluate(CHOOSE, ["#language", "ja"])
    page.evaluate(CHOOSE, ["#backward", "depth-first"])
    inner(page).evaluate("player.go(4)")
    while "at=" not in page.evaluate("location.hash"):
        sleep(0.02)
    link = page.evaluate("location.href")
    page.goto("about:blank")
    page.goto(link)
    frame = inner(page)
    assert page.evaluate("document.querySelector('#code').value") == "x = 3\nw = 2\nL = relu(x*w) + x % 2"
    assert page.evaluate("document.querySelector('#backward').value") == "depth-first"
    assert page.evaluate("document.documentElement.lang") == "ja"
    assert frame.evaluate("document.documentElement.lang") == "ja"
    assert frame.evaluate("player.step") == 4
    assert read(page, "#copy") == LANGUAGES["ja"]["copy"]


# Keyboard, phone, paper, light and dark; in Chromium.


def test_by_keyboard(page):
    inner(page)
    page.evaluate("document.querySelector('#code').focus()")
    page.keyboard.press("Escape")
    while page.evaluate("document.activeElement.tagName") != "IFRAME":
        sleep(0.02)
    keyboard = page.keyboard if hasattr(page, "frames") else inner(page)
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    assert inner(page).evaluate("player.step") == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(pages, path, scheme):
    page = pages.open(path, color_scheme=scheme)
    for text, order in (("a = 2\nb = a * 3\ne = b * 2 + b", "="), (EXAMPLES["neuron"][0], ""), ("y = x +", "")):
        type_in(page, text)
        page.evaluate(CHOOSE, ["#backward", order])
        frame = inner(page)
        frame.evaluate("player.go(5)")
        assert violations(page) == {}
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert frame.evaluate("document.documentElement.dataset.theme") == scheme
    page.evaluate("document.querySelector('#theme').click()")
    other = {"light": "dark", "dark": "light"}[scheme]
    page.frames[-1].wait_for_function(f"document.documentElement.dataset.theme === '{other}'")


def test_on_a_phone(pages, path):
    page = pages.open(path, width=390, height=844, has_touch=True)
    top = page.evaluate("document.querySelector('#player').getBoundingClientRect().top")
    lowest = "document.querySelector('#forward').getBoundingClientRect().bottom"
    assert top + inner(page).evaluate(lowest) <= 844  # the buttons are on the first screen
    for lang in LANGUAGES:
        page.evaluate(CHOOSE, ["#language", lang])
        page.evaluate(CHOOSE, ["#examples", "network"])
        page.evaluate("document.querySelector('#descend').click()")
        frame = inner(page)
        assert page.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert frame.evaluate("innerHeight") >= 460
    written = "[...document.querySelectorAll('#code, #writing select, #writing input')]"
    sizes = page.evaluate(f"{written}.map((each) => getComputedStyle(each).fontSize)")
    assert min(float(size[:-2]) for size in sizes) >= 16  # a phone does not zoom in when one types


def test_on_paper(pages, path):
    page = pages.open(path)
    settle(page)
    page.emulate_media(media="print")
    shown = "s => document.querySelector(s).checkVisibility()"
    assert [page.evaluate(shown, s) for s in ("#code", "#player iframe", "#choices")] == [True, True, False]
    assert len(page.pdf()) > 5_000


def test_nothing_is_asked_of_the_network(pages, path):
    type_in(pages.open(path), "x = 2\nL = x*x")
    assert path.as_uri() in pages.asked  # and nothing else: see Pages.close


def test_a_notebook_shows_it(pages):
    page = pages.page()
    page.set_content(chalkboard("x = 3\nL = x * x", lang="es")._repr_html_())
    while len(page.frames) < 3:
        page.wait_for_timeout(20)
    page.frames[2].wait_for_function("() => window.player")
    assert page.frames[2].evaluate("player.values[1]") == 9
    assert page.frames[1].evaluate("document.documentElement.lang") == "es"
    assert not page.frames[1].evaluate("document.querySelector('#copy').checkVisibility()")


# Without a browser.


def test_it_stands_alone_and_is_small():
    html = chalkboard().html
    assert html == chalkboard().html
    assert "://" not in html
    assert not re.search(r"<(link|img|iframe|object)\b|\b(src|href)=", html)
    assert len(html.encode()) <= 120_000


def test_every_language_says_the_same_things():
    def holes(words):
        return {
            key: holes(text) if isinstance(text, dict) else sorted(re.findall(r"{\w+}", text))
            for key, text in words.items()
        }

    named = holes(LANGUAGES["en"])
    for lang in player_languages.LANGUAGES:
        found = holes(LANGUAGES[lang])
        assert found.keys() == named.keys()
        for key in found:
            if key != "troubles":
                assert found[key] == named[key], key
        for kind, braces in found["troubles"].items():
            assert set(braces) == set(named["troubles"][kind]), kind
    assert LANGUAGES["en"]["learn"].keys() == EXAMPLES.keys()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"code": 3}, TypeError, r"code must be a text such as 'L = a\*b \+ c', got int 3"),
        ({"lang": "fr"}, ValueError, r"lang must be one of 'en', 'es', 'ja', got 'fr'"),
        ({"height": 0}, ValueError, r"height must be a whole number of pixels above 0"),
    ],
)
def test_other_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        chalkboard(**arguments)
