"""Layers that look at an image, or a series, through a small window: convolution and pooling.

An image is a nested list ``[channel][row][column]``, and a series ``[channel][position]``, as input and as output.

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
from math import prod, sqrt
from typing import Any

from engine import Rule, Value, nary_rules
from engine.utils.conversion import as_integer
from engine.utils.nested import is_list_like, tree_leaves, tree_map
from engine.value import record
from nn.checks import check_integer, check_rng
from nn.layers.activations import as_input
from nn.layers.dense import bias_repr
from nn.module import Module
from nn.tensors import format_shape, shape, tensor

Pair = tuple[int, int]
Size = int | Pair  # for both directions, or for rows and for columns
Image = list[list[list[Value]]]


class _Conv(Module):
    """The same few neurons at every position; a subclass says what a window is."""

    kernel_size: Any
    stride: Any
    padding: Any

    def __init__(
        self, in_channels: int, out_channels: int, window: tuple[int, ...], bias: bool, rng: Any, label: str
    ) -> None:
        self.in_channels = check_integer("in_channels", in_channels)
        self.out_channels = check_integer("out_channels", out_channels)
        check_rng(rng, "uniform")
        bound = sqrt(6 / (self.in_channels * prod(window)))
        self.label = label
        prefix = f"{label}." if label else ""
        sizes = self.out_channels, self.in_channels, *window
        self.weight = tensor(sizes, lambda: rng.uniform(-bound, bound), f"{prefix}weight")
        self.bias = tensor([self.out_channels], lambda: 0.0, f"{prefix}bias") if bias else None

    def _convolve(self, image: Image, window: Pair, stride: Pair, padding: Pair) -> Image:
        """A `dot` node for each position of the window in the image and its border of zeros."""
        patches = _unfold(_pad(image, *padding), self, window, stride)
        biases = [()] * self.out_channels if self.bias is None else [(b,) for b in self.bias]
        neurons = [((*tree_leaves(weight),), b) for weight, b in zip(self.weight, biases)]
        return [[[record(nary_rules.dot, (*w, *patch, *b)) for patch in row] for row in patches] for w, b in neurons]

    def __repr__(self) -> str:
        padding = f", padding={self.padding}" if self.padding not in (0, (0, 0)) else ""
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}{padding}{bias_repr(self.bias)}"
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, {sizes})"


class Conv2d(_Conv):
    """The same few neurons at every position in an image: each sees a window of all channels, and makes one channel.

    At each position the output is ``w · window + b``, one `dot` node. The window stays inside the image and its border
    of `padding` zeros. The weights for a window of n numbers start like those of a `Neuron` with relu, uniformly from
    ±√(6 / n); the bias starts at 0.

    Source: Y. LeCun et al., 1989, https://doi.org/10.1162/neco.1989.1.4.541.

    Args:
        in_channels: how many channels an input has.
        out_channels: how many channels an output has.
        kernel_size: the rows and columns of the window; one number for both, or a pair, as with the next two.
        stride: how many rows and columns the window moves by.
        padding: how many rows and columns of zeros surround the image.
        bias: add a learned number to each output channel.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the layer; its parameters are ``label.weight0_0_0_0``, ..., ``label.bias0``, ...

    Attributes:
        weight: ``[out_channels][in_channels][row][column]``.
        bias: ``[out_channels]``, or None.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if a size is not a whole number; when called with an image of another shape, or one smaller than
            the window.
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
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.stride, self.padding = _pair("stride", stride), _pair("padding", padding, least=0)
        super().__init__(in_channels, out_channels, self.kernel_size, bias, rng, label)

    def forward(self, x: Any) -> Image:
        """From an image ``[in_channels][row][column]`` to an image ``[out_channels][row][column]``."""
        image = _check_image(x, self, self.in_channels)
        return self._convolve(image, self.kernel_size, self.stride, self.padding)


