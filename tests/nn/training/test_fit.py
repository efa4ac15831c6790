"""Training: the numbers of a loop written by hand, plain and compiled; and what comes in between."""

import contextvars
import gc
import json
import math
import random
import signal
import sys
import threading
import warnings
from fractions import Fraction

import numpy as np
import pytest

from engine import TraceError, Value, mean, no_grad
from engine.compiler.fused_optimizer import FusedOptimizer
from engine.modes import mode
from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm1d,
    CosineAnnealingLR,
    DataLoader,
    Dropout,
    EarlyStopping,
    Embedding,
    History,
    LayerNorm,
    Linear,
    Module,
    ReduceLROnPlateau,
    ReLU,
    Sequential,
    StepLR,
    binary_cross_entropy_with_logits,
    clip_grad_norm_,
    cross_entropy,
    fit,
    hinge_loss,
    l2_penalty,
    moons,
    mse_loss,
    train_test_split,
)
from nn.training.objective import Objective

X, Y = moons(40, seed=3)
NAN = float("nan")
SIGNS = [2 * y - 1 for y in Y]
REGRESSION = [[x[0] * x[1] + 1.0] for x in X]


def rng():
    return random.Random(5)


def mlp():
    return MLP(2, [4, 1], rng=rng())


def two_classes():
    r = rng()
    return Sequential(Linear(2, 4, rng=r), LayerNorm(4), ReLU(), Linear(4, 2, rng=r))


def with_norm():
    r = rng()
    return Sequential(Linear(2, 4, rng=r), BatchNorm1d(4), ReLU(), Linear(4, 1, rng=r))


def with_dropout():
    r = rng()
    return Sequential(Linear(2, 4, rng=r), ReLU(), Dropout(0.3, rng=random.Random(1)), Linear(4, 1, rng=r))


class Words(Module):
    """Two tokens each to a score."""

    def __init__(self):
        self.rows = Embedding(3, 4, rng=rng())
        self.score = Linear(8, 1, rng=rng())

    def forward(self, x):
        return self.score([v for row in self.rows(x) for v in row])


class Branching(Module):
    """Not to be compiled: it looks at the number."""

    def __init__(self):
        self.slope = Value(0.5)

    def forward(self, x):
        return self.slope * x[0] if (self.slope * x[1]).data > 0 else -self.slope * x[1]


class Mixing(Module):
    """Compares each example with the mean of the batch, and has no statistics."""

    def __init__(self):
        self.w = Linear(2, 1, rng=rng())

    def forward(self, x):
        return self.w(x)

    def batch(self, xs):
        scores = [self.w(x)[0] for x in xs]
        return [score - 0.5 * mean(scores) for score in scores]


class Lengths(Module):
    """To be compiled for rows of one number alone."""

    def __init__(self):
        self.slope = Value(0.5)

    def forward(self, x):
        return self.slope * x[0] if len(x) == 1 or (self.slope * x[1]).data > 0 else -self.slope


def rmse(outputs, targets):
    return mse_loss(outputs, targets).sqrt()


def for_lists(outputs, targets):
    """A loss as students write it, which takes lists alone."""
    return sum((output - target) ** 2 for output, target in zip(outputs, targets)) / len(targets)


def by_hand(model, X, y, loss, optimizer, epochs, batch_size=16, clip=None, schedule=None):
    losses = []
    for epoch in range(epochs):
        order = list(range(len(X)))
        random.Random(f"0 {epoch}").shuffle(order)
        total = 0.0
        for start in range(0, len(X), batch_size):
            places = order[start : start + batch_size]
            value = loss(model.batch([X[i] for i in places]), [y[i] for i in places])
            optimizer.zero_grad()
            value.backward()
            if clip:
                clip_grad_norm_(optimizer.parameters, clip)
            optimizer.step()
            total += value.data * len(places)
        losses.append(total / len(X))
        if schedule:
            schedule.step()
    return losses


CASES = {
    "hinge": (mlp, X, SIGNS, hinge_loss),
    "binary": (mlp, X, Y, binary_cross_entropy_with_logits),
    "classes": (two_classes, X, Y, cross_entropy),
    "regression": (mlp, X, REGRESSION, mse_loss),
    "words": (Words, [[i % 3, i % 2] for i in range(40)], Y, binary_cross_entropy_with_logits),
    "not a mean": (mlp, X, SIGNS, rmse),
    "lists alone": (mlp, X, SIGNS, for_lists),
}


def close(ours, theirs):
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def numbers(model):
    return [p.data for p in model.parameters(frozen=True)]


@pytest.mark.parametrize("compiled", [False, True, "auto"])
@pytest.mark.parametrize("case", CASES)
def test_losses_and_weights_are_those_of_a_loop_written_by_hand(case, compiled):
    make, X, y, loss = CASES[case]
    expected, model = make(), make()
    losses = by_hand(expected, X, y, loss, Adam(expected.parameters(), lr=0.01), epochs=3)
    optimizer = Adam(model.parameters(), lr=0.01)
    history = fit(model, (X, y), loss, optimizer, 3, 16, compiled=compiled, progress=False)
    close(history.loss, losses)
    close(numbers(model), numbers(expected))
    assert len(set(losses)) == 3


@pytest.mark.parametrize("make", [with_norm, with_dropout, Branching, Mixing])
def test_models_that_mix_draw_or_branch_give_the_same(make):
    expected, model = make(), make()
    losses = by_hand(expected, X, SIGNS, hinge_loss, SGD(expected.parameters(), lr=0.1), epochs=2)
    history = fit(model, (X, SIGNS), hinge_loss, SGD(model.parameters(), lr=0.1), 2, 16, progress=False)
    close(history.loss, losses)
    for name, tensor in model.state_dict().items():
        close(np.ravel(tensor), np.ravel(expected.state_dict()[name]))


