"""Arguments as a signature and a list of leaves: two calls with the same signature can share a tape.

It is what JAX calls a pytree: nested containers, taken apart into the numbers in them and all the rest.

>>> leaves = []
>>> flatten([[1.0, 2.0], [3.0, 4.0]], leaves), leaves
((2, (2, 'number')), [1.0, 2.0, 3.0, 4.0])
>>> unflatten((2, (2, 'number')), iter("abcd"))
[['a', 'b'], ['c', 'd']]
"""

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from numbers import Real
from operator import attrgetter, is_
from typing import Any

from engine.modes import mode
from engine.utils.conversion import array_shape
from engine.utils.messages import brief
from engine.utils.nested import tree_leaves
from engine.value import Leaf, Value

# NUMBER; (n, signature) of n alike; ("list", signature, ...); ("dict", (name, signature), ...);
# ("as it is", type, thing); ("named", type, signature, ...) of a namedtuple. Of a whole call: a pair, the signatures of
# its arguments, and names and signatures of its keyword arguments.
Signature = Any
NUMBER = "number"
_PLAIN = {float, int}
_SCALARS = {float, int, Value, Leaf}


def flatten(tree: Any, leaves: list[Any]) -> Signature:
    """The signature of a number, or of nested lists, tuples, arrays or dicts of numbers; `leaves` gets the numbers.

    Values count as numbers, and so does a bool of NumPy, as those in an array do. Whatever is not a number, such as a
    string or Python's True, is part of the signature.

    Raises:
        TypeError: if something in it is neither a number nor to be told from others (it has no hash).
    """
    kind = type(tree)
    if (kind is list or kind is tuple) and tree and _PLAIN.issuperset(map(type, tree)):
        leaves += tree
        return len(tree), NUMBER
    if kind in _PLAIN or isinstance(tree, Value):
        leaves.append(tree)
        return NUMBER
    if isinstance(tree, (list, tuple)):
        if kind is not list and hasattr(kind, "_fields"):
            return ("named", kind, *[flatten(branch, leaves) for branch in tree])
        branches = [flatten(branch, leaves) for branch in tree]
        alike = branches and all(branch == branches[0] for branch in branches)
        return (len(branches), branches[0]) if alike else ("list", *branches)
    if isinstance(tree, dict):
        return ("dict", *((name, flatten(branch, leaves)) for name, branch in tree.items()))
    if isinstance(tree, Real) and not isinstance(tree, bool):
        leaves.append(float(tree))
        return NUMBER
    if hasattr(kind, "to_numpy"):  # a table or a column of pandas
        return flatten(tree.to_numpy(), leaves)
    if is_array(tree):
        leaves.extend(tree.ravel().tolist())
        return of_array(tree.shape)
    if hasattr(kind, "tolist"):  # an array of Values
        return flatten(tree.tolist(), leaves)
    if isinstance(tree, Hashable):
        return "as it is", kind, tree
    raise TypeError(
        f"a compiled function takes numbers and nested lists or arrays of them, got {kind.__name__} {brief(tree)}"
    )


def is_array(tree: Any) -> bool:
    """Whether this is an array of numbers."""
    return hasattr(type(tree), "dtype") and getattr(tree.dtype, "kind", "none") in "fiub"


def of_array(shape: tuple[int, ...]) -> Signature:
    """The signature of an array: that of lists of the same numbers."""
    signature: Signature = NUMBER
    for n in reversed(shape):
        signature = (n, signature) if n else ("list",)
    return signature


def unflatten(signature: Signature, leaves: Iterator[Any]) -> Any:
    """Lists, dicts and namedtuples of this signature, with other leaves."""
    if signature == NUMBER:
        return next(leaves)
    kind, *rest = signature
    if kind == "list":
        return [unflatten(branch, leaves) for branch in rest]
    if kind == "dict":
        return {name: unflatten(branch, leaves) for name, branch in rest}
    if kind == "named":
        return rest[0](*[unflatten(branch, leaves) for branch in rest[1:]])
    if kind == "as it is":
        return rest[1]
    return [unflatten(rest[0], leaves) for _ in range(kind)]


def leaf_paths(signature: Signature, name: str) -> Iterator[str]:
    """The path to every leaf: ``x``, or ``x[0]``, ``x[1]`` of a list."""
    if signature == NUMBER:
        yield name
        return
    kind, *rest = signature
    if kind == "dict":
        for part, branch in rest:
            yield from leaf_paths(branch, f"{name}[{part!r}]")
    elif kind == "named":
        for part, branch in zip(rest[0]._fields, rest[1:]):
            yield from leaf_paths(branch, f"{name}.{part}")
    elif kind != "as it is":
        branches = rest if kind == "list" else rest * kind
        for i, branch in enumerate(branches):
            yield from leaf_paths(branch, f"{name}[{i}]")


# A whole call.


def flatten_args(args: tuple[Any, ...], options: dict[str, Any], leaves: list[Any]) -> Signature:
    """The signature of a call; `leaves` gets the numbers among its arguments."""
    if not options and _SCALARS.issuperset(map(type, args)):
        leaves += args
        return (NUMBER,) * len(args), ()
    return (
        tuple([flatten(arg, leaves) for arg in args]),
        tuple([(name, flatten(arg, leaves)) for name, arg in options.items()]) if options else (),
    )


