"""The page of practice: answers are judged as in Python; it is used by keyboard, on a phone, and in the dark."""

import json
import math
import random
import re
from fractions import Fraction

import numpy as np
import pytest

from tests.accessibility import violations
from viz.classroom.practice import practice
from viz.classroom.practice.languages import LANGUAGES
from viz.classroom.practice.tape import blanks_of
from viz.classroom.worksheets import worksheet
from viz.classroom.worksheets.work import work
from viz.formulas.mistakes import MISTAKES

PRACTICE = practice(3, seed=5)
LEVELS = ("easy", "medium", "hard")


# Without a browser.


@pytest.mark.parametrize("level", LEVELS)
def test_what_answers_are_compared_with_is_what_python_compares_them_with(level):
    """Whatever was answered before, and at the kinks of max and relu too."""
    rng = random.Random(level)
    for seed in range(4):
        sheet, rules = worksheet(seed, level), {}
        judged, answers, tasks = blanks_of(sheet, rules), [], []

        def answer(task, answers=answers, tasks=tasks, sheet=sheet):
            tasks.append(task)
            answers.append(rng.choice([float(sheet.key[task.blank]), task.following, float(rng.randint(-6, 6))]))
            return answers[-1]

        work(sheet.root, answer)
        rule_list = [rule for rule, _ in rules]

        def number(place, answers=answers, tape=judged["tape"], rule_list=rule_list):
            if place < len(answers):
                return answers[place]
            instruction = tape[place - len(answers)]
            return (
                instruction
                if isinstance(instruction, float)
                else rule_list[instruction[0]](*map(number, instruction[1:]))
            )

        same = pytest.approx
        for blank, task in zip(judged["blanks"], tasks):
            assert (blank["name"], number(blank["following"])) == (task.blank, same(task.following, nan_ok=True))
            found = {MISTAKES[i]: (set(map(number, here)), number(last)) for i, here, last in blank["suspects"]}
            for mistake, here, last in task.suspects:
                numbers, everywhere = found.get(mistake, (set(), task.following))
                assert same(last, nan_ok=True) == everywhere, (seed, task.blank, mistake.name)
                for x in here:
                    assert any(same(x, nan_ok=True) == y for y in (*numbers, task.following)), (seed, mistake.name)


def test_every_language_says_the_same_things():
    english = LANGUAGES["en"]
    for words in LANGUAGES.values():
        assert words.keys() == english.keys()
        for name in words.keys() - {"mistakes"}:
            assert sorted(re.findall(r"\{\w+\}", words[name])) == sorted(re.findall(r"\{\w+\}", english[name])), name
    for lang in ("es", "ja"):
        assert LANGUAGES[lang]["mistakes"].keys() == {mistake.name for mistake in MISTAKES}


def test_the_page_stands_alone_and_is_the_same_for_the_same_seed(tmp_path):
    html = PRACTICE.html
    assert html == practice(3, seed=5).html != practice(3, seed=6).html
    assert "://" not in re.sub(r"http://www.w3.org/(2000/svg|1998/Math/MathML)", "", html)
    assert not re.search(r"<(link|img|iframe|object)\b|\b(src|href)=", html)
    assert len(html) < 9 * 14_000
    path = PRACTICE.save(tmp_path / "new" / "practice.html")
    assert path.read_text(encoding="utf-8") == html
    assert html.index("prefers-color-scheme") < html.index("<body")  # light or dark from the first frame
    shown = PRACTICE._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in shown


def test_its_numbers_may_be_numpys():
    ours, theirs = practice(2, seed=3).sheets["hard"], practice(np.int64(2), seed=np.int64(3)).sheets["hard"]
    assert [sheet.expression for sheet in ours] == [sheet.expression for sheet in theirs]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"count": "3"}, TypeError, r"count must be a whole number, got str '3'"),
        ({"count": True}, TypeError, r"count must be a whole number, got bool True"),
        ({"count": 0}, ValueError, r"count must be from 1 to 200, got 0; another seed gives other graphs"),
        ({"count": 201}, ValueError, r"count must be from 1 to 200"),
        ({"seed": 1.5}, TypeError, r"seed must be a whole number, got float 1.5"),
        ({"lang": "fr"}, ValueError, r"lang must be one of 'en', 'es', 'ja', got 'fr'"),
        ({"height": "tall"}, ValueError, r"height must be a whole number of pixels above 0, such as 620, got 'tall'"),
        ({"height": 0}, ValueError, r"height must be .*, got 0"),
    ],
)
def test_other_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        practice(**arguments)


