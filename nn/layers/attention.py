"""Attention: rows that look at one another, which is what a transformer has in place of a memory.

>>> import random
>>> attention = CausalSelfAttention(4, heads=2, rng=random.Random(0))
>>> rows = attention([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
>>> len(rows), len(rows[0])
(3, 4)

`MultiheadAttention` looks at a source, such as a sentence to translate, and says how much at each of its rows:

>>> attention = MultiheadAttention(4, 2, rng=random.Random(0))
>>> source = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
>>> output, weights = attention([[0.0, 0.0, 1.0, 0.0]], source, source)
>>> len(output), len(weights[0]), round(sum(w.data for w in weights[0]), 6)
(1, 2, 1.0)
"""

import random
from collections.abc import Callable
from functools import partial
from math import inf, sqrt
from typing import Any

from engine import Value, dot, mean, softmax, where
from engine.modes import mode
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_leaves, tree_map
from nn.checks import check_inputs, check_integer, check_rng, is_number
from nn.layers.dense import Linear, bias_repr
from nn.module import Module
from nn.tensors import format_shape, shape, tensor

Rows = list[list[Value]]


class CausalSelfAttention(Module):
    """Each row of a sequence gathers information from itself and the rows before it, mostly from those that match it.

    Every row is turned into a query, a key and a value. A score says how well the query of one row matches the key of
    another: their dot product, divided by the square root of their length so that it does not grow with the length.
    Softmax turns the scores into attention weights, and the values are averaged with these weights. Each head does this
    on its own, with its own part of the queries, keys and values. No row sees the rows after it, so the next row can be
    predicted at every position at once.

    Source: A. Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Args:
        width: how many numbers are in a row.
        heads: how many heads the width is divided among.
        bias: whether its four `Linear` layers have a bias.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the layer.

    Attributes:
        query, key, value: from a row to what it looks for, what it is found by, and what it passes on.
        project: from what all the heads gathered to a row of the output.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers.
        ValueError: if a size is not a positive whole number, or the width is not a multiple of the number of heads;
            when called with anything but rows of that width.
    """

    def __init__(self, width: int, heads: int, bias: bool = False, rng: Any = random, label: str = "") -> None:
        width, heads = check_integer("width", width), check_integer("heads", heads)
        if width % heads:
            raise ValueError(f"heads must divide the width, got width={width} and heads={heads}")
        self.width, self.heads = width, heads
        self.label = label
        prefix = f"{label}." if label else ""
        self.query = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}query")
        self.key = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}key")
        self.value = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}value")
        self.project = Linear(width, width, bias=bias, rng=rng, label=f"{prefix}project")

    def forward(self, x: Any) -> Rows:
        """One row for each row of `x`, which is a list of rows."""
        rows = _rows(self, "rows", x)
        queries, keys, values = (layer.batch(rows) for layer in (self.query, self.key, self.value))
        gathered, _ = _attend(queries, keys, values, self.heads, lambda t, s: s > t)
        return self.project.batch(gathered)

    def __repr__(self) -> str:
        return f"CausalSelfAttention({self.width}, heads={self.heads})"


