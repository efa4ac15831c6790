"""A number that remembers how it was computed, so that it can give its derivative with respect to what it came from.

>>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
>>> c = a * b + a
>>> c.backward()
>>> a.grad, b.grad
(4.0, 2.0)
"""

from collections.abc import Callable
from math import inf, isfinite, nan
from typing import Any, Self, TypeVar

from engine import rules, versions
from engine.anomaly import check_gradients_finite, evaluate, finite_local_derivatives, source_lines, warn_of_gradients
from engine.graph import chain_rule, local_derivatives, topological_order
from engine.ieee import UNSET
from engine.modes import callers_line, mode
from engine.protocols import Protocols, of_micrograd
from engine.rules import Rule
from engine.utils.conversion import answers_itself, to_float
from engine.utils.locks import new_lock

ROLES = ("input", "parameter", "constant")  # of leaves; all other nodes are operations

grad_lock = new_lock(awaited=True)  # gradients are added up in the nodes themselves: one backward pass at a time

new = object.__new__
M = TypeVar("M", bound=Callable[..., Any])


def _method(rule: Rule, method: M) -> M:
    method.__name__, method.__qualname__ = rule.symbol, f"Value.{rule.symbol}"
    method.__doc__ = f"The rule {rule.symbol} of this Value; see the table in engine/rules.py."
    return method


def _unary(rule: Rule) -> "Callable[[Value], Value]":
    return _method(rule, lambda x: record(rule, x))


def _binary(rule: Rule, reflected: str = "") -> "Callable[[Value, Any], Value]":
    def method(x: "Value", y: Any) -> "Value":
        try:
            return record(rule, x, y if isinstance(y, Value) else constant(y))
        except TypeError:
            if answers_itself(y, reflected):
                return NotImplemented  # type: ignore[no-any-return]
            raise

    return _method(rule, method)


def _reflected(rule: Rule) -> "Callable[[Value, Any], Value]":
    return _method(rule, lambda y, x: record(rule, constant(x), y))