@pytest.mark.parametrize("sheet", [PRACTICE, worksheet(1)])
def test_a_page_is_saved_under_the_name_of_a_page(sheet, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.html, got 'x\.pdf'; write save\('x\.html'\)"):
        sheet.save(tmp_path / "x.pdf")
    assert not [*tmp_path.iterdir()]


# In a browser.


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return PRACTICE.save(tmp_path_factory.mktemp("practice") / "practice.html")


@pytest.fixture(scope="module")
def page(browser, path):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{path.as_uri()}#easy-1")
    yield page
    page.close()
    assert errors == []


def go(page, name):
    page.evaluate("name => { location.hash = ''; location.hash = name; }", name)
    level, _, number = name.partition("-")
    page.wait_for_function("location.hash.length > 1")
    return PRACTICE.sheets[level][int(number) - 1]


def attempts(sheet, rng):
    """Answers as a student might give them: right, wrong by a mistake, wrong at random, in many forms, or none."""
    answers = {}

    def answer(task):
        key = sheet.key[task.blank]
        following = task.following if math.isfinite(task.following) else 0.0
        mistaken = [x for _, here, last in task.suspects for x in (*here, last) if math.isfinite(x)]
        number = rng.choice(
            [key, key, Fraction(following), Fraction(rng.choice(mistaken)), Fraction(rng.randint(-9, 9))]
        )
        number = number.limit_denominator(8)
        forms = [str(number), f" {number} ", f"{float(number):.4f}", f"{float(number):.3f}".replace(".", ","),
                 f"{float(number):.1f}", str(number).replace("-", "−"), "", "x"]  # fmt: skip
        answers[task.blank] = rng.choice(forms)
        return float(number) if answers[task.blank].strip() not in ("", "x") else task.following

    work(sheet.root, answer)
    return answers


def test_typed_answers_are_judged_as_in_python(page):
    rng, states, causes = random.Random(1), set(), set()
    for level in LEVELS:
        for i in (1, 2, 3):
            sheet = go(page, f"{level}-{i}")
            for _ in range(8):
                answers = attempts(sheet, rng)
                there = page.evaluate("answers => practice.mark(answers)", answers)
                here = sheet.check(answers).verdicts
                names = [[c if isinstance(c, str) else MISTAKES[c].name for c in v["causes"]] for v in there]
                assert [(v["state"], n) for v, n in zip(there, names)] == [(v.state, [*v.causes]) for v in here]
                for verdict, said in zip(here, there):
                    follows = re.search(r"had for (.*):", verdict.causes.get("follows", ""))
                    if follows:
                        blanks = [here[j].blank for j in said["before"]]
                        assert ", ".join(blanks) == follows[1]
                states |= {v.state for v in here}
                causes |= {cause for v in here for cause in v.causes}
    assert states == {"right", "wrong", "not yet", "unreadable"}
    assert causes >= {"follows", "unknown", "rounded", "sign", "swapped", "path forgotten", "= for +=", "own data"}


def test_a_graph_is_worked_by_keyboard_alone_and_the_score_is_kept(page, path):
    page.goto("about:blank")
    page.goto(f"{path.as_uri()}#easy-2")
    sheet = PRACTICE.sheets["easy"][1]
    blanks = list(sheet.key.items())
    label = "document.activeElement.getAttribute('aria-label')"
    said = page.locator(".said")
    assert page.locator("#score").inner_text() == "nothing answered yet"
    assert page.evaluate(label) == f"data of {blanks[0][0]}"
    page.keyboard.type(str(blanks[0][1]))
    page.keyboard.press("Enter")
    assert page.evaluate(label) == f"data of {blanks[1][0]}"  # on to the next one
    page.keyboard.press("?")
    assert sheet.expression[1] in said.inner_text()
    page.keyboard.type("1000")
    page.keyboard.press("Enter")
    assert "Not right." in said.inner_text()
    assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    page.keyboard.type(str(blanks[1][1]))  # the wrong one is selected, so it is typed over
    page.keyboard.press("Enter")
    assert page.locator("#score").inner_text() == "1 of 2 right at the first try"
    page.locator("#reveal").click()
    assert page.locator("#score").inner_text() == "1 of 3 right at the first try"
    for _, number in blanks[3:]:
        page.keyboard.type(f"{float(number)}")
        page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "new"
    assert "All blanks are right" in said.inner_text()
    assert page.locator("#score").inner_text() == f"{len(blanks) - 2} of {len(blanks)} right at the first try"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") not in ("", "#easy-2")
    assert page.locator(".graph input.right").count() == 0


def test_an_answer_counts_when_its_field_is_left_too(page):
    sheet = go(page, "medium-1")
    blank, number = next(iter(sheet.key.items()))
    field = page.get_by_label(f"data of {blank}", exact=True)
    field.fill(str(number))
    page.keyboard.press("Tab")
    assert field.get_attribute("class") == "right"


INSIDE = """() => [...document.querySelectorAll(".graph input")].map((field) => {
  const { width, height } = field.getBoundingClientRect();
  return [width, height, parseFloat(getComputedStyle(field).fontSize)];
})"""


@pytest.mark.parametrize(("width", "height", "text"), [(1280, 720, 18), (390, 844, 16)])
def test_fields_are_large_enough_on_a_projector_and_on_a_phone(page, width, height, text):
    page.set_viewport_size({"width": width, "height": height})
    for name in ("easy-1", "hard-1"):
        go(page, name)
        for wide, high, size in page.evaluate(INSIDE):
            assert size >= text
            assert high >= 22
            assert wide >= 48
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # only the graph scrolls
    assert page.locator(".bar").bounding_box()["height"] < 60
    page.set_viewport_size({"width": 1280, "height": 720})


def test_in_the_frame_of_a_notebook_it_works_and_moves_nothing(pages, tmp_path):
    (tmp_path / "notebook.html").write_text(f"<p style='height: 3000px'>A cell</p>{PRACTICE._repr_html_()}", "utf-8")
    page = pages.open(tmp_path / "notebook.html")
    inside = page.frame_locator("iframe")
    field = inside.locator(".graph input").first
    field.wait_for()
    assert page.evaluate("[scrollY, document.activeElement.tagName]") == [0, "BODY"]
    field.fill("1000")
    field.press("Enter")
    assert "Not right." in inside.locator(".said").inner_text()
    inside.locator("#new").click()
    assert inside.locator(".graph .wrong").count() == 0


def test_it_is_worked_in_firefox_too(firefox_page, path):
    firefox_page.goto(f"{path.as_uri()}#easy-2")
    (_, first), (_, second), *_ = PRACTICE.sheets["easy"][1].key.items()
    states = "[...document.querySelectorAll('.graph input.right, .graph input.wrong')].map(field => field.classList[0])"
    for typed in (str(first), "1000"):
        firefox_page.type(typed)
        firefox_page.press("Enter")
    assert firefox_page.evaluate(states) == ["right", "wrong"]
    assert firefox_page.evaluate("document.querySelector('.said').innerText.includes('Not right.')")
    firefox_page.type(str(second))
    firefox_page.press("Enter")
    assert firefox_page.evaluate(states) == ["right", "right"]
    firefox_page.click("#theme")
    assert firefox_page.evaluate("document.documentElement.dataset.theme") in ("light", "dark")


@pytest.mark.parametrize(("lang", "scheme"), [("en", "light"), ("es", "dark"), ("ja", "light")])
def test_no_barrier_is_found(pages, tmp_path, lang, scheme):
    path = practice(1, lang=lang).save(tmp_path / "practice.html")
    page = pages.open(path, "#easy-1", color_scheme=scheme)
    page.locator("#reveal").click()
    page.keyboard.type("1000")
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    assert page.locator(".graph .right, .graph .wrong").count() == 2
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert violations(page) == {}
    assert json.loads(page.locator("#data").text_content())["words"]["title"] == LANGUAGES[lang]["title"]
