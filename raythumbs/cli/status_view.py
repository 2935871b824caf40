"""The queue's figures for people: a table, a table that is kept up to date, and lines for a pipe or a log."""

import select
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

Status = dict[str, Any]
_WATCH_SECONDS = 0.5


def watch(ask: Callable[[], Status], out: Console, *, every_seconds: float = _WATCH_SECONDS) -> None:
    """Show the figures until Ctrl-C: a table on a terminal, elsewhere a line whenever a figure has changed."""
    if out.is_terminal:
        with Live(console=out, refresh_per_second=4) as live:
            for status in _again_and_again(ask, every_seconds):
                live.update(status_table(status))
    before = ""
    for status in _again_and_again(ask, every_seconds):
        line = status_line(status)
        if line != before:
            print(datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), line, flush=True)
            before = line
        if _reader_has_gone():
            return


def _reader_has_gone() -> bool:
    """Return whether the reader of the output has gone. While no figure changes, no failing write would show it."""
    poll = select.poll()
    poll.register(sys.stdout, 0)  # errors are reported even without requested events, see poll(2)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _again_and_again(ask: Callable[[], Status], every_seconds: float) -> Iterator[Status]:
    while True:
        yield ask()
        time.sleep(every_seconds)


def is_paused(status: Status) -> bool:
    """Return whether the queue is paused. A service of an older version does not say."""
    return bool(status.get("queue", {}).get("state") == "paused")


def status_line(status: Status) -> str:
    """Return the figures that show the progress of the work, as `name=value`."""
    figures = {
        **({"queue": "paused"} if is_paused(status) else {}),
        "waiting": status["queueSize"],
        "retries": status["retriesWaiting"],
        "running": status["running"],
        "slots": f"{status['activeWorkers']}/{status['maxWorkers']}",
        **{state: count for state, count in status["states"].items() if state not in {"queued", "running"}},
    }
    return " ".join(f"{name}={value}" for name, value in figures.items())


def status_table(status: Status) -> Table:
    """Return a table of all figures."""
    table = Table("", "", show_header=False, title="raythumbs")
    if is_paused(status):
        table.add_row(
            "queue", f"paused since {status['queue']['since']}: {status['queue']['reason'] or 'no reason given'}"
        )
    table.add_row("waiting", str(status["queueSize"]))
    ages = status.get("backlogAgesSeconds", {})  # a service of an older version does not say
    for priority, count in status["backlog"].items():
        table.add_row(
            f"  {priority}", f"{count}, the oldest for {ages[priority]:.1f} s" if ages.get(priority) else str(count)
        )
    table.add_row("of these, for another try", _retries(status["retriesWaiting"]))
    if status["queueSize"]:
        age = status["backlogAgeSeconds"]
        table.add_row("oldest that is due", f"{age:.1f} s" if age else "none")
    table.add_row("slots", f"{status['activeWorkers']} of {status['maxWorkers']} in use, {status['cpuCount']} CPUs")
    for node in status["nodes"]:
        table.add_row(
            f"  {node.get('address', '')} {node['node'][:12]}", node["trouble"] or f"{node['busy']} of {node['slots']}"
        )
    table.add_row("photos/s", f"{status['photosPerSecond']:.1f}")
    for state, count in status["states"].items():
        table.add_row(state, str(count))
    return table


def _retries(count: int) -> str:
    return f"{count}: `raythumbs failures` says why" if count else "0"
