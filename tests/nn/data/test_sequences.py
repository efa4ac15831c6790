"""Padding: what it gives, that what the padding says changes nothing, and what it refuses."""

import random

import pytest

from engine import compile, mean
from nn import GRU, Embedding, Linear, MultiheadAttention, mse_loss, pad_sequence


def test_the_shorter_ones_are_filled_up():
    assert pad_sequence([(1, 2), [3], []], padding_value=9) == [[1, 2], [3, 9], [9, 9]]
    rows = pad_sequence([[[1.0]], [[2.0], [3.0]]])
    assert rows == [[[1.0], [0]], [[2.0], [3.0]]]


def test_padded_texts_give_what_each_gives_alone():
    rng = random.Random(0)
    words, memory = Embedding(6, 2, rng=rng, padding_idx=0), GRU(2, 3, bidirectional=True, rng=rng)
    attention, head = MultiheadAttention(6, 2, rng=rng), Linear(6, 1, rng=rng)
    texts, targets = [[1, 2, 3], [4], [5, 1]], [0.5, -1.0, 2.0]
    parameters = [p for part in (words, memory, attention, head) for p in part.parameters()]

    def loss(text, length, target, mask):
        states, _ = memory(words(text), length=length)
        gathered, _ = attention(states[:1], states, states, key_padding_mask=mask)
        return mse_loss(head(gathered[0]), [target])

    alone = mean([loss(text, None, y, None) for text, y in zip(texts, targets)])
    masks = [[float(i >= len(text)) for i in range(3)] for text in texts]
    padded = compile(loss).mean(pad_sequence(texts), [3, 1, 2], targets, masks)
    found = []
    for value in (alone, padded):
        for p in parameters:
            p.grad = 0.0
        value.backward()
        found.append([value.data, *(p.grad for p in parameters)])
    assert found[1] == pytest.approx(found[0], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([1, 2], TypeError, "pad_sequence takes a list of sequences, got 1 as number 0"),
        ([], ValueError, "at least one sequence that is not empty, got none"),
        ([[[1.0]], [[1.0, 2.0]]], ValueError, "takes rows of the same length"),
    ],
)
def test_what_cannot_be_padded_is_told(sequences, error, message):
    with pytest.raises(error, match=message):
        pad_sequence(sequences)
