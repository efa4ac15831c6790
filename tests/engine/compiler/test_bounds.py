"""What compiling keeps is bounded, whatever is handed over."""

import gc
import weakref

import pytest

from engine import Rule, Value, compile
from engine.compiler import api
from nn import Linear, Module

pytestmark = pytest.mark.filterwarnings("ignore:compile runs in plain Python")


def scaled(x, *anything):
    return x * 2.0


class Thing:
    """An argument that is no number."""


def kept(f):
    return sum(map(len, f._by_modes.values()))


def test_texts_as_arguments_are_forgotten():
    f = compile(scaled)
    for i in range(3 * api.MOST_SPECIALIZATIONS):
        assert f(3.0, f"text {i}").data == 6.0
    assert kept(f) == api.MOST_SPECIALIZATIONS


def test_objects_as_arguments_are_not_kept_alive():
    f, alive = compile(scaled), weakref.WeakSet()
    for _ in range(2 * api.MOST_SPECIALIZATIONS):
        thing = Thing()
        alive.add(thing)
        f(3.0, thing)
    del thing
    gc.collect()
    assert len(alive) <= api.MOST_SPECIALIZATIONS


@pytest.mark.parametrize("way", ["one", "many"])
def test_the_least_recently_used_goes_first(way, monkeypatch):
    monkeypatch.setattr(api, "MOST_SPECIALIZATIONS", 3)
    recorded = []
    for method in ("record", "record_again"):
        whole = getattr(api.Recorder, method)
        monkeypatch.setattr(api.Recorder, method, lambda *given, whole=whole: recorded.append(1) or whole(*given))
    f = compile(lambda xs, name: xs[0] * 2.0)

    def call(name):
        recorded.clear()
        value = f([1.0], name) if way == "one" else f.mean([[1.0]] * 3, name=name)
        assert value.data == 2.0
        return bool(recorded)

    for _ in range(9):  # the next that is checked is the 17th
        for name in "abc":
            call(name)
    assert [call(name) for name in "abc"] == [False] * 3
    assert call("d")  # in the place of a
    assert [call(name) for name in "cbd"] == [False, False, True]  # d's second call is checked
    assert call("a")  # in the place of c
    assert [call(name) for name in "bc"] == [False, True]


def test_lengths_are_forgotten():
    f = compile(lambda xs: sum(xs[1:], xs[0]))
    for n in range(1, 2 * api.MOST_SPECIALIZATIONS):
        assert f([1.0] * n).data == n
    assert kept(f) == api.MOST_SPECIALIZATIONS
    assert f([1.0]).data == 1.0  # recorded anew


def test_modes_of_modules_are_forgotten():
    class Model(Module):
        def __init__(self):
            self.parts = [Linear(1, 1) for _ in range(5)]

        def forward(self, x):
            for part in self.parts:
                x = part([x])[0]
            return x

    model = Model()
    f = compile(model)
    for i in range(32):
        for k, part in enumerate(model.parts):
            part.train(bool(i >> k & 1))
        assert f(1.0).data == pytest.approx(model(Value(1.0)).data)
    assert len(f._by_modes) == api.MOST_MODES


def test_kernels_of_rules_that_are_gone_are_forgotten(monkeypatch):
    codegen = pytest.importorskip("engine.compiler.kernels.codegen", reason="without numba there is no machine code")
    for cached in (codegen._kernel, codegen._cached):
        assert cached.cache_info().maxsize is not None
    monkeypatch.setattr(codegen._of_users, "most", 0)
    own = Rule("own", lambda x: 2.5 * x, lambda z, x: (2.5,))
    f = compile(lambda x: own(x))
    for _ in range(3):
        assert f(2.0).data == 5.0
    assert not codegen._of_users
    gc.collect()
    for _ in range(3):  # the program holds the machine code that it runs
        assert f(2.0).data == 5.0
        assert f.mean([1.0, 3.0]).data == 5.0
