"""All that a compiled function can see besides its arguments, and whether it is still what was recorded.

A function sees names in its module and its closure, and through these whatever they lead to: helpers in other modules,
attributes, entries of dictionaries, other functions. In a notebook any of them may mean something else a cell later. A
`Guard` walks over everything that can be reached so, and remembers the *references* that can be changed: what a name, a
cell, an attribute or an item of a container refers to. It holds as long as each refers to the same object; objects that
can't change, such as numbers, need no closer look, and a Value's own number is read at each run anyway.

Only code that may run counts: of a module, a class or an object, just the attributes that are named in code that was
reached, so that an unrelated cell of a notebook, or a history of losses beside the model, does not matter. Attributes
of Modules are watched by a counter, see `bump_module_version`. Installed packages are taken to be what they are, but
for the names in them that the function uses. What lies outside the process, such as a file or the clock, can't be
watched: `outside` names it.
"""

import builtins
import datetime
import dis
import gc
import os
import pathlib
import random
import re
import sys
import sysconfig
import time
import uuid
import weakref
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from functools import cached_property, lru_cache, partial
from itertools import chain
from operator import attrgetter, is_
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple, TypeGuard

from engine.modes import PACKAGES
from engine.rules import Rule
from engine.steps import builtin_name
from engine.value import Leaf, Value


class Guard:
    """Every reference that is reached from some functions or other objects.

    Args:
        roots: the function, and whatever else is called by it.

    Attributes:
        seen: the objects that were reached.
        outside: what it reads that no guard can watch, in words; empty if there is nothing.
        holds: a function that tells whether every reference is to the same object as when the guard was made.

    >>> scale = [2.0]
    >>> guard = Guard(lambda x: scale[0] * x)
    >>> guard.holds()
    True
    >>> scale[0] = 3.0
    >>> guard.holds(), guard.difference()
    (False, 'an item of a list')
    """

    def __init__(self, *roots: Any) -> None:
        walk = _Walk(roots)
        self._roots = roots
        self.seen, self.outside = walk.seen, walk.outside
        self._lookups, self._rows, self._lists = walk.lookups(), walk.rows, walk.lists
        self._spaces, self._modules = walk.spaces(), walk.modules
        many = sum(map(len, chain(walk.lists, walk.mixed_lists))) > _MANY_ITEMS
        self._list_checker = list_checker if many else None
        if self._list_checker is not None:
            self._lists += walk.mixed_lists
        else:
            self._rows += [_Row(part, "an item of a list") for part in walk.mixed_lists]
        self._remember()

    def _remember(self) -> None:
        self._copies = [part.copy() for part in self._lists]
        self._sizes = [*map(len, self._spaces)]
        self._attributes = [(_variables(module) or {}).copy() for module in self._modules]
        self._version = module_version
        references = [[*map(each.function, each.keys)] for each in self._lookups]
        items = [[*row.items, _END] for row in self._rows]
        self._remembered = [*chain(*references, *items)]
        lists, machine = self._lists, self._list_checker
        self._lists_hold = machine(lists) if machine is not None else partial(list.__eq__, lists, self._copies)
        self.holds = self._make_holds(references, items)

    def _now(self) -> Iterator[Any]:
        """What there is now in the places of what is remembered."""
        lookups = [map(each.function, each.keys) for each in self._lookups]
        return chain(*lookups, *[chain(row.items, _AT_END) for row in self._rows])

    def _make_holds(self, references: list[list[Any]], items: list[list[Any]]) -> Callable[[], bool]:
        """What `holds` is, which is asked at each call: a function made for what there is to ask, as ``f.a is r0``."""
        values: dict[str, Any] = {"guard": self}
        terms = ["(guard._version == module_version or guard._modules_hold())"] if self._modules else []
        if self._lists:
            values["lists_hold"] = self._lists_hold
            terms.append("lists_hold()")
        if sum(map(len, references)) + len(self._spaces) + len(items) > _FEW:
            values |= {"sizes": self._sizes, "spaces": self._spaces, "remembered": self._remembered}
            terms += "sizes == [*map(len, spaces)]", "all(map(is_, guard._now(), remembered))"
        else:
            for i, (lookup, held) in enumerate(zip(self._lookups, references)):
                terms += _terms(i, lookup, held, values)
            for i, (space, size) in enumerate(zip(self._spaces, self._sizes)):
                values[f"space{i}"] = space
                terms.append(f"len(space{i}) == {size}")
            for i, (row, held) in enumerate(zip(self._rows, items)):
                values[f"row{i}"], values[f"items{i}"] = row.items, held
                texts = all(type(item) is str for item in held[:-1])
                same = "[*row{0}, _END] == items{0}" if texts else "all(map(is_, chain(row{0}, _AT_END), items{0}))"
                terms.append(same.format(i))
        return _function(tuple(values), " and ".join(terms) or "True")(*values.values())  # type: ignore[no-any-return]

    def _modules_hold(self) -> bool:
        version = module_version
        for before, module in zip(self._attributes, self._modules):
            now = _variables(module) or {}
            if len(before) != len(now) or not all(map(is_, before.values(), map(now.get, before))):
                return False
        self._version = version  # the change was in another Module
        return True

    def difference(self) -> str:
        """Where something else is now, in words; empty where the guard holds."""
        for before, module in zip(self._attributes, self._modules):
            now = _variables(module) or {}
            for name in before.keys() | now.keys():
                if before.get(name, _END) is not now.get(name, _END):
                    return f"the attribute {name} of a module"
        for part, earlier in zip(self._lists, self._copies):
            if len(part) != len(earlier) or not all(map(is_, part, earlier)):
                return "an item of a list"
        for space, size in zip(self._spaces, self._sizes):
            if len(space) != size:
                return "an attribute that is new, or gone"
        at = iter(self._remembered)
        for lookup in self._lookups:
            for key in lookup.keys:
                if _or_end(lookup.function, key) is not next(at):
                    return lookup.words(key)
        for row in self._rows:
            for item in row.items:
                if item is not next(at):
                    return row.name
            if next(at) is not _END:
                return row.name
        return ""

    def renewed(self) -> "Guard":
        """A guard of what is there now; quickly, where only numbers or texts were put in the place of others."""
        try:
            known = {*map(id, self._remembered)}
            plain = all(type(x) in _UNCHANGING for x in self._now() if id(x) not in known)
            modules_hold = self._version == module_version or self._modules_hold()
            if plain and modules_hold and self._lists_hold() and [*map(len, self._spaces)] == self._sizes:
                guard = copy(self)
                guard._remember()
                return guard
        except (ValueError, RuntimeError, TypeError):
            pass
        return Guard(*self._roots)


