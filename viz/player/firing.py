"""The order in which the boxes of a folded graph fire: each once, after those that it uses, module by module."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

from engine import Value
from viz.graph.folding import ModulePath, Vertex, collapse, expanded_to


def module_by_module(order: Sequence[Value], paths: Mapping[Value, ModulePath]) -> list[Value]:
    """The nodes in a topological order in which those of a module stand together, as far as there is one.

    Args:
        order: the nodes in any topological order, the root last.
        paths: the module of each node, from `folding.module_paths`.
    """
    arranged = list(order)
    for depth in range(1, max(map(len, paths.values()), default=0) + 1):
        vertices, vertex_of = collapse(order, paths, expanded_to(depth))
        members: defaultdict[Vertex, list[Value]] = defaultdict(list)
        for node in arranged:
            members[vertex_of[node]].append(node)
        arranged = [node for vertex in firing_order(vertices, vertex_of, arranged) for node in members[vertex]]
    return arranged


def firing_order(
    vertices: Sequence[Vertex], vertex_of: Mapping[Value, Vertex], preferred: Sequence[Value]
) -> list[Vertex]:
    """The vertices of a folded graph, each after those that it uses, and otherwise in the order of their first nodes.

    Args:
        vertices: the vertices, from `folding.collapse`.
        vertex_of: the vertex that each node is in.
        preferred: the nodes in the order that is preferred.
    """
    place: dict[Vertex, int] = {}
    for i, node in enumerate(preferred):
        place.setdefault(vertex_of[node], i)
    uses = {v: {vertex_of[node] for node in (v.parents if isinstance(v, Value) else v.inputs)} for v in vertices}
    users: defaultdict[Vertex, list[Vertex]] = defaultdict(list)
    for vertex, used in uses.items():
        for one in used:
            users[one].append(vertex)
    waiting = {vertex: len(used) for vertex, used in uses.items()}
    ready = [place[vertex] for vertex in vertices if not waiting[vertex]]
    heapify(ready)
    found = []
    while ready:
        vertex = vertex_of[preferred[heappop(ready)]]
        found.append(vertex)
        for user in users[vertex]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, place[user])
    return found
