"""How many notifications a second a service takes, and how long each waits for its answer, which is on disk by then.

Nothing is rendered meanwhile, or it would be a measurement of the machine's idle time: the photos lie in a bucket whose
server takes connections and never answers, so the workers wait, at no CPU, as they would for a slow store.
"""

import multiprocessing
import socket
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table

from raythumbs.bench.local_service import await_workers, local_service, orderly_end
from raythumbs.bench.senders import BUCKET, Sending, Sent, send
from raythumbs.client import Client
from raythumbs.errors import RaythumbsError

_WARM_UP_SECONDS = 1.0
_KINDS: Mapping[str, int | None] = {"single": 1, "batch of 100": 100, "single job": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPlan:
    """How many connections, each with one request under way, and for how long, for each kind of request."""

    connections: int = 16
    seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of request: an S3 notification of one record or of 100, or a submission of one photo.

    A record is a photo. The client's share is in percent of one core.
    """

    kind: str
    connections: int
    seconds: float
    requests_per_second: float
    records_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    client_cpu_percent: float


@dataclass(frozen=True, slots=True)
class IngestResult:
    """Every row; each photo that was answered for had its job in the record."""

    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"rows": [asdict(row) for row in self.rows]}

    def as_table(self) -> Table:
        """Return the result for people."""
        table = Table("kind", "requests/s", "records/s", "p50 ms", "p99 ms", "errors", "client's CPU %")
        table.title = "raythumbs bench ingest"
        for row in self.rows:
            table.add_row(
                row.kind,
                f"{row.requests_per_second:,.0f}",
                f"{row.records_per_second:,.0f}",
                f"{row.p50_ms:.1f}",
                f"{row.p99_ms:.1f}",
                str(row.errors),
                f"{row.client_cpu_percent:.0f}",
            )
        return table


class Forgotten(RaythumbsError):
    """The record has fewer jobs than were answered for."""

    code = "forgotten"


def run_ingest(plan: IngestPlan) -> IngestResult:
    """Measure each kind on one service of its own, of which nothing stays. Raises Forgotten if a job is missing."""
    with (
        orderly_end(),
        _silent_server() as silent,
        tempfile.TemporaryDirectory(prefix="raythumbs-ingest-") as folder,
        local_service(Path(folder), environment=_environment(Path(folder), silent)) as client,
    ):
        await_workers(client)
        return IngestResult(tuple(_rows(client, plan)))


def _rows(client: Client, plan: IngestPlan) -> Iterator[Row]:
    promised = 0
    for kind, records in _KINDS.items():
        sending = Sending(
            port=urlsplit(client.url).port or 80,
            records=records,
            connections=plan.connections,
            warm_up_seconds=min(_WARM_UP_SECONDS, plan.seconds),
            seconds=plan.seconds,
            run=uuid.uuid4().hex,
        )
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
            sent = apart.submit(send, sending).result()
        promised += sent.accepted * (records or 1)
        kept = sum(client.status()["states"].values())
        if kept < promised:
            raise Forgotten(f"{promised} photos were answered for, and the record has jobs of {kept}")
        yield _row(kind, sending, sent)


def _row(kind: str, sending: Sending, sent: Sent) -> Row:
    waited = sorted(sent.waited)
    rate = len(waited) / sent.seconds
    return Row(
        kind=kind,
        connections=sending.connections,
        seconds=round(sent.seconds, 3),
        requests_per_second=round(rate, 1),
        records_per_second=round(rate * (sending.records or 1), 1),
        p50_ms=round(_quantile(waited, 0.50) * 1000, 2),
        p99_ms=round(_quantile(waited, 0.99) * 1000, 2),
        errors=sent.errors,
        client_cpu_percent=round(100 * sent.cpu_seconds / sent.seconds, 1),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0


def _environment(folder: Path, silent: str) -> dict[str, str]:
    return {
        "RAYTHUMBS_STORE": f"file://{folder}/store",
        "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/raythumbs.db",
        "RAYTHUMBS_ALLOWED_SOURCES": f'["s3://{BUCKET}/"]',
        "RAYTHUMBS_S3_ENDPOINT_URL": silent,
        "RAYTHUMBS_DRAIN_SECONDS": "0.1",  # the workers wait in vain
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nobody's",
    }


@contextmanager
def _silent_server() -> Iterator[str]:
    """Give the address of a server that never answers: the kernel takes the connections, and nobody reads them."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
