"""Normalization: numbers shifted and scaled to mean 0 and variance 1, then by a learned weight and bias.

`BatchNorm1d` normalizes each feature over the examples of a batch, `LayerNorm` the features of each example.

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
from engine.utils.arguments import several
from nn.checks import check_above_0, check_inputs, check_integer, check_number
from nn.layers.activations import map_rows
from nn.module import Module
from nn.tensors import tensor


class BatchNorm1d(Module):
    """Normalize each feature to mean 0 and variance 1 over the batch, then apply ``weight · x + bias``.

    In training it takes all examples at once, ``model.batch(rows)``, and keeps running averages of their means and
    variances; after ``model.eval()`` it uses those instead, for one example or many.

    Source: Ioffe, Szegedy, 2015, https://arxiv.org/abs/1502.03167.

    Args:
        num_features: how many numbers an example has.
        eps: added to the variance, which may be 0; it must be above 0.
        momentum: the share of the running averages that each batch replaces, from 0 to 1; None for the plain average
            of all batches so far.
        label: its name: the parameters are ``label.weight0``, ``label.bias0`` and so on.

    Attributes:
        weight, bias: parameters, one for each feature; 1 and 0 at first.
        running_mean, running_var, num_batches_tracked: buffers.
        latest: the `statistics` of the latest `batch`, while a function is being recorded for compile.

    Raises:
        ValueError: if an argument is out of range; when called with one example in training; from `batch`, if there
            are fewer than 2 examples.
    """

    running_mean: list[Value]
    running_var: list[Value]
    num_batches_tracked: Value
    latest: list[Value] | None = None

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, label: str = "") -> None:
        num_features = check_integer("num_features", num_features)
        check_above_0("eps", eps)
        if momentum is not None:
            check_number("momentum", momentum, lambda x: 0 <= x <= 1, "from 0 to 1, or None")
        self.eps, self.momentum, self.label = eps, momentum, label
        prefix = f"{label}." if label else ""
        self.weight = tensor([num_features], lambda: 1.0, f"{prefix}weight")
        self.bias = tensor([num_features], lambda: 0.0, f"{prefix}bias")
        self.register_buffer("running_mean", tensor([num_features], lambda: 0.0, f"{prefix}running_mean", "input"))
        self.register_buffer("running_var", tensor([num_features], lambda: 1.0, f"{prefix}running_var", "input"))
        self.register_buffer("num_batches_tracked", 0.0)

    def forward(self, x: Any) -> list[Value]:
        """Normalize one example by the running mean and variance."""
        if self.training:
            raise ValueError(
                f"{self!r} in training normalizes over many examples, got one; write model.batch(rows), or call "
                "model.eval() first, to use the running mean and variance"
            )
        row = check_inputs(x, len(self.weight), self)
        return self._scale_and_shift([[v - m for v, m in zip(row, self.running_mean)]], self.running_var)[0]

    def batch(self, xs: Iterable[Any]) -> list[list[Value]]:
        """Normalize many examples; in training, by their own mean and variance.

        This also updates the running averages, except while a function is being recorded for compile: then `latest`
        holds the means and variances, which the function must return for `update` to be called with their numbers.
        """
        if not self.training:
            return [self(x) for x in several("batch", xs, "model.batch([x1, x2])")]
        rows = self._check_rows(xs)
        centred, means, variances = self._moments(rows)
        if mode.get().tracing:
            vars(self)["latest"] = [*means, *variances]  # not through __setattr__: the module still behaves the same
        else:
            self.update([value.data for value in (*means, *variances)], len(rows))
        return self._scale_and_shift(centred, variances)

    def statistics(self, xs: Iterable[Any]) -> list[Value]:
        """The means of the features over the examples, followed by the variances that `batch` divides by."""
        _, means, variances = self._moments(self._check_rows(xs))
        return [*means, *variances]

    def update(self, numbers: Sequence[float], examples: int) -> None:
        """Update the running mean and variance.

        Args:
            numbers: what `statistics` returned, as floats.
            examples: for how many examples; the running variance is the one with ``examples - 1`` in the denominator.

        Raises:
            ValueError: if there are not exactly two numbers for each feature, or there are fewer than 2 examples.
        """
        features = len(self.weight)
        if len(numbers) != 2 * features:
            raise ValueError(f"{self!r} expects {features} means and {features} variances, got {len(numbers)} numbers")
        self._check_examples(examples)
        unbiased = [variance * examples / (examples - 1) for variance in numbers[features:]]
        self.num_batches_tracked.data += 1
        share = 1 / self.num_batches_tracked.data if self.momentum is None else self.momentum
        for running, number in zip((*self.running_mean, *self.running_var), (*numbers[:features], *unbiased)):
            running.data = (1 - share) * running.data + share * number

    def _check_rows(self, xs: Iterable[Any]) -> list[list[Value]]:
        examples = several("batch", xs, "model.batch([x1, x2])")
        rows = [check_inputs(x, len(self.weight), self) for x in examples]
        self._check_examples(len(rows))
        return rows

    def _check_examples(self, examples: int) -> None:
        if examples < 2:
            raise ValueError(
                f"{self!r} in training expects at least 2 examples, got {examples}: the variance of a single one is 0; "
                "write model.batch(rows) with more rows, or call model.eval() first"
            )

    def _moments(self, rows: list[list[Value]]) -> tuple[list[list[Value]], list[Value], list[Value]]:
        """The rows with the mean of each feature subtracted; the means; the variances."""
        means = [mean(column) for column in zip(*rows)]
        centred = [[v - m for v, m in zip(row, means)] for row in rows]
        return centred, means, [dot(column, column) / len(rows) for column in zip(*centred)]

    def _scale_and_shift(self, centred: list[list[Value]], variances: list[Value]) -> list[list[Value]]:
        scales = [w / (variance + self.eps).sqrt() for w, variance in zip(self.weight, variances)]
        return [[dot([v], [scale], b) for v, scale, b in zip(row, scales, self.bias)] for row in centred]

    def __repr__(self) -> str:
        return f"BatchNorm1d({len(self.weight)})"


class LayerNorm(Module):
    """Normalize a row, or each row of a list, to mean 0 and variance 1, then apply ``weight · x + bias``.

    Source: Ba et al., 2016, https://arxiv.org/abs/1607.06450.

    Args:
        normalized_shape: how many numbers a row has.
        eps: added to the variance, which may be 0; it must be above 0.
        elementwise_affine: whether there are a weight and a bias; if not, the attributes are None.
        label: as in `BatchNorm1d`.

    Raises:
        ValueError: if an argument is out of range; when called with a row of another length.
    """

    def __init__(
        self, normalized_shape: int, eps: float = 1e-5, elementwise_affine: bool = True, label: str = ""
    ) -> None:
        normalized_shape = check_integer("normalized_shape", normalized_shape)
        check_above_0("eps", eps)
        self.normalized_shape, self.eps, self.label = normalized_shape, eps, label
        prefix = f"{label}." if label else ""
        self.weight = tensor([normalized_shape], lambda: 1.0, f"{prefix}weight") if elementwise_affine else None
        self.bias = tensor([normalized_shape], lambda: 0.0, f"{prefix}bias") if elementwise_affine else None

    def forward(self, x: Any) -> list[Any]:
        """The normalized rows, in the shape of the input."""
        return map_rows(self._normalise_row, x)

    def _normalise_row(self, row: list[Value]) -> list[Value]:
        xs = check_inputs(row, self.normalized_shape, self)
        average = mean(xs)
        centred = [v - average for v in xs]
        deviation = (dot(centred, centred) / len(xs) + self.eps).sqrt()
        normal = [v / deviation for v in centred]
        if self.weight is None or self.bias is None:
            return normal
        return [dot([w], [v], b) for w, v, b in zip(self.weight, normal, self.bias)]

    def __repr__(self) -> str:
        return f"LayerNorm({self.normalized_shape})"


class RMSNorm(Module):
    """Divide a row, or each row of a list, by its root mean square, then multiply by ``weight``.

    Source: Zhang, Sennrich, 2019, https://arxiv.org/abs/1910.07467.

    Args:
        normalized_shape: how many numbers a row has.
        eps: added to the mean square, which may be 0; by default, as in PyTorch, the machine epsilon.
        elementwise_affine: whether there is a weight; if not, the attribute is None.
        label: as in `BatchNorm1d`.

    Raises:
        ValueError: as in `LayerNorm`.
    """

    def __init__(
        self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True, label: str = ""
    ) -> None:
        normalized_shape = check_integer("normalized_shape", normalized_shape)
        self.eps = float_info.epsilon if eps is None else eps
        check_above_0("eps", self.eps)
        self.normalized_shape, self.label = normalized_shape, label
        prefix = f"{label}." if label else ""
        self.weight = tensor([normalized_shape], lambda: 1.0, f"{prefix}weight") if elementwise_affine else None

    def forward(self, x: Any) -> list[Any]:
        """The normalized rows, in the shape of the input."""
        return map_rows(self._normalise_row, x)

    def _normalise_row(self, row: list[Value]) -> list[Value]:
        xs = check_inputs(row, self.normalized_shape, self)
        rms = (dot(xs, xs) / len(xs) + self.eps).sqrt()
        normal = [v / rms for v in xs]
        return normal if self.weight is None else [w * v for w, v in zip(self.weight, normal)]

    def __repr__(self) -> str:
        return f"RMSNorm({self.normalized_shape})"
