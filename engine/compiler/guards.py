"""What the names in a function mean that stand outside it: a cell that is run again may have changed them."""

import dis
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain
from operator import attrgetter
from types import CellType, CodeType, FunctionType
from typing import Any

from engine.modes import PACKAGES


def what_stands_outside(function: Any) -> Callable[[], list[Any]]:
    """Tells what the names that a function finds outside itself mean at the moment.

    They are those of the function, and of functions and classes that it uses and that stand in the same file.
    """
    variables: dict[str, Any] = {}
    names: dict[str, None] = {}
    cells: list[CellType] = []
    seen: set[FunctionType] = set()
    waiting = [function]
    while waiting:
        for found in set(_functions(waiting.pop())) - seen:
            if found.__code__.co_filename.startswith(PACKAGES):
                continue
            variables = variables or found.__globals__
            if found.__globals__ is variables:
                seen.add(found)
                own, closure = _outer_names(found.__code__), found.__closure__ or ()
                names.update(dict.fromkeys(own))
                cells += closure
                waiting += [*map(variables.get, own), *map(_content, closure)]
    known = tuple(names)

    def meant() -> list[Any]:
        try:
            return [*map(variables.get, known), *map(_CONTENT, cells)]
        except ValueError:  # nothing stands in one of the cells yet
            return [*map(variables.get, known), *map(_content, cells)]

    return meant


def _functions(thing: Any) -> list[FunctionType]:
    """The functions written in Python that may run when this is called."""
    thing = getattr(thing, "__func__", thing)
    if isinstance(thing, FunctionType):
        return [thing]
    kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    return [part for kind in kinds for part in vars(kind).values() if isinstance(part, FunctionType)]


_changes = 0


def note_change() -> None:
    """To be called when an attribute of a module is set: it may do another thing from then on."""
    global _changes
    _changes += 1


def changes() -> int:
    """How often an attribute of a module was set in this process."""
    return _changes


def training(things: Iterable[Any]) -> tuple[bool, ...]:
    """Which of the modules among some things, and of those within, are in training."""
    modules = [module for module in things if callable(getattr(type(module), "named_modules", None))]
    return tuple([part.training for module in modules for _, part in module.named_modules()])


_CONTENT = attrgetter("cell_contents")


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing stands in it yet
        return None


@cache
def _outer_names(code: CodeType) -> tuple[str, ...]:
    inner = [_outer_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    own = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return tuple(dict.fromkeys(chain(own, *inner)))
