"""Jobs: list, show, try again, cancel."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from raythumbs.model.job import State
from raythumbs.model.selection import Selection
from raythumbs.web.attempt_bodies import JobHistoryBody
from raythumbs.web.bodies import FolderId, Id, JobBody, JobsBody, Text
from raythumbs.web.cached_json import cached_json
from raythumbs.web.dependencies import Deps
from raythumbs.web.documented import refusals

router = APIRouter(tags=["jobs"])


@router.get("/api/jobs", response_model=JobsBody)
async def jobs(  # noqa: PLR0913 the parameters of a query
    request: Request,
    deps: Deps,
    *,
    state: Annotated[State | None, Query()] = None,
    code: Annotated[Text | None, Query(min_length=1, max_length=64, description="only jobs with this code")] = None,
    folder_id: Annotated[
        FolderId | None, Query(alias="folderId", min_length=1, description="only of this folder")
    ] = None,
    cursor: Annotated[Text | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List jobs, the newest first."""
    page = await deps.queue.jobs(Selection(state=state, code=code, folder_id=folder_id), after=cursor, limit=limit)
    base = deps.settings.base_url
    return cached_json(request, "jobs").response(
        page, lambda: JobsBody(jobs=[JobBody.of(job, base) for job in page], next_cursor=_cursor(page, limit))
    )


@router.get("/api/jobs/{job_id}")
async def job(job_id: Id, deps: Deps) -> JobHistoryBody:
    """Return a job with its last attempts."""
    return JobHistoryBody.told(await deps.queue.job(job_id), deps.settings.base_url)


@router.post("/api/jobs/{job_id}/retry", responses=refusals(HTTPStatus.CONFLICT))
async def retry(job_id: Id, deps: Deps) -> JobBody:
    """Try a failed job again."""
    return JobBody.of(await deps.queue.retry(job_id), deps.settings.base_url)


@router.post("/api/jobs/{job_id}/cancel", responses=refusals(HTTPStatus.CONFLICT))
async def cancel(job_id: Id, deps: Deps) -> JobBody:
    """End a job that is not finished."""
    return JobBody.of(await deps.queue.cancel(job_id), deps.settings.base_url)


def _cursor(page: Sequence[object], limit: int) -> str | None:
    return getattr(page[-1], "id", None) if len(page) == limit else None
