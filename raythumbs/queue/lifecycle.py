"""The life of the queue's actors: how they begin, how a deploy puts others in their place, how they end."""

import asyncio
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

from raythumbs.cluster.autoscaler import RayAutoscaler
from raythumbs.cluster.join import HEAD, NAMESPACE
from raythumbs.events import emit_trouble
from raythumbs.queue.actor import ThumbnailQueueActor
from raythumbs.queue.actors import NAME, RETRY_SECONDS, name_of
from raythumbs.queue.handle import QueueHandle
from raythumbs.settings.sealed import Sealed

_DRAIN_SECONDS = 120.0  # more than any sensible `drain_seconds`


async def start_queue(sealed: Sealed) -> QueueHandle:
    """Return a handle of the queue for these settings. Drain and end actors with other settings or code."""
    while True:
        try:
            await _end(await _others(sealed.identity))
            actors = await asyncio.to_thread(begin_queue, sealed)
            identities = await asyncio.gather(*(actor.identity.remote() for actor in actors))
            if set(identities) == {sealed.identity}:
                return QueueHandle(sealed.settings.queue_shards)
        except (ActorUnavailableError, ActorDiedError):
            await asyncio.sleep(RETRY_SECONDS)


async def stop_queue() -> None:
    """Drain the queue's actors and end them, if there are any, and ask for no slots any more."""
    actors = await asyncio.to_thread(_actors)
    await _end(actors)
    autoscaler = RayAutoscaler()
    if actors and await autoscaler.is_there():  # an actor that could not be drained has not taken its request back
        await autoscaler.ask(0, declared=True)


def begin_queue(sealed: Sealed) -> list[Any]:
    """Return the queue's actors, one for each shard. Missing ones start in the background.

    They are on the head, where SQLite's file and Ray's own state are. So no other node can end them, or must stay
    because of them.
    """
    remote = ray.remote(ThumbnailQueueActor)
    return [
        remote.options(
            name=name_of(shard),
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            num_cpus=0,
            resources=dict(HEAD),
        ).remote(sealed, shard=shard)
        for shard in range(sealed.settings.queue_shards)
    ]


async def _others(wanted: str) -> list[Any]:
    """Return the actors with other settings or other code, and those of too many shards."""
    actors = await asyncio.to_thread(_actors)
    identities = await asyncio.gather(*(actor.identity.remote() for actor in actors))
    return [actor for actor, identity in zip(actors, identities, strict=True) if identity != wanted]


def _actors() -> list[Any]:
    named = ray.util.list_named_actors(all_namespaces=True)
    ours = [one["name"] for one in named if one["namespace"] == NAMESPACE and one["name"].startswith(NAME)]
    actors = []
    for name in ours:
        try:
            actors.append(ray.get_actor(name, NAMESPACE))
        except ValueError:  # it has just ended
            continue
    return actors


async def _end(actors: Sequence[Any]) -> None:
    """Drain all actors, then end them. Until then each still takes requests, for its successor."""
    await asyncio.gather(*map(_drain, actors))
    for actor in actors:
        ray.kill(actor)


async def _drain(actor: Any) -> None:  # noqa: ANN401 Ray's handles have no type
    """Drain an actor. If that fails nothing is lost: its jobs are in the database."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await actor.drain.remote()
    except (RayError, TimeoutError) as error:
        emit_trouble("queue.undrained", error)
