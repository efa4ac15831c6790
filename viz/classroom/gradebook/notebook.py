"""The verdicts that one saved notebook shows. Nothing in it is run, and nothing in it is believed to be well formed."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from viz.classroom.exercises.exercise import LOOKS, STATE_TYPE, State, Verdict

LARGEST = 100_000_000  # bytes
LONGEST = 300  # characters of a hint
_NAME = re.compile(r"(?:\d\d|[a-z]\w{0,30})\.\d{1,2}", re.ASCII)  # of a lesson, or of an application
_ASKED = re.compile(rf"\bcheck\(\s*(['\"])({_NAME.pattern})\1", re.ASCII)
_BETTER: tuple[State, ...] = ("not yet", "wrong", "hint", "right")


class DamagedNotebook(Exception):
    """A file that is no notebook; its argument is the reason, a key of `languages.LANGUAGES`."""


def verdicts_in(path: Path) -> dict[str, Verdict]:
    """The last verdict on each exercise that is asked for in a notebook; one that was never run is "not yet".

    A verdict says by itself which exercise it is about. One that was saved without that, as text alone, is about the
    exercise that its cell asks for.

    Raises:
        DamagedNotebook: if the file is not a notebook.
    """
    found: dict[str, Verdict] = {}
    for cell in _cells(path):
        asked = [name for _, name in _ASKED.findall(_text(cell.get("source")))]
        for name in asked:
            found.setdefault(name, Verdict("not yet", exercise=name))
        for output in _dictionaries(cell.get("outputs")):
            verdict = _verdict(output, asked)
            if verdict:
                found[verdict.exercise] = verdict
    return found


def better(one: Verdict, other: Verdict) -> Verdict:
    """The better of two verdicts on the same exercise, as where a student has handed in two notebooks."""
    return max(one, other, key=lambda verdict: _BETTER.index(verdict.state))


def _cells(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.stat().st_size > LARGEST:
            raise DamagedNotebook("tooLarge")
        content = path.read_bytes()
    except OSError:
        raise DamagedNotebook("unreadable") from None
    if not content.strip():
        raise DamagedNotebook("empty")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise DamagedNotebook("notJson") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise DamagedNotebook("notNotebook")
    return (cell for cell in _dictionaries(notebook["cells"]) if cell.get("cell_type") == "code")


def _dictionaries(things: Any) -> Iterator[Mapping[str, Any]]:
    return (thing for thing in things if isinstance(thing, dict)) if isinstance(things, list) else iter(())


def _text(lines: Any) -> str:
    """A text as notebooks save it: whole, or as a list of lines."""
    if isinstance(lines, list):
        return "".join(line for line in lines if isinstance(line, str))
    return lines if isinstance(lines, str) else ""


def _verdict(output: Mapping[str, Any], asked: list[str]) -> Verdict | None:
    data = output.get("data")
    shown = data if isinstance(data, dict) else {}
    told = shown.get(STATE_TYPE)
    if isinstance(told, dict):
        name, state = _text(told.get("exercise")), _text(told.get("state"))
        for known in LOOKS:
            if state == known and _NAME.fullmatch(name):
                return Verdict(known, _text(told.get("hint"))[:LONGEST], name)
    if len(asked) != 1:
        return None
    text = _text(shown.get("text/plain")) or _text(output.get("text"))  # of the value, or printed
    for state, (words, _) in LOOKS.items():
        if text.startswith(words):
            hint = text.removeprefix(words).removeprefix(": ").strip()
            return Verdict(state, hint[:LONGEST], asked[0])
    return None
