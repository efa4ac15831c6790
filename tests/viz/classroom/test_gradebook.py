"""The gradebook: forty notebooks of a class: solved, half solved, with known mistakes, damaged and hostile."""

import csv
import io
import json
import random
import time
from collections import Counter
from copy import deepcopy
from html.parser import HTMLParser
from importlib import import_module

import nbformat
import pytest
from nbformat import v4

from tests.accessibility import violations
from tests.lessons import NUMBERED, code_cells, tags
from viz.classroom.exercises import check
from viz.classroom.exercises.exercise import STATE_TYPE, Verdict
from viz.classroom.gradebook import Gradebook, mark
from viz.classroom.gradebook.languages import LANGUAGES

HOSTILE = "<img src=x onerror=alert(1)>\"'&</style><script>alert(2)</script>"
LESSON = nbformat.read(NUMBERED[1], as_version=4)
EXERCISES = import_module("viz.classroom.exercises.lesson_01").EXERCISES


def output(verdict):
    """What a kernel saves of a verdict."""
    return v4.new_output("execute_result", verdict._repr_mimebundle_(), execution_count=1)


def notebook(verdicts):
    """The lesson, with these verdicts under its exercises, by the number of the exercise."""
    lesson = deepcopy(LESSON)
    for cell in code_cells(lesson):
        for tag in tags(cell):
            if tag.startswith("exercise-") and int(tag[-1]) in verdicts:
                cell.outputs = [output(verdicts[int(tag[-1])])]
    return lesson


def answer(number, rng):
    """A verdict as a student gets it: right, a mistake with a name, something else, or nothing yet."""
    exercise = EXERCISES[f"01.{number}"]
    mistake = rng.choice(exercise.mistakes).answer
    return check(f"01.{number}", rng.choice([exercise.right, mistake, mistake, 123456.0, ...]))


