"""Metrics against scikit-learn, predictions, and both in `fit`."""

import random
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from nn import (
    MLP,
    SGD,
    Dropout,
    Linear,
    Sequential,
    accuracy,
    binary_cross_entropy_with_logits,
    confusion,
    cross_entropy,
    fit,
    moons,
    predict,
    rmse,
    top_k,
)

RNG = np.random.default_rng(0)
SCORES, CLASSES = RNG.normal(size=(60, 4)), RNG.integers(0, 4, 60)


def test_metrics_are_scikit_learns():
    predicted = SCORES.argmax(axis=1)
    for scores, classes in ((SCORES, CLASSES), (SCORES.tolist(), CLASSES.tolist())):
        assert accuracy(scores, classes) == pytest.approx(sk.accuracy_score(CLASSES, predicted))
        assert confusion(scores, classes) == sk.confusion_matrix(CLASSES, predicted).tolist()
        assert top_k(scores, classes, k=2) == pytest.approx(sk.top_k_accuracy_score(CLASSES, SCORES, k=2))
    expected = sk.root_mean_squared_error(SCORES[:, 0], SCORES[:, 1])
    assert rmse(SCORES[:, :1].tolist(), SCORES[:, 1].tolist()) == pytest.approx(expected)


def test_one_score_says_yes_above_0_and_words_may_be_left_out():
    assert accuracy([0.5, -2.0, 3.0, -1.0], [1, 0, 0, 0]) == 0.75
    assert accuracy([[0.5], [-2.0], [3.0]], [1, -1, -1]) == pytest.approx(2 / 3)
    assert confusion([0.5, -2.0, 3.0], [1, -1, -1]) == [[1, 1], [0, 1]]
    texts = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [9.0, 0.0]]]
    assert accuracy(texts, [[0, 0], [0, -100]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: accuracy([[1.0, 2.0]], [2]),
            ValueError,
            "takes targets from 0 to 1, one for each class, got 2",
        ),
        (lambda: accuracy([[1.0, 2.0]], [0, 1]), ValueError, "takes an output for each of 2 targets, got 1"),
        (
            lambda: accuracy([[1.0, 2.0]], [0.5]),
            TypeError,
            r"takes the index of a class as each target, got 0.5",
        ),
        (lambda: confusion([], []), ValueError, "confusion takes at least one target, got none"),
        (lambda: rmse([], []), ValueError, "rmse takes at least one target, got none"),
        (lambda: predict(MLP, [[1.0]]), TypeError, "predict takes a Module, got .* write predict"),
        (lambda: predict(MLP(1, [1])), ValueError, "predict takes as many examples of each input, got none"),
    ],
)
def test_what_cannot_be_measured_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("compiled", [False, True])
def test_predictions_are_those_in_use_and_leave_the_model_as_it_was(compiled):
    model = Sequential(Linear(2, 3, rng=random.Random(0)), Dropout(0.5), Linear(3, 2, rng=random.Random(1)))
    rows = [[0.5, 1.0], [-1.0, 2.0], [0.0, 0.0]]
    given = predict(model, np.array(rows), compiled=compiled)
    assert model.training
    assert given == [pytest.approx([y.data for y in model.eval()(row)], rel=1e-12) for row in rows]


def test_fit_measures_on_the_validation_part(capsys, tmp_path, monkeypatch):
    (X, y), held_out = moons(40, seed=0), moons(20, seed=1)
    model = MLP(2, [4, 1], rng=random.Random(0))
    optimizer = SGD(model.parameters(), lr=0.3)
    seen = []

    def last(history):
        seen.append(accuracy(predict(model, held_out[0]), held_out[1]))

    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    file = tmp_path / "moons"
    options = {"validation": held_out, "metrics": {"right": accuracy, "error": rmse}, "callbacks": last}
    options |= {"compiled": False, "checkpoint": file}
    history = fit(model, (X, y), binary_cross_entropy_with_logits, optimizer, 3, **options)
    assert history.metrics["right"] == seen
    assert len(history.metrics["error"]) == 3
    assert "right" in str(history).splitlines()[0]
    assert "right" in capsys.readouterr().out
    history = fit(model, (X, y), binary_cross_entropy_with_logits, optimizer, 4, progress=False, **options)
    assert history.metrics["right"] == seen


def test_without_a_validation_part_fit_measures_on_the_data():
    rows, classes = SCORES.tolist(), CLASSES.tolist()
    model = MLP(4, [4], rng=random.Random(0))
    metrics = [accuracy, partial(top_k, k=2)]
    history = fit(model, (rows, classes), cross_entropy, SGD(model.parameters(), lr=0.1), 2, metrics=metrics,
                  compiled=False, progress=False)  # fmt: skip
    assert history.metrics["accuracy"][-1] == accuracy(predict(model, rows), classes)
    assert history.metrics["top_k"][-1] == top_k(predict(model, rows), classes, k=2)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([confusion], "a metric gives one number, and confusion gave"),
        (["accuracy"], r"metrics are functions of outputs and targets, got 'accuracy'; write \[accuracy\]"),
    ],
)
def test_what_is_no_metric_is_refused_before_training(metrics, message):
    model = MLP(4, [4])
    before = model.state_dict()
    with pytest.raises(TypeError, match=message):
        fit(model, (SCORES, CLASSES), cross_entropy, SGD(model.parameters(), lr=0.1), metrics=metrics)
    assert model.state_dict() == before
