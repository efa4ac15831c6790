"""What several tests share: a real browser, machine code, an interrupt. And what is said when they are through."""

import os
import random
import re
import shutil
import signal
import tempfile
from collections import Counter
from functools import cache, partial
from pathlib import Path

import pytest
from hypothesis import settings

import viz  # noqa: F401 - as a package, before pytest imports one file of it, or of what it imports, by its path

# The same examples on every day, and as much time for each as it takes.
settings.register_profile("chalkgrad", derandomize=True, database=None, deadline=None)
settings.load_profile("chalkgrad")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 600_000  # milliseconds: no test is about how long a page takes, and a machine may be busy


@pytest.fixture(scope="module")  # not for the session: while it is open, no other test can run an event loop
def browser(tmp_path_factory):
    """The machine's Chromium, headless. Without one the test is skipped, unless BROWSER_REQUIRED is set, as in CI."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail(f"BROWSER_REQUIRED is set, and none of {', '.join(BROWSERS)} is installed")
        pytest.skip("no Chromium is installed: what runs in a browser was not tested")
    from playwright.sync_api import sync_playwright

    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}  # it writes there, whoever runs it
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"], env=environment, timeout=PATIENCE
        )
        new_context = chromium.new_context

        def patient(**options):
            context = new_context(**options)
            context.set_default_timeout(PATIENCE)
            return context

        chromium.new_context = patient
        chromium.new_page = lambda **options: patient(**options).new_page()
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def windows(browser):
    """Windows of Chromium that are open, by their options."""
    return {}


@pytest.fixture
def pages(browser, windows):
    """Pages in Chromium. In the end it asserts that none complained, or asked for anything but its own file."""
    from tests.pages import Pages

    opened = Pages(browser, windows)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def firefox(tmp_path_factory):
    """The machine's Firefox, headless. Without one the test is skipped, unless BROWSER_REQUIRED is set, as in CI."""
    path = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if path is None:
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail("BROWSER_REQUIRED is set, and no Firefox is installed")
        pytest.skip("no Firefox is installed: what runs in a browser was not tested in Firefox")
    from tests.firefox import Firefox

    running = Firefox(path, tmp_path_factory.mktemp("firefox"))
    yield running
    running.close()


@pytest.fixture
def firefox_page(firefox):
    """A page in Firefox. In the end it asserts that nothing was complained about."""
    firefox.complaints.clear()
    page = firefox.new_page()
    yield page
    page.close()
    assert firefox.complaints == []


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow) for name in ("chromium", "firefox")])
def browser_page(request):
    """A page in each of the browsers, with `load(path, address)`; in the end, nothing was complained about."""
    if request.param == "firefox":
        page = request.getfixturevalue("firefox_page")
        page.load = lambda path, address: page.goto(path.as_uri() + address)
    else:
        pages = request.getfixturevalue("pages")
        page = pages.page()
        page.load = partial(pages.go, page)
    return page


@cache  # it is asked of every test that is slow
def may_be_slow(path):
    """Whether a file with tests has any that is slow, to go by its words."""
    return path.name.startswith("test_") and re.search("slow|browser|firefox|pages", path.read_text("utf-8"))


def pytest_ignore_collect(collection_path, config):
    """Where only slow tests run, no process spends its time on importing other files."""
    if config.option.markexpr == "slow" and collection_path.suffix == ".py" and not may_be_slow(collection_path):
        return True
    return None


@pytest.hookimpl(tryfirst=True)  # before it is decided what is left out
def pytest_collection_modifyitems(items):
    """What needs a browser is slow. The lessons come first, then other slow files: no core is to wait for the last."""
    for item in items:
        if {"browser", "firefox"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not may_be_slow(item.path):
            raise pytest.UsageError(f"{item.nodeid} is slow, but its file has none of the words that pytest looks for")
    tests = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    lessons = {item.path for item in items if "runs" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path not in lessons, not slow[item.path], -tests[item.path], item.path))


@pytest.fixture(scope="session")
def runs(request):
    """The lessons that the selected tests ask for, run in real kernels."""
    from tests.lessons import run_all

    calls = [item.callspec.params for item in request.session.items if "runs" in getattr(item, "fixturenames", ())]
    return run_all(sorted({params["path"] for params in calls}))


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, as it does by default; what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# What is written while tests run, by whom; a home may be read-only, and may hold settings of its owner's.
WRITTEN = {
    "CHALKGRAD_CACHE": "chalkgrad",
    "MPLCONFIGDIR": "matplotlib",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "jupyter-config",
    "JUPYTER_DATA_DIR": "jupyter-data",
    "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
}


def pytest_configure(config):
    """What tests write is kept with what else pytest keeps, and not in the home of whoever runs them.

    And none waits for the disk: what they write does not have to outlast a power cut.
    """
    os.fsync = lambda file: None
    try:
        folders = {variable: config.cache.mkdir(name) for variable, name in WRITTEN.items()}
    except (AttributeError, OSError):  # -p no:cacheprovider, or a folder of somebody else's
        folder = tempfile.mkdtemp(prefix="chalkgrad-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        folders = {variable: Path(folder, name) for variable, name in WRITTEN.items()}
    for variable, path in folders.items():
        path.mkdir(exist_ok=True)
        os.environ[variable] = str(path)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """One more than there are cores where slow tests run, for they wait for browsers and kernels."""
    return (yield) + (config.option.markexpr != "not slow")


@pytest.fixture(scope="session")
def machine_code():
    """The machine code of every rule, in both widths. Where none is kept from another day it takes most of the time of
    all tests. So every process goes through the rules in an order of its own, and finds on the disk what others made.
    """
    pytest.importorskip("numba", reason="without numba there is no machine code")
    from engine.compiler.kernels.codegen import kernel
    from engine.compiler.kernels.nary import NARY_KERNELS
    from tests.rule_samples import NAMED, SAMPLED

    rules = {(NAMED[name], len(sample.symbols)) for name, sample in SAMPLED}
    kernels = [(rule, n, lanes) for rule, n in rules for lanes in (False, True)]
    random.Random(os.getpid()).shuffle(kernels)
    for rule, n, lanes in kernels:
        if rule not in NARY_KERNELS and rule.name not in NARY_KERNELS:
            kernel(rule, n, lanes)


# What was left out, said at the end.

WAYS = {
    "torch": "pip install torch",
    "numba": "pip install 'chalkgrad[fast]'",
    "chromium": "install Chromium or Google Chrome",
    "firefox": "install Firefox",
}


def reason(report):
    """Why a test, or a whole file of tests, was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def left_out(reports):
    """A line for each reason, with how many it concerns and what to do about it."""
    counts = Counter(("whole file" if report.when == "collect" else "test", reason(report)) for report in reports)
    for (what, why), count in counts.most_common():
        were, them = ("s were", "them") if count != 1 else (" was", "it")
        way = next((f". To run {them}: {way}" for word, way in WAYS.items() if word in why.casefold()), "")
        yield f"{count} {what}{were} skipped: {why}{way}"


def pytest_terminal_summary(terminalreporter, config):
    for line in left_out(terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line(line)
    if config.option.markexpr == "not slow":
        terminalreporter.write_line("What is marked slow was left out. To run it: make test-all, or pytest -m slow")
