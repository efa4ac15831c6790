"""One derivative, computed in four ways: reverse mode, forward mode, finite differences, symbols."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from engine import Value, grad, jvp
from engine.check import step_size
from engine.modes import switched
from engine.names import node_names, number
from engine.utils.conversion import to_float
from engine.utils.messages import brief
from engine.versions import checked_order
from viz.formulas.report import Equations, Report, Table
from viz.formulas.symbols import LONGEST, derivative, evaluate, formulas
from viz.plots.boundary import COLOURS, axes


@dataclass(frozen=True, repr=False)
class Comparison(Report):
    """The same derivative in four ways, side by side.

    Attributes:
        f: the function.
        x: the point at which it was differentiated.
        derivatives: the result of each way, by the name of the way.
    """

    f: Callable[[Any], Any]
    x: float
    derivatives: dict[str, float]

    def errors(self) -> list[tuple[float, float, float]]:
        """Steps h, each with the relative errors of ``(f(x+h) - f(x)) / h`` and of ``(f(x+h) - f(x-h)) / 2h``."""
        exact, rows = self.derivatives["reverse"], []
        for tenths in range(-160, 1, 2):
            h = 10 ** (tenths / 10)
            right, left, at = (_value(self.f, x) for x in (self.x + h, self.x - h, self.x))
            sides = (right - at) / h, (right - left) / (2 * h)
            one, both = (abs(side - exact) / (abs(exact) or 1.0) for side in sides)
            rows.append((h, one, both))
        return rows

    def plot(self, ax: Any = None) -> Any:
        """The error of a finite difference against its step: curvature spoils large steps, rounding spoils small ones.

        Args:
            ax: the matplotlib axes to draw on; new ones if not given.

        Returns:
            The axes.

        Raises:
            ImportError: if matplotlib is not installed.
        """
        ax = axes(ax)
        rows = [(h, max(a, 1e-18), max(b, 1e-18)) for h, a, b in self.errors() if isfinite(a + b)]
        steps, one, both = ([row[i] for row in rows] for i in range(3))
        ax.loglog(steps, one, color=COLOURS[0], linewidth=2, label="(f(x+h) − f(x)) / h")
        ax.loglog(steps, both, color=COLOURS[1], linewidth=2, linestyle="--", label="(f(x+h) − f(x−h)) / 2h")
        ax.set(xlabel="step h", ylabel="relative error", ylim=(1e-16, 10))
        ax.grid(alpha=0.3)
        ax.legend()
        return ax


def compare(f: Callable[[Any], Any], x: float) -> Comparison:
    """The derivative of a function of one number at x, computed in four ways.

    Args:
        f: a function from one number to one number, made of the engine's operators and functions.
        x: the point at which to differentiate it.

    Raises:
        TypeError: if ``f`` does not return one number.

    >>> print(compare(lambda x: x**3, 2.0))  # doctest: +ELLIPSIS
    f     = x**3
    df/dx = 3 * x**2
    way                           derivative          relative error
    reverse                       12                  0
    forward                       12                  0
    finite difference, h = 1e-05  12.00000000...
    symbolic                      12                  0
    """
    if not callable(f):
        raise TypeError(f"compare takes a function of one number, such as lambda x: x**2, got {brief(f, 60)}")
    variable = Value(to_float(x), "x")
    output = f(variable)
    if not isinstance(output, Value):
        raise TypeError(
            f"compare takes a function that returns one Value for a Value, this one returned {brief(output, 60)}"
        )
    order = checked_order(output)
    names = node_names([variable, *(node for node in order if node is not variable)])
    formula_of = formulas(order, names)
    symbolic = derivative(order, variable, formula_of)
    numbers = {name: node.data for node, name in names.items() if node.role != "constant"}
    h = step_size(variable.data)
    right, left = variable.data + h, variable.data - h
    ways = {
        "reverse": grad(f)(variable.data),
        "forward": jvp(f, (variable.data,), (1.0,))[1],
        "finite difference": (_value(f, right) - _value(f, left)) / (right - left),
        "symbolic": evaluate(symbolic, numbers),
    }
    exact = ways["reverse"]
    errors = [abs(found - exact) / (abs(exact) or 1.0) for found in ways.values()]
    rows = [[way, number(found, 17), number(error, 3)] for (way, found), error in zip(ways.items(), errors)]
    equations = Equations(
        lambda n: [
            [left, n.write(formula) if formula.size <= LONGEST else n.words("a formula too long for the board")]
            for left, formula in ((n.name("f"), formula_of[output]), (n.ordinary_derivative("f", "x"), symbolic))
        ]
    )
    rows[2][0] += f", h = {h:.0e}"
    return Comparison([equations, Table(["way", "derivative", "relative error"], rows)], f, variable.data, ways)


def _value(f: Callable[[Any], Any], x: float) -> float:
    with switched(recording=False, warning=False):
        y = f(Value(x))
    return y.data if isinstance(y, Value) else float(y)
