"""What others ask of a Value: its number, comparisons, text, copies and pickles, steps, and what NumPy and scripts
written for micrograd look for.

Nothing here is about derivatives. Order is by data; ``==`` and ``hash`` are by identity, so that a node can be a key.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NoReturn, Self

from engine import versions
from engine.anomaly import source_lines
from engine.graph import topological_order
from engine.ieee import UNSET
from engine.modes import leaves_graph, mode
from engine.rules import Rule
from engine.steps import BackwardStep, ForwardStep, backward_steps, forward_steps, running_totals
from engine.utils.console import printable
from engine.utils.conversion import answers_itself, to_float

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


@printable
class Protocols:
    """The methods of a Value that Python, NumPy and others look for; `Value` inherits them."""

    __slots__ = ()

    _data: float
    grad: Any
    rule: Rule | None
    label: str
    role: str
    local_gradients: Any
    parents: Any

    @property
    def data(self) -> float:
        """The number. It can be set on a leaf; what was computed from the old number then needs `forward()`."""
        if mode.get().tracing:
            instead = "keep to operations of Values (x.detach() has the same number and stops gradients)"
            raise leaves_graph(self, "was asked for its number", instead)
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if self.rule is not None:
            raise AttributeError(
                f"{self._name()} was computed, and its data follows from its operands; set the data of a leaf and call "
                "forward(), or start afresh from a leaf: x.detach()"
            )
        this: Any = self
        this._data = data if type(data) is float else to_float(data)
        this._version = versions.bump()

    @property
    def has_grad(self) -> bool:
        """Whether a backward pass has reached this node, or a gradient was set."""
        if mode.get().tracing:
            raise leaves_graph(self, "was asked whether it has a gradient", "ask before, and pass what depends on it")
        return self.grad is not UNSET and self.grad is not None

    # Comparisons and conversions.

    def __lt__(self, other: Any) -> bool:
        return NotImplemented if answers_itself(other, "__gt__") else self._compared() < _number(other)

    def __le__(self, other: Any) -> bool:
        return NotImplemented if answers_itself(other, "__ge__") else self._compared() <= _number(other)

    def __gt__(self, other: Any) -> bool:
        return NotImplemented if answers_itself(other, "__lt__") else self._compared() > _number(other)

    def __ge__(self, other: Any) -> bool:
        return NotImplemented if answers_itself(other, "__le__") else self._compared() >= _number(other)

    def _compared(self) -> float:
        if mode.get().tracing:
            raise leaves_graph(
                self, "was compared", "write what depends on it with relu, step, maximum, minimum, clamp or abs"
            )
        return self._data

    def __float__(self) -> NoReturn:
        if mode.get().tracing:
            raise leaves_graph(
                self,
                "was made a plain number, or an index",
                "use its own methods (x.exp(), not math.exp(x)), and select(values, i) for values[i]",
            )
        raise TypeError(
            "a Value is not converted to a float automatically: the function that asked for one would leave the graph. "
            "Use the Value's own method (x.exp(), not math.exp(x)), or x.data for the bare number"
        )

    __int__ = __complex__ = __index__ = __float__

    def __bool__(self) -> NoReturn:
        if mode.get().tracing:
            self._compared()
        raise TypeError("a Value is not true or false. Compare it (x > 0), or ask for the number (x.data)")

    # Text.

    def __format__(self, spec: str) -> str:
        if spec and mode.get().tracing:
            raise leaves_graph(self, "was made text", "keep to operations of Values")
        return format(self._data, spec) if spec else str(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        if mode.get().tracing:
            return f"Value(being recorded{label})"
        return f"Value(data={self._data}, grad={self.grad if self.has_grad else UNSET}{label})"

    def _name(self) -> str:
        """How a message calls this node: its label or its rule, and its number."""
        name = self.label or (self.rule.symbol if self.rule else "")
        return f"{name} = {self._data}" if name else str(self._data)

    # Copies and pickles.

    def _copy_onto(self, parents: tuple[Any, ...], copied: Callable[[Any], Any] = dict) -> Self:
        kind = type(self)
        copy: Self = object.__new__(getattr(kind, "_unbuffered", kind))
        for slot in ("_data", "grad", "rule", "label", "role", "_version"):
            setattr(copy, slot, getattr(self, slot))
        x, y = parents if len(parents) == 2 else (parents[0] if len(parents) == 1 else parents, None)
        for slot, operand in (("_x", x), ("_y", y)):
            setattr(copy, slot, operand)
        if attributes := getattr(self, "__dict__", None):  # a user's own
            vars(copy).update(copied(attributes))
        return copy

    def __copy__(self) -> Self:
        return self._copy_onto(self.parents)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        this: Any = self
        for node in topological_order(this):
            if id(node) not in memo:
                parents = tuple(memo[id(parent)] for parent in node.parents)
                memo[id(node)] = node._copy_onto(parents, lambda attributes: deepcopy(attributes, memo))
        return memo[id(self)]

    def __reduce__(self) -> Any:
        if self.rule is not None:
            raise TypeError(
                "only leaves can be pickled, and this Value was computed from others. "
                "Pickle the model or the inputs it came from, or value.detach() for the number alone"
            )
        state = getattr(self, "__dict__", None), {"grad": self.grad}
        return self.__class__, (self._data, self.label, self.role), state

    # NumPy.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """What NumPy does with a Value: for ``np.float64(2) * v`` what `v` itself does, and nothing else."""
        name = ufunc.__name__
        if name in _OPERATORS and method == "__call__" and not options and inputs[0] is not self:
            return getattr(self, _OPERATORS[name])(inputs[0])
        if name in ("equal", "not_equal"):
            return name == "not_equal"  # another node, as for any number
        own = name.replace("arc", "a").replace("absolute", "abs")
        instead = f"x.{own}({'y' * (ufunc.nin - 1)})" if hasattr(self, own) else "operators and methods of Values"
        raise TypeError(
            f"np.{name} takes arrays of plain numbers, got a Value; write {instead}, or x.data for the bare number"
        )

    # The chain rule in slow motion.

    def backward_steps(self, names: Mapping[str, Any] | None = None) -> Iterator[BackwardStep]:
        """`backward`, one application of the chain rule at a time; see engine/steps.py.

        Nodes without a label are named after the variables in `names`, such as ``locals()``. Raises what `backward`
        raises.
        """
        order: list[Any] = versions.checked_order(self)
        steps = backward_steps(order, lambda node: zip(node.parents, node.local_gradients()), source_lines, names)
        return running_totals(order, list(steps))

    def forward_steps(self, names: Mapping[str, Any] | None = None) -> Iterator[ForwardStep]:
        """One record for each operation it was computed by, in the order of the forward pass; see `backward_steps`."""
        return forward_steps(versions.checked_order(self), source_lines, names)

    # Scripts written for micrograd look for these.

    @property
    def op(self) -> str:
        """The symbol of the rule that made this node; empty for a leaf."""
        return self.rule.symbol if self.rule else ""

    @property
    def _op(self) -> str:
        return self.op

    @property
    def _prev(self) -> set[Any]:
        return set(self.parents)

    def _backward(self) -> None:
        """Pass this node's gradient on to its operands, as one steps through the chain rule by hand."""
        if self.rule is not None:
            for parent, local in zip(self.parents, self.local_gradients()):
                parent.grad += self.grad * local


def of_micrograd(children: Any, op: str, label: str) -> tuple[str, str]:
    """The label and the role of a leaf that is made as in micrograd: ``Value(3.0, (), "", "c")``.

    Raises:
        TypeError: if there are operands: an operation needs its derivative too.
    """
    if not isinstance(children, (tuple, set)):
        return str(children), op
    if children:
        raise TypeError(
            "a Value with operands is made by a rule, which knows its derivative; write "
            'Rule("square", lambda x: x**2, lambda z, x: (2 * x,))(x) in place of Value(x.data**2, (x,), "square")'
        )
    return label, "input"


def _number(x: Any) -> float:
    return x._data if isinstance(x, Protocols) else to_float(x)