def test_batch_normalisation_compiled_keeps_its_statistics():
    states = []
    for compiled in (False, True):
        model = with_norm()
        optimizer = SGD(model.parameters(), lr=0.1)
        history = fit(model, (X, SIGNS), mse_loss, optimizer, 3, 16, compiled=compiled, validation=0.2, progress=False)
        flat = [number for tensor in model.state_dict().values() for number in np.ravel(tensor)]
        states.append([*history.loss, *history.validation_loss, *flat])
    close(states[1], states[0])


@pytest.mark.parametrize(
    ("make", "loss", "way"),
    [
        (mlp, hinge_loss, "loss_of_an_example"),
        (mlp, rmse, "loss_of_a_batch"),
        (mlp, for_lists, "loss_of_a_batch"),
        (Mixing, hinge_loss, "loss_of_a_batch"),
        (with_dropout, hinge_loss, "_plain"),
        (Branching, hinge_loss, "_plain"),
    ],
)
def test_each_model_and_loss_goes_the_fastest_way_it_can(make, loss, way):
    objective = Objective(make(), loss, "auto")
    objective(X, SIGNS)
    assert getattr(objective._strategy, "__self__", objective._strategy).__class__.__name__ in ("Compiled", "Objective")
    chosen = getattr(objective._strategy, "__self__", objective._strategy)
    assert getattr(chosen, "__name__", objective._strategy.__name__) == way


def test_a_loss_that_is_a_mean_for_the_first_weights_only_is_found_out():
    model = mlp()
    for p in model.parameters():
        p.data = 0.0  # every error is 1 or -1, and so is its root mean square
    objective = Objective(model, rmse, True)
    assert objective(X, SIGNS).data == pytest.approx(1.0)
    model.load_state_dict(mlp().state_dict())
    close(objective(X, SIGNS).data, rmse(model.batch(X), SIGNS).data)


def test_a_penalty_counts_once():
    model = mlp()

    def loss(outputs, targets):
        return mse_loss(outputs, targets) + 0.1 * l2_penalty(model.parameters())

    expected = loss(model.batch(X), SIGNS).data
    history = fit(model, (X, SIGNS), loss, SGD(model.parameters(), lr=0.1), 1, 40, compiled=True, progress=False)
    close(history.loss, [expected])


@pytest.mark.parametrize("make", [with_dropout, Branching])
def test_what_can_not_be_compiled_is_told_where_it_must_be(make):
    model = make()
    with pytest.raises(TraceError):
        fit(model, (X, SIGNS), hinge_loss, SGD(model.parameters()), 1, compiled=True, progress=False)


def test_what_can_not_be_compiled_may_come_later():
    rows = [[1.0]] * 4 + [[1.0, -1.0]] * 4
    losses = []
    for compiled in (False, "auto"):
        model = Lengths()
        loader = DataLoader(rows, [1.0] * 8, 4, ragged=True)
        optimizer = SGD(model.parameters(), lr=0.1)
        losses.append(fit(model, loader, mse_loss, optimizer, 2, compiled=compiled, progress=False).loss)
    close(*losses)
    with pytest.raises(TraceError):
        fit(model, loader, mse_loss, optimizer, compiled=True, progress=False)


def test_without_numba_auto_is_plain_and_silent(monkeypatch):
    monkeypatch.setattr("nn.training.objective.machine_is_available", lambda: False)
    monkeypatch.setattr("nn.training.objective.compile", None)
    model = mlp()
    fit(model, (X, SIGNS), hinge_loss, SGD(model.parameters()), 1, progress=False)


def test_a_falling_back_leaves_the_random_numbers_as_plain_finds_them():
    class Noisy(Module):
        def __init__(self):
            self.w = Value(1.0)

        def forward(self, x):
            return self.w * x[0] * random.random()

    losses = []
    for compiled in (False, "auto"):
        random.seed(4)
        model = Noisy()
        optimizer = SGD(model.parameters(), lr=0.1)
        losses.append(fit(model, (X, SIGNS), mse_loss, optimizer, 2, compiled=compiled, progress=False).loss)
    assert losses[0] == losses[1]


# Data.


class Frame:
    """What pandas' tables have that is used."""

    def __init__(self, numbers):
        self.numbers = np.array(numbers)

    def to_numpy(self):
        return self.numbers


@pytest.mark.parametrize("form", [tuple, np.array, Frame])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("make", "loss"), [(mlp, binary_cross_entropy_with_logits), (two_classes, cross_entropy)])
def test_arrays_and_tables_train_like_lists(form, compiled, make, loss):
    results = []
    for kind in (list, form):
        model = make()
        optimizer = SGD(model.parameters(), lr=0.1)
        data = kind(X), kind(Y)
        history = fit(model, data, loss, optimizer, 2, compiled=compiled, validation=0.25, progress=False)
        results.append([*history.loss, *history.validation_loss])
    close(*results)


def test_a_data_loader_keeps_its_own_size_and_order():
    seen = []

    def loss(outputs, targets):
        seen.append(list(targets))
        return mse_loss(outputs, targets)

    model = mlp()
    loader = DataLoader(X, list(range(40)), batch_size=10)
    fit(model, loader, loss, SGD(model.parameters(), lr=1e-6), 2, compiled=False, progress=False)
    assert seen[1:] == [list(range(i, i + 10)) for i in (0, 10, 20, 30)] * 2


