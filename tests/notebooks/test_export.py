"""The command that writes lessons as pages; what the pages show in a browser is seen in test_lessons.py."""

import io
import re
from base64 import b64decode
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import nbformat
import pytest

from engine import Value
from notebooks import export
from tests.accessibility import CUT, violations
from tests.pages import until
from viz import play

LOADED = r"<script[^>]*src|<link[^>]*href|url\(.?http"  # from elsewhere

NOTEBOOK = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_markdown_cell(
            "# One cell\n\n[next](00_a.ipynb#1.-Idea), [rules](../engine/rules.py), [up](#x)"
        ),
        nbformat.v4.new_code_cell("6 * 7"),
    ]
)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("option", "theme"), [([], "Light"), (["--dark"], "Dark")])
def test_the_command_runs_a_notebook_and_writes_its_page(tmp_path, monkeypatch, capsys, option, theme):
    monkeypatch.setattr(export, "LESSONS", [tmp_path / "00_a.ipynb"])
    nbformat.write(NOTEBOOK, tmp_path / "one.ipynb")
    export.main([str(tmp_path / "one.ipynb"), "--to", str(tmp_path / "new" / "folder"), *option])
    html = (tmp_path / "new" / "folder" / "one.html").read_text()
    written = [tmp_path / "new" / "folder" / name for name in ("one.html", "index.html")]
    assert capsys.readouterr().out.splitlines() == list(map(str, written))
    assert f'data-jp-theme-name="JupyterLab {theme}"' in html
    assert "<pre>42</pre>" in html
    assert "<title>One cell</title>" in html
    assert '<a href="00_a.html#1.-Idea">next</a>, rules, <a href="#x">up</a>' in html
    assert re.findall(LOADED, html) == []
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(written)
    for path in written:
        assert f'data-jp-theme-name="JupyterLab {theme}"' in path.read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_index_leads_to_the_lessons_that_are_there_in_their_order(tmp_path, monkeypatch):
    names = ["00_first", "01_second", "02_not_there", "glossary", "own notebook"]
    for name in names:
        opening = nbformat.v4.new_markdown_cell(
            f"# {name} & so on\n\nHow does *it*\nbegin? [so](00_first.ipynb)\n\nThe rest."
        )
        nbformat.write(nbformat.v4.new_notebook(cells=[opening]), tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(export, "HERE", tmp_path)
    monkeypatch.setattr(export, "LESSONS", [])
    folder = tmp_path / "pages"
    for name in ("glossary", "00_first", "own notebook"):
        export.write("", folder / f"{name}.html")
    export.main([str(tmp_path / "01_second.ipynb"), "--to", str(folder)])
    html = (folder / "index.html").read_text()
    rows = re.findall(r'<td><a href="([^"]+)">([^<]+)</a></td>\s*<td>(.*?)</td>', html)
    assert [title for _, title, _ in rows] == [
        f"{name} &amp; so on" for name in ("00_first", "01_second", "own notebook", "glossary")
    ]
    assert {question for *_, question in rows} == {"How does <em>it</em> begin? so"}
    hrefs = re.findall(r'<a[^>]* href="([^#"][^"]*)"', html)
    assert hrefs == [href for href, *_ in rows]
    assert all((folder / unquote(href)).exists() for href in hrefs)
    assert re.findall(LOADED, html) == []
    assert "<title>chalkgrad</title>" in html
    assert '<a class="back" href="index.html">' in (folder / "01_second.html").read_text()


SHOWING = [
    "import matplotlib.pyplot as plt\nplt.figure(layout='constrained')\nplt.plot([1, 2])\nplt.show()",
    "from engine import Value\nfrom viz import play\nplay(Value(2.0, 'x') ** 2)",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("option", "other"), [([], "dark"), (["--dark"], "light")])
def test_plots_and_players_are_light_or_dark_as_their_page(tmp_path, monkeypatch, browser, option, other):
    monkeypatch.setenv("PYTHONPATH", str(Path(export.__file__).parent.parent))
    cells = [nbformat.v4.new_markdown_cell("# One"), *map(nbformat.v4.new_code_cell, SHOWING)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "one.ipynb")
    export.main([str(tmp_path / "one.ipynb"), "--to", str(tmp_path), *option])
    page = browser.new_page(color_scheme=other)
    page.goto((tmp_path / "one.html").as_uri())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    picture = page.locator("img").get_attribute("src")
    corner, *_ = matplotlib.image.imread(io.BytesIO(b64decode(picture.partition(",")[2])))[0]
    assert ground == "rgb({}, {}, {})".format(*(round(255 * float(x)) for x in corner[:3]))
    theme = "dark" if option else "light"
    page.frame_locator("iframe").locator(f"html[data-theme={theme}]").wait_for()
    page.close()


def shown(source, text):
    """A cell that was run, and what it printed."""
    return nbformat.v4.new_code_cell(source, outputs=[nbformat.v4.new_output("stream", text=text)])


PREDICTED = [
    shown("print('before')", "before"),
    nbformat.v4.new_markdown_cell("How much?\n\n**Predict, then run:** what is 6 times 7?"),
    shown("print(6 * 7)", "forty-two"),
    nbformat.v4.new_markdown_cell("<details><summary>Answer</summary>\n\nAs *explained*.\n\n</details>\n\nBetween."),
    shown("print(6 * 7 + 1)", "forty-three"),
    nbformat.v4.new_markdown_cell("**Predict, then run:** and 44?"),
    shown("print(6 * 7 + 2)", "forty-four"),
    nbformat.v4.new_markdown_cell("<details><summary>Answer</summary>\n\nTwo more.\n\n</details>\n\n## Next"),
    shown("print('after')", "after"),
]
TEXTS = ("before", "forty-two", "explained", "Between.", "forty-three", "forty-four", "Two more.", "after")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_folded_prediction_opens_in_firefox(tmp_path, firefox_page):
    player = nbformat.v4.new_output("display_data", {"text/html": play(Value(2.0, "x") ** 2)._repr_html_()})
    cells = [*PREDICTED, nbformat.v4.new_code_cell("play(x**2)", outputs=[player])]
    export.write(export.page(nbformat.v4.new_notebook(cells=cells), "One"), tmp_path / "one.html")
    firefox_page.goto((tmp_path / "one.html").as_uri())
    outputs = "[...document.querySelectorAll('.jp-OutputArea-output pre')]"
    seen = f"{outputs}.filter(each => each.checkVisibility()).map(each => each.textContent.trim())"
    assert firefox_page.evaluate(seen) == ["before", "after"]
    firefox_page.click(".output > summary")
    until(firefox_page, f"({seen}).length === 4")
    assert firefox_page.evaluate(seen) == ["before", "forty-two", "forty-three", "after"]
    assert firefox_page.evaluate("document.querySelector('iframe').clientHeight") > 600


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_what_is_to_be_predicted_is_folded_away_but_not_on_paper(tmp_path, browser):
    export.write(export.page(nbformat.v4.new_notebook(cells=PREDICTED), "One"), tmp_path / "one.html")
    page = browser.new_page()
    page.goto((tmp_path / "one.html").as_uri())

    def seen():
        texts = [page.get_by_text(text, exact=True) for text in TEXTS]
        return [text for text, each in zip(TEXTS, texts) if each.evaluate("(each) => each.checkVisibility()")]

    assert seen() == ["before", "Between.", "after"]
    page.evaluate("addEventListener('beforeprint', () => { printed = document.querySelectorAll('[open]').length; })")
    page.pdf()
    assert page.evaluate("printed") == 5
    assert seen() == ["before", "Between.", "after"]
    page.get_by_text("Run", exact=True).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('[open]').length === 2")
    assert seen() == ["before", "forty-two", "Between.", "forty-three", "after"]
    page.get_by_text("Answer", exact=True).first.focus()
    page.keyboard.press("Space")
    assert seen() == ["before", "forty-two", "explained", "Between.", "forty-three", "after"]
    page.close()


def test_in_a_page_what_is_shown_before_the_next_heading_waits_too():
    notebook = nbformat.from_dict(nbformat.v4.new_notebook(cells=PREDICTED))
    export.fold_outputs(notebook)
    folds = [cell.metadata.get("fold") for cell in notebook.cells if cell.cell_type == "code"]
    assert folds == ["", "first", "later", "first", ""]


COLOURFUL = """# Every colour of code
def f(x: int = 3, *, name="text") -> bool:
    if x is not None and name in ("a", f"b{x!r}"):
        raise ValueError(r"\\d") from None
    return not x % 2  # a comment
@f
class C: pass
"""
WORDS = """# A page

## Words

A [link](#x) in a line of `code`, *slanted*, **bold**; and a long name: `binary_cross_entropy_with_logits`.

| idea | in code |
| --- | --- |
| how wrong, if the answer is yes or no | `binary_cross_entropy_with_logits(scores, targets).backward()` |
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_is_accessible_and_nothing_is_cut_on_a_phone(tmp_path, pages, theme):
    cells = [
        nbformat.v4.new_markdown_cell(WORDS),
        shown(COLOURFUL, "number by number " * 10),
        *PREDICTED[1:4],
    ]
    html = export.page(nbformat.v4.new_notebook(cells=cells), "One", theme)
    export.write(html, tmp_path / "one.html")
    page = pages.open(tmp_path / "one.html", width=390, height=844, color_scheme=theme)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true;")
    assert violations(page) == {}
    assert page.evaluate(CUT) == []
