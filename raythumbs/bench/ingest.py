"""How many notifications a second a service takes, and how long each waits for its answer: its job is on disk by then.

No photo is rendered meanwhile, which would use the CPU that is measured: the photos lie in a bucket whose server
accepts connections and never answers, so the workers wait, at no CPU, as they would for a slow store.
"""

import asyncio
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Annotated
from urllib.parse import urlsplit

from raythumbs.bench.laps import in_processes, percentile
from raythumbs.bench.local_service import Start, orderly_end, scratch_service
from raythumbs.bench.plans import IngestPlan
from raythumbs.bench.report import BenchFailed, Report, Say, table
from raythumbs.bench.wire import Door, connected, request
from raythumbs.client import Client

_BUCKET = "photos"
_WARM_UP_SECONDS = 1.0
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
_ENVIRONMENT = {
    "RAYTHUMBS_ALLOWED_SOURCES": f'["s3://{_BUCKET}/"]',
    "RAYTHUMBS_DRAIN_SECONDS": "0.1",  # the workers wait in vain
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody's",
}
_KINDS: Mapping[str, int | None] = {"single": 1, "batch of 100": 100, "single job": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of request: an S3 notification of one record or of 100, or a submission of one photo.

    A record is a photo. The client's CPU is in percent of one core.
    """

    kind: Annotated[str, "kind"]
    connections: int
    seconds: float
    requests_per_second: Annotated[float, "requests/s", "{:,.0f}"]
    records_per_second: Annotated[float, "records/s", "{:,.0f}"]
    p50_ms: Annotated[float, "p50 ms", "{:.1f}"]
    p99_ms: Annotated[float, "p99 ms", "{:.1f}"]
    errors: Annotated[int, "errors"]
    client_cpu_percent: Annotated[float, "client's CPU %", "{:.0f}"]


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


def run(plan: IngestPlan, *, say: Say, start: Start = scratch_service) -> Report:
    """Measure each kind on one service, of which nothing stays. Raises BenchFailed if a job is missing."""
    rows, acknowledged = [], 0
    with orderly_end(), silent_store() as environment, start(environment) as service:
        before = _jobs(service.client)
        for kind, records in _KINDS.items():
            say(kind)
            sending = Sending(
                door=Door(urlsplit(service.client.url).port or 80),
                records=records,
                connections=plan.connections,
                warm_up_seconds=min(_WARM_UP_SECONDS, plan.seconds),
                seconds=plan.seconds,
                run=uuid.uuid4().hex,
            )
            [sent] = in_processes(send, [sending])
            acknowledged += sent.accepted * (records or 1)
            kept = _jobs(service.client) - before
            if kept < acknowledged:
                raise BenchFailed(f"{acknowledged} photos were acknowledged, and the database has {kept} jobs")
            requests_per_second = len(sent.waits) / sent.seconds
            row = Row(
                kind=kind,
                connections=plan.connections,
                seconds=sent.seconds,
                requests_per_second=requests_per_second,
                records_per_second=requests_per_second * (records or 1),
                p50_ms=percentile(sent.waits, 50) * 1000,
                p99_ms=percentile(sent.waits, 99) * 1000,
                errors=sent.errors,
                client_cpu_percent=100 * sent.cpu_seconds / sent.seconds,
            )
            rows.append(row)
    return Report(figures={"rows": rows}, tables=[table("raythumbs bench ingest", Row, rows)])


def _jobs(client: Client) -> int:
    return sum(client.status()["states"].values())


@contextmanager
def silent_store() -> Iterator[dict[str, str]]:
    """Yield the environment of a service whose photos lie in a bucket that never answers: the kernel accepts the
    connections, and nobody reads them."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        yield _ENVIRONMENT | {"RAYTHUMBS_S3_ENDPOINT_URL": f"http://127.0.0.1:{listening.getsockname()[1]}"}


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
            path, body = "/api/jobs", f'{{"sources":["s3://{_BUCKET}/2026/{sending.run}-{next(numbers):09d}.jpg"]}}'
        else:
            several = islice(numbers, sending.records)
            records = [_RECORD % (_BUCKET, _BUCKET, sending.run, number, number) for number in several]
            path, body = "/api/notifications/s3", f'{{"Records":[{",".join(records)}]}}'
        yield request("POST", path, body.encode(), close=False, Content_Type="application/json")
