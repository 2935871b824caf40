"""Notifications on their way to a service: many connections, each with one request under way, at little cost."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice

from raythumbs.bench.wire import Door, connected, request

BUCKET = "photos"
_ACCEPTED = (200, 202)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What to send: `records` a notification, or without them a submission of one photo to /api/jobs.

    What is sent in the first `warm_up_seconds` is not measured. `run` distinguishes this sending's photos from others.
    """

    door: Door
    records: int | None
    connections: int
    warm_up_seconds: float
    seconds: float
    run: str


@dataclass(slots=True)
class Sent:
    """`accepted` and `errors` count all that was sent; the rest is of the time that was measured."""

    accepted: int = 0
    errors: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)


def send(sending: Sending) -> Sent:
    """Send; for a process that does nothing else."""
    return asyncio.run(_send(sending))


async def _send(sending: Sending) -> Sent:
    sent, requests, is_over = Sent(), _requests(sending), asyncio.Event()
    async with asyncio.TaskGroup() as connections:
        for _ in range(sending.connections):
            connections.create_task(_send_on(sending.door, requests, sent, is_over))
        await asyncio.sleep(sending.warm_up_seconds)
        sent.waits.clear()
        began, began_cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(sending.seconds)
        sent.seconds, sent.cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        measured = len(sent.waits)
        is_over.set()
    del sent.waits[measured:]
    return sent


async def _send_on(door: Door, requests: Iterator[bytes], sent: Sent, is_over: asyncio.Event) -> None:
    """Send a request as soon as the one before is answered. A connection that ends without notice is an error."""
    while not is_over.is_set():
        async with connected(door) as connection:
            ends = False  # HAProxy announces the end to each connection when it is started anew
            while not ends and not is_over.is_set():
                began = time.perf_counter()
                try:
                    await connection.send(next(requests))
                    answer = await connection.answer()
                except (OSError, EOFError):
                    sent.errors += 1
                    return
                sent.waits.append(time.perf_counter() - began)
                sent.accepted += answer.status in _ACCEPTED
                sent.errors += answer.status not in _ACCEPTED
                ends = answer.headers.get("connection") == "close"


def _requests(sending: Sending) -> Iterator[bytes]:
    """Generate requests without end, each for new photos."""
    numbers = count()
    while True:
        if sending.records is None:
            path, body = "/api/jobs", f'{{"sources":["s3://{BUCKET}/2026/{sending.run}-{next(numbers):09d}.jpg"]}}'
        else:
            several = islice(numbers, sending.records)
            records = [_RECORD % (BUCKET, BUCKET, sending.run, number, number) for number in several]
            path, body = "/api/notifications/s3", f'{{"Records":[{",".join(records)}]}}'
        yield request("POST", path, body.encode(), close=False, Content_Type="application/json")
