"""The doorkeeper: answers 503 on the service's port while nothing else listens there.

The service takes seconds to start, or to restart after its Ray was lost. Without an answer, a client could not tell
a service that starts from one that is gone.
"""

import asyncio
import errno
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from raythumbs.cluster.tcp_server import tcp_server
from raythumbs.errors import BadSettings

_BODY = json.dumps({"code": "unavailable", "reason": "the service is starting; try again in a few seconds"}).encode()
_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
    b"Retry-After: 5\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
_HEADER_SECONDS = 2
_LINGER_SECONDS = 1  # a connection that is closed on unread bytes is reset, and takes the answer along
_HEADER_BYTES = 16 * 1024
_MOST_CONNECTIONS = 200


class Door(Protocol):
    """What holds the port."""

    def hand_over(self) -> None:
        """Leave the port to the process that listens there too."""


@contextmanager
def doorkeeper(host: str, port: int) -> Iterator[Door]:
    """Listen on the port and answer 503, until handed over or left. Raises BadSettings if the port cannot be had.

    HAProxy of the same user can listen on it at the same time (SO_REUSEPORT).
    """
    refuse_taken(host, port)
    keeper = _Doorkeeper(_listening(host, port))
    try:
        yield keeper
    finally:
        keeper.hand_over()


def refuse_taken(host: str, port: int) -> None:
    """Raise BadSettings if the port cannot be listened on: it is taken, not ours to take, or of no such address."""
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(probe, host, port)


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(_family(host))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(listener, host, port)
    listener.listen(_MOST_CONNECTIONS)
    return listener


def _bind(one: socket.socket, host: str, port: int) -> None:
    where = f"{host}:{port}"
    try:
        one.bind((host, port))
    except socket.gaierror as error:
        raise BadSettings(f"{host!r} is no address: set --host (RAYTHUMBS_HOST) to one of this machine") from error
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                advice = f"{where} is taken by another program: end it, or choose another --port"
            case errno.EADDRNOTAVAIL:
                advice = f"{host} is no address of this machine: set --host (RAYTHUMBS_HOST) to one that is"
            case errno.EACCES:
                advice = f"{where} may not be listened on by this user: choose a --port above 1023"
            case _:
                advice = f"{where} cannot be listened on: {error.strerror}"
        raise BadSettings(advice) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Doorkeeper:
    """A thread with a loop of its own, for the others import for seconds."""

    def __init__(self, listener: socket.socket) -> None:
        self._loop = asyncio.new_event_loop()
        self._handed_over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(listener,), name="doorkeeper", daemon=True)
        self._thread.start()

    def hand_over(self) -> None:
        """Answer who has come, and leave the port."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._handed_over.set)
            self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._answer(listener))

    async def _answer(self, listener: socket.socket) -> None:
        async with tcp_server(_answer_503, sock=listener, limit=_HEADER_BYTES):
            await self._handed_over.wait()


async def _answer_503(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):  # TimeoutError is an OSError
        async with asyncio.timeout(_HEADER_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
    with suppress(OSError):
        writer.write(_ANSWER)
        writer.write_eof()
        async with asyncio.timeout(_LINGER_SECONDS):
            while await reader.read(_HEADER_BYTES):
                pass
