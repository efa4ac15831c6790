"""The layering: who may import whom, and what needs nothing but the standard library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each module of the engine, and what of the project it stands on.
ENGINE = [
    *("trees", "structure", "graph", "ieee", "rules", "modes", "names", "steps", "value", "functions", "functional"),
    *("check", "tape", "machine", "vectors", "loops", "schedule", "replay", "updates", "lanes", "lending"),
    *("batch", "surroundings", "replayed", "compiled", "training", "mistakes", "trials", "diagnosis", "students"),
]
MAY = {
    **{f"engine/{name}.py": {f"engine.{below}" for below in ENGINE[:i]} for i, name in enumerate(ENGINE)},
    # A report on a student's engine draws itself in a notebook. Its picture is made by viz, which is looked for when it
    # is shown; without it there is the text. Nothing else looks upwards.
    "engine/students.py": {*(f"engine.{below}" for below in ENGINE[:-1]), "viz.failure"},
    "nn": {"engine", "nn"},
    "viz": {"engine", "viz"},
    "viz/exercises": {"engine", "nn", "viz"},
}


def imports(path):
    """The project's modules that a file imports when it runs."""
    tree = ast.parse(path.read_text())
    checks_only = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]
    skipped = {id(inner) for node in checks_only for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{a.name}" for a in node.names} if node.module == "engine" else {node.module}
    return {name for name in found if name.split(".")[0] in ("engine", "nn", "viz", "notebooks", "tests")}


@pytest.mark.parametrize("name", ENGINE)
def test_the_engine_imports_downwards_only(name):
    assert imports(ROOT / "engine" / f"{name}.py") <= MAY[f"engine/{name}.py"]


def test_every_module_of_the_engine_has_its_place():
    assert {path.stem for path in (ROOT / "engine").glob("*.py")} == {*ENGINE, "__init__"}


@pytest.mark.parametrize("package", ["nn", "viz", "viz/exercises"])
def test_nn_and_viz_stand_on_the_engine_and_not_on_each_other(package):
    for path in (ROOT / package).glob("*.py"):
        assert {name.split(".")[0] for name in imports(path)} <= MAY[package], path.name


@pytest.mark.parametrize("package", ["engine", "nn"])
def test_what_is_private_to_a_file_is_imported_by_no_other(package):
    for path in (ROOT / package).glob("*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [alias.name for node in nodes for alias in node.names if alias.name.startswith("_")], path.name


def test_only_exercises_know_of_both_and_nobody_knows_of_them():
    for path in (ROOT / "viz").glob("*.py"):
        assert not any(name.startswith("viz.exercises") for name in imports(path)), path.name
    code = "import sys, viz; print([name for name in sys.modules if name.startswith(('viz.exercises', 'nn'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_engine_and_nn_import_with_the_standard_library_alone():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import engine, nn; print(nn.MLP(2, [1])([1, 2]).data is not None)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_the_check_of_an_engine_takes_viz_only_to_be_shown():
    code = (
        "import sys, engine; report = engine.check_engine(engine.Value); text = str(report); "
        "print('viz' in sys.modules, report._repr_mimebundle_().keys() >= {'text/html'}, 'viz' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False True True\n"


def test_no_optional_package_is_imported_before_it_is_used():
    code = "import sys, engine, nn, viz; print(sorted({'numpy', 'matplotlib', 'sklearn', 'tqdm'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
