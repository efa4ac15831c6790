"""Checkpoints: ten epochs are five and five in another process, bit for bit, or one error and nothing changed."""

import json
import os
import random
import subprocess
import sys

import pytest

from nn import (
    MLP,
    SGD,
    Adam,
    BatchNorm1d,
    CosineAnnealingLR,
    DataLoader,
    Dropout,
    EarlyStopping,
    Linear,
    ReduceLROnPlateau,
    ReLU,
    Sequential,
    fit,
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
    elif kind == "nonsense in the last part":
        states["random"] = {"random": [3, [1, 2], None]}
        path.write_text(json.dumps(states))
    return {
        "another optimizer": {"optimizer": "momentum"},
        "a schedule": {"schedule": "cosine"},
        "early stopping": {"early_stopping": 3},
        "other data": {"validation": 0.5},
        "another model": {"model": with_dropout},
    }.get(kind, {})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no JSON", "codec can't decode"),
        ("half a file", "Expecting|Unterminated"),
        ("a list", "but holds something else"),
        ("a part is missing", "it should hold model, optimizer, data, history, random, but holds model, optimizer"),
        ("weights of another shape", r"'layers.0.weight' has shape \[3, 2\], not \[4, 2\]"),
        ("a state is no dict", "has no attribute 'keys'"),
        ("nonsense in the last part", "state vector"),
        ("another optimizer", "this SGD has a memory of .*'velocity': 17"),
        ("a schedule", "should hold model, optimizer, data, history, schedule, random"),
        ("early stopping", "early stopping, random, but holds"),
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
