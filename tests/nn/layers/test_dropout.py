"""Dropout: what is left out, what is kept and by how much it grows, and that it is off in use."""

import copy
import pickle
import random

import pytest

from engine import TraceError, Value, compile
from nn import Dropout, Linear, Sequential


def test_a_share_is_left_out_and_the_rest_grows_so_that_the_mean_stays():
    out = [y.data for y in Dropout(0.2, rng=random.Random(0))([3.0] * 5000)]
    assert set(out) == {0.0, 3.0 / 0.8}
    assert out.count(0.0) / len(out) == pytest.approx(0.2, abs=0.02)
    assert sum(out) / len(out) == pytest.approx(3.0, abs=0.06)


def test_gradients_pass_where_numbers_do():
    xs = [Value(float(i + 1)) for i in range(20)]
    ys = Dropout(0.5, rng=random.Random(0))(xs)
    sum(ys).backward()
    assert [x.grad for x in xs] == [y.data / x.data for x, y in zip(xs, ys)]
    assert {x.grad for x in xs} == {0.0, 2.0}


def test_each_example_and_each_call_draws_anew():
    model = Sequential(Dropout(0.5, rng=random.Random(0)))
    masks = [tuple(y.data for y in row) for row in model.batch([[1.0] * 16] * 4) + model.batch([[1.0] * 16] * 4)]
    assert len(set(masks)) == 8


def test_out_of_training_nothing_changes():
    rng = random.Random(0)
    dropout = Dropout(0.9, rng=rng).eval()
    before = rng.getstate()
    assert [[y.data for y in row] for row in dropout([[1.0, 2.0], [3.0, 4.0]])] == [[1.0, 2.0], [3.0, 4.0]]
    assert rng.getstate() == before
    x = Value(1.0)
    assert dropout(x) is x
    assert [y.data for y in Dropout(0.0)([1.0, 2.0])] == [1.0, 2.0]
    assert sorted({y.data for y in dropout.train()([1.0] * 64)}) == pytest.approx([0.0, 10.0])


def test_random_numbers_come_from_the_rng():
    random.seed(3)
    first = [y.data for y in Dropout()([1.0] * 32)]
    second = [y.data for y in Dropout(rng=random.Random(3))([1.0] * 32)]
    assert first == second


def test_it_can_be_copied_and_pickled():
    for dropout in (Dropout(0.5), Dropout(0.5, rng=random.Random(0))):
        for again in (copy.deepcopy(dropout), pickle.loads(pickle.dumps(dropout))):
            assert len(again([1.0, 2.0])) == 2
            assert again.p == 0.5


@pytest.mark.parametrize("p", [0.5, 1e-6])
def test_a_compiled_function_in_training_is_refused(p):
    model = Sequential(Linear(2, 1), Dropout(p))
    with pytest.raises(TraceError, match=r"^Dropout\(.*draws new random numbers .* call the function without compile"):
        compile(lambda x: model(x)[0])([1.0, 2.0])


@pytest.mark.parametrize("p", [-0.1, 1, float("nan")])
def test_an_impossible_share_is_refused(p):
    with pytest.raises(ValueError, match=f"p must be from 0 up to 1, got {p}"):
        Dropout(p)
