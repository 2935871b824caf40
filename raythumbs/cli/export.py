"""The command that exports photos and thumbnails as tables."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.options import HERE, AsJson, Url
from raythumbs.cli.output import print_line
from raythumbs.client import Client


class TableFormat(StrEnum):
    """The format of the files."""

    PARQUET = "parquet"
    CSV = "csv"


def export(
    table_format: Annotated[TableFormat, typer.Option("--format", help="Parquet needs raythumbs[export].")] = (
        TableFormat.PARQUET
    ),
    output: Annotated[Path, typer.Option(help="Folder for the two files; it is made if missing.")] = Path(),
    url: Url = HERE,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Write all photos and all thumbnails as two tables: photos.parquet and renditions.parquet, or .csv."""
    from raythumbs.cli.export_tables import write_tables  # imports pandas, which the other commands do not need

    with Client(url) as client:
        for path, rows in write_tables(client.exported_photos(), output, table_format):
            print_line(json.dumps({"file": str(path), "rows": rows}) if as_json else f"{path}  {rows:,} rows")