def test_examples_of_different_lengths_come_in_a_ragged_loader():
    class Sum(Module):
        def __init__(self):
            self.w = Value(0.1)

        def forward(self, x):
            return self.w * sum(x)

    rows = [[1.0] * (1 + i % 3) for i in range(12)]
    losses = []
    for compiled in (False, True):
        model = Sum()
        loader = DataLoader(rows, [len(row) for row in rows], batch_size=5, ragged=True)
        optimizer = SGD(model.parameters(), lr=0.05)
        losses.append(fit(model, loader, mse_loss, optimizer, 3, compiled=compiled, progress=False).loss)
    close(*losses)


@pytest.mark.parametrize("compiled", [False, True])
def test_validation_measures_the_end_of_each_epoch_and_changes_nothing(compiled):
    X_train, X_test, y_train, y_test = train_test_split(X, SIGNS, 0.2, seed=7)
    expected, runs = [], []
    for given in (((X_train, y_train), (X_test, y_test)), ((X, SIGNS), 0.2), ((X_train, y_train), None)):
        model = mlp()
        optimizer = Adam(model.parameters(), lr=0.05)

        def measure(history):
            with no_grad():
                expected.append(mse_loss(history.model.batch(X_test), y_test).data)

        options = {"validation": given[1], "seed": 7, "compiled": compiled, "callbacks": measure, "progress": False}
        runs.append(fit(model, given[0], mse_loss, optimizer, 3, 5, **options))
    close(runs[0].validation_loss, expected[:3])
    close(runs[1].validation_loss, expected[:3])
    assert runs[0].loss == runs[1].loss == runs[2].loss
    assert runs[2].validation_loss == []


def test_the_model_trains_in_training_validates_out_of_it_and_is_left_as_it_was():
    class Watched(Module):
        def __init__(self):
            self.inner = Linear(2, 1, rng=rng())
            self.seen = []

        def forward(self, x):
            self.seen.append((self.training, self.inner.training, mode.get().recording))
            return self.inner(x)

    model = Watched()
    model.inner.eval()
    optimizer = SGD(model.parameters())
    fit(model, (X, SIGNS), mse_loss, optimizer, 2, 40, validation=(X[:5], SIGNS[:5]), compiled=False, progress=False)
    both, neither = (True, True, True), (False, False, False)
    assert model.seen == [neither] * 2 + ([both] * 40 + [neither] * 5) * 2  # two to try what fits together
    assert (model.training, model.inner.training) == (True, False)
    with pytest.raises(ZeroDivisionError):
        fit(model, (X, SIGNS), mse_loss, optimizer, callbacks=lambda history: 1 / 0, progress=False)
    assert (model.training, model.inner.training) == (True, False)


# What goes on beside the steps.


def test_a_schedule_steps_once_an_epoch():
    expected, model = mlp(), mlp()
    optimizers = [SGD(m.parameters(), lr=0.2) for m in (expected, model)]
    schedules = [CosineAnnealingLR(o, T_max=4) for o in optimizers]
    losses = by_hand(expected, X, SIGNS, mse_loss, optimizers[0], 4, schedule=schedules[0])
    history = fit(model, (X, SIGNS), mse_loss, optimizers[1], 4, 16, schedule=schedules[1], progress=False)
    close(history.loss, losses)
    close(history.lr, [0.1 * (1 + math.cos(math.pi * i / 4)) for i in range(4)])


@pytest.mark.parametrize("validation", [None, 0.2])
def test_a_plateau_is_one_of_the_validation_loss_if_there_is_one(validation):
    model = mlp()
    optimizer = SGD(model.parameters(), lr=0.05)
    schedule = ReduceLROnPlateau(optimizer)
    watched = []
    schedule.step = watched.append
    history = fit(model, (X, SIGNS), mse_loss, optimizer, 3, validation=validation, schedule=schedule, progress=False)
    assert watched == (history.validation_loss or history.loss)
    assert len(watched) == 3


def test_gradients_are_clipped():
    expected, model = mlp(), mlp()
    losses = by_hand(expected, X, SIGNS, mse_loss, SGD(expected.parameters(), lr=0.2), 2, clip=0.1)
    history = fit(model, (X, SIGNS), mse_loss, SGD(model.parameters(), lr=0.2), 2, 16, clip=0.1, progress=False)
    close(history.loss, losses)


@pytest.mark.parametrize("clip", [None, 0.1])
def test_a_step_is_one_call_of_machine_code(monkeypatch, clip):
    pytest.importorskip("numba", reason="without numba there is no machine code")
    done = []

    def counted(*args, minimize=FusedOptimizer.minimize):
        done.append(minimize(*args))
        return done[-1]

    monkeypatch.setattr(FusedOptimizer, "minimize", counted)
    expected, model = mlp(), mlp()
    losses = by_hand(expected, X, SIGNS, hinge_loss, Adam(expected.parameters(), lr=0.02), 4, clip=clip)
    optimizer = Adam(model.parameters(), lr=0.02)
    history = fit(model, (X, SIGNS), hinge_loss, optimizer, 4, 16, clip=clip, compiled=True, progress=False)
    close(history.loss, losses)
    close(numbers(model), numbers(expected))
    whole = [loss for loss in done if loss is not None]
    assert len(whole) == 7  # of 12: those that are compared with a plain run go bit by bit


class Given(Module):
    """A weight that an optimizer puts through a list of numbers, so that the validation loss is that list."""

    def __init__(self):
        self.w = Value(0.0)

    def forward(self, x):
        return self.w + 0.0 * x[0]


class Recited(SGD):
    def __init__(self, parameters, numbers):
        super().__init__(parameters)
        self.numbers = numbers

    def update(self, p, g, *memory):
        return (self.numbers[self.steps - 1], *memory)


