"""What an attack did to the service and to good clients, and the limits of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from raythumbs.bench.chaos.clients.good import Waits
from raythumbs.bench.report import counted

HEALTHZ_P99_MS = 300
UPLOAD_MS = 2000
ANSWER_SECONDS = 1.0
PEAK_MB = 600
LEFT_SHARE = 0.1
_SAME = 1.1  # memory of as much as before, give or take


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attack. `answers` counts the answers to its clients. `again_seconds` is how long after the attack the service
    answered.

    MB are 10^6 bytes above the memory at rest: before the attack, the highest during it, and what is left at most 30 s
    after it. What an earlier attack left exceeds no limit again.
    """

    attack: Annotated[str, "attack"]
    clients: Annotated[int, "clients", "{:,}"]
    seconds: float
    has_latency_limit: bool
    answers: Annotated[Mapping[str, int], "their answers"]
    healthz: Annotated[Waits, "/healthz p50, p99 ms", "{0.p50_ms:.0f}, {0.p99_ms:.0f}"]
    status: Waits
    upload: Annotated[Waits, "upload p50, max ms", "{0.p50_ms:.0f}, {0.max_ms:.0f}"]
    failures: Annotated[Mapping[str, int], "good clients failed"]
    replica_deaths: int
    begin_mb: float
    peak_mb: Annotated[float, "memory MB: peak", "{:+.0f}"]
    left_mb: Annotated[float, "left", "{:+.0f}"]
    again_seconds: Annotated[float, "answers after s", "{:.2f}"]

    def exceeded(self, *, rest_mb: float) -> Iterator[str]:
        """Describe each limit that was exceeded."""
        if self.failures:
            yield f"good clients failed: {counted(self.failures)}"
        if self.has_latency_limit and self.healthz.p99_ms > HEALTHZ_P99_MS:
            yield f"/healthz took {self.healthz.p99_ms:.0f} ms at p99; at most {HEALTHZ_P99_MS}"
        if self.has_latency_limit and self.upload.max_ms > UPLOAD_MS:
            yield f"an upload took {self.upload.max_ms:.0f} ms; at most {UPLOAD_MS}"
        if self.replica_deaths:
            yield f"{self.replica_deaths} replicas ended"
        if self.again_seconds > ANSWER_SECONDS:
            yield f"the service answered {self.again_seconds:.1f} s after the attack; at most {ANSWER_SECONDS:g}"
        if self.peak_mb > max(PEAK_MB, _SAME * self.begin_mb):
            yield f"the replica grew by {self.peak_mb:.0f} MB; at most {PEAK_MB}"
        if self.left_mb > max(LEFT_SHARE * rest_mb, _SAME * self.begin_mb):
            yield f"the replica kept {self.left_mb:.0f} MB; at most {LEFT_SHARE * rest_mb:.0f}"
