"""Ctrl-C in the middle of a training: what is under way is brought to an end, so that no update is left half made."""

import signal
from threading import current_thread, main_thread
from typing import Any, Self


class Interrupts:
    """Ctrl-C waits until a mini-batch is done, so that no update is left half made; a second one does not."""

    def __init__(self) -> None:
        self.asked = self.insisted = False

    def __enter__(self) -> Self:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is somebody's own
        self._ours = usual and current_thread() is main_thread()
        if self._ours:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _ask(self, *_: Any) -> None:
        self.insisted = self.asked
        self.asked = True
        if self.insisted:
            raise KeyboardInterrupt

    def heed(self) -> None:
        """Raise the interrupt that was asked for, if there was one."""
        if self.asked:
            raise KeyboardInterrupt
