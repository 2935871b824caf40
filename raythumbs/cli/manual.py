"""`raythumbs manual`: the manual in a terminal."""

from typing import Annotated

import typer

from raythumbs.cli.output import out
from raythumbs.manual import terminal


def manual(
    page: Annotated[str | None, typer.Argument(help="The page to show; without it, the contents.")] = None,
) -> None:
    """Show a page of the manual, or its contents."""
    terminal.show(page, out)
