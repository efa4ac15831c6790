"""Pages that tests open in Chromium: whatever a page complains about, or asks for from elsewhere, fails its test."""

from time import sleep

from tests.conftest import PATIENCE


class Pages:
    """The pages of one test. A window, and a page that a test has left, serve the next test that has the same options.

    For the processor a new window is half a second, a new page a third of one, another file in the same page a sixth.

    Attributes:
        complaints: errors, dialogs, and what was written to the console.
        asked: the addresses that were asked for.
    """

    def __init__(self, browser, windows):
        self._browser, self._windows = browser, windows
        self._pages, self._addresses, self.complaints, self.asked = [], set(), [], []
        self._listeners = {
            "pageerror": lambda error: self.complaints.append(str(error)),
            "console": lambda message: self.complaints.append(message.text),
            "dialog": lambda dialog: self.complaints.append(dialog.message),
            "request": lambda request: self.asked.append(request.url.partition("#")[0]),
        }

    def page(self, width=1280, height=720, **options):
        """An empty page; options are those of a window."""
        viewport = {"width": width, "height": height}
        key = repr((viewport, sorted(options.items())))
        if key not in self._windows:
            self._windows[key] = self._browser.new_context(viewport=viewport, **options), []
        window, left = self._windows[key]
        page = left.pop() if left else window.new_page()
        self._pages.append((page, viewport, options.get("color_scheme", "null"), left))
        for event, listener in self._listeners.items():
            page.on(event, listener)
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
        """Leave all pages, and complain if they did."""
        for page, viewport, scheme, left in self._pages:
            if page.is_closed():  # by a test that leaves it unfit for others
                continue
            page.goto("about:blank")
            for event, listener in self._listeners.items():
                page.remove_listener(event, listener)
            page.emulate_media(media="null", color_scheme=scheme)
            page.set_viewport_size(viewport)
            left.append(page)
        assert self.complaints == []
        assert {url for url in self.asked if not url.startswith("about:")} <= self._addresses


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
