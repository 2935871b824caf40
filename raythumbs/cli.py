"""The command line: serve, demo, render, submit, status, retry, cancel, reconcile, backup, bench."""

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from raythumbs.client import Client
from raythumbs.errors import RaythumbsError
from raythumbs.model.photo import Fit, Format, RenditionSpec
from raythumbs.settings import Settings, load_settings

if TYPE_CHECKING:
    from raythumbs.engine.renewal import Renewal

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
bench = typer.Typer(no_args_is_help=True, help="Measure, beside others, on this machine.")
app.add_typer(bench, name="bench")
out = Console()
Url = Annotated[str, typer.Option(envvar="RAYTHUMBS_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_HERE = "http://127.0.0.1:8000"


def main() -> None:
    """Run a command; an error that a person can mend is one line, and exit status 2."""
    try:
        app()
    except RaythumbsError as error:
        Console(stderr=True).print(f"[red]raythumbs:[/red] {error.reason}", highlight=False, soft_wrap=True)
        sys.exit(2)


@app.command()
def serve(  # noqa: PLR0913, PLR0917 the options of a command
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [8000].")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded database and file store.")] = None,
    store: Annotated[str | None, typer.Option(help="file:///DIR or s3://bucket/prefix.")] = None,
    database: Annotated[
        str | None, typer.Option(help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray to join; without it, one is started.")] = None,
) -> None:
    """Run the service until Ctrl-C. Every option is also a setting: RAYTHUMBS_HOST, RAYTHUMBS_PORT, ..."""
    from raythumbs.engine.environment import prepared_ray  # Ray takes seconds to import, and only serve needs it
    from raythumbs.engine.renewal import Renewal

    renewal = Renewal()
    given = {"host": host, "port": port, "data_dir": data_dir, "store": store, "database": database}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    if address:
        from raythumbs.engine.cluster import running_cluster

        _serve_until_asked(settings, running_cluster(address), renewal)
        return
    with prepared_ray() as renewal.folder:  # before Ray is imported, which the next lines do
        from raythumbs.app import check_database
        from raythumbs.engine.cluster import own_cluster

        check_database(settings)
        ours = own_cluster(renewal.folder, slots_per_node=settings.max_workers_per_node, lost=renewal.begin)
        _serve_until_asked(settings, ours, renewal)


def _serve_until_asked(settings: Settings, cluster: AbstractContextManager[None], renewal: "Renewal") -> None:
    from raythumbs.app import service  # see serve

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    asked_to_stop = threading.Event()
    # A KeyboardInterrupt is how it is asked to stop while it starts.
    with suppress(KeyboardInterrupt), service(settings, cluster) as trouble:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked_to_stop.set())
        out.print(f"raythumbs answers at {settings.base_url} (try {settings.base_url}/docs)", soft_wrap=True)
        out.print(f"store      {settings.store_uri}", highlight=False, soft_wrap=True)
        out.print(f"thumbnails {settings.thumbnails_uri}{settings.thumbnails_prefix}", highlight=False, soft_wrap=True)
        out.print(f"database   {settings.shown_database}", highlight=False, soft_wrap=True)
        if trouble:
            Console(stderr=True).print(f"not ready yet: {trouble}", highlight=False, soft_wrap=True)
        renewal.came_up()
        asked_to_stop.wait()
        renewal.forgo()
        out.print("finishing what runs ...")


@app.command()
def demo(
    photos: Annotated[int, typer.Option(min=1, help="How many photos to draw.")] = 100,
    size_mb: Annotated[float, typer.Option(min=0.05, max=50, help="About how large, in MB.")] = 5,
    pictures: Annotated[Path | None, typer.Option(help="Take the pictures of this folder instead.")] = None,
    as_json: AsJson = False,  # noqa: FBT002 an option of the command line
) -> None:
    """Start the service, upload photos, and compare it with making thumbnails one after the other."""
    from raythumbs.bench.demo import DemoPlan, run_demo  # it knows the database, whose libraries are slow to import

    result = run_demo(DemoPlan(photos=photos, size_mb=size_mb, pictures=pictures), quiet=as_json)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())
    if result.failed:
        raise typer.Exit(1)


