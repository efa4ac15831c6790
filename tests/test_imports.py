"""The layering: who may import whom, and what needs nothing but the standard library.

Every import counts: one inside a function and one for a type checker's eyes too.
"""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.paths import ROOT

# The folders from the bottom up: each may import those above it in this list. A folder's `__init__.py` is its front
# door: it shows what is in the folder and in the folders within, and so it stands above them all.
ORDER = [
    "engine/utils",
    "engine/utils/__init__",
    "engine",
    "engine/compiler/guards",
    "engine/compiler/guards/__init__",
    "engine/compiler/kernels",
    "engine/compiler/kernels/__init__",
    "engine/compiler",
    "engine/compiler/__init__",
    "engine/__init__",
    "nn",
    "nn/layers",
    "nn/layers/__init__",
    "nn/optim",
    "nn/optim/__init__",
    "nn/data",
    "nn/data/__init__",
    "nn/files",
    "nn/files/__init__",
    "nn/training",
    "nn/training/__init__",
    "nn/__init__",
    "viz/graph",
    "viz/graph/__init__",
    "viz/plots",
    "viz/plots/__init__",
    "viz/formulas",
    "viz/formulas/__init__",
    "viz/player",
    "viz/player/__init__",
    "viz/live",
    "viz/live/__init__",
    "viz/training",
    "viz/training/__init__",
    "viz/classroom/worksheets",
    "viz/classroom/worksheets/__init__",
    "viz/classroom/practice",
    "viz/classroom/practice/__init__",
    "viz/classroom/check_engine",
    "viz/classroom/check_engine/__init__",
    "viz/classroom/exercises",
    "viz/classroom/exercises/applications",
    "viz/classroom/exercises/applications/__init__",
    "viz/classroom/exercises/__init__",
    "viz/classroom/gradebook",
    "viz/classroom/gradebook/__init__",
    "viz/classroom/__init__",
    "viz/command_line",
    "viz/command_line/__init__",
    "viz",
    "viz/__init__",
    "notebooks",
    "notebooks/applications",
    "notebooks/site",
]
PACKAGES = ("engine", "nn", "viz")
HEART = ("graph", "rules", "value", "functions")  # what to read, in this order, to understand reverse mode
MOST_FILES = 16  # in a folder: what is found at a glance


def module_of(name):
    """The file that a dotted name is found in, from the root, without its ending; None if it is none of ours."""
    path = name.replace(".", "/")
    if (ROOT / path).is_dir():
        return f"{path}/__init__"
    return path if (ROOT / f"{path}.py").exists() else None


def imports(tree):
    """The files of the project that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {module_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {module_of(f"{node.module}.{alias.name}") or module_of(node.module) for alias in node.names}
    return {name for name in found if name and name.split("/")[0] in (*PACKAGES, "notebooks", "tests")}


@cache
def arrows():
    """Every file, and the files that it imports."""
    paths = [path for package in (*PACKAGES, "notebooks") for path in (ROOT / package).rglob("*.py")]
    files = {str(path.relative_to(ROOT))[: -len(".py")]: path for path in paths if "solutions" not in path.parts}
    return {name: imports(ast.parse(path.read_text())) for name, path in files.items()}


def place(name):
    """Where in ORDER a file stands; a folder's front door apart."""
    return name if name in ORDER else name.rpartition("/")[0]


def circles(graph):
    """A circle in a graph of imports, if there is one."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return error.args[1]
    return []


def test_no_two_files_import_each_other():
    assert circles(arrows()) == []


def test_every_folder_has_its_place_in_the_order():
    there = {place(name) for name in arrows()}
    assert sorted(there - set(ORDER)) == []
    assert sorted(set(ORDER) - there) == []


def test_imports_run_one_way_folder_by_folder():
    upwards = [
        f"{name} imports {below}"
        for name, imported in arrows().items()
        for below in imported
        if ORDER.index(place(below)) > ORDER.index(place(name))
    ]
    assert sorted(upwards) == []


def test_nothing_imports_the_tests():
    assert not [name for name, imported in arrows().items() if any(below.startswith("tests") for below in imported)]


def test_circles_and_arrows_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    deferred = "if TYPE_CHECKING:\n    from nn import Module\ndef f():\n    import viz\n"
    assert imports(ast.parse(deferred)) == {"nn/__init__", "viz/__init__"}
    assert imports(ast.parse("from engine import ieee, Value")) == {"engine/ieee", "engine/__init__"}


@pytest.mark.parametrize("folder", [folder for folder in ORDER if not folder.endswith("__init__")])
def test_a_folder_holds_no_more_than_one_finds_at_a_glance(folder):
    files = [*(ROOT / folder).glob("*.py"), *(ROOT / folder).glob("*.js"), *(ROOT / folder).glob("*.css")]
    assert len([path for path in files if path.name != "__init__.py"]) <= MOST_FILES


def test_the_heart_is_read_in_an_evening():
    lengths = {name: len((ROOT / f"engine/{name}.py").read_text().splitlines()) for name in HEART}
    assert sum(lengths.values()) <= 750, lengths
    assert lengths["value"] < 300


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_private_to_a_file_is_imported_by_no_other(package):
    for path in (ROOT / package).rglob("*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        names = [alias.name for node in nodes for alias in node.names if (node.module or "").split(".")[0] in PACKAGES]
        assert not [name for name in names if name.startswith("_")], path


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_shows_is_what_it_exports(package):
    module = __import__(package)
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    files = {path.stem for path in (ROOT / package).glob("*.py")}
    own = {"abs", "compile", "max", "min", "pow", "sum"} if package == "engine" else set()
    shown = {name for name in dir(module) if not name.startswith("_")}
    assert shown - folders - files == (set(module.__all__) | own) - folders - files
    assert set(module.__all__) <= shown


def test_only_exercises_know_of_networks():
    code = "import sys, viz; print([name for name in sys.modules if name.split('.')[0] == 'nn'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_engine_and_nn_import_with_the_standard_library_alone():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import engine, nn; print(nn.MLP(2, [1])([1, 2]).data is not None)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_has_moved_says_where_it_is():
    code = "from engine import check_engine"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "write: from viz import check_engine" in done.stderr


def test_no_optional_package_is_imported_before_it_is_used():
    code = "import sys, engine, nn, viz; print(sorted({'numpy', 'matplotlib', 'sklearn', 'tqdm'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
