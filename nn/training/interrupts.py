"""Ctrl-C during training: the step that is under way is completed first, so that no update is left half done."""

import signal
from threading import current_thread, main_thread
from typing import Any, Self


class DeferredInterrupt:
    """A block in which Ctrl-C only makes a note, for `raise_if_requested` to act on; a second one does not wait.

    In a thread other than the main one, or where somebody has set a handler of their own, it does nothing.

    Attributes:
        requested: whether Ctrl-C was pressed.
        forced: whether it was pressed a second time.
    """

    def __init__(self) -> None:
        self.requested = self.forced = False

    def __enter__(self) -> Self:
        default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._installed = default and current_thread() is main_thread()
        if self._installed:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, *_: Any) -> None:
        self.forced = self.requested
        self.requested = True
        if self.forced:
            raise KeyboardInterrupt

    def raise_if_requested(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.requested:
            raise KeyboardInterrupt
