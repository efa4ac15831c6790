"""`chalkgrad` on the command line."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

from tests.paths import ROOT
from viz.command_line import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def keyboard(monkeypatch):
    """Somebody sits there, and gives these answers."""
    answers, asked = [], []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answers.pop(0))
    return answers, asked


def test_lessons_are_copied_with_all_that_they_link_to(here, capsys):
    assert main(["lessons", "course"]) == 0
    course = here / "course"
    names = {str(path.relative_to(course)) for path in course.rglob("*") if path.is_file()}
    assert f"{len(names)} files written to course" in capsys.readouterr().out
    assert {"README.md", "quickstart.ipynb", "applications/microgpt.py"} <= names
    assert len([name for name in names if name.startswith("lessons")]) == 10
    assert not [name for name in names if "checkpoint" in name or "pycache" in name or name.startswith("site")]
    for path in course.rglob("*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))


def test_nothing_is_replaced_without_a_yes(here, keyboard, capsys):
    answers, asked = keyboard
    main(["lessons", "."])
    assert asked == []
    first, second, third = sorted(here.glob("lessons/*.ipynb"))[:3]
    for path in (first, second, third):
        path.write_text("mine")
    answers += ["y", ""]
    answers += ["no"]
    capsys.readouterr()
    assert main(["lessons", "."]) == 0
    assert [path.read_text() == "mine" for path in (first, second, third)] == [False, True, True]
    assert len(asked) == 3
    assert "lessons" in asked[0]
    assert "1 files written" in capsys.readouterr().out
    answers += ["a"]
    main(["lessons", "."])
    assert [path.read_text() == "mine" for path in (first, second, third)] == [False, False, False]
    assert len(asked) == 4


def test_without_a_keyboard_nothing_is_replaced_at_all(here):
    main(["lessons", "."])
    (here / "README.md").write_text("mine")
    command = [sys.executable, "-m", "viz", "lessons", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    assert "left as it was: README.md" in ran.stdout
    assert (here / "README.md").read_text() == "mine"
    main(["lessons", ".", "--overwrite"])
    assert (here / "README.md").read_text() != "mine"


def test_play_saves_or_opens_a_player(here, monkeypatch, capsys):
    arguments = ["play", "L = (a*b + c)*f", "a=2", "b=-3", "c=10", "f=-2"]
    assert main([*arguments, "--save", "chain.html", "--lang", "es"]) == 0
    page = (here / "chain.html").read_text()
    assert '"names":["a","b","v1","c","v2","f","L"]' in page
    assert '<html lang="es">' in page
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(arguments) == 0
    [address] = opened
    assert address.startswith("file:")
    assert "no browser could be opened; open this file" in capsys.readouterr().out
    assert main([*arguments, "--save", "chain.html"]) == 1
    assert "chain.html is there already" in capsys.readouterr().err


def test_a_mistake_is_said_on_standard_error(here, capsys):
    assert main(["play", "L = a *", "a=2"]) == 1
    assert capsys.readouterr().err.startswith("chalkgrad play: 'L = a *' cannot be read")
    assert main(["play", "L = a * a", "a:2"]) == 1
    assert "expected the value of a name, such as a=2, got 'a:2'" in capsys.readouterr().err
    assert main(["mark", "nowhere"]) == 1
    assert main(["worksheets", "--class", "nobody.txt"]) == 1


def test_worksheets_for_a_class(here, capsys):
    (here / "names.txt").write_bytes("\ufeffAda\r\n\r\n Zoë \r\n".encode())
    assert main(["worksheets", "--class", "names.txt", "--difficulty", "medium"]) == 0
    page = (here / "worksheets.html").read_text()
    assert "Ada" in page
    assert "Zoë" in page
    assert page.count("<section") == 3  # two and their keys
    main(["worksheets", "--class", "names.txt", "--no-keys", "--save", "for them.html"])
    assert (here / "for them.html").read_text().count("<section") == 2
    (here / "names.txt").write_text("\n")
    assert main(["worksheets", "--class", "names.txt"]) == 1
    assert "there is no name in names.txt" in capsys.readouterr().err


def test_mark_prints_a_table_and_saves_it(here, capsys):
    (here / "class").mkdir()
    (here / "class" / "Ada.ipynb").write_text(json.dumps({"cells": []}))
    assert main(["mark", "class", "--save", "class.csv"]) == 0
    assert "Ada" in capsys.readouterr().out
    assert "Ada" in (here / "class.csv").read_text(encoding="utf-8-sig")