class _Lookup(NamedTuple):
    """A function that tells what each of some keys refers to."""

    function: Callable[[Any], Any]
    keys: list[Any]
    words: Callable[[Any], str]  # describes a key
    attribute: str = ""  # which attribute of the key is looked up, if one is
    space: Mapping[str, Any] | None = None  # where the key is looked up, if it is an item's


_FEW = 200  # references and containers: up to so many are compared in a single expression, in a third of the time


def _terms(i: int, lookup: _Lookup, held: list[Any], values: dict[str, Any]) -> Iterator[str]:
    """Expressions that are true if each key of the i-th lookup refers to what is held; `values` gets what they need."""
    values[f"f{i}"], values[f"s{i}"] = lookup.function, lookup.space
    for n, (key, reference) in enumerate(zip(lookup.keys, held)):
        values[f"k{i}_{n}"], values[f"r{i}_{n}"] = key, reference
        if lookup.attribute:
            asked = f"k{i}_{n}.{lookup.attribute}"
        elif lookup.space is not None and key in lookup.space:
            asked = f"s{i}[k{i}_{n}]"
        else:
            asked = f"f{i}(k{i}_{n})"
        yield f"{asked} is r{i}_{n}"


@lru_cache(256)
def _function(names: tuple[str, ...], condition: str) -> Any:
    """A function that makes, for values of these names, one that tells whether the condition holds."""
    made: dict[str, Any] = {}
    text = f"""def make({", ".join(names)}):
    def holds():
        try:
            return {condition}
        except (KeyError, ValueError, RuntimeError, TypeError):
            # A name is gone, a cell is empty, an object has another class, or another thread is changing one.
            return False
    return holds"""
    exec(compile(text, "made by a guard", "exec"), globals(), made)
    return made["make"]


