"""The README does what it says: its examples run, and its commands are those of the Makefile."""

import doctest
import re

from tests.paths import ROOT


def test_the_examples_run():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 15
    assert results.failed == 0


def test_the_lines_for_teachers_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for lines in re.findall(r"```python\n(.*?)```", (ROOT / "notebooks" / "README.md").read_text(), re.S):
        exec(lines, {})
    assert {path.name for path in tmp_path.iterdir()} == {"lesson_01.html", "lesson_03.html"}
    assert "d: right" in capsys.readouterr().out


def test_the_commands_it_names_are_targets():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        word
        for name in ("README.md", "CONTRIBUTING.md", "notebooks/README.md")
        for word in re.findall(r"make (\w+)", (ROOT / name).read_text())
    }
    assert named - {"of"} <= targets
