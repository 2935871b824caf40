"""The roof: constructs every part and hands each what it needs.

`serve run raythumbs.app:build` starts the service on a cluster that runs; `raythumbs serve` brings its own.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO

from fastapi import FastAPI
from ray import serve

from raythumbs.cluster.join import HEAD, Unsealed, seal_if_joined, seal_on_head
from raythumbs.cluster.replica_server import listen_on_the_node_only
from raythumbs.db.database import Database
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
from raythumbs.queue.handle import QueueHandle
from raythumbs.queue.lifecycle import begin_queue, start_queue, stop_queue
from raythumbs.settings import Settings, load_settings
from raythumbs.settings.sealed import Sealed
from raythumbs.storage.files import FileStore
from raythumbs.storage.stores import stores_of
from raythumbs.web.api import make_app
from raythumbs.web.freed_memory import keep_loaded, share_arenas
from raythumbs.web.ingress import ingress
from raythumbs.web.parts import Parts, Queue

NAME = "raythumbs"


@contextmanager
def service(sealed: Sealed, *, host: str, listening: Callable[[], None]) -> Iterator[str | None]:
    """Run the service on the Ray that was joined until the context is left: then finish what runs.

    Ray Serve's own processes listen on the host; `listening` is called as soon as its proxy does. Yields the reason
    if the service is not ready and that may pass; raises what needs a person.
    """
    settings = sealed.settings
    serve.start(http_options={"host": host, "port": settings.port}, logging_config={"log_level": "WARNING"})
    listening()
    try:
        begin_queue(sealed)  # beside the replica, which needs it
        serve.run(build_with(sealed, version=sealed.identity), name=NAME, route_prefix="/")
        yield passing_trouble(settings.queue_shards)
    finally:
        asyncio.run(stop_queue())
        serve.delete(NAME)


def passing_trouble(shards: int) -> str | None:
    """Return the reason if the service is not ready and that may pass; raise what needs a person."""
    try:
        asyncio.run(QueueHandle(shards).check())
    except (StoreUnavailable, DatabaseUnavailable, QueueUnavailable, Overloaded) as error:
        return error.reason
    return None


def check_before_start(settings: Settings) -> None:
    """Check what a person would have to mend, before Ray is started for nothing.

    The database can be opened and nobody else holds it; folders can be written to; there are credentials for buckets.
    """
    stores = stores_of(settings)
    for uri in (settings.store_uri, settings.thumbnails_uri):
        with suppress(StoreUnavailable):  # which may pass
            stores.at(uri).check_here()
    database = Database(settings.database_url.get_secret_value())
    try:
        database.open()
    finally:
        database.close()


def build(args: Mapping[str, str]) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application; `args` are settings (`store=s3://bucket`), the environment has the rest."""
    sealed = seal_if_joined(load_settings(**args))
    return build_with(sealed, version=sealed.identity)


def build_with(sealed: Sealed | Unsealed, *, version: str) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application for these settings; replicas of the same version are left alone."""
    settings = sealed.settings
    return ingress(
        partial(assemble, sealed),
        replicas=settings.ingress_replicas,
        version=version,
        place=HEAD if settings.ingress_nodes == "head" else None,
    )


async def assemble(given: Sealed | Unsealed) -> FastAPI:
    """Return the web application over a queue that runs; this is what each replica does when it starts."""
    sealed = given if isinstance(given, Sealed) else await asyncio.to_thread(seal_on_head, given.settings)
    share_arenas()
    listen_on_the_node_only()
    show_events(sealed.settings.log_level)
    sealed.settings.apply_umask()
    queue = await start_queue(sealed)
    behind_haproxy = os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "1"
    app = make_app(parts(await _opened(sealed, queue), queue), behind_haproxy=behind_haproxy)
    keep_loaded()
    return app


async def _opened(sealed: Sealed, queue: QueueHandle) -> Settings:
    try:
        return sealed.open()
    except BadSettings:  # on another node than the queue, which has the file
        return sealed.settings.with_secrets(await queue.secrets())


def parts(settings: Settings, queue: Queue) -> Parts:
    """Return what the doors need."""
    stores = stores_of(settings)
    thumbnails = stores.at(settings.thumbnails_uri, base_url=settings.thumbnails_base_url)

    def link(rendition: Rendition) -> str:
        if isinstance(thumbnails, FileStore):  # the service itself serves it
            return rendition.url
        return thumbnails.link(rendition.key, seconds=settings.link_seconds)

    def open_thumbnail(path: str) -> BinaryIO:
        key = settings.thumbnails_prefix + path
        if not isinstance(thumbnails, FileStore) or ".." in key.split("/"):
            raise NoSuchObject(f"{path!r} is not served here")
        return thumbnails.get(key, max_bytes=sys.maxsize, seconds=0).file

    return Parts(
        settings=settings,
        queue=queue,
        originals=stores.at(settings.store_uri),
        policy=settings.policy,
        link=link,
        open_thumbnail=open_thumbnail,
        now=time.time,
    )
