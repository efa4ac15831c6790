"""Saliency: which parts of an input a score depends on, by one backward pass.

>>> from engine import Value
>>> saliency(lambda x: x[0] * x[1] + 5 * x[2], [2.0, 3.0, 1.0])
[3.0, 2.0, 5.0]

A text needs one step more, because the index of a word has no derivative: begin with the rows that the indices stand
for.

>>> import random
>>> from nn import Embedding, Flatten, Linear, Sequential
>>> model = Sequential(Embedding(9, 2, rng=random.Random(0)), Flatten(), Linear(6, 1, rng=random.Random(0)))
>>> by_row = saliency(model[1:], model[0]([4, 7, 1]), times_input=True)
>>> by_word = [sum(row) for row in by_row]
>>> len(by_word)
3
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from engine import Value, gradients
from engine.utils.conversion import as_integer
from engine.utils.messages import brief
from engine.utils.nested import is_list_like, tree_leaves, tree_map
from nn.layers import Embedding, EmbeddingBag
from nn.module import Module
from nn.training.surroundings import preserve_training_mode


def saliency(model: Callable[[Any], Any], x: Any, target: int | None = None, times_input: bool = False) -> Any:
    """``∂score/∂x`` for each number of an input, in its shape: what the score would rise by, for a small change of one.

    No parameter's gradient is changed. A module is called in evaluation mode.

    Source: K. Simonyan et al., 2014, https://arxiv.org/abs/1312.6034.

    Args:
        model: a module, or a function of the input, that gives a score or a row of scores, one for each class.
        x: an input: a number, a row, an image or any nested list of numbers or Values.
        target: which of the scores; the highest one by default.
        times_input: multiply each derivative by its number: how much of the score comes from it, as far as the score is
            linear.

    Returns:
        Floats, nested as `x` is.

    Raises:
        TypeError: if the model gives anything but a score or a row of scores.
        ValueError: if there is no such score, or the input consists of indices, which have no derivatives.

    >>> saliency(lambda x: [x[0] * x[0], x[1] * 3], [2.0, 1.0], target=1)
    [0.0, 3.0]
    """
    inputs = tree_map(lambda number: Value(number.data if isinstance(number, Value) else number), x)
    with preserve_training_mode(model) if isinstance(model, Module) else nullcontext() as train:
        if train is not None:
            train(False)
        score = _score(model(inputs), target)
    leaves = list(tree_leaves(inputs))
    derivatives = gradients(score, leaves)
    tables = (Embedding, EmbeddingBag)
    if not any(derivatives) and isinstance(model, Module) and any(isinstance(part, tables) for part in model.modules()):
        raise ValueError(
            "the index of a word has no derivative; begin with the rows that the indices stand for, for example "
            "saliency(model[1:], model[0](indices))"
        )
    found = iter([d * leaf.data for d, leaf in zip(derivatives, leaves)] if times_input else derivatives)
    return tree_map(lambda _: next(found), inputs)


def _score(output: Any, target: int | None) -> Value:
    row: list[Value] = list(output) if is_list_like(output) else [output]
    if not row or isinstance(output, tuple) or not all(isinstance(each, Value) for each in row):
        raise TypeError(f"saliency takes a model of a score or a row of scores, got {brief(output, 60)}")
    if target is None:
        return row[max(range(len(row)), key=lambda i: float(row[i].data))]
    index = as_integer(target)
    if index is None or not 0 <= index < len(row):
        raise ValueError(f"target must be from 0 to {len(row) - 1}, one for each score, got {target!r}")
    return row[index]
