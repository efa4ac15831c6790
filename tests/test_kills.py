"""A process is killed at any moment while it writes machine code, weights or a checkpoint; the next one finds its way.

``pytest -m slow tests/test_kills.py`` kills 3 of each; ``CHALKGRAD_KILLS=500`` as many as that.
"""

import os
import random
import subprocess
import sys
import time

import pytest

from tests.paths import ROOT

KILLS = int(os.environ.get("CHALKGRAD_KILLS", "3"))
COLD = 20  # every so many starts there is no machine code at all, and it is killed while the first is made

# Each reads what is there, says so, and writes until it is killed.
WRITERS = {
    "machine code": """
from engine import Rule, Value, compile

def result(slope):
    own, w = Rule("own", lambda x: slope * x, lambda z, x: (slope,)), Value(2.0)
    f = compile(lambda x: own(x) * w)
    return [f(3.0).data for _ in range(3)] + [f.mean([1.0, 2.0]).data for _ in range(3)]

def right(slope):
    assert result(slope) == [6.0 * slope] * 3 + [3.0 * slope] * 3, slope

begun = int(log.read_text() or 0) if log.exists() else 0
for slope in range(max(1, begun - 2), begun + 1):  # what earlier ones have written, and the last one perhaps in part
    right(float(slope))
say()
while True:
    begun += 1
    log.write_text(str(begun))
    right(float(begun))
""",
    "weights": """
from nn import MLP, load, save

model = MLP(40, [60, 1])

def filled(number):
    for p in model.parameters():
        p.data = float(number)

generations = []
for path in (folder / "w.json", folder / "w.safetensors"):
    if path.exists():
        filled(-1)
        metadata = load(model, path)
        (number,) = {p.data for p in model.parameters()}
        assert metadata == {"generation": str(int(number))} and number >= 0
        generations.append(int(number))
say()
generation = max(generations, default=0)
while True:
    generation += 1
    filled(generation)
    for path in (folder / "w.json", folder / "w.safetensors"):
        save(model, path, {"generation": str(generation)})
""",
    "checkpoint": """
from math import isclose
from nn import MLP, Adam, fit, mse_loss
import random

def trained(epochs, **options):
    random.seed(0)
    model = MLP(2, [8, 1])
    X = [[i / 9, (i * 7 % 10) / 9] for i in range(10)]
    return fit(model, (X, [[x * y] for x, y in X]), mse_loss, Adam(model.parameters(), lr=0.01), epochs, 5,
               compiled=False, progress=False, **options)

path = folder / "c.json"
done = len(trained(1, checkpoint=path).loss) if path.exists() else 0
say()
while True:
    done = done % 30 + 1
    if done == 1:
        path.unlink(missing_ok=True)
        whole = trained(30).loss
    history = trained(done, checkpoint=path)
    if done > 1 and "whole" in globals():
        assert all(map(isclose, history.loss, whole)), (history.loss, whole)
""",
}
BEGIN = """
import sys
from pathlib import Path

folder = Path(sys.argv[1])
log = folder / "log"

def say():
    print("works", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="processes are killed by a signal")
@pytest.mark.parametrize("kind", WRITERS)
def test_what_a_killed_process_leaves_is_no_obstacle(kind, tmp_path):
    if kind == "machine code":
        pytest.importorskip("numba", reason="without numba there is no machine code")
    rng = random.Random(kind)
    folder = tmp_path / "kept"
    folder.mkdir()
    for kill in range(KILLS + 1):
        cold = kind == "machine code" and kill % COLD == COLD // 2
        cache = tmp_path / f"cold{kill}" if cold else tmp_path / "cache"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if kind == "machine code":
            environment["CHALKGRAD_CACHE"] = str(cache)
        for attempt in range(2 if cold else 1):  # the second time after a kill while everything is made
            process = subprocess.Popen(
                [sys.executable, "-c", BEGIN + WRITERS[kind], folder],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            if cold and attempt == 0:
                time.sleep(rng.uniform(0, 15))
            else:
                said = process.stdout.readline()
                if said != "works\n":
                    process.kill()
                    pytest.fail(f"start {kill + 1} after {kill} kills: {process.stderr.read()}")
                time.sleep(rng.uniform(0, 0.7))
            assert process.poll() is None or not process.returncode, process.stderr.read()
            process.kill()
            process.communicate()