def recited(numbers, epochs=None, **options):
    model = Given()
    history = fit(
        model, ([[1.0]], [0.0]), lambda outputs, targets: mse_loss(outputs, targets), Recited([model.w], numbers),
        epochs or len(numbers), validation=([[1.0]], [0.0]), compiled=False, progress=False, **options,
    )  # fmt: skip
    return model, history


class Counted(SGD):
    """An optimizer whose own `minimize` knows no `clip`."""

    def minimize(self, function, *args):
        self.calls = getattr(self, "calls", 0) + 1
        return super().minimize(function, *args)


@pytest.mark.parametrize("compiled", [True, False])
def test_an_optimizers_own_minimize_is_asked_for_no_more_than_it_must(compiled):
    model = Sequential(Linear(1, 1))
    optimizer = Counted(model.parameters(), lr=0.1)
    fit(model, ([[1.0], [2.0]], [[2.0], [4.0]]), mse_loss, optimizer, 5, compiled=compiled, progress=False)
    assert optimizer.calls >= 5
    with pytest.raises(TypeError, match="clip"):
        fit(model, ([[1.0], [2.0]], [[2.0], [4.0]]), mse_loss, optimizer, 1, clip=1.0, progress=False)


def test_early_stopping_gives_back_the_best_weights():
    model, history = recited([3.0, 1.0, 2.0, 2.0, 2.0, 0.5], early_stopping=3)
    assert history.validation_loss == [9.0, 1.0, 4.0, 4.0, 4.0]
    assert (model.w.data, history.best_epoch) == (1.0, 2)
    assert history.stopped == "no better validation loss for 3 epochs"
    model, history = recited([3.0, 1.0, 2.0, 2.0], early_stopping=3)
    assert (model.w.data, history.stopped) == (1.0, "")


def test_a_loss_must_be_better_by_more_than_min_delta_to_count():
    falling = [10.0, 9.99, 9.98, 9.97, 9.0]
    model, history = recited(falling, early_stopping=EarlyStopping(patience=2, min_delta=1.0))
    assert history.epoch == 3
    assert model.w.data == 9.98  # the best all the same
    assert recited(falling, early_stopping=EarlyStopping(2, min_delta=0.0))[1].epoch == 5


def test_early_stopping_begins_anew_with_each_training():
    stopping = EarlyStopping(2)
    for _ in range(2):
        assert recited([1.0, 2.0, 3.0, 4.0], early_stopping=stopping)[1].epoch == 3


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_is_never_better():
    model, history = recited([2.0, float("nan"), 3.0, 1.0], early_stopping=2)
    assert (model.w.data, history.best_epoch, history.epoch) == (2.0, 1, 3)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("patience", [None, 5])
def test_a_training_whose_weights_are_not_finite_any_more_is_stopped_and_said_to_be(compiled, patience, tmp_path):
    model, path = Linear(2, 1, rng=rng()), tmp_path / "run.json"
    optimizer = SGD(model.parameters(), lr=1e60)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(model, (X, SIGNS), mse_loss, optimizer, 20, 16, compiled=compiled, validation=0.2,
                      early_stopping=patience, checkpoint=path, progress=False)  # fmt: skip
    assert 2 <= history.epoch < 20
    assert math.isfinite(history.loss[0])
    assert not math.isfinite(history.loss[-1])
    assert history.stopped == f"the weights are no longer finite, in epoch {history.epoch}"
    advice = "create the model and the optimizer again, with a learning rate below 1e+60"
    assert str(caught[-1].message) == f"training was stopped: {history.stopped}; {advice}"
    assert caught[-1].filename == __file__
    assert sum("training was stopped" in str(warning.message) for warning in caught) == 1
    assert all(map(math.isfinite, numbers(model))) == (patience is not None)  # those of the best epoch
    assert len(json.loads(path.read_text())["history"]["loss"]) == history.epoch - 1


@pytest.mark.parametrize("compiled", [False, True])
def test_a_training_whose_loss_alone_is_not_finite_goes_on(compiled):
    model = mlp()
    before = numbers(model)
    history = fit(model, (X, SIGNS), lambda outputs, targets: mse_loss(outputs, targets) + math.inf,
                  SGD(model.parameters(), lr=0.1), 3, compiled=compiled, progress=False)  # fmt: skip
    assert (history.loss, history.stopped) == ([math.inf] * 3, "")
    assert before != numbers(model)
    assert all(map(math.isfinite, numbers(model)))


def test_callbacks_see_each_epoch_and_may_end_the_training():
    seen = []

    def stop(history):
        seen.append((history.epoch, history.model.training))
        return history.epoch == 3

    model = mlp()
    optimizer = SGD(model.parameters())
    for callbacks in (stop, [stop], iter([stop])):
        seen.clear()
        history = fit(model, (X, SIGNS), mse_loss, optimizer, 9, callbacks=callbacks, progress=False)
        assert seen == [(1, False), (2, False), (3, False)]
        assert history.stopped == "a callback returned True"
    history = fit(model, (X, SIGNS), mse_loss, optimizer, 3, callbacks=lambda history: "a picture", progress=False)
    assert (history.epoch, history.stopped) == (3, "")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_rests_in_the_loop_and_is_left_as_it_was(enabled):
    inside, outside = [], []

    class Asks(MLP):
        def batch(self, xs):
            inside.append((self.training, gc.isenabled()))
            return super().batch(xs)

    model = Asks(2, [1])
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        fit(model, (X, SIGNS), mse_loss, SGD(model.parameters()), 2, compiled=False, progress=False,
            callbacks=lambda history: outside.append(gc.isenabled()))  # fmt: skip
        assert {seen for seen in inside if seen[0]} == {(True, False)}
        assert outside == [enabled] * 2
        with pytest.raises(ZeroDivisionError):
            fit(model, (X, SIGNS), lambda o, t: mse_loss(o, t) if not model.training else 1 / 0,
                SGD(model.parameters()), compiled=False, progress=False)  # fmt: skip
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


