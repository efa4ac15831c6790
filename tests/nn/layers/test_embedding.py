"""Embedding and EmbeddingBag against PyTorch's numbers, and what it refuses."""

import random
from fractions import Fraction
from statistics import mean, stdev

import numpy as np
import pytest

from engine import Value, compile, sum
from nn import SGD, Embedding, EmbeddingBag, fit, mse_loss
from tests.torch_layers import cases, check


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", cases("Embedding", "EmbeddingBag"))
def test_rows_and_gradients_are_pytorchs(name, compiled):
    check(name, compiled)


def test_only_the_row_that_was_asked_for_gets_a_gradient():
    letters = Embedding(3, 2)
    sum(letters(1)).backward()
    assert [[p.grad for p in row] for row in letters.weight] == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    assert [[p.has_grad for p in row] for row in letters.weight] == [[False] * 2, [True] * 2, [False] * 2]


def test_a_number_may_be_a_value():
    letters = Embedding(3, 2)
    row = letters(Value(2))
    assert [x.data for x in row] == [p.data for p in letters.weight[2]]
    sum(row).backward()
    assert [[p.grad for p in row] for row in letters.weight] == [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]


def test_the_given_row_can_be_changed_without_changing_the_table():
    letters = Embedding(3, 2)
    letters(1).append(0.0)
    assert len(letters.weight[1]) == 2


def test_rows_start_with_a_normal_distribution_from_the_rng():
    numbers = [p.data for p in Embedding(200, 10, rng=random.Random(0)).parameters()]
    assert mean(numbers) == pytest.approx(0, abs=0.07)
    assert stdev(numbers) == pytest.approx(1, abs=0.05)
    assert numbers == [p.data for p in Embedding(200, 10, rng=random.Random(0)).parameters()]


def test_parameters_are_labelled():
    assert [p.label for p in Embedding(2, 2, label="token").parameters()][1:3] == ["token.weight0_1", "token.weight1_0"]
    assert Embedding(2, 2).weight[0][0].label == "weight0_0"


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_number_without_a_row_is_told_with_the_range(wrong):
    letters = Embedding(3, 2)
    with pytest.raises(IndexError, match=rf"Embedding\(3, 2\) takes indices from 0 to 2, one for each .* got {wrong}"):
        letters(wrong)
    with pytest.raises(IndexError, match=f"from 0 to 2, got {wrong}"):
        letters(Value(wrong))
    compiled = compile(lambda token: sum(letters(token)))
    compiled(1), compiled(2)
    with pytest.raises(IndexError, match=f"from 0 to 2.*, got {wrong}"):
        compiled(wrong)


@pytest.mark.parametrize("number", [2.0, np.float64(2), np.float32(2), np.int8(2), np.array(2.0), Fraction(2)])
def test_a_whole_number_may_be_a_float(number):
    letters = Embedding(3, 2)
    assert letters(number) == letters.weight[2]
    assert letters(np.array([[2.0, 0.0]])) == [[letters.weight[2], letters.weight[0]]]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", [np.array, list])
def test_floats_as_indices_train_the_same_plain_and_compiled(kind, compiled):
    X, y = kind([0.0, 1.0, 1.0, 0.0]), kind([[0.5, 1.0], [1.0, 0.0], [1.0, 0.5], [0.0, 1.0]])
    expected, model = (Embedding(2, 2, rng=random.Random(0)) for _ in range(2))
    integers = fit(expected, ([0, 1, 1, 0], y), mse_loss, SGD(expected.parameters(), lr=0.1), 3, 2, compiled=False,
                   progress=False)  # fmt: skip
    floats = fit(model, (X, y), mse_loss, SGD(model.parameters(), lr=0.1), 3, 2, compiled=compiled, progress=False)
    assert floats.loss == pytest.approx(integers.loss, rel=1e-12)
    assert floats.loss[-1] < floats.loss[0]


@pytest.mark.parametrize("wrong", [1.5, "a", None, float("nan"), float("inf"), 1j])
def test_a_number_that_is_not_whole_is_refused(wrong):
    with pytest.raises(TypeError, match=r"takes whole numbers as indices, got .*; write int\(x\) for each x"):
        Embedding(3, 2)(wrong)


@pytest.mark.parametrize(("sizes", "message"), [((0, 2), "num_embeddings"), ((2, 0.5), "embedding_dim")])
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=f"{message} must be a whole number of at least 1"):
        Embedding(*sizes)


def test_the_row_of_the_padding_starts_as_zeros_and_learns_nothing():
    letters = Embedding(3, 2, padding_idx=-1)
    assert [x.data for x in letters(2)] == [0.0, 0.0]
    sum([x for row in letters([0, 2]) for x in row]).backward()
    assert [[p.grad or 0.0 for p in row] for row in letters.weight] == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_a_bag_of_padding_alone_is_zeros_plain_and_compiled():
    words = EmbeddingBag(3, 2, padding_idx=0)
    for bags in ([[0, 0], [1, 0]], [[0.0, 0.0], [1.0, 0.0]]):
        plain = [[x.data for x in words(bag)] for bag in bags]
        assert plain == [[0.0, 0.0], [p.data for p in words.weight[1]]]
        assert compile(words).map(bags) == plain


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: EmbeddingBag(3, 2)(1), TypeError, r"EmbeddingBag\(3, 2, mode='mean'\) takes a list of .* write \[x\]"),
        (lambda: EmbeddingBag(3, 2)([]), ValueError, "takes at least one index, got none"),
        (lambda: EmbeddingBag(3, 2)([3]), IndexError, "takes indices from 0 to 2"),
        (lambda: EmbeddingBag(3, 2, mode="max"), ValueError, "mode must be 'mean' or 'sum', got 'max'"),
        (lambda: Embedding(3, 2, padding_idx=3), ValueError, "padding_idx must be the index of one of 3 rows, got 3"),
    ],
)
def test_what_is_no_bag_or_padding_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()
