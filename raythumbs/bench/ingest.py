"""How many notifications a second a service takes, and how long each waits for its answer: its job is on disk by then.

No photo is rendered meanwhile, which would use the CPU that is measured: the photos lie in a bucket whose server
accepts connections and never answers, so the workers wait, at no CPU, as they would for a slow store.
"""

import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from raythumbs.bench.laps import in_processes, percentile
from raythumbs.bench.local_service import orderly_end, scratch_service
from raythumbs.bench.plans import IngestPlan
from raythumbs.bench.report import BenchFailed, Report, Say, table
from raythumbs.bench.senders import BUCKET, Sending, Sent, send
from raythumbs.bench.wire import Door

_WARM_UP_SECONDS = 1.0
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


def run(plan: IngestPlan, *, say: Say) -> Report:
    """Measure each kind on one service, of which nothing stays. Raises BenchFailed if a job is missing."""
    rows: list[Row] = []
    with orderly_end(), _silent_server() as silent, scratch_service(_environment(silent)) as service:
        door, acknowledged = Door(urlsplit(service.client.url).port or 80), 0
        for kind, records in _KINDS.items():
            say(kind)
            sending = Sending(
                door=door,
                records=records,
                connections=plan.connections,
                warm_up_seconds=min(_WARM_UP_SECONDS, plan.seconds),
                seconds=plan.seconds,
                run=uuid.uuid4().hex,
            )
            [sent] = in_processes(send, [sending])
            acknowledged += sent.accepted * (records or 1)
            kept = sum(service.client.status()["states"].values())
            if kept < acknowledged:
                raise BenchFailed(f"{acknowledged} photos were acknowledged, and the database has {kept} jobs")
            rows.append(_row(kind, sending, sent))
    return Report(figures={"rows": rows}, tables=[table("raythumbs bench ingest", Row, rows)])


def _row(kind: str, sending: Sending, sent: Sent) -> Row:
    requests_per_second = len(sent.waits) / sent.seconds
    return Row(
        kind=kind,
        connections=sending.connections,
        seconds=sent.seconds,
        requests_per_second=requests_per_second,
        records_per_second=requests_per_second * (sending.records or 1),
        p50_ms=percentile(sent.waits, 50) * 1000,
        p99_ms=percentile(sent.waits, 99) * 1000,
        errors=sent.errors,
        client_cpu_percent=100 * sent.cpu_seconds / sent.seconds,
    )


def _environment(silent: str) -> dict[str, str]:
    return {
        "RAYTHUMBS_ALLOWED_SOURCES": f'["s3://{BUCKET}/"]',
        "RAYTHUMBS_S3_ENDPOINT_URL": silent,
        "RAYTHUMBS_DRAIN_SECONDS": "0.1",  # the workers wait in vain
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nobody's",
    }


@contextmanager
def _silent_server() -> Iterator[str]:
    """Yield the address of a server that never answers: the kernel accepts the connections, and nobody reads them."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