class _Row(NamedTuple):
    """Something to go through: it gives what it refers to, afresh each time."""

    items: Iterable[Any]
    name: str


class _Walk:
    """Goes from the roots to everything that can be reached, and collects what has to be watched.

    Attributes:
        seen, outside: see `Guard`.
        rows: the items of containers.
        lists: those of objects that are equal only to themselves, such as Values: ``==`` compares them quickly.
        mixed_lists: all others.
        modules: all Modules.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self.seen: list[Any] = []
        self.outside = ""
        self.rows: list[_Row] = []
        self.lists: list[list[Any]] = []
        self.mixed_lists: list[list[Any]] = []
        self.modules: list[Any] = []
        self._visited: set[int] = set()
        self._waiting: list[tuple[Any, int]] = [(root, 0) for root in roots]
        self._depth = 0  # references since an object of an installed package was entered
        self._asked = {"forward", "__call__", "__wrapped__"}  # attributes that the code asks for
        self._by_text = False  # whether the code may ask for any attribute
        self._functions: list[FunctionType] = []
        self._cells: list[CellType] = []
        self._instances: list[Any] = []
        self._found: list[_Lookup] = []  # in slots and small dictionaries
        self._variables: list[ContextVar[Any]] = []
        # The names that count: of globals and installed modules; and of classes, objects and other modules.
        self._globals: dict[int, tuple[str, dict[str, Any], dict[str, None]]] = {}
        self._spaces: dict[int, tuple[str, Mapping[str, Any], set[str]]] = {}
        self._users: set[int] = set()  # those of them that are objects of a user's own
        self._read_as_a_whole: set[int] = set()  # and those whose base class, a library's, may read any attribute
        self._classes: dict[type, bool] = {}  # whether the code may make objects of it
        while self._waiting:
            while self._waiting:
                thing, self._depth = self._waiting.pop()
                self._visit(thing)
            self._depth = 0
            for key, (_, space, known) in [*self._spaces.items()]:  # new code may ask for other names
                whole = key in self._read_as_a_whole or (self._by_text and key in self._users)
                wanted = space.keys() if whole else self._asked & space.keys()
                fresh = sorted(name for name in wanted - known if name not in _OF_EVERY_CLASS)
                known.update(fresh)
                self._wait_for(space[name] for name in fresh)

    def lookups(self) -> list[_Lookup]:
        """What was collected, but for containers."""
        found = [*self._found]
        if self._functions:
            words: Callable[[Any], str] = "the code of {0.__name__}".format
            found.append(_Lookup(attrgetter("__code__"), self._functions, words, "__code__"))
        defaults = [function for function in self._functions if function.__defaults__]
        if defaults:
            words = "a default of {0.__name__}".format
            found.append(_Lookup(attrgetter("__defaults__"), defaults, words, "__defaults__"))
        full = [cell for cell in self._cells if _content(cell) is not _END]
        empty = [cell for cell in self._cells if _content(cell) is _END]
        if full:
            content = attrgetter("cell_contents")
            found.append(_Lookup(content, full, lambda _: "a variable in a closure", "cell_contents"))
        if empty:
            found.append(_Lookup(_content, empty, lambda _: "a variable in a closure"))
        if self._instances:
            found.append(_Lookup(type, self._instances, lambda x: f"the class of a {type(x).__name__}"))
        if self._variables:
            found.append(_Lookup(_value, self._variables, lambda variable: f"the context variable {variable.name}"))
        named = [*self._globals.values(), *self._spaces.values()]
        for name, space, names in named:
            if keys := [key for key in names if key not in _MAKING or key in space]:
                found.append(_Lookup(space.get, keys, partial("{}{}".format, name), space=space))
        return found

    def spaces(self) -> list[Any]:
        """Where a name that is new may stand before another one: an object's attributes before those of its class."""
        return [space for _, space, _ in self._spaces.values() if "__builtins__" not in space]

    def _wait_for(self, things: Iterable[Any]) -> None:
        self._waiting += [(thing, self._depth) for thing in things]

    def _visit(self, x: Any) -> None:
        kind = type(x)
        if id(x) in _OUTSIDE:
            self._found_outside(_OUTSIDE[id(x)])
        if kind is BuiltinFunctionType and type(x.__self__) is not ModuleType:  # a method, such as ``settings.get``
            x = x.__self__
            kind = type(x)
        if _is_plain(kind) or id(x) in self._visited or self._depth > _DEEPEST:
            return
        self._visited.add(id(x))
        self.seen.append(x)
        if kind is FunctionType:
            self._visit_function(x)
        elif issubclass(kind, ModuleType):
            self._visit_module(x)
        elif issubclass(kind, type):
            self._visit_class(x, made=True)
        elif issubclass(kind, weakref.ref):
            self._found.append(_Lookup(_target, [x], lambda _: "what a weak reference leads to"))
            self._wait_for([_target(x)])
        elif kind in weakref.ProxyTypes:
            self._found_outside("what a weakref.proxy leads to")
        elif kind is ContextVar:
            self._variables.append(x)
            self._wait_for([_value(x)])
        elif issubclass(kind, Rule):
            if is_users(x):  # those in the table never change
                for slot in _RULE:
                    self._found.append(_Lookup(partial(_in_slot, slot), [x], "the rule {0.symbol!r}".format))
                    self._wait_for([_in_slot(slot, x)])
        elif _is_array(x):
            self.rows.append(_Row(_Content(x), f"what is in a {kind.__name__}"))
            if hasattr(x, "dtype") and x.dtype.hasobject:
                self._wait_for(x.ravel().tolist())
        else:
            self._visit_parts(x)
            if kind not in _KNOWN:
                self._visit_instance(x, kind)

    def _visit_function(self, function: FunctionType) -> None:
        code = function.__code__
        cells = dict(zip(code.co_freevars, function.__closure__ or ()))
        found = [_content(cell) for name, cell in cells.items() if name != "__class__"]
        if function.__dict__:
            self._add_space(f"{function.__name__}.", function.__dict__)
        used = _used_names(code)
        if _is_library(code.co_filename):  # perhaps an installed package's decorator: go on to what it wraps
            self._wait_for(found)
        elif code.co_filename.startswith(PACKAGES):
            self._asked |= used.attributes
            self._wait_for(found)
        else:
            self._depth = 0
            self._asked |= used.attributes
            self._by_text |= not _BY_TEXT.isdisjoint(used.variables) or "__dict__" in used.attributes
            self._functions.append(function)
            self._cells += cells.values()
            self._wait_for((function.__defaults__, function.__kwdefaults__))
            if "__class__" in cells:  # for super()
                self._visit_class(_content(cells["__class__"]), made=False)
            variables = function.__globals__
            found += self._by_name("the global ", variables, used.variables, builtins)
            package = variables.get("__package__")
            found += [sys.modules.get(name) or sys.modules.get(f"{package}.{name}") for name in used.imports]
            for thing in found:
                self._use(thing, used.attributes)

    def _by_name(self, name: str, space: dict[str, Any], names: Iterable[str], fallback: Any = None) -> list[Any]:
        """Watch some names, and tell what they refer to."""
        known = self._globals.setdefault(id(space), (name, space, {}))[2]
        known.update(dict.fromkeys(names))
        return [space.get(each, getattr(fallback, each, None)) for each in names]

    def _use(self, thing: Any, names: frozenset[str]) -> None:
        """What a function with these names in it finds; of an installed package's module just what it asks for."""
        if not issubclass(type(thing), ModuleType) or not _is_installed(thing):
            name, readers = _READERS.get(id(thing)) or _READERS.get(id(type(thing))) or ("", frozenset())
            if names & readers:
                self._found_outside(f"{name}.{min(names & readers)}")
            self._wait_for((thing,))
            return
        there = sorted(names & vars(thing).keys())
        module = _public_name(thing)
        for name, part in zip(there, self._by_name(f"{module}.", vars(thing), there)):
            full = f"{module}.{name}"
            if full in _OUTSIDE_BY_NAME or (module == "numpy.random" and name.islower() and "_" not in name):
                self._found_outside(full)
            if part is not thing:
                self._use(part, names - {name})

    def _found_outside(self, name: str) -> None:
        self.outside = self.outside or name.removeprefix("builtins.")

    def _add_space(self, name: str, space: Mapping[str, Any]) -> set[str]:
        return self._spaces.setdefault(id(space), (name, space, set()))[2]

    def _visit_module(self, module: ModuleType) -> None:
        if not _is_installed(module):
            self._depth = 0
            self._add_space(f"{_name_and_file(module)[0]}.", vars(module))

    def _visit_class(self, kind: type, made: bool) -> None:
        """A class, of which objects may be made; else only those that are there are used."""
        if _is_of_package(kind) or self._classes.get(kind, -1) >= made:
            return
        self._depth = 0
        self._classes[kind] = made
        for part in (*kind.__mro__[1:], type(kind)):
            self._visit_class(part, made)
        space = type.__dict__["__dict__"].__get__(kind)
        self._asked |= {name for name in space if name[:2] == "__" and name not in _OF_EVERY_CLASS}
        known = self._spaces.setdefault(id(kind), (f"{kind.__qualname__}.", space, {*_MAKING}))[2]
        if made:
            known -= _MAKING

    def _visit_parts(self, x: Any) -> None:
        """What a container has in it, or a function is wrapped in."""
        kind = type(x)
        if issubclass(kind, _CONTAINERS):
            self._visit_items(x)
        elif issubclass(kind, dict):
            ordered: Any = OrderedDict if kind is OrderedDict else dict  # an OrderedDict keeps its own order
            self.rows.append(_Row(ordered.keys(x), "a key of a dictionary"))
            if kind is dict and len(x) < _FEW // 4 and {*map(type, x)} == {str}:
                self._found.append(_Lookup(x.get, [*x], lambda _: "an entry of a dictionary", space=x))
            elif dict.__len__(x):
                self.rows.append(_Row(ordered.values(x), "an entry of a dictionary"))
            self._wait_for(dict.values(x))
        for wrapper, names in _WRAPPERS.items():
            if issubclass(kind, wrapper):
                self._wait_for([getattr(x, name) for name in names])

    def _visit_items(self, items: Any) -> None:
        base: Any = next(kind for kind in _CONTAINERS if issubclass(type(items), kind))
        kinds = {*map(type, base.__iter__(items))}
        if not all(_is_plain(kind) or issubclass(kind, Leaf) for kind in kinds):  # parameters are read at each call
            self._wait_for(base.__iter__(items))
        if type(items) is list:
            by_identity = all(kind.__eq__ is object.__dict__["__eq__"] for kind in kinds)
            (self.lists if by_identity else self.mixed_lists).append(items)
        elif base is not tuple and base is not frozenset:
            self.rows.append(
                _Row(items if type(items) is base else _Items(base, items), f"an item of a {base.__name__}")
            )

    def _visit_instance(self, x: Any, kind: type) -> None:
        variables, of_package = _variables(x), _is_of_package(kind)
        is_module = _is_module(kind)
        if of_package and not is_module and not _file_of(kind).startswith(PACKAGES):
            self._visit_foreign(x, kind, variables)
            return
        self._depth = 0
        if is_module:
            self.modules.append(x)
        elif not of_package:
            self._instances.append(x)
        if is_module and of_package:  # how it computes is not the user's code
            self._wait_for(part for part in (variables or {}).values() if not isinstance(part, Leaf))
            return
        if variables is not None:
            self._add_space(f"the {kind.__name__}'s ", variables)
            if not of_package:
                self._users.add(id(variables))
                if any(map(_reads_by_itself, kind.__mro__)):
                    self._read_as_a_whole.add(id(variables))
                self._found.append(_Lookup(_dict_slot(kind).__get__, [x], lambda _: "the attributes of an object"))
        self._visit_class(kind, made=False)
        if not of_package:
            self._watch_slots(x, kind)

    def _watch_slots(self, x: Any, kind: type) -> None:
        for slot in chain.from_iterable(map(_slots, kind.__mro__)):
            self._found.append(_Lookup(partial(_in_slot, slot), [x], partial("a {1}'s {0}".format, slot.__name__)))
            self._wait_for([_in_slot(slot, x)])

    def _visit_foreign(self, x: Any, kind: type, variables: dict[str, Any] | None) -> None:
        """An object of an installed package: what it holds, without asking it, and not without end."""
        if kind.__module__ in _LEADING_EVERYWHERE or issubclass(kind, random.Random):
            return
        self._depth += 1
        self._watch_slots(x, kind)
        if kind is MappingProxyType:
            self.rows.append(_Row(x.values(), "an entry of a mapping"))
        if variables:
            self._visit_parts(variables)
        parts = gc.get_referents(x)
        self._wait_for(
            part for part in parts if not issubclass(type(part), (type, ModuleType)) and part is not variables
        )


