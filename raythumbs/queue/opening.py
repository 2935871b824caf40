"""Opens a queue, however long its database is away."""

import asyncio
from functools import partial
from pathlib import Path

from raythumbs.cluster.nodes import live_nodes
from raythumbs.db.database import Database
from raythumbs.errors import DatabaseUnavailable, QueueUnavailable, RaythumbsError
from raythumbs.events import emit_trouble
from raythumbs.queue.parts import Given, build_parts
from raythumbs.queue.run_batch import run_batch
from raythumbs.queue.telemetry import Telemetry
from raythumbs.queue.thumbnail_queue import ThumbnailQueue
from raythumbs.settings import Settings
from raythumbs.worker.plan import Plan

_WAIT_SECONDS = 5  # how long a verb waits for the queue to open
_AGAIN_SECONDS = 1
_PUT_SECONDS = 30  # more than the store's own time-outs for one thumbnail


def given_by_ray(settings: Settings, *, shard: int, secrets_file: Path | None) -> Given:
    """Return what a queue on Ray is given: tasks run its batches, on the nodes of the cluster."""
    plan = Plan.of(settings, secrets_file=secrets_file)
    return Given(
        settings=settings,
        shard=shard,
        plan=plan,
        run=partial(run_batch, plan=plan, patience_seconds=_patience_seconds(plan)),
        nodes=live_nodes,
        telemetry=Telemetry.of_environment(),
    )


def _patience_seconds(plan: Plan) -> float:
    """Return how long a task may be silent: for a photo's own time, and until its thumbnails are stored."""
    return plan.photo_seconds + _PUT_SECONDS * len(plan.specs)


class Opening:
    """A queue that is being opened. It begins when this is made."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._trouble: RaythumbsError = QueueUnavailable("the queue is starting")
        self._queue = asyncio.create_task(self._open())

    async def queue(self) -> ThumbnailQueue:
        """Return the queue. If it does not open within 5 s, raise the reason."""
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                return await asyncio.shield(self._queue)
        except TimeoutError as error:
            raise self._trouble from error

    async def _open(self) -> ThumbnailQueue:
        url = self._given.settings.database_url.get_secret_value()
        database = Database(
            url, statement_seconds=self._given.pace.statement_seconds, webhooks=self._given.settings.to_report
        )
        while True:
            try:
                await asyncio.to_thread(database.open)
                break
            except DatabaseUnavailable as error:  # anything else needs a person, and is raised
                emit_trouble("database.awaited", error)
                self._trouble = error
                await asyncio.sleep(_AGAIN_SECONDS)
        self._trouble = QueueUnavailable("the queue is starting")
        return ThumbnailQueue(await build_parts(self._given, database))
