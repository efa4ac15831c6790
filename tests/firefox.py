"""Stock Firefox, driven by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/): as much of it as the tests need.

A page answers to the names that Playwright's has, so that a test can be given either. (Playwright itself drives only a
Firefox of its own build.)
"""

import itertools
import json
import re
import subprocess
from time import sleep

KEYS = {
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Home": "\ue011",
    "End": "\ue010", "Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Space": " ", "Shift": "\ue008",
}  # fmt: skip
WHOLE = 600  # seconds: no test is about how long it takes


class Firefox:
    """A headless Firefox with a profile of its own."""

    def __init__(self, path, profile):
        from websocket import create_connection

        (profile / "user.js").write_text('user_pref("remote.prefs.recommended", true);\n')
        command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        said = []
        while not (found := re.search(r"WebDriver BiDi listening on (ws://\S+)", said[-1] if said else "")):
            said.append(self.process.stderr.readline())
            assert said[-1], "Firefox did not start:\n" + "".join(said)
        self.socket = create_connection(f"{found[1]}/session", timeout=WHOLE, suppress_origin=True)
        self.ids, self.complaints = itertools.count(1), []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])

    def command(self, method, **params):
        """Send a command, and wait for its result."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("method") == "log.entryAdded" and message["params"]["level"] in ("error", "warn"):
                self.complaints.append(message["params"]["text"])
            if message.get("id") == number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
                return message["result"]

    def new_page(self, viewport=(1280, 720)):
        """A page in a tab of its own."""
        context = self.command("browsingContext.create", type="tab")["context"]
        size = dict(zip(("width", "height"), viewport))
        self.command("browsingContext.setViewport", context=context, viewport=size)
        return Page(self, context)

    def close(self):
        """End this Firefox."""
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()


class Page:
    """A tab."""

    def __init__(self, firefox, context):
        self.firefox, self.context, self.keyboard = firefox, context, self

    def goto(self, url):
        self.firefox.command("browsingContext.navigate", context=self.context, url=url, wait="complete")
        here = json.dumps(url.partition("#")[0])
        ready = f"location.href.split('#')[0] === {here} && document.readyState === 'complete'"
        for _ in range(10 * WHOLE):  # on a busy machine "complete" may be said of the empty page before
            if self._script(ready)["value"]:
                return
            sleep(0.1)
        raise RuntimeError(f"{url} was not loaded")

    def _script(self, expression):
        target = {"context": self.context}
        result = self.firefox.command("script.evaluate", expression=expression, target=target, awaitPromise=True)
        if result["type"] == "exception":
            raise RuntimeError(result["exceptionDetails"]["text"])
        return result["result"]

    def evaluate(self, expression, argument=None):
        """The value of an expression, or of a function called with the argument; infinities and nan are kept."""
        called = (
            f"({expression})({json.dumps(argument)})"
            if re.match(r"(\w+|\([\w, \[\]]*\)) =>", expression)
            else expression
        )
        number = "(k, x) => typeof x === 'number' && !Number.isFinite(x) ? `\\u0000${x}` : x"
        text = self._script(f"(async () => JSON.stringify(await {called}, {number}))()").get("value")
        return None if text is None else json.loads(re.sub(r'"\\u0000(-?)(\w+)"', r"\1\2", text))

    def press(self, keys):
        *held, key = keys.split("+") if len(keys) > 1 else [keys]
        downs = [{"type": "keyDown", "value": KEYS.get(k, k)} for k in (*held, key)]
        ups = [{"type": "keyUp", "value": KEYS.get(k, k)} for k in (key, *held)]
        self._perform({"type": "key", "id": "keyboard", "actions": downs + ups})

    def type(self, text):
        for character in text:
            self.press(character)

    def click(self, selector):
        element = self._script(f"document.querySelector({json.dumps(selector)})")
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": {"type": "element", "element": element}}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._perform({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def _perform(self, *actions):
        self.firefox.command("input.performActions", context=self.context, actions=list(actions))

    def close(self):
        self.firefox.command("browsingContext.close", context=self.context)