def unflatten_args(signature: Signature, leaves: Iterator[Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call of this signature, with other leaves."""
    args, options = signature
    return [unflatten(part, leaves) for part in args], {name: unflatten(part, leaves) for name, part in options}


def as_numbers(result: Any) -> Any:
    """What a function gave, as plain numbers."""
    leaves: list[Any] = []
    signature = flatten(result, leaves)
    return unflatten(signature, iter([leaf.data if isinstance(leaf, Value) else float(leaf) for leaf in leaves]))


# Many examples as the arguments of a function of one, grouped by signature.


def opaque_leaves(signature: Signature) -> Iterator[Any]:
    """What is not a number in the arguments, and so is part of their signature: texts, functions, None."""
    if isinstance(signature, tuple) and signature[:1] == ("as it is",):
        yield signature[2]
    elif isinstance(signature, tuple):
        for branch in signature:
            yield from opaque_leaves(branch)


class Group:
    """Examples of one signature.

    Attributes:
        signature: that of a call on one of them.
        indices: which of all the examples they are.
        columns: their numbers: an array for each argument, or one list of lists, with a row for each example.
        shared: the numbers that are the same for all, those of the keyword arguments.
    """

    def __init__(self, signature: Signature, indices: Any, columns: list[Any], shared: list[Any]) -> None:
        self.signature, self.indices, self.columns, self.shared = signature, indices, columns, shared

    def __len__(self) -> int:
        return len(self.indices)

    def last(self) -> "Group":
        """The last example alone."""
        return Group(self.signature, self.indices[-1:], [column[-1:] for column in self.columns], self.shared)

    def __getitem__(self, i: int) -> list[Any]:
        """The leaves of the i-th example."""
        return [*chain.from_iterable(tree_leaves(column[i]) for column in self.columns), *self.shared]


class Batch:
    """Many examples: for each argument of a function a list or an array of what it is in each.

    Raises:
        ValueError: if there are none, or not as many of one argument as of another.
        TypeError: if a number is a Value: gradients by many examples are not kept.
    """

    def __init__(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.args, self.options = list(args), options
        if not all(map(is_array, args)):
            self.args = [arg.to_numpy() if hasattr(type(arg), "to_numpy") else arg for arg in args]
        for arg in self.args:
            if not hasattr(type(arg), "__len__") or isinstance(arg, (dict, str)) or array_shape(arg) == ():
                raise TypeError(f"{name} takes a list or an array of examples for each argument, got {brief(arg)}")
        sizes = [len(arg) for arg in self.args]
        if len(set(sizes)) != 1 or not sizes[0]:
            listed = " and ".join(map(str, sizes)) or "no argument"
            raise ValueError(
                f"{name} takes the same number of examples of each argument, and at least one; got {listed}"
            )
        self.size = sizes[0]
        self._shapes = [arg.shape for arg in self.args] if all(map(is_array, args)) and not options else None
        self._group: Group | None = None

    def example(self, i: int) -> list[Any]:
        """The arguments of the i-th example, as they were given."""
        return [arg[i] for arg in self.args]

    def holds(self, args: tuple[Any, ...], options: dict[str, Any]) -> bool:
        """Whether it was made of these very arrays, whatever numbers are in them now."""
        if self._shapes is None or options or len(args) != len(self.args):
            return False
        return all(map(is_, args, self.args)) and [*map(_shape, args)] == self._shapes

    def groups(self) -> "Iterable[Group]":
        """The examples by signature."""
        if self._shapes is None:
            return self._groups()
        if self._group is None:
            (self._group,) = self._groups()
        return (self._group,)

    def _groups(self) -> "Iterator[Group]":
        shared: list[Any] = []
        of_options: Signature = ()
        if self.options:
            of_options = tuple([(name, flatten(option, shared)) for name, option in self.options.items()])
            _refuse_values(shared)
        of_args: Signature = tuple(map(_of_each, self.args))
        if None not in of_args:
            yield Group((of_args, of_options), range(self.size), self.args, shared)
            return
        found: dict[Signature, tuple[list[int], list[list[Any]]]] = {}
        for i in range(self.size):
            leaves: list[Any] = []
            of_args = tuple([flatten(part, leaves) for part in self.example(i)])
            indices, rows = found.setdefault(of_args, ([], []))
            indices.append(i)
            rows.append(leaves)
        for of_args, (indices, rows) in found.items():
            _refuse_values(chain.from_iterable(rows))
            yield Group((of_args, of_options), indices, [rows], shared)


_shape = attrgetter("shape")


def _of_each(examples: Any) -> Signature | None:
    """The signature of every example where that is seen at once: in an array, or in lists of plain numbers."""
    if is_array(examples):
        return of_array(examples.shape[1:])
    if type(examples) is not list:
        return None
    kinds = {*map(type, examples)}
    if kinds <= _PLAIN:
        return NUMBER
    if kinds <= {list, tuple} and examples[0] and len({*map(len, examples)}) == 1:
        return (len(examples[0]), NUMBER) if {*map(type, chain.from_iterable(examples))} <= _PLAIN else None
    return None


def _refuse_values(leaves: Iterable[Any]) -> None:
    if any(isinstance(leaf, Value) for leaf in leaves) and not mode.get().tracing:
        raise TypeError("examples are plain numbers, got Values; call the function on one example for their gradients")
