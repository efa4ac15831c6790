"""The step player: a self-contained page that plays the forward and the backward pass of a graph.

`play` is public. Read `player` first (the data of the page, and the page around it), then `player.js` (what the page
does with the data), `javascript` (the engine's rules as JavaScript) and `languages` (the words on the page).
"""

from viz.player.player import Player, play

__all__ = ["Player", "play"]
