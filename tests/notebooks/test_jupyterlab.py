"""The player in JupyterLab, with a real server and a real browser, and in the HTML that nbconvert makes."""

import os
import re
import secrets
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest

from tests.conftest import PATIENCE
from tests.lessons import patient
from tests.paths import ROOT

pytestmark = pytest.mark.slow

FRAME = "iframe[srcdoc]"

CELLS = [
    "from engine import Value\nfrom viz import explain, formula, play\na = Value(3.0, 'a')\nL = a * a\nL.label = 'L'",
    "play(L)",
    "explain(L, a)",
    "formula(L)",
    "'a cell below'",
]
FOLDED = "<details><summary>Answer</summary>\n\nAs *explained*.\n\n</details>\n\nBetween."


def notebook():
    cells = [*map(nbformat.v4.new_code_cell, CELLS), nbformat.v4.new_markdown_cell(FOLDED)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a JupyterLab with one notebook in it."""
    folder = tmp_path_factory.mktemp("lab")
    nbformat.write(notebook(), folder / "lesson.ipynb")
    token = secrets.token_hex(16)
    own = {
        name: str(folder / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    environment = {**os.environ, **own, "PYTHONPATH": str(ROOT), "JUPYTER_TOKEN": token}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", f"--ServerApp.root_dir={folder}"]
    options += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None", "--LabApp.check_for_updates_class="
                "jupyterlab.handlers.announcements.NeverCheckForUpdate"]  # fmt: skip
    log = folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=output, stderr=output, cwd=folder
        )
    try:
        yield f"{started(server, log)}lab/tree/lesson.ipynb?reset&token={token}"
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def started(server, log):
    """Where the server listens, once it answers."""
    for _ in range(PATIENCE // 200):
        assert server.poll() is None, log.read_text()
        if found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()):
            try:
                urlopen(f"{found[0]}api", timeout=60).close()
            except URLError:
                pass
            else:
                return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def lab(browser, address):
    """The notebook, open and run."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    complaints = []
    page.on("console", lambda said: said.location["url"] == "about:srcdoc" and complaints.append(said.text))
    page.goto(address)
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady")
    page.wait_for_function("window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_text("'a cell below'", exact=False).last.wait_for(state="attached")
    page.locator(FRAME).wait_for(state="attached")
    yield page
    context.close()
    assert complaints == []


NOTEBOOK = """() => {
  const { content } = window.jupyterapp.shell.currentWidget;
  return [content.activeCellIndex, content.mode, content.widgets.map((cell) => cell.model.sharedModel.source)];
}"""


@pytest.mark.filterwarnings("default")  # of the server's and the kernel's own machinery
def test_the_player_plays_in_jupyterlab_and_its_keys_move_no_cell(lab):
    lab.locator(FRAME).scroll_into_view_if_needed()
    player = lab.frame_locator(FRAME)
    counter = player.locator("#counter")
    lab.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1")
    before = lab.evaluate(NOTEBOOK)
    assert counter.text_content() == "0 of 4"
    lab.set_viewport_size({"width": 1280, "height": 720})
    size = "text => parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a"
    assert player.locator("#n0 .data").evaluate(size) >= 18 - 0.01
    assert player.locator("#bar").bounding_box()["height"] < 60  # one row of controls
    player.locator("#forward").click()
    assert counter.text_content() == "1 of 4 · forward"
    clicked = lab.evaluate(NOTEBOOK)
    assert clicked[2] == before[2]
    for key, expected in (("ArrowRight", "2"), ("ArrowRight", "3"), ("ArrowLeft", "2"), ("End", "4"), ("Home", "0")):
        lab.keyboard.press(key)
        assert counter.text_content().startswith(f"{expected} of 4")
    for key in ("Enter", "Escape", "Space"):
        lab.keyboard.press(key)
    assert player.locator("#play").text_content() == "pause"
    lab.keyboard.press("Space")
    assert lab.evaluate(NOTEBOOK) == clicked
    player.locator("#n0").click()
    assert counter.text_content().startswith("4 of 4")
    assert "a has" not in player.locator("#formula").text_content()
    assert player.locator("#n0 .gradient").text_content() == "grad 6"
    for theme in ("Dark", "Light"):
        lab.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {theme}"
        )
        player.locator(f"html[data-theme={theme.lower()}]").wait_for()


@pytest.mark.filterwarnings("default")
def test_explanations_are_mathematics_in_jupyterlab(lab):
    for label in ("explain", "formula"):
        cell = lab.locator(".jp-CodeCell", has_text=re.compile(rf"{label}\(L"))
        output = cell.locator(".jp-OutputArea-output math").first
        output.wait_for(state="attached")
        assert output.evaluate("math => math instanceof MathMLElement && math.childElementCount > 0")
        output.scroll_into_view_if_needed()
        assert output.bounding_box()["width"] > 20
    fractions = lab.locator(".jp-OutputArea-output mfrac")
    assert fractions.count() > 0
    above, below = (fractions.first.locator(f"> :nth-child({i})").bounding_box() for i in (1, 2))
    assert above["y"] < below["y"]  # a fraction, and not its parts in a row


@pytest.mark.filterwarnings("default")
def test_the_player_plays_in_the_html_that_nbconvert_makes(browser, tmp_path, monkeypatch):
    from nbconvert import HTMLExporter

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    executed = patient(notebook()).execute()
    html, _ = HTMLExporter().from_notebook_node(executed)
    path = tmp_path / "lesson.html"
    path.write_text(html, encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route(re.compile("^https?:"), lambda route: route.abort())  # nbconvert's own page asks for MathJax
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    player = page.frame_locator(FRAME)
    player.locator("#forward").click(timeout=PATIENCE)
    page.keyboard.press("ArrowRight")
    assert player.locator("#counter").text_content() == "2 of 4 · backward"
    page.keyboard.press("End")
    assert player.locator("#n0 .gradient").text_content() == "grad 6"
    assert page.locator(".jp-OutputArea-output math mfrac").count() > 0
    context.close()
    assert [error for error in errors if not re.search("require|MathJax", error)] == []


@pytest.mark.filterwarnings("default")
def test_an_answer_in_a_lesson_is_folded_until_it_is_asked_for(lab):
    rendered = lab.locator(".jp-RenderedMarkdown")
    explained = rendered.locator("details em")
    explained.wait_for(state="attached")
    rendered.locator("details + p").wait_for(state="visible")
    assert not explained.is_visible()
    rendered.locator("summary").click()
    explained.wait_for(state="visible")
