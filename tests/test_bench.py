"""The measurements run, and whoever is measured does the same work: the race itself compares the losses."""

import subprocess
import sys
from pathlib import Path


def test_the_bench_runs_and_its_contestants_agree():
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-m", "tests.bench", "--quick"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for contestant in ("micrograd", "microgpt's Value", "chalkgrad, chopped", "chalkgrad, fused", "dot and softmax"):
        assert contestant in done.stdout
