"""`raythumbs top`: the dashboard in a terminal. In a pipe, one snapshot for each line."""

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import out, print_line
from raythumbs.cli.status_view import status_line, status_table
from raythumbs.client import Client, Refused, Unreachable

_MOST_CODES = 8


def top(
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = 1.0,
    snapshots: Annotated[
        int | None, typer.Option("-n", "--snapshots", min=1, help="End after so many looks; in a pipe, 1.")
    ] = None,
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Show the queue, its slots and its failures, until Ctrl-C. In a pipe or with --json, print one line and end."""
    with Client(url) as client:
        if out.is_terminal and not as_json:
            _live(client, every, snapshots)
            return
        for number in range(snapshots or 1):
            if number:
                time.sleep(every)
            seen = _look(client)
            if as_json:
                print(json.dumps(seen), flush=True)
            else:
                print_line(f"{status_line(seen['status'])} failures={_failures_line(seen)}")


def _live(client: Client, every: float, snapshots: int | None) -> None:
    shown = _panel(_look(client))  # a service that was never there ends the command
    with Live(shown, console=out, refresh_per_second=4, screen=snapshots is None) as live:
        looks = 1
        while snapshots is None or looks < snapshots:
            time.sleep(every)
            looks += 1
            try:
                shown = _panel(_look(client))
                live.update(shown)
            except (Refused, Unreachable) as error:  # it may come back
                live.update(Group(shown, error.reason))


def _look(client: Client) -> dict[str, Any]:
    found = client.failures()
    return {"status": client.status(), "failures": found["failures"], "retries": found.get("retries", [])}


def _panel(seen: dict[str, Any]) -> Group:
    nodes = Table("node", "slots", title="slots in use", title_justify="left")
    for node in seen["status"]["nodes"]:
        bar = "█" * node["busy"] + "░" * (node["slots"] - node["busy"])
        nodes.add_row(node["node"][:12], node["trouble"] or f"{bar} {node['busy']} of {node['slots']}")
    groups = {"failures": seen["failures"], "waiting for another try": seen["retries"]}
    tables = [_reasons(title, found) for title, found in groups.items() if found]
    return Group(status_table(seen["status"]), nodes, *tables)


def _reasons(title: str, groups: list[dict[str, Any]]) -> Table:
    table = Table("count", "code", "newest reason", title=title, title_justify="left")
    for one in groups[:_MOST_CODES]:
        table.add_row(str(one["count"]), one["code"], (one["reason"] or "")[:80])
    return table


def _failures_line(seen: dict[str, Any]) -> str:
    return ",".join(f"{one['code']}:{one['count']}" for one in seen["failures"]) or "none"
