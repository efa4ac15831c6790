"""Checkpoints: ten epochs are five and five in another process, bit for bit, or one error and nothing changed."""

import json
import os
import random
import stat
import subprocess
import sys

import numpy as np
import pytest

from engine import Value
from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm1d,
    Conv2d,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    DataLoader,
    Dropout,
    EarlyStopping,
    Flatten,
    LayerNorm,
    Linear,
    LinearLR,
    Module,
    ReduceLROnPlateau,
    ReLU,
    Sequential,
    SequentialLR,
    StepLR,
    Tanh,
    fit,
    l1_loss,
    moons,
    mse_loss,
)
from tests.paths import ROOT

X, Y = moons(30, seed=3)


def plain_mlp():
    return MLP(2, [4, 1], rng=random.Random(5))


def with_dropout():
    r = random.Random(5)
    return Sequential(
        Linear(2, 4, rng=r), BatchNorm1d(4), ReLU(), Dropout(0.3), Linear(4, 4, rng=r),
        Dropout(0.2, rng=random.Random(2)), Linear(4, 1, rng=r),
    )  # fmt: skip


OPTIMIZERS = {
    "momentum": lambda parameters: SGD(parameters, lr=0.05, momentum=0.9),
    "adam": lambda parameters: Adam(parameters, lr=0.05),
}
SCHEDULES = {
    "none": lambda optimizer: None,
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=6),
    "plateau": lambda optimizer: ReduceLROnPlateau(optimizer, patience=1, threshold=0.2),
    "restarts": lambda optimizer: CosineAnnealingWarmRestarts(optimizer, 2, 2),
    "sequence": lambda optimizer: SequentialLR(
        optimizer, [LinearLR(optimizer, total_iters=3), StepLR(optimizer, 2)], [4]
    ),
}


def run(epochs, path=None, model=plain_mlp, optimizer="adam", schedule="none", seed=7, **options):
    """The history but for the times, the weights, and what the optimizer remembers."""
    random.seed(seed)
    model = model()
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    history = fit(
        model, (X, Y), mse_loss, optimizer, epochs, 8, schedule=SCHEDULES[schedule](optimizer), checkpoint=path,
        progress=False, **options,
    )  # fmt: skip
    memory = {name: list(map(float, numbers)) for name, numbers in optimizer.state.items()}
    told = {**history.to_dict(), "seconds": history.epoch}
    return told, model.state_dict(), memory, optimizer.steps, optimizer.lr


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("model", "compiled"), [(plain_mlp, False), (plain_mlp, True), (with_dropout, False)])
def test_ten_epochs_are_five_and_five(tmp_path, optimizer, schedule, model, compiled):
    options = {"optimizer": optimizer, "schedule": schedule, "model": model, "compiled": compiled, "validation": 0.2}
    path = tmp_path / "run.json"
    whole = run(10, **options)
    first = run(5, path, **options)
    rest = run(10, path, seed=99, **options)
    assert first[0]["loss"] == whole[0]["loss"][:5]
    assert rest == whole
    assert run(10, path, seed=99, **options) == whole  # nothing is left to do
    assert os.listdir(tmp_path) == ["run.json"]


def test_ten_epochs_are_five_and_five_in_another_process(tmp_path):
    path = tmp_path / "run.json"
    code = (
        "import sys, json; from tests.nn.training.test_checkpoint import run, with_dropout\n"
        "options = {'model': with_dropout, 'validation': 0.2, 'compiled': False}\n"
        "print(json.dumps(run(int(sys.argv[1]), sys.argv[2] or None, **options)))"
    )
    results = []
    for epochs, file in (("10", ""), ("5", path), ("10", path)):
        command = [sys.executable, "-c", code, epochs, str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout))
    assert results[2] == results[0]
    assert results[1][0]["loss"] == results[0][0]["loss"][:5]


