"""Text for any console: what its encoding can't show is replaced by what it can.

Texts of this library write ``∂L/∂a = 3 · 2``. A console of Windows or of a minimal container may know only cp1252,
cp932 or ASCII, and `print` raises `UnicodeEncodeError` there. So every class with a text of its own is `printable`: its
text is made of what `sys.stdout` can encode at that moment. Pages and pictures are UTF-8, and are left alone.

>>> "∂L/∂a = 3 · 2 → 6".encode("ascii", "readable").decode()
'dL/da = 3 * 2 -> 6'
"""

import codecs
import sys
import unicodedata
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

C = TypeVar("C", bound=type)

_ASCII = {
    "∂": "d", "·": "*", "×": "x", "—": "-", "–": "-", "−": "-", "→": "->", "←": "<-", "…": "...", "√": "sqrt",
    "‖": "||", "★": "*", "✓": "+", "✗": "x", "●": "*", "○": "o", "Σ": "sum", "≤": "<=", "≥": ">=", "±": "+-",
    "█": "#", "▓": "#", "▒": "+", "░": ".", "∇": "grad", "‘": "'", "’": "'", "“": '"', "”": '"', "µ": "u", "⁄": "/",
    "°": " deg", "∞": "inf", "€": "EUR",
}  # fmt: skip


def in_ascii(character: str) -> str:
    r"""A character in ASCII: a Greek letter by its name, a letter without its accent, any other one as an escape.

    >>> [in_ascii(c) for c in "→βé²₁語"]
    ['->', 'beta', 'e', '^2', '1', '\\u8a9e']
    """
    if character in _ASCII:
        return _ASCII[character]
    kind, _, name = unicodedata.name(character, "").partition(" LETTER ")
    if kind in ("GREEK SMALL", "GREEK CAPITAL") and name.isalpha():
        return name.lower() if kind == "GREEK SMALL" else name.title()
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if not plain.strip():
        return character.encode("ascii", "backslashreplace").decode()
    return "^" * unicodedata.decomposition(character).startswith("<super>") + plain


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_ascii, error.object[error.start : error.end])), error.end


codecs.register_error("readable", _replace)


def readable(text: str) -> str:
    """A text, made of what `sys.stdout` can show."""
    encoding = getattr(sys.stdout, "encoding", None)
    if text.isascii() or not isinstance(encoding, str):
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "readable").decode(encoding)
    except LookupError:  # an encoding that Python does not know
        return text
    return text


def printable(cls: C) -> C:
    """A decorator: `print` can show objects of this class on any console.

    >>> @printable
    ... class Arrow:
    ...     def __repr__(self):
    ...         return "→"
    >>> Arrow()
    →
    """
    for name in ("__repr__", "__str__"):
        if name in vars(cls):
            setattr(cls, name, _readable(vars(cls)[name]))
    return cls


def _readable(method: Callable[[Any], str]) -> Callable[[Any], str]:
    @wraps(method)
    def shown(self: Any) -> str:
        return readable(method(self))

    return shown


def make_output_readable() -> None:
    """For a script: whatever it prints from now on is readable on its console, with no `UnicodeEncodeError`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a stream that replaces it may have none
        if reconfigure is not None:
            reconfigure(errors="readable")
