"""Splitting, standardizing and mini-batches: nothing lost, nothing twice, the same seed and the same order."""

import json
import math
import random
from collections import Counter

import numpy as np
import pytest
from sklearn.model_selection import train_test_split as sklearn_split
from sklearn.preprocessing import StandardScaler

from engine import compile
from nn import MLP, SGD, DataLoader, Standardizer, hinge_loss, standardize, train_test_split
from nn.data.toy_sets import moons


class Frame:
    """What pandas' tables and columns have that is used."""

    def __init__(self, numbers):
        self.numbers = np.array(numbers)

    def to_numpy(self):
        return self.numbers


FORMS = {"lists": list, "tuples": lambda rows: tuple(map(tuple, rows)), "arrays": np.array, "frames": Frame}
N = 23
X = [[float(i), 100.0 - i] for i in range(N)]
Y = [i % 3 for i in range(N)]


def plain(part):
    return (
        part.tolist()
        if isinstance(part, np.ndarray)
        else [list(row) if isinstance(row, tuple) else row for row in part]
    )


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


# Mini-batches.


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 4, 23, 50])
def test_an_epoch_gives_every_example_once_with_its_target(form, shuffle, size):
    targets = Y if form in ("lists", "tuples") else FORMS[form](Y)
    loader = DataLoader(FORMS[form](X), targets, batch_size=size, shuffle=shuffle)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader) == math.ceil(N / size)
        kinds = {type(part) for batch in batches for part in batch}
        assert kinds == {np.ndarray if form in ("arrays", "frames") else list}
        assert [len(xs) for xs, _ in batches] == [len(ys) for _, ys in batches]
        assert {len(xs) for xs, _ in batches[:-1]} <= {size}
        rows = [row for xs, _ in batches for row in plain(xs)]
        labels = [y for _, ys in batches for y in plain(ys)]
        assert sorted(rows) == X
        assert (rows == X) is not shuffle
        assert labels == [row[0] % 3 for row in rows]


def test_without_targets_a_batch_is_the_examples():
    assert list(DataLoader(range(5), batch_size=2)) == [[0, 1], [2, 3], [4]]


def test_drop_last_leaves_out_the_batch_that_is_short():
    loader = DataLoader(range(7), batch_size=3, drop_last=True)
    assert (len(loader), list(loader)) == (2, [[0, 1, 2], [3, 4, 5]])
    assert len(list(DataLoader(range(6), batch_size=3, drop_last=True))) == 2


def test_every_epoch_has_an_order_of_its_own_and_a_seed_all_of_them():
    first, again, other = (DataLoader(X, batch_size=5, shuffle=True, seed=seed) for seed in (1, 1, 2))
    epochs = [[list(loader) for _ in range(4)] for loader in (first, again, other)]
    assert epochs[0] == epochs[1]
    assert all(a != b for i, a in enumerate(epochs[0] + epochs[2]) for b in (epochs[0] + epochs[2])[:i])


def test_orders_are_the_same_in_lists_and_arrays():
    lists, arrays = DataLoader(X, batch_size=5, shuffle=True), DataLoader(np.array(X), batch_size=5, shuffle=True)
    assert list(lists) == [xs.tolist() for xs in arrays]


def test_orders_stay_what_they_are_from_version_to_version():
    assert list(DataLoader(range(6), batch_size=6, shuffle=True, seed=7)) == [ORDER]


ORDER = list(range(6))
random.Random("7 0").shuffle(ORDER)


def test_an_epoch_that_was_broken_off_is_followed_by_the_next():
    loader, whole = (DataLoader(X, batch_size=5, shuffle=True) for _ in range(2))
    expected = [list(whole) for _ in range(3)]
    assert next(iter(loader)) == expected[0][0]
    for xs in loader:
        assert xs == expected[1][0]
        break
    assert list(loader) == expected[2]
    assert (loader.epoch, loader.given) == (3, 0)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("stop", range(12))
def test_a_resumed_loader_gives_what_was_still_to_come(stop, drop_last):
    def stream(loader):
        while loader.epoch < 3:
            yield from loader

    def made(seed):
        return DataLoader(np.array(X), np.array(Y), batch_size=5, shuffle=True, drop_last=drop_last, seed=seed)

    expected = [(xs.tolist(), ys.tolist()) for xs, ys in stream(made(3))]
    loader = made(3)
    running = stream(loader)
    for _ in range(stop):
        next(running)
    resumed = made(0)
    resumed.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert [(xs.tolist(), ys.tolist()) for xs, ys in stream(resumed)] == expected[stop:]
    assert len(expected) == (12 if drop_last else 15)


def test_two_passes_at_once_are_each_whole():
    pairs = list(zip(loader := DataLoader(range(6), batch_size=2), loader))
    assert pairs == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]


def test_if_one_of_both_is_an_array_batches_are_arrays():
    for loader in (DataLoader(np.array(X), Y, batch_size=5), DataLoader(X, np.array(Y), batch_size=5)):
        assert {type(part) for batch in loader for part in batch} == {np.ndarray}


def test_a_table_with_columns_of_several_kinds_becomes_an_array_of_numbers():
    table = Frame(np.array([[1, True], [2.5, False]], object))
    (xs,) = DataLoader(table, batch_size=2)
    assert (xs.dtype.kind, xs.tolist()) == ("f", [[1.0, 1.0], [2.5, 0.0]])


def test_a_batch_is_a_copy():
    examples = np.array(X)
    for xs in DataLoader(examples, batch_size=5):
        xs[:] = 0.0
    assert examples.tolist() == X


