"""All that a compiled function can see besides its arguments, and whether it is still what was recorded.

A function sees names in its module and its closure, and through these whatever they lead to: helpers in other modules,
attributes, entries of dictionaries, other functions. In a notebook any of them may mean something else a cell later. A
`Guard` walks over everything that can be reached so, and remembers the *references* that can be changed: what a name, a
cell, an attribute or an item of a container refers to. It holds as long as each refers to the same object; objects that
can't change, such as numbers, need no closer look, and a Value's own number is read at each run anyway.

Only code that may run counts: of a module or a class, just the names that stand in code that was reached, so that an
unrelated cell of a notebook does not matter. Attributes of Modules are watched by a counter instead, see
`bump_module_version`. What lies outside the process, such as a file or the clock, can't be watched: `outside` names it.
"""

import builtins
import datetime
import dis
import gc
import os
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache, cached_property, partial
from itertools import chain
from operator import attrgetter, is_
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from engine.modes import PACKAGES
from engine.rules import Rule
from engine.steps import builtin_name
from engine.value import Value

# What is outside of the process, and what it is called.
_OUTSIDE: dict[int, str] = {id(builtins.open): "a file (open)", id(builtins.input): "what is typed (input)"}
_OUTSIDE |= {id(os.environ): "the environment (os.environ)", id(os.getenv): "the environment (os.getenv)"}
_OUTSIDE |= {
    id(getattr(time, name)): f"the clock (time.{name})"
    for name in ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "process_time", "localtime")
}
_OUTSIDE[id(datetime.datetime)] = "the clock (datetime)"

_UNCHANGING = {int, float, bool, str, bytes, complex, type(None), type(...), range, CodeType, BuiltinFunctionType}
_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_FUNCTION = attrgetter("__code__", "__defaults__", "__kwdefaults__")
_END = object()  # at the end of all references: what follows it, or comes too early, is news


class Guard:
    """Every reference that is reached from some functions or other objects.

    Args:
        roots: the function, and whatever else is called by it.

    Attributes:
        seen: the objects that were reached.
        outside: what it reads that no guard can watch, in words; empty if there is nothing.
    """

    def __init__(self, *roots: Any) -> None:
        walk = _Walk(roots)
        self.seen, self.outside = walk.seen, walk.outside
        self._watched = walk.watched()
        self._live = [watched.references for watched in self._watched]
        self._live.append((_END,))
        self._remembered = [*chain.from_iterable(self._live)]
        self._lists, self._sized = walk.lists, walk.sized()
        self._copies, self._sizes = [part.copy() for part in walk.lists], [*map(len, self._sized)]

    def holds(self) -> bool:
        """Whether every reference is to the same object as when the guard was made."""
        now = chain.from_iterable(self._live)
        return (
            self._lists == self._copies
            and [*map(len, self._sized)] == self._sizes
            and all(map(is_, now, self._remembered))
        )

    def difference(self) -> str:
        """Where something else is now, in words; empty where the guard holds."""
        for part, copy in zip(self._lists, self._copies):
            if part != copy:
                return f"a list of {len(copy)}"
        if [*map(len, self._sized)] != self._sizes:
            return "the attributes of a class"
        before = iter(self._remembered)
        for watched in self._watched:
            for i, now in enumerate(watched.references):
                if now is not next(before):
                    return watched.described(i)
        return ""


class _Watched:
    """Some references that are looked at together: going through `references` gives what they refer to now."""

    def __init__(self, references: Iterable[Any], name: str, parts: Iterable[str] = ()) -> None:
        self.references, self.name, self.parts = references, name, tuple(parts)

    def described(self, i: int) -> str:
        """The i-th of them, in words."""
        return f"{self.name}{self.parts[i]}" if i < len(self.parts) else self.name


class _Now:
    """What a function gives for each of some things, anew whenever it is gone through."""

    def __init__(self, look_up: Callable[[Any], Any], things: Iterable[Any]) -> None:
        self._look_up, self._things = look_up, tuple(things)

    def __iter__(self) -> Iterator[Any]:
        return map(self._look_up, self._things)


