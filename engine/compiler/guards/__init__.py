"""All that a compiled function can see besides its arguments, and whether it is still what was recorded.

A function sees names in its module and its closure, and through these whatever they lead to: helpers in other modules,
attributes, entries of dictionaries, other functions. In a notebook any of them may mean something else a cell later. A
`Guard` walks over everything that can be reached so, and remembers the *references* that can be changed: what a name, a
cell, an attribute or an item of a container refers to. It holds as long as each refers to the same object; objects that
can't change, such as numbers, need no closer look, and a Value's own number is read at each run anyway. Attributes of
Modules are watched by a counter, see `bump_module_version`. What lies outside the process, such as a file or the clock,
can't be watched: `Guard.outside` names it.

To be read in this order:

    guard.py         the references that are remembered, and the question that is asked at each call
    reachability.py  the walk that finds them: what code can reach
    kinds.py         which kinds of objects are looked at, and how
"""

from engine.compiler.guards.guard import Guard, bump_module_version
from engine.compiler.guards.kinds import is_constant, is_users, random_states_kept, training_modes

__all__ = ["Guard", "bump_module_version", "is_constant", "is_users", "random_states_kept", "training_modes"]
