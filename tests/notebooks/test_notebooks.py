"""Every notebook is committed without outputs; those that are no lessons run in a real kernel, and run again.

How the lessons run is in test_lessons.py, and how the applications do in test_applications.py.
"""

from copy import deepcopy

import nbformat
import pytest

from tests.lessons import APPLICATIONS, LESSONS, code_cells, patient, shown, tags
from tests.paths import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the kernel's own machinery
@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path not in (*LESSONS, *APPLICATIONS)], ids=lambda path: path.stem
)
def test_a_notebook_runs_from_top_to_bottom_and_once_more(path, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")  # a progress bar appears after a second: only where the machine is busy
    notebook = nbformat.read(path, as_version=4)
    strict = nbformat.v4.new_code_cell("import warnings; warnings.simplefilter('error', RuntimeWarning)")
    again = [deepcopy(cell) for cell in notebook.cells if "measured" not in tags(cell)]  # times are never the same
    notebook.cells = [strict, *notebook.cells, *again]
    patient(notebook).execute()
    lasting = [cell for cell in code_cells(notebook)[1:] if "measured" not in tags(cell)]
    first, again = lasting[: len(lasting) // 2], lasting[len(lasting) // 2 :]
    assert [shown(cell.outputs) for cell in first] == [shown(cell.outputs) for cell in again]
    if path.stem == "quickstart":
        text = str([shown(cell.outputs) for cell in lasting])
        assert "(-2.0, 4.0, 2.0)" in text
        assert "100 of 100 right" in text
        assert (text.count("image/svg+xml"), text.count("image/png")) == (6, 6)


def test_what_a_kernel_sends_in_two_parts_is_shown_as_one():
    parts = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("7,538 nodes", "\n")]
    assert shown(parts) == shown([nbformat.v4.new_output("stream", name="stdout", text="7,538 nodes\n")])