# Interrupts.


class Interrupted(SGD):
    """Ctrl-C in the middle of the fifth update."""

    presses = 1
    updates = 0

    def update(self, p, g, *memory):
        self.updates += self.steps == 5
        if self.steps == 5 and self.presses and p == self.at:
            type(self).presses -= 1
            signal.raise_signal(signal.SIGINT)
        return super().update(p, g, *memory)

    def step(self):
        self.at = self.parameters[3].data
        super().step()


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_leaves_whole_weights_and_the_history_so_far():
    expected, model = mlp(), mlp()
    loader = DataLoader(X, SIGNS, 10, shuffle=True)
    optimizer = SGD(expected.parameters(), lr=0.1)
    for xs, ys in [*loader, *loader][:5]:
        optimizer.zero_grad()
        mse_loss(expected.batch(xs), ys).backward()
        optimizer.step()
    Interrupted.presses = 1
    optimizer = Interrupted(model.parameters(), lr=0.1)
    history = fit(model, (X, SIGNS), mse_loss, optimizer, 9, 10, compiled=False, progress=False)
    assert Interrupted.presses == 0
    assert (history.epoch, history.interrupted, history.stopped) == (1, True, "interrupted")
    assert numbers(model) == numbers(expected)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_interrupt_does_not_wait():
    Interrupted.presses = 2
    model = mlp()
    for p in model.parameters():
        p.data = 0.5  # the same, so that both presses fall into one update
    optimizer = Interrupted(model.parameters())
    with pytest.raises(KeyboardInterrupt):
        fit(model, (X, SIGNS), mse_loss, optimizer, 9, 10, compiled=False, progress=False)
    assert 2 <= optimizer.updates < 17
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("compiled", [False, True])
def test_an_interrupt_from_elsewhere_ends_the_training_too(compiled):
    def interrupt(history):
        if history.epoch == 2:
            raise KeyboardInterrupt

    model = mlp()
    history = fit(model, (X, SIGNS), mse_loss, SGD(model.parameters()), 9, compiled=compiled, callbacks=interrupt,
                  progress=False)  # fmt: skip
    assert (history.epoch, history.interrupted) == (2, True)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_in_a_callback_ends_the_training_after_the_epoch(tmp_path):
    model = mlp()
    path = tmp_path / "run.json"
    options = {"compiled": False, "checkpoint": path, "progress": False}
    history = fit(model, (X, SIGNS), mse_loss, SGD(model.parameters()), 1, **options,
                  callbacks=lambda history: signal.raise_signal(signal.SIGINT))  # fmt: skip
    assert (history.epoch, history.interrupted) == (1, True)
    assert json.loads(path.read_text())["history"]["loss"] == history.loss


def test_it_runs_in_a_thread_and_leaves_a_handler_of_ones_own_alone():
    results = []

    def run():
        model = mlp()
        results.append(fit(model, (X, SIGNS), mse_loss, SGD(model.parameters()), 2, compiled=False, progress=False))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    own = []
    before = signal.signal(signal.SIGINT, lambda *_: own.append(1))
    try:
        Interrupted.presses = 1
        model = mlp()
        history = fit(model, (X, SIGNS), mse_loss, Interrupted(model.parameters()), 2, 10, compiled=False,
                      progress=False)  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert own == [1]
    assert [run.epoch for run in (*results, history)] == [2, 2]


# What is shown.


def shown(**options):
    model = mlp()
    return fit(model, (X, SIGNS), mse_loss, SGD(model.parameters()), validation=0.2, compiled=False, **options)


def test_tqdm_shows_the_epoch_the_losses_and_the_time_left(capfd):
    history = shown(epochs=4)
    out, err = capfd.readouterr()
    last = err.rstrip().split("\r")[-1]
    assert out == ""
    assert last.startswith("epoch 4/4: 100%")
    assert f"loss={history.loss[-1]:.4g}, validation={history.validation_loss[-1]:.4g}" in last
    assert "<00:00" in last


