"""Typed answers in a page: read, marked and explained as the worksheets do it in Python."""

import random
from fractions import Fraction
from importlib.resources import files

import pytest

from viz.classroom.worksheets.marking import Answer, judge
from viz.formulas.mistakes import Mistake

SCRIPT = (files("viz.player") / "page" / "answers.js").read_text(encoding="utf-8")
FORMS = [
    *("3", "3.0", "3.", "+3", " 3 ", "-3", "- 3", "−3", "–3", "6/2", "6 / 2", "-6/2", "6/-2", "6/+2", "-6/-2", "1 1/2"),
    *("-1 1/2", "1½", "-1½", "½", "⅔", "2⁄3", "1\u00a01/2", "0,5", ".5", "-.5", "0.50", "3,0", "00.5"),
    *(
        "３．０",
        "－６／２",
        "",
        "  ",
        "abc",
        "3/0",
        "1/0.5",
        "x=3",
        "1e3",
        "--3",
        ".",
        "-",
        "/",
        "nan",
        "3²",
        "٣",
        "1/2/3",
    ),
    *("<b>3</b>", "1 2", "1.13", "1.12", "1.125", "0.667", "0.666", "0.668", "0.67", "-6.67", "-6.66", "33.3", "33"),
    *(
        "0.333333333333333",
        "9" * 9,
        "9" * 10,
        "0." + "3" * 20,
        "0." + "3" * 21,
        "0.0000001",
        "0.001",
        "0.0010",
        "1/1000000",
        "1/999999",
    ),
]
NUMBERS = ["3", "-3", "1/2", "3/2", "-3/2", "9/8", "2/3", "-20/3", "100/3", "0", "1/3", "11/2", "1000000"]


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    page.add_script_tag(content=SCRIPT)
    yield page
    page.close()


def in_python(typed, right, mistakes, following, before):
    suspects = [(Mistake(name, name), here, everywhere) for name, here, everywhere in mistakes]
    verdict, number = judge("d", typed, Fraction(right), following, suspects, ["a"] * before)
    everywhere = [name for name, said in verdict.causes.items() if said.startswith("Perhaps at every step")]
    approximately = pytest.approx(number, rel=1e-12)
    return {"state": verdict.state, "number": approximately, "causes": [*verdict.causes], "everywhere": everywhere}


def test_every_form_is_judged_as_in_python(page):
    """Against every number, and with mistakes and earlier answers that give some of the same numbers."""
    rng = random.Random(0)
    exact = [float(Fraction(x)) for x in NUMBERS]
    cases = []
    for typed in FORMS:
        for right in NUMBERS:
            following = rng.choice([float(Fraction(right)), rng.choice(exact)])
            here = [[rng.choice(exact) for _ in range(rng.randint(1, 2))] for _ in range(4)]
            mistakes = [[name, numbers, rng.choice(exact)] for name, numbers in zip("wxyz", here)]
            cases.append((typed, right, mistakes, following, rng.random() < 0.5))
    found = page.evaluate(
        "cases => cases.map(([typed, right, mistakes, following, before]) =>"
        " judge(typed, right, mistakes, following, before))",
        [(typed, float(Fraction(right)), *more) for typed, right, *more in cases],
    )
    for case, said in zip(cases, found):
        assert said == in_python(*case), case
    causes = [cause for said in found for cause in said["causes"]]
    assert {said["state"] for said in found} == {"right", "wrong", "not yet", "unreadable"}
    assert set(causes) >= {"rounded", "follows", "unknown", *"wxyz"}


def test_decimals_are_read_exactly(page):
    """1.13 is not 1.125 rounded, for it is half a unit away; in binary it would be a little less."""
    assert not Answer.read("1.13").near(Fraction(9, 8))
    assert page.evaluate("judge('1.13', 9 / 8, []).state") == "wrong"


def test_a_page_need_not_know_of_mistakes_or_what_follows(page):
    say = page.evaluate("[judge('6/2', 3, []), judge('4', 3, []), judge('4', 3, [['sum', 4]])]")
    assert [said["state"] for said in say] == ["right", "wrong", "wrong"]
    assert [said["causes"] for said in say] == [[], ["unknown"], ["sum"]]


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN"])
def test_a_mistake_that_gives_no_number_is_never_named(page, number):
    said = page.evaluate(f"judge('4', 3, [['far', [{number}], {number}]], {number})")
    assert said["causes"] == ["unknown"]
    assert not Answer.read("4").near(float(number.replace("Infinity", "inf")))
