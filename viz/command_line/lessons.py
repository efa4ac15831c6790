"""The lessons with all that belongs to them, as files of a user's own."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from viz.graph.dot import write

_HIDDEN = ("__pycache__", ".ipynb_checkpoints", "site")  # what is in a working copy, and not part of the lessons


def source() -> Traversable:
    """The folder of the lessons: inside the installed package, or beside it in a working copy.

    Raises:
        FileNotFoundError: if they are in neither.
    """
    for folder in (files("viz") / "notebooks", files("viz") / ".." / "notebooks"):
        if (folder / "lessons").is_dir():
            return folder
    raise FileNotFoundError("the lessons are not part of this installation; install chalkgrad from its wheel or sdist")


def copy_lessons(target: Path, may_replace: Callable[[Path], bool]) -> tuple[list[Path], list[Path]]:
    """Copy the lessons, with quickstart, glossary, solutions and applications.

    Args:
        target: the folder to copy them to; it is made if it is not there.
        may_replace: asked about each file that is there already with other contents.

    Returns:
        The files that were written, and those that were left as they are because `may_replace` said no.
    """
    written, kept = [], []
    for within, file in _walk(source()):
        path, data = target / within, file.read_bytes()
        if path.exists():
            if path.is_file() and path.read_bytes() == data:
                continue
            if not may_replace(path):
                kept.append(path)
                continue
        write(path, data)
        written.append(path)
    return written, kept


def _walk(folder: Traversable, within: Path = Path()) -> Iterator[tuple[Path, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name in _HIDDEN:
            continue
        if entry.is_dir():
            yield from _walk(entry, within / entry.name)
        else:
            yield within / entry.name, entry
