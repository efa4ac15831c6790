"""The lessons: that they run in any order, that their exercises can be solved, how they are made, what they teach."""

import ast
import re
import sys

import nbformat
import pytest

from tests.lessons import LESSONS, NOTEBOOKS, NUMBERED, brief, code_cells, difference, run_all, solutions, tags

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
numbered_lessons = pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
a_real_kernel = pytest.mark.filterwarnings("default")  # of the kernel's own machinery


def read(path):
    return nbformat.read(path, as_version=4)


# How they run.


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
    assert re.search(r"\]\(\w+\.ipynb", closing)


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