def test_texts_of_different_lengths_are_taken_if_asked_for():
    texts = [[1, 2, 3], [4], [5, 6]]
    assert list(DataLoader(texts, batch_size=2, ragged=True)) == [[[1, 2, 3], [4]], [[5, 6]]]
    assert next(iter(DataLoader(texts, np.array([0, 1, 0]), batch_size=3, ragged=True)))[0] == texts
    assert len(train_test_split(texts, [0, 1, 0], ragged=True)[0]) == 2


def test_pictures_are_taken():
    pictures = np.arange(24.0).reshape(3, 2, 2, 2)
    for examples in (pictures, pictures.tolist(), list(pictures)):
        (xs,) = DataLoader(examples, batch_size=3)
        assert np.array_equal(xs, pictures)


def test_batches_train_the_same_compiled_and_plain():
    pytest.importorskip("numba", reason="without numba there is no machine code")
    rows, labels = moons(40, noise=0.1)
    runs = []
    for compiled in (True, False):
        model = MLP(2, [4, 1], rng=random.Random(0))
        steps = SGD(model.parameters(), lr=0.1)
        example = compile(lambda row, target, model=model: hinge_loss(model(row), target))
        wrap = np.array if compiled else list
        for xs, ys in DataLoader(wrap(rows), wrap([2 * y - 1 for y in labels]), batch_size=16, shuffle=True):
            loss = example.mean(xs, ys) if compiled else hinge_loss([model(x) for x in xs], ys)
            steps.zero_grad()
            loss.backward()
            steps.step()
        runs.append([p.data for p in model.parameters()])
    assert runs[0] == pytest.approx(runs[1], rel=1e-9)


# What is refused.


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: DataLoader([]), ValueError, "X must hold at least one example, got none"),
        (lambda: DataLoader(np.zeros((0, 2))), ValueError, "X must hold at least one example, got none"),
        (lambda: DataLoader(3), TypeError, "X must be a list or an array of examples, got 3"),
        (lambda: DataLoader("text"), TypeError, "X must be a list or an array of examples, got 'text'"),
        (
            lambda: DataLoader([[1, 2], [3, np.float64(NAN)]]),
            ValueError,
            "row 1 of X holds nan, and not a finite number; leave",
        ),
        (lambda: DataLoader(np.array([[1, 2], [3, NAN]])), ValueError, "row 1 of X holds nan"),
        (lambda: DataLoader(Frame([[1, 2], [3, 4], [INF, 4]])), ValueError, "row 2 of X holds inf"),
        (lambda: DataLoader(Frame([[1, None]])), ValueError, "row 0 of X holds None"),
        (lambda: DataLoader([[1], ["b"]]), ValueError, "row 1 of X holds 'b', and not a finite number"),
        (lambda: DataLoader([[1], [2]], [0, NAN]), ValueError, "row 1 of y holds nan"),
        (lambda: DataLoader([[1], [NAN, 2]], ragged=True), ValueError, "row 1 of X holds nan"),
        (
            lambda: DataLoader([[1, 2], [3]]),
            ValueError,
            "row 1 of X holds 1 number and row 0 holds 2 numbers; rows mus",
        ),
        (lambda: DataLoader([[1, 2], 3]), ValueError, "row 1 of X holds 1 number and row 0 holds 2 numbers"),
        (lambda: DataLoader([[1], [2]], [0]), ValueError, "X and y must be of one length, got 2 rows of X and 1 of y"),
        (lambda: DataLoader([1], batch_size=0), ValueError, "batch_size must be a whole number of at least 1, got 0"),
        (lambda: DataLoader([1], batch_size=2.0), ValueError, "batch_size must be a whole number of at least 1, got 2"),
        (
            lambda: DataLoader([1], batch_size=2, drop_last=True),
            ValueError,
            "at most 1, the number of examples, with d",
        ),
        (lambda: train_test_split(X, Y, 1.0), ValueError, "test_size must leave examples in both parts, got 1.0 of 23"),
        (lambda: train_test_split(X, Y, 0), ValueError, "test_size must leave examples in both parts, got 0 of 23"),
        (lambda: train_test_split([[1]], [1]), ValueError, "test_size must leave examples in both parts, got 0.2 of 1"),
        (
            lambda: train_test_split(X, Y[:-1]),
            ValueError,
            "X and y must be of one length, got 23 rows of X and 22 of y",
        ),
        (lambda: train_test_split(X, Y, stratify=Y), TypeError, "the classes are those in y; write stratify=True"),
        (
            lambda: Standardizer([1.0, 2.0]),
            ValueError,
            r"X_train must be rows of numbers, got 1.0 as the first; .*\[x\]",
        ),
        (lambda: Standardizer([[], []]), ValueError, "X_train must be rows of numbers"),
        (lambda: Standardizer([[[1.0]], [[2.0]]]), ValueError, "X_train must be rows of numbers"),
        (lambda: Standardizer([[1.0], [NAN]]), ValueError, "row 1 of X_train holds nan"),
        (lambda: Standardizer([[1.0]])([[1.0, 2.0]]), ValueError, "has measured 1 columns, got rows of 2"),
        (
            lambda: DataLoader([1]).load_state_dict({"lr": 1}),
            ValueError,
            "a DataLoader takes a state of seed.*; got lr",
        ),
        (
            lambda: DataLoader([1]).load_state_dict(DataLoader([1, 2]).state_dict()),
            ValueError,
            "the state is of a loader of 2 examples, and this has 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()
