"""The packages work from within a zip, where no file of theirs has a path."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.paths import ROOT

SCRIPT = """
import warnings
import engine
assert ".zip" in engine.__file__, engine.__file__
from engine import Rule, Value, compile, detect_anomaly
from nn import MLP, mse_loss
from viz import check_engine, compare, draw_dot, explain, formula, play, worksheet, worksheets
from viz.exercises import check

x, w = Value(3.0, "x"), Value(2.0, "w", role="parameter")
y = (x * w).tanh() * 2 + w.softplus()
html = play(y).html
assert "tanh" in html and "addEventListener" in html and "--fill" in html
assert html.count("partials:") == 4  # a rule that cannot be translated has none
assert "@media print" in worksheet(3).html() or "worksheet" in worksheet(3).html()
assert worksheets(2).html(keys=True).count("<section") == 3
assert check("01.1", ...).state == "not yet"
try:
    check("99.1", 1)
except ValueError as error:
    assert "00, 01, 02" in str(error)
assert draw_dot(y).pipe(format="svg")
for thing in (explain(y, w), formula(y, w), compare(lambda x: x**2, 2.0), MLP(2, [1]).summary()):
    assert str(thing)
assert check_engine(Value).ok
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    Value(0.0).log()
assert caught[0].filename == "<string>", caught[0].filename  # the caller's line, and not one of ours
f = compile(lambda x: (x * w).tanh())
assert len({round(f(1.5).data, 12) for _ in range(3)}) == 1
assert abs(f.mean([1.0, 2.0]).data - 0.9816) < 1e-3
"""


@pytest.fixture(scope="module")
def zipped(tmp_path_factory):
    path = tmp_path_factory.mktemp("zipped") / "chalkgrad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for package in ("engine", "nn", "viz"):
            for file in (ROOT / package).rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(ROOT))
    return path


def test_the_packages_work_from_a_zip(zipped):
    environment = {**os.environ, "PYTHONPATH": str(zipped)}
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=zipped.parent, env=environment, capture_output=True)
    assert not ran.returncode, ran.stderr.decode()


def test_no_file_of_a_package_is_opened_by_its_path():
    """`importlib.resources` and `pkgutil` find them in a zip too."""
    for package in ("engine", "nn", "viz"):
        for path in (ROOT / package).rglob("*.py"):
            assert "(__file__)." not in path.read_text(encoding="utf-8"), path
