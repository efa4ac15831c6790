"""The README does what it says: its examples run, and its commands are those of the Makefile."""

import doctest
import html
import re

from tests.paths import ROOT


def test_the_examples_run():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 15
    assert results.failed == 0


def test_the_picture_is_made_by_the_code_above_it():
    code, _, _ = (ROOT / "README.md").read_text().partition("notebooks/pictures/expression.svg")
    names = {}
    exec("".join(line[4:] + "\n" for line in code.splitlines() if line.startswith(">>> ")), names)
    drawn = names["picture"].pipe(format="svg", encoding="utf-8")
    assert sorted(texts(drawn)) == sorted(texts((ROOT / "notebooks" / "pictures" / "expression.svg").read_text()))


def texts(svg):
    """What is written in a picture."""
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]+)</text>", svg)]


def test_it_decides_on_one_screen():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    assert all(any(word in line for line in lines[:40]) for word in ("teach", "learn", "make demo", "make test", "svg"))


def test_the_lines_for_teachers_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notebook = tmp_path / "folder of notebooks" / "Ada.ipynb"
    notebook.parent.mkdir()
    notebook.write_text('{"cells": []}')
    for lines in re.findall(r"```python\n(.*?)```", (ROOT / "notebooks" / "README.md").read_text(), re.S):
        exec(lines, {})
    written = {path.name for path in tmp_path.glob("*.html")}
    assert written == {"training.html", "lesson_01.html", "lesson_03.html", "practice.html", "class.html"}
    assert "d: right" in capsys.readouterr().out


def test_the_commands_it_names_are_targets():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        word
        for name in ("README.md", "CONTRIBUTING.md", "notebooks/README.md")
        for word in re.findall(r"(?:^    |`)make ([\w-]+)", (ROOT / name).read_text(), re.M)
    }
    assert {"demo", "test", "test-all", "check"} <= named <= targets
