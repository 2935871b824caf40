"""The queue's figures for people: a table, a table that stays current, and lines for a pipe or a log."""

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


def watch(ask: Callable[[], Status], out: Console) -> None:
    """Show the figures until Ctrl-C: on a terminal a table, anywhere else a line whenever a figure has changed."""
    if out.is_terminal:
        with Live(console=out, refresh_per_second=4) as live:
            for told in _again_and_again(ask):
                live.update(status_table(told))
    before = ""
    for told in _again_and_again(ask):
        line = status_line(told)
        if line != before:
            print(datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), line, flush=True)
            before = line
        if _reader_has_gone():
            return


def _reader_has_gone() -> bool:
    """Return whether nobody reads the output any more: without a change nothing is written that would tell."""
    poll = select.poll()
    poll.register(sys.stdout, 0)  # of errors it tells in any case, see poll(2)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _again_and_again(ask: Callable[[], Status]) -> Iterator[Status]:
    while True:
        yield ask()
        time.sleep(_WATCH_SECONDS)


def status_line(told: Status) -> str:
    """Return the figures that say whether work goes on, as `name=value`."""
    figures = {
        "waiting": told["queueSize"],
        "retries": told["retriesWaiting"],
        "running": told["running"],
        "slots": f"{told['activeWorkers']}/{told['maxWorkers']}",
        **{state: count for state, count in told["states"].items() if state not in {"queued", "running"}},
    }
    return " ".join(f"{name}={value}" for name, value in figures.items())


def status_table(told: Status) -> Table:
    """Return all of the figures."""
    table = Table("", "", show_header=False, title="raythumbs")
    table.add_row("waiting", str(told["queueSize"]))
    for priority, count in told["backlog"].items():
        table.add_row(f"  {priority}", str(count))
    table.add_row("  for another try", str(told["retriesWaiting"]))
    table.add_row("oldest that is due", f"{told['backlogAgeSeconds']:.1f} s")
    table.add_row("slots", f"{told['activeWorkers']} of {told['maxWorkers']} in use, {told['cpuCount']} CPUs")
    for node in told["nodes"]:
        table.add_row(f"  {node['node'][:12]}", node["trouble"] or f"{node['busy']} of {node['slots']}")
    table.add_row("photos/s", f"{told['photosPerSecond']:.1f}")
    for state, count in told["states"].items():
        table.add_row(state, str(count))
    return table
