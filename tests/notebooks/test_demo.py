"""The demo does the main job, and says where everything is."""

import re
import subprocess
import sys

from tests.paths import ROOT

DEMO = ROOT / "notebooks" / "demo.py"


def test_the_demo_does_the_main_job(tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", DEMO], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "backward   ∂L/∂a += ∂L/∂e · ∂e/∂a = 2 · -3 = -6" in done.stdout
    assert "gradients  ∂L/∂a = -2   ∂L/∂b = 4   ∂L/∂c = 2" in done.stdout
    accuracy, majority = (float(x) for x in re.findall(r"([\d.]+)% right", done.stdout))
    assert accuracy >= 95
    assert majority < 70
    assert "epoch 8/8: 100%" in done.stderr  # the progress bar
    written = done.stdout.split("Written:")[1].split()
    assert len(written) == 5
    assert all((tmp_path / path).stat().st_size > 1000 for path in written)
