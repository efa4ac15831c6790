"""Build your own Value: what its exercises ask for, and the hints for wrong answers."""

import math
from collections.abc import Callable
from typing import Any

from engine.utils.messages import brief
from viz.classroom.check_engine.report import check_engine
from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at


class MyValue:
    """A right answer to the last exercise."""

    def __init__(self, data: float, parents: tuple[Any, ...] = (), local: Callable[[], tuple[float, ...]] = tuple):
        self.data, self.grad = data, 0.0
        self.parents, self.local = parents, local

    def _with(self, other: Any) -> Any:
        return other if isinstance(other, MyValue) else type(self)(other)

    def __add__(self, other: Any) -> Any:
        other = self._with(other)
        return type(self)(self.data + other.data, (self, other), lambda: (1.0, 1.0))

    def __mul__(self, other: Any) -> Any:
        other = self._with(other)
        return type(self)(self.data * other.data, (self, other), lambda: (other.data, self.data))

    def __pow__(self, n: float) -> Any:
        return type(self)(self.data**n, (self,), lambda: (n * self.data ** (n - 1),))

    def tanh(self) -> Any:
        """The rule of the first exercise."""
        t = math.tanh(self.data)
        return type(self)(t, (self,), lambda: (1 - t**2,))

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __truediv__(self, other: Any) -> Any:
        return self * self._with(other) ** -1

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def order(self) -> list[Any]:
        """Every node after its parents."""
        order, seen, to_do = [], set(), [(self, False)]
        while to_do:
            node, parents_are_done = to_do.pop()
            if parents_are_done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                to_do += [(node, True), *((parent, False) for parent in node.parents)]
        return order

    def receive(self, gradient: float) -> None:
        """Paths add."""
        self.grad += gradient

    def backward(self) -> None:
        """The gradients of all nodes behind this one; leaves add them up."""
        order = self.order()
        for node in order:
            node.grad = 0.0 if node.parents else node.grad
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.local()):
                parent.receive(slope * node.grad)


class _WithoutDivision(MyValue):
    def __pow__(self, n: Any) -> Any:
        if isinstance(n, MyValue):
            raise TypeError("the exponent of ** is a plain number here, and not a Value")
        return super().__pow__(n)

    def __truediv__(self, other: Any) -> Any:
        raise TypeError("there is no / here: say it with * and **")

    __rtruediv__ = __truediv__


def _quotient_of(divided: Callable[[Any, Any], Any]) -> list[float] | None:
    """What is given for two Values, and the gradients of both."""
    x, y = _WithoutDivision(6.0), _WithoutDivision(-2.0)
    quotient = divided(x, y)
    if quotient is None or quotient is ...:
        return None
    if not isinstance(quotient, MyValue):
        raise TypeError(
            f"expected a Value made of x and y, got {brief(quotient)}; x.data is a plain number, not part of the graph"
        )
    quotient.backward()
    return [quotient.data, x.grad, y.grad]


def _verdict_on(engine: Callable[[float], Any]) -> str:
    """The likely mistake in a class; of those without one, what is missing."""
    report = check_engine(engine)
    if report.ok:
        return "right" if report.complete else "incomplete"
    return report.diagnosis.name if report.diagnosis else "unknown"


def _changed(**methods: Any) -> type[MyValue]:
    return type("MyValue", (MyValue,), methods)


def _replace(self: MyValue, gradient: float) -> None:
    self.grad = gradient


def _of_the_input(self: MyValue) -> Any:
    return type(self)(math.tanh(self.data), (self,), lambda: (1 - self.data**2,))


def _own_data(self: MyValue, other: Any) -> Any:
    other = self._with(other)
    return type(self)(self.data * other.data, (self, other), lambda: (self.data, other.data))


def _recursive(self: MyValue) -> None:
    def send(node: MyValue) -> None:
        for parent, slope in zip(node.parents, node.local()):
            parent.grad += slope * node.grad
            send(parent)

    self.grad = 1.0
    send(self)


