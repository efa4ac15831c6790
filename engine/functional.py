"""Derivatives of functions: `grad` and its kin turn ``f`` into ``f'``, which can be turned again into ``f''``.

The functions take numbers and give numbers. Inside one another, or fed Values, they take and give Values, so that the
outer derivative sees through the inner one.

>>> grad(lambda x: x**3)(2.0)
12.0
>>> grad(grad(lambda x: x**3))(2.0)
12.0
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from engine import rules
from engine.graph import N
from engine.modes import switched
from engine.nested import is_list_like, tree_leaves, tree_map
from engine.value import Value, as_value, grad_lock, local_derivatives, run_backward
from engine.versions import checked_order


def gradients(output: Value, inputs: Value | Iterable[Value], create_graph: bool = False) -> list[Any]:
    """``∂output/∂input`` for each input, leaving every `grad` as it is.

    Args:
        output: the Value to differentiate.
        inputs: Values behind it, leaves or not; one that it does not depend on has the gradient 0.
        create_graph: give Values that record how the gradients were made, instead of floats.

    Raises:
        TypeError: if the output or an input is not a Value.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> x = Value(3.0)
    >>> gradients(x * x, [x])
    [6.0]
    """
    inputs = [inputs] if isinstance(inputs, Value) else list(inputs)
    for value in (output, *inputs):
        if not isinstance(value, Value):
            raise TypeError(f"gradients takes Values, got {value!r:.40}; for a function of numbers write grad(f)")
    order = checked_order(output)
    involved = set(inputs)  # and every node between them and the output
    for node in order:
        if not involved.isdisjoint(node.parents):
            involved.add(node)
    derivatives = symbolic_local_derivatives if create_graph else local_derivatives

    def involved_derivatives(node: Value) -> Iterable[tuple[Value, Any]]:
        if node not in involved:
            return ()
        return ((parent, local) for parent, local in derivatives(node) if parent in involved)

    with grad_lock, switched(recording=True, warning=False, anomaly=False):
        nodes = {*order, *inputs}
        before = [(node, node.grad) for node in nodes]
        try:
            for node in inputs:
                node.grad = 0.0
            run_backward(order, involved_derivatives)
            return [as_value(node.grad) if create_graph else node.grad for node in inputs]
        finally:
            for node, gradient in before:
                node.grad = gradient


def symbolic_local_derivatives(node: Value) -> Iterable[tuple[Value, Any]]:
    """The parents of a node, each with its local derivative as a Value: the partials, fed the nodes themselves."""
    return zip(node.parents, node.rule.slopes(node, *node.parents)) if node.rule else ()


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function that gives ``f(...)`` and its derivative with respect to one argument, or to several.

    Args:
        f: a function of numbers, or of (nested) lists of numbers, that gives one number.
        argnums: which argument to differentiate by, or a sequence of them. The derivative has the argument's shape.

    Raises:
        TypeError: if `argnums` is neither an integer nor a sequence of them, or `f` gives several numbers.
        IndexError: if there is no such argument.

    >>> value_and_grad(lambda w, x: w[0] * x + w[1])([2.0, 1.0], 5.0)
    (11.0, [5.0, 1.0])
    """

    def both(*args: Any) -> tuple[Any, Any]:
        chosen = _chosen(argnums, len(args))
        args = tuple(map(_listed, args))
        with _tracing(args) as symbolic:
            variables = [tree_map(_variable, arg) if i in chosen else arg for i, arg in enumerate(args)]
            inputs = [leaf for i in chosen for leaf in tree_leaves(variables[i])]  # now, for f may change its lists
            output = _one_number(f, variables)
            slopes = iter(gradients(output, inputs, create_graph=symbolic))
        shaped = [tree_map(lambda _: next(slopes), args[i]) for i in chosen]
        return output if symbolic else output.data, shaped[0] if isinstance(argnums, int) else tuple(shaped)

    return both


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of a function; see `value_and_grad`.

    >>> grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (3.0, 2.0)
    """
    return lambda *args: value_and_grad(f, argnums)(*args)[1]


def hessian(f: Callable[..., Any]) -> Callable[..., list[list[Any]]]:
    """A function that gives the matrix of second derivatives of ``f`` by all of its arguments, in order.

    >>> hessian(lambda x, y: x * x * y)(3.0, 2.0)
    [[4.0, 6.0], [6.0, 0.0]]
    """

    def matrix(*args: Any) -> list[list[Any]]:
        args = tuple(map(_listed, args))
        with _tracing(args) as symbolic:
            variables = tree_map(_variable, list(args))
            inputs = list(tree_leaves(variables))
            slopes = gradients(_one_number(f, variables), inputs, create_graph=True)
            return [gradients(slope, inputs, create_graph=symbolic) for slope in slopes]

    return matrix


def chain_rule_forward(
    order: Sequence[N], local_derivatives: Callable[[N], Iterable[tuple[N, Any]]], tangent: dict[N, Any]
) -> dict[N, Any]:
    """The chain rule the other way: from the rates of change of some leaves to that of every node they reach."""
    for node in order:
        for parent, local in local_derivatives(node):
            if tangent.get(parent, 0.0) != 0.0:
                tangent[node] = tangent.get(node, 0.0) + tangent[parent] * local
    return tangent


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Forward mode: ``f(*primals)``, and how fast it changes when each argument changes at the rate of its tangent.

    Raises:
        TypeError: if the primals or the tangents are a lone number.
        ValueError: if there are not as many tangents as primals.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    if not (is_list_like(primals) and is_list_like(tangents)):
        raise TypeError(
            f"jvp takes all arguments of f in a tuple, and their tangents in another, got {primals!r:.40} and "
            f"{tangents!r:.40}; for one argument write jvp(f, (x,), (rate,))"
        )
    primals, tangents = list(map(_listed, primals)), list(map(_listed, tangents))
    with _tracing((primals, tangents)) as symbolic, switched(recording=True):
        variables = tree_map(_variable, primals)
        inputs, rates = list(tree_leaves(variables)), list(tree_leaves(tangents))
        if len(inputs) != len(rates):
            raise ValueError(
                f"jvp takes a tangent for each primal, got {len(inputs)} primals and {len(rates)} tangents"
            )
        output = _one_number(f, variables)
        with switched(warning=False):
            derivatives = symbolic_local_derivatives if symbolic else local_derivatives
            rate = chain_rule_forward(checked_order(output), derivatives, dict(zip(inputs, rates))).get(output, 0.0)
        return (output, as_value(rate)) if symbolic else (output.data, float(rate))


_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def _tracing(args: Any) -> Iterator[bool]:
    """Whether to give Values: inside another derivative, or where Values were given."""
    symbolic = _inside.get() or any(isinstance(leaf, Value) for leaf in tree_leaves(args))
    token = _inside.set(True)
    try:
        with switched(recording=True):
            yield symbolic
    finally:
        _inside.reset(token)


def _chosen(argnums: int | Sequence[int], count: int) -> list[int]:
    """Which of so many arguments to differentiate by."""
    chosen: list[Any] = list(argnums) if is_list_like(argnums) else [argnums]  # type: ignore[arg-type]
    if not all(isinstance(i, int) for i in chosen):
        raise TypeError(f"argnums must be an integer or a sequence of them, got {argnums!r:.40}; write argnums=0")
    if chosen and not count:
        raise IndexError("a derivative is taken at the arguments of the function, got none; write grad(f)(x)")
    if not all(0 <= i < count for i in chosen):
        given = "1 argument" if count == 1 else f"{count} arguments"
        raise IndexError(f"argnums must be from 0 to {count - 1} for {given}, got {argnums}")
    return chosen


def _listed(arg: Any) -> Any:
    """An argument that can be gone through again: a generator as a list."""
    return list(arg) if isinstance(arg, Iterator) else arg


def _variable(x: Any) -> Value:
    """A node of its own, so that this derivative is by this argument and by nothing else the function can see."""
    variable: Value = rules.identity(x) if isinstance(x, Value) else Value(x)
    return variable


def _one_number(f: Callable[..., Any], args: Sequence[Any]) -> Value:
    output = f(*args)
    if is_list_like(output):
        raise TypeError(f"expected a function that gives one number, got {len(output)} of them; sum them, or pick one")
    return as_value(output)
