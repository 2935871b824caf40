"""The command about webhooks, which talks to a running service."""

import json
from typing import Annotated, Any

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import print_line
from raythumbs.client import Client


def webhooks(
    retry: Annotated[bool, typer.Option("--retry", help="Enable all endpoints, and try every message now.")] = False,  # noqa: FBT002 an option
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """List the endpoints of webhooks: the messages that wait for each, and its last error."""
    with Client(url) as client:
        endpoints = client.retry_webhooks() if retry else client.webhooks()
    if as_json:
        print(json.dumps(endpoints))
        return
    if not endpoints:
        print_line("no webhooks are set (RAYTHUMBS_WEBHOOKS)")
    for endpoint in endpoints:
        print_line(_line(endpoint))


def _line(endpoint: dict[str, Any]) -> str:
    state = f"disabled since {endpoint['disabledAt']}" if endpoint["disabledAt"] else "enabled"
    error = f"  last error at {endpoint['failedAt']}: {endpoint['error']}" if endpoint["error"] else ""
    counts = f"{endpoint['waiting']} waiting, {endpoint['givenUp']} given up"
    return f"{endpoint['url']}  {state}  {counts}{error}"
