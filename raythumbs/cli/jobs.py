"""Commands about the whole service: status, reconcile."""

import json
import time
from typing import Annotated

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import out
from raythumbs.cli.status_view import status_table
from raythumbs.cli.status_view import watch as watch_status
from raythumbs.client import Client


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
