"""What a compiled function sees besides its arguments, and whether that is still what was recorded.

A function finds names in its module and in its closure; a notebook cell that is run again gives them another meaning. A
`Guard` remembers the objects behind the names, and compares them by identity at each call. Attributes of Modules are
watched by a counter instead: see `bump_module_version`.
"""

import dis
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain
from operator import attrgetter, is_
from types import CellType, CodeType, FunctionType
from typing import Any

from engine.modes import PACKAGES


class Guard:
    """The objects behind the global names and closure cells of a function.

    They are those of the function, and of functions and classes that it uses and that are in the same file.

    Attributes:
        seen: the objects, as they were when the guard was made.
    """

    def __init__(self, function: Any) -> None:
        variables: dict[str, Any] = {}
        names: dict[str, None] = {}
        cells: list[CellType] = []
        visited: set[FunctionType] = set()
        waiting = [function]
        while waiting:
            for found in set(_functions(waiting.pop())) - visited:
                if found.__code__.co_filename.startswith(PACKAGES):
                    continue
                variables = variables or found.__globals__
                if found.__globals__ is variables:
                    visited.add(found)
                    own, closure = _global_names(found.__code__), found.__closure__ or ()
                    names.update(dict.fromkeys(own))
                    cells += closure
                    waiting += [*map(variables.get, own), *map(_content, closure)]
        self._look_up: Callable[[str], Any] = variables.get
        self._names, self._cells = tuple(names), tuple(cells)
        self.seen = [*map(self._look_up, self._names), *map(_content, self._cells)]

    def holds(self) -> bool:
        """Whether all of them are still the same objects."""
        try:
            now = [*map(self._look_up, self._names), *map(_CONTENT, self._cells)]
            return all(map(is_, now, self.seen))
        except ValueError:  # a cell is empty
            now = [*map(self._look_up, self._names), *map(_content, self._cells)]
            return all(map(is_, now, self.seen))


module_version = 0  # how often an attribute of a Module was set in this process


def bump_module_version() -> None:
    """To be called when an attribute of a Module is set, which may then do something else."""
    global module_version
    module_version += 1


def training_modes(things: Iterable[Any]) -> tuple[bool, ...]:
    """For each of the Modules among some things, and within those, whether it is in training."""
    modules = [module for module in things if callable(getattr(type(module), "named_modules", None))]
    return tuple([part.training for module in modules for _, part in module.named_modules()])


def _functions(thing: Any) -> list[FunctionType]:
    """The functions written in Python that may run when this is called."""
    thing = getattr(thing, "__func__", thing)
    if isinstance(thing, FunctionType):
        return [thing]
    kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    return [part for kind in kinds for part in vars(kind).values() if isinstance(part, FunctionType)]


_CONTENT = attrgetter("cell_contents")


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


@cache
def _global_names(code: CodeType) -> tuple[str, ...]:
    inner = [_global_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    own = [step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return tuple(dict.fromkeys(chain(own, *inner)))
