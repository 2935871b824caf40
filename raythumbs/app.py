"""The roof: constructs all parts of the service, and hands each what it needs.

`serve run raythumbs.app:build` starts the service on a running cluster; `raythumbs serve` starts its own.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote

from fastapi import FastAPI
from ray import serve

from raythumbs.cluster.join import HEAD, join_as_serve_run, seal_on_head, served_host
from raythumbs.cluster.replica_server import listen_on_the_node_only, when_it_ends
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
from raythumbs.settings.floors import refuse_old_packages
from raythumbs.settings.sealed import Sealed
from raythumbs.storage.base import Store
from raythumbs.storage.files import FileStore
from raythumbs.storage.stores import stores_of
from raythumbs.web.dependencies import Dependencies, Queue, SignUpload
from raythumbs.web.freed_memory import keep_loaded, share_arenas
from raythumbs.web.ingress import ingress
from raythumbs.web.links import THUMBNAILS_PATH

# Replicas import this module too, and need neither database nor decoders: these are imported within functions. So are
# the routes, which take a third of a second of CPU: a program that starts, deploys or ends a service does without.

NAME = "raythumbs"


@contextmanager
def service(sealed: Sealed, *, host: str, listening: Callable[[], None]) -> Iterator[str | None]:
    """Run the service on the joined Ray while the context is open. At its end, finish the running jobs.

    Ray Serve's processes listen on the host; `listening` is called as soon as its proxy does. Yields the reason if the
    service is not ready but may become so. Raises if a person must repair something.
    """
    settings = sealed.settings
    serve.start(http_options={"host": host, "port": settings.port}, logging_config={"log_level": "WARNING"})
    listening()
    try:
        begin_queue(sealed)  # at the same time as the replica, which needs it
        serve.run(build_with(sealed, version=sealed.identity), name=NAME, route_prefix="/")
        yield passing_trouble(settings.queue_shards)
    finally:
        asyncio.run(stop_queue())
        serve.delete(NAME)


def passing_trouble(shards: int) -> str | None:
    """Return the reason if the service is not ready but may become so. Raise if a person must repair something."""
    try:
        asyncio.run(QueueHandle(shards).check())
    except (StoreUnavailable, DatabaseUnavailable, QueueUnavailable, Overloaded) as error:
        return error.reason
    return None


def check_before_start(settings: Settings) -> None:
    """Raise if a person must repair something, so that Ray is not started in vain.

    Checks that packages are not too old, that the database can be opened and is not in use, that folders can be written
    to, and that there are credentials for buckets.
    """
    from raythumbs.db.database import Database

    check_decoders(settings)
    stores = stores_of(settings)
    for uri in (settings.store_uri, settings.thumbnails_uri):
        with suppress(StoreUnavailable):  # may pass by itself
            stores.at(uri).check_here()
    database = Database(settings.database_url.get_secret_value())
    try:
        database.open()
    finally:
        database.close()


def check_decoders(settings: Settings) -> None:
    """Raise NotStarted if a package is too old; tell known faults of the libraries that decode in the log.

    Tell, too, if JPEGs are decoded the slower way.
    """
    from raythumbs.imaging.codecs import codecs, tell_known_faults
    from raythumbs.imaging.native.library import tell_missing

    refuse_old_packages()
    tell_known_faults(codecs())
    if settings.native:
        tell_missing()


def build(args: Mapping[str, str]) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application. `args` are settings (`store=s3://bucket`); the others come from the environment."""
    settings = load_settings(**args)
    settings.refuse_strangers(settings.host)
    join_as_serve_run()
    sealed = seal_on_head(settings)
    return build_with(sealed, version=sealed.identity)


def build_with(sealed: Sealed, *, version: str) -> Any:  # noqa: ANN401 Serve's Application
    """Return the Serve application for these settings. A deploy leaves replicas of the same version alone."""
    settings = sealed.settings
    return ingress(
        partial(assemble, sealed),
        replicas=settings.ingress_replicas,
        version=version,
        place=HEAD if settings.ingress_nodes == "head" else None,
    )


async def assemble(sealed: Sealed) -> FastAPI:
    """Return the web application over a running queue. Each replica calls this when it starts.

    Raises BadSettings if Serve listens where strangers could use the service without a key.
    """
    from raythumbs.web.api import end_streams, make_app

    share_arenas()
    listen_on_the_node_only()
    show_events(sealed.settings.log_level, sealed.settings.log_format)
    sealed.settings.apply_umask()
    served_at = await asyncio.to_thread(served_host)
    queue = await start_queue(sealed)
    settings = await _opened(sealed, queue)
    settings.refuse_strangers(served_at)
    behind_haproxy = os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "1"
    app = make_app(dependencies(settings, queue), behind_haproxy=behind_haproxy)
    here = asyncio.get_running_loop()
    when_it_ends(lambda: here.call_soon_threadsafe(end_streams, app))
    keep_loaded()
    return app


async def _opened(sealed: Sealed, queue: QueueHandle) -> Settings:
    try:
        return sealed.open()
    except BadSettings:  # this is another node than the queue's, which has the file
        return sealed.settings.with_secrets(await queue.secrets())


def description(settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of the service with these settings. Nothing is started, and nothing is asked."""
    from raythumbs.web.api import make_app

    return make_app(dependencies(settings, QueueHandle(settings.queue_shards))).openapi()


def dependencies(settings: Settings, queue: Queue) -> Dependencies:
    """Return what the routes need."""
    from raythumbs.web.keys import links_of

    stores = stores_of(settings)
    thumbnails = stores.at(settings.thumbnails_uri, base_url=settings.thumbnails_base_url)
    links = links_of(settings)

    def link(rendition: Rendition) -> str:
        if isinstance(thumbnails, FileStore):  # `/thumbnails/` serves it, where the service is now
            path = THUMBNAILS_PATH + quote(rendition.key.removeprefix(settings.thumbnails_prefix))
            if links is None or settings.public_thumbnails:
                return settings.base_url + path
            return f"{settings.base_url}{path}?{links.query(path, expires=links.expiry(now=time.time()))}"
        return thumbnails.link(rendition.key, seconds=settings.link_seconds)

    def open_thumbnail(path: str) -> BinaryIO:
        key = settings.thumbnails_prefix + path
        if not isinstance(thumbnails, FileStore) or ".." in key.split("/"):
            raise NoSuchObject(f"{path!r} is not served here")
        return thumbnails.get(key, max_bytes=sys.maxsize, seconds=0).file

    return Dependencies(
        settings=settings,
        queue=queue,
        originals=stores.at(settings.store_uri),
        policy=settings.policy,
        folder_rule=settings.folder_rule,
        link=link,
        links=links,
        links_expire=bool(links) and not settings.public_thumbnails
        if isinstance(thumbnails, FileStore)
        else not settings.thumbnails_base_url,
        open_thumbnail=open_thumbnail,
        sign_upload=_sign_upload(stores.at(settings.store_uri)),
        now=time.time,
    )


def _sign_upload(store: Store) -> SignUpload | None:
    if isinstance(store, FileStore):
        return None
    from raythumbs.storage.s3 import S3Store  # boto3 takes 7 MB, and not every service has a bucket
    from raythumbs.storage.upload_form import signed_form

    assert isinstance(store, S3Store)  # noqa: S101 there are two kinds of stores
    return partial(signed_form, store)
