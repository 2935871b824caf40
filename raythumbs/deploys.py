"""Deploys: `raythumbs up` and `down`. A deploy puts the service on a running Ray, in place of an older one.

Each step does only what is not done yet. So a deploy that was killed can be repeated with the same command.
"""

import asyncio
import time

from ray import serve

from raythumbs.app import NAME, build_with, check_decoders, passing_trouble
from raythumbs.client import Client, Refused, Unreachable
from raythumbs.cluster.join import end_serve, joined, open_door, seal_on_head, serve_runs
from raythumbs.errors import RaythumbsError
from raythumbs.queue.lifecycle import start_queue, stop_queue
from raythumbs.settings import Settings
from raythumbs.settings.sealed import Sealed

_ANSWER_SECONDS = 60
_POLL_SECONDS = 0.2


class NotDeployed(RaythumbsError):
    """The service does not answer after a deploy. The old one may still answer."""

    code = "not_deployed"


def deploy(settings: Settings, address: str) -> str | None:
    """Deploy this version of the service with these settings to the Ray at the address. Return when it answers.

    Return the reason if it is not ready yet but may become so. Raise if a person must repair something, if possible
    before anything is changed.
    """
    check_decoders(settings)
    settings.refuse_strangers(settings.host)
    with joined(address):
        _check_database(settings)
        sealed = seal_on_head(settings)
        try:
            open_door(settings.host, settings.port)
            # The queue first, because the new ingress needs it. Meanwhile the old ingress holds requests until the new
            # queue answers.
            asyncio.run(start_queue(sealed))
            serve.run(build_with(sealed, version=_version(sealed)), name=NAME, route_prefix="/")
        except RuntimeError as error:  # the only error that Serve raises
            raise NotDeployed(f"Ray Serve did not start the service: {str(error).strip().splitlines()[-1]}") from error
        trouble = passing_trouble(settings.queue_shards)
        await_answer(settings)
        return trouble


def withdraw(address: str) -> None:
    """Finish the running jobs and end the service on the Ray at the address. Other Serve applications go on."""
    with joined(address):
        asyncio.run(stop_queue())
        if serve_runs():
            serve.delete(NAME)
            if not serve.status().applications:
                end_serve()


def _version(sealed: Sealed) -> str:
    """Return the version of the ingress, by which Serve knows whether it changed. After a failed start, return a new
    version: Serve does not try the same one again."""
    before = serve.status().applications.get(NAME)
    failed = before is not None and before.status == "DEPLOY_FAILED"
    return f"{sealed.identity}-{time.time_ns()}" if failed else sealed.identity


def _check_database(settings: Settings) -> None:
    """Raise if PostgreSQL cannot be used. Only the running queue, on the head, may open an embedded database."""
    url = settings.database_url.get_secret_value()
    if url.startswith("postgresql"):
        from raythumbs.db.database import Database  # which takes half a second of CPU

        database = Database(url)
        try:
            database.check()
        finally:
            database.close()


def await_answer(settings: Settings, *, seconds: float = _ANSWER_SECONDS) -> None:
    """Return when the service answers; raise NotDeployed if it does not within so many seconds."""
    until = time.monotonic() + seconds
    with Client(settings.local_url) as client:
        while True:
            try:
                client.alive()  # a replica answers once it has found its queue
            except (Unreachable, Refused) as error:
                if time.monotonic() > until:
                    raise NotDeployed(f"the service was started but does not answer: {error.reason}") from error
                time.sleep(_POLL_SECONDS)
            else:
                return
