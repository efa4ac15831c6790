"""The lessons as HTML: in a real browser, with no network, every picture and every player is there to be seen."""

import re

import nbformat
import pytest

from notebooks import export
from tests.lessons import LESSONS, code_cells

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


def opened(browser, path):
    """The page, with no network, and what it asked for and complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri(), wait_until="load", timeout=90_000)
    return context, page, [url for url in asked if not re.match("data:|blob:|about:", url)], complaints


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_page_shows_its_pictures_and_players_without_a_network(path, runs, browser, tmp_path):
    notebook = runs[path].page
    file = tmp_path / f"{path.stem}.html"
    export.write(export.page(notebook, export.title_of(notebook)), file)
    context, page, asked, complaints = opened(browser, file)
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
    assert page.title() == export.title_of(notebook)
    assert asked == [file.as_uri()]
    assert complaints == []
    context.close()


NOTEBOOK = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_markdown_cell(
            "# One cell\n\n[next](00_a.ipynb#1.-Idea), [rules](../engine/rules.py), [up](#x)"
        ),
        nbformat.v4.new_code_cell("6 * 7"),
    ]
)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("option", "theme"), [([], "Light"), (["--dark"], "Dark")])
def test_the_command_runs_a_notebook_and_writes_its_page(tmp_path, monkeypatch, capsys, option, theme):
    monkeypatch.setattr(export, "LESSONS", [tmp_path / "00_a.ipynb"])
    nbformat.write(NOTEBOOK, tmp_path / "one.ipynb")
    export.main([str(tmp_path / "one.ipynb"), "--to", str(tmp_path / "new" / "folder"), *option])
    html = (tmp_path / "new" / "folder" / "one.html").read_text()
    assert capsys.readouterr().out == f"{tmp_path / 'new' / 'folder' / 'one.html'}\n"
    assert f'data-jp-theme-name="JupyterLab {theme}"' in html
    assert "<pre>42</pre>" in html
    assert "<title>One cell</title>" in html
    assert '<a href="00_a.html#1.-Idea">next</a>, rules, <a href="#x">up</a>' in html
    assert [*re.findall(r"<script[^>]*src|<link[^>]*href|url\(.?http", html)] == []
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["one.html"]