def stopping(path, epochs, patience=3):
    return run(epochs, path, optimizer="momentum", validation=(X[:6], [-y for y in Y[:6]]),
               early_stopping=EarlyStopping(patience), compiled=False)  # fmt: skip


def test_early_stopping_goes_on_with_its_patience_and_its_best_weights(tmp_path):
    path = tmp_path / "run.json"
    whole = stopping(None, 20)
    assert whole[0]["stopped"]
    n = len(whole[0]["loss"])
    stopping(path, n - 1)
    assert stopping(path, 20) == whole
    assert stopping(path, 20) == whole
    assert len(stopping(path, 20, patience=5)[0]["loss"]) == n + 2


def test_an_interrupt_in_the_middle_of_an_epoch_goes_back_to_its_beginning(tmp_path):
    path = tmp_path / "run.json"
    whole = run(4, compiled=False)

    def interrupt(history):
        if history.epoch == 3:
            raise KeyboardInterrupt

    told, *_ = run(4, path, compiled=False, callbacks=interrupt)
    assert (told["interrupted"], len(told["loss"])) == (True, 3)
    assert len(json.loads(path.read_text())["history"]["loss"]) == 2
    assert run(4, path, compiled=False) == whole


def test_a_loader_of_ones_own_is_found_again(tmp_path):
    path = tmp_path / "run.json"

    def train(epochs, path):
        model = plain_mlp()
        loader = DataLoader(X, Y, 8, shuffle=True, seed=4)
        optimizer = SGD(model.parameters(), lr=0.1)
        history = fit(model, loader, mse_loss, optimizer, epochs, checkpoint=path, compiled=False, progress=False)
        return history.loss

    whole = train(6, None)
    assert train(3, path) == whole[:3]
    assert train(6, path) == whole


