"""After any change to what a function sees, its compiled form gives what the plain one gives, or raises TraceError."""

import builtins
import os
import sys
import types
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import TraceError, Value, compile
from engine.compiler.guards import Guard, kinds
from engine.compiler.scalar import ScalarProgram
from nn import SGD

pytest.importorskip("numba", reason="without numba there is no machine code; what then runs is tested in test_api.py")

PRELUDE = """
import os, pathlib, random, subprocess, time, weakref
import numpy as np
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from contextvars import ContextVar
from dataclasses import dataclass, make_dataclass
from enum import Enum
from functools import cached_property, lru_cache, partial, partialmethod, singledispatch, wraps
from types import MappingProxyType, MethodType, SimpleNamespace
from engine import Rule, Value, compile, dot, rules
from engine import sum as total
from nn import MLP, SGD, Dropout, Linear, Module, Optimizer, Sequential, Tanh
w = Value(1.5)
"""


@pytest.fixture
def notebook(monkeypatch):
    """Runs cells, the first of which imports much; `module` in them makes a module of its own."""

    def module(name, source):
        made = types.ModuleType(name)
        made.__file__ = f"/home/of/a/user/{name}.py"
        monkeypatch.setitem(sys.modules, name, made)
        exec(source, made.__dict__)
        return made

    def run(*cells):
        variables = {"__name__": "__main__", "module": module}
        for cell in (PRELUDE, *cells):
            exec(cell, variables)
        return variables

    return run


def answer(function, x):
    """What a function gives, and the gradient with respect to its argument."""
    x = Value(x)
    value = function(x)
    value.backward()
    return pytest.approx((value.data, x.grad), rel=1e-9)


def stays_right(function, change, calls=3):
    """Whether the compiled form of a function follows a change, called and on many examples."""
    compiled, batched = compile(function), compile(function)
    for i in range(calls):
        assert answer(compiled, 0.5 + i) == answer(function, 0.5 + i).expected
        assert batched.mean([0.5 + i]).data == pytest.approx(function(Value(0.5 + i)).data)
    before = answer(function, 0.5).expected
    change()
    after = answer(function, 0.5).expected
    assert after != before, "the change does not matter"
    for _ in range(4):
        try:
            assert answer(compiled, 0.5) == after
            assert batched.mean([0.5]).data == pytest.approx(after[0])
        except TraceError:
            return


# What is seen, and what changes it. Each defines f, which reads something.

