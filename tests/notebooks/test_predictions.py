"""What the class is to predict can't be read before it is asked for: not in JupyterLab, on GitHub, or in a page.

After a prediction comes the cell that is to be run, and after that what explains it, folded away. What can be read
without a click on the screen below names no number that only the cell shows.
"""

import re

import nbformat
import pytest

from notebooks.export import FOLDED, PREDICT
from tests.lessons import NOTEBOOKS, NUMBERED

PATHS = [*NUMBERED, NOTEBOOKS / "quickstart.ipynb", NOTEBOOKS / "machine_code.ipynb"]
OPEN = "<details><summary>Answer</summary>\n\n"
SCREEN = 30  # lines, about as many as a projector shows
NUMBER = re.compile(r"(?<![\w.])(?<!e-)\d+(?:\.\d+)?(?![\w.]*\w)")


def predictions(cells):
    """Where the class is to predict what the next cell shows."""
    return [i for i, cell in enumerate(cells) if cell.cell_type == "markdown" and PREDICT.search(cell.source)]


def misfolded(cells):
    """The predictions whose explanation stands in the open, by their ids."""
    return [
        cells[i].id
        for i in predictions(cells)
        if "\n\n" in cells[i].source[PREDICT.search(cells[i].source).start() :].strip()  # something stands between
        or [cell.cell_type for cell in cells[i + 1 : i + 3]] != ["code", "markdown"]
        or not cells[i + 2].source.startswith(OPEN)
        or cells[i + 2].source.count("<details>") != len(FOLDED.findall(cells[i + 2].source))
    ]


def on_screen(cells):
    """What can be read of cells that were not run, without a click, on a screen."""
    text = "\n".join(FOLDED.sub("", cell.source) if cell.cell_type == "markdown" else cell.source for cell in cells)
    return "\n".join([line for line in text.splitlines() if line][:SCREEN])


def given_away(cells, i, shown):
    """The numbers in what a cell shows that stand below it in the open, and nowhere above it."""
    above = "\n".join(cell.source for cell in cells[: i + 2])
    new = set(map(float, NUMBER.findall(shown))) - set(map(float, NUMBER.findall(above)))
    return [number for number in NUMBER.findall(on_screen(cells[i + 2 :])) if any(stands_for(number, x) for x in new)]


def stands_for(number, x):
    """Whether this text is that number, or that number rounded to three or more decimal places."""
    places = len(number.partition(".")[2])
    return float(number) == (round(x, places) if places > 2 else x)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_explains_a_prediction_is_folded_away(path):
    cells = nbformat.read(path, as_version=4).cells
    assert misfolded(cells) == []
    assert len(predictions(cells)) >= 2


def test_an_explanation_in_the_open_is_found():
    [path] = [path for path in NUMBERED if path.stem.startswith("03")]
    cells = nbformat.read(path, as_version=4).cells
    here = predictions(cells)[0]
    folded, prompt = cells[here + 2].source, cells[here].source
    for spoiled in (folded.replace(OPEN, "").replace("</details>", ""), f"It is 18.\n\n{folded}", OPEN + "It is 18."):
        cells[here + 2].source = spoiled
        assert misfolded(cells) == [cells[here].id]
    cells[here + 2].source, cells[here].source = folded, f"{prompt}\n\nIt will be 18."
    assert misfolded(cells) == [cells[here].id]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_no_number_below_a_prediction_gives_it_away(path, runs):
    cells = runs[path].page.cells
    for i in predictions(cells):
        shown = "\n".join(str(seen) for seen in plain(cells[i + 1].outputs))
        assert given_away(cells, i, shown) == [], (cells[i].id, shown)


def plain(outputs):
    """The text of what a cell shows."""
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]


def test_a_number_that_gives_an_answer_away_is_found():
    cells = [
        nbformat.v4.new_markdown_cell("3 here\n\n**Predict, then run:** how much?"),
        nbformat.v4.new_code_cell("f(3)"),
        nbformat.v4.new_markdown_cell(f"{OPEN}It is 2.718.\n\n</details>\n\nThe next thing."),
    ]
    assert given_away(cells, 0, "(3, 2.71828, 42)") == []
    cells[2].source += " After 3 comes 2.718."
    assert given_away(cells, 0, "(3, 2.71828, 42)") == ["2.718"]
    cells[2].source = OPEN + "</details>\n\n" + "Prose.\n" * SCREEN + "42"
    assert given_away(cells, 0, "(3, 2.71828, 42)") == []
