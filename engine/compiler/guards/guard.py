"""A guard: remembers every reference that a compiled function depends on, and tells whether each is what it was."""

from collections.abc import Callable, Iterator
from copy import copy
from functools import lru_cache, partial
from itertools import chain
from operator import is_
from typing import Any

from engine.compiler.guards.kinds import AT_END, END, UNCHANGING, variables_of
from engine.compiler.guards.reachability import FEW, Lookup, Row, Walk


class Guard:
    """Every reference that is reached from some functions or other objects.

    Args:
        roots: the function, and whatever else is called by it.

    Attributes:
        seen: the objects that were reached.
        outside: what it reads that no guard can watch, in words; empty if there is nothing.
        holds: a function that tells whether every reference is to the same object as when the guard was made.

    >>> scale = [2.0]
    >>> guard = Guard(lambda x: scale[0] * x)
    >>> guard.holds()
    True
    >>> scale[0] = 3.0
    >>> guard.holds(), guard.difference()
    (False, 'an item of a list')
    """

    def __init__(self, *roots: Any) -> None:
        walk = Walk(roots)
        self._roots = roots
        self.seen, self.outside = walk.seen, walk.outside
        self._lookups, self._rows, self._lists = walk.lookups(), walk.rows, walk.lists
        self._spaces, self._modules = walk.spaces(), walk.modules
        many = sum(map(len, chain(walk.lists, walk.mixed_lists))) > _MANY_ITEMS
        self._list_checker = list_checker if many else None
        if self._list_checker is not None:
            self._lists += walk.mixed_lists
        else:
            self._rows += [Row(part, "an item of a list") for part in walk.mixed_lists]
        self._remember()

    def _remember(self) -> None:
        self._copies = [part.copy() for part in self._lists]
        self._sizes = [*map(len, self._spaces)]
        self._attributes = [(variables_of(module) or {}).copy() for module in self._modules]
        self._version = module_version
        references = [[*map(each.function, each.keys)] for each in self._lookups]
        items = [[*row.items, END] for row in self._rows]
        self._remembered = [*chain(*references, *items)]
        lists, machine = self._lists, self._list_checker
        self._lists_hold = machine(lists) if machine is not None else partial(list.__eq__, lists, self._copies)
        self.holds = self._make_holds(references, items)

    def _now(self) -> Iterator[Any]:
        """What there is now in the places of what is remembered."""
        lookups = [map(each.function, each.keys) for each in self._lookups]
        return chain(*lookups, *[chain(row.items, AT_END) for row in self._rows])

    def _make_holds(self, references: list[list[Any]], items: list[list[Any]]) -> Callable[[], bool]:
        """What `holds` is, which is asked at each call: a function made for what there is to ask, as ``f.a is r0``."""
        values: dict[str, Any] = {"guard": self}
        terms = ["(guard._version == module_version or guard._modules_hold())"] if self._modules else []
        if self._lists:
            values["lists_hold"] = self._lists_hold
            terms.append("lists_hold()")
        if sum(map(len, references)) + len(self._spaces) + len(items) > FEW:
            values |= {"sizes": self._sizes, "spaces": self._spaces, "remembered": self._remembered}
            terms += "sizes == [*map(len, spaces)]", "all(map(is_, guard._now(), remembered))"
        else:
            for i, (lookup, held) in enumerate(zip(self._lookups, references)):
                terms += _terms(i, lookup, held, values)
            for i, (space, size) in enumerate(zip(self._spaces, self._sizes)):
                values[f"space{i}"] = space
                terms.append(f"len(space{i}) == {size}")
            for i, (row, held) in enumerate(zip(self._rows, items)):
                values[f"row{i}"], values[f"items{i}"] = row.items, held
                texts = all(type(item) is str for item in held[:-1])
                same = "[*row{0}, END] == items{0}" if texts else "all(map(is_, chain(row{0}, AT_END), items{0}))"
                terms.append(same.format(i))
        return _function(tuple(values), " and ".join(terms) or "True")(*values.values())  # type: ignore[no-any-return]

    def _modules_hold(self) -> bool:
        version = module_version
        for before, module in zip(self._attributes, self._modules):
            now = variables_of(module) or {}
            if len(before) != len(now) or not all(map(is_, before.values(), map(now.get, before))):
                return False
        self._version = version  # the change was in another Module
        return True

    def difference(self) -> str:
        """Where something else is now, in words; empty where the guard holds."""
        for before, module in zip(self._attributes, self._modules):
            now = variables_of(module) or {}
            for name in before.keys() | now.keys():
                if before.get(name, END) is not now.get(name, END):
                    return f"the attribute {name} of a module"
        for part, earlier in zip(self._lists, self._copies):
            if len(part) != len(earlier) or not all(map(is_, part, earlier)):
                return "an item of a list"
        for space, size in zip(self._spaces, self._sizes):
            if len(space) != size:
                return "an attribute that is new, or gone"
        at = iter(self._remembered)
        for lookup in self._lookups:
            for key in lookup.keys:
                if _or_end(lookup.function, key) is not next(at):
                    return lookup.words(key)
        for row in self._rows:
            for item in row.items:
                if item is not next(at):
                    return row.name
            if next(at) is not END:
                return row.name
        return ""

    def renewed(self) -> "Guard":
        """A guard of what is there now; quickly, where only numbers or texts were put in the place of others."""
        try:
            known = {*map(id, self._remembered)}
            plain = all(type(x) in UNCHANGING for x in self._now() if id(x) not in known)
            modules_hold = self._version == module_version or self._modules_hold()
            if plain and modules_hold and self._lists_hold() and [*map(len, self._spaces)] == self._sizes:
                guard = copy(self)
                guard._remember()
                return guard
        except (ValueError, RuntimeError, TypeError):
            pass
        return Guard(*self._roots)


