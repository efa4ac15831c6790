"""The lessons: that they run in any order, that their exercises can be solved, how they are made, what they teach.

In real kernels and in every order they run where slow tests do; here, once, in every run.
"""

import ast
import re
import sys

import matplotlib as mpl
import nbformat
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

from notebooks import export
from tests.accessibility import CUT, violations
from tests.lessons import (
    LESSONS,
    NOTEBOOKS,
    NUMBERED,
    brief,
    code_cells,
    difference,
    run_all,
    run_here,
    solutions,
    tags,
)
from tests.predictions import given_away, plain, predictions

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
numbered_lessons = pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)


def a_real_kernel(test):
    return pytest.mark.slow(pytest.mark.filterwarnings("default")(test))  # of the kernel's own machinery


def read(path):
    return nbformat.read(path, as_version=4)


# How they run.


@pytest.mark.parametrize("path", [*NUMBERED, NOTEBOOKS / "quickstart.ipynb"], ids=lambda path: path.stem)
def test_a_lesson_runs_here_and_its_solutions_are_right(path, tmp_path, monkeypatch, capsys):
    """Without a complaint, for every warning is an error here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    monkeypatch.setattr("viz.plots.boundary.with_progress", lambda items, _: items)  # comes after a second
    seen = run_here(path)
    assert capsys.readouterr().err == ""
    cells = code_cells(read(path))
    exercises = [cell.id for cell in cells if re.search(r"'exercise-\d'", str(tags(cell)))]
    assert len(exercises) == (3 if path in NUMBERED else 0)
    assert [seen[id] for id in exercises] == ["✓ right"] * len(exercises)
    plt.close("all")


@a_real_kernel
@every_lesson
def test_a_lesson_runs_from_top_to_bottom_without_a_complaint(path, runs):
    complaints = {
        cell.id: brief(runs[path].first[cell.id])
        for cell in code_cells(runs[path].page)
        if {kind for kind, _ in runs[path].first[cell.id]} & {"stderr", "error"}
        and "raises-exception" not in tags(cell)
    }
    assert complaints == {}


@a_real_kernel
@numbered_lessons
def test_no_number_below_a_prediction_gives_it_away(path, runs):
    cells = runs[path].page.cells
    for i in predictions(cells):
        shown = "\n".join(str(seen) for seen in plain(cells[i + 1].outputs))
        assert given_away(cells, i, shown) == [], (cells[i].id, shown)


@a_real_kernel
@pytest.mark.parametrize("order", ["again", "back", "solved"])
@every_lesson
def test_a_cell_shows_the_same_when_it_is_run_again(path, order, runs):
    """Straight after itself; upwards, when all that is below has been run; and in another pass."""
    run, other = runs[path], getattr(runs[path], order)
    free = {"measured", "rerun"} | ({f"exercise-{i}" for i in range(9)} if order == "solved" else set())
    lasting = [cell.id for cell in code_cells(run.page) if not free & tags(cell)]
    pairs = [(id, run.first[id], other.get(id, run.first[id])) for id in lasting]
    differs = {id: difference(seen, then) for id, seen, then in pairs if seen != then}
    assert differs == {}


@pytest.mark.parametrize(
    ("name", "earlier", "later", "then"),
    [
        ("02_build_your_own_value", "c11", "c31", "check_engine(Value13).ok"),  # Value4 is another class now
        ("03_backward_step_by_step", "c03", "c15", "f.parents[0] is b and f.parents[1] is c"),  # other b and c
    ],
)
def test_a_cell_is_right_when_only_an_earlier_one_is_run_again(name, earlier, later, then):
    cells = {cell.id: cell.source for cell in code_cells(read(NOTEBOOKS / "lessons" / f"{name}.ipynb"))}
    namespace = {}
    for source in [*cells.values(), cells[earlier], cells[later]]:
        exec(source, namespace)
    assert eval(then, namespace)


@a_real_kernel
@numbered_lessons
def test_an_exercise_says_not_yet_and_with_its_solution_right(path, runs):
    run = runs[path]
    for i in (1, 2, 3):
        [cell] = [cell for cell in code_cells(run.page) if f"exercise-{i}" in tags(cell)]
        assert f"exercise-{i}" in solutions(path)
        assert brief(run.first[cell.id])[-1][1].startswith("… not yet"), run.first[cell.id]
        assert brief(run.solved[cell.id])[-1] == ("shown", "✓ right")


@a_real_kernel
def test_a_cell_that_shows_something_else_when_it_is_run_again_is_found(tmp_path):
    sources = ["x = 1", "x", "y = 0", "y += 1\ny", "x = 2", "import warnings\nwarnings.warn('shown')", "float('x')"]
    cells = [nbformat.v4.new_code_cell(source, id=f"c{i:02}") for i, source in enumerate(sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    [run] = run_all([tmp_path / "lesson.ipynb"]).values()
    seen = {name: {id: brief(shown) for id, shown in getattr(run, name).items()} for name in ("first", "again", "back")}
    assert [seen[name]["c01"] for name in seen] == [[("shown", "1")], [("shown", "1")], [("shown", "2")]]
    assert [seen[name]["c03"] for name in seen] == [[("shown", "1")], [("shown", "2")], [("shown", "3")]]
    assert [kind for kind, _ in seen["first"]["c05"]] == ["stderr"]
    assert seen["first"]["c06"] == [("error", "ValueError: could not convert string to float: 'x'")]
    assert difference(run.first["c01"], run.back["c01"])[0].startswith("-[('shown', {'text/plain': '1'")


# How they are made.


@every_lesson
def test_a_lesson_is_a_notebook_like_the_others(path):
    notebook = read(path)
    assert notebook.metadata == read(NOTEBOOKS / "quickstart.ipynb").metadata
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert [cell.id for cell in notebook.cells] == [f"c{i:02}" for i in range(len(notebook.cells))]
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    assert kinds[:2] == "mc"
    assert "cc" not in kinds  # there is prose between
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert "$" not in re.sub(r"`[^`]*`", "", cell.source), cell.id  # mathematics that needs a script


@numbered_lessons
def test_a_lesson_opens_with_its_question_and_closes_with_what_to_take_home(path):
    notebook = read(path)
    opening, closing = notebook.cells[0].source, notebook.cells[-1].source
    assert opening.startswith(f"# {path.stem[:2]} · ")
    assert "?" in opening
    assert re.search(r"\d+ minutes", opening)
    assert re.search(r"^\|.*\|.*\|\n\| ?-+", opening, re.M)
    assert closing.startswith("## What to take home")
    assert 3 <= len(re.findall(r"^[-*] ", closing, re.M)) <= 5
    assert re.search(r"\]\([./\w]+\.ipynb", closing)


@numbered_lessons
def test_a_lesson_lets_the_class_predict_and_has_three_exercises(path):
    cells = read(path).cells
    predictions = [i for i, cell in enumerate(cells) if re.search(r"^\*\*Predict, then run:\*\*", cell.source, re.M)]
    assert len(predictions) >= 2
    assert all(cells[i].cell_type == "markdown" and cells[i + 1].cell_type == "code" for i in predictions)
    prose = ["" if cell.cell_type == "code" else f"{cell.source}\n\n" for cell in cells]
    assert re.search(r"^## Exercises$", "".join(prose), re.M)
    for i in (1, 2, 3):
        [at] = [at for at, cell in enumerate(cells) if f"exercise-{i}" in tags(cell)]
        *_, heading = re.findall(r"^#+ .*", "".join(prose[:at]), re.M)
        assert heading.startswith(f"### Exercise {i}: ")
        assert "..." in cells[at].source
        assert cells[at].source.splitlines()[-1].startswith(f'check("{path.stem[:2]}.{i}", ')


@pytest.mark.parametrize("path", [path for path in NUMBERED if path.stem < "07"], ids=lambda path: path.stem)
def test_the_first_lessons_need_little(path):
    imported = set()
    for cell in code_cells(read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported <= {"engine", "nn", "viz", "matplotlib", *sys.stdlib_module_names}


# As pages: in a real browser, with no network, every picture and every player is there to be seen.

SIZES = """() => [...document.querySelectorAll(
  '.jp-OutputArea-output img, .jp-OutputArea-output svg, .jp-OutputArea-output iframe'
)].map((each) => {
  const { width, height } = each.getBoundingClientRect();
  return [each.tagName.toLowerCase(), width, height, each.tagName !== 'IMG' || each.naturalWidth > 0];
})"""
TOO_WIDE = """() => [...document.querySelectorAll('html, .jp-Cell, .jp-OutputArea-output, .jp-RenderedMarkdown, pre')]
  .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
  .map((each) => `${each.className || each.tagName}: ${each.textContent.trim().slice(0, 60)}`)"""
LINKED = """() => [...document.querySelectorAll('.jp-RenderedMarkdown a[href^="#"]')]
  .filter((each) => !document.getElementById(decodeURI(each.hash.slice(1))) &&
    !document.getElementById(each.hash.slice(1)))
  .map((each) => each.hash)"""


def expected(notebook):
    """How many pictures and players its outputs hold, of each kind."""
    shown = [output.data for cell in code_cells(notebook) for output in cell.outputs if "data" in output]
    html = "".join(data["text/html"] for data in shown if "text/html" in data)
    pictures = [data for data in shown if "text/html" not in data and {"image/svg+xml", "image/png"} & set(data)]
    return len(pictures), html.count("<iframe")


@a_real_kernel
@every_lesson
def test_a_page_shows_its_pictures_and_players_without_a_network(path, runs, pages, tmp_path):
    notebook = runs[path].page
    file = tmp_path / f"{path.stem}.html"
    export.write(export.page(notebook, export.title_of(notebook)), file)
    page = pages.open(file, height=800, offline=True)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    sizes = page.evaluate(SIZES)
    assert [kind for kind, *size in sizes if not all(size)] == []
    pictures, players = expected(notebook)
    kinds = [kind for kind, *_ in sizes]
    assert (len(kinds) - kinds.count("iframe") >= pictures, kinds.count("iframe")) == (True, players)
    assert pictures + players > 0 or path.stem == "glossary"
    for frame in page.frames[1:]:
        assert frame.evaluate("document.documentElement.scrollHeight > 50 && document.querySelector('svg') !== null")
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(LINKED) == []
    assert violations(page) == {}
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(CUT) == []
    assert page.title() == export.title_of(notebook)
