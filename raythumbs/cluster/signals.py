"""Signals that ask a program to end, without exceptions: one that a handler raises would meet Ray half started."""

import signal
import threading
from collections.abc import Callable

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndingSignals:
    """Calls `hear` for each signal that asks this program to end, and remembers that there was one.

    Make it in the main thread, where Python runs handlers between two steps.
    """

    def __init__(self, hear: Callable[[], None]) -> None:
        self._hear = hear
        self._heard = threading.Event()
        self.listen()

    def listen(self) -> None:
        """Set the handlers, again where a library has set others."""
        for number in _ENDING:
            # Ignored on purpose, it stays so: SIGHUP, by nohup.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)

    def wait(self) -> None:
        """Return when there was one; until then `hear` is not called, afterwards it is again."""
        hear, self._hear = self._hear, _do_nothing
        self._heard.wait()
        self._hear = hear

    def _handle(self, *_: object) -> None:
        self._heard.set()
        self._hear()


def _do_nothing() -> None:
    pass