CASES = {
    # Partials, decorators, helpers.
    "a global in a partial": ("k = 2.0\ndef g(a, x): return a * x * k\nf = partial(g, 2.0)", "k = 3.0"),
    "an argument of a partial": ("a = [2.0]\nf = partial(lambda a, x: a[0] * x, a)", "a[0] = 3.0"),
    "a keyword of a partial": ("f = partial(lambda x, a: a * x, a=2.0)", "f.keywords['a'] = 3.0"),
    "a partial of a partial": ("k = 2.0\nf = partial(partial(lambda a, b, x: a * b * k * x, 1.0), 1.0)", "k = 3.0"),
    "a global of a helper in another module": (
        "helpers = module('helpers', 'k = 2.0\\ndef helper(x): return x * k')\nfrom helpers import helper\n"
        "def f(x): return helper(x)", "helpers.k = 3.0"),
    "a helper in another module": (
        "helpers = module('helpers', 'def helper(x): return x * 2')\ndef f(x): return helpers.helper(x)",
        "helpers.helper = lambda x: x * 3"),
    "a helper's helper in a third module": (
        "module('third', 'k = 2.0\\ndef last(x): return x * k')\nthird = __import__('third')\n"
        "module('second', 'from third import last\\ndef helper(x): return last(x)')\nfrom second import helper\n"
        "def f(x): return helper(x)", "third.k = 3.0"),
    "an import in the function": (
        "settings = module('my_settings', 'k = 2.0')\ndef f(x):\n from my_settings import k\n return x * k",
        "settings.k = 3.0"),
    "a decorator from another module": (
        "helpers = module('helpers', 'k = 2.0\\ndef scaled(f):\\n def inner(x): return f(x) * k\\n return inner')\n"
        "@helpers.scaled\ndef f(x): return x", "helpers.k = 3.0"),
    "a decorator that wraps": (
        "k = 2.0\ndef scaled(g):\n @wraps(g)\n def inner(x): return g(x) * k\n return inner\n"
        "@scaled\ndef f(x): return x.tanh()", "k = 3.0"),
    "a function behind lru_cache": (
        "k = 2.0\n@lru_cache\ndef scale(n): return n * k\ndef f(x): return x * scale(1.0)",
        "k = 3.0; scale.cache_clear()"),
    "a single dispatch": (
        "@singledispatch\ndef g(x): return x * 2\ndef f(x): return g(x)", "g.register(Value)(lambda x: x * 3)"),
    "the code of a function": (
        "def g(x): return x * 2\ndef f(x): return g(x)", "g.__code__ = (lambda x: x * 3).__code__"),
    "the default of a function": ("def g(x, k=2.0): return x * k\ndef f(x): return g(x)", "g.__defaults__ = (3.0,)"),
    "a keyword's default": ("def g(x, *, k=2.0): return x * k\ndef f(x): return g(x)", "g.__kwdefaults__['k'] = 3.0"),
    "a list as a default": ("def f(x, k=[2.0]): return x * k[0]", "f.__defaults__[0][0] = 3.0"),
    "an attribute of a function": ("def f(x): return x * f.k\nf.k = 2.0", "f.k = 3.0"),
    "a closure": (
        "def make():\n k = 2.0\n def f(x): return x * k\n def put(v):\n  nonlocal k\n  k = v\n return f, put\n"
        "f, put = make()", "put(3.0)"),
    "a closure of a closure": (
        "def make():\n k = 2.0\n def inner(x): return x * k\n def f(x): return inner(x)\n def put(v):\n  nonlocal k\n"
        "  k = v\n return f, put\nf, put = make()", "put(3.0)"),
    "a global in a function inside": ("k = 2.0\ndef f(x):\n def g(y): return y * k\n return g(x)", "k = 3.0"),
    "a built-in that is shadowed": ("def f(x): return abs(x)", "abs = lambda x: x * 3"),
    "a name of an installed module": ("import math\ndef f(x): return x * math.tau", "math = SimpleNamespace(tau=3.0)"),
    "a global by its text": ("k = 2.0\ndef f(x): return x * globals()['k']", "k = 3.0"),
    "a compiled function within": ("k = 2.0\ng = compile(lambda x: x * k)\ndef f(x): return g(x)", "k = 3.0"),
    "a method that was taken out": ("d = {'k': 2.0}\nget = d.get\ndef f(x): return x * get('k')", "d['k'] = 3.0"),
    "all attributes of an object": (
        "class S: pass\ns = S()\ns.k = 2.0\ndef f(x): return x * s.k", "s.__dict__ = {'k': 3.0}"),
    # Modules of nn.
    "all attributes of a Module": (
        "class Scale(Module):\n def forward(self, x): return [x[0] * self.k]\n"
        "m = Scale()\nm.k = 2.0\ndef f(x): return m([x])[0]", "m.__dict__ = {**vars(m), 'k': 3.0}"),
    "a global in a Module": (
        "k = 2.0\nclass Scale(Module):\n def forward(self, x): return [x[0] * k]\n"
        "m = Sequential(Scale())\ndef f(x): return m([x])[0]", "k = 3.0"),
    "a property of a Module": (
        "k = 2.0\nclass Scale(Module):\n @property\n def s(self): return k\n"
        " def forward(self, x): return [x[0] * self.s]\n"
        "m = Sequential(Tanh(), Scale())\ndef f(x): return m([x])[0]", "k = 3.0"),
    "a static method of a Module": (
        "k = 2.0\nclass Scale(Module):\n @staticmethod\n def s(x): return x * k\n"
        " def forward(self, x): return [self.s(x[0])]\n"
        "m = Sequential(Scale())\ndef f(x): return m([x])[0]", "k = 3.0"),
    "a class method of a Module": (
        "class Scale(Module):\n k = 2.0\n @classmethod\n def s(cls, x): return x * cls.k\n"
        " def forward(self, x): return self.s(x)\nf = Scale()", "Scale.k = 3.0"),
    "a Module's class attribute": (
        "class Scale(Module):\n k = 2.0\n def forward(self, x): return x * self.k\nf = Scale()", "Scale.k = 3.0"),
    "a Module's base class's attribute": (
        "class Base(Module): k = 2.0\nclass Scale(Base):\n def forward(self, x): return x * self.k\nf = Scale()",
        "Base.k = 3.0"),
    "a Module's attribute that is deleted": (
        "class Scale(Module):\n k = 2.0\n def forward(self, x): return x * self.k\nf = Scale(); f.k = 3.0", "del f.k"),
    "a Module's attributes as a dictionary": (
        "class Scale(Module):\n def __init__(self): self.k = 2.0\n"
        " def forward(self, x): return x * self.k\nf = Scale()",
        "vars(f)['k'] = 3.0"),
    "a list in a Module": (
        "class Scale(Module):\n def __init__(self): self.ks = [1.0, 2.0]\n"
        " def forward(self, x): return x * self.ks[1]\nf = Scale()", "f.ks[1] = 3.0"),
    "forward of a class": (
        "class Scale(Module):\n def forward(self, x): return x * 2\nf = Scale()",
        "Scale.forward = lambda self, x: x * 3"),
    "a weight in another's place": (
        "m = MLP(1, [3, 1], activation='tanh')\ndef f(x): return m([x])", "m.layers[0].neurons[0].w[0] = Value(9.0)"),
    "a layer that is popped": (
        "m = Sequential(Linear(1, 1), Linear(1, 1))\ndef f(x): return m([x])[0]", "delattr(m, '1')"),
    "a layer in another's place": (
        "m = Sequential(Linear(1, 1), Tanh())\ndef f(x): return m([x])[0]", "setattr(m, '0', Linear(1, 1))"),
    "a Value that is appended": ("ws = [w]\ndef f(x): return total([u * x for u in ws])", "ws.append(Value(3.0))"),
    "Values in nested lists": ("ws = [[w], [w]]\ndef f(x): return ws[1][0] * x", "ws[1][0] = Value(3.0)"),
    "Values in a dictionary of lists": ("ws = {'a': [w]}\ndef f(x): return ws['a'][0] * x", "ws['a'] = [Value(3.0)]"),
    # Objects and classes.
    "an attribute": ("class A: pass\na = A(); a.k = 2.0\ndef f(x): return x * a.k", "a.k = 3.0"),
    "a chain of attributes": (
        "s = SimpleNamespace(model=SimpleNamespace(k=2.0))\ndef f(x): return x * s.model.k", "s.model.k = 3.0"),
    "the middle of a chain of attributes": (
        "s = SimpleNamespace(model=SimpleNamespace(k=2.0))\ndef f(x): return x * s.model.k",
        "s.model = SimpleNamespace(k=3.0)"),
    "a class attribute": (
        "class A:\n k = 2.0\n def __call__(self, x): return x * self.k\nf = A()", "A.k = 3.0"),
    "an object's attribute before its class's": (
        "class A:\n k = 2.0\n def __call__(self, x): return x * self.k\nf = A()", "f.k = 3.0"),
    "an attribute that is deleted": (
        "class A:\n k = 2.0\n def __call__(self, x): return x * self.k\nf = A(); f.k = 7.5", "del f.k"),
    "a subclass's attribute before its base's": (
        "class B:\n def g(self, x): return x * 2\nclass A(B): pass\na = A()\ndef f(x): return a.g(x)",
        "A.g = lambda self, x: x * 3"),
    "an attribute of a metaclass": (
        "class M(type):\n k = 2.0\nclass A(metaclass=M): pass\ndef f(x): return x * A.k", "M.k = 3.0"),
    "the class of an object": (
        "class A:\n k = 2.0\nclass B:\n k = 3.0\na = A()\ndef f(x): return x * a.k", "a.__class__ = B"),
    "a slot": (
        "class A: __slots__ = ('k',)\na = A(); a.k = 2.0\ndef f(x): return x * a.k", "a.k = 3.0"),
    "a dataclass": ("@dataclass\nclass A: k: float = 2.0\na = A()\ndef f(x): return x * a.k", "a.k = 3.0"),
    "an attribute by a text": (
        "class A: k = 1.0\na = A(); a.k = 2.0\ndef f(x): return x * getattr(a, 'k')", "a.k = 3.0"),
    "an attribute by a text that is put together": (
        "class A: pass\na = A(); a.k1 = 2.0\ndef f(x): return x * getattr(a, f'k{1}')", "a.k1 = 3.0"),
    "all attributes": (
        "class A: pass\na = A(); a.k = 2.0\ndef f(x): return x * sum(vars(a).values())", "a.k = 3.0"),
    "an attribute that was not there": (
        "class A: pass\na = A()\ndef f(x): return x * getattr(a, 'k', 2.0)", "a.k = 3.0"),
    "a descriptor": (
        "k = 2.0\nclass D:\n def __get__(self, a, kind): return k\nclass A: d = D()\na = A()\ndef f(x): return x * a.d",
        "k = 3.0"),
    "a property that is replaced": (
        "class A:\n @property\n def k(self): return 2.0\na = A()\ndef f(x): return x * a.k",
        "A.k = property(lambda self: 3.0)"),
    "__getattr__": (
        "class A:\n def __init__(self): self.d = {'k': 2.0}\n def __getattr__(self, n): return self.d[n]\na = A()\n"
        "def f(x): return x * a.k", "a.d['k'] = 3.0"),
    "__getitem__": (
        "class A:\n k = 2.0\n def __getitem__(self, i): return self.k\na = A()\ndef f(x): return x * a[0]",
        "A.k = 3.0"),
    "a bound method": ("class A:\n def g(self, x): return x * self.k\na = A(); a.k = 2.0\nf = a.g", "a.k = 3.0"),
    "a method of one object": (
        "class A:\n def g(self, x): return x * 2\na = A()\ndef f(x): return a.g(x)",
        "a.g = MethodType(lambda self, x: x * 3, a)"),
    "super": (
        "class B:\n k = 2.0\n def g(self, x): return x * self.k\nclass A(B):\n def g(self, x): return super().g(x)\n"
        "a = A()\ndef f(x): return a.g(x)", "B.g = lambda self, x: x * 3"),
    "an object that is made in the function": (
        "k = 2.0\nclass A:\n def __init__(self, x): self.y = x * k\ndef f(x): return A(x).y", "k = 3.0"),
    "an optimizer's learning rate": ("o = SGD([w], lr=2.0)\ndef f(x): return x * o.lr", "o.lr = 3.0"),
    # Containers.
    "a number in a dictionary": ("d = {'k': 2.0}\ndef f(x): return x * d['k']", "d['k'] = 3.0"),
    "a number deep inside": ("d = {'a': [{'b': (1.0, [2.0])}]}\ndef f(x): return x * d['a'][0]['b'][1][0]",
        "d['a'][0]['b'][1][0] = 3.0"),
    "a key that is new": ("d = {'k': 2.0}\ndef f(x): return x * len(d)", "d['l'] = 3.0"),
    "the order of a dictionary": ("d = OrderedDict(a=2.0, b=3.0)\ndef f(x): return x * next(iter(d.values()))",
        "d.move_to_end('a')"),
    "a function in a dictionary": ("d = {'f': lambda x: x * 2}\ndef f(x): return d['f'](x)",
        "d['f'] = lambda x: x * 3"),
    "a function's global in a list": ("k = 2.0\nfs = [lambda x: x * k]\ndef f(x): return fs[0](x)", "k = 3.0"),
    "minus zero": ("ks = [0.0]\ndef f(x): return rules.atan2(ks[0], -x)", "ks[0] = -0.0"),
    "a deque": ("d = deque([2.0])\ndef f(x): return x * d[0]", "d.appendleft(3.0)"),
    "a set": ("s = {2.0}\ndef f(x): return x * sum(s)", "s.add(3.0)"),
    "a counter": ("c = Counter('aab')\ndef f(x): return x * c['a']", "c['a'] += 1"),
    "a default dictionary": ("d = defaultdict(float, k=2.0)\ndef f(x): return x * d['k']", "d['k'] = 3.0"),
    "a chain of maps": ("c = ChainMap({}, {'k': 2.0})\ndef f(x): return x * c['k']", "c['k'] = 3.0"),
    "a user's dictionary": ("d = UserDict(k=2.0)\ndef f(x): return x * d['k']", "d['k'] = 3.0"),
    "a mapping that can't be written": ("d = {'k': 2.0}\np = MappingProxyType(d)\ndef f(x): return x * p['k']",
        "d['k'] = 3.0"),
    "a list of a class of its own": ("class L(list): pass\nl = L([2.0])\ndef f(x): return x * l[0]", "l[0] = 3.0"),
    "a dictionary of a class of its own": (
        "class D(dict):\n def __getattr__(self, n): return self[n]\nd = D(k=2.0)\ndef f(x): return x * d.k",
        "d.k = 3.0; d['k'] = 3.0"),
    "a namedtuple": ("P = namedtuple('P', 'k')\np = [P(2.0)]\ndef f(x): return x * p[0].k",
        "p[0] = p[0]._replace(k=3.0)"),
    "an array of NumPy": ("a = np.array([2.0, 1.0])\ndef f(x): return x * float(a[0])", "a[0] = 3.0"),
    "the shape of an array": (
        "a = np.ones((2, 3))\ndef f(x): return x * a.shape[0]",
        "a.resize((3, 2), refcheck=False)",
    ),
    "a view of an array": ("b = np.ones(4); a = b[::2]\ndef f(x): return x * float(a[1])", "b[2] = 3.0"),
    "an array of objects": ("a = np.array([w, 2.0], object)\ndef f(x): return x * a[1]", "a[1] = 3.0"),
    "an array of Python's": ("a = array('d', [2.0])\ndef f(x): return x * a[0]", "a[0] = 3.0"),
    "a bytearray": ("b = bytearray(b'a')\ndef f(x): return x * b[0]", "b[0] = 3"),
    "a list as a context variable's default": (
        "c = ContextVar('c', default=[2.0])\ndef f(x): return x * c.get()[0]", "c.get()[0] = 3.0"),
    "a weak reference": (
        "class A: pass\na = A(); a.k = 2.0\nr = weakref.ref(a)\ndef f(x): return x * r().k", "a.k = 3.0"),
    "a dictionary of weak references": (
        "class A: pass\na = A(); a.k = 2.0\nd = weakref.WeakValueDictionary(a=a)\ndef f(x): return x * d['a'].k",
        "a.k = 3.0"),
    "a set of weak references": (
        "class A: pass\na = A(); a.k = 2.0\ns = weakref.WeakSet([a])\ndef f(x): return x * sum(b.k for b in s)",
        "a.k = 3.0"),
    "a slot of a class that is made by a library": (
        "A = make_dataclass('A', ['k'], slots=True)\na = A(2.0)\ndef f(x): return x * a.k", "a.k = 3.0"),
    "what the methods of a library's base class read": (
        "class A(Enum): K = 2.0\ndef f(x): return x * A.K.value", "A.K._value_ = 3.0"),
    "a name in a text": ("k = 2.0\ndef f(x): return x * eval('k + 0')", "k = 3.0"),
    "an attribute in a text": ("s = SimpleNamespace(k=2.0)\ndef f(x): return x * eval('s.k')", "s.k = 3.0"),
    "a context variable": ("c = ContextVar('c', default=2.0)\ndef f(x): return x * c.get()", "c.set(3.0)"),
    # Rules.
    "a constant in a rule": ("k = 2.0\nr = Rule('r', lambda x: k * x, lambda z, x: (k,))\ndef f(x): return r(x)",
        "k = 3.0"),
    "a constant in a rule's partials": (
        "k = 2.0\nr = Rule('r', lambda x: 2 * x, lambda z, x: (k,))\ndef f(x): return r(x)", "k = 3.0"),
    "a constant in a rule's closure": (
        "def make():\n k = 2.0\n def put(v):\n  nonlocal k\n  k = v\n"
        " return Rule('r', lambda x: k * x, lambda z, x: (k,)), put\nr, put = make()\ndef f(x): return r(x)",
        "put(3.0)"),
    "a constant in another module": (
        "c = module('constants', 'k = 2.0')\nr = Rule('r', lambda x: c.k * x, lambda z, x: (c.k,))\n"
        "def f(x): return r(x)",
        "c.k = 3.0"),
    "a helper of a rule": (
        "def g(x): return 2 * x\nr = Rule('r', lambda x: g(x), lambda z, x: (2.0,))\ndef f(x): return r(x)",
        "g = lambda x: 3 * x"),
    "a rule's value": ("r = Rule('r', lambda x: 2 * x, lambda z, x: (2.0,))\ndef f(x): return r(x)",
        "r.value = lambda x: 3 * x"),
    "a rule's partials": ("r = Rule('r', lambda x: 2 * x, lambda z, x: (2.0,))\ndef f(x): return r(x)",
        "r.partials = lambda z, x: (3.0,)"),
    "a rule in a rule": (
        "k = 2.0\ns = Rule('s', lambda x: k * x, lambda z, x: (k,))\n"
        "r = Rule('r', lambda x: s(x), lambda z, x: (s(1.0),))\ndef f(x): return r(x)", "k = 3.0"),
}  # fmt: skip


