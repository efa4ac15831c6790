"""The second page of the table: rules of more than two operands, and of any number of them.

Read a line as in `rules`; an asterisk stands for all operands: ``z = f(*xs)``, with one partial for each of the `xs`.

>>> mean(1.0, 2.0, 6.0)
3.0
"""

import operator
from collections.abc import Sequence
from typing import Any

from engine import ieee
from engine.rules import Rule, between, equal, exp_difference, family, register, step, stop_gradient

# fmt: off
# `largest` is what `maximum` is of two. `dot` takes the weights, then as many inputs, then perhaps a bias; `gather` an
# index, and what it is an index of.
total = Rule("sum", lambda *xs: sum(xs), lambda z, *xs: (1.0,) * len(xs))
mean = Rule("mean", ieee.mean, lambda z, *xs: (1 / len(xs),) * len(xs))
dot = Rule("dot", ieee.dot, lambda z, *xs: _dot_partials(xs, len(xs) // 2))
largest = Rule("max", ieee.largest, lambda z, *xs: _ties(z, xs))
smallest = Rule("min", lambda *xs: -ieee.largest(*map(operator.neg, xs)), lambda z, *xs: _ties(z, xs))
logsumexp = Rule("logsumexp", ieee.logsumexp, lambda z, *xs: _softmax(xs))
where = Rule("where", lambda c, x, y: x if c > 0 else y if c == c else c, lambda z, c, x, y: (0.0, step(c), 1 - step(c)))  # noqa: E501
gather = Rule("gather", ieee.gather, lambda z, i, *xs: (0.0, *[between(k - 0.5, k + 0.5)(i) for k in range(len(xs))]))
# fmt: on


def _dot_partials(xs: Sequence[Any], n: int) -> tuple[Any, ...]:
    weights, inputs, bias = xs[:n], xs[n : 2 * n], xs[2 * n :]
    return (*inputs, *weights, *[1.0 for _ in bias])


def _normalized(parts: Sequence[Any]) -> tuple[Any, ...]:
    """Each part divided by the sum of all, so that they add up to 1."""
    whole = total(*parts)
    return tuple([part / whole for part in parts])


def _ties(z: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
    return _normalized([equal(x, z) for x in xs])


def _softmax(xs: Sequence[Any]) -> tuple[Any, ...]:
    peak = stop_gradient(largest(*xs))  # any shift leaves the answer as it is; this one overflows nowhere
    return _normalized([exp_difference(x, peak) for x in xs])


def _except(i: int, xs: Sequence[Any]) -> Any:
    """The sum of all but one: 1 - p of a probability p, without the cancelling."""
    return total(*xs[:i], *xs[i + 1 :])


# Families: one rule for each index.
@family
def softmax(i: int) -> Rule:
    """The i-th of ``exp(x) / Σ exp(x)``: ``∂pᵢ/∂xⱼ = -pᵢ·pⱼ``, and pᵢ times the sum of all the other p for j = i."""

    def partials(z: Any, *xs: Any) -> tuple[Any, ...]:
        ps = _softmax(xs)
        return (*(-z * p for p in ps[:i]), z * _except(i, ps), *(-z * p for p in ps[i + 1 :]))

    return Rule("softmax", lambda *xs: ieee.softmax(i, xs), partials)


@family
def log_softmax(i: int) -> Rule:
    """The i-th of ``x - logsumexp(x)``: ``∂/∂xⱼ = -pⱼ``, and the sum of all the other p for j = i."""

    def partials(z: Any, *xs: Any) -> tuple[Any, ...]:
        ps = _softmax(xs)
        return (*(-p for p in ps[:i]), _except(i, ps), *(-p for p in ps[i + 1 :]))

    return Rule("log_softmax", lambda *xs: ieee.log_softmax(i, xs), partials)


@family
def select(i: int) -> Rule:
    """The i-th of several, as a node that says which one was taken."""
    return Rule(f"[{i}]", lambda x: x, lambda z, x: (1.0,))


register(globals())
