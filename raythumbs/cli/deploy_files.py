"""Commands that write files for containers and for systemd: deploy-files, systemd."""

from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.output import out


def deploy_files(folder: Annotated[Path, typer.Argument(help="Folder to write into, in a checkout.")]) -> None:
    """Write a Dockerfile, a compose.yaml and new secrets. Files that are there already stay as they are."""
    from raythumbs.deploy import API_KEY, write_deploy_files  # settings are slow to import, and `--help` needs none

    for path in write_deploy_files(folder):
        out.print(f"wrote {path}", highlight=False, soft_wrap=True)
    out.print(
        f"start it:     docker compose -f {folder}/compose.yaml up --build --wait", highlight=False, soft_wrap=True
    )
    out.print(f"your API key: {folder}/{API_KEY}", highlight=False, soft_wrap=True)


def systemd() -> None:
    """Print a unit for systemd: raythumbs systemd > /etc/systemd/system/raythumbs.service"""
    from raythumbs.deploy import UNIT

    print(UNIT.read_text(), end="")
