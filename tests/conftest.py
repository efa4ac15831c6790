"""What several tests share: a real browser."""

import os
import shutil

import pytest

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
