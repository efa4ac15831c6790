"""The live page: one file in which an expression is typed, and played at once, without Python.

`chalkboard` is public. Read `table` first (what of the engine goes into the page, as it stands there), then `languages`
and `chalkboard`, and in the folder `page`: `engine`, `parser`, `formulas`, `layout`, `graph` and `board`.

**What is written twice.** A page without Python needs some of this project in JavaScript as well:

| in JavaScript | in Python |
| --- | --- |
| `page/engine.js` | `engine.value`, `engine.functions`, `nn.layers.dense`, `nn.losses`: what makes which node |
| `page/parser.js` | Python itself, for one expression after another |
| `page/formulas.js` | `viz.formulas.symbols` and `.notation`, for rules of any number of operands, and for families |
| `page/layout.js` | `viz.graph.layout` |
| `page/graph.js` | `engine.graph`, `engine.names`, `viz.graph.folding`, `viz.player.firing`, `viz.player.player` |

The rules themselves are not: `table` exports them. Nor is the player, which is the same file. The rest is kept the same
by `tests/viz/live/test_same.py`: random expressions with every rule, and networks, are made here and there, and
all that the player is given has to agree: names, values and slopes to 1e-12, the order of the steps, formulas, and
every place in the picture. Whoever changes one side sees that test fail, and changes the other.
"""

from viz.live.chalkboard import Chalkboard, chalkboard

__all__ = ["Chalkboard", "chalkboard"]
