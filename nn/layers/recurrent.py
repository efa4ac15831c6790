"""A recurrent layer: one with a memory, for sequences of any length.

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
from engine.utils.nested import is_list_like
from nn.checks import check_inputs, check_integer, check_rng
from nn.layers.dense import bias_repr
from nn.module import Module
from nn.tensors import tensor


class GRUCell(Module):
    """One step of a gated recurrent unit: from an input and the hidden state to the next hidden state.

    Each number in the state has two gates, which lie between 0 and 1: r says how much of the old state goes into a
    new candidate n, and z how much of the old state is kept instead of the candidate.

    All parameters start uniformly from ±1/√hidden_size.

    Source: K. Cho et al., 2014, https://arxiv.org/abs/1406.1078; r is applied after the weights, as in PyTorch.

    Args:
        input_size: how many numbers an input has.
        hidden_size: how many numbers the state has.
        bias: add a bias to each weighted sum.
        rng: the source of the initial parameters, `random` or a `random.Random(seed)`.
        label: the name of the cell; its parameters are ``label.weight_ih0_0``, ...

    Attributes:
        weight_ih: ``[3 * hidden_size][input_size]``, the rows for r, then those for z, then those for n.
        weight_hh: ``[3 * hidden_size][hidden_size]``, in the same order.
        bias_ih: ``[3 * hidden_size]``, or None.
        bias_hh: the same.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if a size is not a positive whole number; when called with an input or a state of another size.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, rng: Any = random, label: str = ""
    ) -> None:
        self.input_size = input_size = check_integer("input_size", input_size)
        self.hidden_size = hidden_size = check_integer("hidden_size", hidden_size)
        check_rng(rng, "uniform")
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
        """The next hidden state, given a row of inputs and the current hidden state, which starts out as zeros."""
        xs = check_inputs(x, self.input_size, self)
        if h is None:
            h = [Value(0.0, role="constant")] * self.hidden_size
        hs = list(h) if is_list_like(h) else [h]
        if len(hs) != self.hidden_size:
            raise ValueError(f"{self!r} expects a hidden state of {self.hidden_size} numbers, got {len(hs)}")
        from_x = _weighted_sums(self.weight_ih, xs, self.bias_ih)
        from_h = _weighted_sums(self.weight_hh, hs, self.bias_hh)
        n = self.hidden_size
        state: list[Value] = []
        for i, old in enumerate(hs):
            r = (from_x[i] + from_h[i]).sigmoid()
            z = (from_x[n + i] + from_h[n + i]).sigmoid()
            new = (from_x[2 * n + i] + r * from_h[2 * n + i]).tanh()
            state.append((1 - z) * new + z * old)
        return state

    def __repr__(self) -> str:
        return f"GRUCell({self.input_size}, {self.hidden_size}{bias_repr(self.bias_ih)})"


def _weighted_sums(weight: list[list[Value]], xs: list[Any], bias: list[Any] | None) -> list[Value]:
    return [dot(row, xs, b) for row, b in zip(weight, bias or [None] * len(weight))]
