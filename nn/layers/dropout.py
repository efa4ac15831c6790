"""Dropout: numbers left out at random, so that no neuron can rely on a single other one.

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
from engine.utils.nested import tree_map
from nn.checks import check_rng, check_share
from nn.layers.activations import as_input
from nn.module import Module


class Dropout(Module):
    """In training, each number becomes 0 with probability `p`; the rest are divided by ``1 - p``, to keep the mean.

    It takes a number, a row, or any nested list. A compiled function cannot draw random numbers, so train a model
    with dropout without compile.

    Args:
        p: from 0 up to 1.
        rng: the source of the random numbers, `random` or a `random.Random(seed)`.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if `p` is out of range.
        TraceError: when called in training while a function is being compiled.
    """

    def __init__(self, p: float = 0.5, rng: Any = random) -> None:
        check_share("p", p)
        check_rng(rng, "random")
        self.p = p
        self.rng = None if rng is random else rng  # a Python module could not be copied with the model

    def forward(self, x: Any) -> Any:
        """The numbers, in the shape of the input."""
        if not self.training or not self.p:
            return tree_map(as_input, x)
        if mode.get().tracing:
            raise TraceError(
                f"{self!r} draws new random numbers at each call, but a compiled function would repeat those of its "
                "first call; call the function without compile, or call model.eval() first if you are not training"
            )
        draw = (self.rng or random).random
        return tree_map(lambda v: as_input(v) * (0.0 if draw() < self.p else 1 / (1 - self.p)), x)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
