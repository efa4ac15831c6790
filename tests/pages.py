"""Pages that tests open in Chromium: whatever a page complains about, or asks for from elsewhere, fails its test."""

from time import sleep

from tests.conftest import PATIENCE


class Pages:
    """The pages of one test. They share a window for each set of options: one more window costs more than a page.

    Attributes:
        complaints: errors, dialogs, and what was written to the console.
        asked: the addresses that were asked for.
    """

    def __init__(self, browser, windows):
        self._browser, self._windows = browser, windows
        self._pages, self._addresses, self.complaints, self.asked = [], set(), [], []

    def page(self, width=1280, height=720, **options):
        """An empty page; options are those of a window."""
        key = repr((width, height, sorted(options.items())))
        if key not in self._windows:
            viewport = {"width": width, "height": height}
            self._windows[key] = self._browser.new_context(viewport=viewport, **options)
        page = self._windows[key].new_page()
        self._pages.append(page)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url.partition("#")[0]))
        return page

    def open(self, path, step="", **options):
        """A page with this file, at an address that ends in `step`."""
        return self.go(self.page(**options), path, step)

    def go(self, page, path, step=""):
        """Go to a file in one of these pages."""
        self._addresses.add(path.as_uri())
        page.goto(path.as_uri() + step)
        return page

    def close(self):
        """Close all pages, and complain if they did."""
        for page in self._pages:
            page.close()
        assert self.complaints == []
        assert {url for url in self.asked if url != "about:blank"} <= self._addresses


# Sets the part of the address after #, and waits until the page has been told.
SET_HASH = """hash => new Promise(done => {
  addEventListener("hashchange", () => done(), { once: true });
  location.hash = hash;
})"""


def until(page, expression):
    """Wait until something is true. (Playwright's own way is an `eval`, which these pages forbid.)"""
    for _ in range(PATIENCE // 20):
        if page.evaluate(expression):
            return
        sleep(0.02)
    raise AssertionError(f"never became true: {expression}")