class _Content:
    """Whether an array still holds what it held: its layout and its bytes, of an array of objects which they are."""

    def __init__(self, array: Any) -> None:
        self._array, self._held = array, self._now(array)

    def _now(self, array: Any) -> tuple[Any, ...]:
        if hasattr(array, "dtype"):
            return array.shape, array.dtype, array.tobytes()
        return (bytes(array),)

    def __iter__(self) -> Iterator[Any]:
        return iter((self._now(self._array) == self._held,))


class _Walk:
    """Goes from the roots to everything that can be reached, and collects what has to be watched."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.seen: list[Any] = []
        self.outside = ""
        self.lists: list[list[Any]] = []  # of objects that are equal only to themselves: lists are compared quickly
        self._visited: set[int] = set()
        self._waiting: list[Any] = list(roots)
        self._names: set[str] = {"forward", "__call__"}  # attributes that code asks for
        self._functions: list[FunctionType] = []
        self._cells: list[CellType] = []
        self._instances: list[Any] = []
        self._others: list[_Watched] = []
        self._library: list[ModuleType] = []
        self._globals: dict[int, tuple[dict[str, Any], dict[str, None]]] = {}  # of modules, by names that code uses
        self._namespaces: dict[
            int, tuple[str, Mapping[str, Any], set[str]]
        ] = {}  # of classes and modules, by attribute
        while self._waiting:
            while self._waiting:
                self._visit(self._waiting.pop())
            for _, namespace, asked in list(self._namespaces.values()):  # new code may ask for other names
                fresh = self._names - asked
                asked |= fresh
                self._waiting += [namespace[name] for name in fresh if name in namespace]
        for module in self._library:
            for name in self._names & vars(module).keys():
                self.outside = self.outside or _OUTSIDE.get(id(vars(module)[name]), "")

    def watched(self) -> list[_Watched]:
        """What was collected."""
        found = [*self._others]
        if self._functions:
            parts = chain.from_iterable([f"{f.__qualname__}'s {part}" for part in _PARTS] for f in self._functions)
            found.append(_Watched(_Chained(_Now(_FUNCTION, self._functions)), "", parts))
        if self._cells:
            found.append(_Watched(_Now(_content, self._cells), "a variable of an enclosing function"))
        if self._instances:
            kinds = [f"the class of a {type(thing).__name__}" for thing in self._instances]
            found.append(_Watched(_Now(attrgetter("__class__"), self._instances), "", kinds))
        for variables, names in self._globals.values():
            found.append(_Watched(_Now(variables.get, names), "the global ", names))
        for name, namespace, asked in self._namespaces.values():
            there = sorted(key for key in asked if key in namespace)
            found.append(_Watched(_Now(namespace.get, there), f"{name}.", there))
        return found

    def sized(self) -> list[Any]:
        """Classes' namespaces: a name that is new in one may stand before that of a base class."""
        return [namespace for _, namespace, _ in self._namespaces.values() if "__builtins__" not in namespace]

    def _visit(self, x: Any) -> None:
        kind = type(x)
        if id(x) in _OUTSIDE:
            self.outside = self.outside or _OUTSIDE[id(x)]
        if kind in _UNCHANGING or issubclass(kind, Value) or id(x) in self._visited:
            return
        self._visited.add(id(x))
        self.seen.append(x)
        if kind is FunctionType:
            self._visit_function(x)
        elif kind in (list, tuple, set, frozenset, deque):
            self._visit_items(x)
        elif issubclass(kind, dict):
            self._waiting += x.values()
            self._others.append(_Watched(x.keys(), "the keys of a dictionary"))
            self._others.append(_Watched(x.values(), "the dictionary's entry ", map(repr, x)))
        elif kind is Rule:
            if not _is_ours(x.value):  # of the table's own nothing changes
                self._others.append(
                    _Watched(_Now(partial(getattr, x), ("value", "partials")), f"the rule {x.symbol!r}")
                )
                self._waiting += x.value, x.partials
        elif kind in _WRAPPERS:
            self._waiting += [getattr(x, name) for name in _WRAPPERS[kind]]
        elif kind is ContextVar:
            self._others.append(_Watched(_Now(lambda variable: variable.get(None), (x,)), f"the variable {x.name}"))
        elif isinstance(x, ModuleType):
            self._visit_module(x)
        elif isinstance(x, type):
            self._visit_class(x)
        elif _is_array(x):
            self._others.append(_Watched(_Content(x), f"a {kind.__name__}"))
            if hasattr(x, "dtype") and x.dtype.kind == "O":
                self._waiting += x.ravel().tolist()
        else:
            self._visit_instance(x, kind)

    def _visit_function(self, function: FunctionType) -> None:
        code = function.__code__
        if _is_library(code.co_filename):  # a decorator of the library's, perhaps, and what it was put on
            self._waiting += function.__dict__, *map(_content, function.__closure__ or ())
            return
        self._names |= _attribute_names(code)
        self._waiting += map(_content, function.__closure__ or ())
        self._cells += function.__closure__ or ()
        if _is_ours(function):
            return
        variables, known = self._globals.setdefault(id(function.__globals__), (function.__globals__, {}))
        fresh = [name for name in _global_names(code) if name not in known]
        known.update(dict.fromkeys(fresh))
        self._waiting += [variables.get(name, getattr(builtins, name, None)) for name in fresh]
        self._waiting += function.__defaults__, function.__kwdefaults__, function.__dict__
        self._functions.append(function)

    def _visit_items(self, items: Any) -> None:
        self._waiting += items
        if type(items) is list and all(kind.__eq__ is object.__eq__ for kind in {*map(type, items)}):
            self.lists.append(items)
        elif type(items) not in (tuple, frozenset):
            self._others.append(_Watched(items, f"an item of a {type(items).__name__}"))

    def _visit_module(self, module: ModuleType) -> None:
        file = getattr(module, "__file__", None)
        if file and not _is_library(file) and not file.startswith(PACKAGES):
            self._namespaces[id(module)] = module.__name__, vars(module), set()
        elif file is None or module in (os, datetime):  # of the library's only what reads something outside matters
            self._library.append(module)

    def _visit_class(self, kind: type) -> None:
        if _is_of_library(kind):
            return
        self._waiting += (*kind.__mro__[1:], type(kind))
        if _file_of(kind).startswith(
            PACKAGES
        ):  # what a Module's own methods ask for, they ask of what is reached anyway
            self._waiting += [part for part in vars(kind).values() if type(part) in (FunctionType, property)]
            return
        self._names |= {name for name in vars(kind) if name.startswith("__") and callable(vars(kind)[name])}
        self._namespaces[id(kind)] = kind.__qualname__, vars(kind), set()

    def _visit_instance(self, x: Any, kind: type) -> None:
        if _is_of_library(kind):  # what an object written in C holds, without asking it
            if kind is MappingProxyType:
                self._others.append(_Watched(x.values(), "an entry of a mapping"))
            self._waiting += [part for part in gc.get_referents(x) if not isinstance(part, (type, ModuleType))]
            return
        self._waiting.append(kind)
        if hasattr(kind, "named_modules"):  # a Module: `bump_module_version` tells when an attribute is set
            self._waiting += vars(x).values()
            return
        self._instances.append(x)
        if isinstance(kind.__dictoffset__, int) and kind.__dictoffset__:
            self._waiting.append(vars(x))
        for slot in chain.from_iterable(map(_slots, kind.__mro__)):
            self._others.append(_Watched(_Now(partial(_slot_content, x), (slot,)), f"{kind.__name__}.{slot.__name__}"))
            self._waiting.append(_slot_content(x, slot))


