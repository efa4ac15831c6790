"""Networks of several sizes, on numbers without a meaning: one step of SGD on the cross-entropy of a mini-batch."""

import random
from functools import cache
from typing import NamedTuple

RATE = 0.01


class Net(NamedTuple):
    """A network of dense layers with relu between them.

    Attributes:
        sizes: of the input, and of each layer.
        examples: how many are in the mini-batch.
    """

    sizes: tuple[int, ...]
    examples: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} on {self.examples}"

    @property
    def parameters(self) -> int:
        """How many there are."""
        return sum((n + 1) * m for n, m in zip(self.sizes, self.sizes[1:]))

    @property
    def operations(self) -> int:
        """How many multiplications and additions a step takes at least, without the gradients of the inputs."""
        products = [n * m for n, m in zip(self.sizes, self.sizes[1:])]
        return 2 * self.examples * (3 * sum(products) - products[0])


SMALL = [Net((64, 32, 10), 32), Net((64, 128, 64, 10), 64), Net((784, 32, 10), 32)]
LARGE = [Net((784, 128, 10), 64), Net((784, 256, 128, 10), 128)]
Matrix = list[list[float]]


@cache
def batch(net: Net) -> tuple[Matrix, list[int]]:
    """The examples and their labels."""
    rng = random.Random(1)
    rows = [[rng.gauss(0.0, 1.0) for _ in range(net.sizes[0])] for _ in range(net.examples)]
    return rows, [rng.randrange(net.sizes[-1]) for _ in range(net.examples)]


@cache
def first_weights(net: Net) -> list[Matrix]:
    """For each layer a row for each neuron; all biases begin at 0."""
    rng = random.Random(2)
    return [[[rng.gauss(0.0, n**-0.5) for _ in range(n)] for _ in range(m)] for n, m in zip(net.sizes, net.sizes[1:])]
