"""What was given, named in a message: in full, or cut where a reader sees that it was cut."""

from typing import Any


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; a longer one ends in three dots."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def brief(given: Any, most: int = 40) -> str:
    """The `repr` of an object, shortened.

    >>> brief([1, 2]), brief("a" * 50, 12)
    ('[1, 2]', "'aaaaaaaa...")
    """
    return shortened(repr(given), most)
