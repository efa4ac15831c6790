"""Splitting and standardizing: nothing lost, nothing twice, and scikit-learn's numbers."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import train_test_split as sklearn_split
from sklearn.preprocessing import StandardScaler

from nn import Standardizer, standardize, train_test_split
from tests.nn.data.examples import FORMS, X, Y, plain

# Splitting.


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stratify", [False, True])
def test_a_split_keeps_every_example_once_with_its_target(form, stratify):
    targets = Y if form in ("lists", "tuples") else FORMS[form](Y)
    parts = train_test_split(FORMS[form](X), targets, stratify=stratify)
    assert {type(part) for part in parts} == {np.ndarray if form in ("arrays", "frames") else list}
    X_train, X_test, y_train, y_test = map(plain, parts)
    assert (len(X_train), len(X_test)) == (len(y_train), len(y_test)) == (18, 5)
    assert sorted(X_train + X_test) == X
    assert all(y == row[0] % 3 for row, y in zip(X_train + X_test, y_train + y_test))
    assert X_train != sorted(X_train)


@pytest.mark.parametrize(("n", "size"), [(10, 0.2), (11, 0.2), (10, 0.25), (100, 0.07), (150, 3), (7, 0.5)])
def test_parts_are_as_large_as_scikit_learns(n, size):
    rows = [[i] for i in range(n)]
    expected = [len(part) for part in sklearn_split(rows, rows, test_size=size)]
    assert [len(part) for part in train_test_split(rows, rows, test_size=size)] == expected


def test_the_same_seed_gives_the_same_split_in_every_form():
    first, again, other = (train_test_split(X, Y, seed=seed) for seed in (4, 4, 5))
    assert first == again
    assert first != other
    assert tuple(map(plain, train_test_split(np.array(X), np.array(Y), seed=4))) == first


@pytest.mark.parametrize("size", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("classes", [[50, 30, 20], [97, 3], [10] * 10, [33, 33, 34]])
def test_a_stratified_split_takes_the_same_share_of_each_class(classes, size):
    labels = [c for c, n in enumerate(classes) for _ in range(n)]
    random.Random(1).shuffle(labels)
    *_, y_train, y_test = train_test_split([[i] for i in range(100)], labels, size, stratify=True)
    counts = Counter(y_test)
    assert sum(counts.values()) == round(100 * size)
    assert all(abs(counts[c] - size * n) < 1 for c, n in enumerate(classes))
    assert all(part != sorted(part) or len(set(part)) == 1 for part in (y_train, y_test))


def test_a_stratified_split_takes_rows_as_classes():
    one_hot = [[1, 0], [0, 1]] * 10
    for targets in (one_hot, np.array(one_hot)):
        *_, y_test = train_test_split([[i] for i in range(20)], targets, stratify=True)
        assert Counter(map(tuple, plain(y_test))) == {(1, 0): 2, (0, 1): 2}


def test_texts_of_different_lengths_are_split_if_asked_for():
    texts = [[1, 2, 3], [4], [5, 6]]
    assert len(train_test_split(texts, [0, 1, 0], ragged=True)[0]) == 2


# Standardizing.


TABLE = [[1.0, 5.0, -1e6, 0.1], [2.0, 5.0, 1e6, 0.1], [6.0, 5.0, 3e6, 0.1], [-4.5, 5.0, 2e6, 0.1]] * 3
OTHER = [[0.0, 5.0, 7.0, 0.1], [1.0, 8.0, 9.0, 0.3]]


@pytest.mark.parametrize("form", FORMS)
def test_standardized_numbers_are_scikit_learns(form):
    scaler = StandardScaler().fit(TABLE)
    train, test, ours = standardize(FORMS[form](TABLE), FORMS[form](OTHER))
    assert {type(train), type(test)} == {np.ndarray if form in ("arrays", "frames") else list}
    assert np.allclose(train, scaler.transform(TABLE), rtol=1e-13, atol=1e-15)
    assert np.allclose(test, scaler.transform(OTHER), rtol=1e-13, atol=1e-15)
    assert (ours.mean[:3], ours.deviation[1], ours.deviation[3]) == ([1.125, 5.0, 1.25e6], 1.0, 1.0)
    assert np.array_equal(ours(FORMS[form](OTHER)), test)


def test_columns_are_the_same_bits_as_lists_and_as_arrays():
    assert standardize(TABLE, OTHER)[0] == standardize(np.array(TABLE), OTHER)[0].tolist()


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -7e5, 1e300, 0.0])
def test_a_constant_column_is_0_exactly(constant):
    for n in (1, 3, 10, 49):
        assert Standardizer([[constant]] * n)([[constant]] * 2) == [[0.0], [0.0]]


def test_whole_numbers_and_large_ones_are_taken():
    assert Standardizer(np.array([[1, 0], [3, 1]]))(np.array([[5, 1]])).tolist() == [[3.0, 1.0]]
    assert Standardizer(np.array([[True], [False]]))(np.array([[True]])).tolist() == [[1.0]]
    assert Standardizer([[-1e200], [1e200]])([[2e200]]) == [[pytest.approx(2.0)]]


def test_standardizing_changes_nothing_that_was_given():
    table = np.array(TABLE)
    standardize(table, table)
    assert table.tolist() == TABLE


# What is refused.


NAN = math.nan


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: train_test_split(X, Y, 1.0), ValueError, "test_size must leave examples in both sets, got 1.0 of 23"),
        (lambda: train_test_split(X, Y, 0), ValueError, "test_size must leave examples in both sets, got 0 of 23"),
        (lambda: train_test_split([[1]], [1]), ValueError, "test_size must leave examples in both sets, got 0.2 of 1"),
        (
            lambda: train_test_split(X, Y[:-1]),
            ValueError,
            "X and y must have the same length, got 23 rows of X and 22 of y",
        ),
        (lambda: train_test_split(X, Y, stratify=Y), TypeError, "the classes are those in y; write stratify=True"),
        (
            lambda: Standardizer([1.0, 2.0]),
            ValueError,
            r"X_train must be rows of numbers, got 1.0 as the first; .*\[\[x\]",
        ),
        (lambda: Standardizer([[], []]), ValueError, "X_train must be rows of numbers"),
        (lambda: Standardizer([[[1.0]], [[2.0]]]), ValueError, "X_train must be rows of numbers"),
        (lambda: Standardizer([[1.0], [NAN]]), ValueError, "row 1 of X_train holds nan"),
        (lambda: Standardizer([[1.0]])([[1.0, 2.0]]), ValueError, "has measured 1 columns, got rows of 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
