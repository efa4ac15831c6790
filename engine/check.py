"""Is a derivative right? Compare it with how a small step in each direction changes the function."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ulp
from sys import float_info
from typing import Any

from engine.functional import value_and_grad
from engine.modes import no_grad
from engine.names import number
from engine.utils.arguments import check_function
from engine.utils.console import printable
from engine.utils.conversion import to_float
from engine.utils.nested import tree_leaves, tree_map
from engine.value import Value


class GradientError(AssertionError):
    """A gradient differs from the finite difference; the message is the table."""


@printable
@dataclass(frozen=True)
class GradientCheck:
    """One row for each number: where, the gradient by the chain rule, by finite differences, and whether they agree."""

    rows: list[tuple[float, float, float, bool]]

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return all(agrees for *_, agrees in self.rows)

    def __str__(self) -> str:
        lines = [f"{'argument':>10} {'at':>12} {'chain rule':>16} {'finite diff.':>16}"]
        for i, (x, exact, numeric, agrees) in enumerate(self.rows):
            numbers = f"{number(x, 6):>12} {number(exact, 9):>16} {number(numeric, 9):>16}"
            lines.append(f"{i:>10} {numbers}  {'ok' if agrees else 'DIFFERS'}")
        return "\n".join(lines)


def step_size(x: float) -> float:
    """The step of a central difference at x that balances truncation error against rounding error."""
    scale = abs(x) if 0 < abs(x) < 1e-3 or abs(x) > 1 else 1.0  # a tiny x sets its own scale
    step: float = float_info.epsilon ** (1 / 3) * scale
    return max(step, ulp(0.0))  # the least that there is


def check_gradients(f: Callable[..., Any], *xs: Any, rtol: float = 1e-5, atol: float = 1e-9) -> GradientCheck:
    """Compare the gradient of ``f`` at ``xs`` with central differences, number by number.

    The step balances truncation error against rounding error: it is the cube root of the machine epsilon times the size
    of x, which leaves about ten correct digits. It must not cross a kink of ``f``.

    Args:
        f: a function of numbers, or of (nested) lists of numbers, that returns one number.
        xs: where to check.
        rtol: the relative difference allowed.
        atol: the absolute difference allowed, in addition to rounding errors.

    Raises:
        GradientError: if they differ; the message is the table.

    >>> print(check_gradients(lambda x, y: x * y, 2.0, 3.0))
      argument           at       chain rule     finite diff.
             0            2                3                3  ok
             1            3                2                2  ok
    """
    check_function("check_gradients", f, "check_gradients(lambda x: x * x, 3.0)")
    arguments = tree_map(to_float, xs)
    value, slopes = value_and_grad(f, argnums=range(len(arguments)))(*arguments)
    numbers = list(tree_leaves(arguments))

    def at(i: int, x: float) -> float:
        each = iter([*numbers[:i], x, *numbers[i + 1 :]])
        with no_grad():
            result = f(*tree_map(lambda _: Value(next(each)), arguments))
        return result.data if isinstance(result, Value) else float(result)

    rows = []
    for i, (x, exact) in enumerate(zip(numbers, tree_leaves(slopes))):
        h = step_size(x)
        above, below = x + h, x - h  # the distance between these floats is exact, unlike 2h
        numeric = (at(i, above) - at(i, below)) / (above - below)
        rounding = 16 * float_info.epsilon * abs(value) / h
        agrees = abs(exact - numeric) <= atol + rtol * abs(numeric) + rounding
        rows.append((x, exact, numeric, agrees))
    report = GradientCheck(rows)
    if not report.ok:
        raise GradientError("the gradient differs from the finite difference\n" + str(report))
    return report
