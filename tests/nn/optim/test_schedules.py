"""Learning rates against PyTorch's over 40 steps, saved and resumed, and what schedules refuse."""

import json

import pytest

import nn
from engine import Value
from nn import SGD, CosineAnnealingLR, LinearLR, ReduceLROnPlateau, Schedule, StepLR
from tests.paths import DATA

TORCH = json.loads((DATA / "torch_schedules.json").read_text())


def optimizer(lr=TORCH["lr"]):
    return SGD([Value(0.0)], lr=lr)


def started(name):
    """An optimizer, its schedules, and who takes which step."""
    run, steps = TORCH["runs"][name], optimizer()
    return steps, [getattr(nn, kind)(steps, **options) for kind, options in run["schedules"]], run["turns"]


@pytest.mark.parametrize("name", TORCH["runs"])
def test_learning_rates_are_pytorchs(name):
    steps, schedules, turns = started(name)
    rates = [steps.lr]
    for turn in turns:
        for i in turn:
            schedules[i].step()
        rates.append(steps.lr)
    assert len(rates) == 41
    assert rates == pytest.approx(TORCH["runs"][name]["rates"], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", TORCH["plateaus"])
def test_learning_rates_on_a_plateau_are_pytorchs(name):
    run, steps = TORCH["plateaus"][name], optimizer()
    schedule = ReduceLROnPlateau(steps, **run["options"])
    rates = []
    for x in run["measured"]:
        schedule.step(x)
        rates.append(steps.lr)
    assert rates == pytest.approx(run["rates"], rel=1e-12)


def test_a_plateau_takes_a_loss_as_a_value():
    steps = optimizer(1.0)
    schedule = ReduceLROnPlateau(steps, patience=0)
    for x in (2.0, 2.0):
        schedule.step(Value(x) * 1.0)
    assert (steps.lr, schedule.best) == (0.1, 2.0)


@pytest.mark.parametrize("name", TORCH["runs"])
@pytest.mark.parametrize("stop", [0, 1, 5, 17])
def test_resumed_schedules_give_the_same_bits(name, stop):
    steps, schedules, turns = started(name)
    for turn in turns[:stop]:
        for i in turn:
            schedules[i].step()
    saved = json.dumps([schedule.state_dict() for schedule in schedules], allow_nan=False)
    again, resumed, _ = started(name)
    for schedule, state in zip(resumed, json.loads(saved)):
        schedule.load_state_dict(state)
    for turn in turns[stop:]:
        assert again.lr == steps.lr
        for i in turn:
            schedules[i].step()
            resumed[i].step()
    assert again.lr == steps.lr
    assert [schedule.state_dict() for schedule in resumed] == [schedule.state_dict() for schedule in schedules]


@pytest.mark.parametrize("stop", [0, 3, 8, 20])
def test_a_resumed_plateau_gives_the_same_bits(stop):
    options = {"patience": 1, "cooldown": 2, "factor": 0.5}
    measured = [1 / (1 + t) if t < 5 else 0.25 for t in range(40)]
    steps, again = optimizer(), optimizer()
    schedule, resumed = ReduceLROnPlateau(steps, **options), ReduceLROnPlateau(again)
    for x in measured[:stop]:
        schedule.step(x)
    resumed.load_state_dict(json.loads(json.dumps(schedule.state_dict(), allow_nan=False)))
    for x in measured[stop:]:
        schedule.step(x)
        resumed.step(x)
        assert again.lr == steps.lr
    assert steps.lr < 0.01
    assert resumed.state_dict() == schedule.state_dict()


def test_a_state_names_neither_optimizer_nor_parameters():
    state = StepLR(optimizer(), 3).state_dict()
    assert state == {"base_lr": 0.3, "steps": 0, "step_size": 3, "gamma": 0.1, "lr": 0.3}


def test_a_learning_rate_set_by_hand_is_gone_on_from():
    steps = optimizer(1.0)
    schedule = StepLR(steps, 1, gamma=0.5)
    schedule.step()
    steps.lr = 8.0
    schedule.step()
    assert steps.lr == 4.0


@pytest.mark.parametrize(
    "make",
    [
        lambda o: CosineAnnealingLR(o, 3),
        lambda o: StepLR(o, 3),
        lambda o: LinearLR(o),
        lambda o: ReduceLROnPlateau(o),
    ],
)
def test_a_schedule_does_not_begin_where_another_has_ended_at_0(make):
    steps = optimizer(0.4)
    schedule = CosineAnnealingLR(steps, 3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(
        ValueError, match=r"LR\w* starts from .* learning rate, which is 0, .*; write optimizer.lr = 0.4 fir"
    ):
        make(steps)
    assert steps.lr == 0
    steps.lr = 0.4
    again = make(steps)
    assert steps.lr > 0
    for _ in range(3):  # the first schedule is still the one that it was
        schedule.step()
    assert again.steps == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StepLR([Value(1.0)], 3), TypeError, r"StepLR takes an optimizer, got \[.*write StepLR\(SGD\("),
        (lambda: StepLR(optimizer(), 0), ValueError, "step_size must be a whole number of at least 1, got 0"),
        (lambda: StepLR(optimizer(), 2.0), ValueError, "step_size must be a whole number of at least 1, got 2.0"),
        (lambda: StepLR(optimizer(), 1, gamma=0), ValueError, "gamma must be above 0, got 0"),
        (lambda: CosineAnnealingLR(optimizer(), 0), ValueError, "T_max must be a whole number of at least 1"),
        (lambda: CosineAnnealingLR(optimizer(), 5, -1), ValueError, "eta_min must be at least 0, got -1"),
        (lambda: LinearLR(optimizer(), 0), ValueError, "start_factor must be above 0, and at most 1, got 0"),
        (lambda: LinearLR(optimizer(), end_factor=1.5), ValueError, "end_factor must be from 0 to 1, got 1.5"),
        (lambda: LinearLR(optimizer(), total_iters=0), ValueError, "total_iters must be a whole number of at least 1"),
        (lambda: ReduceLROnPlateau(optimizer(), "less"), ValueError, "mode must be 'min' or 'max', got 'less'"),
        (lambda: ReduceLROnPlateau(optimizer(), factor=1), ValueError, "factor must be between 0 and 1, got 1"),
        (lambda: ReduceLROnPlateau(optimizer(), patience=-1), ValueError, "patience must be a whole number of at leas"),
        (lambda: ReduceLROnPlateau(optimizer(), threshold=-1), ValueError, "threshold must be at least 0, got -1"),
        (lambda: ReduceLROnPlateau(optimizer(), cooldown=0.5), ValueError, "cooldown must be a whole number"),
        (lambda: ReduceLROnPlateau(optimizer(), min_lr=-1), ValueError, "min_lr must be at least 0, got -1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_state_of_another_schedule_is_refused():
    state = StepLR(optimizer(), 3).state_dict()
    steps = optimizer(0.7)
    with pytest.raises(
        ValueError, match=r"LinearLR takes a state of base_lr, steps, start_factor.*; got base_lr, .*ga"
    ):
        LinearLR(steps, 1.0).load_state_dict(state)
    assert steps.lr == 0.7


def test_a_refused_warm_up_leaves_the_learning_rate_alone():
    steps = optimizer()
    with pytest.raises(ValueError, match="total_iters"):
        LinearLR(steps, total_iters=-1)
    assert steps.lr == TORCH["lr"]


def test_every_schedule_is_a_schedule():
    assert all(issubclass(kind, Schedule) for kind in (StepLR, LinearLR, CosineAnnealingLR, ReduceLROnPlateau))
