"""A layer with a memory, for sequences of any length.

>>> import random
>>> cell = GRUCell(2, 3, rng=random.Random(0))
>>> hidden = None
>>> for row in [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]:
...     hidden = cell(row, hidden)
>>> len(hidden)
3
"""

import random
from math import sqrt
from typing import Any

from engine import Value, dot
from engine.nested import is_list_like
from nn.checks import check_rng, check_size, inputs
from nn.layers.dense import shown_bias
from nn.layers.tensors import tensor
from nn.module import Module


class GRUCell(Module):
    """One step of a gated recurrent unit: from an input and the hidden state to the next hidden state.

    Two gates from 0 to 1 stand at each number of the state: r, how much of the old state goes into a new candidate n;
    and z, how much of the old state is kept instead of it.

    All parameters start evenly over ±1/√hidden_size.

    Source: K. Cho et al., 2014, https://arxiv.org/abs/1406.1078; r is applied where PyTorch has it, after the weights.

    Args:
        input_size: how many numbers the input has.
        hidden_size: how many the state has.
        bias: add numbers of its own to each sum.
        rng: where the first parameters come from, as `random` or a `random.Random(seed)`.
        label: what the cell is called; its parameters are ``label.weight_ih0_0``, ...

    Attributes:
        weight_ih: ``[3 * hidden_size][input_size]``, the rows of r, then those of z, then those of n.
        weight_hh: ``[3 * hidden_size][hidden_size]``, as well.
        bias_ih: ``[3 * hidden_size]``, or None.
        bias_hh: the same.

    Raises:
        TypeError: if `rng` is a seed, or anything else that draws no random numbers.
        ValueError: if a size is not a positive whole number; when called, if there are not as many inputs, or numbers
            in the state.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, rng: Any = random, label: str = ""
    ) -> None:
        check_size("input_size", input_size)
        check_size("hidden_size", hidden_size)
        check_rng(rng, "uniform")
        self.input_size, self.hidden_size = input_size, hidden_size
        bound = 1 / sqrt(hidden_size)
        self.label = label
        prefix = f"{label}." if label else ""

        def draw() -> float:
            return float(rng.uniform(-bound, bound))

        self.weight_ih = tensor([3 * hidden_size, input_size], draw, f"{prefix}weight_ih")
        self.weight_hh = tensor([3 * hidden_size, hidden_size], draw, f"{prefix}weight_hh")
        self.bias_ih = tensor([3 * hidden_size], draw, f"{prefix}bias_ih") if bias else None
        self.bias_hh = tensor([3 * hidden_size], draw, f"{prefix}bias_hh") if bias else None

    def forward(self, x: Any, h: Any = None) -> list[Value]:
        """The next hidden state, from a row of inputs and the hidden state, which is zeros to begin with."""
        xs = inputs(x, self.input_size, self)
        if h is None:
            h = [Value(0.0, role="constant")] * self.hidden_size
        hs = list(h) if is_list_like(h) else [h]
        if len(hs) != self.hidden_size:
            raise ValueError(f"{self!r} expects a hidden state of {self.hidden_size} numbers, got {len(hs)}")
        from_x = _sums(self.weight_ih, xs, self.bias_ih)
        from_h = _sums(self.weight_hh, hs, self.bias_hh)
        n = self.hidden_size
        state: list[Value] = []
        for i, old in enumerate(hs):
            r = (from_x[i] + from_h[i]).sigmoid()
            z = (from_x[n + i] + from_h[n + i]).sigmoid()
            new = (from_x[2 * n + i] + r * from_h[2 * n + i]).tanh()
            state.append((1 - z) * new + z * old)
        return state

    def __repr__(self) -> str:
        return f"GRUCell({self.input_size}, {self.hidden_size}{shown_bias(self.bias_ih)})"


def _sums(weight: list[list[Value]], xs: list[Any], bias: list[Any] | None) -> list[Value]:
    return [dot(row, xs, b) for row, b in zip(weight, bias or [None] * len(weight))]
