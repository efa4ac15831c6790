"""Exercises: what is said to right answers, to no answers, to the mistakes that are known, and to all the rest."""

import re
from importlib import import_module
from itertools import combinations

import numpy as np
import pytest

from engine import Value
from tests.paths import ROOT
from viz import check_engine
from viz.classroom.exercises import check
from viz.classroom.exercises.exercise import Exercise, Mistake, Verdict, _is_missing, _plain, _same, outputs_at
from viz.classroom.exercises.lesson_02 import EXERCISES, MyValue

EXERCISES_FOLDER = ROOT / "viz" / "classroom" / "exercises"
LESSONS = sorted(EXERCISES_FOLDER.glob("lesson_*.py"))
APPLICATIONS = sorted(EXERCISES_FOLDER.glob("applications/[a-z]*.py"))


def exercises_in(path):
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)).EXERCISES


ALL = [
    pytest.param(name, exercise, id=name)
    for path in (*LESSONS, *APPLICATIONS)
    for name, exercise in exercises_in(path).items()
]
SLOPE = Exercise(
    right=14.0,
    mistakes=(Mistake(18.0, "The slope of -4x is missing."), Mistake(27.0, "This is the value, and not the slope.")),
    advice="Nudge x by 0.001, and see.",
)
DOUBLE = Exercise(
    right=lambda x: 2 * x,
    mistakes=(Mistake(lambda x: x, "One of the two factors is forgotten."),),
    measure=outputs_at((1.0,), (-2.0,)),
)


# The exercises of the lessons.


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_what_is_right_is_right_and_each_mistake_gets_its_own_hint(name, exercise):
    assert check(name, exercise.right) == Verdict("right")
    assert len(exercise.mistakes) >= 3
    for mistake in exercise.mistakes:
        assert check(name, mistake.answer) == Verdict("hint", mistake.hint)


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_no_two_mistakes_give_the_same(name, exercise):
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes)
    answers = [exercise.right, *(mistake.answer for mistake in exercise.mistakes)]
    measured = [_plain(exercise.measure(answer)) for answer in answers]
    assert not any(map(_is_missing, measured))
    rtol, exact = exercise.rtol, callable(exercise.right)
    assert not any(_same(x, y, rtol, exact) or _same(y, x, rtol, exact) for x, y in combinations(measured, 2))


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_what_is_said_are_sentences_and_the_answer_is_not_in_them(name, exercise):
    for said in [mistake.hint for mistake in exercise.mistakes] + [exercise.advice] * bool(exercise.advice):
        assert re.fullmatch(r"\S.*[.!?]", said), said
        assert len(said.split()) >= 4, said
        right = exercise.right
        if isinstance(right, (int, float)) and len(re.findall(r"\d", f"{right:g}")) > 1:
            assert f"{right:g}" not in re.findall(r"-?\d+(?:\.\d+)?", said.replace("−", "-")), said
        elif isinstance(right, (list, tuple)):
            assert str(right) not in said


@pytest.mark.parametrize(("name", "exercise"), ALL)
def test_nothing_is_not_yet_an_answer(name, exercise):
    assert exercise.check(...).state == exercise.check(None).state == "not yet"
    if callable(exercise.right) and not isinstance(exercise.right, type):
        assert exercise.check(lambda *_: ...).state == exercise.check(lambda *_: None).state == "not yet"


@pytest.mark.parametrize("path", [*LESSONS, *APPLICATIONS], ids=lambda path: path.stem)
def test_a_lesson_has_three_exercises(path):
    assert list(exercises_in(path)) == [f"{path.stem.removeprefix('lesson_')}.{i}" for i in (1, 2, 3)]


def test_an_engine_is_told_of_no_mistake_but_its_own():
    """What is kept in the class from one pass to the next goes by another name than gradients that are left."""

    kept = set()

    class Keeping(MyValue):
        def order(self):
            order = [node for node in super().order() if node not in kept]
            kept.update(order)
            return order

    assert check_engine(Keeping).mistakes == ("kept between passes",)
    assert check("02.3", Keeping) == Verdict("wrong", EXERCISES["02.3"].advice)


