"""What is asked of a throughput run, and what came of it."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from rich.table import Column, Table

from raythumbs.bench.meter import Usage
from raythumbs.bench.throughput.contest import Finish

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputPlan:
    """Which photos, how far away their store is, how often everybody takes part, and who (by default all)."""

    photos: int = 200
    size_mb: float = 5
    pictures: Path | None = None
    latencies_ms: Sequence[float] = (0, 50, 200)
    runs: int = 1
    only: Sequence[str] = ()
    peers_dir: Path = Path("notebooks/peers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a contestant did and took; `cpu_percent` is the share of all cores, and memory that of all its
    processes, in MiB, what they share counted once (PSS).

    `p50_seconds` and `p95_seconds` are of the photos, from when it was told of one until the thumbnail was stored (the
    service: until its address was in the database).
    """

    seconds: float
    photos_per_second: float
    cpu_percent: float
    peak_rss_mb: float
    p50_seconds: float
    p95_seconds: float
    output_bytes: float

    @classmethod
    def of(cls, finish: Finish, usage: Usage, *, cores: int, output_bytes: int) -> Self:
        """Sum up a run."""
        seconds, waited = max(finish.done), sorted(finish.waited)
        return cls(
            seconds=round(seconds, 3),
            photos_per_second=round(len(finish.done) / seconds, 2),
            cpu_percent=round(100 * usage.cpu_seconds / (usage.seconds * cores), 1),
            peak_rss_mb=round(usage.peak_memory_bytes / _MIB, 1),
            p50_seconds=round(statistics.median(waited), 3),
            p95_seconds=round(waited[int(len(waited) * 0.95)], 3),
            output_bytes=output_bytes,
        )

    @classmethod
    def medians(cls, runs: Sequence[Self]) -> Self:
        """Return the median of each figure."""
        return cls(**{one.name: statistics.median(getattr(run, one.name) for run in runs) for one in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A contestant's figures, medians of its runs, or what kept it from doing what it was asked to."""

    contestant: str
    version: str
    photos: int
    store_latency_ms: float
    figures: Figures | str

    def as_dict(self) -> dict[str, Any]:
        """Return it flat: with the figures, or with an `error`."""
        told = asdict(self)
        figures = told.pop("figures")
        return told | ({"error": figures} if isinstance(figures, str) else figures)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputResult:
    """Every row, the machine's limit (see limit.py), and how to have the contestants that are missing."""

    limit_photos_per_second: float
    cores: int
    runs: int
    rows: tuple[Row, ...]
    missing: tuple[str, ...]

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Who did not do what was asked, and why."""
        return [(row.contestant, row.figures) for row in self.rows if isinstance(row.figures, str)]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self) | {"rows": [row.as_dict() for row in self.rows], "missing": list(self.missing)}

    def as_table(self) -> Table:
        """Return the result for people: `of limit` is the share of the machine's limit, `ours` how many times faster
        than this contestant raythumbs is."""
        table = Table(
            *("store", Column("contestant", no_wrap=True), "per s", "of limit", "ours", "CPU", "MB", "p50 s", "p95 s"),
            title=f"photos per second; the limit of {self.cores} cores is {self.limit_photos_per_second:.1f}",
            caption=", ".join(dict.fromkeys(f"{row.contestant} {row.version}" for row in self.rows)),
        )
        for row in self.rows:
            if table.rows and row.store_latency_ms != self.rows[len(table.rows) - 1].store_latency_ms:
                table.add_section()
            table.add_row(f"{row.store_latency_ms:g} ms", row.contestant, *self._told(row))
        return table

    def _told(self, row: Row) -> list[str]:
        figures = row.figures
        if isinstance(figures, str):
            return ["failed"]
        ours = self._ours(row.store_latency_ms)
        return [
            f"{figures.photos_per_second:.1f}",
            f"{figures.photos_per_second / self.limit_photos_per_second:.0%}",
            f"{ours / figures.photos_per_second:.2f}x" if ours else "",
            f"{figures.cpu_percent:.0f} %",
            f"{figures.peak_rss_mb:.0f}",
            f"{figures.p50_seconds:.2f}",
            f"{figures.p95_seconds:.2f}",
        ]

    def _ours(self, latency_ms: float) -> float | None:
        for row in self.rows:
            if (row.contestant, row.store_latency_ms) == ("raythumbs", latency_ms) and isinstance(row.figures, Figures):
                return row.figures.photos_per_second
        return None
