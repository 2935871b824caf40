"""Commands that write files for containers and for systemd: deploy-files, systemd."""

import json
from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.options import AsJson
from raythumbs.cli.output import out


def deploy_files(
    folder: Annotated[Path, typer.Argument(help="Folder to write into, in a checkout.")],
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Write a Dockerfile, a compose.yaml and new secrets. Files that are there already stay as they are."""
    from raythumbs.deploy import API_KEY, write_deploy_files  # settings are slow to import, and `--help` needs none

    written = write_deploy_files(folder)
    start = f"docker compose -f {folder}/compose.yaml up --build --wait"
    if as_json:
        print(json.dumps({"written": [str(path) for path in written], "start": start, "apiKey": str(folder / API_KEY)}))
        return
    for path in written:
        out.print(f"wrote {path}", highlight=False, soft_wrap=True)
    out.print(f"start it:     {start}", highlight=False, soft_wrap=True)
    out.print(f"your API key: {folder}/{API_KEY}", highlight=False, soft_wrap=True)


def systemd(*, as_json: AsJson = False) -> None:
    """Print a unit for systemd."""
    from raythumbs.deploy import UNIT

    text = UNIT.read_text()
    print(json.dumps({"unit": text}) if as_json else text, end="\n" if as_json else "")
