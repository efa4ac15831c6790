"""The lessons, and what their cells show: run once, here; and in real kernels, in the orders of students."""

import ast
import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import unified_diff
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

from tests.paths import ROOT

NOTEBOOKS = ROOT / "notebooks"
NUMBERED = sorted((NOTEBOOKS / "lessons").glob("*.ipynb"))
LESSONS = [*NUMBERED, *NOTEBOOKS.glob("glossary.ipynb")]
APPLICATIONS = sorted((NOTEBOOKS / "applications").glob("*.ipynb"))


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


STRICT = "import warnings; warnings.simplefilter('error', RuntimeWarning)"


def patient(notebook, **options):
    """A client with a kernel for a notebook. However busy the machine, none of its waits comes to an end too early."""
    return NotebookClient(
        notebook, kernel_name="python3", timeout=None, startup_timeout=600, iopub_timeout=600, **options
    )


@dataclass
class Run:
    """A notebook in one kernel, in passes. A pass is a dictionary from a cell's id to what it showed.

    Attributes:
        page: the notebook, with the outputs of the first pass.
        first: from top to bottom.
        again: in the same pass, each cell once more, straight after itself.
        back: after that each cell from the bottom to the top.
        solved: after that from top to bottom, with the solutions in their places.
    """

    page: nbformat.NotebookNode
    first: dict[str, list] = field(default_factory=dict)
    again: dict[str, list] = field(default_factory=dict)
    back: dict[str, list] = field(default_factory=dict)
    solved: dict[str, list] = field(default_factory=dict)


async def run(path):
    notebook = nbformat.read(path, as_version=4)
    run, cells, solution = Run(notebook), code_cells(notebook), solutions(path)
    with TemporaryDirectory() as folder:
        client = patient(nbformat.v4.new_notebook(), allow_errors=True, resources={"metadata": {"path": folder}})

        async def outputs(source):
            cell = nbformat.v4.new_code_cell(source)
            client.nb.cells.append(cell)
            await client.async_execute_cell(cell, len(client.nb.cells) - 1)
            return cell.outputs

        # A progress bar appears after a second, and so only where the machine is busy.
        async with client.async_setup_kernel(env={**os.environ, "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}):
            await outputs(STRICT)
            for cell in cells:
                cell.outputs = await outputs(cell.source)
                run.first[cell.id] = shown(cell.outputs)
                run.again[cell.id] = shown(await outputs(cell.source))
            for cell in reversed(cells):
                run.back[cell.id] = shown(await outputs(cell.source))
            for cell in cells:
                [source] = [solution[tag] for tag in tags(cell) & set(solution)] or [cell.source]
                run.solved[cell.id] = shown(await outputs(source))
    return run


def run_all(paths):
    """Two at once, for a kernel is a process of its own; in a thread, for a browser may hold this one's event loop."""
    import matplotlib.font_manager  # noqa: F401  # a kernel that is the first to look for fonts says so if it takes long

    async def in_turn(path, turns):
        async with turns:
            return path, await run(path)

    async def everything():
        turns = asyncio.Semaphore(2)
        return dict(await asyncio.gather(*(in_turn(path, turns) for path in paths)))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, everything()).result()


def run_here(path, names=None, **instead):
    """What a lesson's cells show, by their ids: run once, in this process, with the solutions in their places.

    A cell shows the value of its last line, in every form that a notebook may ask for.

    Args:
        path: the notebook.
        names: where what the cells define is kept; forgotten if None.
        instead: by its tag, what is run in place of a cell.
    """
    notebook, instead = nbformat.read(path, as_version=4), {**solutions(path), **instead}
    names, seen = {} if names is None else names, {}
    names["__name__"] = "__main__"
    for cell in code_cells(notebook):
        [source] = [instead[tag] for tag in tags(cell) & set(instead)] or [cell.source]
        lines = ast.parse(source).body
        last = lines.pop() if lines and isinstance(lines[-1], ast.Expr) else None
        exec(compile(ast.Module(lines, []), cell.id, "exec"), names)
        if last:
            value = eval(compile(ast.Expression(last.value), cell.id, "eval"), names)
            seen[cell.id] = repr(value)
            for form in ("_repr_html_", "_repr_latex_", "_repr_mimebundle_"):
                getattr(value, form, bool)()
    return seen


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


def difference(seen, other):
    """Where two that should be the same are not, for messages."""
    lines = [str(each).replace("\\n", "\n").splitlines() for each in (seen, other)]
    return [line[:160] for line in unified_diff(*lines, lineterm="", n=0)][3:9]
