"""What the package says of itself, before it is built; tests/site builds it."""

import re
import tomllib
from importlib import import_module

import engine
from tests.paths import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
HATCH = SETTINGS["tool"]["hatch"]
LEFT_OUT = {"demo.py", "pictures", "site"}  # what of the notebooks is of use in the repository alone


def test_the_version_stands_in_one_place():
    assert "version" in SETTINGS["project"]["dynamic"]
    assert HATCH["version"]["path"] == "engine/__init__.py"
    assert f"\nversion: {engine.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"chalkgrad-{engine.__version__}-py3" in (ROOT / "notebooks" / "README.md").read_text()


def test_the_command_is_there():
    module, _, name = SETTINGS["project"]["scripts"]["chalkgrad"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_lesson_and_all_that_belongs_to_it_is_in_the_wheel():
    there = {path.name for path in (ROOT / "notebooks").iterdir() if not path.name.startswith((".", "__"))}
    packed = HATCH["build"]["targets"]["wheel"]["force-include"]
    assert {f"notebooks/{name}": f"viz/notebooks/{name}" for name in there - LEFT_OUT} == packed


def test_the_readme_of_the_package_leads_nowhere_that_is_not_there():
    """Outside the repository only whole addresses lead somewhere."""
    text = (ROOT / "README.md").read_text()
    for each in HATCH["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert "![" not in text
    assert "ten lessons of 45 minutes, a player for the projector" in text
