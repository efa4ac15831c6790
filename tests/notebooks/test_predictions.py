"""What the class is to predict can't be read before it is asked for: not in JupyterLab, on GitHub, or in a page.

After a prediction comes the cell that is to be run, and after that what explains it, folded away. What can be read
without a click on the screen below names no number that only the cell shows: test_lessons.py looks, which runs them.
"""

import nbformat
import pytest

from tests.lessons import NOTEBOOKS, NUMBERED
from tests.predictions import OPEN, SCREEN, given_away, misfolded, predictions

PATHS = [*NUMBERED, NOTEBOOKS / "quickstart.ipynb", NOTEBOOKS / "machine_code.ipynb"]


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