DAMAGED = {
    "Zoe.ipynb": (b"", "the file is empty"),
    "Yves.ipynb": (b'{"cells": [', "it is damaged: not valid JSON"),
    "Xu.ipynb": (b"\xff\xfe\x00", "it is damaged: not valid JSON"),
    "Wim.ipynb": (b"[1, 2]", "it is not a Jupyter notebook of format 4"),
    "Vera.ipynb": (b'{"worksheets": []}', "it is not a Jupyter notebook of format 4"),
    "Uma.ipynb": (b"[" * 200_000, "it is damaged: not valid JSON"),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A folder of 40 notebooks, and what each student of it was told."""
    folder, rng, told = tmp_path_factory.mktemp("class"), random.Random(0), {}
    for i in range(12):
        told[f"solved {i}"] = {n: check(f"01.{n}", EXERCISES[f"01.{n}"].right) for n in (1, 2, 3)}
    for i in range(10):
        told[f"half {i}"] = {1: check("01.1", EXERCISES["01.1"].right)}
    for i in range(10):
        told[f"mixed {i}"] = {n: answer(n, rng) for n in (1, 2, 3)}
    hostile = Verdict("hint", HOSTILE, "01.1")
    told[HOSTILE.replace("/", "∕")] = {1: hostile}
    told['=HYPERLINK("evil")'] = {1: Verdict("wrong", '=cmd|"calc"!A1', "01.1"), 2: Verdict("right", "", "01.2")}
    for student, verdicts in told.items():
        (folder / f"{student}.ipynb").write_text(json.dumps(notebook(verdicts)), encoding="utf-8")
    for name, (content, _) in DAMAGED.items():
        (folder / name).write_bytes(content)
    checkpoints = folder / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / "solved 0-checkpoint.ipynb").write_text("{}")
    return folder, told


def test_the_table_of_forty_notebooks_is_right(school):
    folder, told = school
    assert len(list(folder.glob("*.ipynb"))) == 40
    began = time.process_time()
    book = mark(folder)
    everything = book.html + book.csv + str(book)
    assert time.process_time() - began < 10
    assert everything
    assert book.exercises == ("01.1", "01.2", "01.3")
    assert set(book.students) == {*told, *(name.removesuffix(".ipynb") for name in DAMAGED)}
    for student, verdicts in told.items():
        for n in (1, 2, 3):
            wanted = verdicts.get(n, Verdict("not yet"))
            found = book.verdicts[student][f"01.{n}"]
            assert (found.state, found.hint[:300]) == (wanted.state, wanted.hint if n in verdicts else ""), student
    assert book.damaged == {name: book.damaged[name] for name in sorted(DAMAGED)}
    assert {name: LANGUAGES["en"][reason] for name, reason in book.damaged.items()} == {
        name: reason for name, (_, reason) in DAMAGED.items()
    }


def test_the_commonest_mistakes_come_first_with_how_many_made_them(school):
    folder, told = school
    made = Counter((v.exercise, v.hint) for verdicts in told.values() for v in verdicts.values() if v.state == "hint")
    found = mark(folder).mistakes
    assert {(m.exercise, m.hint): len(m.students) for m in found} == made
    assert [len(m.students) for m in found] == sorted(made.values(), reverse=True)
    assert len(found) > 5


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.rows = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_shows_it_all_and_runs_nothing(school, lang):
    folder, told = school
    book, words = mark(folder, lang), LANGUAGES[lang]
    for html in (book.html, book._repr_html_()):
        page = Page(html)
        assert not {"script", "img", "iframe", "object", "link", "a"} & set(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
        rows = {row[0]: row[1:] for row in page.rows if row}
        for student, verdicts in told.items():
            signs = {"right": "✓", "hint": "→", "wrong": "✗", "not yet": "…"}
            states = [verdicts[n].state if n in verdicts else "not yet" for n in (1, 2, 3)]
            *shown, right = rows[student]
            assert [cell[0] for cell in shown] == [signs[state] for state in states]
            assert int(right) == states.count("right")
        for name in DAMAGED:
            assert rows[name] == [words[book.damaged[name]]]
            assert rows[name.removesuffix(".ipynb")] == [f"{words['unread']}: {words[book.damaged[name]]}"]
        assert words["edited"] in html


def test_a_spreadsheet_takes_nothing_for_a_formula(school, tmp_path):
    book = mark(school[0])
    content = book.save(tmp_path / "class.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(rows) == len(book.students)
    assert not [cell for row in rows for cell in row.values() if cell.lstrip().startswith(tuple("=+-@"))]
    by_name = {row["student"].removeprefix("'"): row for row in rows}
    assert by_name["solved 1"]["exercise 01.3"] == "right"
    assert by_name['=HYPERLINK("evil")']["exercise 01.1"] == 'another mistake: =cmd|"calc"!A1'
    assert by_name["half 1"]["exercise 01.2"] == "not yet"
    assert by_name["Zoe"]["note"] == "Zoe.ipynb: the file is empty"
    assert by_name["Zoe"]["exercise 01.1"] == "could not be read"


def test_what_is_written_is_whole_and_by_its_ending(school, tmp_path):
    book = mark(school[0])
    assert book.save(tmp_path / "new" / "class.html").read_text(encoding="utf-8") == book.html
    with pytest.raises(ValueError, match=r"must end in \.html or \.csv, got 'class\.pdf'"):
        book.save(tmp_path / "class.pdf")


def test_a_kernel_saves_what_is_read_and_shows_what_it_showed():
    verdict = check("01.1", 27.0)
    shown = verdict._repr_mimebundle_()
    assert shown.pop(STATE_TYPE) == {"exercise": "01.1", "state": verdict.state, "hint": verdict.hint}
    assert shown == Verdict(verdict.state, verdict.hint)._repr_mimebundle_()
    assert verdict == Verdict(verdict.state, verdict.hint)  # the exercise is no part of what it says


def written(folder, name, *cells):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": list(cells)}), encoding="utf-8")


def cell(source, *outputs, kind="code"):
    return {"cell_type": kind, "source": source, "outputs": list(outputs)}


def told(text):
    return {"output_type": "execute_result", "data": {"text/plain": text}}


def test_what_was_saved_as_text_alone_is_read_too(tmp_path):
    printed = {"output_type": "stream", "name": "stdout", "text": ["→ hint: The other\n", "operand.\n"]}
    written(
        tmp_path,
        "Ada.ipynb",
        cell(["slope = 3\n", 'check("01.1", slope)'], told("✓ right")),
        cell("print(check( '01.2', [1, 2]))", printed),
        cell('check("01.3", f)', told("✗ wrong: Draw it."), told("… not yet: put your answer in place of the dots")),
        cell('check("02.1", f); check("02.2", g)', told("✓ right")),  # which one?
        cell('check("02.3", f)', told("14.0")),
        cell('check("03.1", f)', told("✓ right"), kind="markdown"),
    )
    [known] = mark(tmp_path).verdicts.values()
    assert {name: (v.state, v.hint) for name, v in known.items()} == {
        "01.1": ("right", ""),
        "01.2": ("hint", "The other\noperand."),
        "01.3": ("not yet", "put your answer in place of the dots"),
        **dict.fromkeys(("02.1", "02.2", "02.3"), ("not yet", "")),
    }


def test_a_student_may_hand_in_several_notebooks_in_a_folder(tmp_path):
    written(tmp_path, "Ada/01.ipynb", cell('check("01.1", x)', told("✗ wrong: No.")))
    written(tmp_path, "Ada/again/01.ipynb", cell('check("01.1", x)', told("✓ right")), cell('check("01.2", x)'))
    written(tmp_path, "Ada/02.ipynb", cell('check("02.1", x)', told("→ hint: No.")))
    written(tmp_path, "Emmy.ipynb", cell('check("01.1", x)', told("✓ right")))
    book = mark(tmp_path)
    assert book.students == ("Ada", "Emmy")
    assert {name: v.state for name, v in book.verdicts["Ada"].items()} == {
        "01.1": "right", "01.2": "not yet", "02.1": "hint"
    }  # fmt: skip
    assert "02.1" not in book.verdicts["Emmy"]
    assert "not in the notebook" in book.html


ODD = [None, 3, "x", [], {}, [None], {"a": {}}, float("nan")]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_nothing_in_a_notebook_needs_to_be_what_it_should(tmp_path, odd):
    bundle = {"text/plain": "✓ right", STATE_TYPE: {"exercise": "01.2", "state": "right", "hint": ""}}
    outputs = [odd, {"data": odd}, {"text": odd}, {"data": {**bundle, STATE_TYPE: odd, "text/plain": odd}}]
    for key in ("exercise", "state"):
        outputs.append({"data": {STATE_TYPE: {**bundle[STATE_TYPE], key: odd}}})
    written(tmp_path, "Ada.ipynb", odd, cell(odd), {"cell_type": odd}, {"cell_type": "code", "outputs": odd},
            cell('check("01.1", x)', *outputs), cell("x", {"data": bundle}))  # fmt: skip
    written(
        tmp_path, "Emmy.ipynb", cell('check("01.1", x)', {"data": {STATE_TYPE: {**bundle[STATE_TYPE], "hint": odd}}})
    )
    book = mark(tmp_path)
    assert {name: v.state for name, v in book.verdicts["Ada"].items()} == {"01.1": "not yet", "01.2": "right"}
    assert book.html


@pytest.mark.parametrize("told", [{"exercise": "<b>", "state": "right"}, {"exercise": "01.1", "state": "brilliant"}])
def test_a_verdict_that_no_exercise_gives_is_none(tmp_path, told):
    written(tmp_path, "Ada.ipynb", cell("x", {"data": {STATE_TYPE: told}}), cell('check("01.2", x)'))
    assert mark(tmp_path).verdicts == {"Ada": {"01.2": Verdict("not yet")}}


def test_a_long_hint_is_cut_and_no_character_breaks_a_file(tmp_path):
    long = {"exercise": "01.1", "state": "hint", "hint": "\ud800\x00" + "x" * 10_000}
    written(tmp_path, "Ada.ipynb", cell("x", {"data": {STATE_TYPE: long}}))
    book = mark(tmp_path)
    assert book.save(tmp_path / "class.html").stat().st_size < 6_000
    assert book.save(tmp_path / "class.csv").stat().st_size < 1_000
    assert book.mistakes[0].hint.endswith("x")


def test_a_folder_of_notebooks_is_asked_for(tmp_path):
    with pytest.raises(
        NotADirectoryError, match=r"expected a folder with students' notebooks, and '.*none' is not one"
    ):
        mark(tmp_path / "none")
    with pytest.raises(ValueError, match=r"there is no notebook \(a file that ends in \.ipynb\) in "):
        mark(tmp_path)
    with pytest.raises(ValueError, match=r"lang must be one of 'en', 'es', 'ja', got 'fr'"):
        mark(tmp_path, lang="fr")


def test_what_could_not_be_read_or_was_not_asked_is_not_counted_as_nothing_right(tmp_path):
    written(tmp_path, "Ada/1.ipynb", cell('check("01.1", x)', told("✗ wrong: No.")))
    written(tmp_path, "Bo.ipynb", cell('check("01.1", x)', told("✗ wrong: No.")), cell('check("01.2", x)'))
    written(tmp_path, "Cy.ipynb")
    for name in ("Ada/2.ipynb", "Di.ipynb"):
        (tmp_path / name).write_text("{")
    book = mark(tmp_path)
    rows = {row[0]: row[1:] for row in Page(book.html).rows}
    assert rows["Ada"] == ["✗", "?", "0 + ?"]
    assert rows["Bo"] == ["✗", "…", "0"]
    assert rows["Cy"] == ["–", "–", "–"]
    assert rows["Di"] == ["could not be read: it is damaged: not valid JSON"]
    assert [line.split() for line in str(book).splitlines()[1:5]] == [
        ["Ada", "✗", "?"], ["Bo", "✗", "…"], ["Cy", "–", "–"], ["Di", "?", "?"]
    ]  # fmt: skip
    assert book.unread == {"Ada": ("Ada/2.ipynb",), "Di": ("Di.ipynb",)}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_that_nobody_has_answered_is_not_that_nobody_has_made_a_mistake(lang):
    words, not_yet = LANGUAGES[lang], {"Ada": {"01.1": Verdict("not yet")}}
    for verdicts, said in (({"Ada": {}}, "unanswered"), (not_yet, "unanswered"), (
        not_yet | {"Emmy": {"01.1": Verdict("right")}}, "none"
    )):  # fmt: skip
        html = Gradebook(verdicts, lang=lang).html
        assert [name for name in ("unanswered", "none") if words[name] in html] == [said]


def test_every_language_says_the_same_things():
    assert len({tuple(words) for words in LANGUAGES.values()}) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found(pages, school, tmp_path, scheme):
    page = pages.open(mark(school[0]).save(tmp_path / "class.html"), color_scheme=scheme)
    assert violations(page) == {}
