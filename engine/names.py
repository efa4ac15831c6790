"""Names for nodes: the label, the variable that holds the node, or else a short name such as v3."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.ieee import UNSET
from engine.utils.messages import brief

_SINGLE_NAME = re.compile(r"[^\W\d][\w.\[\]]*")


def number(x: float | None, digits: int = 4) -> str:
    """A number as texts and pictures show it: with this many digits, zero without a sign, and a dash if there is none.

    >>> number(2 / 3), number(-0.0), number(None)
    ('0.6667', '0', '—')
    """
    return "—" if x is None or x is UNSET else f"{x:z.{digits}g}"


def in_brackets(text: str) -> str:
    """A negative number in brackets, so that it can follow an operator.

    >>> in_brackets("-3"), in_brackets("3")
    ('(-3)', '3')
    """
    return f"({text})" if text.startswith("-") else text


def node_names(order: Sequence[Any], names: Mapping[str, Any] | None = None) -> dict[Any, str]:
    """A name for every node. No two are the same, except that a constant's name is its number.

    A label that is not a single name, such as ``x1*w1``, is put in brackets.

    Args:
        order: the nodes in topological order.
        names: variables, such as ``locals()``, after which nodes without a label are named; the Values in a list ``x``
            are named ``x[0]``, ``x[1]``.
    """
    own = {node: _bracketed_unless_name(" ".join(name.split())) for node, name in given_names(order, names).items()}
    taken = set(own.values())
    given: dict[Any, str] = {}
    seen: set[str] = set()
    for node in sorted(own, key=lambda node: not node.label):  # labels take precedence over variables of the same name
        wanted = own[node]
        if wanted and wanted in seen:
            wanted = next(name for i in itertools.count(2) if (name := f"{wanted}_{i}") not in taken)
            taken.add(wanted)
        if wanted:
            seen.add(wanted)
            given[node] = wanted
    small = (name for i in itertools.count(1) if (name := f"v{i}") not in taken)
    for node in order:
        if node not in given:
            given[node] = in_brackets(number(node.data)) if node.role == "constant" else next(small)
    return given


def _bracketed_unless_name(text: str) -> str:
    return text if not text or _SINGLE_NAME.fullmatch(text) else f"({text})"


def given_names(order: Sequence[Any], names: Mapping[str, Any] | None = None) -> dict[Any, str]:
    """The label of each node, else the variable that holds it, else an empty string."""
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(f"names takes variables by their names, such as locals(), got {type(names).__name__}")
    if names and (wrong := [name for name in names if not isinstance(name, str)]):
        raise TypeError(f'names takes variables by their names, such as {{"x": x}}, got {brief(wrong[0])} for a name')
    known = reversed(list(_variables(names or {})))  # the first of two names wins: a loop's variable comes late
    variables = {id(value): name for name, value in known}
    return {node: str(node.label) or variables.get(id(node), "") for node in order}


def _variables(names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, thing in names.items():
        if name.startswith("_"):
            continue  # made by the notebook: _, _1, _i1
        kind = next((kind for kind in (list, tuple) if issubclass(type(thing), kind)), None)
        if kind is not None:  # a subclass may have a way of its own to go through its parts
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(kind.__iter__(thing)))
        else:
            yield name, thing
