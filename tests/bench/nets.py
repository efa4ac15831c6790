"""Networks of several sizes, on numbers without a meaning: one step of SGD on the cross-entropy of a mini-batch."""

import random
from functools import cache
from typing import NamedTuple

RATE = 0.01


SIDE, WINDOW, STRIDE = 8, 3, 2  # of an image, of what a kernel sees of it, and from one place of the window to the next
PLACES = ((SIDE - WINDOW) // STRIDE + 1) ** 2


class Net(NamedTuple):
    """A network of dense layers with relu between them.

    Attributes:
        sizes: of the input, and of each layer.
        examples: how many are in the mini-batch.
        kernels: if it is not 0, the inputs are images, and so many kernels of a convolution, with relu, give the input
            of the first dense layer: kernel by kernel, a number for each place of the window.
    """

    sizes: tuple[int, ...]
    examples: int
    kernels: int = 0

    def __str__(self) -> str:
        first = f"{self.kernels} kernels, " if self.kernels else ""
        return f"{first}{'-'.join(map(str, self.sizes))} on {self.examples}"

    @property
    def inputs(self) -> int:
        """How many numbers an example has."""
        return SIDE**2 if self.kernels else self.sizes[0]

    @property
    def layers(self) -> list[tuple[int, int, int]]:
        """Of each layer: how many inputs a neuron has, how many neurons there are, and at how many places."""
        dense = [(n, m, 1) for n, m in zip(self.sizes, self.sizes[1:])]
        return [(WINDOW**2, self.kernels, PLACES), *dense] if self.kernels else dense

    @property
    def operations(self) -> int:
        """How many multiplications and additions a step takes at least, without the gradients of the inputs."""
        products = [n * m * places for n, m, places in self.layers]
        return 2 * self.examples * (3 * sum(products) - products[0])


SMALL = [Net((64, 32, 10), 32), Net((64, 128, 64, 10), 64), Net((784, 32, 10), 32)]
CONV = Net((8 * PLACES, 10), 32, kernels=8)
LARGE = [Net((784, 128, 10), 64), Net((784, 256, 128, 10), 128)]
Matrix = list[list[float]]


@cache
def batch(net: Net) -> tuple[Matrix, list[int]]:
    """The examples and their labels."""
    rng = random.Random(1)
    rows = [[rng.gauss(0.0, 1.0) for _ in range(net.inputs)] for _ in range(net.examples)]
    return rows, [rng.randrange(net.sizes[-1]) for _ in range(net.examples)]


@cache
def first_weights(net: Net) -> list[Matrix]:
    """For each layer a row for each neuron, or kernel; all biases begin at 0."""
    rng = random.Random(2)
    return [[[rng.gauss(0.0, n**-0.5) for _ in range(n)] for _ in range(m)] for n, m, _ in net.layers]
