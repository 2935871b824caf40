"""The command about messages that cannot be understood: quarantine."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import out, print_line
from raythumbs.client import Client


class Action(StrEnum):
    """What to do with messages in quarantine."""

    LIST = "list"
    SHOW = "show"
    DROP = "drop"


def quarantine(
    action: Annotated[Action, typer.Argument(help="List all messages, show one, or drop some.")] = Action.LIST,
    message_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Messages to show or drop.")] = None,
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option of the command line
) -> None:
    """List, show or drop notifications that could not be understood."""
    if (action is Action.LIST) == bool(message_ids):
        raise typer.BadParameter("`show` and `drop` need the ids of messages; `list` takes none", param_hint="ID...")
    with Client(url) as client:
        if action is Action.LIST:
            _print_all(client.quarantined(), as_json=as_json)
        for message_id in message_ids or ():
            if action is Action.SHOW:
                _print_one(client.quarantined_message(message_id), as_json=as_json)
            else:
                dropped = client.drop_quarantined(message_id)
                print_line(json.dumps(dropped) if as_json else f"{dropped['dropped']}  dropped")


def _print_all(messages: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(messages))
    elif not messages:
        out.print("no message is in quarantine")
    for message in () if as_json else messages:
        print_line("  ".join(message[name] for name in ("id", "receivedAt", "sender", "reason")))


def _print_one(message: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(message))
        return
    for name in ("id", "receivedAt", "sender", "reason", "sizeBytes"):
        print_line(f"{name}: {message[name]}")
    for name, value in message["headers"].items():
        print_line(f"{name}: {value}")
    print_line("")
    for line in message["body"].splitlines():
        print_line(line)
