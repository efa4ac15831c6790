"""Saliency against finite differences, and what it leaves alone."""

import random

import pytest

from engine import Value
from engine.utils.nested import tree_leaves, tree_map
from nn import GRU, MLP, Conv2d, Dropout, Embedding, Flatten, Linear, Sequential, Tanh, saliency

RNG = random.Random(0)
IMAGES = Sequential(Conv2d(1, 2, 2, rng=RNG), Tanh(), Flatten(), Dropout(0.5), Linear(8, 3, rng=RNG))
WORDS = Sequential(Embedding(5, 2, rng=RNG), Flatten(), MLP(6, [4, 1], "tanh", rng=RNG))
MEMORY, HEAD = GRU(2, 3, rng=RNG), Linear(3, 2, rng=RNG)


def of_series(rows):
    return HEAD(MEMORY(rows)[1][0])


@pytest.mark.parametrize(
    ("model", "x", "target"),
    [
        (IMAGES, [[[0.1, -0.5, 0.3], [1.0, 0.2, 0.0], [-1.0, 0.4, 0.9]]], 1),
        (IMAGES, [[[0.1, -0.5, 0.3], [1.0, 0.2, 0.0], [-1.0, 0.4, 0.9]]], None),
        (MLP(3, [4, 1], "tanh", rng=RNG), [0.5, -1.0, 2.0], None),
        (of_series, [[0.5, 1.0], [-1.0, 0.0], [0.3, 0.3]], 0),
    ],
)
def test_it_is_the_slope_of_the_score(model, x, target):
    given = saliency(model, x, target)
    if model is IMAGES:
        model.eval()
    numbers = [*tree_leaves(x)]

    def score(numbers):
        left = iter(numbers)
        output = model(tree_map(lambda _: next(left), x))
        row = output if isinstance(output, list) else [output]
        return max(y.data for y in row) if target is None else row[target].data

    step, slopes = 1e-6, []
    for i in range(len(numbers)):
        up, down = ([n + s * (j == i) for j, n in enumerate(numbers)] for s in (step, -step))
        slopes.append((score(up) - score(down)) / (2 * step))
    assert tree_map(lambda _: 0, given) == tree_map(lambda _: 0, x)
    assert [*tree_leaves(given)] == pytest.approx(slopes, rel=1e-6, abs=1e-8)


def test_it_changes_no_gradient_and_no_mode():
    model = Sequential(Linear(2, 3), Dropout(0.5), Linear(3, 1))
    model(Value(0.0) for _ in range(2))[0].backward()
    before, x = [p.grad for p in model.parameters()], [Value(1.0), Value(2.0)]
    saliency(model, x)
    assert [p.grad for p in model.parameters()] == before
    assert model.training
    assert not any(value.has_grad for value in x)


def test_the_shares_of_words_add_up_to_a_score_that_is_linear():
    model = Sequential(Embedding(5, 2, rng=RNG), Flatten(), Linear(4, 1, bias=False, rng=RNG))
    shares = saliency(model[1:], model[0]([3, 1]), times_input=True)
    assert sum(tree_leaves(shares)) == pytest.approx(model([3, 1])[0].data)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: saliency(WORDS, [1, 2, 3]),
            ValueError,
            r"the index of a word has no .*model\[0\]\(indices",
        ),
        (lambda: saliency(MEMORY, [[1.0, 2.0]]), TypeError, "takes a model of a score or a row of scores, got"),
        (
            lambda: saliency(HEAD, [1.0, 2.0, 3.0], 2),
            ValueError,
            "target must be from 0 to 1, .*, got 2",
        ),
    ],
)
def test_what_has_no_saliency_is_told(call, error, message):
    with pytest.raises(error, match=message):
        call()