def test_in_a_notebook_the_bar_has_no_red_ground(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # as in a kernel; what it writes to stderr has that ground
    shown(epochs=4)
    out, err = capfd.readouterr()
    assert "epoch 4/4: 100%" in out
    assert err == ""


def test_without_tqdm_there_are_some_lines(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    history = shown(epochs=50)
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert 15 <= len(lines) <= 20
    assert lines[-1] == f"epoch 50/50 loss {history.loss[-1]:.4g} validation {history.validation_loss[-1]:.4g} 0 s left"
    shown(epochs=3)
    assert len(capfd.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("tqdm", [True, False])
def test_silence(capfd, monkeypatch, tqdm):
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    shown(epochs=2, progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_history_is_a_table_and_a_dictionary():
    history = History()
    assert str(history) == "no epoch yet"
    history.add(NAN, None, 0.1, 0.25)
    assert history.best_epoch is None
    history.add(1.0, None, 0.1, 0.25)
    assert history.best_epoch == 2
    history = History()
    for i in range(100):
        history.add(1 / (i + 1), abs(i - 33) + 0.5, 0.1, 0.25)
    history.stopped = "enough"
    lines = str(history).splitlines()
    assert lines[0].split() == ["epoch", "loss", "validation", "lr", "seconds"]
    epochs = [int(line.split()[0]) for line in lines[1:-1]]
    assert (epochs[0], epochs[-1]) == (1, 100)
    assert epochs == sorted(set(epochs))
    assert len(epochs) == 13
    assert [line for line in lines if "★" in line] == ["   34  0.02941         0.5  0.1     0.25  ★"]
    assert lines[-1] == "100 epochs in 25 s; the best validation loss, 0.5, was at epoch 34; stopped: enough"
    plain = json.loads(json.dumps(history.to_dict()))
    assert (plain["best_epoch"], plain["stopped"], plain["interrupted"]) == (34, "enough", False)
    assert plain["validation_loss"] == history.validation_loss


# What does not fit together.

BAD = [
    (lambda m, o: fit(o, (X, Y), mse_loss, o), TypeError, "fit takes a Module, got <"),
    (lambda m, o: fit(m, X, mse_loss, o), TypeError, r"data must be a pair \(X, y\) or a DataLoader, got list; write"),
    (lambda m, o: fit(m, (X, Y, Y), mse_loss, o), TypeError, "takes one example at a time, got 2 arguments"),
    (lambda m, o: fit(m, (X, Y), "mse", o), TypeError, "loss must be a function of outputs and targets, got 'mse'"),
    (lambda m, o: fit(m, (X, Y), mse_loss, SGD), TypeError, r"write SGD\(model.parameters\(\), lr=0.1\)"),
    (
        lambda m, o: fit(m, (X, Y), mse_loss, SGD(mlp().parameters())),
        ValueError,
        "17 parameters, and none of them belongs to this",
    ),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, epochs=0), ValueError, "epochs must be a whole .* at least 1, got 0"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, epochs=2.5), ValueError, "got 2.5"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, 1, 0), ValueError, "batch_size must be a whole .* at least 1, got 0"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, compiled="yes"), ValueError, "True, False or 'auto', got 'yes'"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, clip=-1.0), ValueError, "clip must be a norm above 0, got -1.0"),
    (lambda m, o: fit(m, ([], []), mse_loss, o), ValueError, "X must hold at least one example, got none"),
    (lambda m, o: fit(m, (X, Y[:-1]), mse_loss, o), ValueError, "got 40 rows of X and 39 of y"),
    (lambda m, o: fit(m, ([*X[1:], [1.0, NAN]], Y), mse_loss, o), ValueError, "row 39 of X holds nan"),
    (lambda m, o: fit(m, (X, [*Y[1:], NAN]), mse_loss, o), ValueError, "row 39 of y holds nan"),
    (
        lambda m, o: fit(m, ([*X[1:], [1.0]], Y), mse_loss, o),
        ValueError,
        "row 39 of X holds 1 number, but row 0 holds 2",
    ),
    (lambda m, o: fit(m, ([[*x, 1.0] for x in X], Y), mse_loss, o), ValueError, "expects 2 inputs, got 3"),
    (lambda m, o: fit(m, (X, Y), hinge_loss, o), ValueError, "targets of -1 or 1, got 0; if your labels are 0 and 1"),
    (lambda m, o: fit(m, (X, [[y, y] for y in Y]), mse_loss, o), ValueError, r"shape \[1\] and .* \[1, 2\]"),
    (lambda m, o: fit(m, (X, Y), lambda a, b: a, o), TypeError, r"loss must give one Value, got \["),
    (lambda m, o: fit(m, DataLoader(X), mse_loss, o), ValueError, r"without y; write DataLoader\(X, y\)"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, validation=1.5), ValueError, "a share between 0 and 1.*, got 1.5"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, validation=X), TypeError, "validation must be a pair"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, validation=([[1.0]], [1])), ValueError, "expects 2 inputs, got 1"),
    (
        lambda m, o: fit(m, DataLoader(X, Y), mse_loss, o, validation=0.2),
        TypeError,
        "use train_test_split first",
    ),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, early_stopping=3), ValueError, "=3 watches a .*; add validation=0.2"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, early_stopping="3"), TypeError, "or an EarlyStopping, got '3'"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, early_stopping=0), ValueError, "patience must be .* at least 1, got 0"),
    (
        lambda m, o: fit(m, (X, Y), mse_loss, o, schedule=StepLR(SGD([Value(1.0)]), 1)),
        ValueError,
        "a schedule of this optimizer",
    ),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, schedule=StepLR), ValueError, r"write StepLR\(optimizer, ...\)"),
    (lambda m, o: fit(m, (X, Y), mse_loss, o, checkpoint="/not/there/a.json"), FileNotFoundError, "create /not/there"),
]


@pytest.mark.parametrize(("run", "error", "message"), BAD, ids=range(len(BAD)))
def test_what_does_not_fit_is_told_before_anything_is_changed(run, error, message, capfd):
    model = mlp()
    optimizer = SGD(model.parameters(), lr=0.1)
    before = numbers(model)
    with pytest.raises(error, match=message) as raised:
        run(model, optimizer)
    assert "\n" not in str(raised.value)
    assert (numbers(model), optimizer.steps, model.training) == (before, 0, True)
    assert capfd.readouterr() == ("", "")


def test_a_label_that_comes_late_is_found_before_the_first_step():
    model = two_classes()
    optimizer = SGD(model.parameters())
    with pytest.raises(IndexError, match="targets from 0 to 1, one for each logit, got 2"):
        fit(model, (X, [*Y[:-1], 2]), cross_entropy, optimizer, batch_size=1, progress=False)
    assert optimizer.steps == 0


def test_a_batch_of_one_is_too_small_for_batch_normalisation():
    model = with_norm()
    optimizer = SGD(model.parameters())
    with pytest.raises(
        ValueError, match=r"with 40 examples in mini-batches of 13 the last has only one; write .* drop_last=True"
    ):
        fit(model, (X, SIGNS), mse_loss, optimizer, batch_size=13, progress=False)
    loader = DataLoader(X, SIGNS, 13, drop_last=True)
    assert fit(model, loader, mse_loss, optimizer, 1, compiled=False, progress=False).epoch == 1


