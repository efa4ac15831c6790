"""Dropout: numbers left out at random, so that no neuron can lean on one other.

Source: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html.

>>> import random
>>> dropout = Dropout(0.5, rng=random.Random(1))
>>> [y.data for y in dropout([1.0, 1.0, 1.0, 1.0])]
[0.0, 2.0, 2.0, 0.0]
>>> [y.data for y in dropout.eval()([1.0, 1.0])]
[1.0, 1.0]
"""

import random
from typing import Any

from engine import TraceError
from engine.modes import mode
from engine.nested import tree_map
from nn.checks import check_rng, check_share
from nn.layers.activations import as_input
from nn.module import Module


class Dropout(Module):
    """Each number is 0 with probability `p`, and else divided by ``1 - p``, which keeps its mean; only in training.

    It takes a number, a row, or any nested list. A compiled function can't draw random numbers, so one with dropout is
    called without compile while it is trained.

    Args:
        p: from 0 up to 1.
        rng: what draws, as `random` or a `random.Random(seed)`.

    Raises:
        TypeError: if `rng` is a seed, or anything else that draws no random numbers.
        ValueError: if `p` is out of range.
        TraceError: when called in training by a function that is compiled.
    """

    def __init__(self, p: float = 0.5, rng: Any = random) -> None:
        check_share("p", p)
        check_rng(rng, "random")
        self.p = p
        self.rng = None if rng is random else rng  # a module of Python's could not be copied with the model

    def forward(self, x: Any) -> Any:
        """The numbers, in lists nested as those given."""
        if not self.training or not self.p:
            return tree_map(as_input, x)
        if mode.get().tracing:
            raise TraceError(
                f"{self!r} draws new random numbers at each call, and a compiled function would repeat those of its "
                "first; call the function without compile, or model.eval() if it is not to be trained"
            )
        draw = (self.rng or random).random
        return tree_map(lambda v: as_input(v) * (0.0 if draw() < self.p else 1 / (1 - self.p)), x)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
