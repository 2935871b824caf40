"""Commands that run or look after a service: serve, up, down, env, backup.

They import settings, Ray and the database inside their functions: all three are slow to import, and `--help` needs
none of them.
"""

import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from raythumbs.cli.options import DatabaseUrl, DataDir, Host, Port, RayAddress, SqsQueueUrl, StoreUri
from raythumbs.cli.output import out


def serve(  # noqa: PLR0913, PLR0917 the options of a command
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    store: StoreUri = None,
    database: DatabaseUrl = None,
    sqs_queue: SqsQueueUrl = None,
    address: Annotated[str | None, typer.Option(help="Join this running Ray instead of starting one.")] = None,
) -> None:
    """Run the service until Ctrl-C. Every option is also a setting: RAYTHUMBS_HOST, RAYTHUMBS_PORT, ..."""
    from raythumbs.cli.service import print_places, service_settings
    from raythumbs.serving import serve_on_own_ray, serve_on_running_ray

    settings = service_settings(
        host=host, port=port, data_dir=data_dir, store=store, database=database, sqs_queue_url=sqs_queue
    )
    answers = partial(print_places, settings)
    if address:
        serve_on_running_ray(settings, address, say=_progress, answers=answers)
    else:
        serve_on_own_ray(settings, say=_progress, answers=answers)


def _progress(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)


def up(  # noqa: PLR0913, PLR0917 the options of a command
    address: RayAddress = "auto",
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    store: StoreUri = None,
    database: DatabaseUrl = None,
    sqs_queue: SqsQueueUrl = None,
) -> None:
    """Deploy the service to a running Ray, and leave it running there. Another run replaces only what has changed."""
    from raythumbs.cli.service import print_places, service_settings

    settings = service_settings(
        host=host, port=port, data_dir=data_dir, store=store, database=database, sqs_queue_url=sqs_queue
    )
    _before_joining()
    from raythumbs.deploys import deploy  # imports Ray, which must come after before_joining

    trouble = deploy(settings, address)
    print_places(settings, trouble)


def _before_joining() -> None:
    from raythumbs.cluster.environment import before_joining

    before_joining()


def down(address: RayAddress = "auto") -> None:
    """End the service that `up` started, once its running jobs are done. Waiting jobs are kept for the next one."""
    _before_joining()
    from raythumbs.deploys import withdraw  # imports Ray, which must come after before_joining

    withdraw(address)


def env() -> None:
    """Print the environment to start the nodes of a cluster with: eval "$(raythumbs env)" && ray start ..."""
    from raythumbs.cluster.environment import for_cluster  # imports HAProxy's package, which only this command needs

    for name, value in for_cluster().items():
        print(f"export {name}={shlex.quote(value)}")


def backup(file: Annotated[Path, typer.Argument(help="File for the copy; it must not exist yet.")]) -> None:
    """Copy the record (SQLite) while the service runs, and check the copy."""
    from raythumbs.cli.service import service_settings
    from raythumbs.db.backup import backup as copy_record

    size = copy_record(service_settings().database_url.get_secret_value(), file)
    out.print(f"{file}  {size:,} bytes", highlight=False)
