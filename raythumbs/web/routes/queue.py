"""The queue: whether it is paused, pause, resume."""

from typing import Annotated

from fastapi import APIRouter, Body

from raythumbs.web.bodies import PauseBody, QueueStateBody
from raythumbs.web.dependencies import Deps

router = APIRouter(tags=["queue"])


@router.get("/api/queue")
async def state(deps: Deps) -> QueueStateBody:
    """Return whether the queue works or is paused."""
    return QueueStateBody.of(await deps.queue.queue_state())


@router.post("/api/queue/pause")
async def pause(deps: Deps, asked: Annotated[PauseBody | None, Body()] = None) -> QueueStateBody:
    """Start nothing new, until somebody resumes. Photos at work are finished, and everything is still taken."""
    return QueueStateBody.of(await deps.queue.pause(asked.reason if asked else None))


@router.post("/api/queue/resume")
async def resume(deps: Deps) -> QueueStateBody:
    """Start work again."""
    return QueueStateBody.of(await deps.queue.resume())