# What is compared.


@pytest.mark.parametrize("answer", [14, 14.0, 14.001, Value(14.0), np.float64(14), np.array(14.0)])
def test_a_number_is_right_as_a_number_of_any_kind(answer):
    assert SLOPE.check(answer).state == "right"


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        ([1.0, 2.0], (1, Value(2.0))),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        ([[1.0], []], [[1], []]),
        ("Too large", " too LARGE\n"),
        ({"a": 1.0}, {"a": Value(1.0)}),
        (0.0, 1e-12),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        (True, True),
    ],
)
def test_lists_texts_and_the_rest_are_compared_by_what_they_hold(right, answer):
    assert Exercise(right, ()).check(answer).state == "right"


@pytest.mark.parametrize(
    ("right", "answer", "hint"),
    [
        (14.0, "14", "Your answer gives a text in quotes, but it should give a number. Leave the quotes out."),
        (14.0, "x", "Your answer gives a text in quotes, but it should give a number."),
        (14.0, [14.0], "Your answer gives a list, but it should give a number. Leave the brackets out."),
        (14.0, True, "Your answer gives True or False, but it should give a number. int(...) makes 1 or 0 of it."),
        (14.0, object(), "Your answer gives an object, but it should give a number."),
        (
            14.0,
            print,
            "Your answer gives a function, but it should give a number. "
            "Call it: put brackets after its name, with what goes in between them.",
        ),
        ([1, 2], {1, 2}, "Your answer gives a set, but it should give a list. list(...) makes a list of it."),
        ([1, 2], {1: 2}, "Your answer gives a dictionary, but it should give a list."),
        ([1, 2], "[1, 2]", "Your answer gives a text in quotes, but it should give a list. Leave the quotes out."),
        (
            [1, 2],
            1,
            "Your answer gives a number, but it should give a list. "
            "Put it in square brackets, with a comma between one and the next.",
        ),
        ([1.0, 2.0], [1.0], "Your answer gives a list of 1, but it should give a list of 2."),
        ([1.0, 2.0], [1.0, None], "Your answer gives nothing, but it should give a number."),
        (
            [1.0, 2.0],
            [1.0, "2"],
            "Your answer gives a text in quotes, but it should give a number. Leave the quotes out.",
        ),
        (14.0, {14.0}, "Your answer gives a set, but it should give a number."),
        (14.0, 15.0, "None of the common mistakes gives this: work it out again."),
        ([1.0, 2.0], [2.0, 1.0], "None of the common mistakes gives this: work it out again."),
    ],
)
def test_an_answer_of_another_kind_is_told_which_kind_is_asked_for(right, answer, hint):
    assert Exercise(right, ()).check(answer) == Verdict("wrong", hint)


@pytest.mark.parametrize(
    ("right", "answer", "hint"),
    [
        (
            14.5,
            (14, 5),
            "gives a list, but it should give a number. If you meant a decimal, write it with a point: 0.5",
        ),
        (
            [3.3, 2.06],
            [3, 3, 2, 6],
            "it should give a list of 2. If you meant a decimal, write it with a point: 0.5, n",
        ),
        (4364, (4, 364), "it should give a number. If you meant thousands, leave the comma out."),
        (14.0, 9j, "gives a complex number, but it should give a number."),
    ],
)
def test_what_is_likely_meant_is_told(right, answer, hint):
    verdict = Exercise(right, ()).check(answer)
    assert verdict.state == "wrong"
    assert hint in verdict.hint


def test_what_a_call_returned_is_not_the_function_nor_the_class():
    assert check("01.3", 14.0).hint.endswith(" Pass the name of the function alone, without brackets.")
    assert check("02.3", MyValue(2.0)).hint.endswith(" Pass the name of the class alone, without brackets.")
    assert "Pass the name" not in check("01.3", lambda: 14.0).hint