class MultiheadAttention(Module):
    """Each query gathers information from the rows of a source, mostly from those whose keys match it.

    With the same rows as query, key and value it is self-attention. The computation is that of `CausalSelfAttention`,
    with masks instead of an order: what a mask leaves out gets the weight 0.

    Source: A. Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Args:
        embed_dim: how many numbers are in a query, and in an output.
        num_heads: how many heads these numbers are divided among.
        bias: whether there are biases.
        kdim: how many numbers are in a key; `embed_dim` by default.
        vdim: how many numbers are in a value; `embed_dim` by default.
        rng: the source of the initial weights, `random` or a `random.Random(seed)`.
        label: the name of the layer.

    Attributes:
        in_proj_weight: ``[3 * embed_dim][embed_dim]``, the rows for queries, then for keys, then for values. If `kdim`
            or `vdim` differs, there are ``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight`` instead.
        in_proj_bias: ``[3 * embed_dim]``, or None.
        out_proj: the `Linear` from what all heads gathered to a row of the output.

    Raises:
        TypeError: if `rng` is a seed, or anything else that cannot draw random numbers; when called with a mask that
            holds anything but numbers, True and False.
        ValueError: if a size is not a positive whole number, or `embed_dim` is not a multiple of `num_heads`; when
            called with rows of another size, with a mask of another shape, or one that leaves a query nothing.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        rng: Any = random,
        label: str = "",
    ) -> None:
        self.embed_dim, self.num_heads = check_integer("embed_dim", embed_dim), check_integer("num_heads", num_heads)
        if self.embed_dim % self.num_heads:
            raise ValueError(f"num_heads must divide embed_dim, got embed_dim={embed_dim} and num_heads={num_heads}")
        self.kdim = self.embed_dim if kdim is None else check_integer("kdim", kdim)
        self.vdim = self.embed_dim if vdim is None else check_integer("vdim", vdim)
        check_rng(rng, "uniform")
        self.label = label
        prefix, n = f"{label}." if label else "", self.embed_dim
        shapes = {"in_proj_weight": [3 * n, n]}
        if not self.kdim == self.vdim == n:
            shapes = {"q_proj_weight": [n, n], "k_proj_weight": [n, self.kdim], "v_proj_weight": [n, self.vdim]}
        for name, sizes in shapes.items():
            bound = sqrt(6 / sum(sizes))
            draw = partial(rng.uniform, -bound, bound)
            setattr(self, name, tensor(sizes, draw, prefix + name))
        self.in_proj_bias = tensor([3 * n], lambda: 0.0, f"{prefix}in_proj_bias") if bias else None
        self.out_proj = Linear(n, n, bias=bias, rng=rng, label=f"{prefix}out_proj")

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
    ) -> tuple[Rows, Any]:
        """The output, one row for each query, and the attention weights, ``[query][key]``.

        Args:
            query: a list of rows.
            key: a list of rows.
            value: a row for each key.
            key_padding_mask: for each key whether it is padding, to be left out: True or False, or 1 or 0, which a
                compiled function can take as inputs.
            need_weights: whether to return the weights; if not, None stands in their place.
            attn_mask: ``[query][key]``: True where a query must not look at a key; a number is added to the score.
            average_attn_weights: whether to return the mean over the heads; if not, ``[head][query][key]``.
        """
        rows = [_rows(self, name, x) for name, x in {"queries": query, "keys": key, "values": value}.items()]
        queries, keys, values = self._project(rows)
        if len(keys) != len(values):
            raise ValueError(f"{self!r} expects a value for each of {len(keys)} keys, got {len(values)}")
        masks = _masks(self, key_padding_mask, attn_mask, len(queries), len(keys))
        gathered, weights = _attend(queries, keys, values, self.num_heads, *masks)
        output = self.out_proj.batch(gathered)
        if not need_weights:
            return output, None
        if not average_attn_weights:
            return output, weights
        return output, [[mean(heads) for heads in zip(*row)] for row in zip(*weights)]

    def _project(self, inputs: list[Any]) -> list[Rows]:
        n = self.embed_dim
        if hasattr(self, "in_proj_weight"):
            weights = [self.in_proj_weight[i * n : (i + 1) * n] for i in range(3)]
        else:
            weights = [getattr(self, f"{letter}_proj_weight") for letter in "qkv"]
        projected = []
        for i, (weight, rows) in enumerate(zip(weights, inputs)):
            biases = [None] * n if self.in_proj_bias is None else self.in_proj_bias[i * n : (i + 1) * n]
            checked = [check_inputs(row, len(weight[0]), self) for row in rows]
            projected.append([[dot(w, row, b) for w, b in zip(weight, biases)] for row in checked])
        return projected

    def __repr__(self) -> str:
        sizes = {name: getattr(self, name) for name in ("kdim", "vdim") if getattr(self, name) != self.embed_dim}
        options = "".join(f", {name}={size}" for name, size in sizes.items())
        return f"MultiheadAttention({self.embed_dim}, {self.num_heads}{bias_repr(self.in_proj_bias)}{options})"


def _rows(module: Module, name: str, x: Any) -> list[Any]:
    rows = list(x) if is_list_like(x) else [x]
    if not rows or not all(map(is_list_like, rows)):
        raise ValueError(
            f"{module!r} expects a list of {name}, got {'numbers' if rows else 'none'}; write a single row as [row]"
        )
    return rows


_LEFT_OUT = -1e300  # as a score: its weight is exactly 0 beside any other score, and nothing is infinite


def _attend(
    queries: Rows, keys: Rows, values: Rows, heads: int, left_out: Callable[[int, int], Any], added: Any = None
) -> tuple[Rows, list[list[list[Value]]]]:
    """What each query gathers, all heads in one row, and the weights, ``[head][query][key]``.

    Args:
        queries, keys, values: rows, of `heads` parts each.
        heads: how many parts.
        left_out: whether a query must not look at a key, given their positions; a Value says it later, if it is not 0.
        added: ``[query][key]``, numbers or Values to add to the scores, or None.
    """
    gathered: Rows = [[] for _ in queries]
    weights: list[list[list[Value]]] = []
    size = len(queries[0]) // heads
    for start in range(0, len(queries[0]), size):
        head = slice(start, start + size)
        weights.append([])
        for t, query in enumerate(queries):
            scores: dict[int, Any] = {}
            for s, key in enumerate(keys):
                absent = left_out(t, s)
                if absent is not True:
                    score = dot(query[head], key[head]) / sqrt(size)
                    score = score if added is None else score + added[t][s]
                    scores[s] = where(absent, _LEFT_OUT, score) if isinstance(absent, Value) else score
            given = dict(zip(scores, softmax(scores.values())))
            gathered[t] += [dot(given.values(), column) for column in zip(*(values[s][head] for s in scores))]
            weights[-1].append([given.get(s, Value(0.0, role="constant")) for s in range(len(keys))])
    return gathered, weights


def _masks(module: Module, padding: Any, mask: Any, queries: int, keys: int) -> tuple[Callable[[int, int], Any], Any]:
    """The masks as `_attend` takes them, once they have been checked."""
    padded: list[Any] = [False] * keys
    if padding is not None:
        padded = [_flag("key_padding_mask", x) for x in _check_mask(module, "key_padding_mask", padding, (keys,))]
    table = [[False] * keys] * queries
    if mask is not None:
        table = _check_mask(module, "attn_mask", mask, (queries, keys))
    closed = [[x is True or _is_minus_infinity(x) for x in row] for row in table]
    for t, row in enumerate(closed):
        if all(x or y is True for x, y in zip(row, padded)):
            raise ValueError(f"the masks leave query {t} no key to look at; at least one must remain")
    numbers = [[0.0 if x is True or x is False or _is_minus_infinity(x) else x for x in row] for row in table]
    return lambda t, s: closed[t][s] or padded[s], numbers if any(map(any, numbers)) else None


def _check_mask(module: Module, name: str, mask: Any, sizes: tuple[int, ...]) -> Any:
    """A mask as a nested list of these sizes, of Python's True and False, numbers and Values."""
    given = tree_map(lambda x: bool(x) if type(x).__name__ in ("bool", "bool_") else x, mask)
    if shape(given) != sizes:
        raise ValueError(f"{module!r} expects {name} of shape {list(sizes)}, got {format_shape(shape(given))}")
    for x in tree_leaves(given):
        if not isinstance(x, (bool, Value)) and not is_number(x):
            raise TypeError(f"{name} holds True, False or numbers, got {brief(x)}")
    return given


def _flag(name: str, x: Any) -> Any:
    """True, False, or a Value: what a mask of True and False, or 1 and 0, says of one key."""
    if isinstance(x, Value) and mode.get().tracing:
        return x
    number = x.data if isinstance(x, Value) else x
    if number not in (0, 1):
        raise ValueError(f"{name} holds True, False, 1 or 0, got {brief(x)}; scores to add belong in attn_mask")
    return bool(number)


def _is_minus_infinity(x: Any) -> bool:
    return not isinstance(x, Value) and x == -inf
