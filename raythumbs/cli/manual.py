"""`raythumbs manual`: the manual in a terminal."""

import json
from typing import Annotated

import typer

from raythumbs.cli.options import AsJson
from raythumbs.cli.output import out
from raythumbs.manual import PAGES, read_page


def manual(
    page: Annotated[
        str | None,
        typer.Argument(
            help="The page to show, or a section of it, as in `runbook#first-look`; without it, the contents."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a page of the manual, or its contents."""
    if as_json:
        print(json.dumps({"page": page, "text": read_page(page)} if page else _titles()))
        return
    from raythumbs.manual import terminal  # it imports much that no other command needs

    terminal.show(page, out)


def _titles() -> dict[str, str]:
    return {name: page.summary for name, page in PAGES.items()}
