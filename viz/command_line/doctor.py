"""What on this computer keeps chalkgrad from working, or from working well, and what to do about it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import engine
from engine.utils.console import printable
from viz.graph.engines import REMEDY, draw, engines

_NEEDED = (3, 11)
_SIGNS = {"good": "✓", "absent": "–", "bad": "✗"}
# A package that is not needed, what it is for, and the extra that brings it.
_EXTRAS = (
    ("numba", "compiled functions run as machine code", "fast"),
    ("matplotlib", "plots, and animations for slides", "plot"),
    ("safetensors", "weights as .safetensors files", "weights"),
    ("jupyterlab", "the lessons as notebooks", "lessons"),
    ("sklearn", "the data sets of the applications", "lessons"),
    ("tqdm", "progress bars", "lessons"),
)
_OURS = ("engine", "nn", "viz")
_HOME = Path(str(engine.__file__)).resolve().parent.parent  # the folder that they are in
_JAPANESE = 0x65E5  # 日


@printable
class Finding(NamedTuple):
    """One thing that was looked at: ``"good"``, ``"absent"`` (and not needed) or ``"bad"``; and in words."""

    state: str
    words: str

    def __str__(self) -> str:
        return f"{_SIGNS[self.state]} {self.words}"


def findings(folder: Path) -> Iterator[Finding]:
    """What there is to say, one thing after the other: some of them take a moment to find out.

    Args:
        folder: where the user's own files are, among which one may have the name of a package.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= _NEEDED
    yield Finding("good" if good else "bad", f"Python {version}" + ("" if good else "; 3.11 or newer is needed"))
    yield Finding("good", f"chalkgrad {engine.__version__}, in {_HOME}")
    yield from _hiding(folder)
    for package, purpose, extra in _EXTRAS:
        if find_spec(package):
            yield Finding("good", f"{package}: {purpose}")
        else:
            yield Finding("absent", f"{package} is not installed ({purpose}): pip install 'chalkgrad[{extra}]'")
    yield _dot()
    if find_spec("matplotlib"):
        yield _fonts()
    yield from _caches()


def _hiding(folder: Path) -> Iterator[Finding]:
    """Files and folders of the user's that Python finds before the module of the same name."""
    others = {"graphviz", "numpy", *(package for package, _, _ in _EXTRAS)}
    names = {*_OURS, *others, *(sys.stdlib_module_names - set(sys.builtin_module_names))}
    own = [folder, *map(Path, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))]
    clean = True
    for place in dict.fromkeys(path.resolve() for path in own):
        there = {path.stem for path in place.iterdir()} if place.is_dir() else set()
        for name in sorted(names & there):
            spec = PathFinder.find_spec(name, [str(place)])
            if spec is None or not spec.has_location or not spec.origin:
                continue  # a folder without Python files hides nothing
            found = Path(spec.origin).resolve()
            if name in _OURS and found == _HOME / name / "__init__.py":
                continue
            clean = False
            found = found.parent if found.name == "__init__.py" else found
            whose = "chalkgrad" if name in _OURS else "Python" if name not in others else "the package"
            yield Finding("bad", f"{found} hides the {name} of {whose} from all that runs in {place}; rename it")
    if clean:
        yield Finding("good", f"no file in {folder.resolve()} hides engine, nn, viz, or what they need")


def _dot() -> Finding:
    command = next(iter(engines()), None)
    if command is None:
        return Finding("absent", f"no Graphviz: pictures are SVG, drawn by chalkgrad itself; for PNG, {REMEDY}")
    if draw("digraph { a -> b }", "svg") is None:
        return Finding("bad", f"{command[0]} cannot draw; {REMEDY}")
    return Finding("good", f"Graphviz: {command[0]}")


def _fonts() -> Finding:
    from matplotlib import font_manager

    known = font_manager.fontManager.ttflist
    for family in sorted({font.name for font in known if "CJK" in font.name or "Gothic" in font.name}):
        path = font_manager.findfont(family, fallback_to_default=False)
        if _JAPANESE in font_manager.get_font(path).get_charmap():
            return Finding("good", f"fonts: matplotlib knows {len(known)}, one for Japanese too ({family})")
    return Finding("absent", f"fonts: matplotlib knows {len(known)}, none for Japanese; install Noto Sans CJK for it")


def _caches() -> Iterator[Finding]:
    folders = {}
    if find_spec("numba"):
        from engine.compiler.kernels.disk_cache import folder

        folders["machine code is kept"] = (folder(), "CHALKGRAD_CACHE")
    if find_spec("matplotlib"):
        import matplotlib

        folders["matplotlib keeps what it knows of fonts"] = (Path(matplotlib.get_cachedir()), "MPLCONFIGDIR")
    for what, (path, variable) in folders.items():
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            yield Finding("bad", f"{what} in {path}, where nothing can be written ({error.strerror}); set {variable}")
        else:
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
            yield Finding("good", f"{what} in {path} ({size:.0f} MB)")
