"""Mini-batches: nothing lost, nothing twice; the same seed, the same order."""

import json
import math
import random

import numpy as np
import pytest

from engine import compile
from nn import MLP, SGD, DataLoader, hinge_loss
from nn.data import moons
from tests.nn.data.examples import FORMS, Frame, N, X, Y, plain


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
            "row 1 of X holds nan, which is not a finite number; remove",
        ),
        (lambda: DataLoader(np.array([[1, 2], [3, NAN]])), ValueError, "row 1 of X holds nan"),
        (lambda: DataLoader(Frame([[1, 2], [3, 4], [INF, 4]])), ValueError, "row 2 of X holds inf"),
        (lambda: DataLoader(Frame([[1, None]])), ValueError, "row 0 of X holds None"),
        (lambda: DataLoader([[1], ["b"]]), ValueError, "row 1 of X holds 'b', which is not a finite number"),
        (lambda: DataLoader([[1], [2]], [0, NAN]), ValueError, "row 1 of y holds nan"),
        (lambda: DataLoader([[1], [NAN, 2]], ragged=True), ValueError, "row 1 of X holds nan"),
        (
            lambda: DataLoader([[1, 2], [3]]),
            ValueError,
            "row 1 of X holds 1 number, but row 0 holds 2 numbers; all rows mus",
        ),
        (lambda: DataLoader([[1, 2], 3]), ValueError, "row 1 of X holds 1 number, but row 0 holds 2 numbers"),
        (
            lambda: DataLoader([[1], [2]], [0]),
            ValueError,
            "X and y must have the same length, got 2 rows of X and 1 of y",
        ),
        (lambda: DataLoader([1], batch_size=0), ValueError, "batch_size must be a whole number of at least 1, got 0"),
        (lambda: DataLoader([1], batch_size=2.0), ValueError, "batch_size must be a whole number of at least 1, got 2"),
        (
            lambda: DataLoader([1], batch_size=2, drop_last=True),
            ValueError,
            "at most 1, the number of examples, with d",
        ),
        (
            lambda: DataLoader([1]).load_state_dict({"lr": 1}),
            ValueError,
            "a DataLoader takes a state of seed.*; got lr",
        ),
        (
            lambda: DataLoader([1]).load_state_dict(DataLoader([1, 2]).state_dict()),
            ValueError,
            "the state belongs to a loader of 2 examples, and this one has 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": [1]},
        {"seed": {}},
        {"epoch": -1},
        {"epoch": 1.5},
        {"epoch": "2"},
        {"epoch": None},
        {"given": 6},
        {"given": -1},
        {"given": None},
        {"given": 10**400},
        {"examples": "5"},
        {"examples": 10**400},
        {"more": 1},
    ],
)
def test_a_state_that_can_not_be_is_refused_and_nothing_is_changed(change):
    loader = DataLoader([1, 2, 3, 4, 5], batch_size=2, shuffle=True)
    next(iter(loader))
    before = loader.state_dict()
    with pytest.raises((ValueError, TypeError)):
        loader.load_state_dict({**before, **change})
    for state in (None, [], "state"):
        with pytest.raises(ValueError, match="a DataLoader takes a state of seed, epoch, given, examples"):
            loader.load_state_dict(state)
    assert loader.state_dict() == before
