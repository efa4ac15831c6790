"""Arguments of the wrong kind: the sentences that say what was given, what was expected, and what to write instead.

Without them an error would come from inside, where a list is iterated over or a function is called.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import signature
from typing import Any

from engine.utils.conversion import as_integer, to_float
from engine.utils.messages import brief
from engine.utils.nested import is_list_like


def described(given: Any) -> str:
    """A thing for a message: its type, unless its text tells that, and a short text of it.

    >>> described("a"), described(2.5), described(None), described(range(3))
    ("the text 'a'", 'float 2.5', 'None', 'range(0, 3)')
    """
    text, kind = brief(given), type(given).__name__
    if given is None or text.startswith(("<", kind)):
        return text
    return f"{'the text' if isinstance(given, str) else kind} {text}"


def check_function(caller: str, given: Any, instead: str) -> None:
    """Raise TypeError unless a function was given; `instead` is what to write."""
    if not callable(given):
        raise TypeError(f"{caller} takes a function, got {described(given)}; write {instead}")


def several(caller: str, given: Any, instead: str, least: int = 0) -> list[Any]:
    """Several things as a list: what a list, an array or any other iterable holds.

    Args:
        caller: the function that they were given to.
        given: what was given.
        instead: what to write if it is not several things.
        least: how many there must be.

    Raises:
        TypeError: if it is a single thing.
        ValueError: if there are too few.
    """
    check_several(caller, given, instead)
    things = list(given)
    if len(things) < least:
        raise ValueError(f"{caller} takes at least one value, got none")
    return things


def check_several(caller: str, given: Any, instead: str) -> None:
    """Raise TypeError unless several things were given, in a list or an array; `instead` is what to write."""
    if not is_list_like(given):
        raise TypeError(f"{caller} takes a list, got {described(given)}; write {instead}")


def check_rule(symbol: Any, value: Any, partials: Any) -> None:
    """Raise TypeError unless a rule can be made of these."""
    if not isinstance(symbol, str) or not callable(value) or not callable(partials):
        raise TypeError(
            f"a Rule takes its symbol, its value and its partials, got {brief(symbol, 20)}, {brief(value, 20)} and "
            f'{brief(partials, 20)}; write Rule("square", lambda x: x * x, lambda z, x: (2 * x,))'
        )


def check_operands(rule: str, value: Callable[..., Any], operands: Sequence[Any]) -> None:
    """Raise TypeError, saying what to write, unless these are as many real numbers as the value of a rule takes."""
    with suppress(ValueError):  # of some functions that are written in C the signature is not known
        takes = signature(value)
        try:
            takes.bind(*operands)
        except TypeError:
            needed = [x for x in takes.parameters.values() if x.default is x.empty]
            names = ", ".join(f"*{x.name}" if x.kind is x.VAR_POSITIONAL else x.name for x in needed)
            count = "1 number" if len(needed) == 1 else f"{len(needed)} numbers"
            raise TypeError(f"{rule} takes {count}, got {len(operands)}; write {rule}({names})") from None
    for x in operands:
        try:
            to_float(x, f"an operand of {rule} is", f"write [{rule}(x) for x in data]")
        except TypeError as told:
            raise told from None  # what came from inside is of no use


def check_count(name: str, given: Any, least: int) -> None:
    """Raise ValueError unless the argument of this name is a whole number of at least `least`."""
    number = as_integer(given)
    if number is None or number < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {brief(given)}")


def value_hint(given: Any) -> str:
    """What to write where a Value of the graph is needed, and this was given.

    >>> value_hint("loss")
    '; write loss, the Value itself, without quotes'
    """
    if isinstance(given, str):
        return f"; write {given if given.isidentifier() else 'x'}, the Value itself, without quotes"
    if callable(given):  # a function, such as a model or a loss, in place of what it returns
        return "; give it what a call returns, such as loss() or model(x)"
    return "; pick one of them" if is_list_like(given) else ""
