"""The actors of a queue, asked by callers in other processes. It hides Ray, and restarts of the actors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from raythumbs.cluster.join import NAMESPACE
from raythumbs.errors import QueueUnavailable, RaythumbsError

NAME = "raythumbs-queue"
RETRY_SECONDS = 0.2
_ANSWER_SECONDS = 15.0  # a restarted actor is back in two

P = ParamSpec("P")
T = TypeVar("T")
ActorOf = Callable[[int], Any]
TimeLimit = Callable[[], asyncio.Timeout]


def name_of(shard: int) -> str:
    """Return the name of a shard's actor."""
    return f"{NAME}-{shard}" if shard else NAME


def named_actor(shard: int) -> Any:  # noqa: ANN401 Ray's handles have no type
    """Return a shard's actor. If a deploy made fewer shards, return the first, which takes any change."""
    try:
        return ray.get_actor(name_of(shard), NAMESPACE)
    except ValueError:
        if not shard:
            raise
        return ray.get_actor(NAME, NAMESPACE)


def time_limit() -> asyncio.Timeout:
    """Begin the time within which an actor must answer."""
    return asyncio.timeout(_ANSWER_SECONDS)


class Actors:
    """The actors by their shards, found by their names, so that it finds those that a deploy put in their place.

    `actor_of` finds a shard's actor, or raises ValueError. `limit` begins the time within which it must answer.
    """

    def __init__(self, shards: int, *, actor_of: ActorOf, limit: TimeLimit) -> None:
        self.shards = range(shards)
        self._actor_of = actor_of
        self._limit = limit
        self._found: dict[int, Any] = {}

    async def ask(
        self,
        shard: int,
        verb: Callable[Concatenate[Any, P], Awaitable[T]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> T:
        """Return what a shard's actor answers; wait for an actor that restarts, or is being replaced.

        Raises what the verb raises, and QueueUnavailable if there is no answer in time.
        """
        async with self.patience():
            while True:
                try:
                    if shard not in self._found:
                        self._found[shard] = await asyncio.to_thread(self._actor_of, shard)
                    remote = getattr(self._found[shard], verb.__name__).remote
                    return cast("T", await remote(*arguments, **options))
                except RayTaskError as error:
                    if isinstance(error.cause, RaythumbsError):
                        raise error.cause from None
                    raise
                except (ActorUnavailableError, ActorDiedError, ValueError):  # ValueError: no actor has the name now
                    self._found.pop(shard, None)
                    await asyncio.sleep(RETRY_SECONDS)

    async def ask_all(self, verb: Callable[[Any], Awaitable[T]]) -> list[T]:
        """Return what the actor of each shard answers, in the order of the shards."""
        return await asyncio.gather(*(self.ask(shard, verb) for shard in self.shards))

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Raise QueueUnavailable if what is done in this context takes too long."""
        try:
            async with self._limit():
                yield
        except TimeoutError as error:
            raise QueueUnavailable("the queue does not answer; try again in a few seconds") from error
