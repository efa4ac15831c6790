"""Which module a node is part of, and a graph with modules drawn as one box each.

The labels of parameters say it: `L0.n3.w1` is part of the neuron `L0.n3`, which is part of the layer `L0`. A module's
operations are those between its parameters and the node that bears its name, as nn labels the output of a neuron.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

from engine import Value

MANY = 3  # parameters that are a box of their own within their module

Path = tuple[str, ...]  # ("L0", "n3") for L0.n3; () is all modules together, the model


@dataclass(frozen=True)
class Group:
    """A closed module: the nodes in its box.

    Attributes:
        path: which module.
        nodes: its nodes, in topological order.
        inputs: the nodes outside that it uses.
        outputs: its nodes that are used outside, or are the root.
    """

    path: Path
    nodes: tuple[Value, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def name(self) -> str:
        """What the module is called; nothing if it is the whole model."""
        return ".".join(self.path)

    @property
    def parameters(self) -> list[Value]:
        """The parameters in it."""
        return [node for node in self.nodes if node.role == "parameter"]

    @property
    def gradient_norm(self) -> float | None:
        """The length of the gradient by all its parameters; None before any backward."""
        grads = [node.grad for node in self.parameters]
        return None if None in grads else hypot(*grads)


Part = Value | Group


def module_paths(order: Sequence[Value]) -> dict[Value, Path]:
    """The innermost module of every node that is in one. Many parameters of a module are a module within it."""
    place = {node: i for i, node in enumerate(order)}
    paths: dict[Value, Path] = {}
    for node in order:
        *module, name = str(node.label).split(".")
        if node.role == "parameter" and module and all(part.isidentifier() for part in (*module, name)):
            paths[node] = tuple(module)
    known = set(paths.values())
    outputs = {node: path for node in order if node.rule and (path := tuple(str(node.label).split("."))) in known}
    named = set(outputs.values())
    for node in order:  # a module without a named output: what uses its parameters
        used = [paths[parent] for parent in node.parents if parent.rule is None and parent in paths]
        if used and used[0] not in named:
            paths[node] = used[0]
    for output, path in outputs.items():
        region, stack = {output}, [output]
        while stack:
            found = [p for p in stack.pop().parents if p.rule and not (p in region or p in outputs or p in paths)]
            region.update(found)
            stack += found
        for node in sorted(region, key=place.__getitem__):
            if node is output or any(paths.get(p) == path and p not in outputs for p in node.parents):
                paths[node] = path
    users: defaultdict[Value, set[Path | None]] = defaultdict(set)
    for node in order:
        for parent in node.parents:
            users[parent].add(paths.get(node))
    for node in order:  # a constant stands where it is used
        if node.role == "constant" and len(users[node]) == 1 and (only := next(iter(users[node]))) is not None:
            paths[node] = only
    leaves: defaultdict[Path, list[Value]] = defaultdict(list)
    for node in order:
        if node.role == "parameter" and node in paths:
            leaves[paths[node]].append(node)
    for path, parameters in leaves.items():
        if len(parameters) >= MANY:
            paths.update(dict.fromkeys(parameters, (*path, "parameters")))
    return paths


def prefixes(path: Path) -> list[Path]:
    """The modules a module is part of, the model first, and itself."""
    return [path[:i] for i in range(len(path) + 1)]


def fold(
    order: Sequence[Value], paths: Mapping[Value, Path], opened: Callable[[Path], bool]
) -> tuple[list[Part], dict[Value, Part]]:
    """The boxes of a picture, in topological order, and the box that every node is in.

    A module that uses its own output by way of others cannot be one box in a graph without cycles: it is left open.

    Args:
        order: the nodes in topological order, the root last.
        paths: as `module_paths` gives them.
        opened: whether a module is open; within a closed one nothing is looked at.
    """
    ajar: set[Path] = set()
    while True:
        key: dict[Value, Value | Path] = {}
        for node in order:
            closed = (p for p in prefixes(paths[node]) if not opened(p) and p not in ajar) if node in paths else ()
            key[node] = next(iter(closed), node)
        uses: dict[Value | Path, dict[Value | Path, None]] = {key[node]: {} for node in order}
        for node in order:
            uses[key[node]].update({key[parent]: None for parent in node.parents if key[parent] != key[node]})
        boxes, cycle = _sorted(uses, key[order[-1]])
        if not cycle:
            break
        ajar.update(part for part in cycle if isinstance(part, tuple))
    members: defaultdict[Value | Path, list[Value]] = defaultdict(list)
    for node in order:
        members[key[node]].append(node)
    outgoing = {parent for node in order for parent in node.parents if key[parent] != key[node]} | {order[-1]}
    parts: list[Part] = []
    part_of: dict[Value, Part] = {}
    for box in boxes:
        if isinstance(box, tuple):
            inside = members[box]
            inputs = dict.fromkeys(parent for node in inside for parent in node.parents if key[parent] != box)
            outputs = tuple(node for node in inside if node in outgoing)
            part: Part = Group(box, tuple(inside), tuple(inputs), outputs)
        else:
            part = box
        parts.append(part)
        part_of.update(dict.fromkeys(members[box], part))
    return parts, part_of


def _sorted(uses: Mapping[Any, Iterable[Any]], root: Any) -> tuple[list[Any], list[Any]]:
    """Everything behind the root, what is used before what uses it; and a cycle, if there is one."""
    done: dict[Any, None] = {}
    trail: dict[Any, Any] = {root: iter(uses[root])}
    while trail:
        last = next(reversed(trail))
        for used in trail[last]:
            if used in trail:
                return [], list(trail)[list(trail).index(used) :]
            if used not in done:
                trail[used] = iter(uses[used])
                break
        else:
            del trail[last]
            done[last] = None
    return list(done), []


def at_depth(depth: int | None) -> Callable[[Path], bool]:
    """Open are the modules down to a depth: 0 leaves the model closed, 1 shows layers, 2 their neurons, and so on."""
    return lambda path: depth is None or len(path) < depth


def check_depth(depth: int | None) -> None:
    """Refuse what is no depth.

    Raises:
        ValueError: if it is neither a whole number of at least 0 nor None.
    """
    if depth is not None and (not isinstance(depth, int) or depth < 0):
        raise ValueError(f"depth must be 0 (the model as one box) or more, got {depth!r}")


def down_to(path: Path) -> Callable[[Path], bool]:
    """Open is one module, and what it is part of."""
    return lambda other: other == path[: len(other)]


def deepest(order: Sequence[Value], paths: Mapping[Value, Path], most: int) -> int | None:
    """The greatest depth at which there are at most so many boxes; None if that is everything, -1 if there is none."""
    levels = max(map(len, paths.values()), default=-1)
    if len(order) <= most:
        return None
    return next((d for d in range(levels, -1, -1) if len(fold(order, paths, at_depth(d))[0]) <= most), -1)
