"""Commands that run or look after a service: serve, up, down, env, backup.

They import settings, Ray and the database inside their functions: all three are slow to import, and `--help` needs
none of them.
"""

import json
import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.options import AsJson, DatabaseUrl, DataDir, Host, Port, RayAddress, SqsQueueUrl, StoreUri
from raythumbs.cli.output import out, print_line


def serve(  # noqa: PLR0913, PLR0917 the options of a command
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    store: StoreUri = None,
    database: DatabaseUrl = None,
    sqs_queue: SqsQueueUrl = None,
    address: Annotated[str | None, typer.Option(help="Join this running Ray instead of starting one.")] = None,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Run the service until Ctrl-C. Every option is also a setting: RAYTHUMBS_HOST, RAYTHUMBS_PORT, ..."""
    from raythumbs.cli.service import print_places, service_settings
    from raythumbs.serving import serve_on_own_ray, serve_on_running_ray

    settings = service_settings(
        host=host, port=port, data_dir=data_dir, store=store, database=database, sqs_queue_url=sqs_queue
    )
    answers = partial(print_places, settings, as_json=as_json)
    progress = _no_progress if as_json else _progress
    if address:
        serve_on_running_ray(settings, address, say=progress, answers=answers)
    else:
        serve_on_own_ray(settings, say=progress, answers=answers)


def _progress(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)


def _no_progress(_text: str) -> None:
    """Say nothing: the output is JSON."""


def up(  # noqa: PLR0913, PLR0917 the options of a command
    address: RayAddress = "auto",
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    store: StoreUri = None,
    database: DatabaseUrl = None,
    sqs_queue: SqsQueueUrl = None,
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Deploy the service to a running Ray, and leave it running there. Another run replaces only what has changed."""
    from raythumbs.cli.service import print_places, service_settings

    settings = service_settings(
        host=host, port=port, data_dir=data_dir, store=store, database=database, sqs_queue_url=sqs_queue
    )
    _before_joining()
    from raythumbs.deploys import deploy  # imports Ray, which must come after before_joining

    trouble = deploy(settings, address)
    print_places(settings, trouble, as_json=as_json)


def _before_joining() -> None:
    from raythumbs.cluster.environment import before_joining

    before_joining()


def down(address: RayAddress = "auto", as_json: AsJson = False) -> None:  # noqa: FBT002 an option
    """End the service that `up` started, once its running jobs are done. Waiting jobs are kept for the next one."""
    _before_joining()
    from raythumbs.deploys import withdraw  # imports Ray, which must come after before_joining

    withdraw(address)
    if as_json:
        print(json.dumps({"ended": True}))


def env(*, as_json: AsJson = False) -> None:
    """Print the environment to start the nodes of a cluster with: eval "$(raythumbs env)" && ray start ..."""
    from raythumbs.cluster.environment import for_cluster  # imports HAProxy's package, which only this command needs

    if as_json:
        print(json.dumps(dict(for_cluster())))
        return
    for name, value in for_cluster().items():
        print(f"export {name}={shlex.quote(value)}")


def backup(
    file: Annotated[Path, typer.Argument(help="File for the copy; it must not exist yet.")],
    as_json: AsJson = False,  # noqa: FBT002 an option
) -> None:
    """Copy the record (SQLite) while the service runs, and check the copy."""
    from raythumbs.cli.service import service_settings
    from raythumbs.db.backup import backup as copy_record

    size = copy_record(service_settings().database_url.get_secret_value(), file)
    if as_json:
        print(json.dumps({"file": str(file), "sizeBytes": size}))
    else:
        print_line(f"{file}  {size:,} bytes")
