"""The command line: serve, up, down, env, doctor, demo, render, submit, status, retry, cancel, reconcile, ..."""

import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from errno import EDQUOT, EIO, ENOSPC, EPIPE
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from raythumbs.bench.commands import bench
from raythumbs.cli.status_view import status_table
from raythumbs.cli.status_view import watch as watch_status
from raythumbs.client import Client, Refused, files_by_request, sources_by_request
from raythumbs.errors import RaythumbsError
from raythumbs.manual import terminal
from raythumbs.model.photo import Fit, Format, RenditionSpec
from raythumbs.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(bench, name="bench")
out = Console()
Url = Annotated[str, typer.Option(envvar="RAYTHUMBS_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")]
Port = Annotated[int | None, typer.Option(help="Port to listen on [8000].")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded database and file store.")]
StoreUri = Annotated[str | None, typer.Option("--store", help="file:///DIR or s3://bucket/prefix.")]
RayAddress = Annotated[str, typer.Option(help="The Ray to go to: HOST:6379, or `auto`, the one on this machine.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
]
_HERE = "http://127.0.0.1:8000"
_OUTPUT_ENDS = {EPIPE, ENOSPC, EDQUOT, EIO}


class NotWritten(RaythumbsError):
    """What a command has to say cannot be written."""

    code = "not_written"


def main() -> None:
    """Run a command; an error that a person can mend is one line, and exit status 2."""
    try:
        with _output_that_may_end():
            app()
    except RaythumbsError as error:
        reason = " ".join(error.reason.split())  # a database's has lines
        Console(stderr=True).print(Text.assemble(("raythumbs: ", "red"), reason), soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:  # a second Ctrl-C, or one before a command had anything to undo
        sys.exit(130)


@contextmanager
def _output_that_may_end() -> Iterator[None]:
    """Write out what was printed. Whoever reads it may have read enough (`| head`); its disk may be full."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in _OUTPUT_ENDS:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python would complain at its end
        if error.errno != EPIPE:
            raise NotWritten(f"the output cannot be written: {error.strerror}") from error


@app.command()
def serve(  # noqa: PLR0913, PLR0917 the options of a command
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    store: StoreUri = None,
    database: DatabaseUrl = None,
    address: Annotated[str | None, typer.Option(help="A running Ray to join; without it, one is started.")] = None,
) -> None:
    """Run the service until Ctrl-C. Every option is also a setting: RAYTHUMBS_HOST, RAYTHUMBS_PORT, ..."""
    from raythumbs.serving import serve_on_own_ray, serve_on_running_ray  # what only serve needs

    settings = _settings(host=host, port=port, data_dir=data_dir, store=store, database=database)
    answers = partial(_tell_answer, settings)
    if address:
        serve_on_running_ray(settings, address, say=_progress, answers=answers)
    else:
        serve_on_own_ray(settings, say=_progress, answers=answers)


def _progress(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)


def _settings(**given: object) -> Settings:
    """Return the settings of a service; what this process makes from here on is for whom they say."""
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    settings.apply_umask()
    return settings


def _tell_answer(settings: Settings, trouble: str | None) -> None:
    out.print(f"raythumbs answers at {settings.base_url} (try {settings.base_url}/docs)", soft_wrap=True)
    out.print(f"store      {settings.store_uri}", highlight=False, soft_wrap=True)
    out.print(f"thumbnails {settings.thumbnails_uri}{settings.thumbnails_prefix}", highlight=False, soft_wrap=True)
    out.print(f"database   {settings.shown_database}", highlight=False, soft_wrap=True)
    if trouble:
        Console(stderr=True).print(f"not ready yet: {trouble}", highlight=False, soft_wrap=True)


@app.command()
def up(  # noqa: PLR0913, PLR0917 the options of a command
    address: RayAddress = "auto",
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    store: StoreUri = None,
    database: DatabaseUrl = None,
) -> None:
    """Deploy the service to a Ray that runs, and leave it running there. Run again: only what changed is replaced."""
    settings = _settings(host=host, port=port, data_dir=data_dir, store=store, database=database)
    _before_joining()
    from raythumbs.deploys import deploy  # Ray, see serve

    trouble = deploy(settings, address)
    _tell_answer(settings, trouble)


def _before_joining() -> None:
    from raythumbs.cluster.environment import before_joining  # see env

    before_joining()


@app.command()
def down(address: RayAddress = "auto") -> None:
    """Finish what runs, and end the service that `up` has left running. What waits is kept for the next."""
    _before_joining()
    from raythumbs.deploys import withdraw  # Ray, see serve

    withdraw(address)


@app.command()
def env() -> None:
    """Print what the nodes of a cluster are to be started with: eval "$(raythumbs env)" && ray start ..."""
    from raythumbs.cluster.environment import for_cluster  # HAProxy's package, which only this needs

    for name, value in for_cluster().items():
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def doctor() -> None:
    """Show which ports of this machine's services, and of their Ray, are open to whom."""
    from raythumbs.cluster.doctor import open_ports  # only doctor looks at processes

    ports = open_ports()
    for port in ports:
        _progress(f"{port.where:24} open to {port.open_to:37} {port.process} ({port.pid})")
    if not ports:
        out.print("no process of raythumbs or Ray listens on a port")


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
    gap: Annotated[float, typer.Option(min=1, max=8, help="Decode a JPEG at so many times the size, at least.")] = 2.0,
    jobs: Annotated[int, typer.Option(min=1, help="How many at a time.")] = min(8, len(os.sched_getaffinity(0))),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Make thumbnails of local pictures, without a service."""
    from raythumbs.cli.render_files import render_files  # the other commands do no imaging

    width, height = _sides(size)
    spec = RenditionSpec(
        width=width, height=height, fit=fit, focus=focus, format=file_format, quality=quality, enlarge=enlarge, gap=gap
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
        parts = [partial(client.submit, some, priority=priority) for some in sources_by_request(sources)]
        parts += [partial(client.upload, some, folder_id=folder_id) for some in files_by_request(files)]
        refused = sum(not _submitted(part) for part in parts)
    if refused:
        raise typer.Exit(1)


def _submitted(part: Callable[[], list[dict[str, Any]]]) -> bool:
    """Submit a part, and print its jobs; return whether it was taken."""
    try:
        jobs = part()
    except Refused as error:
        _raise_if_all_would_be(error)
        _say(Console(stderr=True), error.reason)
        return False
    for job in jobs:
        _say(out, f"{job['jobId']}  {job['state']}  {job['fileName'] or job['source']}")
    return True


def _raise_if_all_would_be(refusal: Refused) -> None:
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise refusal


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
            out.print(status_table(client.status()))
        else:
            watch_status(client.status, out)


@app.command()
def retry(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Jobs to try again.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every job that failed.")] = False,  # noqa: FBT002 an option
    url: Url = _HERE,
) -> None:
    """Try failed jobs again."""
    if not job_ids and not all_failed:
        raise typer.BadParameter("name the jobs to try again, or give --all-failed", param_hint="JOB_IDS")
    with Client(url) as client:
        chosen = list(job_ids or [])
        if all_failed:
            chosen += [job["jobId"] for job in client.jobs(state="failed")]
        if not chosen:
            out.print("no job has failed")
        _each(chosen, client.retry)


@app.command()
def cancel(job_ids: Annotated[list[str], typer.Argument(help="Jobs to end.")], url: Url = _HERE) -> None:
    """End jobs that are not finished."""
    with Client(url) as client:
        _each(job_ids, client.cancel)


def _each(job_ids: Sequence[str], move: Callable[[str], dict[str, Any]]) -> None:
    """Move each job and print its new state. A refusal does not stop the others; it makes the exit status 1."""
    refused = 0
    for job_id in job_ids:
        try:
            out.print(f"{job_id}  {move(job_id)['state']}", highlight=False)
        except Refused as error:
            _raise_if_all_would_be(error)
            refused += 1
            _say(Console(stderr=True), f"{job_id}  {error.reason}")
    if refused:
        raise typer.Exit(1)


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

    size = copy_record(_settings().database_url.get_secret_value(), file)
    out.print(f"{file}  {size:,} bytes", highlight=False)


@app.command()
def manual(
    page: Annotated[str | None, typer.Argument(help="The page to show; without it, the contents.")] = None,
) -> None:
    """Show a page of the manual, or its contents."""
    terminal.show(page, out)
