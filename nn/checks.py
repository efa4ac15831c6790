"""Checks on what a user passes in: settings that are numbers, random number generators, the inputs of a layer."""

from collections.abc import Callable, Container, Mapping
from inspect import signature
from math import isfinite, isnan
from numbers import Real
from types import NoneType
from typing import Any

from engine import Value
from engine.utils.conversion import array_shape, as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like


def check(name: str, given: Any, valid: bool, expected: str) -> None:
    """Raise ValueError, saying what was expected, unless the given value is valid."""
    if not valid:
        raise ValueError(f"{name} must be {expected}, got {given!r}")


def check_number(name: str, given: Any, within: Callable[[Any], bool], expected: str) -> None:
    """The same for a number that must satisfy `within`; not True, False or what no float can hold."""
    if not is_number(given):
        raise ValueError(f"{name} must be {expected}, got {brief(given)}{_unquoted_hint(name, given)}")
    check(name, given, within(given), expected)


def check_finite(name: str, given: Any) -> None:
    """The same for any number but inf and nan."""
    check_number(name, given, isfinite, "a finite number")


def is_number(given: Any) -> bool:
    """Whether this is one real number that a float can hold, nan and inf included."""
    if isinstance(given, bool) or not isinstance(given, Real):
        return False
    try:
        float(given)
    except OverflowError:
        return False
    return True


def _unquoted_hint(name: str, given: Any) -> str:
    """What to write in place of a text that is a number."""
    try:
        return f"; write {name}={float(given):g}" if isinstance(given, str) else ""
    except ValueError:
        return ""


def check_above_0(name: str, given: Any) -> None:
    """The same for a number above 0."""
    check_number(name, given, lambda x: x > 0, "above 0")


def check_at_least_0(name: str, given: Any) -> None:
    """The same for a number that is at least 0."""
    check_number(name, given, lambda x: x >= 0, "at least 0")


def check_share(name: str, given: Any) -> None:
    """The same for a share from 0 up to, but not including, 1."""
    check_number(name, given, lambda x: 0 <= x < 1, "from 0 up to 1")


def check_integer(name: str, given: Any, least: int = 1) -> int:
    """A whole number that is at least `least`, as Python's int, so that it can be saved as JSON.

    Raises:
        ValueError: if it is anything else.
    """
    number = as_integer(given)
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {given!r}")
    return number


def as_index(given: Any) -> int | None:
    """The whole number that this is, be it an integer or a float such as 2.0, which is what arrays often hold."""
    if array_shape(given) == ():
        given = given.item()
    number = as_integer(given)
    if number is None and is_number(given) and float(given).is_integer():
        return int(given)
    return number


def as_seed(seed: Any) -> Any:
    """A seed as `random.Random` takes it: one of NumPy's integers as Python's.

    Raises:
        TypeError: if it is not one, such as a list.
    """
    number = as_integer(seed)
    if number is None and not isinstance(seed, (float, str, bytes, bool, NoneType)):
        raise TypeError(f"seed must be a whole number, got {brief(seed)}; write seed=0")
    return seed if number is None else number


def check_rng(rng: Any, method: str) -> None:
    """Raise TypeError, saying what to write instead, unless random numbers can be drawn with the named method."""
    if isinstance(rng, type) or not callable(getattr(rng, method, None)):
        seed = as_integer(rng) or 0
        raise TypeError(f"rng must be a random.Random, got {brief(rng)}; write rng=random.Random({seed})")


def check_state(owner: str, state: Any, own: Mapping[str, Any], may_differ: Container[str] = ()) -> None:
    """Raise ValueError unless a state, perhaps from a file, has its owner's names, and numbers of the same kinds.

    Args:
        owner: what has the state, for the message.
        state: the state.
        own: what the thing itself would save.
        may_differ: the names whose kind is checked elsewhere.
    """
    if not isinstance(state, Mapping) or state.keys() != own.keys():
        given = ", ".join(map(str, state)) if isinstance(state, Mapping) else f"{brief(state)}"
        raise ValueError(f"{owner} takes a state of {', '.join(own)}; got {given}")
    for name, mine in own.items():
        if name not in may_differ and not _is_like(state[name], mine):
            raise ValueError(f"{owner} has {name}={brief(mine)}, but the state has {name}={brief(state[name])}")


def _is_like(given: Any, own: Any) -> bool:
    """Whether a part of a state is of the same kind as one's own: a number, a text, a list of as many."""
    if isinstance(own, (list, tuple)):
        return isinstance(given, (list, tuple)) and len(given) == len(own) and all(map(_is_like, given, own))
    if isinstance(own, bool) or not isinstance(own, Real):
        return type(given) is type(own)
    return is_number(given) and not isnan(given)


def check_by_making(kind: Any, argument: Any, settings: Mapping[str, Any]) -> None:
    """Check settings as those of a user are checked: make such a thing with them, which nothing else uses.

    What is made otherwise than from an argument and these settings is not checked.

    Raises:
        TypeError, ValueError: what making it raises.
    """
    names = signature(kind).parameters
    options = {name: x for name, x in settings.items() if name in names}
    try:
        bound = signature(kind).bind(argument, **options)
    except TypeError:
        return
    kind(*bound.args, **bound.kwargs)


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
