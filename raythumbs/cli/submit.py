"""The command that uploads files or submits addresses, and waits for the thumbnails: submit."""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from raythumbs.cli.moves import raise_if_unavailable
from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import complaints, print_line
from raythumbs.cli.progress import progress
from raythumbs.client import Client, Refused, files_by_request, sources_by_request

_LINE_BYTES = 8192  # of an address


def submit(  # noqa: PLR0913, PLR0917 the options of a command
    what: Annotated[list[str], typer.Argument(help="Files to upload, s3:// addresses, or - for addresses on stdin.")],
    priority: Annotated[str, typer.Option(help="HIGH, NORMAL or LOW. Only for addresses.")] = "NORMAL",
    folder_id: Annotated[str | None, typer.Option(help="Folder of the photos.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return once the photos are accepted.")] = False,  # noqa: FBT002 an option
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Upload files, or submit photos in a bucket, and wait for their thumbnails. Exit status 1: a photo failed."""
    files = [Path(one) for one in what if "://" not in one and one != "-"]
    for file in files:
        if not file.is_file():
            raise typer.BadParameter(f"{file} is not a file")
    sources = [one for one in what if "://" in one] + (_lines(sys.stdin.buffer) if "-" in what else [])
    with Client(url) as client:
        sent = _Sent(as_json=as_json and no_wait, is_quiet=as_json or not no_wait)
        for some in sources_by_request(sources):
            sent.send(partial(client.submit, some, priority=priority, folder_id=folder_id))
        for paths in files_by_request(files):
            sent.send(partial(client.upload, paths, folder_id=folder_id))
        failed = 0 if no_wait else _wait(client, sent.jobs, as_json=as_json)
    if sent.refused or failed:
        raise typer.Exit(1)


def _lines(stream: Iterable[bytes]) -> list[str]:
    """Return the addresses in lines, without empty ones."""
    found = []
    for line in stream:
        if len(line) > _LINE_BYTES:
            raise typer.BadParameter(f"a line has more than {_LINE_BYTES} bytes", param_hint="-")
        if text := line.decode(errors="surrogateescape").strip():
            found.append(text)
    return found


@dataclass
class _Sent:
    """The jobs of all requests, by their ids, and how many requests were refused."""

    as_json: bool
    is_quiet: bool
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0

    def send(self, request: Callable[[], list[dict[str, Any]]]) -> None:
        """Send a request. A refusal is told, and does not stop the others."""
        try:
            jobs = request()
        except Refused as error:
            raise_if_unavailable(error)
            print_line(error.reason, to=complaints)
            self.refused += 1
            return
        for job in jobs:
            self.jobs[job["jobId"]] = job
            if self.as_json:
                print(json.dumps(job), flush=True)
            elif not self.is_quiet:
                print_line(_line(job, job))


def _wait(client: Client, accepted: dict[str, dict[str, Any]], *, as_json: bool) -> int:
    """Print each job once it has ended. Return how many did not succeed."""
    if accepted and (state := client.status().get("queue")) and state["state"] == "paused":
        print_line("the queue is paused: this waits until somebody resumes it", to=complaints)
    failed = 0
    with progress(len(accepted), complaints) as step:
        for job in client.watch_jobs(list(accepted)):
            is_bad = job["state"] != "succeeded"
            failed += is_bad
            step(is_bad)
            if as_json:
                print(json.dumps(job), flush=True)
            else:
                print_line(_line(job, accepted[job["jobId"]]))
    return failed


def _line(job: dict[str, Any], accepted: dict[str, Any]) -> str:
    why = f"  {job['reason']} ({job['code']})" if job.get("code") else ""
    return f"{job['jobId']}  {job['state']}  {accepted['fileName'] or accepted['source']}{why}"
