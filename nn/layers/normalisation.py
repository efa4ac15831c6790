"""Normalisation: numbers shifted and scaled to mean 0 and variance 1, and then by what is learned.

`BatchNorm1d` does it to each feature over the examples of a batch, `LayerNorm` to the features of each example.

>>> [round(y.data, 3) for y in LayerNorm(3)([1.0, 2.0, 3.0])]
[-1.225, 0.0, 1.225]
>>> model = BatchNorm1d(1)
>>> [[round(y.data, 3) for y in row] for row in model.batch([[1.0], [2.0], [3.0]])]
[[-1.225], [0.0], [1.225]]
>>> model.running_mean[0].data
0.2
"""

from collections.abc import Iterable, Sequence
from sys import float_info
from typing import Any

from engine import Value, dot, mean
from engine.modes import mode
from nn.checks import check_size, inputs
from nn.layers.activations import each_row
from nn.layers.tensors import tensor
from nn.module import Module


class BatchNorm1d(Module):
    """Each feature with mean 0 and variance 1 over the batch, then ``weight · x + bias``.

    In training it takes all examples at once, ``model.batch(rows)``, and keeps running means of what it finds; after
    ``model.eval()`` it uses those, for one example or many.

    Source: Ioffe, Szegedy, 2015, https://arxiv.org/abs/1502.03167.

    Args:
        num_features: how many numbers an example has.
        eps: is added to the variance, which may be 0.
        momentum: how much of the running numbers is replaced at each batch, from 0 to 1.
        label: what it is called: its parameters are ``label.weight0``, ``label.bias0`` and so on.

    Attributes:
        weight, bias: parameters, one for each feature; 1 and 0 at first.
        running_mean, running_var, num_batches_tracked: buffers.
        latest: what `statistics` gives for the examples of the latest `batch`, while a function is recorded.

    Raises:
        ValueError: if an argument is out of range; when called in training, on one example; in `batch`, if there are
            fewer than 2.
    """

    running_mean: list[Value]
    running_var: list[Value]
    num_batches_tracked: Value
    latest: list[Value] | None = None

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, label: str = "") -> None:
        check_size("num_features", num_features)
        _check_eps(eps)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be from 0 to 1, got {momentum}")
        self.eps, self.momentum, self.label = eps, momentum, label
        prefix = f"{label}." if label else ""
        self.weight = tensor([num_features], lambda: 1.0, f"{prefix}weight")
        self.bias = tensor([num_features], lambda: 0.0, f"{prefix}bias")
        self.register_buffer("running_mean", tensor([num_features], lambda: 0.0, f"{prefix}running_mean", "input"))
        self.register_buffer("running_var", tensor([num_features], lambda: 1.0, f"{prefix}running_var", "input"))
        self.register_buffer("num_batches_tracked", 0.0)

    def forward(self, x: Any) -> list[Value]:
        """One example, by the running mean and variance."""
        if self.training:
            raise ValueError(
                f"{self!r} in training normalises over many examples, got one; write model.batch(rows), or first "
                "model.eval() to use what it has learned"
            )
        row = inputs(x, len(self.weight), self)
        return self._scaled([[v - m for v, m in zip(row, self.running_mean)]], self.running_var)[0]

    def batch(self, xs: Iterable[Any]) -> list[list[Value]]:
        """Many examples; in training by their own mean and variance.

        The running numbers are brought up to date as well, but not while a function is recorded to be compiled: there
        `latest` holds the means and variances, to be given back, and `update` is to be called with their numbers.
        """
        if not self.training:
            return [self(x) for x in xs]
        rows = self._rows(xs)
        centred, means, variances = self._moments(rows)
        if mode.get().tracing:
            vars(self)["latest"] = [*means, *variances]  # no change of what it does
        else:
            self.update([value.data for value in (*means, *variances)], len(rows))
        return self._scaled(centred, variances)

    def statistics(self, xs: Iterable[Any]) -> list[Value]:
        """The mean of each feature over the examples, and then the variance of each, as ``batch`` divides by it."""
        _, means, variances = self._moments(self._rows(xs))
        return [*means, *variances]

    def update(self, numbers: Sequence[float], examples: int) -> None:
        """Bring the running mean and variance up to date.

        Args:
            numbers: what `statistics` gave, as floats.
            examples: of how many; the running variance is the one with ``examples - 1`` in the denominator.

        Raises:
            ValueError: if there are not two numbers for each feature, or fewer than 2 examples.
        """
        features = len(self.weight)
        if len(numbers) != 2 * features:
            raise ValueError(f"{self!r} expects {features} means and {features} variances, got {len(numbers)} numbers")
        self._check_examples(examples)
        unbiased = [variance * examples / (examples - 1) for variance in numbers[features:]]
        for running, number in zip((*self.running_mean, *self.running_var), (*numbers[:features], *unbiased)):
            running.data = (1 - self.momentum) * running.data + self.momentum * number
        self.num_batches_tracked.data += 1

    def _rows(self, xs: Iterable[Any]) -> list[list[Value]]:
        rows = [inputs(x, len(self.weight), self) for x in xs]
        self._check_examples(len(rows))
        return rows

    def _check_examples(self, examples: int) -> None:
        if examples < 2:
            raise ValueError(
                f"{self!r} in training expects at least 2 examples, got {examples}: the variance of one is 0; write "
                "model.batch(rows) of more, or first model.eval()"
            )

    def _moments(self, rows: list[list[Value]]) -> tuple[list[list[Value]], list[Value], list[Value]]:
        """The rows less the mean of each feature, the means, and the variances."""
        means = [mean(column) for column in zip(*rows)]
        centred = [[v - m for v, m in zip(row, means)] for row in rows]
        return centred, means, [dot(column, column) / len(rows) for column in zip(*centred)]

    def _scaled(self, centred: list[list[Value]], variances: list[Value]) -> list[list[Value]]:
        scales = [w / (variance + self.eps).sqrt() for w, variance in zip(self.weight, variances)]
        return [[dot([v], [scale], b) for v, scale, b in zip(row, scales, self.bias)] for row in centred]

    def __repr__(self) -> str:
        return f"BatchNorm1d({len(self.weight)})"