def test_a_notebook_without_widgets_is_not_told_so(monkeypatch):
    class Finder:
        """tqdm.auto warns at import that there are no widgets."""

        def find_spec(self, name, path=None, target=None):
            if name == "tqdm.auto":
                warnings.warn("IProgress not found", stacklevel=2)

    monkeypatch.delitem(sys.modules, "tqdm.auto", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert shown(epochs=1).epoch == 1
    assert "tqdm.auto" in sys.modules


@pytest.mark.parametrize("compiled", ["auto", False])
def test_what_a_callback_changes_counts_from_the_next_epoch(compiled):
    weight, model = [0.0], MLP(2, [3, 1], rng=random.Random(0))

    def loss(outputs, targets):
        return mse_loss(outputs, targets) + weight[0] * l2_penalty(model.parameters())

    optimizer = SGD(model.parameters(), lr=1e-9)
    data = [[0.5, 1.0], [1.0, -1.0]], [1.0, 0.0]
    history = fit(
        model, data, loss, optimizer, epochs=4, callbacks=lambda h: weight.__setitem__(0, 10.0), compiled=compiled,
        progress=False,
    )  # fmt: skip
    penalty = 10 * sum(p.data**2 for p in model.parameters())
    assert history.loss[1] == pytest.approx(history.loss[0] + penalty, rel=1e-6)
    assert history.loss[3] == pytest.approx(history.loss[1], rel=1e-6)


@pytest.mark.parametrize("compiled", ["auto", False])
@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_what_a_callback_changes_counts_however_long_the_loss_was_the_same(after, compiled):
    weight, model = [0.0], MLP(2, [3, 1], rng=random.Random(0))

    def loss(outputs, targets):
        return mse_loss(outputs, targets) + weight[0] * l2_penalty(model.parameters())

    def change(history):
        if history.epoch == after:
            weight[0] = 10.0

    optimizer = SGD(model.parameters(), lr=1e-9)
    data = [[0.5, 1.0], [1.0, -1.0]], [1.0, 0.0]
    history = fit(model, data, loss, optimizer, epochs=7, callbacks=change, compiled=compiled, progress=False)
    penalty = 10 * sum(p.data**2 for p in model.parameters())
    before, since = history.loss[:after], history.loss[after:]
    assert before == pytest.approx([history.loss[0]] * after, rel=1e-6)
    assert since == pytest.approx([history.loss[0] + penalty] * (7 - after), rel=1e-6)


def test_an_optimizer_of_the_model_as_it_was_before_is_refused():
    model = Sequential(Linear(2, 2), Linear(2, 1))
    optimizer = SGD(model.parameters(), lr=0.1)
    model[0].freeze()
    with pytest.raises(
        ValueError, match="created before the model was changed: some of its parameters are frozen or gone"
    ):
        fit(model, ([[1.0, 2.0]], [1.0]), mse_loss, optimizer, progress=False)
    model = MLP(2, [2, 1])
    optimizer = SGD(model.parameters(), lr=0.1)
    model.layers[1] = Linear(2, 1)
    with pytest.raises(ValueError, match="created before the model was changed"):
        fit(model, ([[1.0, 2.0]], [1.0]), mse_loss, optimizer, progress=False)


# Several mini-batches for each step.


def grouped(model, loader, loss, optimizer, epochs, k, clip=None, schedule=None):
    """By hand: the gradient of the mean over all examples of k mini-batches."""
    losses, norms = [], []
    for _ in range(epochs):
        batches, total = list(loader), 0.0
        for start in range(0, len(batches), k):
            group = batches[start : start + k]
            total += sum(loss(model.batch(xs), ys).data * len(ys) for xs, ys in group)
            optimizer.zero_grad()
            loss(model.batch([x for xs, _ in group for x in xs]), [y for _, ys in group for y in ys]).backward()
            if clip:
                norms.append(clip_grad_norm_(optimizer.parameters, clip))
            optimizer.step()
        losses.append(total / len(loader.X))
        if schedule:
            schedule.step()
    assert not clip or any(norm > clip for norm in norms)
    return losses


@pytest.mark.parametrize("compiled", [False, True, "auto"])
@pytest.mark.parametrize("case", ["hinge", "classes", "regression"])
@pytest.mark.parametrize(("batch_size", "k"), [(10, 2), (7, 2), (7, 4), (12, 3), (40, 2), (3, 100)])
def test_accumulated_gradients_are_those_of_one_larger_batch(case, batch_size, k, compiled):
    make, X, y, loss = CASES[case]
    expected, model = make(), make()
    losses = grouped(
        expected, DataLoader(X, y, batch_size, shuffle=True), loss, Adam(expected.parameters(), lr=0.02), 3, k
    )
    optimizer = Adam(model.parameters(), lr=0.02)
    history = fit(model, (X, y), loss, optimizer, 3, batch_size, accumulate=k, compiled=compiled, progress=False)
    close(history.loss, losses)
    close(numbers(model), numbers(expected))
    assert optimizer.steps == 3 * math.ceil(math.ceil(40 / batch_size) / k)


@pytest.mark.parametrize("compiled", [False, True])
def test_accumulating_the_whole_epoch_is_a_step_on_the_full_batch(compiled):
    whole, parts = mlp(), mlp()
    fit(whole, (X, SIGNS), hinge_loss, SGD(whole.parameters(), lr=0.3), 5, 40, compiled=compiled, progress=False)
    fit(parts, (X, SIGNS), hinge_loss, SGD(parts.parameters(), lr=0.3), 5, 9, accumulate=5, compiled=compiled,
        progress=False)  # fmt: skip
    close(numbers(parts), numbers(whole))


@pytest.mark.parametrize("compiled", [False, True])
def test_accumulated_gradients_are_clipped_together_and_a_schedule_steps_once_an_epoch(compiled):
    expected, model = mlp(), mlp()
    optimizers = [SGD(m.parameters(), lr=0.2, momentum=0.5) for m in (expected, model)]
    schedules = [StepLR(o, 2, 0.5) for o in optimizers]
    loader = DataLoader(X, SIGNS, 7, shuffle=True)
    losses = grouped(expected, loader, mse_loss, optimizers[0], 4, 2, 0.3, schedules[0])
    history = fit(model, (X, SIGNS), mse_loss, optimizers[1], 4, 7, clip=0.3, accumulate=2, schedule=schedules[1],
                  compiled=compiled, progress=False)  # fmt: skip
    close(history.loss, losses)
    close(history.lr, [0.2, 0.2, 0.1, 0.1])
    close(numbers(model), numbers(expected))


def test_accumulating_trains_with_batch_normalisation_and_resumes(tmp_path):
    states = []
    for epochs in ([4], [2, 4]):
        path = tmp_path / f"{len(epochs)}.json"
        for end in epochs:
            model = with_norm()
            history = fit(model, (X, SIGNS), mse_loss, SGD(model.parameters(), lr=0.1), end, 8, accumulate=3,
                          checkpoint=path, progress=False)  # fmt: skip
        states.append((history.loss, model.state_dict()))
    assert states[0] == states[1]
    assert states[0][1]["1.num_batches_tracked"] == 20


# Losses that are no mean over the examples, with some labels only.


@pytest.mark.parametrize(
    "options", [{"weight": [1.0, 5.0]}, {"ignore_index": 1}, {"label_smoothing": 0.1, "weight": [3.0, 1.0]}]
)
@pytest.mark.parametrize("compiled", [False, True, "auto"])
def test_class_weights_and_ignored_labels_are_the_same_plain_and_compiled(options, compiled):
    labels = [0] * 16 + Y[16:]  # the first mini-batch does not tell that the classes differ

    def loss(outputs, targets):
        return cross_entropy(outputs, targets, **options)

    results = []
    for way in (False, compiled):
        model = two_classes()
        loader = DataLoader(X, labels, 16)
        history = fit(model, loader, loss, SGD(model.parameters(), lr=0.1), 3, validation=loader, compiled=way,
                      progress=False)  # fmt: skip
        results.append([*history.loss, *history.validation_loss, *numbers(model)])
    close(*results)
    assert all(map(math.isfinite, results[0]))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", [list, np.array])
def test_rows_of_probabilities_train(kind, compiled):
    results = []
    for one_hot in (lambda y: [1 - y, y], lambda y: [1.0 - y, float(y)]):
        model = two_classes()
        data = kind(X), kind([one_hot(y) for y in Y])
        history = fit(model, data, cross_entropy, SGD(model.parameters(), lr=0.1), 2, compiled=compiled, progress=False)
        results.append(history.loss)
    model = two_classes()
    history = fit(model, (X, Y), cross_entropy, SGD(model.parameters(), lr=0.1), 2, compiled=compiled, progress=False)
    close(results[0], history.loss)
    close(results[1], history.loss)


# What a callback changes where no guard can see it.


def test_after_callbacks_compiled_code_is_checked_anew():
    pytest.importorskip("numba", reason="without numba there is no machine code")
    strength = contextvars.ContextVar("strength", default=0.0)  # no guard follows it
    model = mlp()

    def loss(outputs, targets):
        return mse_loss(outputs, targets) + strength.get() * l2_penalty(model.parameters())

    def change(history):
        strength.set(10.0 if history.epoch == 4 else strength.get())

    history = fit(model, (X, SIGNS), loss, SGD(model.parameters(), lr=1e-9), 6, 20, callbacks=change, progress=False)
    penalty = 10 * sum(p.data**2 for p in model.parameters())
    assert history.loss[3] == pytest.approx(history.loss[0], rel=1e-6)
    assert history.loss[4] == pytest.approx(history.loss[0] + penalty, rel=1e-6)


@pytest.mark.parametrize("share", [np.float32(0.25), np.float64(0.25), Fraction(1, 4)])
def test_a_share_to_validate_on_may_be_any_number(share):
    model = mlp()
    history = fit(model, (X, SIGNS), mse_loss, SGD(model.parameters()), 1, validation=share, compiled=False,
                  progress=False)  # fmt: skip
    assert len(history.validation_loss) == 1


def test_a_history_takes_numbers_for_each_epoch_and_nothing_else():
    history = History()
    history.add(1.0, 2.0, 0.1, 0.5)
    before = history.state_dict()
    for change in ({"loss": 1.0}, {"loss": [1.0, 2.0]}, {"lr": ["a"]}, {"seconds": []}, {"validation_loss": [1, 2]},
                   {"lr": [10**400]}, {"lr": [None]}, {"lr": [True]}, {"more": []}):  # fmt: skip
        with pytest.raises(ValueError, match="a History"):
            history.load_state_dict({**before, **change})
        assert history.state_dict() == before
    for state in (None, [], {}):
        with pytest.raises(ValueError, match="a History takes a state of loss, validation_loss, lr, seconds"):
            history.load_state_dict(state)
    again = History()
    again.load_state_dict({**before, "loss": [math.inf], "validation_loss": []})
    assert (again.loss, again.validation_loss) == ([math.inf], [])
