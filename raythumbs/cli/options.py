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
StoreUri = Annotated[
    str | None, typer.Option("--store", help="Store for uploads: file:///FOLDER or s3://BUCKET/PREFIX.")
]
SqsQueueUrl = Annotated[
    str | None, typer.Option("--sqs-queue", help="Amazon SQS queue with a bucket's events: https://sqs.REGION...")
]
RayAddress = Annotated[str, typer.Option(help="Address of Ray: HOST:6379, or `auto` for the Ray on this machine.")]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="Database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
]