def test_a_file_is_never_half_written(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    run(2, path)
    before = path.read_text()

    def full(handle):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        run(3, path)
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["run.json"]


CHANGES = {
    "a number too large": ("optimizer", "memory", "mean", 3, 10**400),
    "a weight too large": ("model", "layers.1.bias", 0, 10**400),
    "a negative learning rate": ("optimizer", "settings", "lr", -5),
    "the parameters": ("optimizer", "settings", "parameters", []),
    "a history of texts": ("history", "loss", ["a", "b"]),
    "a history of another length": ("history", "lr", [0.1]),
    "an epoch of another kind": ("data", "epoch", [1]),
    "more given than there are": ("data", "given", 25),
    "nonsense in the last part": ("random", "random", [3, [1, 2], None]),
    "a generator with a text": ("random", "random", 2, "gauss"),
    "a huge generator": ("random", "random", 1, 5, 10**400),
    "no fingerprint": ("fingerprint", None),
    "a fingerprint of nothing": ("fingerprint", "modules", None),
}


def wrong(path, kind):
    """A file, and what is trained otherwise than when it was written."""
    run(2, path, validation=0.2)
    states = json.loads(path.read_text())
    if kind == "no JSON":
        path.write_bytes(b"\xff\x00 safetensors")
    elif kind == "half a file":
        path.write_text(path.read_text()[:-100])
    elif kind == "a list":
        path.write_text("[1, 2]")
    elif kind == "a part is missing":
        del states["random"]
        path.write_text(json.dumps(states))
    elif kind == "weights of another shape":
        states["model"]["layers.0.weight"].pop()
        path.write_text(json.dumps(states))
    elif kind == "a state is no dict":
        states["data"] = None
        path.write_text(json.dumps(states))
    elif kind == "nested too deeply":
        path.write_text(path.read_text().replace('"mean": [', f'"mean": [{"[" * 100_000}{"]" * 100_000}, ', 1))
    elif kind in CHANGES:
        *way, last, x = CHANGES[kind]
        part = states
        for step in way:
            part = part[step]
        part[last] = x
        path.write_text(json.dumps(states))
    return {
        "another optimizer": {"optimizer": "momentum"},
        "a schedule": {"schedule": "cosine"},
        "early stopping": {"early_stopping": 3},
        "other data": {"validation": 0.5},
        "another model": {"model": with_dropout},
        "another activation": {"model": lambda: MLP(2, [4, 1], "tanh", rng=random.Random(5))},
    }.get(kind, {})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no JSON", "codec can't decode"),
        ("half a file", "Expecting|Unterminated"),
        ("a list", "but holds something else"),
        (
            "a part is missing",
            "it should hold model, optimizer, data, history, random, fingerprint, but holds model, opt",
        ),
        ("weights of another shape", r"'layers.0.weight' has shape \[3, 2\], not \[4, 2\]"),
        ("a state is no dict", "a DataLoader takes a state of seed, .*; got None"),
        ("nonsense in the last part", "state vector"),
        ("another optimizer", "this SGD has a memory of .*'velocity': 17"),
        ("a schedule", "should hold model, optimizer, data, history, schedule, random"),
        ("a number too large", "memory|each number of 'mean' must be a number, got 1000"),
        ("a weight too large", "'layers.1.bias' holds something that is not a number"),
        ("nested too deeply", "its lists are nested too deeply"),
        ("a negative learning rate", "lr must be at least 0, and finite, got -5"),
        ("the parameters", "the settings of Adam takes a state of lr"),
        ("a history of texts", "a History takes a list of numbers as its loss, got .'a'"),
        ("a history of another length", "a History of 2 epochs has 1 numbers for lr"),
        ("an epoch of another kind", "epoch"),
        ("more given than there are", "given must be from 0 to 24 examples, got 25"),
        ("a generator with a text", "the state of the generator 'random' is not valid"),
        ("a huge generator", "the state of the generator 'random' is not valid"),
        (
            "another activation",
            r"model is a different one: it is MLP\(activation='tanh'.*\), and was MLP\(activation='relu'",
        ),
        ("no fingerprint", "fingerprint of a training run takes a state of modules, loss, data"),
        ("a fingerprint of nothing", "the model is a different one"),
        ("early stopping", "early stopping, random, fingerprint, but holds"),
        ("other data", "a loader of 24 examples, and this one has 15"),
        ("another model", "'0.weight' is missing"),
    ],
)
def test_a_wrong_file_is_one_error_and_changes_nothing(tmp_path, kind, message):
    path = tmp_path / "run.json"
    given = {"optimizer": "adam", "schedule": "none", "model": plain_mlp, "validation": 0.2, **wrong(path, kind)}
    file = path.read_bytes()
    random.seed(5)
    model = given["model"]()
    optimizer = OPTIMIZERS[given["optimizer"]](model.parameters())
    schedule = SCHEDULES[given["schedule"]](optimizer)
    before = model.state_dict(), optimizer.lr, optimizer.steps, dict(optimizer.state), random.getstate()
    with pytest.raises(ValueError, match=message) as raised:
        fit(model, (X, Y), mse_loss, optimizer, 5, schedule=schedule, validation=given["validation"],
            early_stopping=given.get("early_stopping"), checkpoint=path, progress=False)  # fmt: skip
    assert f"{path} is not a checkpoint of this training run" in str(raised.value)
    assert (model.state_dict(), optimizer.lr, optimizer.steps, dict(optimizer.state), random.getstate()) == before
    assert path.read_bytes() == file


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"least": "a"}, "EarlyStopping has least"),
        ({"mark": float("nan")}, "EarlyStopping has mark"),
        ({"waited": -1}, "waited must be a whole number"),
        ({"weights": {"layers.0.weight": [1.0]}}, "was not changed, because the state does not fit"),
        ({"weights": [1.0]}, "load_state_dict takes a dict"),
        ({"weights": None, "best": 1}, "EarlyStopping takes a state of least"),
    ],
)
def test_early_stopping_from_a_file_is_checked_too(tmp_path, state, message):
    path = tmp_path / "run.json"
    stopping(path, 3)
    states = json.loads(path.read_text())
    states["early stopping"].update(state)
    path.write_text(json.dumps(states))
    with pytest.raises(ValueError, match=message):
        stopping(path, 20)