def _is_plain(kind: type) -> bool:
    """Whether nothing in such an object needs a closer look: a number, a text, or a Value without other attributes."""
    return kind in _UNCHANGING or kind is Value or (issubclass(kind, Value) and not kind.__dictoffset__)


def is_constant(x: Any) -> bool:
    """Whether there is nothing in it that could change."""
    return type(x) in _UNCHANGING and type(x) is not BuiltinFunctionType


_MANY_ITEMS = 500  # in lists; from there on machine code compares them


# Makes a function that says whether lists still hold the same objects; list_items.py sets it if there is machine code.
list_checker: Callable[[list[list[Any]]], Callable[[], bool]] | None = None


# Kinds of things.

_UNCHANGING = {int, float, bool, str, bytes, complex, type(None), type(...), range, CodeType, BuiltinFunctionType}
_WRAPPERS: dict[type, tuple[str, ...]] = {
    MethodType: ("__self__", "__func__"),
    partial: ("func", "args", "keywords"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    cached_property: ("func",),
}
_CONTAINERS = (list, tuple, set, frozenset, deque)
_KNOWN = {*_CONTAINERS, dict, OrderedDict, *_WRAPPERS}  # only their parts matter
_RULE = [Rule.__dict__[name] for name in ("value", "partials", "jumps")]
_DEEPEST = 6  # references into an object of an installed package: to the numbers in a table of pandas, say
_LEADING_EVERYWHERE = {"logging", "_io", "io", "threading", "_thread"}
_FROM_TEXT = {"globals", "eval", "exec"}
_BY_TEXT = {"getattr", "vars", "attrgetter", "asdict", "astuple", "replace", "copy", "deepcopy"}
_MAKING = {"__init__", "__new__", "__post_init__"}
_OF_EVERY_CLASS = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__match_args__", "__slots__",
    "__qualname__", "__init_subclass__", "__repr__", "__del__", "__reduce__", "__reduce_ex__", "__getstate__",
    "__setstate__", "__dataclass_fields__", "__dataclass_params__", "__parameters__", "__orig_bases__",
    "__abstractmethods__",
}  # fmt: skip