@app.command()
def render(  # noqa: PLR0913, PLR0917 the options of a command
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Local pictures.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the thumbnails; it is made if missing.")],
    size: Annotated[str, typer.Option(help="Pixels: a side of the box, or WIDTHxHEIGHT.")] = "300",
    fit: Annotated[Fit, typer.Option(help="How a picture is fitted to the box.")] = Fit.INSIDE,
    focus: Annotated[
        tuple[float, float], typer.Option(metavar="X Y", help="What `cover` cuts around: fractions, from the top left.")
    ] = (0.5, 0.5),
    file_format: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.JPEG,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.")] = 85,
    enlarge: Annotated[bool, typer.Option("--enlarge", help="Let small pictures grow.")] = False,  # noqa: FBT002 an option
    jobs: Annotated[int, typer.Option(min=1, help="How many at a time.")] = min(8, len(os.sched_getaffinity(0))),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Make thumbnails of local pictures, without a service."""
    from raythumbs.render_files import render_files  # the other commands do no imaging

    width, height = _sides(size)
    spec = RenditionSpec(
        width=width, height=height, fit=fit, focus=focus, format=file_format, quality=quality, enlarge=enlarge
    )
    settings = load_settings(specs=(spec,))
    failed = 0
    for result in render_files(pictures, out_dir, spec, settings, jobs=jobs):
        failed += result.state == "failed"
        if as_json:
            print(json.dumps(asdict(result)), flush=True)
        elif result.state == "failed":
            _say(Console(stderr=True), f"{result.source}: {result.reason} ({result.code})")
        else:
            _say(out, f"{result.source} -> {result.output}  {result.width}x{result.height}")
    if failed:
        raise typer.Exit(1)


def _say(to: Console, text: str) -> None:
    """Print a line that has a file's name in it, which may be no text."""
    to.print(text.encode(errors="backslashreplace").decode(), markup=False, highlight=False, soft_wrap=True)


def _sides(size: str) -> tuple[int, int]:
    told = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", size)
    if told is None:
        raise typer.BadParameter(f"{size!r} is no size: 300, or 400x300", param_hint="--size")
    return int(told[1]), int(told[2] or told[1])


@app.command()
def submit(
    what: Annotated[list[str], typer.Argument(help="Files to upload, or s3:// addresses.")],
    priority: Annotated[str, typer.Option(help="HIGH, NORMAL or LOW, for addresses.")] = "NORMAL",
    folder_id: Annotated[str | None, typer.Option(help="The folder of uploaded files.")] = None,
    url: Url = _HERE,
) -> None:
    """Upload files, or submit photos that lie in a bucket; print the ids of their jobs."""
    sources = [one for one in what if "://" in one]
    files = [Path(one) for one in what if "://" not in one]
    for file in files:
        if not file.is_file():
            raise typer.BadParameter(f"{file} is not a file")
    with Client(url) as client:
        jobs = client.submit(sources, priority=priority) if sources else []
        jobs += client.upload(files, folder_id=folder_id) if files else []
    for job in jobs:
        out.print(
            f"{job['jobId']}  {job['state']}  {job['fileName'] or job['source']}", highlight=False, soft_wrap=True
        )


@app.command()
def status(
    url: Url = _HERE,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing it, until Ctrl-C.")] = False,  # noqa: FBT002 an option
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Show the queue and its slots."""
    with Client(url) as client:
        if as_json:
            print(json.dumps(client.status()))
        elif not watch:
            out.print(_status_table(client.status()))
        else:
            with Live(console=out, refresh_per_second=4) as live:
                while True:
                    live.update(_status_table(client.status()))
                    time.sleep(0.5)


@app.command()
def retry(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Jobs to try again.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every job that failed.")] = False,  # noqa: FBT002 an option
    url: Url = _HERE,
) -> None:
    """Try failed jobs again."""
    with Client(url) as client:
        chosen = list(job_ids or [])
        if all_failed:
            chosen += [job["jobId"] for job in client.jobs(state="failed")]
        for job_id in chosen:
            out.print(f"{job_id}  {client.retry(job_id)['state']}", highlight=False)


@app.command()
def cancel(job_ids: Annotated[list[str], typer.Argument(help="Jobs to end.")], url: Url = _HERE) -> None:
    """End jobs that are not finished."""
    with Client(url) as client:
        for job_id in job_ids:
            out.print(f"{job_id}  {client.cancel(job_id)['state']}", highlight=False)


@app.command()
def reconcile(url: Url = _HERE, as_json: AsJson = False) -> None:  # noqa: FBT002 an option
    """Compare the watched places and the thumbnails with the record, and mend what differs."""
    with Client(url) as client:
        told = client.reconcile()
        while told["finishedAt"] is None:
            time.sleep(0.2)
            told = client.reconciliation()
    if as_json:
        print(json.dumps(told))
    else:
        figures = (f"{told[name]} {name}" for name in ("listed", "missing", "stale", "deleted", "orphaned"))
        out.print(", ".join(figures), highlight=False)


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to put the copy: a new file.")]) -> None:
    """Copy the record (SQLite) while the service is at work, and check the copy."""
    from raythumbs.db.backup import backup as copy_record

    size = copy_record(load_settings().database_url.get_secret_value(), file)
    out.print(f"{file}  {size:,} bytes", highlight=False)


@bench.command("imaging")
def bench_imaging(
    pictures: Annotated[
        Path | None, typer.Option(help="Take the pictures of this folder instead of drawing some.")
    ] = None,
    size: Annotated[list[int] | None, typer.Option(min=1, help="Side of the thumbnails, in pixels [300].")] = None,
    runs: Annotated[int, typer.Option(min=1, help="How often each is made; medians are told.")] = 5,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure what a thumbnail costs and how true it is, beside libvips and sharp."""
    from raythumbs.bench.imaging import run_imaging  # pictures are drawn with what only a benchmark needs

    result = run_imaging(pictures, sizes=size or [300], runs=runs)
    for missing in result.missing:
        Console(stderr=True).print(f"not measured: {missing}", highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())


@bench.command("queue")
def bench_queue(  # noqa: PLR0917 the options of a command
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
    from raythumbs.bench.queue import BACKLOGS, QueuePlan, run_queue  # it knows the database and Ray, slow to import

    result = run_queue(QueuePlan(server=database, backlogs=tuple(backlog or BACKLOGS), folder=folder, runs=runs))
    if not database:
        told = "not measured: PostgreSQL (--database postgresql://USER:PASSWORD@HOST/NAME)"
        Console(stderr=True).print(told, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())


@bench.command("ingest")
def bench_ingest(
    connections: Annotated[int, typer.Option(min=1, max=1000, help="Each with one request under way.")] = 16,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each kind of request.")] = 10,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure a service's doors: notifications per second, and how long each waits until its job is on disk."""
    from raythumbs.bench.ingest import IngestPlan, run_ingest  # see demo

    result = run_ingest(IngestPlan(connections=connections, seconds=seconds))
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())


@bench.command("latency")
def bench_latency(  # noqa: PLR0917 the options of a command
    backlog: Annotated[int, typer.Option(min=1, help="LOW photos that wait meanwhile.")] = 10_000,
    uploads: Annotated[int, typer.Option(min=1, max=1000, help="How many come, every 0.7 s on average.")] = 60,
    size_mb: Annotated[float, typer.Option(min=0.05, max=50, help="About how large all photos are, in MB.")] = 5,
    store_latency_ms: Annotated[
        float, typer.Option(min=0, help="How long a bucket waits before it answers; 0: a folder.")
    ] = 0,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure how long a person waits for a thumbnail, on an idle service and during a backfill."""
    from raythumbs.bench.latency import LatencyPlan, run_latency  # see demo

    plan = LatencyPlan(backlog=backlog, uploads=uploads, size_mb=size_mb, store_latency_ms=store_latency_ms)
    with Console(stderr=True).status("latency") as told:
        result = run_latency(plan, say=told.update)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())


@bench.command("idle")
def bench_idle(
    seconds: Annotated[float, typer.Option(min=0.1, help="How long it is watched.")] = 30,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Measure what a service costs that has nothing to do: memory, CPU, and how long it takes to come up."""
    from raythumbs.bench.idle import run_idle  # see demo

    result = run_idle(seconds=seconds)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())


@bench.command("growth")
def bench_growth(  # noqa: PLR0917 the options of a command
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
    from raythumbs.bench.growth.result import BACKLOGS, PHOTOS, SLOTS, GrowthPlan  # see queue
    from raythumbs.bench.growth.run import run_growth

    plan = GrowthPlan(photos=photos or PHOTOS, slots=slots or SLOTS, backlogs=backlog or BACKLOGS, folder=folder)
    with Console(stderr=True).status("growth") as told:
        result = run_growth(plan, say=told.update)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_tables())


@bench.command("chaos")
def bench_chaos(  # noqa: PLR0917 the options of a command
    photos: Annotated[int, typer.Option(min=1, help="How many photos come in.")] = 2000,
    minutes: Annotated[float, typer.Option(min=0.1, help="Over how many minutes.")] = 5,
    database: Annotated[Literal["sqlite", "postgresql"], typer.Option(help="Where the record is kept.")] = "sqlite",
    seed: Annotated[int, typer.Option(help="Of all chance.")] = 1,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Kill everything while photos come in, and prove that nothing is lost."""
    from raythumbs.bench.chaos.result import ChaosPlan
    from raythumbs.bench.chaos.run import run_chaos  # its servers are only a benchmark's

    with Console(stderr=True).status(f"killing for {minutes:g} minutes, then waiting until all is quiet"):
        result = run_chaos(ChaosPlan(photos=photos, minutes=minutes, database=database, seed=seed))
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())
    for trouble in (*result.verdict.lost, *result.verdict.wrong, *result.temporary_files, *result.orphans):
        Console(stderr=True).print(trouble, highlight=False, soft_wrap=True)
    if not result.is_flawless:
        raise typer.Exit(1)


@bench.command("throughput")
def bench_throughput(  # noqa: PLR0913, PLR0917 the options of a command
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
    from raythumbs.bench.throughput.run import run_throughput  # its servers are only a benchmark's

    plan = ThroughputPlan(
        photos=photos, size_mb=size_mb, pictures=pictures, runs=runs, only=only or (), peers_dir=peers_dir
    )
    if store_latency_ms:
        plan = replace(plan, latencies_ms=store_latency_ms)
    errors = Console(stderr=True)
    with errors.status("throughput") as told:
        result = run_throughput(plan, say=told.update)
    for missing in result.missing:
        errors.print(f"not measured: {missing}", highlight=False, markup=False, soft_wrap=True)
    for contestant, error in result.failures:
        errors.print(f"{contestant}: {error}", highlight=False, markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())
    if result.failures:
        raise typer.Exit(1)


def _status_table(told: dict[str, Any]) -> Table:
    table = Table("", "", show_header=False, title="raythumbs")
    table.add_row("waiting", str(told["queueSize"]))
    for priority, count in told["backlog"].items():
        table.add_row(f"  {priority}", str(count))
    table.add_row("oldest", f"{told['backlogAgeSeconds']:.1f} s")
    table.add_row("slots", f"{told['activeWorkers']} of {told['maxWorkers']} in use, {told['cpuCount']} CPUs")
    for node in told["nodes"]:
        table.add_row(f"  {node['node'][:12]}", f"{node['busy']} of {node['slots']}")
    table.add_row("photos/s", f"{told['photosPerSecond']:.1f}")
    for state, count in told["states"].items():
        table.add_row(state, str(count))
    return table


if __name__ == "__main__":
    main()
