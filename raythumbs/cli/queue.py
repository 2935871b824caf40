"""Commands that steer the queue of a running service: pause, resume, failures."""

import json
from typing import Annotated, Any

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import many, print_line
from raythumbs.client import Client


def pause(
    reason: Annotated[str | None, typer.Option(help="Why, for whoever wonders later.")] = None,
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Start no new photo until `raythumbs resume`. Photos at work are finished, and everything is still taken."""
    with Client(url) as client:
        _print_state(client.pause(reason), as_json=as_json)


def resume(url: Url = HERE, as_json: AsJson = False) -> None:  # noqa: FBT002 an option
    """Start work again."""
    with Client(url) as client:
        _print_state(client.resume(), as_json=as_json)


def failures(url: Url = HERE, as_json: AsJson = False) -> None:  # noqa: FBT002 an option
    """List the failed jobs by code, with the newest reason of each, and those that wait for another try."""
    with Client(url) as client:
        found = client.failures()
    if as_json:
        print(json.dumps(found))
        return
    if not found["failures"]:
        print_line("no job has failed")
    for one in found["failures"]:
        hint = "another try may help" if one["retryable"] else "mend the photo first"
        print_line(f"{one['count']:>8}  {one['code']}  {one['reason']}  ({hint})")
    for one in found.get("retries", []):  # a service of an older version does not say
        print_line(f"{one['count']:>8}  {one['code']}  {one['reason']}  (waiting for another try)")
    if found["more"]:
        print_line("there are more than are counted here")


def _print_state(state: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(state))
    elif state["state"] == "paused":
        why = f": {state['reason']}" if state["reason"] else ""
        print_line(f"paused since {state['since']}{why}; {many(state['running'], 'photo')} at work")
    else:
        print_line(f"working; {many(state['running'], 'photo')} at work")
