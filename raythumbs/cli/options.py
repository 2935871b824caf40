"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

HERE = "http://127.0.0.1:8000"

Url = Annotated[str, typer.Option(envvar="RAYTHUMBS_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")]
Port = Annotated[int | None, typer.Option(help="Port to listen on [8000].")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded database and file store.")]
StoreUri = Annotated[str | None, typer.Option("--store", help="file:///DIR or s3://bucket/prefix.")]
RayAddress = Annotated[str, typer.Option(help="Address of the Ray: HOST:6379, or `auto` for the one on this machine.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
]
