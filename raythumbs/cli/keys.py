"""The command that makes API keys: keys new."""

import json
import re
import secrets
from typing import Annotated

import typer

from raythumbs.cli.examples import example_of
from raythumbs.cli.options import AsJson
from raythumbs.cli.output import complaints

_RANDOM_BYTES = 32

keys = typer.Typer(no_args_is_help=True, help="Make API keys.")


@keys.callback()
def _group() -> None:
    """Make API keys."""


@keys.command(epilog=example_of("new"))
def new(
    name: Annotated[str, typer.Argument(help="Who gets the key: letters, digits, '.', '_', '@' and '-'.")],
    scopes: Annotated[str, typer.Option(help="What it is for: upload, read, admin, or several with commas.")] = (
        "upload,read"
    ),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Make an API key. Print it, and the line with its hash for RAYTHUMBS_API_KEYS; neither is kept anywhere."""
    from raythumbs.settings.access import hashed_line  # settings are slow to import, and `--help` needs none

    key = f"rt_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    line = hashed_line(name=name, key=key, scopes=re.split(r"[,\s]+", scopes.strip()))
    if as_json:
        print(json.dumps({"key": key, "line": line}))
        return
    complaints.print("the key, for whoever is to use the service:", soft_wrap=True)
    print(f"RAYTHUMBS_API_KEY={key}")
    complaints.print("its hash, for the list in the service's RAYTHUMBS_API_KEYS:", soft_wrap=True)
    print(json.dumps(line))
