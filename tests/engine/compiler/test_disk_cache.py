"""What is kept on disk is made anew where it is damaged, and never in the way where it can't be kept."""

import errno
import os
from importlib import import_module
from types import FunctionType

import pytest

from engine import Rule, Value, compile, ieee
from engine.compiler import trace

pytest.importorskip("numba", reason="without numba there is no machine code")

import numba
import numpy as np
from numba.core.caching import IndexDataCacheFile

from engine.compiler.codegen import _identity, to_numba
from engine.compiler.disk_cache import OPTIONS, jit_cached, load_generated

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
    (path,) = folder.glob("*.py")
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
    assert not [path for path in folder.glob("tmp*") if path.is_file()]


def test_on_a_full_disk_and_with_no_other_folder_it_is_compiled_too(folder, monkeypatch):
    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr("engine.compiler.disk_cache._folder_of_this_process", full)
    assert twice(3.0)[0] == 6.0


def test_what_cannot_be_compiled_says_so(folder):
    with pytest.raises(numba.errors.NumbaError, match="unknown"):
        twice(3.0, "def twice(x):\n    return unknown(x)\n")


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


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda patch: patch.setattr(trace, "find_spec", lambda name: None), r"`pip install 'chalkgrad\[fast\]'`"),
        (lambda patch: patch.setattr(trace, "import_module", broken), "can't be imported: Numba needs NumPy 2.3 or"),
        (lambda patch: patch.setenv("NUMBA_DISABLE_JIT", "1"), "NUMBA_DISABLE_JIT is set"),
    ],
    ids=["not installed", "broken", "switched off"],
)
def test_where_numba_cannot_be_used_plain_python_runs_and_one_warning_says_why(anew, monkeypatch, change, reason):
    change(monkeypatch)
    w = Value(2.0)
    f = compile(lambda x: x * w)
    assert not trace.machine_is_available()
    with pytest.warns(RuntimeWarning, match=f"plain Python here; .*{reason}") as caught:
        assert [f(3.0).data, f.mean([1.0, 2.0]).data] == [6.0, 3.0]
    assert len(caught) == 1


@pytest.mark.parametrize("setting", ["", "0"])
def test_numba_that_is_not_switched_off_is_used(anew, monkeypatch, setting):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", setting)
    assert trace.machine_is_available()