def test_no_list_that_may_be_one_is_taken_for_a_decimal():
    for right, answer in (
        (14.0, [14]),
        (2464, [14, 11, 16]),
        ([[0], [5]], [0, 5, 0]),
        ([1.0, 2.0], [1]),
        ([1.0, 2.0, 3.0], [1, 2]),
        ([1.0, 2.0], [1.5, 2.0, 3.0]),
    ):
        assert "decimal" not in Exercise(right, ()).check(answer).hint


def test_what_is_not_there_in_lesson_02_is_told_in_its_words():
    assert "the exponent of ** is a plain number here" in check("02.2", lambda x, y: x**-y).hint
    assert "x.data is a plain number, not part of the graph" in check("02.2", lambda x, y: x.data / y.data).hint


@pytest.mark.parametrize("answer", ["14", [14.0], True])
def test_an_answer_of_another_kind_is_not_measured_where_a_number_is_asked_for(answer):
    """A measure may be more patient: float("14") is a number, and float(True) too."""
    measured = Exercise(14.0, (), measure=float).check(answer)
    assert measured.state == "wrong"
    assert measured == Exercise(14.0, ()).check(answer)


def test_a_known_mistake_is_named_and_an_unknown_one_gets_advice():
    assert str(SLOPE.check(27)) == "→ hint: This is the value, and not the slope."
    assert str(SLOPE.check(28)) == "✗ wrong: Nudge x by 0.001, and see."
    assert DOUBLE.check(lambda x: x) == Verdict("hint", "One of the two factors is forgotten.")
    assert DOUBLE.check(lambda x: 2 * x).state == "right"


def test_a_sign_percent_and_too_few_digits_are_told_whatever_the_exercise():
    share = Exercise(0.12158, (Mistake(0.9, "This is one moment of twenty."),))
    said = {answer: str(share.check(answer)) for answer in (-0.12158, 12.158, 0.12, 0.122, 0.1, 0.9)}
    assert said[-0.12158] == "→ hint: The size is right; check the sign."
    assert said[12.158].startswith("→ hint: This is a hundred times too large: if you meant percent")
    assert said[0.12] == said[0.122] == "→ hint: This looks rounded: give more digits, or let Python work it out."
    assert said[0.1].startswith("✗ wrong: None of the common mistakes")
    assert said[0.9] == "→ hint: This is one moment of twenty."
    assert Exercise([0.25, 1.0], ()).check([25, 100]).hint == Exercise(0.12158, ()).check(12.158).hint
    for right, answer in ((14.0, 1400.0), (-0.5, -50.0), (1.5, 150.0), ([0.5, 14.0], [50.0, 1400.0])):  # no shares
        assert Exercise(right, ()).check(answer).state == "wrong"
    assert Exercise([0.0900, 0.2447], ()).check([0.09, 0.24]).hint.startswith("This looks rounded")
    assert Exercise(1370, (), rtol=1e-6).check(1371).state == "wrong"
    assert Exercise(["a", 1.0], ()).check(["a", -1.0]).hint.startswith("The size is right")


def test_a_text_that_a_function_returns_is_taken_to_the_letter():
    assert (
        check("topics.1", lambda words: [word[:5] for word in words]).hint == "The words are not in small letters yet."
    )
    assert check("topics.1", lambda words: [word.upper()[:5] for word in words]).state == "wrong"


def test_where_a_function_is_wrong_is_told_with_what_it_was_given():
    summed = Exercise(lambda x, y: x + y, (), outputs_at((2.0, 2.0), (2.0, 3.0)), advice="Add the two of them.")
    assert summed.check(lambda x, y: x * y).hint == "Add the two of them. Given 2.0 and 3.0, yours returns 6.0."
    assert summed.check(lambda x, y: 1 / (y - 3)).hint.endswith("division by zero. It was given 2.0 and 3.0.")
    assert summed.check(lambda x, y: [x]).hint.endswith(
        "Leave the brackets out. Given 2.0 and 2.0, yours returns [2.0]."
    )


