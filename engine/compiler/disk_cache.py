"""Where generated text and the machine code made of it are kept, so that the next process finds them.

numba keeps machine code beside the file that a function is defined in. A function of generated text gets such a file,
named after everything that its machine code depends on. What is damaged there is made anew, and where nothing can be
written, as on a full disk, machine code is made and not kept.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache

OPTIONS = {"error_model": "numpy", "boundscheck": False}  # division by zero is IEEE 754's, as in the plain engine
DEVICE_ONLY = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # for what machine code alone calls


def jit_cached(make: Any, *args: Any, **options: Any) -> Callable[[Any], Any]:
    """A decorator of numba's that compiles at once, as `numba.cfunc` does; the machine code is kept on disk."""

    def decorate(function: Any) -> Any:
        for _ in range(2):
            try:
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


def folder() -> Path:
    """Where machine code is kept between processes: ``CHALKGRAD_CACHE``, or a folder for caches in the user's home."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("CHALKGRAD_CACHE") or Path(home, "chalkgrad"))


def load_generated(text: str, identity: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """What a module of this text defines, given some names.

    Args:
        text: the source of the module.
        identity: another text whenever the text, or anything behind the names, is another.
        namespace: what the names in the text mean.
    """
    name = hashlib.sha256(f"named {identity} {numba.__version__} {_version_of_engine()}".encode()).hexdigest()[:32]
    path = folder() / f"{name}.py"
    try:
        _write(path, text)
    except OSError:
        try:
            path = _folder_of_this_process() / path.name
            _write(path, text)
        except OSError:
            pass  # without a file numba keeps nothing
    module = {**namespace, "__name__": __name__}
    exec(compile(text, path, "exec"), module)
    for thing in list(module.values()):
        if getattr(thing, "__code__", None) is not None and thing.__code__.co_filename == str(path):
            thing.__qualname__ = f"{thing.__name__}_{name}"  # as in `codegen.to_numba`
    return module


def _write(path: Path, text: str) -> None:
    """Write a file as a whole, unless it is there as it should be."""
    try:
        if path.read_text() == text:
            return
    except (OSError, UnicodeDecodeError):
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@cache
def _version_of_engine() -> str:
    """A text that is another whenever any file of the engine is another: machine code calls into several of them."""
    files = sorted(Path(__file__).parent.parent.rglob("*.py"))
    return hashlib.sha256(b"".join([str(path).encode() + path.read_bytes() for path in files])).hexdigest()


@cache
def _folder_of_this_process() -> Path:
    """Where machine code goes if it can't be kept."""
    name = tempfile.mkdtemp(prefix="chalkgrad-")
    atexit.register(shutil.rmtree, name, ignore_errors=True)
    return Path(name)