def test_a_schedule_of_ones_own_without_checks_changes_nothing_when_it_refuses(tmp_path):
    class Own:
        def __init__(self, optimizer):
            self.optimizer, self.refuses = optimizer, False

        def step(self):
            pass

        def state_dict(self):
            return {"lr": self.optimizer.lr}

        def load_state_dict(self, state):
            self.optimizer.lr = state["lr"]
            if self.refuses and state["lr"] == 0.1:
                raise KeyError("lr")

    def train(epochs, refuses=False):
        model = plain_mlp()
        optimizer = SGD(model.parameters(), lr=0.5 if refuses else 0.1)
        schedule = Own(optimizer)
        schedule.refuses = refuses
        before = model.state_dict()
        try:
            return fit(model, (X, Y), mse_loss, optimizer, epochs, schedule=schedule, compiled=False, progress=False,
                       checkpoint=tmp_path / "run.json").epoch  # fmt: skip
        finally:
            assert not refuses or (model.state_dict(), optimizer.lr) == (before, 0.5)

    assert train(2) == 2
    assert train(3) == 3
    with pytest.raises(ValueError, match=r"not a checkpoint of this training run .'lr'"):
        train(4, refuses=True)


class Renamed(MLP):
    """A model whose own way to load a state takes more than the general one."""

    def __init__(self):
        super().__init__(2, [4, 1], rng=random.Random(5))

    def state_dict(self):
        return {f"old.{name}": tensor for name, tensor in super().state_dict().items()}

    def load_state_dict(self, state):
        super().load_state_dict({name.removeprefix("old."): tensor for name, tensor in state.items()})


def test_a_model_may_load_its_state_in_a_way_of_its_own(tmp_path):
    path = tmp_path / "run.json"
    whole = trained(None, 4, model=Renamed)
    trained(path, 2, model=Renamed)
    assert trained(path, 4, model=Renamed).loss == whole.loss
    states = json.loads(path.read_text())
    states["random"] = None
    path.write_text(json.dumps(states))
    model = Renamed()
    before = model.state_dict()
    with pytest.raises(ValueError, match="not a checkpoint of this training run"):
        trained(path, 6, model=lambda: model)
    assert model.state_dict() == before


# What the run is made of.


def trained(path, epochs, data=(X, Y), model=plain_mlp, loss=mse_loss, **options):
    model = model()
    optimizer = SGD(model.parameters(), lr=0.1)
    return fit(model, data, loss, optimizer, epochs, 8, checkpoint=path, progress=False, compiled=False, **options)


@pytest.mark.parametrize("part", ["data", "labels", "validation", "loss"])
def test_going_on_with_other_data_or_another_loss_is_warned_of(tmp_path, part):
    path = tmp_path / "run.json"
    held_out = ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    trained(path, 2, validation=held_out)
    other = {
        "data": {"data": ([[2 * a, b] for a, b in X], Y)},
        "labels": {"data": (X, [1 - y for y in Y])},
        "validation": {"validation": (held_out[0], [1, 0])},
        "loss": {"loss": l1_loss},
    }[part]
    named = "data" if part == "labels" else part
    with pytest.warns(RuntimeWarning, match=f"^the checkpoint was written with another {named}; training goes on"):
        assert trained(path, 3, **{"validation": held_out, **other}).epoch == 3


def test_the_same_data_as_lists_or_arrays_is_the_same(tmp_path):
    path = tmp_path / "run.json"
    trained(path, 1)
    trained(path, 2, data=(np.array(X), np.array(Y)))
    trained(path, 3, data=(np.array(X), np.array(Y, float)))


