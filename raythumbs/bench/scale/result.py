"""What is asked of a scale run, and what came of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from raythumbs.bench.scale.prices import PRICES, Machine

SLOTS = (10, 100, 1_000)
SHARDS = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePlan:
    """Slots, and queues that share them; how long a photo takes, and for how long each row is measured.

    Without a server a PostgreSQL is started. One queue is measured on SQLite too, a file in the folder.
    """

    slots: Sequence[int] = SLOTS
    shards: Sequence[int] = SHARDS
    seconds_per_photo: float = 0.05
    seconds: float = 8
    server: str | None = None
    prices: Path = PRICES
    folder: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """So many slots fed by so many queues: photos a second, in percent of what the slots could do, what the busiest of
    the queues took of a core (to pretend is part of it), and commits a second."""

    database: str
    shards: int
    slots: int
    photos_per_second: float
    busy_percent: float
    actor_cpu_percent: float
    actor_cpu_ms_per_photo: float
    commits_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million photos cost on nodes of a kind that are always busy."""

    machine: str
    dollars_per_million: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleResult:
    """Every row."""

    seconds_per_photo: float
    rows: tuple[Row, ...]
    prices: tuple[Price, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self)

    def as_table(self) -> Group:
        """Return the result for people."""
        columns = ("database", "queues", "slots", "photos/s", "busy", "CPU of a queue", "ms/photo", "commits/s")
        table = Table(*columns, title=f"photos of {self.seconds_per_photo * 1000:g} ms")
        for row in self.rows:
            table.add_row(
                row.database,
                str(row.shards),
                f"{row.slots:,}",
                f"{row.photos_per_second:,.0f}",
                f"{row.busy_percent:.1f} %",
                f"{row.actor_cpu_percent:.0f} %",
                f"{row.actor_cpu_ms_per_photo:.2f}",
                f"{row.commits_per_second:,.0f}",
            )
        prices = Table("nodes", "dollars", title="a million photos")
        for price in self.prices:
            prices.add_row(price.machine, f"{price.dollars_per_million:.2f}")
        return Group(table, prices)


def priced(machines: Sequence[Machine], *, seconds_per_photo: float) -> tuple[Price, ...]:
    """Return what a million photos cost on each kind of node."""
    return tuple(
        Price(
            machine=machine.name,
            dollars_per_million=round(machine.dollars_per_million(seconds_per_photo=seconds_per_photo), 2),
        )
        for machine in machines
    )
