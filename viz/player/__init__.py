"""The step player: a self-contained page that plays the forward and the backward pass of a graph.

`play` is public. Read `player` first (the data of the page, and the page around it), then the folder `page`, the
parts of its script, in the order of `player.PARTS`: `passes` (the two passes as stops), `picture`, `sentences`, the
tools, one a file, and `controls`. `firing` is the order in which boxes fire, `javascript` has the engine's rules as
JavaScript, `languages` the words on the page, `squeeze` takes the space out of it, and `animation`
has the steps as pictures.
"""

from viz.player.player import Player, play

__all__ = ["Player", "play"]
