"""What code can reach: a walk from a function over everything that it may read while it runs.

Only code that may run counts: of a module, a class or an object, just the attributes that are named in code that was
reached, so that an unrelated cell of a notebook, or a history of losses beside the model, does not matter.
"""

import builtins
import dis
import gc
import random
import re
import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from itertools import chain
from operator import attrgetter
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any, NamedTuple

from engine.compiler.guards.kinds import (
    CONTAINERS,
    END,
    KNOWN,
    OUTSIDE,
    OUTSIDE_BY_NAME,
    READERS,
    RULE_SLOTS,
    WRAPPERS,
    ArrayContent,
    cell_content,
    context_value,
    dict_slot,
    file_of,
    in_slot,
    is_array,
    is_installed,
    is_library,
    is_module,
    is_of_package,
    is_plain,
    is_users,
    name_and_file,
    public_name,
    reads_by_itself,
    slots_of,
    variables_of,
    weakref_target,
)
from engine.modes import PACKAGES
from engine.rules import Rule
from engine.value import Leaf


class Lookup(NamedTuple):
    """A function that tells what each of some keys refers to."""

    function: Callable[[Any], Any]
    keys: list[Any]
    words: Callable[[Any], str]  # describes a key
    attribute: str = ""  # which attribute of the key is looked up, if one is
    space: Mapping[str, Any] | None = None  # where the key is looked up, if it is an item's


FEW = 200  # references and containers: up to so many are compared in a single expression, in a third of the time


class Row(NamedTuple):
    """Something to go through: it gives what it refers to, afresh each time."""

    items: Iterable[Any]
    name: str


