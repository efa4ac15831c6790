"""The README does what it says: its examples run, its files exist, and its commands are those of the Makefile."""

import doctest
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_examples_run():
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 15
    assert results.failed == 0


def test_the_files_it_links_to_exist():
    links = [
        link
        for name in ("README.md", "CONTRIBUTING.md")
        for link in re.findall(r"\]\(([^):]+)\)", (ROOT / name).read_text())
    ]
    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_commands_it_names_are_targets():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        word
        for name in ("README.md", "CONTRIBUTING.md")
        for word in re.findall(r"make (\w+)", (ROOT / name).read_text())
    }
    assert named - {"of"} <= targets
