"""Activation functions: a table of their names, and a module for each, to use in a `Sequential`.

>>> [[y.data for y in row] for row in ReLU()([[1.0, -2.0], [-3.0, 4.0]])]
[[1.0, 0.0], [0.0, 4.0]]
>>> [round(p.data, 3) for p in Softmax()([0.0, 1.0])]
[0.269, 0.731]
"""

from collections.abc import Callable
from typing import Any

from engine import Value, softmax
from engine.utils.nested import is_list_like, tree_map
from nn.checks import check_finite
from nn.module import Module

# Functions of a Value. The engine's functions also take a plain number, and give one: `engine.relu(1.0)`.
ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "linear": Value.__pos__,
    "relu": Value.relu,
    "leaky_relu": Value.leaky_relu,
    "elu": Value.elu,
    "gelu": Value.gelu,
    "silu": Value.silu,
    "softplus": Value.softplus,
    "sigmoid": Value.sigmoid,
    "tanh": Value.tanh,
}


def as_input(x: Any) -> Value:
    """A Value unchanged; a plain number as an input of the graph."""
    return x if isinstance(x, Value) else Value(x)


def map_rows(f: Callable[[list[Value]], list[Value]], x: Any) -> list[Any]:
    """Apply `f` to a row, or to every row of a nested list; a single number counts as a row of one."""
    parts = list(x) if is_list_like(x) else [x]
    if parts and is_list_like(parts[0]):
        return [map_rows(f, part) for part in parts]
    return f([as_input(v) for v in parts])


class Activation(Module):
    """A function applied to a number, or to every number in a nested list.

    A subclass gives its name in `ACTIVATIONS`.
    """

    name = "linear"

    def activate(self, x: Value) -> Value:
        """Apply the function to one number."""
        return ACTIVATIONS[self.name](x)

    def forward(self, x: Any) -> Any:
        """Apply the function to every number; the result has the shape of the input."""
        return tree_map(lambda v: self.activate(as_input(v)), x)


class ReLU(Activation):
    """``max(0, x)``."""

    name = "relu"


class LeakyReLU(Activation):
    """``x`` above 0, ``negative_slope · x`` below. Raises ValueError if the slope is not a finite number."""

    name = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01) -> None:
        check_finite("negative_slope", negative_slope)
        self.negative_slope = negative_slope

    def activate(self, x: Value) -> Value:
        """Apply the function to one number."""
        return x.leaky_relu(self.negative_slope)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.negative_slope})"


class ELU(Activation):
    """``x`` above 0, ``alpha · (exp(x) - 1)`` below. Source: Clevert et al., 2016, https://arxiv.org/abs/1511.07289.

    Raises:
        ValueError: if `alpha` is not a finite number.
    """

    name = "elu"

    def __init__(self, alpha: float = 1.0) -> None:
        check_finite("alpha", alpha)
        self.alpha = alpha

    def activate(self, x: Value) -> Value:
        """Apply the function to one number."""
        return x.elu() if self.alpha == 1 else self.alpha * x.elu() + (1 - self.alpha) * x.relu()

    def __repr__(self) -> str:
        return f"ELU({self.alpha})"


class GELU(Activation):
    """``x · Φ(x)``, Φ being the normal distribution. Source: Hendrycks, Gimpel, 2016, https://arxiv.org/abs/1606.08415."""

    name = "gelu"


class SiLU(Activation):
    """``x · sigmoid(x)``, also called swish."""

    name = "silu"


class Softplus(Activation):
    """``log(1 + exp(x))``: a smooth `ReLU`."""

    name = "softplus"


class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``, from 0 to 1."""

    name = "sigmoid"


class Tanh(Activation):
    """The hyperbolic tangent, from -1 to 1."""

    name = "tanh"


class Softmax(Module):
    """``exp(x) / Σ exp(x)`` over a row, or over each of the innermost rows.

    Raises:
        ValueError: when called with something that is not a row, or with an empty row.
    """

    def forward(self, x: Any) -> list[Any]:
        """Numbers above 0 that add up to 1 in each row."""
        if not is_list_like(x):
            raise ValueError(f"Softmax takes a row of numbers, got {x!r}; the softmax of a single number is always 1")
        return map_rows(softmax, x)
