"""What is asked of the numbers that a user sets."""

from typing import Any


def check(name: str, given: Any, valid: bool, expected: str) -> None:
    """Raise ValueError, with what was expected, unless what was given is valid."""
    if not valid:
        raise ValueError(f"{name} must be {expected}, got {given!r}")


def check_whole(name: str, given: Any, least: int) -> None:
    """The same for a whole number of at least so many."""
    check(name, given, isinstance(given, int) and given >= least, f"a whole number of at least {least}")
