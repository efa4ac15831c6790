"""Checks on what a user passes in: settings that are numbers, random number generators, the inputs of a layer."""

import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

from engine import Value
from engine.nested import is_list_like


def check(name: str, given: Any, valid: bool, expected: str) -> None:
    """Raise ValueError, saying what was expected, unless the given value is valid."""
    if not valid:
        raise ValueError(f"{name} must be {expected}, got {given!r}")


def check_number(name: str, given: Any, within: Callable[[Any], bool], expected: str) -> None:
    """The same for a number that must satisfy `within`."""
    check(name, given, isinstance(given, Real) and within(given), expected)


def check_above_0(name: str, given: Any) -> None:
    """The same for a number above 0."""
    check_number(name, given, lambda x: x > 0, "above 0")


def check_at_least_0(name: str, given: Any) -> None:
    """The same for a number that is at least 0."""
    check_number(name, given, lambda x: x >= 0, "at least 0")


def check_share(name: str, given: Any) -> None:
    """The same for a share from 0 up to, but not including, 1."""
    check_number(name, given, lambda x: 0 <= x < 1, "from 0 up to 1")


def as_integer(given: Any) -> int | None:
    """The integer that this is, whether Python's or NumPy's; None if it is none, and for True and False."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None


def check_integer(name: str, given: Any, least: int = 1) -> int:
    """A whole number that is at least `least`, as Python's int, so that it can be saved as JSON.

    Raises:
        ValueError: if it is anything else.
    """
    number = as_integer(given)
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {given!r}")
    return number


def as_seed(seed: Any) -> Any:
    """A seed as `random.Random` takes it: one of NumPy's integers as Python's."""
    number = as_integer(seed)
    return seed if number is None else number


def check_rng(rng: Any, method: str) -> None:
    """Raise TypeError, saying what to write instead, unless random numbers can be drawn with the named method."""
    if isinstance(rng, type) or not callable(getattr(rng, method, None)):
        seed = as_integer(rng) or 0
        raise TypeError(f"rng must be a random.Random, got {rng!r:.40}; write rng=random.Random({seed})")


def check_inputs(x: Any, expected: int, module: Any) -> list[Value]:
    """The inputs of a module as Values; a single number counts as a row of one.

    Raises:
        ValueError: if they are rows, or there are more or fewer than expected.
    """
    xs = list(x) if is_list_like(x) else [x]
    if xs and is_list_like(xs[0]):
        raise ValueError(f"{module!r} expects one row of numbers, got rows; write [model(x) for x in rows]")
    if len(xs) != expected:
        raise ValueError(f"{module!r} expects {expected} inputs, got {len(xs)}")
    return [value if isinstance(value, Value) else Value(value) for value in xs]
