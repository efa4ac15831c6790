"""The command that writes lessons as pages; what the pages show in a browser is seen in test_lessons.py."""

import re

import nbformat
import pytest

from notebooks import export

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