class Conv1d(_Conv):
    """The same along a series, such as a sound or a text of embedded words: each window has all channels.

    Source: A. Waibel et al., 1989, https://doi.org/10.1109/29.21701.

    Args:
        in_channels: how many channels an input has.
        out_channels: how many channels an output has.
        kernel_size: how many positions the window has.
        stride: how many positions it moves by.
        padding: how many zeros surround the series at each end.
        bias: as in `Conv2d`.
        rng: as in `Conv2d`.
        label: as in `Conv2d`.

    Attributes:
        weight: ``[out_channels][in_channels][position]``.
        bias: ``[out_channels]``, or None.

    Raises:
        TypeError, ValueError: as in `Conv2d`, of a series instead of an image.

    >>> maps = Conv1d(1, 2, kernel_size=3)([[0.0, 1.0, 0.0, -1.0, 0.0]])
    >>> len(maps), len(maps[0])
    (2, 3)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        rng: Any = random,
        label: str = "",
    ) -> None:
        self.kernel_size = check_integer("kernel_size", kernel_size)
        self.stride, self.padding = check_integer("stride", stride), check_integer("padding", padding, least=0)
        super().__init__(in_channels, out_channels, (self.kernel_size,), bias, rng, label)

    def forward(self, x: Any) -> list[list[Value]]:
        """From a series ``[in_channels][position]`` to a series ``[out_channels][position]``."""
        series = tree_map(as_input, x)
        sizes = shape(series)
        if sizes is None or len(sizes) != 2 or sizes[0] != self.in_channels:
            expected = f"[{self.in_channels}, positions]"
            raise ValueError(f"{self!r} expects a series of shape {expected}, got {format_shape(sizes)}")
        image = [[channel] for channel in series]  # of one row
        return [row for [row] in self._convolve(image, (1, self.kernel_size), (1, self.stride), (0, self.padding))]


class _Pool2d(Module):
    """Each channel on its own, made smaller: the numbers in a window become one."""

    rule: Rule

    def __init__(self, kernel_size: Size, stride: Size | None = None) -> None:
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else _pair("stride", stride)

    def forward(self, x: Any) -> Image:
        """An image ``[channel][row][column]``, with as many channels as the input."""
        return [
            [
                [record(self.rule, (*window,)) for window in row]
                for row in _unfold([channel], self, self.kernel_size, self.stride)
            ]
            for channel in _check_image(x, self)
        ]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, stride={self.stride})"


class MaxPool2d(_Pool2d):
    """The largest number in each window of each channel.

    Numbers that tie share the gradient equally, as they do throughout this library; PyTorch gives all of it to the
    first.

    Args:
        kernel_size: the rows and columns of the window; one number for both, or a pair.
        stride: how many rows and columns it moves by; by default its own size, so that windows do not overlap.

    Raises:
        ValueError: if a size is not a positive whole number; when called with something that is not an image, or is
            smaller than the window.

    >>> [[[maximum]]] = MaxPool2d(2)([[[1.0, 4.0], [3.0, 2.0]]])
    >>> maximum.data
    4.0
    """

    rule = nary_rules.largest


class AvgPool2d(_Pool2d):
    """The mean of each window of each channel; the arguments and errors are those of `MaxPool2d`.

    >>> [[[mean]]] = AvgPool2d(2)([[[1.0, 4.0], [3.0, 2.0]]])
    >>> mean.data
    2.5
    """

    rule = nary_rules.mean


class Flatten(Module):
    """All numbers of an image, or of any nested list, in one row: what a `Layer` takes.

    >>> Flatten()([[[1, 2], [3, 4]]])
    [1, 2, 3, 4]
    """

    def forward(self, x: Any) -> list[Any]:
        """The numbers in order."""
        return list(tree_leaves(x))

    def __repr__(self) -> str:
        return "Flatten()"


def _pair(name: str, size: Any, least: int = 1) -> Pair:
    pair = tuple(size) if is_list_like(size) else (size, size)
    sizes = [n for n in map(as_integer, pair) if n is not None and n >= least]
    if not len(pair) == len(sizes) == 2:
        raise ValueError(f"{name} must be a whole number of at least {least}, or a pair of them, got {size!r}")
    return sizes[0], sizes[1]


def _check_image(x: Any, module: Module, channels: int | None = None) -> Image:
    """The image as Values, once its shape has been checked."""
    image: Image = tree_map(as_input, x)
    sizes = shape(image)
    if sizes is None or len(sizes) != 3 or channels not in (None, sizes[0]):
        expected = f"[{channels or 'channels'}, rows, columns]"
        raise ValueError(f"{module!r} expects an image of shape {expected}, got {format_shape(sizes)}")
    return image


def _pad(image: Image, rows: int, columns: int) -> Image:
    """The image with a border of zeros."""
    zero = Value(0.0, role="constant")
    sides = [zero] * columns
    edge = [[zero] * (len(image[0][0]) + 2 * columns)] * rows
    return [[*edge, *([*sides, *row, *sides] for row in channel), *edge] for channel in image]


def _unfold(image: Image, module: Module, window: Pair, stride: Pair) -> list[list[list[Value]]]:
    """The numbers that the window sees at each of its positions, ``[row][column][number]``."""
    (height, width), (down, right) = window, stride
    rows, columns = len(image[0]), len(image[0][0])
    if rows < height or columns < width:
        if isinstance(module, Conv1d):
            raise ValueError(f"{module!r} expects at least {width} positions, got {columns}")
        raise ValueError(f"{module!r} expects at least {height} x {width} rows and columns, got {rows} x {columns}")
    return [
        [
            [x for channel in image for row in channel[top : top + height] for x in row[left : left + width]]
            for left in range(0, columns - width + 1, right)
        ]
        for top in range(0, rows - height + 1, down)
    ]
