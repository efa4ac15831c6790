"""The lessons in a browser: every cell of every notebook, in Chromium and in Firefox, served from a folder.

The folder is built, or it is the one that the environment variable SITE names, such as build/site.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

from notebooks.export import run
from notebooks.site import browser as lessons
from tests.paths import ROOT

NOTEBOOKS = sorted(
    path.relative_to(lessons.NOTEBOOKS).as_posix()
    for path in (*lessons.NOTEBOOKS.glob("*.ipynb"), *lessons.NOTEBOOKS.glob("lessons/*.ipynb"))
)
READY = """(() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  return Boolean(widget?.content?.model?.cells?.length && widget.sessionContext?.isReady);
})()"""
START = """(() => {
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(
    () => { window.ended = "ran"; }, (error) => { window.ended = String(error); });
})()"""
CELLS = """(() => {
  const { cells } = window.jupyterapp.shell.currentWidget.content.model;
  return JSON.stringify([...cells].filter((cell) => cell.type === "code").map((cell) => cell.toJSON()));
})()"""
HAND_IN = """async (notebook) => {
  const { contents } = window.jupyterapp.serviceManager;
  const folder = await contents.newUntitled({ type: "directory" });
  await contents.rename(folder.path, "handed_in");
  await contents.save("handed_in/Ada.ipynb", { type: "notebook", format: "json", content: notebook });
}"""
READ = "async (path) => (await window.jupyterapp.serviceManager.contents.get(path, { content: true })).content"
COMPLETED = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  await kernel.requestExecute({ code: "from engine import Value" }).done;
  return (await kernel.requestComplete({ code, cursor_pos: code.length })).content.matches;
}"""
# What differs from run to run, or from machine to machine: times, and advice on numba.
CHANGES = re.compile(r"process_time|perf_counter|Timer|Profile|numba|getsizeof|tracemalloc")
# What only a browser says, and the line that it is said of.
ADVICE = re.compile(r"^.*runs in plain Python here; in a browser there is no machine code.*\n.*\n", re.MULTILINE)
NUMBER = re.compile(r"[-−]?\d+\.?\d*(?:e[-+]?\d+)?")


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # of 5, which is what it has, a busy machine makes browsers wait for a minute


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder that is served."""
    if "SITE" in os.environ:
        return Path(os.environ["SITE"], "browser").resolve()
    folder = tmp_path_factory.mktemp("site") / "browser"
    parser = argparse.ArgumentParser()
    lessons.add_options(parser)
    if not lessons.build(folder, parser.parse_args([])):
        pytest.skip("the lessons in a browser could not be built: what is missing was said on standard error")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Where the lessons are served."""
    server = Server(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def native():
    """What the cells of a notebook show in Python's own process, by notebook."""
    seen = {}

    def shown(name):
        if name not in seen:
            notebook = lessons.lesson(lessons.NOTEBOOKS / name)
            os.environ["PYTHONPATH"] = str(ROOT)
            run(notebook)
            seen[name] = [cell for cell in notebook.cells if cell.cell_type == "code"]
        return seen[name]

    return shown


def wait_for(page, condition):
    while not page.evaluate(condition):
        time.sleep(0.3)


def opened(page, address, name, app="notebooks"):
    """The page, in which a notebook is open and its kernel ready."""
    page.goto(f"{address}/{app}/index.html?path={name}")
    wait_for(page, READY)
    return page


def run_all(page):
    """Run the cells of the notebook that is open, and return them."""
    page.evaluate(START)
    wait_for(page, "Boolean(window.ended)")
    assert page.evaluate("window.ended") == "ran"
    return json.loads(page.evaluate(CELLS))


def errors(cells):
    return [
        f"{''.join(cell['source'])[:80]}: {output['ename']}: {output['evalue']}"
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]


def text(cell):
    """What a cell shows, in plain text."""
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]
    return ADVICE.sub("", re.sub(r" at 0x\w+", "", "".join("".join(part) for part in parts)))


