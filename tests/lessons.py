"""The lessons, and what their cells show when they are run in the orders in which students run them."""

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
NUMBERED = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
LESSONS = [*NUMBERED, *NOTEBOOKS.glob("glossary.ipynb")]


def solutions(path):
    """The cells of a lesson's solutions, by the tag of the cell that each takes the place of."""
    script = NOTEBOOKS / "solutions" / f"{path.stem}.py"
    text = script.read_text() if script.exists() else ""
    _, *parts = re.split(r"^# %% exercise (\d+)$", text, flags=re.M)
    return {f"exercise-{number}": source.strip() for number, source in zip(parts[::2], parts[1::2])}


def tags(cell):
    return set(cell.metadata.get("tags", []))


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@dataclass
class Run:
    """A notebook in one kernel, in four passes. A pass is a dictionary from a cell's id to what it showed.

    Attributes:
        page: the notebook, with the outputs of the first pass.
        first: from top to bottom.
        again: each cell once more in the same pass, straight after itself.
        back: after that each cell from the bottom to the top.
        solved: after that from top to bottom, with the solutions in their places.
    """

    page: nbformat.NotebookNode
    first: dict[str, list]
    again: dict[str, list]
    back: dict[str, list]
    solved: dict[str, list]


def _fresh(cell, source=None):
    return nbformat.v4.new_code_cell(source or cell.source, metadata=cell.metadata)


async def run(path):
    notebook = nbformat.read(path, as_version=4)
    cells, solution = code_cells(notebook), solutions(path)
    twice = [_fresh(cell) for cell in cells for _ in range(2)]
    back = [_fresh(cell) for cell in cells[::-1]]
    solved = [_fresh(cell, *(solution[tag] for tag in tags(cell) & set(solution))) for cell in cells]
    strict = nbformat.v4.new_code_cell("import warnings; warnings.simplefilter('error', RuntimeWarning)")
    whole = nbformat.v4.new_notebook(cells=[strict, *twice, *back, *solved], metadata=notebook.metadata)
    with TemporaryDirectory() as folder:
        client = NotebookClient(
            whole, timeout=120, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": folder}}
        )
        await client.async_execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    for cell, done in zip(cells, twice[::2]):
        cell.outputs = done.outputs
    passes = (twice[::2], twice[1::2], back[::-1], solved)
    by_id = [{cell.id: shown(done.outputs) for cell, done in zip(cells, part)} for part in passes]
    return Run(notebook, *by_id)


def run_all(paths):
    """Two at once, for a kernel is a process of its own; in a thread, for a browser may hold this one's event loop."""

    async def in_turn(path, turns):
        async with turns:
            return path, await run(path)

    async def everything():
        turns = asyncio.Semaphore(2)
        return dict(await asyncio.gather(*(in_turn(path, turns) for path in paths)))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, everything()).result()


def shown(outputs):
    """What is seen of outputs: kinds and contents, without what differs in every run."""
    seen = []
    for output in outputs:
        match output.output_type:
            case "stream":
                if seen and seen[-1][0] == output.name:
                    output = {"name": output.name, "text": seen.pop()[1] + output.text}
                seen.append((output["name"], re.sub(r" at 0x\w+", "", output["text"])))
            case "error":
                seen.append(("error", f"{output.ename}: {output.evalue}"))
            case _:
                data = {kind: re.sub(r" at 0x\w+", "", str(data)) for kind, data in output.data.items()}
                seen.append(("shown", data))
    return seen


def brief(seen):
    """What was seen, without pictures: for messages."""
    return [(kind, content if isinstance(content, str) else content.get("text/plain")) for kind, content in seen]
