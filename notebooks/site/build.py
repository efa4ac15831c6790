"""The site: lessons with what they show, the reference, how it works, the live page, and the lessons to change.

make site                  # to build/site, with all that is installed and can be fetched

The pages are those of `pages`, the notebooks, and what `reference` writes from the docstrings. They are put together in
build/site-source, with links that lead somewhere there, and Sphinx makes the site of them. See `browser` for the
lessons that run in a browser.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from PIL import Image

from notebooks.export import LINK, fold_outputs, run
from notebooks.site import browser, reference
from viz import chalkboard

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent
ROOT = NOTEBOOKS.parent
BROWSER = "browser"  # the folder of the lessons that run
KINDS = ("text/html", "image/svg+xml", "image/png", "text/plain")  # what a page can show without a script, best first


def slug(heading: str) -> str:
    """The address of a heading, as JupyterLab and nbconvert have it."""
    return heading.replace(" ", "-")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "site", help="the folder to write to")
    parser.add_argument("--no-browser", action="store_true", help="leave out the lessons that run in a browser")
    browser.add_options(parser)
    options = parser.parse_args(arguments)
    source = options.to.with_name(f"{options.to.name}-source")
    for folder in (source, options.to):
        shutil.rmtree(folder, ignore_errors=True)
    runs = not options.no_browser and browser.build(options.to / BROWSER, options)
    stage(source, runs)
    sphinx = [
        "-c",
        HERE,
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "-d",
        f"{source}-trees",
        *(["-t", "browser"] if runs else []),
    ]
    subprocess.run([sys.executable, "-m", "sphinx", *sphinx, source, options.to], check=True, cwd=ROOT)
    if runs:
        shutil.copy(options.to / BROWSER / "favicon.ico", options.to)
    for path in source.glob("*.html"):  # what `prepare` has written
        shutil.copy(path, options.to)
    chalkboard().save(options.to / "chalkboard.html")
    print(options.to / "index.html")


def stage(source: Path, runs: bool) -> None:
    """Put together what Sphinx reads.

    Args:
        source: the folder to write to.
        runs: whether there are lessons that run in a browser, to which the others can lead.
    """
    source.mkdir(parents=True)
    for name in ("pictures", "applications"):
        shutil.copytree(NOTEBOOKS / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    (source / "parts").mkdir()
    shutil.copy(ROOT / "README.md", source / "parts")
    reference.write(source)
    (source / "README.md").write_text(relinked((NOTEBOOKS / "README.md").read_text("utf-8"), NOTEBOOKS), "utf-8")
    notebooks = {}
    for path in (HERE / "pages").glob("*.md"):
        text = path.read_text("utf-8")
        if "{code-cell}" in text:
            notebooks[source / f"{path.stem}.ipynb"] = read_myst_markdown_notebook(text)
            if runs and path.stem == "prepare":
                to_run(notebooks[source / "prepare.ipynb"], f"{BROWSER}/lab/index.html?path=prepare.ipynb")
        else:
            (source / path.name).write_text(text, "utf-8")
    for path in (*NOTEBOOKS.glob("*.ipynb"), *NOTEBOOKS.glob("lessons/*.ipynb")):
        notebooks[source / path.relative_to(NOTEBOOKS)] = lesson(path, runs)
    (source / "lessons").mkdir()
    os.environ["PYTHONPATH"] = str(ROOT)  # for the kernels
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(run, folder=source), notebooks.values()))
    for path, notebook in notebooks.items():
        nbformat.write(shown(notebook), path)


def lesson(path: Path, runs: bool) -> nbformat.NotebookNode:
    """A notebook for reading: what a prediction is about is folded away, and it says where the notebook can be run."""
    notebook = nbformat.read(path, as_version=4)
    fold_outputs(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, path.parent)
        elif cell.metadata.fold:
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-output"]
    if runs:
        within = path.relative_to(NOTEBOOKS)
        up = "../" * (len(within.parts) - 1)
        to_run(notebook, f"{up}{BROWSER}/notebooks/index.html?path={within.as_posix()}")
    return notebook


def to_run(notebook: nbformat.NotebookNode, address: str) -> None:
    """Let a notebook lead to itself, where it runs."""
    words = f'<p class="try"><a href="{address}">Open it and change it</a>: it runs in this browser.</p>'
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(words))


def shown(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook whose outputs are of one kind each, the best that a page can show."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                kind = next((kind for kind in KINDS if kind in output.data), None)
                output.data = {kind: output.data[kind]} if kind else {}
                if kind == "image/png":
                    output.data[kind] = smaller(output.data[kind])
    return notebook


def smaller(png: str) -> str:
    """A plot, in base64, in 256 colours, which it does not have anyway: a third of the size."""
    written = BytesIO()
    Image.open(BytesIO(b64decode(png))).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(written, "png")
    return b64encode(written.getvalue()).decode()


def relinked(text: str, folder: Path) -> str:
    """A page's text, in which links to what is not on the site are only their words."""

    def to_the_site(link: re.Match[str]) -> str:
        target = link[2].partition("#")[0]
        on_the_site = (folder / target).suffix in (".ipynb", ".md") or "applications" in target
        return link[0] if not target or ":" in target or on_the_site else link[1]

    return LINK.sub(to_the_site, text)


if __name__ == "__main__":
    main()
