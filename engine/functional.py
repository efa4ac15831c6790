"""Derivatives of functions: `grad` and its relatives turn ``f`` into ``f'``, which can be turned into ``f''`` in turn.

These functions take numbers and return numbers. Nested inside one another, or given Values, they take and return
Values, so that the outer derivative can see through the inner one.

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
from engine.graph import chain_rule, local_derivatives
from engine.modes import switched
from engine.utils.arguments import check_function, described, value_hint
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_leaves, tree_map
from engine.value import Value, as_value, grad_lock
from engine.versions import checked_order


def gradients(output: Value, inputs: Value | Iterable[Value], create_graph: bool = False) -> list[Any]:
    """``∂output/∂input`` for each input, without changing any `grad`.

    Args:
        output: the Value to differentiate.
        inputs: the Values to differentiate with respect to, leaves or not; if the output does not depend on one, its
            gradient is 0.
        create_graph: return Values that record how the gradients were computed, instead of floats.

    Raises:
        TypeError: if the output or an input is not a Value.
        RuntimeError: if a leaf was changed after the forward pass.

    >>> x = Value(3.0)
    >>> gradients(x * x, [x])
    [6.0]
    """
    given: list[Any]
    if isinstance(inputs, list) and all(issubclass(kind, Value) for kind in {*map(type, inputs)}):
        given, doubtful = inputs, [output]  # as `compile` asks, of a million leaves
    else:
        given = list(tree_leaves(inputs))
        doubtful = [output, *given]
    for value in doubtful:
        if not isinstance(value, Value):
            hint = value_hint(value) if isinstance(value, str) else "; for a function of numbers write grad(f)"
            raise TypeError(f"gradients takes Values, got {described(value)}{hint}")
    inputs = given
    order = checked_order(output)
    involved = set(inputs)  # and all nodes between them and the output
    for node in order:
        if node.rule is not None and not involved.isdisjoint(node.parents):
            involved.add(node)
    derivatives = symbolic_local_derivatives if create_graph else local_derivatives

    def involved_derivatives(node: Value) -> Iterable[tuple[Value, Any]]:
        if node not in involved:
            return ()
        return ((parent, local) for parent, local in derivatives(node) if parent in involved)

    needed = derivatives if involved.issuperset(order) else involved_derivatives
    with grad_lock, switched(recording=True, warning=False, anomaly=False):
        nodes = {*order, *inputs}
        before = [node.grad for node in nodes]
        try:
            for node in inputs:
                node.grad = 0.0
            chain_rule(order, needed, _strong_product if create_graph else None)
            return [as_value(node.grad) if create_graph else node.grad for node in inputs]
        finally:
            for node, gradient in zip(nodes, before):
                node.grad = gradient


def symbolic_local_derivatives(node: Value) -> Iterable[tuple[Value, Any]]:
    """The parents of a node, each with its local derivative as a Value: the partials, applied to the nodes."""
    return zip(node.parents, node.rule.evaluate_partials(node, *node.parents)) if node.rule else ()


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function that returns ``f(...)`` and its derivative with respect to one argument, or to several.

    Args:
        f: a function of numbers, or of (nested) lists of numbers, that returns one number.
        argnums: the index of the argument to differentiate with respect to, or a sequence of indices. The derivative
            has the shape of the argument.

    Raises:
        TypeError: if `argnums` is neither an integer nor a sequence of integers, or `f` returns several numbers.
        IndexError: if there is no such argument.

    >>> value_and_grad(lambda w, x: w[0] * x + w[1])([2.0, 1.0], 5.0)
    (11.0, [5.0, 1.0])
    """
    check_function("value_and_grad", f, "value_and_grad(lambda x: x * x)(3.0)")

    def both(*args: Any) -> tuple[Any, Any]:
        chosen = _check_argnums(argnums, len(args))
        args = tuple(map(_as_list, args))
        with _tracing(args) as symbolic:
            variables = [tree_map(_variable, arg) if i in chosen else arg for i, arg in enumerate(args)]
            inputs = [leaf for i in chosen for leaf in tree_leaves(variables[i])]  # now, because f may change its lists
            output = _one_number(f, variables)
            slopes = iter(gradients(output, inputs, create_graph=symbolic))
        shaped = [tree_map(lambda _: next(slopes), args[i]) for i in chosen]
        return output if symbolic else output.data, tuple(shaped) if is_list_like(argnums) else shaped[0]

    return both


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of a function; see `value_and_grad`.

    >>> grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (3.0, 2.0)
    """
    check_function("grad", f, "grad(lambda x: x * x)(3.0); for a Value write loss.backward()")
    return lambda *args: value_and_grad(f, argnums)(*args)[1]


def hessian(f: Callable[..., Any]) -> Callable[..., list[list[Any]]]:
    """A function that returns the matrix of second derivatives of ``f`` with respect to all its arguments, in order.

    At a kink the slope that is chosen counts, whatever is done with it afterwards: abs'(0) is 0, so the second
    derivative of ``abs(x)**2`` at 0 is 0, as in PyTorch, though that of ``x * x`` is 2. Write ``x * x``.

    >>> hessian(lambda x, y: x * x * y)(3.0, 2.0)
    [[4.0, 6.0], [6.0, 0.0]]
    >>> hessian(lambda x: abs(x) ** 2)(0.0), hessian(lambda x: x * x)(0.0)
    ([[0.0]], [[2.0]])
    """
    check_function("hessian", f, "hessian(lambda x, y: x * x * y)(3.0, 2.0)")

    def matrix(*args: Any) -> list[list[Any]]:
        args = tuple(map(_as_list, args))
        with _tracing(args) as symbolic:
            variables = tree_map(_variable, list(args))
            inputs = list(tree_leaves(variables))
            slopes = gradients(_one_number(f, variables), inputs, create_graph=True)
            return [gradients(slope, inputs, create_graph=symbolic) for slope in slopes]

    return matrix


def _strong_product(x: Any, y: Any, jumps: bool) -> Any:
    """The product of the chain rule, as a Value; where a slope does not exist, nan stays nan even next to a zero."""
    return (rules.zero_mul if jumps else rules.strong_mul)(x, y)


def chain_rule_forward(
    order: Sequence[Any],
    local_derivatives: Callable[[Any], Iterable[tuple[Any, Any]]],
    tangent: dict[Any, Any],
    times: Callable[[Any, Any, bool], Any] | None = None,
) -> dict[Any, Any]:
    """The chain rule in forward mode: from the rates of change of some leaves to those of all nodes that they reach."""
    jumping: set[Any] = set()  # nodes made of one that jumps: what a missing slope made nan stays so
    for node in order:
        for parent, local in local_derivatives(node):
            rate = tangent.get(parent, 0.0)
            jumps = parent in jumping
            if jumps or node.rule.jumps:
                jumping.add(node)
            if rate != 0.0 and (local != 0.0 or (jumps and rate != rate)):
                product = rate * local if times is None else times(rate, local, jumps)
                tangent[node] = tangent.get(node, 0.0) + product
    return tangent


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Forward mode: ``f(*primals)``, and its rate of change when each argument changes at the rate of its tangent.

    Raises:
        TypeError: if the primals or the tangents are a single number.
        ValueError: if the numbers of primals and tangents differ.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    check_function("jvp", f, "jvp(f, (x,), (rate,))")
    if not (is_list_like(primals) and is_list_like(tangents)):
        raise TypeError(
            f"jvp takes all arguments of f in a tuple, and their tangents in another, got {brief(primals)} and "
            f"{brief(tangents)}; for one argument write jvp(f, (x,), (rate,))"
        )
    primals, tangents = list(map(_as_list, primals)), list(map(_as_list, tangents))
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
            product = _strong_product if symbolic else None
            reached = chain_rule_forward(checked_order(output), derivatives, dict(zip(inputs, rates)), product)
            rate = reached.get(output, 0.0)
        return (output, as_value(rate)) if symbolic else (output.data, float(rate))


_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def _tracing(args: Any) -> Iterator[bool]:
    """A block that yields whether to return Values: inside another derivative, or if Values were passed in."""
    symbolic = _inside.get() or any(isinstance(leaf, Value) for leaf in tree_leaves(args))
    token = _inside.set(True)
    try:
        with switched(recording=True):
            yield symbolic
    finally:
        _inside.reset(token)


def _check_argnums(argnums: int | Sequence[int], count: int) -> list[int]:
    """The indices of the arguments, of which there are `count`, to differentiate with respect to."""
    chosen: list[Any] = list(argnums) if is_list_like(argnums) else [argnums]  # type: ignore[arg-type]
    chosen = [as_integer(i) for i in chosen]
    if None in chosen:
        raise TypeError(f"argnums must be an integer or a sequence of integers, got {brief(argnums)}; write argnums=0")
    if chosen and not count:
        raise IndexError("a derivative needs the arguments of the function, got none; write grad(f)(x)")
    if not all(0 <= i < count for i in chosen):
        given = "1 argument" if count == 1 else f"{count} arguments"
        raise IndexError(f"argnums must be from 0 to {count - 1} for {given}, got {argnums}")
    return chosen


def _as_list(arg: Any) -> Any:
    """An argument that can be iterated over more than once: a generator becomes a list."""
    return list(arg) if isinstance(arg, Iterator) else arg


def _variable(x: Any) -> Value:
    """A new node, so that the derivative is with respect to this argument only, not to other uses of the Value."""
    variable: Value = rules.identity(x) if isinstance(x, Value) else Value(x)
    return variable


def _one_number(f: Callable[..., Any], args: Sequence[Any]) -> Value:
    output = f(*args)
    if is_list_like(output):
        raise TypeError(f"expected a function that returns one number, got {len(output)}; sum them, or pick one")
    return as_value(output)
