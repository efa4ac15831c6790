"""What the package says of itself, before it is built; tests/site builds it."""

import re
import subprocess
import tomllib
from importlib import import_module

import pytest

import engine
import hatch_build
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


def links(text):
    return re.findall(r"\]\(([^)]*)\)", text)


def test_the_readme_of_the_package_leads_nowhere_that_is_not_there():
    """Outside the repository only whole addresses lead somewhere."""
    text = hatch_build.page((ROOT / "README.md").read_text(), "")
    assert links(text)
    assert [link for link in links(text) if not link.startswith("https://")] == []
    assert "![" not in text
    assert "ten lessons of 45 minutes, a player for the projector" in text


def test_with_a_public_address_the_readme_of_the_package_leads_there():
    text = hatch_build.page((ROOT / "README.md").read_text(), "https://example.org/someone/chalkgrad")
    there = [link.removeprefix("https://example.org/someone/chalkgrad/") for link in links(text)]
    assert "blob/main/notebooks/README.md" in there
    assert "raw/main/notebooks/pictures/player.png" in there
    for link in there:
        kind, _, path = link.partition("/main/")
        assert link.startswith("https://") or (kind in ("blob", "raw") and (ROOT / path.partition("#")[0]).exists())


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://example.org/someone/chalkgrad.git", "https://example.org/someone/chalkgrad"),
        ("https://me:secret@example.org/someone/chalkgrad/", "https://example.org/someone/chalkgrad"),
        ("git@example.org:someone/chalkgrad.git", "https://example.org/someone/chalkgrad"),
        ("ssh://git@example.org:2222/someone/chalkgrad.git", "https://example.org/someone/chalkgrad"),
        ("/home/someone/chalkgrad", ""),
        ("../chalkgrad", ""),
        ("C:\\work\\chalkgrad", ""),
        ("http://localhost:3000/someone/chalkgrad", ""),
    ],
)
def test_the_package_comes_from_where_its_repository_does(tmp_path, monkeypatch, remote, address):
    monkeypatch.delenv("CHALKGRAD_ADDRESS", raising=False)
    assert hatch_build.public_address(tmp_path) == "", "there is no repository"
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert hatch_build.public_address(tmp_path) == ""
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    assert hatch_build.public_address(tmp_path) == address
    (tmp_path / "PKG-INFO").write_text("Name: chalkgrad\nProject-URL: Source, https://example.org/kept\n\nhello\n")
    assert hatch_build.public_address(tmp_path) == "https://example.org/kept", "an sdist that is unpacked there"
    monkeypatch.setenv("CHALKGRAD_ADDRESS", "https://example.org/named")
    assert hatch_build.public_address(tmp_path) == "https://example.org/named"