class Walk:
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
        self.rows: list[Row] = []
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
        self._found: list[Lookup] = []  # in slots and small dictionaries
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

    def lookups(self) -> list[Lookup]:
        """What was collected, but for containers."""
        found = [*self._found]
        if self._functions:
            words: Callable[[Any], str] = "the code of {0.__name__}".format
            found.append(Lookup(attrgetter("__code__"), self._functions, words, "__code__"))
        defaults = [function for function in self._functions if function.__defaults__]
        if defaults:
            words = "a default of {0.__name__}".format
            found.append(Lookup(attrgetter("__defaults__"), defaults, words, "__defaults__"))
        full = [cell for cell in self._cells if cell_content(cell) is not END]
        empty = [cell for cell in self._cells if cell_content(cell) is END]
        if full:
            content = attrgetter("cell_contents")
            found.append(Lookup(content, full, lambda _: "a variable in a closure", "cell_contents"))
        if empty:
            found.append(Lookup(cell_content, empty, lambda _: "a variable in a closure"))
        if self._instances:
            found.append(Lookup(type, self._instances, lambda x: f"the class of a {type(x).__name__}"))
        if self._variables:
            found.append(Lookup(context_value, self._variables, lambda x: f"the context variable {x.name}"))
        named = [*self._globals.values(), *self._spaces.values()]
        for name, space, names in named:
            if keys := [key for key in names if key not in _MAKING or key in space]:
                found.append(Lookup(space.get, keys, partial("{}{}".format, name), space=space))
        return found

    def spaces(self) -> list[Any]:
        """Where a name that is new may stand before another one: an object's attributes before those of its class."""
        return [space for _, space, _ in self._spaces.values() if "__builtins__" not in space]

    def _wait_for(self, things: Iterable[Any]) -> None:
        self._waiting += [(thing, self._depth) for thing in things]

    def _visit(self, x: Any) -> None:
        kind = type(x)
        if id(x) in OUTSIDE:
            self._found_outside(OUTSIDE[id(x)])
        if kind is BuiltinFunctionType and type(x.__self__) is not ModuleType:  # a method, such as ``settings.get``
            x = x.__self__
            kind = type(x)
        if is_plain(kind) or id(x) in self._visited or self._depth > _DEEPEST:
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
            self._found.append(Lookup(weakref_target, [x], lambda _: "what a weak reference leads to"))
            self._wait_for([weakref_target(x)])
        elif kind in weakref.ProxyTypes:
            self._found_outside("what a weakref.proxy leads to")
        elif kind is ContextVar:
            self._variables.append(x)
            self._wait_for([context_value(x)])
        elif issubclass(kind, Rule):
            if is_users(x):  # those in the table never change
                for slot in RULE_SLOTS:
                    self._found.append(Lookup(partial(in_slot, slot), [x], "the rule {0.symbol!r}".format))
                    self._wait_for([in_slot(slot, x)])
        elif is_array(x):
            self.rows.append(Row(ArrayContent(x), f"what is in a {kind.__name__}"))
            if hasattr(x, "dtype") and x.dtype.hasobject:
                self._wait_for(x.ravel().tolist())
        else:
            self._visit_parts(x)
            if kind not in KNOWN:
                self._visit_instance(x, kind)

    def _visit_function(self, function: FunctionType) -> None:
        code = function.__code__
        cells = dict(zip(code.co_freevars, function.__closure__ or ()))
        found = [cell_content(cell) for name, cell in cells.items() if name != "__class__"]
        if function.__dict__:
            self._add_space(f"{function.__name__}.", function.__dict__)
        used = _used_names(code)
        if is_library(code.co_filename):  # perhaps an installed package's decorator: go on to what it wraps
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
                self._visit_class(cell_content(cells["__class__"]), made=False)
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
        if not issubclass(type(thing), ModuleType) or not is_installed(thing):
            name, readers = READERS.get(id(thing)) or READERS.get(id(type(thing))) or ("", frozenset())
            if names & readers:
                self._found_outside(f"{name}.{min(names & readers)}")
            self._wait_for((thing,))
            return
        there = sorted(names & vars(thing).keys())
        module = public_name(thing)
        for name, part in zip(there, self._by_name(f"{module}.", vars(thing), there)):
            full = f"{module}.{name}"
            if full in OUTSIDE_BY_NAME or (module == "numpy.random" and name.islower() and "_" not in name):
                self._found_outside(full)
            if part is not thing:
                self._use(part, names - {name})

    def _found_outside(self, name: str) -> None:
        self.outside = self.outside or name.removeprefix("builtins.")

    def _add_space(self, name: str, space: Mapping[str, Any]) -> set[str]:
        return self._spaces.setdefault(id(space), (name, space, set()))[2]

    def _visit_module(self, module: ModuleType) -> None:
        if not is_installed(module):
            self._depth = 0
            self._add_space(f"{name_and_file(module)[0]}.", vars(module))

    def _visit_class(self, kind: type, made: bool) -> None:
        """A class, of which objects may be made; else only those that are there are used."""
        if is_of_package(kind) or self._classes.get(kind, -1) >= made:
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
        if issubclass(kind, CONTAINERS):
            self._visit_items(x)
        elif issubclass(kind, dict):
            ordered: Any = OrderedDict if kind is OrderedDict else dict  # an OrderedDict keeps its own order
            self.rows.append(Row(ordered.keys(x), "a key of a dictionary"))
            if kind is dict and len(x) < FEW // 4 and {*map(type, x)} == {str}:
                self._found.append(Lookup(x.get, [*x], lambda _: "an entry of a dictionary", space=x))
            elif dict.__len__(x):
                self.rows.append(Row(ordered.values(x), "an entry of a dictionary"))
            self._wait_for(dict.values(x))
        for wrapper, names in WRAPPERS.items():
            if issubclass(kind, wrapper):
                self._wait_for([getattr(x, name) for name in names])

    def _visit_items(self, items: Any) -> None:
        base: Any = next(kind for kind in CONTAINERS if issubclass(type(items), kind))
        kinds = {*map(type, base.__iter__(items))}
        if not all(is_plain(kind) or issubclass(kind, Leaf) for kind in kinds):  # parameters are read at each call
            self._wait_for(base.__iter__(items))
        if type(items) is list:
            by_identity = all(kind.__eq__ is object.__dict__["__eq__"] for kind in kinds)
            (self.lists if by_identity else self.mixed_lists).append(items)
        elif base is not tuple and base is not frozenset:
            self.rows.append(
                Row(items if type(items) is base else _Items(base, items), f"an item of a {base.__name__}")
            )

    def _visit_instance(self, x: Any, kind: type) -> None:
        variables, of_package = variables_of(x), is_of_package(kind)
        of_module = is_module(kind)
        if of_package and not of_module and not file_of(kind).startswith(PACKAGES):
            self._visit_foreign(x, kind, variables)
            return
        self._depth = 0
        if of_module:
            self.modules.append(x)
        elif not of_package:
            self._instances.append(x)
        if of_module and of_package:  # how it computes is not the user's code
            self._wait_for(part for part in (variables or {}).values() if not isinstance(part, Leaf))
            return
        if variables is not None:
            self._add_space(f"the {kind.__name__}'s ", variables)
            if not of_package:
                self._users.add(id(variables))
                if any(map(reads_by_itself, kind.__mro__)):
                    self._read_as_a_whole.add(id(variables))
                self._found.append(Lookup(dict_slot(kind).__get__, [x], lambda _: "the attributes of an object"))
        self._visit_class(kind, made=False)
        if not of_package:
            self._watch_slots(x, kind)

    def _watch_slots(self, x: Any, kind: type) -> None:
        for slot in chain.from_iterable(map(slots_of, kind.__mro__)):
            self._found.append(Lookup(partial(in_slot, slot), [x], partial("a {1}'s {0}".format, slot.__name__)))
            self._wait_for([in_slot(slot, x)])

    def _visit_foreign(self, x: Any, kind: type, variables: dict[str, Any] | None) -> None:
        """An object of an installed package: what it holds, without asking it, and not without end."""
        if kind.__module__ in _LEADING_EVERYWHERE or issubclass(kind, random.Random):
            return
        self._depth += 1
        self._watch_slots(x, kind)
        if kind is MappingProxyType:
            self.rows.append(Row(x.values(), "an entry of a mapping"))
        if variables:
            self._visit_parts(variables)
        parts = gc.get_referents(x)
        self._wait_for(
            part for part in parts if not issubclass(type(part), (type, ModuleType)) and part is not variables
        )


class _Items:
    """The items of a container of a class of the user's own, which is not asked."""

    def __init__(self, base: Any, items: Any) -> None:
        self._base, self._items = base, items

    def __iter__(self) -> Iterator[Any]:
        return self._base.__iter__(self._items)  # type: ignore[no-any-return]


# What code asks for.

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
