"""The learning-rate range test: the losses of a loop written by hand, and afterwards everything is as it was."""

import random

import pytest

from engine import TraceError, Value
from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm1d,
    DataLoader,
    Dropout,
    Linear,
    LRRangeTest,
    Sequential,
    Tanh,
    binary_cross_entropy_with_logits,
    find_lr,
    fit,
    moons,
)

X, Y = moons(40, seed=3)


def mlp():
    return MLP(2, [8, 1], activation="tanh", rng=random.Random(4))


def noisy():
    """All that has a state beside the parameters: running means, and random numbers of its own."""
    rng = random.Random(4)
    return Sequential(
        Linear(2, 6, rng=rng), BatchNorm1d(6), Tanh(), Dropout(0.2, rng=random.Random(1)), Linear(6, 1, rng=rng)
    )


def state(model, optimizer, loader):
    return {
        "model": model.state_dict(),
        "gradients": [(p.has_grad, repr(p.grad)) for p in optimizer.parameters],
        "optimizer": optimizer.state_dict(),
        "attributes": sorted(optimizer.__getstate__()),
        "loader": loader.state_dict(),
        "random": random.getstate(),
        "own random": [m.rng.getstate() for m in model.modules() if isinstance(m, Dropout)],
        "training": [m.training for m in model.modules()],
    }


@pytest.mark.parametrize("compiled", [False, "auto"])
@pytest.mark.parametrize(("kind", "settings"), [(SGD, {"momentum": 0.9}), (Adam, {})])
def test_the_losses_are_those_of_a_loop_written_by_hand(kind, settings, compiled):
    model = mlp()
    found = find_lr(
        model, (X, Y), binary_cross_entropy_with_logits, kind(model.parameters(), **settings), 1e-3, 1.0, 20, 16,
        compiled=compiled, seed=7,
    )  # fmt: skip
    model, losses = mlp(), []
    optimizer = kind(model.parameters(), **settings)
    batches = DataLoader(X, Y, batch_size=16, shuffle=True, seed=7)
    for i, (xs, ys) in zip(range(20), (batch for _ in range(9) for batch in batches)):
        optimizer.lr = 1e-3 * 1000 ** (i / 19)
        loss = binary_cross_entropy_with_logits([model(x) for x in xs], ys)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.data)
    assert found.losses == pytest.approx(losses, rel=1e-9)
    assert found.rates == pytest.approx([10 ** (3 * i / 19 - 3) for i in range(20)])


@pytest.mark.parametrize("compiled", [False, "auto"])
@pytest.mark.parametrize("make", [mlp, noisy])
def test_all_is_left_as_it_was(make, compiled):
    model = make().eval()
    optimizer = Adam(model.parameters(), lr=0.05)
    loader = DataLoader(X, Y, batch_size=16, shuffle=True)
    fit(model, loader, binary_cross_entropy_with_logits, optimizer, epochs=2, compiled=compiled, progress=False)
    next(iter(loader))  # in the middle of an epoch
    optimizer.parameters[0].grad = None
    optimizer.parameters[1].grad = 5.0
    before = state(model, optimizer, loader)
    found = find_lr(model, loader, binary_cross_entropy_with_logits, optimizer, steps=30, compiled=compiled)
    assert len(set(found.losses)) > 5  # it has moved
    assert state(model, optimizer, loader) == before
    ends = []
    for _ in range(2):  # and going on gives the same, with a test in between or without
        again = make().eval()
        other = Adam(again.parameters(), lr=0.05)
        if not ends:
            find_lr(again, (X, Y), binary_cross_entropy_with_logits, other, steps=10, compiled=compiled)
        random.seed(0)
        fit(again, (X, Y), binary_cross_entropy_with_logits, other, epochs=2, compiled=compiled, progress=False)
        ends.append(other.state_dict())
    assert ends[0] == ends[1]


