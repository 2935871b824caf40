"""Events: the one way to log that something happened, `emit("job.released", job_id=..., after_seconds=...)`."""

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import DatagramHandler
from pathlib import Path
from threading import Thread
from typing import Literal

from raythumbs.errors import Internal, RaythumbsError

_log = logging.getLogger("raythumbs")

_LISTENER = "_RAYTHUMBS_LISTENER"  # environment variable: the socket on which `raythumbs serve` gets all events
_LARGEST_LINE_BYTES = 64 * 1024  # with its traceback
_LARGEST_TRACE = 16 * 1024  # letters: a line that is cut off is no JSON
_AGAIN_SECONDS = 60
_END_SECONDS = 1

LogFormat = Literal["text", "json"]

_facts_here: ContextVar[dict[str, object] | None] = ContextVar("facts_here", default=None)


def add_facts(**facts: object) -> None:
    """Add facts to every event that the current task of asyncio, and the tasks that it starts, emit from now on."""
    _facts_here.set(facts_here() | facts)


def facts_here() -> dict[str, object]:
    """Return the facts that `add_facts` has added to this task's events."""
    return _facts_here.get() or {}


def emit(event: str, **facts: object) -> None:
    """Write one line: the event's name in the past tense, and its facts as JSON. Never put a secret into a fact."""
    if _log.isEnabledFor(logging.INFO):
        _write(logging.INFO, event, facts)


def emit_warning(event: str, **facts: object) -> None:
    """Write one line that is shown by default: something that a person may want to mend."""
    _write(logging.WARNING, event, facts)


def emit_trouble(event: str, error: BaseException, **facts: object) -> None:
    """Write one line about a failure. An error that is not of raythumbs is logged with its traceback."""
    if isinstance(error, RaythumbsError):
        _write(logging.WARNING, event, facts | {"code": error.code, "reason": error.reason})
    else:
        _write(logging.ERROR, event, facts, bug=error)


def known(event: str, error: Exception, **facts: object) -> RaythumbsError:
    """Return an error of raythumbs unchanged. Log any other with its traceback, as a bug, and return Internal."""
    if isinstance(error, RaythumbsError):
        return error
    emit_trouble(event, error, kind=type(error).__name__, **facts)
    return Internal()


def _write(level: int, event: str, facts: dict[str, object], *, bug: BaseException | None = None) -> None:
    facts = facts_here() | facts
    _log.log(level, "%s %s", event, _as_json(facts), exc_info=bug, extra={"event": event, "facts": facts})


def _as_json(facts: dict[str, object]) -> str:
    return json.dumps(facts, default=str, sort_keys=True)


def show_events(level: str, log_format: LogFormat = "text") -> None:
    """Log this process's events of this level and above (`INFO`: all) from now on, for people or as JSON.

    Events go to the standard error of `raythumbs serve`. On a cluster they go to the process's own standard error,
    which Ray keeps in a file.
    """
    listener = os.environ.get(_LISTENER)
    handler = _ToListener(listener, None) if listener else logging.StreamHandler()
    is_json = log_format == "json"
    handler.setFormatter(_JsonLines() if is_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_NotAgain())
    for before in _log.handlers:
        before.close()
    _log.handlers = [handler]
    _log.setLevel(level)


def show_bugs_only() -> None:
    """Hide warnings, in a command that prints its own results: they are for the log of a service."""
    _log.setLevel(logging.ERROR)


@contextmanager
def listening(folder: Path) -> Iterator[None]:
    """Print events of processes that are started in this context. They come over a socket in the folder."""
    path = str(folder / "events")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.bind(path)
        writer = Thread(target=_write_all, args=(here,), daemon=True)
        writer.start()
        os.environ[_LISTENER] = path
        try:
            yield
        finally:
            del os.environ[_LISTENER]
            here.shutdown(socket.SHUT_RD)  # events that have come are still read
            writer.join(_END_SECONDS)  # bounded, because a paused terminal may block standard error


def _write_all(here: socket.socket) -> None:
    while line := here.recv(_LARGEST_LINE_BYTES):
        print(line.decode(errors="replace"), file=sys.stderr, flush=True)


class _JsonLines(logging.Formatter):
    """Formats an event as one line: an object with its time (UTC), level and name, its facts, and a bug's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": at, "level": record.levelname.lower(), "event": getattr(record, "event", record.getMessage())}
        trace = self.formatException(record.exc_info)[-_LARGEST_TRACE:] if record.exc_info else None
        bug = {"traceback": trace} if trace else {}
        return json.dumps(line | getattr(record, "facts", {}) | bug, default=str)


class _NotAgain(logging.Filter):
    """Lets the same failure pass only once a minute, because an unavailable database fails many callers."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        since, line = record.created - _AGAIN_SECONDS, record.getMessage()
        self._passed = {other: at for other, at in self._passed.items() if at > since}
        if line in self._passed:
            return False
        self._passed[line] = record.created
        return True


class _ToListener(DatagramHandler):
    """Sends each line to a socket. If it is full or closed, the line is lost, so that no caller waits for the log."""

    def makeSocket(self, timeout: float = 0) -> socket.socket:  # noqa: ARG002, N802 logging's
        made = super().makeSocket()
        made.setblocking(False)  # noqa: FBT003 a socket's
        return made

    def makePickle(self, record: logging.LogRecord) -> bytes:  # noqa: N802 logging's
        return self.format(record).encode(errors="replace")[:_LARGEST_LINE_BYTES]

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 logging's
        pass
