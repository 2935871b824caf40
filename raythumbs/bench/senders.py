"""Notifications on their way to a service: many connections, each with one request under way, at little cost.

Plain sockets and prepared bytes: an HTTP library would take from the service the CPU that is to be measured.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice

_RECORD = (
    '{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-01-01T00:00:00.000Z",'
    '"eventName":"ObjectCreated:Put","userIdentity":{"principalId":"AWS:AIDAEXAMPLE"},'
    '"requestParameters":{"sourceIPAddress":"192.0.2.10"},'
    '"responseElements":{"x-amz-request-id":"C3D13FE58DE4C810","x-amz-id-2":"FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S"},'
    '"s3":{"s3SchemaVersion":"1.0","configurationId":"uploads","bucket":{"name":"%s",'
    '"ownerIdentity":{"principalId":"A3NL1KOZZKExample"},"arn":"arn:aws:s3:::%s"},'
    '"object":{"key":"2026/%s-%09d.jpg","size":5000000,"eTag":"d41d8cd98f00b204e9800998ecf8427e",'
    '"sequencer":"0055AED6DCD9%08X"}}}'
)  # Amazon S3 User Guide, "Event message structure"

BUCKET = "photos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What to send, and how: `records` a notification, or with none a submission of one photo to /api/jobs.

    What the first `warm_up_seconds` bring is sent, but not measured. `run` tells this sending's photos from others'.
    """

    port: int
    records: int | None
    connections: int
    warm_up_seconds: float
    seconds: float
    run: str


@dataclass(slots=True)
class Sent:
    """What came of it. `accepted` and `errors` are of all that was sent; the rest is of the time that was measured."""

    accepted: int = 0
    errors: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    waited: list[float] = field(default_factory=list)


def send(sending: Sending) -> Sent:
    """Send; for a process that does nothing else."""
    return asyncio.run(_send(sending))


async def _send(sending: Sending) -> Sent:
    sent = Sent()
    requests = _requests(sending)
    connections = [await _connected(sending.port, requests, sent) for _ in range(sending.connections)]
    for connection in connections:
        connection.ask()
    await asyncio.sleep(sending.warm_up_seconds)
    sent.waited.clear()
    began, began_cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(sending.seconds)
    sent.seconds, sent.cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    measured = len(sent.waited)
    await asyncio.gather(*(connection.finish() for connection in connections))
    del sent.waited[measured:]
    return sent


async def _connected(port: int, requests: Iterator[bytes], sent: Sent) -> "_Connection":
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: _Connection(port, requests, sent), "127.0.0.1", port)
    return connection


def _requests(sending: Sending) -> Iterator[bytes]:
    """Give requests for ever, each of photos that none before it was of."""
    numbers = count()
    while True:
        if sending.records is None:
            key = f"2026/{sending.run}-{next(numbers):09d}.jpg"
            yield _request("/api/jobs", f'{{"sources":["s3://{BUCKET}/{key}"]}}')
        else:
            told = [_RECORD % (BUCKET, BUCKET, sending.run, one, one) for one in islice(numbers, sending.records)]
            yield _request("/api/notifications/s3", f'{{"Records":[{",".join(told)}]}}')


def _request(path: str, body: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


class _Connection(asyncio.Protocol):
    """Asks again as soon as it is answered, until it is told to finish."""

    def __init__(self, port: int, requests: Iterator[bytes], sent: Sent) -> None:
        self._port = port
        self._requests = requests
        self._sent = sent
        self._answer = bytearray()
        self._finishing = False
        self._ends_with_the_answer = False  # HAProxy says so to each connection when it is started anew
        self._again: asyncio.Task[object] | None = None
        self._closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 of a TCP connection it is
        self._transport = transport

    def ask(self) -> None:
        """Send the next request."""
        self._asked_at = time.perf_counter()
        self._transport.write(next(self._requests))

    async def finish(self) -> None:
        """Wait for the answer to what was asked, and close."""
        self._finishing = True
        await self._closed

    def data_received(self, data: bytes) -> None:
        """Count the answer once it is whole."""
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._sent.waited.append(time.perf_counter() - self._asked_at)
        taken = head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
        self._sent.accepted += taken
        self._sent.errors += not taken
        self._ends_with_the_answer = b"connection: close" in head.lower()
        self._answer.clear()
        if self._finishing:
            self._transport.close()
        elif not self._ends_with_the_answer:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Go on with another if the end was announced with the answer; else it is an error, unless it was asked for."""
        if self._ends_with_the_answer and not self._finishing:
            self._ends_with_the_answer = False
            self._again = asyncio.ensure_future(self._ask_again())
            return
        self._sent.errors += not self._finishing
        self._closed.set_result(exc)

    async def _ask_again(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        self.ask()


def _length(head: bytearray) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
