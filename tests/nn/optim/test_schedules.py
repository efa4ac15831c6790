"""Learning rates against PyTorch's over 40 steps, saved and resumed, and what schedules refuse."""

import json

import pytest

import nn
from engine import Value
from nn import (
    SGD,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)
from tests.paths import DATA

KINDS = (StepLR, LinearLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, ReduceLROnPlateau, SequentialLR)
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


def sequence(name):
    run, steps = TORCH["sequences"][name], optimizer()
    made = [getattr(nn, kind)(steps, **options) for kind, options in run["schedules"]]
    return steps, SequentialLR(steps, made, run["milestones"])


@pytest.mark.parametrize("name", TORCH["sequences"])
def test_learning_rates_in_sequence_are_pytorchs(name):
    steps, schedule = sequence(name)
    rates = [steps.lr]
    for _ in range(40):
        schedule.step()
        rates.append(steps.lr)
    assert rates == pytest.approx(TORCH["sequences"][name]["rates"], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", TORCH["sequences"])
@pytest.mark.parametrize("stop", [0, 1, 8, 9, 10, 25])
def test_resumed_sequences_give_the_same_bits(name, stop):
    steps, schedule = sequence(name)
    for _ in range(stop):
        schedule.step()
    state = json.loads(json.dumps(schedule.state_dict(), allow_nan=False))
    again, resumed = sequence(name)
    resumed.load_state_dict(state)
    for _ in range(stop, 40):
        assert again.lr == steps.lr
        schedule.step()
        resumed.step()
    assert again.lr == steps.lr
    assert resumed.state_dict() == schedule.state_dict()


def test_sequences_may_be_parts_of_sequences():
    steps = optimizer(1.0)
    inner = SequentialLR(steps, [StepLR(steps, 1, 0.5), StepLR(steps, 1, 0.1)], [2])
    schedule = SequentialLR(steps, [LinearLR(steps, 0.5, total_iters=1), inner], [2])
    rates = [steps.lr]
    for _ in range(6):
        schedule.step()
        rates.append(steps.lr)
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.5, 1.0, 0.1, 0.01])


def test_a_loss_below_0_is_better_if_it_is_farther_from_0():
    for mode, sign in (("min", -1.0), ("max", 1.0)):  # -1 is a plateau, whichever end is better
        steps = optimizer(1.0)
        schedule = ReduceLROnPlateau(steps, mode, patience=2)
        for _ in range(8):
            schedule.step(-1.0)
        assert steps.lr == pytest.approx(0.01)
        for by, changed in ((1.5, False), (0.5, True)):  # by 15 %, and by 5
            steps = optimizer(1.0)
            schedule = ReduceLROnPlateau(steps, mode, patience=0, threshold=0.1)
            schedule.step(-10.0)
            schedule.step(-10.0 + sign * by)
            assert (steps.lr < 1) is changed
    steps = optimizer(1.0)
    schedule = ReduceLROnPlateau(steps, patience=0)
    for t in range(8):
        schedule.step(-1.0 - t)
    assert steps.lr == 1.0


