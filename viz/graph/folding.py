"""Clusters: which module each node belongs to, and the graph in which modules are collapsed into one box each.

The labels of the parameters tell: `L0.n3.w1` belongs to the neuron `L0.n3`, which belongs to the layer `L0`. The
operations of a module are those between its parameters and the node that carries the module's name (nn labels the
output of a neuron that way).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

from engine import Value
from engine.utils.console import printable
from engine.utils.conversion import as_integer

MIN_PARAMETERS = 3  # a module with this many has a box for them inside it

ModulePath = tuple[str, ...]  # ("L0", "n3") for L0.n3; () is the model as a whole


@printable
@dataclass(frozen=True)
class Cluster:
    """A collapsed module: the nodes in its box.

    Attributes:
        path: which module it is.
        nodes: its nodes, in topological order.
        inputs: the nodes outside it that it uses.
        outputs: its nodes that are used outside it, or that are the root.
    """

    path: ModulePath
    nodes: tuple[Value, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def name(self) -> str:
        """The name of the module; empty for the model as a whole."""
        return ".".join(self.path)

    @property
    def parameters(self) -> list[Value]:
        """The parameters of the module."""
        return [node for node in self.nodes if node.role == "parameter"]

    @property
    def gradient_norm(self) -> float | None:
        """The norm of the gradient with respect to all its parameters; None before any backward pass."""
        parameters = self.parameters
        return hypot(*[node.grad for node in parameters]) if all(node.has_grad for node in parameters) else None


Vertex = Value | Cluster  # of the graph that is drawn


def module_paths(order: Sequence[Value]) -> dict[Value, ModulePath]:
    """The innermost module of each node that is in one. A module with many parameters gets a submodule for them."""
    position = {node: i for i, node in enumerate(order)}
    paths: dict[Value, ModulePath] = {}
    for node in order:
        *module, name = str(node.label).split(".")
        if node.role == "parameter" and module and all(part.isidentifier() for part in (*module, name)):
            paths[node] = tuple(module)
    known = set(paths.values())
    outputs = {node: path for node in order if node.rule and (path := tuple(str(node.label).split("."))) in known}
    named = set(outputs.values())
    for node in order:  # a module with no named output: the operations that use its parameters
        used = [paths[parent] for parent in node.parents if parent.rule is None and parent in paths]
        if used and used[0] not in named:
            paths[node] = used[0]
    for output, path in outputs.items():
        region, stack = {output}, [output]  # what leads to the output without passing another module
        while stack:
            found = [p for p in stack.pop().parents if p.rule and not (p in region or p in outputs or p in paths)]
            region.update(found)
            stack += found
        for node in sorted(region, key=position.__getitem__):
            if node is output or any(paths.get(p) == path and p not in outputs for p in node.parents):
                paths[node] = path
    users: defaultdict[Value, set[ModulePath | None]] = defaultdict(set)
    for node in order:
        for parent in node.parents:
            users[parent].add(paths.get(node))
    for node in order:  # a constant belongs to the module that uses it
        if node.role == "constant" and len(users[node]) == 1 and (only := next(iter(users[node]))) is not None:
            paths[node] = only
    leaves: defaultdict[ModulePath, list[Value]] = defaultdict(list)
    for node in order:
        if node.role == "parameter" and node in paths:
            leaves[paths[node]].append(node)
    for path, parameters in leaves.items():
        if len(parameters) >= MIN_PARAMETERS:
            paths.update(dict.fromkeys(parameters, (*path, "parameters")))
    return paths


def prefixes(path: ModulePath) -> list[ModulePath]:
    """The enclosing modules from the outside in: the whole model first, the module itself last."""
    return [path[:i] for i in range(len(path) + 1)]


def collapse(
    order: Sequence[Value], paths: Mapping[Value, ModulePath], is_expanded: Callable[[ModulePath], bool]
) -> tuple[list[Vertex], dict[Value, Vertex]]:
    """The graph with its modules collapsed: the vertices in topological order, and the vertex that each node is in.

    A module whose output comes back to it by way of other modules would make a cycle if it were a single box, so it
    stays expanded.

    Args:
        order: the nodes in topological order, the root last.
        paths: the module of each node, from `module_paths`.
        is_expanded: says whether a module is expanded; the modules inside a collapsed one are not asked about.
    """
    if not paths:
        return [*order], {node: node for node in order}
    cyclic: set[ModulePath] = set()
    while True:
        owner: dict[Value, Value | ModulePath] = {}
        for node in order:
            enclosing = prefixes(paths[node]) if node in paths else []
            owner[node] = next((p for p in enclosing if not is_expanded(p) and p not in cyclic), node)
        uses: dict[Value | ModulePath, dict[Value | ModulePath, None]] = {owner[node]: {} for node in order}
        for node in order:
            uses[owner[node]].update({owner[parent]: None for parent in node.parents if owner[parent] != owner[node]})
        boxes, cycle = _dependency_order(uses, owner[order[-1]])
        if not cycle:
            break
        cyclic.update(box for box in cycle if isinstance(box, tuple))
    members: defaultdict[Value | ModulePath, list[Value]] = defaultdict(list)
    for node in order:
        members[owner[node]].append(node)
    used_outside = {parent for node in order for parent in node.parents if owner[parent] != owner[node]} | {order[-1]}
    vertices: list[Vertex] = []
    vertex_of: dict[Value, Vertex] = {}
    for box in boxes:
        if isinstance(box, tuple):
            inside = members[box]
            inputs = dict.fromkeys(parent for node in inside for parent in node.parents if owner[parent] != box)
            outputs = tuple(node for node in inside if node in used_outside)
            vertex: Vertex = Cluster(box, tuple(inside), tuple(inputs), outputs)
        else:
            vertex = box
        vertices.append(vertex)
        vertex_of.update(dict.fromkeys(members[box], vertex))
    return vertices, vertex_of


def _dependency_order(uses: Mapping[Any, Iterable[Any]], root: Any) -> tuple[list[Any], list[Any]]:
    """All that the root depends on, each vertex after those that it uses; or a cycle, if there is one."""
    done: dict[Any, None] = {}
    path: dict[Any, Any] = {root: iter(uses[root])}
    while path:
        last = next(reversed(path))
        for used in path[last]:
            if used in path:
                return [], list(path)[list(path).index(used) :]
            if used not in done:
                path[used] = iter(uses[used])
                break
        else:
            del path[last]
            done[last] = None
    return list(done), []


def expanded_to(depth: int | None) -> Callable[[ModulePath], bool]:
    """Modules are expanded down to a depth: 0 collapses the whole model, 1 shows layers, 2 their neurons, and so on."""
    return lambda path: depth is None or len(path) < depth


def check_depth(depth: int | None) -> None:
    """Check a depth that a user has given.

    Raises:
        ValueError: if it is neither None nor a whole number of at least 0.
    """
    number = 0 if depth is None else as_integer(depth)
    if number is None or number < 0:
        raise ValueError(f"depth must be a whole number, 0 (the model as one box) or more, got {depth!r}")


def expanded_along(path: ModulePath) -> Callable[[ModulePath], bool]:
    """One module is expanded, and so are the modules around it."""
    return lambda other: other == path[: len(other)]


def deepest_that_fits(order: Sequence[Value], paths: Mapping[Value, ModulePath], most: int) -> int | None:
    """The greatest depth with at most so many boxes: None if everything fits, -1 if not even depth 0 does."""
    levels = max(map(len, paths.values()), default=-1)
    if len(order) <= most:
        return None
    return next((d for d in range(levels, -1, -1) if len(collapse(order, paths, expanded_to(d))[0]) <= most), -1)
