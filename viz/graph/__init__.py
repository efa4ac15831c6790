"""The picture of a graph: what it shows, where everything stands, and how it becomes a file.

`draw_dot` is public. Read `folding` first (modules collapsed into boxes), then `picture` (boxes and arrows), `palette`
(colours), `layout` (a layered layout of our own), `engines` (Graphviz, if there is any) and `dot` (the picture in
Graphviz's language).
"""

from viz.graph.dot import Drawing, draw_dot

__all__ = ["Drawing", "draw_dot"]
