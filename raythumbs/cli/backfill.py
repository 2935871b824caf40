"""The commands about photos that are there already: backfill, respec."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from raythumbs.cli.backfill_view import backfill_line, watch
from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import print_line
from raythumbs.client import Client

Limit = Annotated[int | None, typer.Option(min=1, help="Enqueue at most so many photos.")]
Glob = Annotated[str | None, typer.Option(help="Only photos whose key below SOURCE matches; * matches slashes too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Begin, print the id, and do not wait.")]


class Action(StrEnum):
    """What to do with a backfill that was begun before."""

    STATUS = "status"
    WATCH = "watch"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


def backfill(  # noqa: PLR0913, PLR0917 the options of a command
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE|ACTION",
            help="s3://BUCKET/PREFIX, file:///FOLDER of the service's machine, or a folder here, whose files are "
            "uploaded. Or status, watch, pause, resume, cancel.",
        ),
    ],
    backfill_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="With an action: which backfill.")] = None,
    limit: Limit = None,
    since: Annotated[
        str | None, typer.Option(help="Only photos modified then or later: 2026-01-31, or with a time.")
    ] = (None),
    glob: Glob = None,
    dry_run: DryRun = False,  # noqa: FBT002 an option
    no_wait: NoWait = False,  # noqa: FBT002 an option
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Make thumbnails of photos that are there already, while other photos go first."""
    since_moment = _moment(since) if since else None
    with Client(url) as client:
        if source in set(Action):
            _act(client, Action(source), backfill_id, as_json=as_json)
        elif backfill_id is not None:
            raise typer.BadParameter("a second word is the id for status, watch, pause, resume or cancel")
        elif "://" in source:
            options = {"glob": glob, "since": since_moment, "limit": limit, "dryRun": dry_run}
            _begin(client, source, options, no_wait=no_wait, as_json=as_json)
        else:
            _upload(client, Path(source), glob=glob, since=since_moment, limit=limit, dry_run=dry_run)


def respec(  # noqa: PLR0913, PLR0917 the options of a command
    prune: Annotated[bool, typer.Option("--prune", help="Delete thumbnails of specs that are no longer set.")] = False,  # noqa: FBT002 an option
    limit: Limit = None,
    glob: Annotated[str | None, typer.Option(help="Only photos whose address matches; * matches slashes too.")] = None,
    dry_run: DryRun = False,  # noqa: FBT002 an option
    no_wait: NoWait = False,  # noqa: FBT002 an option
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """After RAYTHUMBS_SPECS changed: make the thumbnails that known photos lack, and only these."""
    options = {"glob": glob, "limit": limit, "dryRun": dry_run, "prune": prune}
    with Client(url) as client:
        _begin(client, "record:", options, no_wait=no_wait, as_json=as_json)


def _begin(client: Client, source: str, options: dict[str, Any], *, no_wait: bool, as_json: bool) -> None:
    begun = client.begin_backfill(source, **options)
    if no_wait:
        print_line(json.dumps(begun) if as_json else begun["id"])
    else:
        watch(client, begun["id"], as_json=as_json)


def _act(client: Client, action: Action, backfill_id: str | None, *, as_json: bool) -> None:
    if backfill_id is None:
        if action is not Action.STATUS:
            raise typer.BadParameter(f"name the backfill to {action}: `raythumbs backfill status` lists all")
        found = client.backfills()
    elif action is Action.WATCH:
        watch(client, backfill_id, as_json=as_json)
        return
    elif action is Action.STATUS:
        found = [client.backfill(backfill_id)]
    else:
        found = [client.move_backfill(backfill_id, action)]
    for one in found:
        print_line(json.dumps(one) if as_json else backfill_line(one))
    if not found and not as_json:
        print_line("there was no backfill yet")


def _upload(  # noqa: PLR0913 the options of a command
    client: Client, folder: Path, *, glob: str | None, since: str | None, limit: int | None, dry_run: bool
) -> None:
    from raythumbs.cli.backfill_folder import upload_folder  # the other commands read no folder

    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is not a folder; write s3://BUCKET/PREFIX for a bucket")
    failed = upload_folder(client, folder, glob=glob, since=since, limit=limit, dry_run=dry_run)
    if failed:
        raise typer.Exit(1)


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a date nor a time of ISO 8601", param_hint="--since") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