class LayerNorm(Module):
    """A row with mean 0 and variance 1, then ``weight · x + bias``; of rows in a list, each.

    Source: Ba et al., 2016, https://arxiv.org/abs/1607.06450.

    Args:
        normalized_shape: how many numbers a row has.
        eps: is added to the variance, which may be 0.
        elementwise_affine: whether there are a weight and a bias; without, the attributes are None.
        label: as in `BatchNorm1d`.

    Raises:
        ValueError: if an argument is out of range; when called, if a row has not so many numbers.
    """

    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, label: str = ""
    ) -> None:
        check_size("normalized_shape", normalized_shape)
        _check_eps(eps)
        self.normalized_shape, self.eps, self.label = normalized_shape, eps, label
        prefix = f"{label}." if label else ""
        self.weight = tensor([normalized_shape], lambda: 1.0, f"{prefix}weight") if elementwise_affine else None
        self.bias = tensor([normalized_shape], lambda: 0.0, f"{prefix}bias") if elementwise_affine else None

    def forward(self, x: Any) -> list[Any]:
        """The rows, in lists nested as those given."""
        return each_row(self._normalised, x)

    def _normalised(self, row: list[Value]) -> list[Value]:
        xs = inputs(row, self.normalized_shape, self)
        middle = mean(xs)
        centred = [v - middle for v in xs]
        root = (dot(centred, centred) / len(xs) + self.eps).sqrt()
        normal = [v / root for v in centred]
        if self.weight is None or self.bias is None:
            return normal
        return [dot([w], [v], b) for w, v, b in zip(self.weight, normal, self.bias)]

    def __repr__(self) -> str:
        return f"LayerNorm({self.normalized_shape})"


class RMSNorm(Module):
    """A row divided by the root of the mean of its squares, then times ``weight``; of rows in a list, each.

    Source: Zhang, Sennrich, 2019, https://arxiv.org/abs/1910.07467.

    Args:
        normalized_shape: how many numbers a row has.
        eps: is added to the mean of the squares, which may be 0; as it is in PyTorch, the precision of floats.
        elementwise_affine: whether there is a weight; without, the attribute is None.
        label: as in `BatchNorm1d`.

    Raises:
        ValueError: as in `LayerNorm`.
    """

    def __init__(
        self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True, label: str = ""
    ) -> None:
        check_size("normalized_shape", normalized_shape)
        self.eps = float_info.epsilon if eps is None else eps
        _check_eps(self.eps)
        self.normalized_shape, self.label = normalized_shape, label
        prefix = f"{label}." if label else ""
        self.weight = tensor([normalized_shape], lambda: 1.0, f"{prefix}weight") if elementwise_affine else None

    def forward(self, x: Any) -> list[Any]:
        """The rows, in lists nested as those given."""
        return each_row(self._normalised, x)

    def _normalised(self, row: list[Value]) -> list[Value]:
        xs = inputs(row, self.normalized_shape, self)
        root = (dot(xs, xs) / len(xs) + self.eps).sqrt()
        normal = [v / root for v in xs]
        return normal if self.weight is None else [w * v for w, v in zip(self.weight, normal)]

    def __repr__(self) -> str:
        return f"RMSNorm({self.normalized_shape})"


def _check_eps(eps: float) -> None:
    if not eps > 0:
        raise ValueError(f"eps must be above 0, got {eps}: it keeps the quotient finite where the variance is 0")
