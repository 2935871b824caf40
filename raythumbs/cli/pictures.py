"""The command that works without a service: render."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.options import AsJson
from raythumbs.cli.output import complaints, print_line
from raythumbs.model.photo import Fit, Format, RenditionSpec


def render(  # noqa: PLR0913, PLR0917 the options of a command
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Local pictures.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the thumbnails; it is made if missing.")],
    size: Annotated[str, typer.Option(help="Pixels: a side of the box, or WIDTHxHEIGHT.")] = "300",
    fit: Annotated[Fit, typer.Option(help="How a picture is fitted to the box.")] = Fit.INSIDE,
    focus: Annotated[
        tuple[float, float],
        typer.Option(metavar="X Y", help="Point that `cover` cuts around: fractions, from the left and from the top."),
    ] = (0.5, 0.5),
    file_format: Annotated[Format, typer.Option("--format", help="Format of the thumbnails.")] = Format.JPEG,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG, WebP and AVIF.")] = 85,
    enlarge: Annotated[bool, typer.Option("--enlarge", help="Enlarge small pictures.")] = False,  # noqa: FBT002 an option
    gap: Annotated[
        float, typer.Option(min=1, max=8, help="Decode a JPEG at least this many times as large as the thumbnail.")
    ] = 2.0,
    jobs: Annotated[int, typer.Option(min=1, help="How many pictures to render at one time.")] = min(
        8, len(os.sched_getaffinity(0))
    ),
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Make thumbnails of local pictures, without a service."""
    from raythumbs.cli.render_files import render_files  # the other commands do no imaging
    from raythumbs.events import show_bugs_only
    from raythumbs.settings import load_settings  # slow to import, see serving

    width, height = _sides(size)
    spec = RenditionSpec(
        width=width, height=height, fit=fit, focus=focus, format=file_format, quality=quality, enlarge=enlarge, gap=gap
    )
    settings = load_settings(specs=(spec,))
    show_bugs_only()  # `doctor` tells what the kernel does not give the decoder
    failed = 0
    for result in render_files(pictures, out_dir, spec, settings, jobs=jobs):
        failed += result.state == "failed"
        if as_json:
            print(json.dumps(asdict(result)), flush=True)
        elif result.state == "failed":
            print_line(f"{result.source}: {result.reason} ({result.code})", to=complaints)
        else:
            print_line(f"{result.source} -> {result.output}  {result.width}x{result.height}")
            for note in result.notes:
                print_line(f"{result.source}: {note}", to=complaints)
    if failed:
        raise typer.Exit(1)


def _sides(size: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", size)
    if sides is None:
        raise typer.BadParameter(f"{size!r} is not a size: write 300, or 400x300", param_hint="--size")
    return int(sides[1]), int(sides[2] or sides[1])
