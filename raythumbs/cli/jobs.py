"""Commands about jobs, which talk to a running service: submit, status, retry, cancel, reconcile."""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import complaints, out, print_line
from raythumbs.cli.status_view import status_table
from raythumbs.cli.status_view import watch as watch_status
from raythumbs.client import Client, Refused, files_by_request, sources_by_request


def submit(
    what: Annotated[list[str], typer.Argument(help="Files to upload, or s3:// addresses.")],
    priority: Annotated[str, typer.Option(help="HIGH, NORMAL or LOW. Only for addresses.")] = "NORMAL",
    folder_id: Annotated[str | None, typer.Option(help="Folder of the photos.")] = None,
    url: Url = HERE,
) -> None:
    """Upload files, or submit photos in a bucket; print the ids of their jobs."""
    sources = [one for one in what if "://" in one]
    files = [Path(one) for one in what if "://" not in one]
    for file in files:
        if not file.is_file():
            raise typer.BadParameter(f"{file} is not a file")
    with Client(url) as client:
        requests = [
            partial(client.submit, some, priority=priority, folder_id=folder_id) for some in sources_by_request(sources)
        ]
        requests += [partial(client.upload, some, folder_id=folder_id) for some in files_by_request(files)]
        refused = sum(not _submitted(request) for request in requests)
    if refused:
        raise typer.Exit(1)


def _submitted(request: Callable[[], list[dict[str, Any]]]) -> bool:
    """Send a request and print its jobs. Return False if the service refused it."""
    try:
        jobs = request()
    except Refused as error:
        _raise_if_unavailable(error)
        print_line(error.reason, to=complaints)
        return False
    for job in jobs:
        print_line(f"{job['jobId']}  {job['state']}  {job['fileName'] or job['source']}")
    return True


def _raise_if_unavailable(refusal: Refused) -> None:
    """Raise the refusal if the service would refuse every other request too."""
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR or refusal.said in {"key_needed", "scope_needed"}:
        raise refusal


def status(
    url: Url = HERE,
    watch: Annotated[bool, typer.Option("--watch", help="Keep the display up to date, until Ctrl-C.")] = False,  # noqa: FBT002 an option
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


def retry(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Jobs to try again.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every job that failed.")] = False,  # noqa: FBT002 an option
    url: Url = HERE,
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
        _move_each(chosen, client.retry)


def cancel(job_ids: Annotated[list[str], typer.Argument(help="Jobs to cancel.")], url: Url = HERE) -> None:
    """Cancel jobs that are not finished."""
    with Client(url) as client:
        _move_each(job_ids, client.cancel)


def _move_each(job_ids: Sequence[str], move: Callable[[str], dict[str, Any]]) -> None:
    """Move each job and print its new state. A refusal does not stop the others; it makes the exit status 1."""
    refused = 0
    for job_id in job_ids:
        try:
            out.print(f"{job_id}  {move(job_id)['state']}", highlight=False)
        except Refused as error:
            _raise_if_unavailable(error)
            refused += 1
            print_line(f"{job_id}  {error.reason}", to=complaints)
    if refused:
        raise typer.Exit(1)


def reconcile(url: Url = HERE, as_json: AsJson = False) -> None:  # noqa: FBT002 an option
    """Compare the watched places and the thumbnails with the record, and repair the differences."""
    with Client(url) as client:
        report = client.reconcile()
        while report["finishedAt"] is None:
            time.sleep(0.2)
            report = client.reconciliation()
    if as_json:
        print(json.dumps(report))
    else:
        figures = (f"{report[name]} {name}" for name in ("listed", "missing", "stale", "deleted", "orphaned"))
        out.print(", ".join(figures), highlight=False)
