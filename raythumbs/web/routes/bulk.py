"""Failures, and moves of many jobs in one request."""

from fastapi import APIRouter

from raythumbs.model.job import State
from raythumbs.web.bulk_bodies import CancelBody, ChangedBody, FailuresBody, RetryBody
from raythumbs.web.dependencies import Deps

router = APIRouter(tags=["jobs"])


@router.get("/api/failures")
async def failures(deps: Deps) -> FailuresBody:
    """Group the failed jobs by code, and those that wait for another try."""
    return FailuresBody.of(await deps.queue.failures())


@router.post("/api/jobs/retry")
async def retry_jobs(asked: RetryBody, deps: Deps) -> ChangedBody:
    """Try failed jobs again: up to a thousand for each request. Ask again while there are `more`."""
    return ChangedBody.of(await deps.queue.retry_jobs(asked.selection(State(asked.state) if asked.state else None)))


@router.post("/api/jobs/cancel")
async def cancel_jobs(asked: CancelBody, deps: Deps) -> ChangedBody:
    """End jobs that are not finished: up to a thousand for each request. Ask again while there are `more`."""
    return ChangedBody.of(await deps.queue.cancel_jobs(asked.selection(State(asked.state) if asked.state else None)))
