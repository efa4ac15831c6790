"""The Value that a compiled call gives: one node, which has its local derivatives from the moment it is made."""

from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

from engine.anomaly import warn_of_gradients
from engine.compiler.buffers import Binding
from engine.ieee import UNSET
from engine.modes import mode
from engine.rules import Rule
from engine.value import Value, grad_lock, new


class CompiledRule(Rule):
    """What a compiled call did, as a rule: its partials were computed together with its value.

    Attributes:
        by_arguments, by_parameters: the derivatives with respect to the Values among the arguments, and to parameters.
        parameters: where the numbers of the latter are.
        finite: whether all numbers are, and all derivatives.
    """

    __slots__ = ("by_arguments", "by_parameters", "finite", "parameters")
    constants = ()
    jumps = False
    by_arguments: list[float]
    by_parameters: Any
    parameters: Binding
    finite: bool

    def value(self, *xs: float) -> float:
        """Refuse: machine code keeps nothing between calls."""
        raise RuntimeError(f"{self.symbol} was compiled, so forward() has no graph to go through; call it again")

    def partials(self, z: Any, *xs: Any) -> tuple[Any, ...]:
        """The derivatives with respect to the Values among the arguments, and to the parameters."""
        if not all(type(x) is float for x in xs):
            raise TypeError(f"{self.symbol} was compiled and has no second derivative; call the function itself")
        return (*self.by_arguments, *self.by_parameters.tolist())


class LazyRule(CompiledRule):
    """The same for one of several results: its derivatives are computed when they are first needed.

    Attributes:
        differentiate: gives them, and whether all are finite.
    """

    __slots__ = ("differentiate",)
    differentiate: Callable[[], tuple[list[float], Any, bool]]

    def __getattr__(self, name: str) -> Any:  # Python asks here for what is not there yet
        if name not in CompiledRule.__slots__:
            raise AttributeError(f"{self.symbol} has no attribute {name!r}")
        self.by_arguments, self.by_parameters, self.finite = self.differentiate()
        return getattr(self, name)


class CompiledValue(Value):
    """What a compiled call gave: one node, whose parents are Values among the arguments, and the parameters."""

    __slots__ = ()

    def backward(self, gradient: float = 1.0) -> None:
        """As `Value.backward`, but the parameters' gradients are added up in the buffers that have their numbers."""
        rule: Any = self.rule
        version, by_arguments, parameters = self._version, rule.by_arguments, rule.parameters
        some = parameters.values
        plain = gradient != 1.0 or mode.get().anomaly or (some and parameters.may_have_changed_since(version))
        for leaf, _ in zip(self._x, by_arguments):
            if leaf.rule is not None or leaf._version > version:
                plain = True
        if plain:
            super().backward(gradient)
            return
        with grad_lock:
            self.grad = 1.0
            for leaf, derivative in zip(self._x, by_arguments):
                leaf.grad = float(leaf.grad or 0.0) + derivative
            if some:
                parameters.add_gradients(rule.by_parameters)
        if not rule.finite:
            every = (*by_arguments, *rule.by_parameters.tolist())
            warn_of_gradients(leaf for leaf, x in zip(self._x, every) if not isfinite(x) and isfinite(leaf._data))

    def _copy_onto(self, parents: tuple[Value, ...], copied: Callable[[Any], Any] = dict) -> Any:
        copy: Any = super()._copy_onto(parents)
        copy.__class__ = Value  # its parents may be copies too, which are in no buffer
        return copy


def compiled_value(
    name: str,
    data: float,
    version: int,
    given: list[Value],
    by_arguments: list[float],
    parameters: Binding,
    by_parameters: Any,
    finite: bool,
) -> Value:
    """The result of a compiled call that began at that version, with these Values among its arguments."""
    rule: CompiledRule = new(CompiledRule)
    rule.symbol = rule.name = name
    rule.by_arguments = by_arguments
    rule.by_parameters = by_parameters
    rule.parameters = parameters
    rule.finite = finite
    node: Value = new(CompiledValue)
    node._data = data
    node.grad = UNSET
    node.rule = rule
    node.label = ""
    node.role = "operation"
    node._x = (*given, *parameters.values) if given else parameters.values
    node._y = None
    node._version = version
    return node


def compiled_values(
    name: str,
    results: list[float],
    version: int,
    given: list[Value],
    parameters: Binding,
    differentiate: Callable[[int], tuple[list[float], Any, bool]],
) -> list[Value]:
    """The results of a compiled call that gives several; `differentiate` gives the derivatives of one of them."""
    values = []
    for i, data in enumerate(results):
        value = compiled_value(name, data, version, given, [], parameters, None, True)
        rule: LazyRule = new(LazyRule)
        rule.symbol = rule.name = name
        rule.parameters = parameters
        rule.differentiate = partial(differentiate, i)
        value.rule = rule
        values.append(value)
    return values