class Value(Protocols):
    """One number in a graph.

    Args:
        data: the number; ints, bools, fractions, NumPy scalars and 0-d arrays are converted to a Python float.
        label: a name for pictures and messages; it can be set later too.
        role: what a leaf is to the graph: ``"input"``, ``"parameter"`` or ``"constant"``.

    Attributes:
        data: the number; it can be set on a leaf.
        grad: ``∂root/∂self`` as a float; before any ``root.backward()`` it counts as 0 and shows as — (see `has_grad`).
            Leaves add up over calls, as in PyTorch.
        rule: the `Rule` it was made by; None for a leaf.

    Raises:
        TypeError: if `data` is not one real number.
        OverflowError: if it is too large for a float.
        ValueError: if `role` is not one of the three.
    """

    # `_x` and `_y` are the operands; with none, or more than two, `_x` is a tuple of them. (With a tuple in every node,
    # making a node took 386 ns in place of 241, and its share of a backward pass 270 in place of 243.)
    __slots__ = ("_data", "grad", "rule", "label", "role", "_x", "_y", "_version", "__weakref__")

    def __new__(cls, *args: Any, **kwargs: Any) -> "Value":
        """A new Value is a leaf."""
        return new(Leaf if cls is Value else cls)

    def __init__(self, data: Any, label: str = "", role: str = "input", _label: str = "") -> None:
        if type(label) is not str:
            label, role = of_micrograd(label, role, _label)
        if role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {role!r}")
        self._data: float = data if type(data) is float else to_float(data)
        self.grad: Any = UNSET  # a float; within a backward pass perhaps a Value
        self._x: Any = ()
        self._y: Value | None = None
        self.rule: Rule | None = None
        self.label = label
        self.role = role
        self._version = versions.current

    @property
    def parents(self) -> "tuple[Value, ...]":
        """The operands it was made from, in order: ``a * a`` has two. Empty for a leaf."""
        x, y = self._x, self._y
        return (x, y) if y is not None else x if type(x) is tuple else (x,)

    # The chain rule.

    def local_gradients(self) -> tuple[float, ...]:
        """``∂self/∂parent`` for each parent: the rule's partials, at the numbers of the operands.

        >>> (Value(2.0) * Value(3.0)).local_gradients()
        (3.0, 2.0)

        Raises:
            RuntimeError: if an operand was changed after the forward pass.
        """
        versions.check_fresh(self)
        return tuple(local for _, local in local_derivatives(self))

    def backward(self, gradient: float = 1.0) -> None:
        """Set ``node.grad = ∂self/∂node`` on every node it was computed from; on leaves, add it to what is there.

        Args:
            gradient: that of this node itself, by which all are multiplied.

        Raises:
            RuntimeError: if a leaf was changed after the forward pass.
        """
        order = versions.checked_order(self)  # the topological order, or an error if a leaf was changed since
        anomaly = mode.get().anomaly
        with grad_lock:
            # The pass starts every gradient from 0, so what leaves had is kept aside and added afterwards.
            leaves = [node for node in order if node.rule is None]
            earlier = [leaf.grad for leaf in leaves]
            try:
                chain_rule(order, finite_local_derivatives if anomaly else local_derivatives, seed=to_float(gradient))
                if anomaly:
                    check_gradients_finite(reversed(order))
            except BaseException:
                for leaf, kept in zip(leaves, earlier):
                    leaf.grad = kept
                raise
            bad = [leaf for leaf in leaves if not isfinite(leaf.grad) and isfinite(leaf._data)]
            for leaf, kept in zip(leaves, earlier):
                if kept is not UNSET and kept is not None:
                    leaf.grad += kept if type(kept) is float else to_float(kept)
        warn_of_gradients(bad)

    def forward(self) -> Self:
        """Compute the whole graph again, with the current numbers of its leaves.

        >>> x = Value(3.0)
        >>> y = x**2
        >>> x.data = 4.0
        >>> y.forward().data
        16.0
        """
        version = versions.bump()
        for node in topological_order(self):
            if node.rule is not None:
                node._data = evaluate(node.rule, node.parents, mode.get())
                node._version = version
        return self

    def zero_grad(self) -> None:
        """Set the gradient of this node, and of every node it was computed from, to 0."""
        for node in topological_order(self):
            node.grad = 0.0

    def detach(self) -> "Value":
        """A leaf of its own with the same number: gradients stop here."""
        return record(rules.stop_gradient, self) if mode.get().tracing else Value(self._data, self.label)

    def apply_rule(self, rule: Rule, operands: tuple[Any, ...]) -> "Value":
        """What a rule does when it is called on Values: it records a node."""
        values = tuple([x if isinstance(x, Value) else as_value(x) for x in operands])
        return record(rule, *values) if len(values) <= 2 else record(rule, values)

    # Operators and functions. A plain number beside a Value becomes a constant of the graph.

    __add__, __sub__ = _binary(rules.add, "__radd__"), _binary(rules.sub, "__rsub__")
    __mul__, __truediv__ = _binary(rules.mul, "__rmul__"), _binary(rules.div, "__rtruediv__")
    __mod__, __rmod__ = _binary(rules.mod, "__rmod__"), _reflected(rules.mod)
    __rsub__, __rmul__, __rtruediv__, __rpow__ = map(_reflected, (rules.sub, rules.mul, rules.div, rules.pow))
    __neg__, __abs__ = _unary(rules.neg), _unary(rules.absolute)

    def __radd__(self, other: Any) -> "Value":
        if (type(other) is int or type(other) is float) and other == 0:
            return self  # the 0 that sum() starts from, and every gradient
        return record(rules.add, constant(other), self)

    def __pow__(self, other: Any) -> "Value":
        if isinstance(other, Value):
            return record(rules.pow, self, other)
        try:
            exponent = to_float(other)
        except TypeError:
            return _binary(rules.pow, "__rpow__")(self, other)  # the same error, unless `other` answers itself
        return record(rules.power(exponent), self)

    def __pos__(self) -> "Value":
        return self

    relu, elu, gelu, silu = _unary(rules.relu), _unary(rules.elu), _unary(rules.gelu), _unary(rules.silu)
    softplus, sigmoid, logsigmoid = _unary(rules.softplus), _unary(rules.sigmoid), _unary(rules.logsigmoid)
    exp, exp2, expm1 = _unary(rules.exp), _unary(rules.exp2), _unary(rules.expm1)
    log, log2, log10, log1p = map(_unary, (rules.log, rules.log2, rules.log10, rules.log1p))
    sqrt, abs, reciprocal = _unary(rules.sqrt), _unary(rules.absolute), _unary(rules.reciprocal)
    sin, cos, tan, asin, acos, atan = map(_unary, (rules.sin, rules.cos, rules.tan, rules.asin, rules.acos, rules.atan))
    sinh, cosh, tanh = _unary(rules.sinh), _unary(rules.cosh), _unary(rules.tanh)
    sinc = _unary(rules.sinc)
    asinh, acosh, atanh = _unary(rules.asinh), _unary(rules.acosh), _unary(rules.atanh)
    maximum, minimum, atan2, hypot = map(_binary, (rules.maximum, rules.minimum, rules.atan2, rules.hypot))

    def leaky_relu(self, slope: float = 0.01) -> "Value":
        """``x`` above 0, ``slope · x`` below; the slope at 0 is `slope`."""
        return record(rules.leaky_relu(to_float(slope)), self)

    def clamp(self, low: float = -inf, high: float = inf) -> "Value":
        """``x`` limited to ``[low, high]``; the slope is 1 between them, and 0 at the ends and outside."""
        return record(rules.clamp(to_float(low), to_float(high)), self)


