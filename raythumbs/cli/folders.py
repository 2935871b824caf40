"""The command about folders, which talks to a running service."""

import json
from typing import Annotated, Any

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import print_line
from raythumbs.client import Client


def folder(  # noqa: PLR0917 the options of a command
    folder_id: Annotated[str, typer.Argument(help="Id of the folder.")],
    watch: Annotated[bool, typer.Option("--watch", help="Show each change until the folder is done.")] = False,  # noqa: FBT002 an option
    photos: Annotated[int, typer.Option(min=1, help="With --watch: how many photos it must have to be done.")] = 1,
    as_json: AsJson = False,  # noqa: FBT002 an option
    url: Url = HERE,
) -> None:
    """Show how many photos of a folder are done."""
    with Client(url) as client:
        for seen in client.watch_folder(folder_id, photos=photos) if watch else (client.folder(folder_id),):
            print_line(json.dumps(seen) if as_json else folder_line(seen))


def folder_line(folder: dict[str, Any]) -> str:
    """Return the figures of a folder as `name=value`."""
    figures = " ".join(f"{name}={folder[name]}" for name in ("total", "waiting", "succeeded", "failed", "cancelled"))
    return f"{figures} done_at={folder['doneAt'] or '-'}"
