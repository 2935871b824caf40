"""How a backfill is shown: a bar on a terminal, a line now and then in a log."""

import json
import time
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from raythumbs.cli.output import complaints, print_line
from raythumbs.client import Client

_LINE_SECONDS = 10.0  # between two lines in a log
_INTERRUPTED = 130


def backfill_line(backfill: dict[str, Any]) -> str:
    """Return a backfill in one line."""
    counts = " ".join(f"{name}={backfill[name]}" for name in ("listed", "enqueued", "skipped", "failed"))
    total = "" if backfill["total"] is None else f" total={backfill['total']}"
    pace = f" {backfill['photosPerSecond']}/s {_left(backfill)}" if backfill["state"] == "listing" else ""
    error = f"  {backfill['error']['reason']} ({backfill['error']['code']})" if backfill["error"] else ""
    return f"{backfill['id']}  {backfill['state']}  {backfill['source']}  {counts}{total}{pace}{error}"


def watch(client: Client, backfill_id: str, *, as_json: bool) -> None:
    """Show a backfill until it has ended; the exit status is 1 if it did not end as done. Ctrl-C leaves it running."""
    bar = _bar()
    task = bar.add_task("backfill", total=None, pace="", failed=0, left="")
    last: dict[str, Any] = {}
    told_at = time.monotonic()
    try:
        with bar:
            for last in client.watch_backfill(backfill_id):
                done, total = _progress(last)
                pace, left = f"{last['photosPerSecond']:,.0f}/s", _left(last)
                bar.update(task, completed=done, total=total, pace=pace, failed=last["failed"], left=left)
                if bar.disable and time.monotonic() >= told_at + _LINE_SECONDS:
                    told_at = time.monotonic()
                    print_line(backfill_line(last), to=complaints)
    except KeyboardInterrupt:
        print_line(
            f"backfill {backfill_id} goes on in the service; watch it again: raythumbs backfill watch {backfill_id}",
            to=complaints,
        )
        raise typer.Exit(_INTERRUPTED) from None
    print_line(json.dumps(last) if as_json else backfill_line(last))
    if last["state"] != "done":
        raise typer.Exit(1)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[failed]} failed"),
        console=complaints,
        transient=True,
        disable=not complaints.is_terminal,
    )


def _progress(backfill: dict[str, Any]) -> tuple[int, int | None]:
    """Return how much is done, and of how much: photos if there is a limit, else objects."""
    if backfill["limit"] is not None:
        return backfill["enqueued"], backfill["limit"]
    return backfill["listed"], backfill["total"]


def _left(backfill: dict[str, Any]) -> str:
    seconds = backfill["secondsLeft"]
    if seconds is None:
        return "time left unknown"
    hours, minutes = divmod(round(seconds) // 60, 60)
    return f"{hours}:{minutes:02}:{round(seconds) % 60:02} left"