_END = object()  # ends the list of references: if more follows, or it comes too early, something changed
_AT_END = (_END,)


class _Items:
    """The items of a container of a class of the user's own, which is not asked."""

    def __init__(self, base: Any, items: Any) -> None:
        self._base, self._items = base, items

    def __iter__(self) -> Iterator[Any]:
        return self._base.__iter__(self._items)  # type: ignore[no-any-return]


class _Content:
    """One reference, to another object whenever an array has not the layout or the bytes that it had."""

    def __init__(self, x: Any) -> None:
        self._array, self._same, self._held = x, object(), self._now(x)

    def _now(self, x: Any) -> tuple[Any, ...]:
        return (x.shape, x.strides, x.dtype, x.tobytes()) if hasattr(x, "dtype") else (bytes(x),)

    def __iter__(self) -> Iterator[Any]:
        return iter((self._same if self._now(self._array) == self._held else object(),))


def _is_array(x: Any) -> bool:
    """Whether it holds numbers that can be changed in place, as NumPy's arrays do."""
    kind = type(x)
    if any(base.__name__ == "ndarray" and base.__module__ == "numpy" for base in kind.__mro__):
        return True
    try:
        return (_is_of_package(kind) or issubclass(kind, (bytearray, array))) and not memoryview(x).readonly
    except TypeError:
        return False


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return _END


