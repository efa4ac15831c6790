"""What is asked of what a user hands over: numbers that are set, what random numbers come from, inputs of a layer."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from engine import Value
from engine.nested import is_list_like


def check(name: str, given: Any, valid: bool, expected: str) -> None:
    """Raise ValueError, with what was expected, unless what was given is valid."""
    if not valid:
        raise ValueError(f"{name} must be {expected}, got {given!r}")


def check_number(name: str, given: Any, within: Callable[[Any], bool], expected: str) -> None:
    """The same for a number for which `within` holds."""
    check(name, given, isinstance(given, Real) and within(given), expected)


def check_above_0(name: str, given: Any) -> None:
    """The same for a number above 0."""
    check_number(name, given, lambda x: x > 0, "above 0")


def check_at_least_0(name: str, given: Any) -> None:
    """The same for a number of at least 0."""
    check_number(name, given, lambda x: x >= 0, "at least 0")


def check_share(name: str, given: Any) -> None:
    """The same for a share that is not all."""
    check_number(name, given, lambda x: 0 <= x < 1, "from 0 up to 1")


def check_whole(name: str, given: Any, least: int) -> None:
    """The same for a whole number of at least so many."""
    check(name, given, isinstance(given, int) and given >= least, f"a whole number of at least {least}")


def check_size(name: str, size: Any) -> None:
    """The same for how many there are of something: a whole number of at least 1, which may be one of NumPy's."""
    valid = not isinstance(size, bool) and hasattr(size, "__index__") and size >= 1
    check(name, size, valid, "a whole number of at least 1")


def check_rng(rng: Any, draw: str) -> None:
    """Raise TypeError, with what to write, unless random numbers can be drawn by the method of this name."""
    if isinstance(rng, type) or not callable(getattr(rng, draw, None)):
        seed = int(rng) if isinstance(rng, Integral) else 0
        raise TypeError(f"rng must be a random.Random, got {rng!r:.40}; write rng=random.Random({seed})")


def inputs(x: Any, expected: int, module: Any) -> list[Value]:
    """The inputs of a module as Values; a lone number counts as a row of one.

    Raises:
        ValueError: if they are rows, or not as many as expected.
    """
    xs = list(x) if is_list_like(x) else [x]
    if xs and is_list_like(xs[0]):
        raise ValueError(f"{module!r} expects one row of numbers, got rows; write [model(x) for x in rows]")
    if len(xs) != expected:
        raise ValueError(f"{module!r} expects {expected} inputs, got {len(xs)}")
    return [value if isinstance(value, Value) else Value(value) for value in xs]
