"""Sequences of different lengths, such as texts, brought to the same length, so that one recording fits them all.

>>> X = pad_sequence([[3, 1], [4, 1, 5], [9]])
>>> X
[[3, 1, 0], [4, 1, 5], [9, 0, 0]]
>>> lengths = [2, 3, 1]

What the padding says is to be left out again: `GRU` and `LSTM` take a length, `MultiheadAttention` a key_padding_mask,
`Embedding` and `EmbeddingBag` a padding_idx, `cross_entropy` an ignore_index, and `mse_loss` weights.
"""

from collections.abc import Iterable
from typing import Any

from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_map
from nn.tensors import shape


def pad_sequence(sequences: Iterable[Any], padding_value: float = 0) -> list[list[Any]]:
    """Lists as long as the longest of them, with padding at their ends: PyTorch's with ``batch_first=True``.

    Args:
        sequences: lists of numbers, or of rows of numbers, which are padded with whole rows.
        padding_value: what to pad with.

    Raises:
        TypeError: if one of them is not a list.
        ValueError: if there are none, or all are empty, or their rows differ in length.

    >>> pad_sequence([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], padding_value=-1.0)
    [[[1.0, 2.0], [-1.0, -1.0]], [[3.0, 4.0], [5.0, 6.0]]]
    """
    lists = []
    for i, sequence in enumerate(sequences):
        if not is_list_like(sequence):
            raise TypeError(f"pad_sequence takes a list of sequences, got {brief(sequence)} as number {i}")
        lists.append(list(sequence))
    items = [item for sequence in lists for item in sequence]
    if not items:
        raise ValueError("pad_sequence takes at least one sequence that is not empty, got none")
    shapes = {shape(item) for item in items}
    if len(shapes) > 1 or None in shapes:
        raise ValueError(f"pad_sequence takes rows of the same length, got {sorted(map(str, shapes))}")
    longest = max(map(len, lists))

    def padding() -> Any:
        return tree_map(lambda _: padding_value, items[0])

    return [sequence + [padding() for _ in range(longest - len(sequence))] for sequence in lists]
