"""Whole training runs against PyTorch's, which `data/make_torch_training.py` wrote down: 20 steps of every optimizer
with every loss, with schedules, clipping, batch normalisation and penalties; in each of the ways to train.
"""

import inspect
import json

import numpy as np
import pytest

import nn
from engine import compile, no_grad
from nn import DataLoader, Optimizer, ReduceLROnPlateau, Schedule, Sequential, fit, losses
from nn.optim import clipping
from tests.paths import DATA

TORCH = json.loads((DATA / "torch_training.json").read_text())
RUNS, ROWS, EPOCHS, BATCH = TORCH["runs"], TORCH["rows"], TORCH["epochs"], TORCH["batch_size"]


def started(name):
    """The model with PyTorch's first weights, its loss, the optimizer, and the schedule if there is one."""
    run = RUNS[name]
    made = TORCH["models"][run["model"]]
    model = Sequential(*(getattr(nn, kind)(*options) for kind, *options in made["members"]))
    model.load_state_dict(made["state"])
    kind, options = run["optimizer"]
    optimizer = getattr(nn, kind)(model.parameters(), **options)
    kind, options = run["schedule"] or (None, {})
    schedule = getattr(nn, kind)(optimizer, **options) if kind else None

    def loss(outputs, targets):
        value = getattr(nn, run["loss"])(outputs, targets)
        kind, factor = run["penalty"] or (None, 0.0)
        return value + factor * getattr(nn, kind)(model.parameters()) if kind else value

    return model, loss, optimizer, schedule


# What gives the loss of a mini-batch to learn from, and the loss of examples to measure on.


def plain(model, loss):
    def of_batch(xs, ys):
        return loss(model.batch(xs), ys)

    return of_batch, of_batch


def compiled(model, loss):
    of_batch, _ = plain(model, loss)
    norms = [member for member in model if isinstance(member, nn.BatchNorm1d)]
    if not norms:
        whole = compile(of_batch)
        return whole, whole
    [norm] = norms
    with_statistics = compile(lambda xs, ys: (of_batch(xs, ys), norm.latest), aux=True)

    def learning(xs, ys):
        value, statistics = with_statistics(xs, ys)
        norm.update(statistics, len(xs))
        return value

    return learning, compile(of_batch)


def in_lanes(model, loss):
    mean = compile(lambda x, y: loss(model(x), y)).mean
    return mean, mean


def stepped(name, way, minimized=False):
    """The numbers of the run, named as they are stored."""
    model, loss, optimizer, schedule = started(name)
    learning, measuring = way(model, loss)
    clip, limit = RUNS[name]["clip"] or (None, 0.0)
    data = ROWS, TORCH["targets"][RUNS[name]["loss"]]
    if way is in_lanes and minimized:  # once of lists, once of arrays
        data = [*map(np.array, data)]
    found = {"losses": [], "lrs": [], "norms": [], "evaluated": []}
    for _ in range(EPOCHS):
        model.train()
        for xs, ys in DataLoader(*data, BATCH):
            found["lrs"].append(optimizer.lr)
            if minimized:
                found["losses"].append(optimizer.minimize(learning, xs, ys))
                continue
            value = learning(xs, ys)
            optimizer.zero_grad()
            value.backward()
            norm = getattr(nn, clip)(model.parameters(), limit) if clip else None
            found["norms"] += [] if norm is None else [norm]
            optimizer.step()
            found["losses"].append(value.data)
        model.eval()
        with no_grad():
            found["evaluated"].append(measuring(*data).data)
        if schedule is not None:
            schedule.step(*found["evaluated"][-1:] if isinstance(schedule, ReduceLROnPlateau) else ())
    return found


def precisely(numbers):
    return pytest.approx(numbers, rel=1e-9, abs=0.0)


def check(name, found):
    assert [len(numbers) for numbers in found.values()][:2] == [20, 20]
    for key, numbers in found.items():
        assert numbers == precisely(RUNS[name][key]), key


ONE_BY_ONE = [name for name, run in RUNS.items() if run["model"].startswith("plain")]  # no example matters to another
WHOLE_STEPS = [
    (name, way)
    for name, run in RUNS.items()
    for way in (plain, compiled, in_lanes)
    if run["clip"] is None and (way is not in_lanes or name in ONE_BY_ONE)
]


@pytest.mark.parametrize("way", [plain, compiled])
@pytest.mark.parametrize("name", RUNS)
def test_losses_learning_rates_and_norms_are_pytorchs(name, way):
    check(name, stepped(name, way))


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_they_are_pytorchs_in_lanes(name):
    check(name, stepped(name, in_lanes))


@pytest.mark.parametrize(("name", "way"), WHOLE_STEPS)
def test_they_are_pytorchs_when_a_step_is_one_call(name, way):
    check(name, stepped(name, way, minimized=True))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if (run["clip"] or [""])[0] != "clip_grad_value_"])
def test_fit_has_pytorchs_history(name, compiled):
    run, (model, loss, optimizer, schedule) = RUNS[name], started(name)
    data = DataLoader(ROWS, TORCH["targets"][run["loss"]], BATCH)
    clip = run["clip"] and run["clip"][1]
    history = fit(
        model, data, loss, optimizer, EPOCHS, validation=data, schedule=schedule, clip=clip, compiled=compiled,
        progress=False,
    )  # fmt: skip
    first, last = BATCH, len(ROWS) - BATCH
    pairs = zip(run["losses"][::2], run["losses"][1::2])
    assert history.loss == precisely([(a * first + b * last) / len(ROWS) for a, b in pairs])
    assert history.validation_loss == precisely(run["evaluated"])
    assert history.lr == precisely(run["lrs"][::2])


def kinds(base):
    """The names of all that nn has of a kind."""
    classes = [thing for thing in vars(nn).values() if inspect.isclass(thing)]
    return {each.__name__ for each in classes if issubclass(each, base) and each is not base}


def functions(module):
    """The names of the functions that nn has from one of its files."""
    return {name for name in nn.__all__ if getattr(getattr(nn, name), "__module__", "") == module.__name__}


def test_every_optimizer_meets_every_loss_and_everything_else():
    penalties = {run["penalty"][0] for run in RUNS.values() if run["penalty"]}
    assert penalties == {"l1_penalty", "l2_penalty"}
    met = {}
    for run in RUNS.values():
        kind, options = run["optimizer"]
        seen = met.setdefault(kind, {})
        named = {part: run[part] and run[part][0] for part in ("schedule", "clip")}
        for part, name in {**named, "loss": run["loss"], "model": run["model"].split(",")[0]}.items():
            seen.setdefault(part, set()).add(name)
        seen.setdefault("options", set()).update(options)
    assert met.keys() == kinds(Optimizer)
    for kind, seen in met.items():
        assert seen["loss"] == functions(losses) - penalties
        assert seen["schedule"] == {None} | kinds(Schedule) - {"CosineAnnealingWarmRestarts", "SequentialLR"}
        assert seen["clip"] == {None} | functions(clipping)
        assert seen["model"] == {"plain", "normalised"}
        parameters = {*inspect.signature(getattr(nn, kind)).parameters} - {"parameters"}
        assert parameters - seen["options"] <= ({"betas", "eps"} if kind == "AdamW" else set())  # Adam's, which it is


def test_in_the_runs_something_happens():
    for name, run in RUNS.items():
        assert run["evaluated"][-1] < run["evaluated"][0], name
        assert len(set(run["lrs"])) >= (3 if run["schedule"] else 1), name
    above = [norm > run["clip"][1] for run in RUNS.values() for norm in run["norms"]]
    assert 100 < sum(above) < len(above) - 50
