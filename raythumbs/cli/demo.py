"""The command that compares the service with a sequential program: demo."""

import json
from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.options import AsJson
from raythumbs.cli.output import out


def demo(
    photos: Annotated[int, typer.Option(min=1, help="How many photos to draw.")] = 100,
    size_mb: Annotated[float, typer.Option(min=0.05, max=50, help="Approximate size of each, in MB.")] = 5,
    pictures: Annotated[Path | None, typer.Option(help="Use the pictures in this folder instead.")] = None,
    as_json: AsJson = False,  # noqa: FBT002 an option of the command line
) -> None:
    """Start the service, upload photos, and compare it with making thumbnails one after the other."""
    from raythumbs.demo.result import DemoPlan
    from raythumbs.demo.run import run_demo  # imports the database, whose libraries are slow to import

    result = run_demo(DemoPlan(photos=photos, size_mb=size_mb, pictures=pictures), quiet=as_json)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        out.print(result.as_table())
    if result.failed:
        raise typer.Exit(1)