@pytest.mark.parametrize(("mode", "sign"), [("min", -1.0), ("max", 1.0)])
@pytest.mark.parametrize("start", [-10.0, -0.05, 0.0, 0.05, 10.0])
def test_an_absolute_threshold_is_the_same_everywhere(mode, sign, start):
    for step, changed in ((0.11, False), (0.09, True)):
        steps = optimizer(1.0)
        schedule = ReduceLROnPlateau(steps, mode, patience=0, threshold=0.1, threshold_mode="abs")
        schedule.step(start)
        schedule.step(start + sign * step)
        assert (steps.lr < 1) is changed


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
        lambda o: CosineAnnealingWarmRestarts(o, 3),
    ],
)
def test_a_schedule_does_not_begin_where_another_has_ended_at_0(make):
    steps = optimizer(0.4)
    schedule = CosineAnnealingLR(steps, 3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(
        ValueError, match=r"\w+ starts from .* learning rate, which is 0, .*; write optimizer.lr = 0.4 fir"
    ):
        make(steps)
    assert steps.lr == 0
    steps.lr = 0.4
    again = make(steps)
    assert steps.lr > 0
    for _ in range(3):  # the first schedule is still the one that it was
        schedule.step()
    assert again.steps == 0


def in_sequence(given, milestones, make=False):
    """A sequence of StepLRs where a 1 is given."""
    steps = optimizer()
    made = [StepLR(steps, 1) if each == 1 else each(steps) if make else each for each in given] if given else given
    return SequentialLR(steps, made, milestones)


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
        (lambda: ReduceLROnPlateau(optimizer(), threshold_mode="all"), ValueError, "threshold_mode must be 'rel' or"),
        (lambda: CosineAnnealingWarmRestarts(optimizer(), 0), ValueError, "T_0 must be a whole number of at least 1"),
        (lambda: CosineAnnealingWarmRestarts(optimizer(), 2, 1.5), ValueError, "T_mult must be a whole number of at"),
        (lambda: CosineAnnealingWarmRestarts(optimizer(), 2, 1, -1), ValueError, "eta_min must be at least 0, got -1"),
        (lambda: in_sequence([], []), ValueError, r"milestones must be 0 rising .* one fewer .* \(0\), got \[\]"),
        (
            lambda: in_sequence(None, []),
            TypeError,
            r"takes a list of schedules, got None; write SequentialLR\(optimizer",
        ),
        (lambda: in_sequence([StepLR], []), TypeError, "takes a list of schedules"),
        (
            lambda: in_sequence([1, 1], [0]),
            ValueError,
            r"milestones must be 1 rising whole numbers above 0, .*got \[0\]",
        ),
        (lambda: in_sequence([1, 1], []), ValueError, r"one fewer than there are schedules \(2\), got \[\]"),
        (lambda: in_sequence([1, 1], 5), ValueError, "milestones must be 1 rising .*, got 5"),
        (lambda: in_sequence([1, 1, 1], [4, 4]), ValueError, r"rising whole numbers .*, got \[4, 4\]"),
        (lambda: in_sequence([1, 1], [2.0]), ValueError, r"rising whole numbers .*, got \[2.0\]"),
        (lambda: in_sequence([ReduceLROnPlateau], [], True), ValueError, "no ReduceLROnPlateau, which needs a loss"),
        (lambda: in_sequence([StepLR(optimizer(), 1)], []), ValueError, "of its optimizer, got a StepLR of another"),
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


SCHEDULES = {
    "steps": lambda o: StepLR(o, 3),
    "linear": lambda o: LinearLR(o),
    "cosine": lambda o: CosineAnnealingLR(o, 3),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 3),
    "plateau": lambda o: ReduceLROnPlateau(o),
    "sequence": lambda o: SequentialLR(o, [LinearLR(o), StepLR(o, 3)], [2]),
}
WRONG = ["a", None, [1.0], -1, float("nan"), 10**400, True, {}]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_state_is_checked_as_settings_are_and_nothing_is_changed(name):
    steps = optimizer()
    schedule = SCHEDULES[name](steps)
    before = schedule.state_dict()
    refused = 0
    for key in before:
        for wrong in WRONG:
            if key == "best" and wrong in (None, -1):
                continue
            with pytest.raises((ValueError, TypeError)):
                schedule.load_state_dict({**before, key: wrong})
            refused += 1
            assert schedule.state_dict() == before
    assert refused >= 8 * 4
    for state in (None, [], "state", {}, {**before, "optimizer": 1}):
        with pytest.raises(ValueError, match="takes a state of base_lr, steps"):
            schedule.load_state_dict(state)
    assert (schedule.state_dict(), schedule.optimizer) == (before, steps)
    schedule.load_state_dict(json.loads(json.dumps({**before, "lr": 0.0})))  # where a cosine ends
    assert steps.lr == 0.0


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("restarts", {"T_cur": 3}),
        ("restarts", {"T_i": 0}),
        ("linear", {"start_factor": 0}),
        ("linear", {"start_factor": 1.5}),
        ("plateau", {"mode": "less"}),
        ("plateau", {"threshold_mode": "less"}),
        ("plateau", {"factor": 2.0}),
        ("steps", {"step_size": 0}),
        ("steps", {"base_lr": 0.0}),
        ("steps", {"lr": float("inf")}),
        ("sequence", {"milestones": [3]}),
        ("sequence", {"schedulers": [{}, {}]}),
        ("sequence", {"schedulers": []}),
    ],
)
def test_a_state_out_of_range_is_refused(name, change):
    schedule = SCHEDULES[name](optimizer())
    before = schedule.state_dict()
    with pytest.raises(ValueError, match=r"must be|has|takes"):
        schedule.load_state_dict({**before, **change})
    assert schedule.state_dict() == before


def test_a_refused_part_of_a_sequence_leaves_the_others_alone():
    _, schedule = sequence("all of them")
    state = json.loads(json.dumps(schedule.state_dict()))
    state["schedulers"][0]["steps"], state["schedulers"][-1]["T_max"] = 7, -3
    before = schedule.state_dict()
    with pytest.raises(ValueError, match="T_max must be a whole number of at least 1, got -3"):
        schedule.load_state_dict(state)
    assert schedule.state_dict() == before


def test_a_refused_warm_up_leaves_the_learning_rate_alone():
    steps = optimizer()
    with pytest.raises(ValueError, match="total_iters"):
        LinearLR(steps, total_iters=-1)
    assert steps.lr == TORCH["lr"]


def test_every_schedule_is_a_schedule():
    assert all(issubclass(kind, Schedule) for kind in KINDS)
