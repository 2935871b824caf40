"""Commands that move jobs of a running service, one by one or in bulk: retry, cancel."""

import json
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import complaints, many, out, print_line
from raythumbs.client import Client, Refused

Code = Annotated[str | None, typer.Option(help="Only jobs with this code, see `raythumbs failures`.")]
Folder = Annotated[str | None, typer.Option(help="Only jobs of this folder.")]


def retry(  # noqa: PLR0913, PLR0917 the options of a command
    job_ids: Annotated[list[str] | None, typer.Argument(help="Jobs to try again.")] = None,
    code: Code = None,
    folder: Folder = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every job that failed.")] = False,  # noqa: FBT002 an option
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Try failed jobs again: those that are named, or all with a code, of a folder, or at all."""
    _refuse_nothing(job_ids, code or folder or all_failed, "--code, --folder or --all-failed")
    with Client(url) as client:
        if job_ids:
            _move_each(job_ids, client.retry, as_json=as_json)
        else:
            state = "failed" if all_failed else None
            _move_all(client.retry_all(code=code, folder_id=folder, state=state), "queued again", as_json=as_json)


def cancel(  # noqa: PLR0913, PLR0917 the options of a command
    job_ids: Annotated[list[str] | None, typer.Argument(help="Jobs to cancel.")] = None,
    code: Code = None,
    folder: Folder = None,
    state: Annotated[str | None, typer.Option(help="Only `queued` or only `running` jobs.")] = None,
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Cancel jobs that are not finished: those that are named, or all with a code, of a folder, or in a state."""
    _refuse_nothing(job_ids, code or folder or state, "--code, --folder or --state")
    if state not in {None, "queued", "running"}:
        raise typer.BadParameter("only `queued` and `running` jobs can be cancelled", param_hint="--state")
    with Client(url) as client:
        if job_ids:
            _move_each(job_ids, client.cancel, as_json=as_json)
        else:
            _move_all(client.cancel_all(code=code, folder_id=folder, state=state), "cancelled", as_json=as_json)


def _refuse_nothing(job_ids: Sequence[str] | None, conditions: object, names: str) -> None:
    if bool(job_ids) == bool(conditions):
        raise typer.BadParameter(f"name the jobs, or give {names}", param_hint="JOB_IDS")


def _move_each(job_ids: Sequence[str], move: Callable[[str], dict[str, Any]], *, as_json: bool) -> None:
    """Move each job and print its new state. A refusal does not stop the others; it makes the exit status 1."""
    refused = 0
    for job_id in job_ids:
        try:
            job = move(job_id)
        except Refused as error:
            raise_if_unavailable(error)
            refused += 1
            print_line(f"{job_id}  {error.reason}", to=complaints)
            continue
        if as_json:
            print(json.dumps(job), flush=True)
        else:
            out.print(f"{job_id}  {job['state']}", highlight=False)
    if refused:
        raise typer.Exit(1)


def _move_all(changes: Iterator[int], what: str, *, as_json: bool) -> None:
    changed = 0
    for changed in changes:
        if out.is_terminal and not as_json:
            print_line(f"{many(changed, 'job')} {what} …", to=complaints)
    if as_json:
        print(json.dumps({"changed": changed}))
    else:
        print_line(f"{many(changed, 'job')} {what}")


def raise_if_unavailable(refusal: Refused) -> None:
    """Raise the refusal if the service would refuse every other request too."""
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR or refusal.said in {"key_needed", "scope_needed"}:
        raise refusal
