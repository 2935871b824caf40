"""The options of each bench. A plan's docstring is the help of its command, and its annotated fields are the options.

Fields without an annotation are for tests, which measure less.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from typer import Option

_POSTGRESQL = "postgresql://USER:PASSWORD@HOST/NAME"
PRICES = Path(__file__).parent / "scale" / "prices.toml"
_PEERS = Path("notebooks/peers")

Number = TypeVar("Number", int, float, str)


def several(*values: Number) -> list[Number]:
    """Return the default of an option that may be given several times."""
    return field(default_factory=lambda: list(values))


Runs = Annotated[int, Option(min=1, help="How often each is measured; the report has medians.")]
Folder = Annotated[Path, Option(help="Where to put SQLite files, on a disk; they are removed.")]
Pictures = Annotated[Path | None, Option(help="Take the pictures of this folder instead of drawing some.")]
SizeMb = Annotated[float, Option(min=0.05, max=50, help="About how large each photo is, in MB.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingPlan:
    """Measure what a thumbnail costs and how accurate it is, beside libvips and sharp."""

    pictures: Pictures = None
    size: Annotated[list[int], Option(min=1, help="Side of the thumbnails, in pixels.")] = several(300)
    runs: Runs = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlan:
    """Measure the queue alone: jobs per second and what each costs its actor, at each length of the backlog."""

    database: Annotated[
        str | None, Option(help=f"A PostgreSQL to measure too: {_POSTGRESQL}; USER creates databases.")
    ] = None
    backlog: Annotated[list[int], Option(min=1, help="Jobs that wait, for a row.")] = several(1_000, 100_000)
    folder: Folder = Path()
    runs: Runs = 3
    seconds: float = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestPlan:
    """Measure a service's doors: notifications per second, and how long each waits until its job is on disk."""

    connections: Annotated[int, Option(min=1, max=1000, help="Each has one request under way.")] = 16
    seconds: Annotated[float, Option(min=0.1, help="For each kind of request.")] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlan:
    """Measure how long a person waits for a thumbnail, on an idle service and during a backfill."""

    backlog: Annotated[int, Option(min=1, help="LOW photos that wait meanwhile.")] = 10_000
    uploads: Annotated[int, Option(min=1, max=1000, help="How many photos are uploaded, every 0.7 s on average.")] = 60
    size_mb: SizeMb = 5
    store_latency_ms: Annotated[
        float, Option(min=0, help="How long a bucket waits before it answers; 0: a folder.")
    ] = 0
    mean_seconds: float = 0.7
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IdlePlan:
    """Measure what an idle service costs: memory, CPU, and the time until it is ready."""

    seconds: Annotated[float, Option(min=0.1, help="How long it is watched.")] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """Measure how the cost grows: with the photos, with the slots, with the backlog."""

    photos: Annotated[list[int], Option(min=1, help="Small photos at once, for a row.")] = several(100, 1_000, 20_000)
    slots: Annotated[
        list[int], Option(min=1, max=1024, help="Slots, for a row; those beyond the cores are simulated.")
    ] = several(1, 2, 4, 8, 16, 32, 64)
    backlog: Annotated[list[int], Option(min=0, help="Jobs that wait, for a row.")] = several(0, 1_000, 100_000)
    folder: Folder = Path()
    size_mb: float = 0.1
    slot_photo_mb: float = 5
    photos_a_slot: int = 300
    simulated_seconds: float = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePlan:
    """Measure what queues can feed: real queues and databases, and nodes whose tasks only wait."""

    slots: Annotated[list[int], Option(min=1, help="Slots, for a row.")] = several(10, 100, 1_000)
    shards: Annotated[list[int], Option(min=1, max=64, help="Queues, for a row.")] = several(1, 2)
    photo_ms: Annotated[float, Option(min=0.1, help="How long a photo occupies its slot.")] = 50
    seconds: Annotated[float, Option(min=0.1, help="For each row.")] = 8
    database: Annotated[
        str | None, Option(help=f"A running PostgreSQL: {_POSTGRESQL}; without it, one is started.")
    ] = None
    prices: Annotated[Path, Option(help="The table of machines, in TOML.", show_default="scale/prices.toml")] = PRICES
    folder: Folder = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosPlan:
    """Kill everything while photos come in, and prove that nothing is lost."""

    photos: Annotated[int, Option(min=1, help="How many photos come in.")] = 2000
    minutes: Annotated[float, Option(min=0.1, help="Over how many minutes.")] = 5
    database: Annotated[Literal["sqlite", "postgresql"], Option(help="The service's database.")] = "sqlite"
    seed: Annotated[int, Option(help="Of all chance.")] = 1
    clients: Annotated[bool, Option("--clients", help="Attack with slow and hostile clients instead.")] = False
    seconds: Annotated[
        float | None, Option(min=1, help="With --clients: seconds of each attack (20 to 60 by default).")
    ] = None
    only: Annotated[list[str], Option(help="With --clients: an attack, by its name; without it, all.")] = several()
    listed_jobs: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputPlan:
    """Measure photos per second from bucket to bucket: the whole service, other ways, and the machine's limit."""

    photos: Annotated[int, Option(min=1, help="How many photos to draw.")] = 200
    size_mb: SizeMb = 5
    pictures: Pictures = None
    store_latency_ms: Annotated[
        list[float], Option(min=0, help="How long the store waits, for a row of each contestant.")
    ] = several(0.0, 50.0, 200.0)
    runs: Runs = 1
    only: Annotated[list[str], Option(help="A contestant, by its name; without it, all.")] = several()
    peers_dir: Annotated[Path, Option(help="Where the rivals are.")] = _PEERS


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPlan:
    """Measure a backfill: objects per second and memory, while a bucket of generated keys is listed and enqueued."""

    objects: Annotated[int, Option(min=1, help="How many objects the bucket has.")] = 1_000_000
    database: Annotated[
        str | None, Option(help=f"A PostgreSQL to measure too: {_POSTGRESQL}; USER creates databases.")
    ] = None
    folder: Folder = Path()
