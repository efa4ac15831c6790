"""Many examples as the arguments of a function of one, sorted by what they look like."""

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import is_
from typing import Any

from engine.compiler.pytree import Key, is_array, of_array, structure
from engine.modes import mode
from engine.nested import tree_leaves
from engine.value import Value


class Group:
    """Examples that look alike.

    Attributes:
        key: how they look.
        places: where they stand among all examples.
        numbers: those of each example, in one array for each argument, or in one list of lists.
        others: the numbers that are the same for all.
    """

    def __init__(self, key: Key, places: Any, numbers: list[Any], others: list[Any]) -> None:
        self.key, self.places, self.numbers, self.others = key, places, numbers, others

    def __getitem__(self, i: int) -> list[Any]:
        """All numbers of the i-th example."""
        return [*chain.from_iterable(tree_leaves(numbers[i]) for numbers in self.numbers), *self.others]


class Batch:
    """Many examples: for each argument of a function a list or an array of what it is in each.

    Raises:
        ValueError: if there are none, or not as many of one argument as of another.
        TypeError: if a number is a Value: gradients by many examples are not kept.
    """

    def __init__(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.args, self.options = list(args), options
        if not all(map(is_array, args)):
            self.args = [arg.to_numpy() if hasattr(arg, "to_numpy") else arg for arg in args]
        for arg in self.args:
            if not hasattr(arg, "__len__") or isinstance(arg, (dict, str)) or getattr(arg, "shape", None) == ():
                raise TypeError(f"{name} takes a list or an array of examples for each argument, got {arg!r:.40}")
        sizes = [len(arg) for arg in self.args]
        if len(set(sizes)) != 1 or not sizes[0]:
            listed = " and ".join(map(str, sizes)) or "no argument"
            raise ValueError(f"{name} takes as many examples of each argument, and at least one; got {listed}")
        self.size = sizes[0]
        self._shapes = [arg.shape for arg in self.args] if all(map(is_array, args)) and not options else None
        self._group: Group | None = None

    def example(self, i: int) -> list[Any]:
        """The arguments of the i-th example, as they were given."""
        return [arg[i] for arg in self.args]

    def is_of(self, args: tuple[Any, ...], options: dict[str, Any]) -> bool:
        """Whether it is of these very arrays, whatever numbers are in them now."""
        if self._shapes is None or options or len(args) != len(self.args):
            return False
        return all(map(is_, args, self.args)) and [arg.shape for arg in args] == self._shapes

    def groups(self) -> "Iterable[Group]":
        """The examples by how they look, the numbers of each laid out in a row."""
        if self._shapes is None:
            return self._groups()
        if self._group is None:
            (self._group,) = self._groups()
        return (self._group,)

    def _groups(self) -> "Iterator[Group]":
        others: list[Any] = []
        shared: Key = ()
        if self.options:
            shared = tuple([(name, structure(option, others)) for name, option in self.options.items()])
            _refuse_values(others)
        if all(map(is_array, self.args)):
            key: Key = tuple([of_array(arg.shape[1:]) for arg in self.args])
            yield Group((key, shared), range(self.size), self.args, others)
            return
        found: dict[Key, tuple[list[int], list[list[Any]]]] = {}
        for i in range(self.size):
            leaves: list[Any] = []
            key = tuple([structure(part, leaves) for part in self.example(i)])
            places, numbers = found.setdefault(key, ([], []))
            places.append(i)
            numbers.append(leaves)
        for key, (places, numbers) in found.items():
            _refuse_values(chain.from_iterable(numbers))
            yield Group((key, shared), places, [numbers], others)


def _refuse_values(leaves: Iterable[Any]) -> None:
    if any(isinstance(leaf, Value) for leaf in leaves) and not mode.get().tracing:
        raise TypeError("examples are plain numbers, got Values; call the function on one example for their gradients")
