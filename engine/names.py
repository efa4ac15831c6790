"""What to call a node in a text: its label, the variable that holds it, or a small name such as v3."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.nested import is_list_like

_ONE_NAME = re.compile(r"[^\W\d][\w.\[\]]*")


def number(x: float | None) -> str:
    """A number as texts and pictures show it, to four digits; a dash where there is none.

    >>> number(2 / 3), number(None)
    ('0.6667', '—')
    """
    return "—" if x is None else f"{x:.4g}"


def in_brackets(text: str) -> str:
    """A number with its sign in brackets, to stand behind an operator.

    >>> in_brackets("-3"), in_brackets("3")
    ('(-3)', '3')
    """
    return f"({text})" if text.startswith("-") else text


def called(order: Sequence[Any], names: Mapping[str, Any] | None = None) -> dict[Any, str]:
    """A name for every node, no two alike but for constants, which are called by their number.

    A label that is no single name, such as ``x1*w1``, stands in brackets.

    Args:
        order: the nodes in topological order.
        names: variables, such as ``locals()``, after which to call the nodes that have no label; a list of Values in it
            names them ``x[0]``, ``x[1]``.
    """
    own = {node: _as_a_name(" ".join(name.split())) for node, name in own_names(order, names).items()}
    taken = set(own.values())
    given: dict[Any, str] = {}
    seen: set[str] = set()
    for node in sorted(own, key=lambda node: not node.label):  # a label comes before a variable of the same name
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


def _as_a_name(text: str) -> str:
    return text if not text or _ONE_NAME.fullmatch(text) else f"({text})"


def own_names(order: Sequence[Any], names: Mapping[str, Any] | None = None) -> dict[Any, str]:
    """The label of every node, or the variable that holds it, or nothing."""
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(f"names takes variables by their names, such as locals(), got {type(names).__name__}")
    known = reversed(list(_variables(names or {})))
    variables = {id(value): name for name, value in known}  # of two names the first: loops come after what they go over
    return {node: str(node.label) or variables.get(id(node), "") for node in order}


def _variables(names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, thing in names.items():
        if name.startswith("_"):
            continue  # a notebook's own: _, _1, _i1
        if isinstance(thing, (list, tuple)):
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(thing) if not is_list_like(part))
        else:
            yield name, thing