def _or_end(function: Callable[[Any], Any], key: Any) -> Any:
    try:
        return function(key)
    except (ValueError, TypeError):  # an empty cell; an object that has another class now
        return END


_MANY_ITEMS = 500  # in lists; from there on machine code compares them


# Makes a function that says whether lists still hold the same objects; list_items.py sets it if there is machine code.
list_checker: Callable[[list[list[Any]]], Callable[[], bool]] | None = None


def _terms(i: int, lookup: Lookup, held: list[Any], values: dict[str, Any]) -> Iterator[str]:
    """Expressions that are true if each key of the i-th lookup refers to what is held; `values` gets what they need."""
    values[f"f{i}"], values[f"s{i}"] = lookup.function, lookup.space
    for n, (key, reference) in enumerate(zip(lookup.keys, held)):
        values[f"k{i}_{n}"], values[f"r{i}_{n}"] = key, reference
        if lookup.attribute:
            asked = f"k{i}_{n}.{lookup.attribute}"
        elif lookup.space is not None and key in lookup.space:
            asked = f"s{i}[k{i}_{n}]"
        else:
            asked = f"f{i}(k{i}_{n})"
        yield f"{asked} is r{i}_{n}"


@lru_cache(256)
def _function(names: tuple[str, ...], condition: str) -> Any:
    """A function that makes, for values of these names, one that tells whether the condition holds."""
    made: dict[str, Any] = {}
    text = f"""def make({", ".join(names)}):
    def holds():
        try:
            return {condition}
        except (KeyError, ValueError, RuntimeError, TypeError):
            # A name is gone, a cell is empty, an object has another class, or another thread is changing one.
            return False
    return holds"""
    exec(compile(text, "made by a guard", "exec"), globals(), made)
    return made["make"]


# Attributes of Modules.

module_version = 0  # how often an attribute of a Module was set or deleted in this process


def bump_module_version() -> None:
    """To be called when an attribute of a Module is set or deleted, which may then do something else."""
    global module_version
    module_version += 1
