"""What is kept on disk is made anew where it is damaged, and never in the way where it can't be kept."""

import errno
import os
import shutil
import subprocess
import sys
from importlib import import_module
from types import FunctionType

import pytest

from engine import Rule, Value, compile, ieee
from engine.compiler import trace
from nn import MLP, SGD, fit, mse_loss
from tests.paths import ROOT

pytest.importorskip("numba", reason="without numba there is no machine code")

import numba
import numpy as np
from numba.core.caching import IndexDataCacheFile

from engine.compiler.kernels import disk_cache
from engine.compiler.kernels.codegen import _identity, to_numba
from engine.compiler.kernels.disk_cache import OPTIONS, jit_cached, load_generated

TEXT = "def twice(x):\n    return 2.0 * x\n"


def twice(x, text=TEXT):
    """A function of generated text, on a number, as machine code; and whether it was compiled for that."""
    function = load_generated(text, text, {})["twice"]
    before = IndexDataCacheFile.save.calls if hasattr(IndexDataCacheFile.save, "calls") else 0
    code = jit_cached(numba.cfunc, "float64(float64)", nopython=True, **OPTIONS)(function)
    after = IndexDataCacheFile.save.calls if hasattr(IndexDataCacheFile.save, "calls") else 0
    return code.ctypes(x), after > before


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, in which saves are counted."""
    monkeypatch.setenv("CHALKGRAD_CACHE", str(tmp_path))
    save = IndexDataCacheFile.save

    def counted(*args):
        counted.calls += 1
        return save(*args)

    counted.calls = 0
    monkeypatch.setattr(IndexDataCacheFile, "save", counted)
    return tmp_path


def test_what_was_kept_is_found(folder):
    assert [twice(3.0), twice(4.0)] == [(6.0, True), (8.0, False)]
    assert sorted({path.suffix for path in folder.rglob("*") if path.is_file()}) == [".nbc", ".nbi", ".py"]


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_made_anew(folder, suffix, share):
    twice(3.0)
    for path in folder.rglob(f"*{suffix}"):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
    assert twice(3.0) == (6.0, True)
    assert twice(3.0) == (6.0, False)


@pytest.mark.parametrize("text", ["", TEXT[:20], "def twice(x):\n    return 3.0 * x\n"])
def test_a_text_that_is_not_what_it_should_be_is_written_anew(folder, text):
    twice(3.0)
    (path,) = folder.rglob("*.py")
    path.write_text(text)
    assert twice(3.0)[0] == 6.0
    assert path.read_text() == TEXT


def scaled(table):
    return lambda x: x * table[1500]


TABLE, OTHER = np.zeros(3000), np.zeros(3000)
TABLE[1500], OTHER[1500] = 2.0, 3.0


def offset(x):
    return x + 1.0


def other_offset(x):
    return x + 2.0


def default(factor):
    def rule(x, factor=factor):
        return factor * x

    return rule


# Of each two, the text of one differs from that of the other as little as can be, and so does what they see.
PAIRS = {
    "a constant": (lambda x: 2.0 * x, lambda x: 3.0 * x),
    "an operator": (lambda x: 2.0 + x, lambda x: 2.0 - x),
    "a default": (default(2.0), default(3.0)),
    "an attribute of a module": (lambda x: ieee.sin(x), lambda x: ieee.cos(x)),
    "a function that is called": (lambda x: 2.0 * offset(x), lambda x: 2.0 * other_offset(x)),
    "a constant in a function within": (
        lambda x: sum([y * 2.0 for y in (x, x)]),
        lambda x: sum([y * 3.0 for y in (x, x)]),
    ),
    "the order of operands": (lambda x, y: x - y, lambda x, y: y - x),
    "an array in a closure": (scaled(TABLE), scaled(OTHER)),
    "a long array's kind": (scaled(TABLE), scaled(TABLE.astype(np.float32))),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_functions_that_do_not_do_the_same_are_kept_under_names_of_their_own(kind):
    one, other = PAIRS[kind]
    assert to_numba(one).identity != to_numba(other).identity
    again = FunctionType(one.__code__, one.__globals__, one.__name__, one.__defaults__, one.__closure__)
    assert to_numba(again).identity == to_numba(one).identity, "else no process would find what another has made"


class Opaque:
    """What shows itself by its address alone, which another process gives to something else."""


def test_what_shows_itself_by_its_address_is_not_found_again():
    thing = Opaque()
    assert _identity(thing) != _identity(thing)
    assert _identity(2.5) == _identity(2.5) != _identity(3.5)


def test_rules_of_the_same_value_and_other_partials_have_machine_code_of_their_own(folder):
    def rule(slope):
        return Rule("own", lambda x: 2.0 * x, lambda z, x: (slope,))

    for _ in range(2):
        for slope in (2.0, 5.0):
            own, x = rule(slope), Value(1.0)
            f = compile(lambda x, own=own: own(x))
            for _ in range(3):
                z = f(x)
            z.backward()
            assert (z.data, x.grad) == (2.0, slope)


def full(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["numba.core.caching.IndexDataCacheFile.save", "os.replace", "tempfile.mkstemp"])
def test_on_a_full_disk_it_is_compiled_and_not_kept(folder, monkeypatch, where):
    monkeypatch.setattr(where, full)
    assert twice(3.0)[0] == 6.0
    assert not list(folder.rglob("*.nbc"))
    assert not [path for path in folder.rglob("tmp*") if path.is_file()]


def test_on_a_full_disk_and_with_no_other_folder_it_is_compiled_too(folder, monkeypatch):
    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr("engine.compiler.kernels.disk_cache._folder_of_this_process", full)
    assert twice(3.0)[0] == 6.0


def test_what_cannot_be_compiled_says_so(folder):
    with pytest.raises(numba.errors.NumbaError, match="unknown"):
        twice(3.0, "def twice(x):\n    return unknown(x)\n")


# A version is a folder of its own.


@pytest.fixture
def version(monkeypatch):
    """What the version is when it is found out anew."""

    def found_anew():
        disk_cache.version.cache_clear()
        return disk_cache.version()

    yield found_anew
    monkeypatch.undo()
    disk_cache.version.cache_clear()


def test_another_file_of_the_engine_is_another_version(version, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(disk_cache, "files", lambda name: tmp_path / name)
    first = version()
    assert version() == first
    for path in [*(tmp_path / "engine").rglob("*.py")]:
        text = path.read_text()
        path.write_text(text + "\n")
        assert version() != first, path
        path.write_text(text)
    assert version() == first
    (tmp_path / "engine" / "rules.py").rename(tmp_path / "engine" / "table.py")
    assert version() != first


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("engine.compiler.kernels.disk_cache.numba.__version__", "numba"),
        ("engine.compiler.kernels.disk_cache.llvm.llvm_version_info", "LLVM"),
        ("engine.compiler.kernels.disk_cache.llvm.get_host_cpu_name", "the processor"),
        ("engine.compiler.kernels.disk_cache.np.__version__", "NumPy"),
        ("engine.compiler.kernels.disk_cache.sys.version", "Python"),
    ],
)
def test_another_compiler_processor_or_python_is_another_version(version, monkeypatch, where, name):
    first = version()
    monkeypatch.setattr(where, (lambda: "another") if "get" in where else "another")
    assert version() != first, name


def test_what_another_version_has_kept_is_not_looked_at(folder, version, monkeypatch):
    assert twice(3.0) == (6.0, True)
    monkeypatch.setattr(disk_cache, "version", lambda: "0" * 32)
    assert twice(3.0) == (6.0, True)
    assert twice(3.0) == (6.0, False)


def test_versions_that_are_not_used_any_more_are_removed(folder, monkeypatch):
    names = "a" * 32, "b" * 32, "of a user's own"
    for name in names:
        (folder / name).mkdir()
    for name in names[1:]:
        os.utime(folder / name, (0, 0))
    twice(3.0)
    assert {path.name for path in folder.iterdir()} == {names[0], names[2], disk_cache.version()}


def run(tree, code, **environment):
    """What a program prints, with the engine of a tree and a cache of its own."""
    environment = {**os.environ, "PYTHONPATH": str(tree), **environment}
    ran = subprocess.run([sys.executable, "-c", code], cwd=tree, env=environment, capture_output=True, text=True)
    assert not ran.returncode, ran.stderr
    return ran.stdout


PROGRAM = """
from engine import Value, compile, mean
from nn import MLP, SGD, fit, mse_loss
ws = [Value(float(i)) for i in range(1, 5)]
f = compile(lambda xs: mean([w * x for w, x in zip(ws, xs)]))
for _ in range(4):
    value = f([1.0] * 4)
