"""Where generated text and the machine code made of it are kept, so that the next process finds them.

numba keeps machine code beside the file that a function is defined in, and takes it for valid while that file is as it
was. But machine code is made of functions of several files, by numba and LLVM, for one processor: so there is a folder
for each *version* of all these together, and what was kept by another version is never looked at. In that folder a
function of generated text gets a file named after everything that its machine code depends on, and a function of the
engine stands for a file of its module. What is damaged there is made anew, and where nothing can be written, as on a
full disk, machine code is made and not kept.
"""

import atexit
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core.caching import FunctionCache

from engine.modes import PACKAGES

OPTIONS = {"error_model": "numpy", "boundscheck": False}  # division by zero follows IEEE 754, as in the plain engine
DEVICE_ONLY = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # for what only machine code calls
NOTICED = 1.0  # seconds
MONTH = 30 * 24 * 3600.0  # in seconds; the cache of a version that was not used for so long is removed


def jit_cached(make: Any, *args: Any, **options: Any) -> Callable[[Any], Any]:
    """A decorator of numba's that compiles at once, as `numba.cfunc` does; the machine code is kept on disk."""

    def decorate(function: Any) -> Any:
        code = function.__code__
        if code.co_filename.startswith(PACKAGES):
            path = _file(f"{function.__module__}.py", f"# Machine code of {function.__module__}\n")
            copy = code.replace(co_filename=str(path))
            defaults, closure = function.__defaults__, function.__closure__
            kept = FunctionType(copy, function.__globals__, function.__name__, defaults, closure)
            kept.__module__, kept.__qualname__ = function.__module__, function.__qualname__
            function = kept
        for _ in range(2):
            try:
                with _timed():
                    return make(*args, cache=True, **options)(function)
            except numba.errors.NumbaError:  # it can't be compiled
                raise
            except RuntimeError:  # there is no folder to write to
                break
            except Exception:  # a file was cut off, or the disk is full
                try:
                    FunctionCache(function).flush()
                except Exception:
                    break
        return make(*args, **options)(function)

    return decorate


_seconds = 0.0  # how long machine code has been made in this process


@contextmanager
def _timed() -> Iterator[None]:
    """A block that makes machine code, or finds it on disk. Where it takes over a second, a terminal is told why."""
    global _seconds
    begin = time.perf_counter()
    yield
    before, _seconds = _seconds, _seconds + time.perf_counter() - begin
    if before < NOTICED <= _seconds and sys.stderr is not None and sys.stderr.isatty():
        print("chalkgrad: making machine code, once; the next time it is found on disk", file=sys.stderr)


def folder() -> Path:
    """Where machine code is kept between processes: ``CHALKGRAD_CACHE``, or a folder for caches in the user's home."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("CHALKGRAD_CACHE") or Path(home, "chalkgrad"))


def load_generated(text: str, identity: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """What a module of this text defines, given some names.

    Args:
        text: the source of the module.
        identity: a text that differs whenever the text, or anything behind the names, differs.
        namespace: what the names in the text mean.
    """
    name = hashlib.sha256(f"named {identity} {version()}".encode()).hexdigest()[:32]
    path = _file(f"{name}.py", text)
    module = {**namespace, "__name__": __name__}
    exec(compile(text, path, "exec"), module)
    for thing in list(module.values()):
        if getattr(thing, "__code__", None) is not None and thing.__code__.co_filename == str(path):
            thing.__qualname__ = f"{thing.__name__}_{name}"  # as in `codegen.to_numba`
    return module


def _file(name: str, text: str) -> Path:
    """A file of this version's folder with this text; else one in a folder of this process; else none at that path."""
    path = folder() / version() / name
    try:
        _write(path, text)
    except OSError:
        try:
            path = _folder_of_this_process() / name
            _write(path, text)
        except OSError:
            pass  # without a file numba caches nothing
    return path


def _write(path: Path, text: str) -> None:
    """Write a file as a whole, unless it is there as it should be."""
    try:
        if path.read_text() == text:
            return
    except (OSError, UnicodeDecodeError):
        pass
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_unused(path.parent.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _remove_unused(home: Path) -> None:
    """Remove what versions have kept that were not used for a month, such as those before an update."""
    with suppress(OSError):
        for path in home.iterdir():
            if re.fullmatch("[0-9a-f]{32}", path.name) and path.stat().st_mtime < time.time() - MONTH:
                shutil.rmtree(path, ignore_errors=True)


@cache
def version() -> str:
    """A text that differs wherever machine code may: for another engine, compiler, Python or processor."""
    found = hashlib.sha256()
    for path, source in sorted(_sources(files("engine"))):
        found.update(f"{path} {len(source)} ".encode() + source)
    machine = llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    made_by = numba.__version__, llvm.llvm_version_info, np.__version__, sys.version, sys.maxsize
    found.update(repr((machine, made_by)).encode())
    name = found.hexdigest()[:32]
    with suppress(OSError):
        os.utime(folder() / name)  # marks it as used
    return name


def _sources(within: Traversable, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Every file of Python's in a folder, or in the part of a zip, with its path in it."""
    for each in within.iterdir():
        if each.is_dir() and each.name != "__pycache__":
            yield from _sources(each, f"{path}{each.name}/")
        elif each.name.endswith((".py", ".pyc")):
            yield path + each.name, each.read_bytes()


@cache
def _folder_of_this_process() -> Path:
    """Where machine code goes if it can't be kept."""
    name = tempfile.mkdtemp(prefix="chalkgrad-")
    atexit.register(shutil.rmtree, name, ignore_errors=True)
    return Path(name)