class Rows(Module):
    """A row as an image of one row."""

    def forward(self, x):
        return [[list(x)]]


MODELS = {
    "a layer's": (lambda r: Sequential(LayerNorm(2), Linear(2, 1, rng=r)),
                  lambda r: Sequential(LayerNorm(2, eps=0.1), Linear(2, 1, rng=r))),
    "a class": (lambda r: Sequential(Linear(2, 2, rng=r), ReLU(), Linear(2, 1, rng=r)),
                lambda r: Sequential(Linear(2, 2, rng=r), Tanh(), Linear(2, 1, rng=r))),
    "a share": (lambda r: Sequential(Dropout(0.1), Linear(2, 1, rng=r)),
                lambda r: Sequential(Dropout(0.2), Linear(2, 1, rng=r))),
    "a padding": (
        lambda r: Sequential(Rows(), Conv2d(1, 1, 1, stride=2, rng=r), Flatten()),
        lambda r: Sequential(Rows(), Conv2d(1, 1, 1, stride=3, rng=r), Flatten()),
    ),
    "a function": (lambda r: MLP(2, [3, 1], Value.tanh, rng=r), lambda r: MLP(2, [3, 1], Value.sigmoid, rng=r)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_another_setting_of_a_module_is_refused(tmp_path, name):
    path = tmp_path / "run.json"
    first, second = (lambda make=make: make(random.Random(1)) for make in MODELS[name])
    trained(path, 1, model=first)
    assert trained(path, 2, model=first).epoch == 2
    with pytest.raises(ValueError, match="the model is a different one: "):
        trained(path, 3, model=second)


def test_the_same_settings_in_another_form_are_the_same(tmp_path):
    path = tmp_path / "run.json"
    makes = [
        lambda: Sequential(LayerNorm(2, eps=1), Linear(2, 1, rng=random.Random(0))),
        lambda: Sequential(LayerNorm(2, eps=np.float64(1)), Linear(2, 1, rng=random.Random(9))),
    ]
    for epochs, make in enumerate(makes, start=1):
        assert trained(path, epochs, model=make).epoch == epochs
    for epochs, fused in ((1, True), (2, False)):
        make = lambda: MLP(2, [2, 1], fused=fused)  # noqa: B023, E731
        assert trained(tmp_path / "fused.json", epochs, model=make).epoch == epochs


def test_a_module_that_counts_its_calls_is_still_the_same(tmp_path):
    class Counting(MLP):
        def __init__(self):
            super().__init__(2, [2, 1], rng=random.Random(0))
            self.calls = 0

        def batch(self, xs):
            self.calls += 1
            return super().batch(xs)

    trained(tmp_path / "run.json", 1, model=Counting)
    model = Counting()
    model.batch(X)
    assert trained(tmp_path / "run.json", 2, model=lambda: model).epoch == 2


# The file.


def test_a_link_and_a_mode_stay(tmp_path):
    path, link = tmp_path / "run.json", tmp_path / "link.json"
    trained(path, 1)
    path.chmod(0o640)
    link.symlink_to(path.name)
    assert trained(link, 2).epoch == 2
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert len(json.loads(path.read_text())["history"]["loss"]) == 2
    assert sorted(os.listdir(tmp_path)) == ["link.json", "run.json"]


def test_two_processes_that_save_one_checkpoint_never_fail(tmp_path):
    path = tmp_path / "run.json"
    code = (
        "import sys; from nn import MLP; from nn.training.checkpoint import Checkpoint\n"
        "file = Checkpoint(sys.argv[1], {'model': MLP(2, [8, 1])})\n"
        "for _ in range(15): file.save(), file.load()"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)
    ]
    assert [process.communicate()[1] for process in both] == [b"", b""]
    assert [process.returncode for process in both] == [0, 0]
    assert os.listdir(tmp_path) == ["run.json"]