def close(one, other):
    """Whether two texts have the same numbers, but for the last digit that rounding decides."""
    numbers = [[float(number.replace("−", "-")) for number in NUMBER.findall(each)] for each in (one, other)]
    return len(numbers[0]) == len(numbers[1]) and numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-6)


CHAIN = """
const [folder, packages] = process.argv.slice(1);
const { loadPyodide } = await import(folder + "/pyodide.mjs");
const py = await loadPyodide({ indexURL: folder + "/" });
py.FS.mkdir("/packages");
py.FS.mount(py.FS.filesystems.NODEFS, { root: packages }, "/packages");
console.log(py.runPython(`
import sys
sys.path.append("/packages")
from engine import Value
a = x = Value(1.0)
for _ in range(20_000):
    x = x + 1.0
x.backward()
del x
f"the gradient is {a.grad}"`));
"""


def test_a_long_chain_of_values_is_freed(folder, tmp_path):
    """Newer Pyodides die of it, so this is what keeps the versions where they are."""
    pyodide = folder / "static" / "pyodide"
    shutil.unpack_archive(pyodide / "packages.bin", tmp_path, "gztar")
    command = ["node", "--input-type=module", "-e", CHAIN, pyodide, tmp_path]
    assert "the gradient is 1.0" in subprocess.run(command, capture_output=True, text=True).stdout


def test_it_is_small_enough_for_a_stick_and_for_a_slow_line(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 46e6, "60 MB with the pages"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_runs_in_chromium_and_shows_what_python_shows(browser, address, native, name):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    asked, complaints = [], []
    context.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    cells = run_all(opened(page, address, name))
    assert errors(cells) == []
    assert all(cell["execution_count"] for cell in cells if "".join(cell["source"]).strip())
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert complaints == []
    for cell, expected in zip(cells, native(name), strict=True):
        source = "".join(cell["source"])
        assert source == expected.source
        if not CHANGES.search(source) and "measured" not in cell["metadata"].get("tags", []):
            assert close(text(cell), text(expected)), source
    assert "font cache" not in "".join(map(text, cells))
    context.close()


def test_the_tab_key_completes_names_and_no_import_looks_into_the_notebooks_folder_without_need(browser, address):
    page = browser.new_page()
    asked = []
    page.context.on("request", lambda request: asked.append(request.url))
    opened(page, address, "lessons/01_slopes_and_the_chain_rule.ipynb")
    assert "relu" in page.evaluate(COMPLETED, "Value.re")
    assert "mean" in page.evaluate(COMPLETED, "import statistics\nstatistics.me")
    assert sum(url.endswith("/api/drive") for url in asked) < 60, "each takes 5 ms; it was 25, and 100 with all imports"
    page.context.close()


def test_a_teacher_makes_worksheets_and_marks_what_was_handed_in(browser, address):
    page = opened(browser.new_page(), address, "prepare.ipynb", app="lab")
    verdict = nbformat.v4.new_output("stream", text="✓ right\n")
    answered = nbformat.v4.new_code_cell('check("01.1", 6)', outputs=[verdict])
    page.evaluate(HAND_IN, nbformat.v4.new_notebook(cells=[answered]))
    cells = run_all(page)
    assert errors(cells) == []
    assert "Ada" in text(cells[-1])
    assert page.evaluate(READ, "worksheets_01.html").startswith("<!DOCTYPE html>")
    page.context.close()


def test_opened_as_a_file_it_says_that_it_needs_a_server(browser, folder):
    page = browser.new_page()
    for app in ("lab", "notebooks"):
        page.goto((folder / app / "index.html").as_uri())
        assert "python -m http.server" in page.text_content("body")
    page.context.close()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_runs_in_firefox(firefox, address, name):
    cells = run_all(opened(firefox.new_page(), address, name))
    assert errors(cells) == []
    assert all(cell["execution_count"] for cell in cells if "".join(cell["source"]).strip())
