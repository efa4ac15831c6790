"""The demo does the main job, and says where everything is; on a console of Western Europe, which has no ∂ and no █."""

import os
import re
import subprocess
import sys

from tests.paths import ROOT

DEMO = ROOT / "notebooks" / "demo.py"


def test_the_demo_does_the_main_job(tmp_path):
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-W", "error", DEMO]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="cp1252")
    assert done.returncode == 0, done.stderr
    assert "backward   dL/da += dL/de · de/da = 2 · -3 = -6" in done.stdout
    assert "gradients  dL/da = -2   dL/db = 4   dL/dc = 2" in done.stdout
    accuracy, majority = (float(x) for x in re.findall(r"([\d.]+)% right", done.stdout))
    assert accuracy >= 95
    assert majority < 70
    assert "epoch 8/8: 100%" in done.stderr  # the progress bar
    written = done.stdout.split("Written:")[1].split()
    assert len(written) == 5
    assert all((tmp_path / path).stat().st_size > 1000 for path in written)
