"""All that a compiled function can see besides its arguments, and whether it is still what was recorded."""

from engine.compiler.guards.reachability import (
    Guard,
    bump_module_version,
    is_constant,
    is_users,
    random_states_kept,
    training_modes,
)

__all__ = ["Guard", "bump_module_version", "is_constant", "is_users", "random_states_kept", "training_modes"]