class Leaf(Value):
    """A Value that was not computed; it takes attributes of your own, such as ``p.momentum = 0.0``."""

    __slots__ = ("__dict__",)  # in every Value it would cost 24 bytes a node, and a tenth of the plain training
    __class__ = property(lambda self: Value)


Leaf.__name__, Leaf.__qualname__ = Value.__name__, Value.__qualname__  # what `type(x)` shows


def as_value(number: Any) -> Value:
    """A Value as it is; a plain number as a constant of the graph."""
    return number if isinstance(number, Value) else constant(number)


def constant(number: Any) -> Value:
    """The same as ``Value(number, role="constant")``, in two thirds of the time."""
    node = new(Leaf)
    node._data = number if type(number) is float else to_float(number)
    node.grad = UNSET
    node._x = ()
    node._y = node.rule = None
    node.label = ""
    node.role = "constant"
    node._version = versions.current
    return node


def record(rule: Rule, x: Any, y: Value | None = None) -> Value:
    """A new node: the rule's value of the operands, the rule, and the operands.

    One or two operands are passed as ``x`` and ``y``, more of them as a tuple ``x``.
    """
    now = mode.get()
    node = new(Value)
    node._x = x
    node._y = y
    try:
        if y is not None:
            data = rule.value(x._data, y._data)
        elif type(x) is tuple:
            data = rule.value(*[operand._data for operand in x])
        else:
            data = rule.value(x._data)
    except (ArithmeticError, TypeError):
        data = nan  # `evaluate`, below, finds what IEEE 754 answers, or tells what is wrong with the operands
    # The slow way, where something is unusual: inf or nan, for which x - x is not 0; no float; a function is traced.
    if data - data != 0.0 or type(data) is not float or now.tracing:
        data = evaluate(rule, node.parents, now)
    if not now.recording:
        node = constant(data)
        node.role = "input"
        return node
    node._data = data
    node.grad = UNSET
    node.rule = rule
    node.label = ""
    node.role = "operation"
    node._version = versions.current
    if now.lines:
        source_lines[node] = callers_line()
    return node