_PARTS = "code", "defaults", "defaults"
_WRAPPERS: dict[type, tuple[str, ...]] = {
    MethodType: ("__self__", "__func__"),
    partial: ("func", "args", "keywords"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    cached_property: ("func",),
}


class _Chained:
    """All items of all parts, anew whenever it is gone through."""

    def __init__(self, parts: Iterable[Any]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._parts)


def _is_array(x: Any) -> bool:
    """Whether it holds numbers that can be changed in place, as NumPy's arrays do."""
    if hasattr(type(x), "dtype") and hasattr(type(x), "tobytes"):
        return True
    try:
        return not memoryview(x).readonly
    except TypeError:
        return False


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return _END


@cache
def _global_names(code: CodeType) -> tuple[str, ...]:
    """The global names that a function uses, or one inside it."""
    inner = [_global_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    own = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    if "globals" in own:  # looked up by a text
        own += [constant for constant in code.co_consts if isinstance(constant, str)]
    return tuple(dict.fromkeys(chain(own, *inner)))


@cache
def _attribute_names(code: CodeType) -> frozenset[str]:
    """The attributes that a function may ask for; by a text too, as in ``getattr(x, "k")``."""
    inner = [_attribute_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    texts = {constant for constant in code.co_consts if isinstance(constant, str) and constant.isidentifier()}
    return frozenset(code.co_names).union(texts, *inner)


def _slots(kind: type) -> list[MemberDescriptorType]:
    return [part for part in vars(kind).values() if isinstance(part, MemberDescriptorType)]


def _slot_content(x: Any, slot: MemberDescriptorType) -> Any:
    """What is in a slot, without asking the object: it may answer in a way of its own."""
    try:
        return slot.__get__(x)
    except AttributeError:  # it is empty
        return _END


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARY) or file.startswith("<frozen")


def _is_ours(function: Any) -> bool:
    return getattr(function, "__code__", None) is None or function.__code__.co_filename.startswith(PACKAGES)


def _is_of_library(kind: type) -> bool:
    """Whether a class comes with Python, or with an installed package."""
    if kind.__module__ == "__main__" or kind.__module__ not in sys.modules:
        return False
    file = _file_of(kind)
    return not file or _is_library(file) or (file.startswith(PACKAGES) and not hasattr(kind, "named_modules"))


def _file_of(kind: type) -> str:
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or ""


# Rules of a user's own.


def is_users(what: Any) -> bool:
    """Whether this is a rule of a user's own, whose functions may see what changes."""
    return isinstance(what, Rule) and not builtin_name(what)


def fingerprint(thing: Any) -> str:
    """A text for a rule or a function that is another whenever its code, or anything that it leans on, is another."""
    return _fingerprint(thing, set())


def _fingerprint(thing: Any, within: set[int]) -> str:
    if id(thing) in within:
        return ""
    if isinstance(thing, Rule):
        if builtin_name(thing):
            return f"{thing.name}{thing.constants}"
        return f"({_fingerprint(thing.value, within)}, {_fingerprint(thing.partials, within)})"
    if not isinstance(thing, FunctionType) or _is_ours(thing):
        text = getattr(thing, "tobytes", lambda: repr(thing))()
        return f"{id(thing)}{text!r}" if " at 0x" in str(text) else str(text)
    code, within = thing.__code__, within | {id(thing)}
    outside = [thing.__globals__.get(name) for name in _global_names(code)]
    parts = [*outside, *map(_content, thing.__closure__ or ()), thing.__defaults__]
    constants = [c.co_code.hex() if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {constants} {code.co_names} {[_fingerprint(part, within) for part in parts]}"


# Attributes of Modules.

module_version = 0  # how often an attribute of a Module was set in this process


def bump_module_version() -> None:
    """To be called when an attribute of a Module is set, which may then do something else."""
    global module_version
    module_version += 1


def training_modes(things: Iterable[Any]) -> tuple[bool, ...]:
    """For each of the Modules among some things, whether it is in training."""
    return tuple([thing.training for thing in things if hasattr(type(thing), "named_modules")])
