"""Kinds of objects, and how each is looked at: without asking it, since its class may answer in a way of its own.

Which can't change; which are the user's own, and which come with Python or an installed package; which lead outside
the process. Installed packages are taken to be what they are, but for the names in them that a function uses.
"""

import builtins
import datetime
import os
import pathlib
import random
import sys
import sysconfig
import time
import uuid
import weakref
from array import array
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property, partial
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, TypeGuard

from engine.modes import PACKAGES
from engine.rules import Rule
from engine.steps import builtin_name
from engine.value import Value

# Kinds of things.

UNCHANGING = {int, float, bool, str, bytes, complex, type(None), type(...), range, CodeType, BuiltinFunctionType}
WRAPPERS: dict[type, tuple[str, ...]] = {
    MethodType: ("__self__", "__func__"),
    partial: ("func", "args", "keywords"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    cached_property: ("func",),
}
CONTAINERS = (list, tuple, set, frozenset, deque)
KNOWN = {*CONTAINERS, dict, OrderedDict, *WRAPPERS}  # only their parts matter
RULE_SLOTS = [Rule.__dict__[name] for name in ("value", "partials", "jumps")]

END = object()  # ends the list of references: if more follows, or it comes too early, something changed
AT_END = (END,)


def is_plain(kind: type) -> bool:
    """Whether nothing in such an object needs a closer look: a number, a text, or a Value without other attributes."""
    return kind in UNCHANGING or kind is Value or (issubclass(kind, Value) and not kind.__dictoffset__)


def is_constant(x: Any) -> bool:
    """Whether there is nothing in it that could change."""
    return type(x) in UNCHANGING and type(x) is not BuiltinFunctionType


class ArrayContent:
    """One reference, to another object whenever an array has not the layout or the bytes that it had."""

    def __init__(self, x: Any) -> None:
        self._array, self._same, self._held = x, object(), self._now(x)

    def _now(self, x: Any) -> tuple[Any, ...]:
        return (x.shape, x.strides, x.dtype, x.tobytes()) if hasattr(x, "dtype") else (bytes(x),)

    def __iter__(self) -> Iterator[Any]:
        return iter((self._same if self._now(self._array) == self._held else object(),))


def is_array(x: Any) -> bool:
    """Whether it holds numbers that can be changed in place, as NumPy's arrays do."""
    kind = type(x)
    if any(base.__name__ == "ndarray" and base.__module__ == "numpy" for base in kind.__mro__):
        return True
    try:
        return (is_of_package(kind) or issubclass(kind, (bytearray, array))) and not memoryview(x).readonly
    except TypeError:
        return False


def cell_content(cell: CellType) -> Any:
    """What a variable of a closure refers to; `END` if it is empty."""
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return END


def context_value(variable: ContextVar[Any]) -> Any:
    """What a context variable refers to; `END` if to nothing."""
    try:
        return variable.get()
    except LookupError:  # it was not set, and has no default
        return END


def weakref_target(reference: "weakref.ref[Any]") -> Any:
    """What a weak reference leads to, without asking it."""
    return weakref.ref.__call__(reference)


def variables_of(x: Any) -> dict[str, Any] | None:
    """The attributes of an object, without asking it: it may answer in a way of its own."""
    slot = dict_slot(type(x))
    found = None if slot is None else slot.__get__(x)
    return found if isinstance(found, dict) else None


def dict_slot(kind: type) -> Any:
    """Where objects of this class have their attributes."""
    slots = [base.__dict__["__dict__"] for base in kind.__mro__ if "__dict__" in base.__dict__]
    return next((slot for slot in slots if isinstance(slot, GetSetDescriptorType)), None)


def slots_of(kind: type) -> list[MemberDescriptorType]:
    """Those that are named in ``__slots__``: what is written in C has others, which make a new object when asked."""
    if "__slots__" not in kind.__dict__:
        return []
    return [part for part in kind.__dict__.values() if isinstance(part, MemberDescriptorType)]


def in_slot(slot: MemberDescriptorType, x: Any) -> Any:
    """What an object has in a slot; `END` if it is empty."""
    try:
        return slot.__get__(x)
    except AttributeError:  # it is empty
        return END


# What is the user's own, and what comes with Python or with an installed package.

_LIBRARY = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def is_library(file: str) -> bool:
    """Whether a file comes with Python or with an installed package."""
    return file.startswith((*_LIBRARY, "<frozen")) or "site-packages" in file or "dist-packages" in file


def name_and_file(module: ModuleType) -> tuple[str, str]:
    """Those of a module, without asking it: it may have a `__getattr__`."""
    return vars(module).get("__name__") or "", vars(module).get("__file__") or ""


def is_installed(module: ModuleType) -> bool:
    """Whether a module is none of the user's own."""
    name, file = name_and_file(module)
    if name == "__main__":  # the program itself, or a notebook
        return False
    if not file:  # it is built in, or belongs to a notebook
        return name.partition(".")[0] in sys.stdlib_module_names
    return is_library(file) or file.startswith(PACKAGES)


_WRITTEN_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class of a user's own may have a module of any name


def is_of_package(kind: type) -> bool:
    """Whether a class is none of the user's own."""
    module = sys.modules.get(str(kind.__module__))
    if module is builtins or module is None:  # a class without a module may claim to be built in
        return not kind.__flags__ & _WRITTEN_IN_PYTHON
    return is_installed(module)


def reads_by_itself(base: type) -> bool:
    """Whether a base class is of a library, with code that may read any attribute of its objects."""
    if base.__module__ in _WITHOUT_ATTRIBUTES or file_of(base).startswith(PACKAGES):
        return False
    return is_of_package(base)


_WITHOUT_ATTRIBUTES = {"builtins", "abc", "typing", "collections.abc"}


def file_of(kind: type) -> str:
    """The file of the module that a class was defined in; empty if there is none."""
    module = sys.modules.get(str(kind.__module__))
    return "" if module is None else name_and_file(module)[1]


# What comes from outside the process.


def public_name(module: ModuleType) -> str:
    """The name by which a user knows a module."""
    return "os.path" if module is os.path else name_and_file(module)[0]


OUTSIDE_BY_NAME = {
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
_OUTSIDE_THINGS = [  # kept: what is gone leaves its id to another thing, as a notebook's `input` does after one cell
    (getattr(module, name), f"{public_name(module)}.{name}")
    for module in (random, uuid, time, os.path, os, builtins)  # what is in several is named after the last
    for name in vars(module)
    if f"{public_name(module)}.{name}" in OUTSIDE_BY_NAME
]
OUTSIDE = {id(thing): name for thing, name in _OUTSIDE_THINGS}
# Classes that read something outside when they, or their objects, are asked for one of these.
_OF_A_PATH = frozenset(
    {"read_text", "read_bytes", "open", "exists", "is_file", "is_dir", "stat", "iterdir", "glob", "rglob", "cwd"}
)
READERS = {
    id(datetime.datetime): ("datetime", frozenset({"now", "today", "utcnow"})),
    id(datetime.date): ("date", frozenset({"today"})),
    **{id(kind): ("Path", _OF_A_PATH) for kind in (pathlib.Path, type(pathlib.Path()))},
}


# Rules of a user's own.


def is_users(what: Any) -> TypeGuard[Rule]:
    """Whether this is a user's own rule, whose functions may see what changes."""
    return isinstance(what, Rule) and not builtin_name(what)


def training_modes(things: Iterable[Any]) -> tuple[bool, ...]:
    """For each of the Modules among some things, whether it is in training."""
    return tuple([thing.training for thing in things if is_module(type(thing))])


def is_module(kind: type) -> bool:
    """Whether this is a class of Modules, without asking it: its class may have a `__getattr__`."""
    return any("named_modules" in base.__dict__ for base in kind.__mro__)


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