def _value(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:  # it was not set, and has no default
        return _END


def _target(reference: "weakref.ref[Any]") -> Any:
    return weakref.ref.__call__(reference)


def _or_end(function: Callable[[Any], Any], key: Any) -> Any:
    try:
        return function(key)
    except (ValueError, TypeError):  # an empty cell; an object that has another class now
        return _END


def _variables(x: Any) -> dict[str, Any] | None:
    """The attributes of an object, without asking it: it may answer in a way of its own."""
    slot = _dict_slot(type(x))
    found = None if slot is None else slot.__get__(x)
    return found if isinstance(found, dict) else None


def _dict_slot(kind: type) -> Any:
    """Where objects of this class have their attributes."""
    slots = [base.__dict__["__dict__"] for base in kind.__mro__ if "__dict__" in base.__dict__]
    return next((slot for slot in slots if isinstance(slot, GetSetDescriptorType)), None)


def _slots(kind: type) -> list[MemberDescriptorType]:
    """Those that are named in ``__slots__``: what is written in C has others, which make a new object when asked."""
    if "__slots__" not in kind.__dict__:
        return []
    return [part for part in kind.__dict__.values() if isinstance(part, MemberDescriptorType)]


def _in_slot(slot: MemberDescriptorType, x: Any) -> Any:
    try:
        return slot.__get__(x)
    except AttributeError:  # it is empty
        return _END


# What code asks for.


class _Used(NamedTuple):
    """Names in a function and the functions inside it."""

    variables: tuple[str, ...]  # global ones
    attributes: frozenset[str]  # also those named by a string, as in ``getattr(x, "k")``
    imports: tuple[str, ...]


@lru_cache(maxsize=4096)
def _used_names(code: CodeType) -> _Used:
    steps = [*dis.get_instructions(code)]
    variables = [step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    imports = [step.argval for step in steps if step.opname == "IMPORT_NAME"]
    constants = [constant for constant in code.co_consts if isinstance(constant, str)]
    texts = [*filter(str.isidentifier, constants)]
    if not _FROM_TEXT.isdisjoint(variables):  # looked up by a string, or in one
        words = re.findall(r"[^\W\d]\w*", " ".join(constants))
        variables += words
        texts += words
    inner = [_used_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return _Used(
        tuple(dict.fromkeys(chain(variables, *[each.variables for each in inner]))),
        frozenset(code.co_names).union(texts, *[each.attributes for each in inner]),
        tuple(dict.fromkeys(chain(imports, *[each.imports for each in inner]))),
    )


# What is the user's own, and what comes with Python or with an installed package.

_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def _is_library(file: str) -> bool:
    return file.startswith((*_LIBRARY, "<frozen")) or "site-packages" in file or "dist-packages" in file


def _name_and_file(module: ModuleType) -> tuple[str, str]:
    """Those of a module, without asking it: it may have a `__getattr__`."""
    return vars(module).get("__name__") or "", vars(module).get("__file__") or ""


def _is_installed(module: ModuleType) -> bool:
    name, file = _name_and_file(module)
    if name == "__main__":  # the program itself, or a notebook
        return False
    if not file:  # it is built in, or belongs to a notebook
        return name.partition(".")[0] in sys.stdlib_module_names
    return _is_library(file) or file.startswith(PACKAGES)


_WRITTEN_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class of a user's own may have a module of any name


def _is_of_package(kind: type) -> bool:
    module = sys.modules.get(str(kind.__module__))
    if module is builtins or module is None:  # a class without a module may claim to be built in
        return not kind.__flags__ & _WRITTEN_IN_PYTHON
    return _is_installed(module)


def _reads_by_itself(base: type) -> bool:
    """Whether a base class is of a library, with code that may read any attribute of its objects."""
    if base.__module__ in _WITHOUT_ATTRIBUTES or _file_of(base).startswith(PACKAGES):
        return False
    return _is_of_package(base)


_WITHOUT_ATTRIBUTES = {"builtins", "abc", "typing", "collections.abc"}


def _file_of(kind: type) -> str:
    module = sys.modules.get(str(kind.__module__))
    return "" if module is None else _name_and_file(module)[1]


# What comes from outside the process.


def _public_name(module: ModuleType) -> str:
    return "os.path" if module is os.path else _name_and_file(module)[0]


_OUTSIDE_BY_NAME = {
    *(f"time.{name}" for name in vars(time) if name.endswith("time") and name != "strptime" or name.endswith("_ns")),
    "time.monotonic", "time.perf_counter",
    *(f"random.{name}" for name in random.__all__ if name.islower() and name not in ("seed", "getstate", "setstate")),
    *(f"os.{name}" for name in ("environ", "environb", "getenv", "getenvb", "urandom", "listdir", "scandir", "stat")),
    *(f"os.{name}" for name in ("getcwd", "getpid", "walk", "open", "read", "popen", "system", "lstat", "access")),
    *(f"os.path.{name}" for name in ("exists", "lexists", "isfile", "isdir", "islink", "samefile")),
    *(f"os.path.{name}" for name in ("getsize", "getmtime", "getctime", "getatime")),
    *(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "getoutput", "Popen")),
    *(f"numpy.{name}" for name in ("load", "loadtxt", "genfromtxt", "fromfile", "memmap")),
    *(f"pandas.read_{kind}" for kind in ("csv", "table", "json", "excel", "parquet", "pickle", "feather", "sql")),
    "builtins.open", "builtins.input", "io.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open", "shelve.open",
    "sqlite3.connect", "urllib.request.urlopen", "uuid.uuid1", "uuid.uuid4",
}  # fmt: skip
_OUTSIDE = {
    id(getattr(module, name)): f"{_public_name(module)}.{name}"
    for module in (random, uuid, time, os.path, os, builtins)  # what is in several is named after the last
    for name in vars(module)
    if f"{_public_name(module)}.{name}" in _OUTSIDE_BY_NAME
}
# Classes that read something outside when they, or their objects, are asked for one of these.
_OF_A_PATH = frozenset(
    {"read_text", "read_bytes", "open", "exists", "is_file", "is_dir", "stat", "iterdir", "glob", "rglob", "cwd"}
)
_READERS = {
    id(datetime.datetime): ("datetime", frozenset({"now", "today", "utcnow"})),
    id(datetime.date): ("date", frozenset({"today"})),
    **{id(kind): ("Path", _OF_A_PATH) for kind in (pathlib.Path, type(pathlib.Path()))},
}


# Rules of a user's own.


def is_users(what: Any) -> TypeGuard[Rule]:
    """Whether this is a user's own rule, whose functions may see what changes."""
    return isinstance(what, Rule) and not builtin_name(what)


# The states of random numbers.


@contextmanager
def random_states_kept(things: Iterable[Any] | None) -> Iterator[None]:
    """A block after which random numbers go on as if nobody had drawn any: those of `random`, and of some objects.

    Without any, it is a block like any other.
    """
    if things is None:
        yield
        return
    generators = [thing for thing in things if issubclass(type(thing), random.Random)]
    state, states = random.getstate(), [each.getstate() for each in generators]
    try:
        yield
    finally:
        random.setstate(state)
        for each, own in zip(generators, states):
            each.setstate(own)


# Attributes of Modules.

module_version = 0  # how often an attribute of a Module was set or deleted in this process


def bump_module_version() -> None:
    """To be called when an attribute of a Module is set or deleted, which may then do something else."""
    global module_version
    module_version += 1


def training_modes(things: Iterable[Any]) -> tuple[bool, ...]:
    """For each of the Modules among some things, whether it is in training."""
    return tuple([thing.training for thing in things if _is_module(type(thing))])


def _is_module(kind: type) -> bool:
    """Whether this is a class of Modules, without asking it: its class may have a `__getattr__`."""
    return any("named_modules" in base.__dict__ for base in kind.__mro__)
