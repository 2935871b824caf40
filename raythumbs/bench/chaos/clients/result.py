"""What slow and hostile clients did to a service, and what it must hold."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from raythumbs.bench.chaos.clients.good import Waits

HEALTHZ_P99_MS = 300
UPLOAD_MS = 2000
ANSWER_SECONDS = 1.0
PEAK_MB = 600
LEFT_SHARE = 0.1
_SAME = 1.1  # memory of as much as before, give or take


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attack. `answers` counts what its clients were answered. `again_seconds` is how long after the attack the
    service answered.

    MB are 10^6 bytes above the memory at rest: before the attack, the highest during it, and what is left at most 30 s
    after it. What an earlier attack left misses no bar again.
    """

    attack: str
    clients: int
    seconds: float
    has_latency_bar: bool
    answers: Mapping[str, int]
    healthz: Waits
    status: Waits
    upload: Waits
    failures: Mapping[str, int]
    replica_deaths: int
    begin_mb: float
    peak_mb: float
    left_mb: float
    again_seconds: float

    def missed(self, *, rest_mb: float) -> Iterator[str]:
        """Tell which bars were missed."""
        if self.failures:
            yield f"good clients failed: {_listed(self.failures)}"
        if self.has_latency_bar and self.healthz.p99_ms > HEALTHZ_P99_MS:
            yield f"/healthz took {self.healthz.p99_ms:.0f} ms at p99; at most {HEALTHZ_P99_MS}"
        if self.has_latency_bar and self.upload.max_ms > UPLOAD_MS:
            yield f"an upload took {self.upload.max_ms:.0f} ms; at most {UPLOAD_MS}"
        if self.replica_deaths:
            yield f"{self.replica_deaths} replicas ended"
        if self.again_seconds > ANSWER_SECONDS:
            yield f"the service answered {self.again_seconds:.1f} s after the attack; at most {ANSWER_SECONDS:g}"
        if self.peak_mb > max(PEAK_MB, _SAME * self.begin_mb):
            yield f"the replica grew by {self.peak_mb:.0f} MB; at most {PEAK_MB}"
        if self.left_mb > max(LEFT_SHARE * rest_mb, _SAME * self.begin_mb):
            yield f"the replica kept {self.left_mb:.0f} MB; at most {LEFT_SHARE * rest_mb:.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsResult:
    """The service at rest, each attack, and the good uploads that were acknowledged and have no thumbnail."""

    rest_mb: float
    rest: Row
    rows: tuple[Row, ...]
    uploads: int
    lost: tuple[str, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """The bars that were missed, for people."""
        told = [f"{row.attack}: {what}" for row in self.rows for what in row.missed(rest_mb=self.rest_mb)]
        return (*told, *(f"lost: {one}" for one in self.lost))

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self) | {"missed": self.missed}

    def as_table(self) -> Table:
        """Return the result for people."""
        table = Table("attack", "its clients were answered", "/healthz p50, p99 ms", "upload p50, max ms",
                      "good clients failed", "memory MB: peak, left", "answers after s")  # fmt: skip
        table.title = "raythumbs bench chaos --clients"
        for row in (self.rest, *self.rows):
            table.add_row(
                f"{row.attack} ({row.clients:,})" if row.clients else row.attack,
                _listed(row.answers),
                f"{row.healthz.p50_ms:.0f}, {row.healthz.p99_ms:.0f}",
                f"{row.upload.p50_ms:.0f}, {row.upload.max_ms:.0f}",
                _listed(row.failures),
                f"{row.peak_mb:+.0f}, {row.left_mb:+.0f}",
                f"{row.again_seconds:.2f}",
            )
        table.caption = (
            f"memory of the replica above {self.rest_mb:.0f} MB at rest; "
            f"good uploads without a thumbnail: {len(self.lost)} of {self.uploads}"
        )
        return table


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "none"