class Odd:
    """What a check can stumble over."""

    def __getattr__(self, name):
        raise KeyError(name)

    def __repr__(self):
        raise RuntimeError("no text")


def nested():
    one = []
    one.append(one)
    return one


def leaves(*_):
    raise SystemExit(3)


@pytest.mark.parametrize("exercise", [SLOPE, DOUBLE, Exercise([1.0, 2.0], ()), Exercise("a", ())])
@pytest.mark.parametrize(
    "answer",
    [
        10**400,
        [10**400, 1],
        float("nan"),
        np.ndarray,
        np.float64,
        pytest.param(Odd(), id="odd"),
        nested(),
        [[]],
        leaves,
        {1: 2},
        b"1",
    ],
)
def test_no_answer_makes_the_check_itself_fail(exercise, answer):
    for given in (answer, lambda *_: answer):
        assert exercise.check(given).state in ("wrong", "hint")


def test_the_first_mistake_that_fits_is_named_and_rtol_says_what_is_near():
    exercise = Exercise(10.0, (Mistake(8.0, "The first of the two."), Mistake(8.5, "The second.")), rtol=0.1)
    assert [exercise.check(x).hint for x in (9.1, 8.2)] == ["", "The first of the two."]


@pytest.mark.parametrize("answer", [..., None, [...], [1.0, ...], (None, None)])
def test_dots_are_not_yet_an_answer(answer):
    for exercise in (SLOPE, DOUBLE):
        assert str(exercise.check(answer)) == "… not yet: put your answer in place of the dots"


def unwritten(x):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [lambda x: ..., lambda x: None, lambda x: ... * x, unwritten])
def test_a_function_that_gives_nothing_is_not_yet_an_answer(answer):
    assert str(DOUBLE.check(answer)) == (
        "… not yet: put your answer in place of the dots, and let the function return it"
    )


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: 1 / 0, "Trying your answer gives an error. ZeroDivisionError: division by zero."),
        (lambda: 2, "Trying your answer gives an error. TypeError: <lambda>() takes 0 positional arguments but 1 was"),
        (2.0, "Trying your answer gives an error. TypeError: expected a function, got float 2.0."),
    ],
)
def test_an_error_of_the_answer_is_quoted(answer, hint):
    assert DOUBLE.check(answer).state == "wrong"
    assert DOUBLE.check(answer).hint.startswith(hint)


def test_a_function_cannot_spoil_the_arguments():
    exercise = Exercise(lambda xs: sum(xs), (), outputs_at(([3.0, 1.0],), ([2.0],)))

    def clears(xs):
        total = sum(xs)
        xs.clear()
        return total

    assert exercise.check(clears).state == exercise.check(clears).state == "right"


# What is shown.


def test_a_verdict_is_a_box_in_a_notebook_with_a_sign_a_word_and_no_markup_of_the_student():
    shown = Verdict("wrong", "Trying it: <b>&")._repr_mimebundle_()
    assert shown["text/plain"] == repr(Verdict("wrong", "Trying it: <b>&")) == "✗ wrong: Trying it: <b>&"
    assert "<b>✗ wrong</b>: Trying it: &lt;b&gt;&amp;</div>" in shown["text/html"]
    assert "color:" not in shown["text/html"]  # the page's own, light or dark
    assert "<b>✓ right</b></div>" in Verdict("right").html


@pytest.mark.parametrize("name", ["01", "99.1", "x", "../secret.1", 1.1, None])
def test_an_exercise_that_is_not_there_is_named(name):
    with pytest.raises(ValueError, match="there is no exercise"):
        check(name, 1.0)


@pytest.mark.parametrize("path", LESSONS[:1])
def test_the_exercises_that_are_there_are_named(path):
    lesson = path.stem.removeprefix("lesson_")
    with pytest.raises(ValueError, match=rf"there are {lesson}\.1, {lesson}\.2, {lesson}\.3"):
        check(f"{lesson}.9", 1.0)
