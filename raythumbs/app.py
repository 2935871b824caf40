"""The roof: constructs every part and hands each what it needs.

`serve run raythumbs.app:build` starts the service on a cluster that runs; `raythumbs serve` brings its own.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from ray import serve

from raythumbs.db.database import Database
from raythumbs.engine.actors import begin_queue, start_queue, stop_queue
from raythumbs.engine.cluster import HEAD
from raythumbs.engine.handle import QueueHandle
from raythumbs.errors import (
    BadSettings,
    DatabaseUnavailable,
    NoSuchObject,
    Overloaded,
    QueueUnavailable,
    StoreUnavailable,
)
from raythumbs.events import show_events
from raythumbs.model.photo import Rendition
from raythumbs.settings import Settings, load_settings
from raythumbs.storage.files import FileStore
from raythumbs.storage.stores import Stores
from raythumbs.web.api import make_app
from raythumbs.web.ingress import ingress
from raythumbs.web.parts import Parts, Queue

NAME = "raythumbs"


@contextmanager
def service(settings: Settings, cluster: AbstractContextManager[None]) -> Iterator[str | None]:
    """Run the service on a Ray until the context is left: then finish what runs, and leave that Ray as it was.

    Gives what keeps it from being ready, if that may pass; what needs a person is raised.
    """
    _refuse_taken(settings.host, settings.port)
    with cluster:
        # Ray's own handler ends the process on the spot; end in order instead, as by Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        serve.start(
            http_options={"host": settings.host, "port": settings.port}, logging_config={"log_level": "WARNING"}
        )
        try:
            begin_queue(settings)  # beside the replica, which needs it
            serve.run(build_with(settings, version=settings.identity), name=NAME, route_prefix="/")
            yield passing_trouble(settings.queue_shards)
        finally:
            asyncio.run(stop_queue())
            serve.delete(NAME)


def passing_trouble(shards: int) -> str | None:
    """Return what keeps the service from being ready, if that may pass; what needs a person is raised."""
    try:
        asyncio.run(QueueHandle(shards).check())
    except (StoreUnavailable, DatabaseUnavailable, QueueUnavailable, Overloaded) as error:
        return error.reason
    return None


def check_database(settings: Settings) -> None:
    """Return if the database can be opened and nobody else holds it, else raise: before Ray is started for nothing."""
    database = Database(settings.database_url.get_secret_value())
    try:
        database.open()
    finally:
        database.close()


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadSettings(
                f"{host}:{port} cannot be listened on ({error.strerror}): choose another --port"
            ) from error


def build(args: Mapping[str, str]) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application; `args` are settings (`store=s3://bucket`), the environment has the rest."""
    settings = load_settings(**args)
    return build_with(settings, version=settings.identity)


def build_with(settings: Settings, *, version: str) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application for these settings; replicas of the same version are left alone."""
    return ingress(
        partial(assemble, settings),
        replicas=settings.ingress_replicas,
        version=version,
        place=HEAD if settings.ingress_nodes == "head" else None,
    )


async def assemble(settings: Settings) -> FastAPI:
    """Return the web application over a queue that runs; this is what each replica does when it starts."""
    show_events(settings.log_level)
    behind_haproxy = os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "1"
    return make_app(parts(settings, await start_queue(settings)), behind_haproxy=behind_haproxy)


def parts(settings: Settings, queue: Queue) -> Parts:
    """Return what the doors need."""
    stores = Stores(region=settings.aws_region, endpoint_url=settings.s3_endpoint_url)
    thumbnails = stores.at(settings.thumbnails_uri, base_url=settings.thumbnails_base_url)

    def link(rendition: Rendition) -> str:
        if isinstance(thumbnails, FileStore):  # the service itself serves it
            return rendition.url
        return thumbnails.link(rendition.key, seconds=settings.link_seconds)

    def thumbnail_file(path: str) -> Path:
        key = settings.thumbnails_prefix + path
        if not isinstance(thumbnails, FileStore) or ".." in key.split("/"):
            raise NoSuchObject(f"{path!r} is not served here")
        return thumbnails.path(key)

    return Parts(
        settings=settings,
        queue=queue,
        originals=stores.at(settings.store_uri),
        policy=settings.policy,
        link=link,
        thumbnail_file=thumbnail_file,
        now=time.time,
    )
