"""A number that remembers how it was made, so that it can say how every number behind it matters.

>>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
>>> c = a * b + a
>>> c.backward()
>>> a.grad, b.grad
(4.0, 2.0)
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf, isfinite, nan
from numbers import Real
from threading import Lock, RLock
from typing import Any, NoReturn, TypeVar
from weakref import WeakKeyDictionary

from engine import rules
from engine.graph import chain_rule, topological_order
from engine.modes import NORMAL, Mode, SourceLine, TraceError, callers_depth, callers_line, mode
from engine.rules import Rule
from engine.steps import BackwardStep, ForwardStep, backward_steps, forward_steps

# The clock ticks when the data of an existing node is changed. A node older than the last change of its parent belongs
# to an earlier forward pass.
_clock = 0
_ticking = Lock()

sweeping = RLock()  # gradients are gathered in the nodes themselves: one sweep at a time

source_lines: "WeakKeyDictionary[Value, SourceLine]" = WeakKeyDictionary()  # which line made a node, if recorded

new = object.__new__

V = TypeVar("V", bound="Value")

ROLES = ("input", "parameter", "constant")  # of leaves; all other nodes are operations

# What NumPy calls an operator, and the method of a Value on its right.
_OPERATORS = {
    "add": "__radd__",
    "subtract": "__rsub__",
    "multiply": "__rmul__",
    "divide": "__rtruediv__",
    "true_divide": "__rtruediv__",
    "power": "__rpow__",
    "less": "__gt__",
    "less_equal": "__ge__",
    "greater": "__lt__",
    "greater_equal": "__le__",
}


def tick() -> int:
    """The time after a change of data."""
    global _clock
    with _ticking:
        _clock += 1
        return _clock


def clock() -> int:
    """The time of the last change of data."""
    return _clock


def _unary(rule: Rule) -> "Callable[[Value], Value]":
    def method(self: "Value") -> "Value":
        return record(rule, self)

    method.__name__, method.__qualname__ = rule.symbol, f"Value.{rule.symbol}"
    method.__doc__ = f"The rule {rule.symbol} of this Value; see the table in engine/rules.py."
    return method


def _binary(rule: Rule) -> "Callable[[Value, Any], Value]":
    def method(self: "Value", other: Any) -> "Value":
        return record(rule, self, as_value(other))

    method.__name__ = rule.symbol
    method.__doc__ = f"The rule {rule.symbol} of this Value and another; see the table in engine/rules.py."
    return method


class Value:
    """One number in a graph.

    Args:
        data: the number; ints, bools, fractions, NumPy scalars and 0-d arrays are made a Python float.
        label: a name for pictures and messages; it can be set later too.
        role: what a leaf is to the graph: ``"input"``, ``"parameter"`` or ``"constant"``.

    Attributes:
        grad: ``∂root/∂self`` as a float, None before any ``root.backward()``. Leaves add up over calls, as in PyTorch.
        rule: the `Rule` it was made by; None for a leaf.

    Raises:
        TypeError: if `data` is not one real number.
        OverflowError: if it is too large for a float.
        ValueError: if `role` is none of the three.
    """

    # One or two operands, as most nodes have, stand in `_x` and `_y`: a tuple for them would be one more object in
    # every node for the garbage collector to visit. More of them, or none, stand in `_x` as a tuple.
    __slots__ = ("_data", "grad", "rule", "label", "role", "_x", "_y", "_time", "__weakref__")

    def __init__(self, data: Any, label: str = "", role: str = "input") -> None:
        if role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {role!r}")
        self._data: float = data if type(data) is float else to_float(data)
        self.grad: Any = None  # a float; within a sweep perhaps a Value
        self._x: Any = ()
        self._y: Value | None = None
        self.rule: Rule | None = None
        self.label = label
        self.role = role
        self._time = _clock

    @property
    def data(self) -> float:
        """The number. A leaf's can be set, which leaves graphs that used the old one behind: see `forward`."""
        if mode.get().tracing:
            raise _leaves_the_graph(
                self, "was asked for its number", "keep to operations of Values; x.detach() stops gradients"
            )
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if self.rule is not None:
            raise AttributeError(
                f"{self._name()} was computed, and its data follows from its operands; set the data of a leaf and call "
                "forward(), or begin anew from a leaf: x.detach()"
            )
        self._data = data if type(data) is float else to_float(data)
        self._time = tick()

    @property
    def parents(self) -> "tuple[Value, ...]":
        """The operands it was made from, in order: ``a * a`` has two. Empty for a leaf."""
        x, y = self._x, self._y
        return (x, y) if y is not None else x if type(x) is tuple else (x,)

    # The graph.

    def local_gradients(self) -> tuple[float, ...]:
        """``∂self/∂parent`` for each parent: the rule's partials, closed over the operands.

        >>> (Value(2.0) * Value(3.0)).local_gradients()
        (3.0, 2.0)

        Raises:
            RuntimeError: if an operand was changed after the forward pass.
        """
        _check_fresh(self)
        return tuple(local for _, local in edges(self))

    def backward(self) -> None:
        """Set ``node.grad = ∂self/∂node`` on every node behind this one; on leaves, add it to what is there.

        Raises:
            RuntimeError: if a leaf was changed after the forward pass.
        """
        order = forward_pass(self)
        flow = _finite_edges if mode.get().anomaly else edges
        with sweeping:
            before = [(node, node.grad) for node in order if node.rule is None]
            try:
                sweep(self, order, flow)
                if flow is _finite_edges:
                    _check_finite(reversed(order))
            except BaseException:
                for leaf, grad in before:
                    leaf.grad = grad
                raise
            bad = [leaf for leaf, _ in before if not isfinite(leaf.grad) and isfinite(leaf._data)]
            for leaf, grad in before:
                if grad is not None:
                    leaf.grad += grad
        warn_of_gradients(bad)

    def backward_steps(self, names: "Mapping[str, Any] | None" = None) -> "Iterator[BackwardStep]":
        """`backward`, one application of the chain rule at a time.

        Each step is a record of what was multiplied and where it was added. By the time it is given, the gradients of
        the nodes are those so far; after the last step they are what `backward` leaves. Whoever stops before leaves
        them half done, to which another pass adds: `zero_grad` clears them.

        Args:
            names: what to call nodes without a label, such as ``locals()``.

        Raises:
            RuntimeError: if a leaf was changed after the forward pass.

        >>> a = Value(3.0, "a")
        >>> for step in (a * a).backward_steps():
        ...     print(step)
        ∂v1/∂a += ∂v1/∂v1 · ∂v1/∂a = 1 · 3 = 3   (a has 1 of 2 contributions)
        ∂v1/∂a += ∂v1/∂v1 · ∂v1/∂a = 1 · 3 = 3   (a has 2 of 2 contributions)
        """
        order = forward_pass(self)
        steps = list(backward_steps(order, edges, source_lines, names))

        def run() -> "Iterator[BackwardStep]":
            before = {node: node.grad or 0.0 for node in order if node.rule is None}
            for node in order:
                node.grad = before.get(node, 0.0)
            self.grad += 1.0
            for step in steps:
                step.parent.grad = step.total + before.get(step.parent, 0.0)
                yield step

        return run()

    def forward_steps(self, names: "Mapping[str, Any] | None" = None) -> "Iterator[ForwardStep]":
        """One record for each operation behind this Value, in the order in which they were computed.

        Args:
            names: what to call nodes without a label, such as ``locals()``.

        Raises:
            RuntimeError: if a leaf was changed after the forward pass.

        >>> for step in (Value(3.0, "a") * 2).forward_steps():
        ...     print(step)
        v1 = a * 2 = 3 * 2 = 6
        """
        return forward_steps(forward_pass(self), source_lines, names)

    def forward(self: V) -> V:
        """Compute the whole graph again with today's leaves.

        >>> x = Value(3.0)
        >>> y = x**2
        >>> x.data = 4.0
        >>> y.forward().data
        16.0
        """
        now = tick()
        for node in topological_order(self):
            if node.rule is not None:
                node._data = _evaluate(node.rule, node.parents, mode.get())
                node._time = now
        return self

    def zero_grad(self) -> None:
        """Set the gradient of every node behind this one, and of this one, to 0."""
        for node in topological_order(self):
            node.grad = 0.0

    def detach(self) -> "Value":
        """A leaf of its own with the same number: gradients stop here."""
        return record(rules.stop, self) if mode.get().tracing else Value(self._data, self.label)

    def apply_rule(self, rule: Rule, operands: tuple[Any, ...]) -> "Value":
        """What a rule does when it is called on Values: it records a node."""
        values = tuple([x if isinstance(x, Value) else as_value(x) for x in operands])
        return record(rule, *values) if len(values) <= 2 else record(rule, values)

    # Arithmetic. A plain number beside a Value becomes a constant of the graph.

    def __add__(self, other: Any) -> "Value":
        return record(rules.add, self, other if isinstance(other, Value) else Value(other, role="constant"))

    def __radd__(self, other: Any) -> "Value":
        if (type(other) is int or type(other) is float) and other == 0:
            return self  # the 0 that sum() starts from
        return record(rules.add, Value(other, role="constant"), self)

    def __sub__(self, other: Any) -> "Value":
        return record(rules.sub, self, other if isinstance(other, Value) else Value(other, role="constant"))

    def __rsub__(self, other: Any) -> "Value":
        return record(rules.sub, Value(other, role="constant"), self)

    def __mul__(self, other: Any) -> "Value":
        return record(rules.mul, self, other if isinstance(other, Value) else Value(other, role="constant"))

    def __rmul__(self, other: Any) -> "Value":
        return record(rules.mul, Value(other, role="constant"), self)

    def __truediv__(self, other: Any) -> "Value":
        return record(rules.div, self, other if isinstance(other, Value) else Value(other, role="constant"))

    def __rtruediv__(self, other: Any) -> "Value":
        return record(rules.div, Value(other, role="constant"), self)

    def __pow__(self, other: Any) -> "Value":
        if isinstance(other, Value):
            return record(rules.pow, self, other)
        return record(rules.power(to_float(other)), self)

    def __rpow__(self, other: Any) -> "Value":
        return record(rules.pow, Value(other, role="constant"), self)

    def __neg__(self) -> "Value":
        return record(rules.neg, self)

    def __pos__(self) -> "Value":
        return self

    def __abs__(self) -> "Value":
        return record(rules.absolute, self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """What NumPy does with a Value: for ``np.float64(2) * v`` what `v` itself does, and nothing besides."""
        name = ufunc.__name__
        if name in _OPERATORS and method == "__call__" and not options and inputs[0] is not self:
            return getattr(self, _OPERATORS[name])(inputs[0])
        if name in ("equal", "not_equal"):
            return name == "not_equal"  # another node, as for any number
        own = name.replace("arc", "a").replace("absolute", "abs")
        instead = f"x.{own}({'y' * (ufunc.nin - 1)})" if hasattr(Value, own) else "operators and methods of Values"
        raise TypeError(
            f"np.{name} takes arrays of plain numbers, got a Value; write {instead}, or x.data for the bare number"
        )

    relu, elu, gelu, silu = _unary(rules.relu), _unary(rules.elu), _unary(rules.gelu), _unary(rules.silu)
    softplus, sigmoid, logsigmoid = _unary(rules.softplus), _unary(rules.sigmoid), _unary(rules.logsigmoid)
    exp, expm1, log, log1p = _unary(rules.exp), _unary(rules.expm1), _unary(rules.log), _unary(rules.log1p)
    sqrt, abs = _unary(rules.sqrt), _unary(rules.absolute)
    sin, cos, tan = _unary(rules.sin), _unary(rules.cos), _unary(rules.tan)
    asin, acos, atan = _unary(rules.asin), _unary(rules.acos), _unary(rules.atan)
    sinh, cosh, tanh = _unary(rules.sinh), _unary(rules.cosh), _unary(rules.tanh)
    maximum, minimum = _binary(rules.maximum), _binary(rules.minimum)
    atan2, hypot = _binary(rules.atan2), _binary(rules.hypot)

    def leaky_relu(self, slope: float = 0.01) -> "Value":
        """``x`` above 0, ``slope · x`` below; the slope at 0 is `slope`."""
        return record(rules.leaky_relu(to_float(slope)), self)

    def clamp(self, low: float = -inf, high: float = inf) -> "Value":
        """``x`` kept from `low` to `high`; the slope is 1 there, the ends included, and 0 outside.

        Raises:
            ValueError: if `low` is above `high`.
        """
        low, high = to_float(low), to_float(high)
        if not low <= high:
            raise ValueError(f"clamp takes low <= high, got low={low} and high={high}")
        return record(rules.clamp(low, high), self)

    # What Python asks of a number. Order is by data; `==` and `hash` are by identity, so that a node can be a key.

    def __lt__(self, other: Any) -> bool:
        return self._compared() < _number(other)

    def __le__(self, other: Any) -> bool:
        return self._compared() <= _number(other)

    def __gt__(self, other: Any) -> bool:
        return self._compared() > _number(other)

    def __ge__(self, other: Any) -> bool:
        return self._compared() >= _number(other)

    def _compared(self) -> float:
        if mode.get().tracing:
            raise _leaves_the_graph(
                self, "was compared", "write what depends on it with relu, step, maximum, minimum, clamp or abs"
            )
        return self._data

    def __float__(self) -> NoReturn:
        if mode.get().tracing:
            raise _leaves_the_graph(
                self,
                "was made a plain number, or an index",
                "use its own methods (x.exp(), not math.exp(x)), and select(values, i) for values[i]",
            )
        raise TypeError(
            "a Value does not turn into a float by itself: the function that asked would leave the graph. "
            "Use the Value's own method (x.exp(), not math.exp(x)), or x.data for the bare number"
        )

    __int__ = __complex__ = __index__ = __float__

    def __bool__(self) -> NoReturn:
        if mode.get().tracing:
            self._compared()
        raise TypeError("a Value is not true or false. Compare it (x > 0), or ask for the number (x.data)")

    def __format__(self, spec: str) -> str:
        if spec and mode.get().tracing:
            raise _leaves_the_graph(self, "was made text", "keep to operations of Values")
        return format(self._data, spec) if spec else str(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        if mode.get().tracing:
            return f"Value(being recorded{label})"
        return f"Value(data={self._data}, grad={'—' if self.grad is None else self.grad}{label})"

    def _name(self) -> str:
        """How a message calls this node: its label or its rule, and its number."""
        name = self.label or (self.rule.symbol if self.rule else "")
        return f"{name} = {self._data}" if name else str(self._data)

    # Scripts that draw micrograd's graphs look for these.

    @property
    def op(self) -> str:
        """The symbol of the rule that made this node; empty for a leaf."""
        return self.rule.symbol if self.rule else ""

    @property
    def _op(self) -> str:
        return self.op

    @property
    def _prev(self) -> "set[Value]":
        return set(self.parents)

    # Copies.

    def _copy_onto(self: V, parents: "tuple[Value, ...]") -> V:
        copy = new(self.__class__)
        for slot in ("_data", "grad", "rule", "label", "role", "_time"):
            setattr(copy, slot, getattr(self, slot))
        copy._x, copy._y = parents if len(parents) == 2 else (parents[0] if len(parents) == 1 else parents, None)
        return copy

    def __copy__(self: V) -> V:
        return self._copy_onto(self.parents)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        for node in topological_order(self):
            if id(node) not in memo:
                memo[id(node)] = node._copy_onto(tuple(memo[id(parent)] for parent in node.parents))
        return memo[id(self)]

    def __reduce__(self) -> Any:
        if self.rule is not None:
            raise TypeError(
                "only leaves can be pickled, and this Value was computed from others. "
                "Pickle the model or the inputs it came from, or value.detach() for the number alone"
            )
        return self.__class__, (self._data, self.label, self.role), (None, {"grad": self.grad})


# How a node is made.


def _number(x: Any) -> float:
    return x._data if isinstance(x, Value) else to_float(x)


def as_value(number: Any) -> "Value":
    """A Value as it is; a plain number as a constant of the graph."""
    return number if isinstance(number, Value) else Value(number, role="constant")


def record(rule: Rule, x: Any, y: "Value | None" = None) -> "Value":
    """A new node: the rule's value of its operands, and the memory of both.

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
    except ArithmeticError:
        data = nan
    if data - data != 0.0 or type(data) is not float or now is not NORMAL:
        data = _evaluate(rule, node.parents, now)
        if not now.recording:
            if now.tracing:
                raise _leaves_the_graph(node.parents[0], "was used in no_grad()", "write x.detach() instead")
            return Value(data)
    node._data = data
    node.grad = None
    node.rule = rule
    node.label = ""
    node.role = "operation"
    node._time = _clock
    if now.lines:
        source_lines[node] = callers_line()
    return node


def _evaluate(rule: Rule, parents: "tuple[Value, ...]", now: Mode) -> float:
    """The rule's value of the parents, with a warning or an error where a finite input gives inf or nan."""
    data = rule.evaluate(*[parent._data for parent in parents])
    if not isfinite(data) and now.warning and all(isfinite(parent._data) for parent in parents):
        message = f"{rule.symbol}({', '.join(parent._name() for parent in parents)}) gave {data}"
        if now.anomaly:
            raise FloatingPointError(message)
        _warn(message)
    return data


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=callers_depth())


def _leaves_the_graph(value: Value, what: str, instead: str) -> TraceError:
    return TraceError(
        f"{value._name()} {what} while a function was recorded to be compiled: today's number would be built into the "
        f"machine code. Instead {instead}; or call the function without compile"
    )


def warn_of_gradients(leaves: "Iterable[Value]") -> None:
    """Warn of gradients that are not finite, once for all: the first is named."""
    bad = [leaf for leaf in leaves if leaf.role != "constant"]
    if bad:
        more = f", {len(bad) - 1:,} more are inf or nan" if len(bad) > 1 else ""
        _warn(f"the gradient of {bad[0]._name()} is {bad[0].grad}{more}; detect_anomaly() finds where it arose")


# How a gradient is found.


def edges(node: "Value") -> "Iterable[tuple[Value, float]]":
    """The parents of a node, each with the local gradient ``∂node/∂parent``."""
    if node.rule is None:
        return ()
    try:
        x, y = node._x, node._y
        if y is not None:
            dx, dy = node.rule.partials(node._data, x._data, y._data)
            return (x, dx), (y, dy)
        if type(x) is tuple:
            partials = node.rule.partials(node._data, *[parent._data for parent in x])
            if len(partials) != len(x):
                raise ValueError
            return zip(x, partials)
        (dx,) = node.rule.partials(node._data, x._data)
        return ((x, dx),)
    except ArithmeticError:
        return zip(node.parents, node.rule.slopes(node._data, *[parent._data for parent in node.parents]))
    except (TypeError, ValueError):  # a wrong number of partials, or what they raise themselves
        one_each(node, node.rule.partials(node._data, *[parent._data for parent in node.parents]))
        raise


def one_each(node: "Value", partials: Any) -> Any:
    """The partials of a node, if they are one for each of its operands."""
    found = len(partials) if hasattr(partials, "__len__") else "no tuple of"
    if found != len(node.parents):
        raise TypeError(
            f"the rule {node.op!r} of {len(node.parents)} operands has {found} partials, one is due for each, "
            f"got {partials!r:.60}"
        ) from None
    return partials


def _finite_edges(node: "Value") -> "Iterable[tuple[Value, float]]":
    local_gradients = node.local_gradients()
    if all(map(isfinite, local_gradients)):
        return zip(node.parents, local_gradients)
    operands = ", ".join(parent._name() for parent in node.parents)
    raise FloatingPointError(f"{node.op}({operands}) has the slope {local_gradients}; {_made_by(node)}")


def _check_finite(nodes: "Iterable[Value]") -> None:
    for node in nodes:
        if not isfinite(node.grad):
            raise FloatingPointError(f"the gradient of {node._name()} adds up to {node.grad}; {_made_by(node)}")


def _made_by(node: "Value") -> str:
    return f"it was made by {source_lines.get(node, 'a line outside detect_anomaly(): make the node inside it')}"


def forward_pass(root: "Value") -> "list[Value]":
    """The nodes behind the root in topological order, if they all belong to one forward pass.

    Raises:
        RuntimeError: if a node was changed after another was computed from it.
    """
    order = topological_order(root)
    latest = 0
    for node in order:
        if node._time >= latest:
            latest = node._time  # no parent can be newer
        else:
            _check_fresh(node)
    return order


def _check_fresh(node: "Value") -> None:
    for parent in node.parents:
        if parent._time > node._time:
            raise RuntimeError(
                f"{parent._name()} was changed after the forward pass that used it (in {node._name()}), so the "
                "gradient would mix two passes. Call forward() on the result to compute it again with today's "
                "numbers, or run the lines that build it again"
            )


def sweep(root: "Value", order: "list[Value]", edges: "Callable[[Value], Iterable[tuple[Value, Any]]]") -> None:
    """One run of the chain rule, from ``∂root/∂root = 1`` and 0 everywhere else. Hold `sweeping` around it."""
    for node in order:
        node.grad = 0.0
    root.grad = 1.0
    chain_rule(order, edges)


# What counts as a number.


def to_float(data: Any) -> float:
    """The one real number that `data` holds.

    Raises:
        TypeError: if it holds none, several, or one that is not real; the message says what to write instead.
        OverflowError: if it is too large.
    """
    if isinstance(data, Real):
        try:
            return float(data)
        except OverflowError:
            raise OverflowError(
                f"a Value holds a float, which goes up to about 1.8e308, and this {type(data).__name__} is larger; "
                "take its logarithm, or write math.inf"
            ) from None
    kind = type(data).__name__
    if isinstance(data, Value):
        raise TypeError(f"expected a plain number, got {data!r}; use the Value itself, or its number: x.data")
    shape = getattr(data, "shape", None)
    if shape == ():
        return to_float(data.item())
    if shape is not None:
        raise TypeError(f"a Value holds one number, got a {kind} of shape {tuple(shape)}; {_ONE_EACH}")
    if isinstance(data, (list, tuple, set, dict)):
        raise TypeError(f"a Value holds one number, got a {kind} of {len(data)}; {_ONE_EACH}")
    if data is None:
        hint = "is a return missing in the function it came from?"
    elif isinstance(data, str):
        hint = f"write float({data!r}) if the text is a number"
    elif isinstance(data, complex):
        hint = "take its .real or .imag part, or abs() of it"
    elif callable(data):
        hint = "are the parentheses of a call missing?"
    else:
        hint = "write float(...) around it if it is one number"
    raise TypeError(f"a Value holds one real number, got {kind} {data!r:.40}; {hint}")


_ONE_EACH = "make one Value for each number: [Value(x) for x in data]"
