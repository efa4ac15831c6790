"""The measurements run, and whoever is measured does the same work: the race itself compares the losses."""

import json
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import pytest

from tests.bench.report import Claim, Table, duration, short
from tests.bench.timing import CHECKED, Race, turn
from tests.paths import ROOT

CONTESTANTS = {
    "moons": ["micrograd", "chalkgrad, chopped", "chalkgrad, fused"],
    "microgpt": ["microgpt's Value", "chalkgrad, plain operators", "chalkgrad, dot and softmax"],
    "readme": ["micrograd", "microgpt's Value", "chalkgrad"],
}
PEERS = {"NumPy": "numpy", "PyTorch": "torch", "JAX": "jax", "chalkgrad compiled": "numba"}


def bench(*arguments):
    command = [sys.executable, "-m", "tests.bench", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "quick.json"
    done = bench("--quick", "--json", path)
    assert done.returncode == 0, done.stderr
    return done.stdout, path


@pytest.mark.slow
def test_the_bench_runs_and_its_contestants_agree(quick):
    text, path = quick
    saved = json.loads(path.read_text(encoding="utf-8"))
    tables = {table["name"]: [row["name"] for row in table["rows"]] for table in saved["tables"]}
    for table, contestants in CONTESTANTS.items():
        assert set(contestants) <= set(tables[table])
    for name in [name for names in tables.values() for name in names]:
        assert name in text
    for table in saved["tables"]:
        for claim in table["claims"]:
            assert claim["met"] == (
                claim["measured"] <= claim["target"] if claim["at_most"] else claim["measured"] >= claim["target"]
            )
            assert claim["words"] in text


@pytest.mark.slow
@pytest.mark.parametrize(("peer", "package"), PEERS.items())
def test_a_peer_takes_part_or_is_named_as_missing(quick, peer, package):
    text, _ = quick
    if find_spec(package):
        assert text.count(f"\n  {peer}")
    else:
        assert f"{peer}: left out, {package} is not installed." in text


@pytest.mark.slow
def test_what_was_measured_is_printed_for_the_readme(quick):
    _, path = quick
    done = bench("--markdown", "--json", path)
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert saved["machine"] in done.stdout
    for table in saved["tables"]:
        assert f"**{table['title']}**" in done.stdout
        for row in table["rows"]:
            assert f"| {row['name']} |" in done.stdout


def test_a_table_that_there_is_not():
    done = bench("moon")
    assert done.returncode == 2
    assert "no table is called moon; there are moons, microgpt, " in done.stderr


def counted(losses, calls, name="", factor=1.0):
    """A contestant whose steps only give its losses, and are counted."""
    calls[name] = 0

    def step():
        calls[name] += 1
        return factor * losses[min(calls[name], len(losses)) - 1]

    return step


def test_contestants_with_other_losses_are_found_out():
    calls = {}
    start = partial(counted, [3.0, 2.0, 1.0], calls)
    Race({"one": start, "other": partial(start, factor=1 + 1e-12)}, rounds=1, seconds=0.0)
    with pytest.raises(AssertionError, match="other has the losses"):
        Race({"one": start, "other": partial(start, factor=1 + 1e-6)}, rounds=1, seconds=0.0)


def test_the_quick_make_many_steps_in_a_turn():
    calls = {}
    time, losses = turn(counted([1.0], calls), steps=1, seconds=0.002)
    assert calls[""] > 100
    assert 0 < time < 1e-4
    assert losses == [1.0] * CHECKED


def test_claims_say_whether_they_hold():
    claim = Claim("a is {} times as fast as b", 1234.5, 1000, no_gc=12.345)
    assert str(claim) == "a is 1,234 times as fast as b (12.3 with no gc); target at least 1,000: met"
    assert str(Claim("an instruction takes {} bytes", 65, 64, at_most=True)).endswith("target at most 64: MISSED")


def test_numbers_have_three_digits():
    assert [short(x) for x in (0.12345, 1.2345, 12.345, 123.45, 12345.6)] == ["0.123", "1.23", "12.3", "123", "12,346"]
    assert [duration(x) for x in (1.2, 0.0034, 5.6e-6, 7.8e-9)] == ["1.2 s", "3.4 ms", "5.6 µs", "7.8 ns"]


def test_a_cell_may_be_empty():
    table = Table("Title", [{"name": "a", "bytes": 1.0, "share": 0.5}, {"name": "b", "bytes": 2.0}])
    assert str(table).split() == ["Title", "bytes", "share", "a", "1", "50%", "b", "2"]
    assert table.markdown().splitlines()[-1] == "| b | 2 |  |"