def _never_reset(self: MyValue) -> None:
    self.grad = 1.0
    for node in reversed(self.order()):
        for parent, slope in zip(node.parents, node.local()):
            parent.grad += slope * node.grad


def _reset_with_the_leaves(self: MyValue) -> None:
    for node in self.order():
        node.grad = 0.0
    MyValue.backward(self)


EXERCISES = {
    "02.1": Exercise(
        right=lambda x: 1 - math.tanh(x) ** 2,
        mistakes=(
            Mistake(lambda x: 1 - x**2, "This has x where the output should be: t is tanh(x)."),
            Mistake(lambda x: 1 - math.tanh(x), "The square is forgotten: the formula has t**2 in it."),
            Mistake(lambda x: 1 - math.tanh(x) * 2, "Times 2 is not a square: in Python that is t**2, or t * t."),
            Mistake(lambda x: 1 - math.tanh(x**2), "The tanh comes first: it is t that is squared, and not x."),
            Mistake(lambda x: math.tanh(x), "This is tanh itself, and not its slope."),
            Mistake(lambda x: 1 + math.tanh(x) ** 2, "The sign: tanh is nowhere steeper than 1."),
            Mistake(lambda x: math.tanh(x) ** 2, "This has to be subtracted from 1."),
            Mistake(lambda x: (1 - math.tanh(x)) ** 2, "Only the t is squared, and then that is subtracted from 1."),
        ),
        measure=outputs_at((0.5,), (-1.0,), (2.0,)),
        advice="Compute t = math.tanh(x) first, and then put it into the formula.",
    ),
    "02.2": Exercise(
        right=lambda x, y: x * y**-1,
        mistakes=(
            Mistake(lambda x, y: y * x**-1, "The two are the wrong way round: this is y / x."),
            Mistake(lambda x, y: x * y, "This is the product: the exponent -1 turns a number into one over it."),
            Mistake(lambda x, y: (x * y) ** -1, "Here both numbers are in the denominator; only y belongs there."),
            Mistake(
                lambda x, y: x * -y, "A minus in front of a number does not divide by it: -1 belongs in the exponent."
            ),
            Mistake(
                lambda x, y: x * y.data**-1,
                "The number is right, but y gets no gradient: y.data is a plain number, not part of the graph.",
            ),
            Mistake(
                lambda x, y: x.data * y**-1,
                "The number is right, but x gets no gradient: x.data is a plain number, not part of the graph.",
            ),
        ),
        measure=_quotient_of,
        advice="What do you have to multiply x by? Write that as a power of y.",
    ),
    "02.3": Exercise(
        right=MyValue,
        mistakes=(
            Mistake(
                _changed(receive=_replace),
                "check_engine finds = for +=: a number that is used twice loses part of its gradient. Paths add.",
            ),
            Mistake(
                _changed(tanh=_of_the_input),
                "check_engine finds the input where the output should be: look at what the derivative is written in.",
            ),
            Mistake(
                _changed(__mul__=_own_data, __rmul__=_own_data),
                "check_engine finds swapped operands: the derivative of x * y with respect to x is y, and not x.",
            ),
            Mistake(
                _changed(backward=_recursive),
                "check_engine finds a wrong order: a node must wait until all that use it have sent.",
            ),
            Mistake(
                _changed(backward=_reset_with_the_leaves),
                "check_engine finds that leaves are reset: only nodes that have parents start each pass at 0.",
            ),
            Mistake(
                _changed(backward=_never_reset),
                "check_engine finds gradients left by an earlier pass: nodes that have parents start each pass at 0.",
            ),
            Mistake(
                _changed(__rsub__=MyValue.__sub__),
                "check_engine finds the operands swapped: a - b is not b - a, 2 - a is not a - 2, and likewise for /.",
            ),
            Mistake(
                _changed(__rtruediv__=None),
                "What is there is right, but something is missing: check_engine says what was skipped.",
            ),
        ),
        measure=_verdict_on,
        advice="Run check_engine(MyValue) in a cell of its own: it draws the smallest program that goes wrong.",
    ),
}
