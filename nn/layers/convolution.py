"""Layers that look at an image through a small window: convolution, and pooling.

An image is a nested list ``[channel][row][column]``, and so is what comes out.

>>> import random
>>> layer = Conv2d(1, 2, kernel_size=3, padding=1, rng=random.Random(0))
>>> image = [[[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]]]
>>> maps = layer(image)
>>> len(maps), len(maps[0]), len(maps[0][0])
(2, 2, 4)
>>> [len(Flatten()(maps)), len(Flatten()(MaxPool2d(2)(maps)))]
[16, 4]
"""

import random
from math import sqrt
from typing import Any

from engine import Value, rules
from engine.nested import is_list_like, tree_leaves, tree_map
from engine.value import record
from nn.checks import check_rng, check_size
from nn.layers.activations import as_input
from nn.layers.dense import shown_bias
from nn.layers.tensors import tensor
from nn.module import Module
from nn.summary import shape, written

Size = int | tuple[int, int]  # of both sides, or of rows and of columns
Image = list[list[list[Value]]]


class Conv2d(Module):
    """The same few neurons at every place of an image: each sees a window of all channels, and makes one channel.

    At each place an output is ``w · window + b``, one `dot` node. The window stands inside the image and its border of
    `padding` zeros. The weights of a window of n numbers start as those of a `Neuron` with relu do, evenly spread over
    ±√(6 / n); the bias starts at 0.

    Source: Y. LeCun et al., 1989, https://doi.org/10.1162/neco.1989.1.4.541.

    Args:
        in_channels: how many channels an image has.
        out_channels: how many come out.
        kernel_size: rows and columns of the window; one number for both, or a pair, as in all that follow.
        stride: by how many rows and columns the window moves.
        padding: how many rows and columns of zeros stand around the image.
        bias: add a number to each output channel.
        rng: where the first weights come from, as `random` or a `random.Random(seed)`.
        label: what the layer is called; its parameters are ``label.weight0_0_0_0``, ..., ``label.bias0``, ...

    Attributes:
        weight: ``[out_channels][in_channels][row][column]``.
        bias: ``[out_channels]``, or None.

    Raises:
        TypeError: if `rng` is a seed, or anything else that draws no random numbers.
        ValueError: if a size is not a whole number; when called, if the image has another shape or is smaller than the
            window.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        bias: bool = True,
        rng: Any = random,
        label: str = "",
    ) -> None:
        check_size("in_channels", in_channels)
        check_size("out_channels", out_channels)
        check_rng(rng, "uniform")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.stride, self.padding = _pair("stride", stride), _pair("padding", padding, least=0)
        sizes = out_channels, in_channels, *self.kernel_size
        bound = sqrt(6 / (in_channels * self.kernel_size[0] * self.kernel_size[1]))
        self.label = label
        prefix = f"{label}." if label else ""
        self.weight = tensor(sizes, lambda: rng.uniform(-bound, bound), f"{prefix}weight")
        self.bias = tensor([out_channels], lambda: 0.0, f"{prefix}bias") if bias else None

    def forward(self, x: Any) -> Image:
        """The image ``[out_channels][row][column]`` of an image ``[in_channels][row][column]``."""
        image = _padded(_image(x, self, self.in_channels), *self.padding)
        patches = _windows(image, self)
        biases = [()] * self.out_channels if self.bias is None else [(b,) for b in self.bias]
        neurons = [((*tree_leaves(weight),), b) for weight, b in zip(self.weight, biases)]
        return [[[record(rules.dot, (*w, *patch, *b)) for patch in row] for row in patches] for w, b in neurons]

    def __repr__(self) -> str:
        padding = f", padding={self.padding}" if any(self.padding) else ""
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}{padding}{shown_bias(self.bias)}"
        return f"Conv2d({self.in_channels}, {self.out_channels}, {sizes})"


class _Pool2d(Module):
    """Each channel by itself, made smaller: one number for all that is in the window."""

    rule: rules.Rule

    def __init__(self, kernel_size: Size, stride: Size | None = None) -> None:
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else _pair("stride", stride)

    def forward(self, x: Any) -> Image:
        """The image ``[channel][row][column]``, of as many channels as the given one."""
        return [
            [[record(self.rule, (*window,)) for window in row] for row in _windows([channel], self)]
            for channel in _image(x, self)
        ]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, stride={self.stride})"


class MaxPool2d(_Pool2d):
    """The largest number in each window of each channel.

    Numbers that tie for it share the gradient evenly, as everywhere here; PyTorch gives all of it to the first.

    Args:
        kernel_size: rows and columns of the window; one number for both, or a pair.
        stride: by how many it moves; by default by its own size, so that windows do not overlap.

    Raises:
        ValueError: if a size is not a positive whole number; when called, if the input is no image, or smaller than the
            window.

    >>> [[[most]]] = MaxPool2d(2)([[[1.0, 4.0], [3.0, 2.0]]])
    >>> most.data
    4.0
    """

    rule = rules.largest


class AvgPool2d(_Pool2d):
    """The mean of each window of each channel; arguments and errors are those of `MaxPool2d`.

    >>> [[[mean]]] = AvgPool2d(2)([[[1.0, 4.0], [3.0, 2.0]]])
    >>> mean.data
    2.5
    """

    rule = rules.mean


class Flatten(Module):
    """One row of all numbers of an image, or of any nested list, in order: what a `Layer` takes.

    >>> Flatten()([[[1, 2], [3, 4]]])
    [1, 2, 3, 4]
    """

    def forward(self, x: Any) -> list[Any]:
        """The numbers in a row."""
        return list(tree_leaves(x))

    def __repr__(self) -> str:
        return "Flatten()"


def _pair(name: str, size: Any, least: int = 1) -> tuple[int, int]:
    pair = tuple(size) if is_list_like(size) else (size, size)
    if len(pair) != 2 or any(isinstance(n, bool) or not hasattr(n, "__index__") or n < least for n in pair):
        raise ValueError(f"{name} must be a whole number of at least {least}, or a pair of them, got {size!r}")
    return pair


def _image(x: Any, module: Module, channels: int | None = None) -> Image:
    """The image as Values, after a look at its shape."""
    image: Image = tree_map(as_input, x)
    sizes = shape(image)
    if sizes is None or len(sizes) != 3 or channels not in (None, sizes[0]):
        expected = f"[{channels or 'channels'}, rows, columns]"
        raise ValueError(f"{module!r} expects an image of shape {expected}, got {written(sizes)}")
    return image


def _padded(image: Image, rows: int, columns: int) -> Image:
    """The image with a border of zeros, so that there is a whole window at every place."""
    zero = Value(0.0, role="constant")
    sides = [zero] * columns
    edge = [[zero] * (len(image[0][0]) + 2 * columns)] * rows
    return [[*edge, *([*sides, *row, *sides] for row in channel), *edge] for channel in image]


def _windows(image: Image, module: Conv2d | _Pool2d) -> list[list[list[Value]]]:
    """The numbers in the window at each of its places, ``[row][column][number]``."""
    (height, width), (down, right) = module.kernel_size, module.stride
    rows, columns = len(image[0]), len(image[0][0])
    if rows < height or columns < width:
        raise ValueError(f"{module!r} expects at least {height}×{width} rows and columns, got {rows}×{columns}")
    return [
        [
            [x for channel in image for row in channel[top : top + height] for x in row[left : left + width]]
            for left in range(0, columns - width + 1, right)
        ]
        for top in range(0, rows - height + 1, down)
    ]
