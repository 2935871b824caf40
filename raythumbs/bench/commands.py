"""The commands of `raythumbs bench`. Each imports what it measures with: slow to import, or only a benchmark's."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console, RenderableType

bench = typer.Typer(no_args_is_help=True, help="Measure, beside others, on this machine.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_errors = Console(stderr=True)


@bench.command()
def imaging(
    pictures: Annotated[
        Path | None, typer.Option(help="Take the pictures of this folder instead of drawing some.")
    ] = None,
    size: Annotated[list[int] | None, typer.Option(min=1, help="Side of the thumbnails, in pixels [300].")] = None,
    runs: Annotated[int, typer.Option(min=1, help="How often each is made; medians are told.")] = 5,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure what a thumbnail costs and how true it is, beside libvips and sharp."""
    from raythumbs.bench.imaging import run_imaging

    result = run_imaging(pictures, sizes=size or [300], runs=runs)
    for missing in result.missing:
        _complain(f"not measured: {missing}")
    _show(result.as_dict if as_json else result.as_table)


@bench.command()
def queue(  # noqa: PLR0917 the options of a command
    database: Annotated[
        str | None,
        typer.Option(help="A PostgreSQL to measure too: postgresql://USER:PASSWORD@HOST/NAME; USER creates databases."),
    ] = None,
    backlog: Annotated[list[int] | None, typer.Option(min=1, help="Jobs that wait, for a row [1000, 100000].")] = None,
    folder: Annotated[Path, typer.Option(help="Where to put the SQLite file, on a disk; it is removed.")] = Path(),
    runs: Annotated[int, typer.Option(min=1, help="How often each is measured; medians are told.")] = 3,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure the queue alone: jobs per second and what each costs its actor, whatever waits."""
    from raythumbs.bench.queue import BACKLOGS, QueuePlan, run_queue

    result = run_queue(QueuePlan(server=database, backlogs=tuple(backlog or BACKLOGS), folder=folder, runs=runs))
    if not database:
        told = "not measured: PostgreSQL (--database postgresql://USER:PASSWORD@HOST/NAME)"
        _complain(told)
    _show(result.as_dict if as_json else result.as_table)


@bench.command()
def ingest(
    connections: Annotated[int, typer.Option(min=1, max=1000, help="Each with one request under way.")] = 16,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each kind of request.")] = 10,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure a service's doors: notifications per second, and how long each waits until its job is on disk."""
    from raythumbs.bench.ingest import IngestPlan, run_ingest

    result = run_ingest(IngestPlan(connections=connections, seconds=seconds))
    _show(result.as_dict if as_json else result.as_table)


@bench.command()
def latency(  # noqa: PLR0917 the options of a command
    backlog: Annotated[int, typer.Option(min=1, help="LOW photos that wait meanwhile.")] = 10_000,
    uploads: Annotated[int, typer.Option(min=1, max=1000, help="How many come, every 0.7 s on average.")] = 60,
    size_mb: Annotated[float, typer.Option(min=0.05, max=50, help="About how large all photos are, in MB.")] = 5,
    store_latency_ms: Annotated[
        float, typer.Option(min=0, help="How long a bucket waits before it answers; 0: a folder.")
    ] = 0,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure how long a person waits for a thumbnail, on an idle service and during a backfill."""
    from raythumbs.bench.latency import LatencyPlan, run_latency

    plan = LatencyPlan(backlog=backlog, uploads=uploads, size_mb=size_mb, store_latency_ms=store_latency_ms)
    with _errors.status("latency") as told:
        result = run_latency(plan, say=told.update)
    _show(result.as_dict if as_json else result.as_table)


@bench.command()
def idle(
    seconds: Annotated[float, typer.Option(min=0.1, help="How long it is watched.")] = 30,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure what a service costs that has nothing to do: memory, CPU, and how long it takes to come up."""
    from raythumbs.bench.idle import run_idle

    result = run_idle(seconds=seconds)
    _show(result.as_dict if as_json else result.as_table)


@bench.command()
def growth(  # noqa: PLR0917 the options of a command
    photos: Annotated[
        list[int] | None, typer.Option(min=1, help="Small photos in one go, for a row [100, 1000, 20000].")
    ] = None,
    slots: Annotated[
        list[int] | None, typer.Option(min=1, max=1024, help="Slots, for a row [1, 2, 4, ... 64]; few are real.")
    ] = None,
    backlog: Annotated[
        list[int] | None, typer.Option(min=0, help="Jobs that wait, for a row [0, 1000, 100000].")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where to put SQLite files, on a disk; they are removed.")] = Path(),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure how the cost grows: with the photos, with the slots, with the backlog."""
    from raythumbs.bench.growth.result import BACKLOGS, PHOTOS, SLOTS, GrowthPlan
    from raythumbs.bench.growth.run import run_growth

    plan = GrowthPlan(photos=photos or PHOTOS, slots=slots or SLOTS, backlogs=backlog or BACKLOGS, folder=folder)
    with _errors.status("growth") as told:
        result = run_growth(plan, say=told.update)
    _show(result.as_dict if as_json else result.as_tables)


@bench.command()
def scale(  # noqa: PLR0913, PLR0917 the options of a command
    slots: Annotated[list[int] | None, typer.Option(min=1, help="Slots, for a row [10, 100, 1000].")] = None,
    shards: Annotated[list[int] | None, typer.Option(min=1, max=64, help="Queues, for a row [1, 2].")] = None,
    photo_ms: Annotated[float, typer.Option(min=0.1, help="What a photo takes of its slot's time.")] = 50,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each row.")] = 8,
    database: Annotated[
        str | None, typer.Option(help="A PostgreSQL that runs: postgresql://USER:PASSWORD@HOST/NAME [one is started].")
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="Another table of machines, in TOML.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to put SQLite files, on a disk; they are removed.")] = Path(),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure what queues can feed: real queues and databases, and nodes whose tasks only wait."""
    from raythumbs.bench.scale.prices import PRICES
    from raythumbs.bench.scale.result import SHARDS, SLOTS, ScalePlan
    from raythumbs.bench.scale.run import run_scale

    plan = ScalePlan(
        slots=slots or SLOTS,
        shards=shards or SHARDS,
        seconds_per_photo=photo_ms / 1000,
        seconds=seconds,
        server=database,
        prices=prices or PRICES,
        folder=folder,
    )
    with _errors.status("scale") as told:
        result = run_scale(plan, say=told.update)
    _show(result.as_dict if as_json else result.as_table)


@bench.command()
def chaos(  # noqa: PLR0913, PLR0917 the options of a command
    photos: Annotated[int, typer.Option(min=1, help="How many photos come in.")] = 2000,
    minutes: Annotated[float, typer.Option(min=0.1, help="Over how many minutes.")] = 5,
    database: Annotated[Literal["sqlite", "postgresql"], typer.Option(help="Where the record is kept.")] = "sqlite",
    seed: Annotated[int, typer.Option(help="Of all chance.")] = 1,
    clients: Annotated[bool, typer.Option("--clients", help="Attack with slow and hostile clients instead.")] = False,  # noqa: FBT002 an option
    seconds: Annotated[float | None, typer.Option(min=1, help="With --clients: for each attack [20 to 60].")] = None,
    only: Annotated[list[str] | None, typer.Option(help="With --clients: an attack, by its name [all].")] = None,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Kill everything while photos come in, and prove that nothing is lost."""
    if clients:
        _attack(only or (), seconds=seconds, as_json=as_json)
        return
    if only or seconds:
        raise typer.BadParameter("--only and --seconds are for --clients")
    from raythumbs.bench.chaos.result import ChaosPlan
    from raythumbs.bench.chaos.run import run_chaos

    with _errors.status(f"killing for {minutes:g} minutes, then waiting until all is quiet"):
        result = run_chaos(ChaosPlan(photos=photos, minutes=minutes, database=database, seed=seed))
    _show(result.as_dict if as_json else result.as_table)
    for trouble in (*result.verdict.lost, *result.verdict.wrong, *result.temporary_files, *result.orphans):
        _complain(trouble)
    if not result.is_flawless:
        raise typer.Exit(1)


def _attack(only: Sequence[str], *, seconds: float | None, as_json: bool) -> None:
    from raythumbs.bench.chaos.clients.run import ClientsPlan, run_clients

    with _errors.status("hostile clients") as told:
        result = run_clients(ClientsPlan(only=only, seconds=seconds), say=told.update)
    _show(result.as_dict if as_json else result.as_table)
    for trouble in result.missed:
        _complain(trouble)
    if result.missed:
        raise typer.Exit(1)


@bench.command()
def throughput(  # noqa: PLR0913, PLR0917 the options of a command
    photos: Annotated[int, typer.Option(min=1, help="How many photos to draw.")] = 200,
    size_mb: Annotated[float, typer.Option(min=0.05, max=50, help="About how large, in MB.")] = 5,
    pictures: Annotated[Path | None, typer.Option(help="Take the JPEGs of this folder instead.")] = None,
    store_latency_ms: Annotated[
        list[float] | None, typer.Option(min=0, help="How long the store waits, for a row of everybody [0, 50, 200].")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How often each takes part; medians are told.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Who takes part [everybody].")] = None,
    peers_dir: Annotated[Path, typer.Option(help="Where the rivals are.")] = Path("notebooks/peers"),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure photos per second from bucket to bucket: the whole service, other ways, and the machine's limit."""
    from raythumbs.bench.throughput.result import ThroughputPlan
    from raythumbs.bench.throughput.run import run_throughput

    plan = ThroughputPlan(
        photos=photos, size_mb=size_mb, pictures=pictures, runs=runs, only=only or (), peers_dir=peers_dir
    )
    if store_latency_ms:
        plan = replace(plan, latencies_ms=store_latency_ms)
    with _errors.status("throughput") as told:
        result = run_throughput(plan, say=told.update)
    for missing in result.missing:
        _complain(f"not measured: {missing}")
    for contestant, error in result.failures:
        _complain(f"{contestant}: {error}")
    _show(result.as_dict if as_json else result.as_table)
    if result.failures:
        raise typer.Exit(1)


def _show(told: Callable[[], dict[str, Any]] | Callable[[], RenderableType]) -> None:
    """Print an object as JSON, anything else as it looks."""
    shown = told()
    if isinstance(shown, dict):
        print(json.dumps(shown))
    else:
        Console().print(shown)


def _complain(text: str) -> None:
    _errors.print(text, highlight=False, markup=False, soft_wrap=True)