def test_it_is_left_as_it_was_after_an_error_too():
    model = mlp()
    optimizer = SGD(model.parameters(), lr=0.1)
    before, calls = model.state_dict(), []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) > 5:
            raise RuntimeError("stop")
        return binary_cross_entropy_with_logits(outputs, targets)

    with pytest.raises(RuntimeError, match="stop"):
        find_lr(model, (X, Y), loss, optimizer, compiled=False)
    assert (model.state_dict(), optimizer.lr, optimizer.steps) == (before, 0.1, 0)


class Weight(Linear):
    """A single weight, for a loss that is known in closed form."""

    def __init__(self):
        super().__init__(1, 1, bias=False, rng=random.Random(0))
        self.weight[0][0].data = 1.0


def square(outputs, targets):
    return (outputs[0][0] if isinstance(outputs[0], list) else outputs[0]) ** 2


def test_it_stops_where_the_loss_diverges():
    """For w² a step multiplies w by 1 - 2 lr: beyond lr = 1 the loss grows."""
    model = Weight()
    found = find_lr(model, ([[1.0]], [0.0]), square, SGD(model.parameters()), 1e-3, 100.0, 100, compiled=False)
    assert found.diverged
    assert 1.0 < found.rates[-1] < 20.0
    assert found.losses[-1] > 4 * min(found.losses)
    assert 0.01 < found.suggestion < 1.0
    assert "the loss diverged at lr = " in repr(found)
    assert repr(found).endswith(f"suggestion: lr = {found.suggestion:.4g}")


def test_a_loss_that_overflows_ends_it_without_a_warning():
    model = Weight()
    found = find_lr(model, ([[1.0]], [0.0]), square, SGD(model.parameters()), 1.0, 1e300, 5, compiled=False)
    assert found.diverged
    assert len(found.losses) < 5


def test_the_suggestion_is_where_the_smoothed_loss_falls_most():
    found = LRRangeTest()
    assert (found.suggestion, repr(found)) == (None, "no step yet")
    for i in range(60):  # level, then a slope around 1e-2, then a rise
        found.add(10 ** (i / 10 - 5), 1 / (1 + 10 ** (i / 10 - 3)) + 10 ** (i / 5 - 10))
    assert 1e-2 < found.suggestion < 1e-1
    rising = LRRangeTest()
    for i in range(9):
        rising.add(10.0**i, i + 1.0)
    assert rising.suggestion is None
    assert "the loss never fell; try a lower min_lr" in repr(rising)


def test_what_is_wrong_is_said_before_anything_is_changed():
    model = mlp()
    optimizer, loss = SGD(model.parameters(), lr=0.1), binary_cross_entropy_with_logits
    before = state(model, optimizer, DataLoader(X, Y))
    for call, error, message in (
        (lambda: find_lr(optimizer, (X, Y), loss, optimizer), TypeError, "find_lr takes a Module"),
        (lambda: find_lr(model, X, loss, optimizer), TypeError, r"data must be a pair .* write find_lr\(model, "),
        (lambda: find_lr(model, (X, Y), loss, optimizer, 0.0), ValueError, "min_lr must be above 0, and finite, got 0"),
        (
            lambda: find_lr(model, (X, Y), loss, optimizer, 1.0, 0.1),
            ValueError,
            "max_lr must be above min_lr, which is",
        ),
        (lambda: find_lr(model, (X, Y), loss, optimizer, steps=1), ValueError, "steps must be .* at least 2, got 1"),
        (lambda: find_lr(model, (X, Y), lambda a, b: a, optimizer), TypeError, "loss must give one Value"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert state(model, optimizer, DataLoader(X, Y)) == before


def test_what_cannot_be_compiled_is_refused_if_it_must_be():
    pytest.importorskip("numba")
    model = mlp()

    def loss(outputs, targets):
        return outputs[0] * random.random() if isinstance(outputs[0], Value) else outputs[0][0] * random.random()

    with pytest.raises(TraceError):
        find_lr(model, (X, Y), loss, SGD(model.parameters(), lr=0.1), compiled=True)
