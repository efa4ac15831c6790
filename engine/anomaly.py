"""Where a number that is not finite arose: warnings of inf and nan, and what `detect_anomaly` raises in their place."""

import warnings
from collections.abc import Iterable
from math import isfinite
from typing import Any
from weakref import WeakKeyDictionary

from engine.modes import Mode, SourceLine, callers_depth, leaves_graph
from engine.rules import Rule

source_lines: "WeakKeyDictionary[Any, SourceLine]" = WeakKeyDictionary()  # which line made a node, if it was recorded


def evaluate(rule: Rule, parents: tuple[Any, ...], now: Mode) -> float:
    """The rule's value of its operands, with a warning or an error where finite operands give inf or nan."""
    if now.tracing and not now.recording:
        raise leaves_graph(parents[0], "was used in no_grad()", "write x.detach() instead")
    data = rule.evaluate(*[parent._data for parent in parents])
    if not isfinite(data) and now.warning and all(isfinite(parent._data) for parent in parents):
        message = f"{rule.symbol}({', '.join(parent._name() for parent in parents)}) gave {data}"
        if now.anomaly:
            raise FloatingPointError(message)
        _warn(message)
    return data


def warn_of_gradients(leaves: Iterable[Any]) -> None:
    """Warn of gradients that are not finite, once for all of them: the first is named."""
    bad = [leaf for leaf in leaves if leaf.role != "constant"]
    if bad:
        more = f", {len(bad) - 1:,} more are inf or nan" if len(bad) > 1 else ""
        _warn(f"the gradient of {bad[0]._name()} is {bad[0].grad}{more}; detect_anomaly() finds where it arose")


def finite_local_derivatives(node: Any) -> Iterable[tuple[Any, float]]:
    """The parents of a node, each with its local derivative.

    Raises:
        FloatingPointError: if a local derivative is not finite.
    """
    local_gradients = node.local_gradients()
    if all(map(isfinite, local_gradients)):
        return zip(node.parents, local_gradients)
    operands = ", ".join(parent._name() for parent in node.parents)
    raise FloatingPointError(f"{node.op}({operands}) has the slope {local_gradients}; {_made_by(node)}")


def check_gradients_finite(nodes: Iterable[Any]) -> None:
    """Raise FloatingPointError at the first node whose gradient adds up to inf or nan."""
    for node in nodes:
        if not isfinite(node.grad):
            raise FloatingPointError(f"the gradient of {node._name()} adds up to {node.grad}; {_made_by(node)}")


def _made_by(node: Any) -> str:
    return f"it was made by {source_lines.get(node, 'a line outside detect_anomaly(): make the node inside it')}"


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=callers_depth())
