"""Whatever the library prints can be shown by any console."""

import ast
import importlib
import inspect
import io
import os
import pkgutil
import re
import subprocess
import sys
import warnings

import pytest

import engine
import nn
import viz
from engine import Rule, Value, check_gradients, compile, record_lines
from engine.utils.console import make_output_readable, readable
from nn import MLP, SGD, History, Module, fit, mse_loss
from tests.paths import ROOT
from viz.classroom.exercises.exercise import Verdict

ENCODINGS = ["ascii", "cp1252", "cp932"]


class Half:
    """An engine with a mistake: its report has a sign in front of what is wrong."""

    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other):
        return Half(self.data + other.data, (self, other))

    def backward(self):
        self.grad = 1.0
        for parent in self.parents:
            parent.grad = 1.0


class Ähnlich(Module):
    def __repr__(self):
        return "→"


def printed():
    """An object of every kind that has a text of its own, with a label that no old console knows."""
    b, c = Value(3.0, "β→é語"), Value(2.0, "w", role="parameter")

    def φ(x):
        return x * c

    f = compile(φ)
    f(1.0)
    with record_lines():
        y = (b * c + b) ** 2
    steps = [*y.forward_steps(), *y.backward_steps()]
    model = MLP(2, [3, 1])
    history = fit(model, ([[1.0, 2.0]], [[1.0]]), mse_loss, SGD(model.parameters(), lr=0.01), 2)
    sheet = viz.worksheet(3)
    yield from (b, b.grad, y, f, f.tape, model, model.summary(), Ähnlich(), history, check_gradients(φ, 3.0))
    yield from (*steps, steps[0].line, viz.explain(y, b), viz.formula(y, b), viz.nudge(y, b, 0.1))
    yield from (viz.compare(lambda x: x**3, 2.0), viz.backward_in_order(y, "naive recursion"), viz.draw_dot(y))
    yield from (viz.play(y), viz.draw_dot(y).boxes, Rule("Φ", lambda x: x, lambda z, x: (1.0,)), viz.check_engine(Half))
    yield from (sheet, sheet.check({"d": 1}), viz.worksheets(["Zoë", "β"]), Verdict("right"), Verdict("hint", "2 · x"))


@pytest.fixture(scope="module")
def things():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no numba
        return list(printed())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_object_can_be_printed_on_every_console(things, encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    for thing in things:
        print(thing, [thing])
    stream.flush()
    assert b"?" not in stream.buffer.getvalue()


def test_what_a_console_cannot_show_is_replaced_by_what_it_can(things, monkeypatch):
    before = [str(thing) for thing in things]
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert repr(things[0]) == r"Value(data=3.0, grad=-, label='beta->e\u8a9e')" or things[0].has_grad
    assert readable("∂L/∂a = 3 · 2 → w², x₁, —, ✓") == "dL/da = 3 * 2 -> w^2, x1, -, +"
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "cp932"))
    assert readable("∂L/∂a · 2 → b") == "∂L/∂a * 2 → b"
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert readable("∂ → \ud800") == "∂ → \\ud800"
    assert [str(thing) for thing in things] == before
    monkeypatch.setattr(sys, "stdout", None)  # as in pythonw
    assert readable("∂") == "∂"


def test_tables_stay_aligned(monkeypatch):
    a = Value(3.0, "a")
    b = a * 2
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert str(viz.explain(b * a, a)).splitlines()[-2:] == ["a -> v1 -> v2 = 2 * 3 = 6", "a -> v2       = 6"]


def test_a_new_process_prints_a_value_on_a_console_of_japan():
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp932", "PYTHONPATH": str(ROOT)}
    code = "from engine import Value; print(Value(1.0)); print(Value(1.0).grad)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert ran.stdout.split() == [b"Value(data=1.0,", b"grad=-)", b"-"]


def test_a_script_can_make_all_that_it_prints_readable(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # which has no such setting
    make_output_readable()
    print("∂L/∂a → 語")
    stream.flush()
    assert stream.buffer.getvalue() == b"dL/da -> \\u8a9e\n"


def test_zero_has_no_sign_wherever_a_number_is_shown(monkeypatch):
    """Only the repr of a Value, which is for who looks for an error, shows it as Python does."""
    monkeypatch.setattr("viz.graph.engines.engines", list)
    x, w = Value(-0.0, "x"), Value(2.0, "w", role="parameter")
    y = (x * w + Value(-0.0, role="constant")) * -1.0
    shown = [*map(str, y.forward_steps()), *map(str, y.backward_steps())]
    negative = Value(0.0, "a") * -3.0
    reports = [viz.explain(y, x), viz.explain(negative, negative.parents[0]), viz.formula(y, x), viz.nudge(y, x, -0.0)]
    reports += [viz.compare(lambda x: -0.0 * x, -0.0), viz.backward_in_order(y, "naive recursion")]
    shown += [each for report in reports for each in (str(report), report.latex, report.html)]
    drawing, history = viz.draw_dot(y, edges="local"), History()
    history.add(-0.0, -0.0, 0.1, 1.0)
    f = compile(lambda x: x * -0.0)
    f(1.0)
    shown += [drawing.source, drawing.pipe(encoding="utf-8"), str(check_gradients(lambda x: -0.0 * x, -0.0))]
    shown += [str(f.tape), str(history)]
    for text in shown:
        assert not re.search(r"[-−]0(?![.\w])", text), text
    assert repr(x).startswith("Value(data=-0.0,")


def classes():
    for package in (engine, nn, viz):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if importlib.util.find_spec("numba") or "codegen" not in module.name:
                try:
                    found = importlib.import_module(module.name)
                except ImportError:  # of an extra that is not installed
                    continue
                yield from (thing for thing in vars(found).values() if inspect.isclass(thing))


# Nobody is given these: formulas are written by `notation`, and the others stay inside.
INTERNAL = {"Number", "Name", "Applied", "Mode", "NumbaFunction", "Style", "Place", "Layout", "Mistake", "Float"}


def test_every_class_with_a_text_of_its_own_is_printable():
    for kind in {*classes()}:
        if kind.__module__.split(".")[0] in ("engine", "nn", "viz") and not issubclass(kind, (tuple, BaseException)):
            if kind.__name__.startswith("_") or kind.__name__ in INTERNAL:
                continue
            for name in {"__repr__", "__str__"} & vars(kind).keys():
                assert hasattr(vars(kind)[name], "__wrapped__"), f"{kind.__module__}.{kind.__name__}: @printable"


def test_messages_are_written_in_ascii():
    """On standard error Python itself writes an escape for what the console lacks: readable only if it is rare."""
    for package in ("engine", "nn", "viz"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                warning = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("warn")
                if isinstance(node, ast.Raise) or warning:
                    words = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                    assert all(str(word).isascii() for word in words), f"{path}, line {node.lineno}"