@pytest.mark.parametrize("machine", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_what_a_function_sees_may_change(name, machine, notebook, monkeypatch):
    if not machine:
        monkeypatch.setattr("engine.compiler.trace._machine_or_warning", lambda: False)
    source, change = CASES[name]
    variables = notebook(source)
    stays_right(variables["f"], lambda: exec(change, variables))


@pytest.mark.parametrize("name", CASES)
def test_the_guard_names_what_has_changed(name, notebook):
    source, change = CASES[name]
    variables = notebook(source)
    guard = Guard(variables["f"])
    assert guard.holds()
    assert not guard.difference()
    exec(change, variables)
    assert not guard.holds()
    assert guard.difference()
    assert guard.renewed().holds()


# Functions and objects among the arguments.

GIVEN = {
    "a closure": (
        "def make():\n k = 2.0\n def g(x): return x * k\n def put(v):\n  nonlocal k\n  k = v\n"
        " return g, put\ng, put = make()",
        "put(3.0)"),
    "a global": ("k = 2.0\ndef g(x): return x * k", "k = 3.0"),
    "a bound method": ("class A:\n k = 2.0\n def g(self, x): return x * self.k\na = A(); g = a.g", "a.k = 3.0"),
    "an object that is called": ("class A:\n k = 2.0\n def __call__(self, x): return x * self.k\ng = A()", "g.k = 3.0"),
    "a Module": ("class A(Module):\n k = 2.0\n def forward(self, x): return x * self.k\ng = A()", "A.k = 3.0"),
    "a partial": ("k = 2.0\ng = partial(lambda a, x: a * x * k, 1.0)", "k = 3.0"),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_what_an_argument_sees_may_change(name, notebook):
    source, change = GIVEN[name]
    variables = notebook(source)
    g, apply = variables["g"], lambda x, g: g(x)
    compiled = compile(apply)
    for _ in range(3):
        assert answer(lambda x: compiled(x, g), 0.5) == (1.0, 2.0)
    exec(change, variables)
    for _ in range(3):
        assert answer(lambda x: compiled(x, g), 0.5) == (1.5, 3.0)


# Update rules of optimizers.

UPDATES = {
    "a global": ("k = 1.0", "k", "k = 3.0"),
    "an entry of a dictionary": ("d = {'k': 1.0}", "d['k']", "d['k'] = 3.0"),
    "an item of a list": ("l = [1.0]", "l[0]", "l[0] = 3.0"),
    "a class attribute": ("", "self.k", "Mine.k = 3.0"),
    "an attribute": ("", "self.k", "o.k = 3.0"),
    "an attribute that is added later": ("", "getattr(self, 'late', 1.0)", "o.late = 3.0"),
    "a function": ("def h(): return 1.0", "h()", "def h(): return 3.0"),
    "a helper's global": ("k = 1.0\ndef h(): return k", "h()", "k = 3.0"),
    "a module": ("m = module('of_updates', 'k = 1.0')", "m.k", "m.k = 3.0"),
    "an object": ("s = SimpleNamespace(k=1.0)", "s.k", "s.k = 3.0"),
    "a rule": ("k = 1.0\nr = Rule('r', lambda x: k * x, lambda z, x: (k,))", "r(1.0)", "k = 3.0"),
    "a rule of a parameter": ("k = 1.0\nr = Rule('r', lambda x: k * x, lambda z, x: (k,))", "r(g) / (g + 1e-300)",
        "k = 3.0"),
    "the rule itself": ("", "1.0", "Mine.update = lambda self, p, g: (p - 0.3 * g,)"),
    "a default": ("def h(k=[1.0]): return k[0]", "h()", "h.__defaults__[0][0] = 3.0"),
    "a base class's attribute": ("class Base(Optimizer): late = 1.0", "self.late", "Base.late = 3.0"),
    "a property": ("k = 1.0", "self.scale", "k = 3.0"),
    "a setting that is no number": ("", "(1.0 if self.text == 'a' else 3.0)", "o.text = 'b'"),
}  # fmt: skip


@pytest.mark.parametrize("name", UPDATES)
def test_what_an_update_rule_reads_may_change(name, notebook):
    setup, scale, change = UPDATES[name]
    base = "Base" if "class Base" in setup else "Optimizer"
    source = (
        f"{setup}\nclass Mine({base}):\n k = 1.0; text = 'a'\n @property\n def scale(self): return k\n"
        f" def update(self, p, g): return (p - self.lr * {scale} * g,)\n"
        "u = Value(1.0)\no = Mine([u], lr=0.1)\ndef loss(x): return (u * x - 3.0) ** 2"
    )
    numbers = []
    for wanted in (lambda f: f, compile):
        variables = notebook(source)
        loss = wanted(variables["loss"])
        for count in (4, 3):
            for _ in range(count):
                variables["o"].minimize(loss, 1.0)
            numbers.append(variables["u"].data)
            exec(change, variables)
    assert numbers[2:] == pytest.approx(numbers[:2], rel=1e-12)


def test_the_update_rule_is_machine_code_again_after_a_change(notebook):
    variables = notebook(
        "k = 1.0\nclass Mine(Optimizer):\n def update(self, p, g): return (p - self.lr * k * g,)\n"
        "u = Value(1.0)\no = Mine([u], lr=0.1)\nloss = compile(lambda x: (u * x) ** 2)"
    )
    for k in (1.0, 2.0):
        exec(f"k = {k}", variables)
        for _ in range(8):
            variables["o"].minimize(variables["loss"], 1.0)
        assert variables["o"]._fused._kernel is not None


# Arrays of examples, changed in their own memory.

IN_PLACE = {
    "resized and back": lambda a: (a.resize(5_000_000, refcheck=False), a.resize(64, refcheck=False)),
    "of other strides": lambda a: setattr(a, "strides", (0,)),
    "of another type": lambda a: setattr(a, "dtype", np.int64),
    "of other numbers": lambda a: a.fill(3.0),
    "of whole numbers of half the size": lambda a: (a.resize(32, refcheck=False), setattr(a, "dtype", np.int32)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", ["mean", "minimize"])
@pytest.mark.parametrize("name", IN_PLACE)
def test_an_array_may_change_in_its_own_memory(name, how):
    u = Value(0.5)
    loss = compile(lambda x, y: (u * x - y) ** 2)
    optimizer = SGD([u], lr=0.0 + 1e-300)
    X, Y = np.arange(64.0), np.ones(64)

    def now():
        return loss.mean(X, Y).data if how == "mean" else optimizer.minimize(loss.mean, X, Y)

    for change in (lambda a: None, IN_PLACE[name]):
        change(X)
        for _ in range(4):
            assert now() == pytest.approx(np.mean((0.5 * X.astype(float) - Y) ** 2), rel=1e-9)


# What is given beside numbers.


def test_a_text_beside_the_value_is_todays(notebook):
    variables = notebook("name = 'a'\ndef loss(x): return x * 2, {'name': name, 'twice': x + x}")
    compiled = compile(variables["loss"], aux=True)
    for name in "aaabbba":
        variables["name"] = name
        value, more = compiled(3.0)
        assert (value.data, more) == (6.0, {"name": name, "twice": 6.0})
    changing = iter("aabbbb")
    hidden = compile(lambda x: (x * 2, next(changing)), aux=True)
    assert hidden(1.0)[1] == "a"
    with pytest.raises(TraceError, match=r"besides numbers it returned .'a'., and now it returns .'b'."):
        hidden(1.0)


@pytest.mark.parametrize("value", ["[x]", "[x, x]", "(x, x)", "{'a': x}"])
def test_what_is_no_value_is_refused_as_in_plain_python(value, notebook):
    f = notebook(f"def f(x): return {value}, 'text'")["f"]
    with pytest.raises(TypeError) as plain:
        Value(1.0) + f(Value(1.0))[0]
    for _ in range(3):
        with pytest.raises(TypeError) as compiled:
            compile(f, aux=True)(1.0)
    assert type(compiled.value) is type(plain.value)


# Modes.

MODES = {
    "a dictionary": "models = {'a': Dropout(0.5)}\ndef f(x): return models['a']([x])[0]",
    "a list": "models = [[Dropout(0.5)]]\ndef f(x): return models[0][0]([x])[0]",
    "an object": "class A: pass\na = A(); a.m = Dropout(0.5); models = [a.m]\ndef f(x): return a.m([x])[0]",
    "a Module": "models = [Sequential(Dropout(0.5))]\ndef f(x): return models[0]([x])[0]",
    "a closure": "def make(m):\n return lambda x: m([x])[0]\nmodels = [Dropout(0.5)]\nf = make(models[0])",
}


@pytest.mark.parametrize("calls", [1, 2, 3, 4])
@pytest.mark.parametrize("name", MODES)
def test_a_module_may_go_from_one_mode_to_another_after_any_call(name, calls, notebook):
    variables = notebook(MODES[name], "every = [*(models.values() if isinstance(models, dict) else models)]")
    every = variables["every"][0]
    every = every if isinstance(every, list) else [every]
    compiled = compile(variables["f"])
    for model in every:
        model.eval()
    for _ in range(calls):
        assert compiled(3.0).data == 3.0
    for model in every:
        model.train()
        for part in model.modules():
            part.p = 0.0
    for _ in range(3):
        assert compiled(4.0).data == 4.0
    for model in every:
        model.eval()
    assert compiled(5.0).data == 5.0


# Objects that do not like to be asked.

SHY = {
    "__getattr__": "def __getattr__(self, name): raise KeyError(name)",
    "__getattribute__": "def __getattribute__(self, name): raise KeyError(name)",
    "__class__": "__class__ = property(lambda self: 1 / 0)",
    "__dict__": "__dict__ = property(lambda self: 1 / 0)",
    "__eq__": "def __eq__(self, other): raise KeyError\n __hash__ = object.__hash__",
    "__hash__": "def __hash__(self): raise KeyError",
    "__len__": "def __len__(self): raise KeyError",
    "__iter__": "def __iter__(self): raise KeyError",
    "__bool__": "def __bool__(self): raise KeyError",
    "dtype": "@property\n def dtype(self): raise KeyError\n def tobytes(self): raise KeyError",
}


@pytest.mark.parametrize("kind", ["", "list", "dict", "tuple", "Module"])
@pytest.mark.parametrize("name", SHY)
def test_objects_are_not_asked(name, kind, notebook):
    if kind == "Module" and name in ("__getattribute__", "__class__", "__dict__", "__getattr__"):
        pytest.skip("a Module is asked for its parts by the library itself")
    variables = notebook(f"class Shy({kind}):\n {SHY[name]}\nshy = Shy(); shies = [shy]", "k = 2.0")
    exec("def f(x): return x * k if shy is not None and shies else x", variables)
    stays_right(variables["f"], lambda: exec("k = 3.0", variables))


@pytest.mark.parametrize("shy", ["class M(type):\n"
        " def __getattr__(self, name): raise KeyError\nclass Shy(metaclass=M): pass\n"
    "shy = Shy()", "shy = module('shy', 'def __getattr__(name): raise KeyError(name)'); del shy.__file__"])  # fmt: skip
def test_classes_and_modules_are_not_asked(shy, notebook):
    variables = notebook(shy, "k = 2.0\ndef f(x): return x * k if shy is not None else x")
    stays_right(variables["f"], lambda: exec("k = 3.0", variables))


# What is outside of the process.

OUTSIDE = [
    ("os.environ", "os.environ.get('A') or 1.0"),
    ("os.getenv", "os.getenv('A') or 1.0"),
    ("open", "len(open('/dev/null').read())"),
    ("input", "len(input())"),
    ("time.time", "time.time()"),
    ("time.perf_counter", "time.perf_counter()"),
    ("random.random", "random.random()"),
    ("random.gauss", "random.gauss(0, 1)"),
    ("numpy.random.rand", "float(np.random.rand())"),
    ("datetime.now", "__import__('datetime') and datetime.now().year"),
    ("datetime.now", "dates.datetime.now().year"),
    ("time.monotonic", "monotonic()"),
    ("Path.read_text", "len(pathlib.Path('/dev/null').read_text())"),
    ("Path.exists", "PATH.exists()"),
    ("os.path.exists", "os.path.exists('/dev/null')"),
    ("os.path.getsize", "getsize('/dev/null')"),
    ("numpy.loadtxt", "float(np.loadtxt(['1']))"),
    ("subprocess.run", "subprocess.run(['true']).returncode"),
    ("what a weakref.proxy leads to", "PROXY.k"),
]
FROM = """
import datetime as dates
from datetime import datetime
from os.path import getsize
from time import monotonic
PATH = pathlib.Path("/dev/null")
class Thing: k = 1.0
KEPT = Thing()
PROXY = weakref.proxy(KEPT)
"""


@pytest.mark.parametrize("where", ["{}", "helper()", "a.g()", "fs['g']()"])
@pytest.mark.parametrize(("name", "expression"), OUTSIDE)
def test_what_is_outside_is_refused_by_name(name, expression, where, notebook):
    variables = notebook(
        f"{FROM}\ndef helper(): return {expression}\nclass A:\n"
        " def g(self): return helper()\na = A(); fs = {'g': a.g}\n"
        f"def f(x): return x * {where.format(expression)}"
    )
    with pytest.raises(TraceError, match=rf"f reads {name}, which may be different at the next call"):
        compile(variables["f"])(1.0)


def test_what_is_outside_is_refused_where_a_change_brings_it_in(notebook):
    variables = notebook("def helper(): return 1.0\ndef f(x): return x * helper()")
    compiled = compile(variables["f"])
    for _ in range(4):
        assert compiled(2.0).data == 2.0
    exec("def helper(): return float(os.environ.get('A', 1.0))", variables)
    with pytest.raises(TraceError, match=r"f reads os\.environ"):
        compiled(2.0)


def test_what_is_outside_does_not_matter_where_no_code_of_the_function_reads_it(notebook):
    variables = notebook(
        "class Net(Module):\n def __init__(self): self.u = Value(random.gauss(0, 1)); self.started = time.time()\n"
        " def forward(self, x): return self.u * x\n def save(self): open('x')\nf = Net()\nt = time.sleep"
    )
    stays_right(variables["f"], lambda: variables["f"].__setattr__("u", Value(9.0)))


def test_what_was_outside_and_is_gone_does_not_leave_its_name_to_another_thing(monkeypatch):
    """In a notebook `input` is another method in each cell, and the engine is imported in one of them."""

    class Kernel:
        def raw_input(self):
            return ""

    kernel = Kernel()
    with monkeypatch.context() as cell:
        cell.setattr(builtins, "input", kernel.raw_input)
        spec = spec_from_file_location("kinds_in_a_cell", kinds.__file__)
        imported = module_from_spec(spec)
        spec.loader.exec_module(imported)
    later = [kernel.raw_input for _ in range(1000)]
    assert not any(id(method) in imported.OUTSIDE for method in later)


# What changes without mattering.

UNIMPORTANT = {
    "a list that grows": ("log = []", "log", "log.append(0.5)"),
    "a history of the model": ("class A: pass\na = A(); a.log = []", "a.log", "a.log.append(0.5)"),
    "a counter": ("count = 0", "count", "count += 1"),
    "a counter in a dictionary": ("d = {'n': 0}", "d", "d['n'] += 1"),
    "a list of objects": ("log = []", "log", "log.append(SimpleNamespace())"),
}


@pytest.mark.parametrize("name", UNIMPORTANT)
def test_what_changes_without_mattering_costs_one_plain_run_and_no_recording(name, notebook):
    setup, seen, change = UNIMPORTANT[name]
    variables = notebook(f"runs = [0]\n{setup}\ndef f(x):\n runs[0] += 1\n {seen}\n return (w * x).tanh()")
    compiled = compile(variables["f"])
    for _ in range(3):
        compiled(1.0)
    tape, before = compiled.tape, variables["runs"][0]
    for _ in range(20):
        exec(change, variables)
        compiled(1.0)
    assert compiled.tape is tape
    assert variables["runs"][0] - before == 20
    for _ in range(20):
        compiled(1.0)
    before = variables["runs"][0]
    for _ in range(10):
        compiled(1.0)
    assert variables["runs"][0] == before, "when nothing changes, it is machine code"


def test_what_changes_at_every_call_and_matters_runs_as_the_plain_function(notebook):
    variables = notebook("runs = [0]\nk = 1.0\ndef f(x):\n runs[0] += 1\n return w * x * k")
    compiled = compile(variables["f"])
    for i in range(20):
        variables["k"] = float(i)
        assert compiled(1.0).data == 1.5 * i
    assert variables["runs"][0] < 60
    for _ in range(40):
        assert compiled(1.0).data == 1.5 * 19
    before = variables["runs"][0]
    for _ in range(20):
        assert compiled(1.0).data == 1.5 * 19
    assert variables["runs"][0] - before <= 2, "it is machine code again once nothing changes"


def test_a_history_beside_the_model_is_not_even_looked_at(notebook):
    variables = notebook(
        "class Trainer:\n def __init__(self): self.log, self.u = [], Value(1.0)\n"
        " def loss(self, x): return self.u * x\nt = Trainer()\nguard_of = t.loss"
    )
    guard = Guard(variables["guard_of"])
    variables["t"].log.append(1.0)
    assert guard.holds()


# The net beneath.


def test_what_no_guard_can_see_is_found_by_comparing_and_it_is_said_since_when():
    scales = iter([2.0] * 5 + [3.0])
    f = compile(lambda x: x * next(scales))
    for _ in range(8):
        f(1.0)
    with pytest.raises(TraceError, match=r"2.0 in v1 = x \* 2 is 3.0 now.* Its results from call 6 on may have been"):
        f(1.0)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("how", ["call", "mean"])
def test_gradients_are_compared_too(how, check, monkeypatch):
    from engine.compiler.batched import BatchedProgram

    u = Value(2.0)
    f = compile(lambda x: u * x, check=check)
    one, many = ScalarProgram.run, BatchedProgram.run
    monkeypatch.setattr(
        ScalarProgram, "run", lambda *args: (one(*args)[0], [2.0 * g for g in one(*args)[1]], *one(*args)[2:])
    )
    monkeypatch.setattr(BatchedProgram, "run", lambda *args: (2.0 * many(*args)[0], *many(*args)[1:]))
    with pytest.raises(TraceError, match="as machine code and"):
        f(Value(3.0)) if how == "call" else f.mean([3.0, 4.0])


@pytest.mark.parametrize("check", [False, True])
def test_comparing_changes_neither_gradients_nor_random_numbers(check):
    import random

    u, x = Value(2.0), Value(3.0)
    f = compile(lambda x: u * x * (2.0 if rng.random() < 2.0 else 3.0), check=check)
    rng = random.Random(1)
    u.grad, x.grad = 7.0, 8.0
    for _ in range(4):
        f(x)
    state, own = random.getstate(), rng.getstate()
    for _ in range(20):
        f(x)
    assert (u.grad, x.grad, random.getstate() == state, rng.getstate() == own) == (7.0, 8.0, True, True)


def test_the_calls_2_3_5_9_and_17_are_compared():
    runs = []
    f = compile(lambda x: runs.append(x) or x * 2)
    compared = []
    for i in range(1, 40):
        before = len(runs)
        f(1.0)
        if len(runs) > before:
            compared.append(i)
    assert compared == [1, 2, 3, 5, 9, 17, 33]


# Random functions over random surroundings, with random changes between calls. Each place has a name {i}, a number {v}.

PLACES = [
    ("k{i} = {v}", "k{i}", "k{i} = {v}"),
    ("d{i} = {{'k': {v}}}", "d{i}['k']", "d{i}['k'] = {v}"),
    ("l{i} = [1.0, [{v}]]", "l{i}[1][0]", "l{i}[1][0] = {v}"),
    ("s{i} = SimpleNamespace(m=SimpleNamespace(k={v}))", "s{i}.m.k", "s{i}.m.k = {v}"),
    ("s{i} = SimpleNamespace(m=SimpleNamespace(k={v}))", "s{i}.m.k", "s{i}.m = SimpleNamespace(k={v})"),
    ("class A{i}: k = {v}\na{i} = A{i}()", "a{i}.k", "A{i}.k = {v}"),
    ("class A{i}: k = {v}\na{i} = A{i}()", "a{i}.k", "a{i}.k = {v}"),
    ("class A{i}: __slots__ = ('k',)\na{i} = A{i}(); a{i}.k = {v}", "a{i}.k", "a{i}.k = {v}"),
    ("m{i} = module('m{i}', 'k = {v}\\ndef g(): return k')", "m{i}.k", "m{i}.k = {v}"),
    ("m{i} = module('m{i}', 'k = {v}\\ndef g(): return k')", "m{i}.g()", "m{i}.k = {v}"),
    ("def g{i}(k=[{v}]): return k[0]", "g{i}()", "g{i}.__defaults__[0][0] = {v}"),
    ("k{i} = {v}\ng{i} = partial(lambda a: a * k{i}, 1.0)", "g{i}()", "k{i} = {v}"),
    ("g{i} = partial(lambda a: a, a={v})", "g{i}()", "g{i}.keywords['a'] = {v}"),
    ("def make{i}(k):\n def put(v):\n  nonlocal k\n  k = v\n return lambda: k, put\ng{i}, put{i} = make{i}({v})",
        "g{i}()",
     "put{i}({v})"),
    ("k{i} = {v}\nclass P{i}:\n @property\n def k(self): return k{i}\np{i} = P{i}()", "p{i}.k", "k{i} = {v}"),
    ("k{i} = {v}\nclass P{i}:\n @staticmethod\n def g(): return k{i}\np{i} = [P{i}()]", "p{i}[0].g()", "k{i} = {v}"),
    ("k{i} = {v}\ndef by{i}(f):\n @wraps(f)\n def g(): return f() * k{i}\n"
        " return g\n@by{i}\ndef g{i}(): return 1.0", "g{i}()",
     "k{i} = {v}"),
    ("n{i} = np.array([1.0, {v}])", "float(n{i}[1])", "n{i}[1] = {v}"),
    ("c{i} = ContextVar('c{i}')\nc{i}.set({v})", "c{i}.get()", "c{i}.set({v})"),
    ("f{i} = {{'g': lambda: {v}}}", "f{i}['g']()", "f{i}['g'] = lambda: {v}"),
    ("q{i} = deque([{v}], maxlen=1)", "q{i}[0]", "q{i}.append({v})"),
    ("v{i} = [Value({v})]", "v{i}[0]", "v{i}[0] = Value({v})"),
    ("v{i} = [Value({v})]", "total(v{i})", "v{i}.append(Value({v}))"),
    ("v{i} = Value({v})", "v{i}", "v{i}.data = {v}"),
    ("k{i} = {v}\nr{i} = Rule('r{i}', lambda x: k{i} * x, lambda z, x: (k{i},))", "r{i}(x)", "k{i} = {v}"),
    ("k{i} = {v}\nr{i} = Rule('r{i}', lambda x: 2.0 * x, lambda z, x: (k{i},))", "r{i}(x)", "k{i} = {v}"),
    ("class N{i}(Module):\n def __init__(self): self.k = {v}\n def forward(self, x): return [x[0] * self.k]\n"
     "t{i} = Sequential(N{i}())", "t{i}([x])[0]", "vars(t{i})['0'].k = {v}"),
    ("k{i} = {v}\nclass N{i}(Module):\n def forward(self, x): return [x[0] * k{i}]\nt{i} = Sequential(N{i}())",
     "t{i}([x])[0]", "k{i} = {v}"),
    ("class N{i}(Module):\n k = {v}\n def forward(self, x): return x * self.k\nt{i} = {{1: N{i}()}}", "t{i}[1](x)",
     "N{i}.k = {v}"),
    ("o{i} = SGD([Value(1.0)], lr=abs({v}) + 1)", "o{i}.lr", "o{i}.lr = abs({v}) + 1"),
]  # fmt: skip

WRAPPED = [
    "def f(x): return {e}",
    "def f_(a, x): return a * ({e})\nf = partial(f_, 1.0)",
    "class F:\n def __call__(self, x): return {e}\nf = F()",
    "class F(Module):\n def forward(self, x): return {e}\nf = F()",
    "class F:\n def g(self, x): return {e}\nf = F().g",
    "def wrapped(g):\n return lambda x: g(x)\n@wrapped\ndef f(x): return {e}",
    "fs = [lambda x: {e}]\ndef f(x): return fs[0](x)",
    "def f(x):\n def inner(x): return {e}\n return inner(x)",
]
NUMBERS = st.integers(-40, 40).map(lambda n: n / 8)
PROGRAMS = st.lists(st.tuples(st.sampled_from(PLACES), NUMBERS), min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(st.sampled_from(["call", "call", "mean", "minimize", "change", "change"]), st.integers(0, 3), NUMBERS),
    min_size=6, max_size=16,
)  # fmt: skip
UPDATE = (
    "class Mine(Optimizer):\n"
    " def update(self, p, g): return (p - 0.01 * ({e}) * g,)\n"
    "u = Value(0.5); o = Mine([u], lr=0.1)\n"
)


def compiled_equals_plain(notebook, program, wrapped, steps, update):
    places, cells = [], []
    for i, ((setup, expression, change), number) in enumerate(program):
        cells.append(setup.format(i=i, v=number))
        places.append((i, expression.format(i=i), change))
    used = " + ".join([f"x * ({expression})" for _, expression, _ in places])
    numbers = [expression for _, expression, _ in places if not {*"xv"} & {*expression}]  # which need no Value
    cells.append(UPDATE.format(e=numbers[0] if update and numbers else "1.0"))
    cells.append(wrapped.format(e=f"(u * ({used})).tanh() + u"))
    two = [notebook(*cells), notebook(*cells)]
    plain, compiled = two[0]["f"], compile(two[1]["f"])
    for step, which, number in steps:
        i, _, change = places[which % len(places)]
        if step == "change":
            for variables in two:
                exec(change.format(i=i, v=number), variables)
            continue
        try:
            if step == "minimize":
                found = two[1]["o"].minimize(compiled, number)
            elif step == "mean":
                found = compiled.mean([number, number]).data
            else:
                found = answer(compiled, number)
        except TraceError:
            return
        if step == "minimize":
            assert found == pytest.approx(two[0]["o"].minimize(plain, number), rel=1e-9, abs=1e-12)
            assert two[1]["u"].data == pytest.approx(two[0]["u"].data, rel=1e-9, abs=1e-12)
        elif step == "mean":
            assert found == pytest.approx(plain(Value(number)).data, rel=1e-9, abs=1e-12)
        else:
            assert found == answer(plain, number).expected


RANDOM = (st.sampled_from(WRAPPED), STEPS, st.booleans())


@pytest.mark.parametrize("machine", [True, False])
@settings(max_examples=100)
@given(program=PROGRAMS, wrapped=RANDOM[0], steps=RANDOM[1], update=RANDOM[2])
def test_random_functions_over_random_surroundings(machine, program, wrapped, steps, update):
    with pytest.MonkeyPatch.context() as monkeypatch:
        if not machine:
            monkeypatch.setattr("engine.compiler.trace._machine_or_warning", lambda: False)
        compiled_equals_plain(notebook.__wrapped__(monkeypatch), program, wrapped, steps, update)


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("CHALKGRAD_PROGRAMS", "150")))  # 2000 before a release
@given(PROGRAMS, *RANDOM)
def test_more_random_functions_over_random_surroundings(program, wrapped, steps, update):
    with pytest.MonkeyPatch.context() as monkeypatch:
        compiled_equals_plain(notebook.__wrapped__(monkeypatch), program, wrapped, steps, update)
