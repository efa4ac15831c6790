"""The package as it would be published: built, checked, installed in an empty environment, and used from elsewhere."""

import doctest
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import graphviz
import pytest

import engine
from tests.paths import ROOT


def run(*command, cwd, **environment):
    """What a command prints, once it has succeeded. It finds no working copy, and asks nobody anything."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ran = subprocess.run(
        command, cwd=cwd, env={**plain, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """The scripts folder of an environment with nothing but the wheel, and the one package that it needs."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    [wheel] = dist.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--no-deps", wheel, cwd=home)
    packages = run(scripts / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip()
    shutil.copytree(Path(graphviz.__file__).parent, Path(packages, "graphviz"))
    return scripts


def readme_code():
    return "".join(example.source for example in doctest.DocTestParser().get_examples((ROOT / "README.md").read_text()))


def test_what_is_built_may_be_uploaded(dist):
    assert len([*dist.iterdir()]) == 2
    run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), cwd=dist)


def test_the_commands_work_where_only_the_wheel_is_installed(installed, tmp_path):
    chalkgrad = installed / "chalkgrad"
    assert run(chalkgrad, "--version", cwd=tmp_path) == f"chalkgrad {engine.__version__}\n"
    run(chalkgrad, "lessons", ".", cwd=tmp_path)
    assert len([*tmp_path.glob("lessons/*.ipynb")]) == 10
    line = ["play", "L = (a*b + c)*f", "a=2", "b=-3", "c=10", "f=-2", "--save", "player.html"]
    run(chalkgrad, *line, cwd=tmp_path)
    assert "addEventListener" in (tmp_path / "player.html").read_text()
    assert "numba is not installed" in run(chalkgrad, "doctor", cwd=tmp_path)
    (tmp_path / "names.txt").write_text("Ada\nEmmy\n")
    run(chalkgrad, "worksheets", "--class", "names.txt", cwd=tmp_path)
    assert "01_slopes" in run(chalkgrad, "mark", "lessons", cwd=tmp_path)
    (tmp_path / "engine.py").write_text("class Value: pass\n")
    ran = subprocess.run([chalkgrad, "doctor"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "engine.py hides the engine of chalkgrad" in ran.stdout


def test_the_examples_of_the_readme_run_where_only_the_wheel_is_installed(installed, tmp_path):
    shutil.copy(ROOT / "README.md", tmp_path)
    code = "import doctest; print(doctest.testfile('README.md', module_relative=False).failed)"
    assert run(installed / "python", "-W", "ignore", "-c", code, cwd=tmp_path).splitlines()[-1] == "0"


def test_a_strangers_type_checker_is_content_with_the_examples(installed, tmp_path):
    (tmp_path / "examples.py").write_text(readme_code())
    checker = [sys.executable, "-m", "mypy", "--strict", f"--python-executable={installed / 'python'}"]
    assert "Success" in run(*checker, "examples.py", cwd=tmp_path)


def test_the_sdist_has_what_its_tests_need(dist, tmp_path):
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [folder] = tmp_path.iterdir()
    here = set(run("git", "ls-files", cwd=ROOT).splitlines())
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert here - there == set()
    assert there - here <= {"PKG-INFO"}
    tests = ["tests/test_package.py", "tests/test_readme.py", "tests/test_imports.py", "tests/notebooks/test_links.py"]
    run(sys.executable, "-m", "pytest", "-q", "-n", "0", *tests, cwd=folder, PYTHONPATH=str(folder))