value.backward()
print(value.data, [w.grad for w in ws])
"""
# Numbers and gradients change places, where kernels are called and in the kernels.
UPDATE = dict.fromkeys(
    ["kernels/codegen.py", "kernels/nary.py", "runtime.py"],
    ("repeats, count, width, uniform, v, g)", "repeats, count, width, uniform, g, v)"),
)


@pytest.mark.slow
def test_two_versions_share_a_cache(tmp_path):
    """An update changes files, in place, and is then taken back; each time there is what the others have kept."""
    shutil.copytree(ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    here, cache = tmp_path / "engine" / "compiler", str(tmp_path / "cache")
    printed = [run(tmp_path, PROGRAM, CHALKGRAD_CACHE=cache)]
    assert not list((tmp_path / "engine").rglob("*.nb[ic]")), "it is kept in the folder of the version"
    before = {name: (here / name).read_text() for name in UPDATE}
    for name, (old, new) in UPDATE.items():
        assert old in before[name]
        (here / name).write_text(before[name].replace(old, new))
    printed.append(run(tmp_path, PROGRAM, CHALKGRAD_CACHE=cache))
    for name, text in before.items():
        (here / name).write_text(text)
    printed.append(run(tmp_path, PROGRAM, CHALKGRAD_CACHE=cache))
    assert printed == ["2.5 [0.25, 0.25, 0.25, 0.25]\n"] * 3
    assert len(list((tmp_path / "cache").iterdir())) == 2


# Is numba there?


@pytest.fixture
def anew():
    """Whether numba can be used is found out anew, before and after."""

    def forget():
        trace.why_no_machine.cache_clear()
        trace._machine_or_warning.cache_clear()

    forget()
    yield
    forget()


def broken(name):
    if name == "numba":
        raise ImportError("Numba needs NumPy 2.3 or less")
    return import_module(name)


UNUSABLE = [
    (lambda patch: patch.setattr(trace, "find_spec", lambda name: None), r"`pip install 'chalkgrad\[fast\]'`"),
    (lambda patch: patch.setattr(trace, "import_module", broken), "can't be imported: Numba needs NumPy 2.3 or"),
    (lambda patch: patch.setenv("NUMBA_DISABLE_JIT", "1"), "NUMBA_DISABLE_JIT is set"),
]


@pytest.mark.parametrize(("change", "reason"), UNUSABLE, ids=["not installed", "broken", "switched off"])
def test_where_numba_cannot_be_used_plain_python_runs_and_one_warning_says_why(anew, monkeypatch, change, reason):
    change(monkeypatch)
    w = Value(2.0)
    f = compile(lambda x: x * w)
    with pytest.warns(RuntimeWarning, match=f"plain Python here; .*{reason}") as caught:
        assert [f(3.0).data, f.mean([1.0, 2.0]).data] == [6.0, 3.0]
    assert not trace.machine_is_available()
    assert len(caught) == 1


def train():
    model = MLP(1, [2, 1])
    fit(model, ([[1.0], [2.0]], [1.0, 2.0]), mse_loss, SGD(model.parameters(), lr=0.1), 2, progress=False)


@pytest.mark.parametrize(("change", "reason"), UNUSABLE[1:], ids=["broken", "switched off"])
def test_a_training_says_once_why_an_installed_numba_is_not_used(anew, monkeypatch, change, reason):
    change(monkeypatch)
    with pytest.warns(RuntimeWarning, match=f"plain Python here; .*{reason}") as caught:
        train()
    train()
    assert len(caught) == 1


def test_a_training_is_silent_where_numba_is_not_installed(anew, monkeypatch):
    UNUSABLE[0][0](monkeypatch)
    train()


@pytest.mark.filterwarnings("ignore:Environment variable 'NUMBA_DISABLE_JIT'")  # numba itself wonders at the first
@pytest.mark.parametrize("setting", ["", "0"])
def test_numba_that_is_not_switched_off_is_used(anew, monkeypatch, setting):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", setting)
    assert trace.machine_is_available()
