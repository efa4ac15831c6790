"""What several tests share: a real browser, and machine code."""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from tests.paths import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")  # not for the session: while it is open, no other test can run an event loop
def browser():
    """The machine's Chromium, headless. Without one the test is skipped, unless BROWSER_REQUIRED is set, as in CI."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail(f"BROWSER_REQUIRED is set, and none of {', '.join(BROWSERS)} is installed")
        pytest.skip("no Chromium is installed: what runs in a browser was not tested")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def runs(request):
    """The lessons that the selected tests ask for, run; most of the time of these tests is spent here."""
    from tests.lessons import run_all

    calls = [item.callspec.params for item in request.session.items if "runs" in getattr(item, "fixturenames", ())]
    return run_all(sorted({params["path"] for params in calls}))


def pytest_configure(config):
    """Machine code that tests make is kept with what else pytest keeps, and not in the home of whoever runs them."""
    if hasattr(config, "cache"):
        folder = str(config.cache.mkdir("chalkgrad"))
    else:  # -p no:cacheprovider
        folder = tempfile.mkdtemp(prefix="chalkgrad-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["CHALKGRAD_CACHE"] = folder


def make_kernels(batched):
    """The machine code of every rule, in one of its widths."""
    from engine.compiler.codegen import kernel
    from engine.compiler.nary_kernels import NARY_KERNELS
    from tests.rule_samples import NAMED, SAMPLED

    for name, sample in SAMPLED:
        rule = NAMED[name]
        if rule not in NARY_KERNELS and rule.name not in NARY_KERNELS:
            kernel(rule, len(sample.symbols), batched)


@pytest.fixture(scope="session")
def machine_code():
    """The machine code of every rule. Where it is not kept from another day it takes most of the time of all tests, and
    so two processes share the work.
    """
    pytest.importorskip("numba", reason="without numba there is no machine code")
    code = "from tests.conftest import make_kernels; make_kernels(True)"
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    make_kernels(False)
    assert other.wait() == 0
