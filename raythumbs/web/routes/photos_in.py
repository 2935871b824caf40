"""Photos come in: direct uploads, and photos that are in a bucket already."""

import asyncio
import sys
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request

from raythumbs.errors import Overloaded
from raythumbs.model.job import Priority
from raythumbs.model.source import Source
from raythumbs.web.bodies import AcceptedBody, AcceptedJobsBody, FolderId, SubmitBody, UploadsBody
from raythumbs.web.dependencies import Deps
from raythumbs.web.documented import refusals
from raythumbs.web.job_requests import job_request
from raythumbs.web.uploads import Terms, Upload

UPLOAD_PATH = "/api/uploads/direct"
_UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "folderId": {"type": "string", "maxLength": 1024},
                    },
                }
            }
        },
    }
}

_REFUSED = refusals(HTTPStatus.BAD_GATEWAY)  # the store refuses what the service asks of it

router = APIRouter(tags=["photos in"])


@router.post(UPLOAD_PATH, status_code=202, openapi_extra=_UPLOAD_FORM, responses=_REFUSED)
async def upload(
    request: Request,
    deps: Deps,
    *,
    folder_id: Annotated[FolderId | None, Query(alias="folderId", description="the form's field of this name")] = None,
    max_bytes: Annotated[int | None, Query(alias="maxBytes", ge=1, description="of each photo")] = None,
    priority: Annotated[Priority | None, Query()] = None,
) -> UploadsBody:
    """Upload one or more photos. A single photo gets HIGH priority, because a person is likely to wait for it, and
    several get NORMAL, unless `priority` says otherwise."""
    await deps.queue.admit()
    terms = Terms(folder_id=folder_id, max_bytes=min(max_bytes or sys.maxsize, deps.settings.max_photo_bytes))
    arriving = Upload(deps, request.app.state.upload_room, request.headers.get("content-type", ""), terms)
    requests = await arriving.receive(request.stream())
    requests = [replace(one, priority=priority) for one in requests] if priority else requests
    try:
        jobs = await deps.queue.enqueue(requests)
    except Overloaded:
        if deps.settings.queue_shards == 1:  # with more shards, another queue may have taken some of them
            await asyncio.shield(arriving.undo())
        raise
    base = deps.settings.base_url
    return UploadsBody(uploads=[AcceptedBody.of(job, asked, base) for job, asked in zip(jobs, requests, strict=True)])


@router.post("/api/jobs", status_code=202)
async def submit(body: SubmitBody, deps: Deps) -> AcceptedJobsBody:
    """Make thumbnails of photos that are already in a bucket."""
    sources = dict.fromkeys(deps.policy.check(Source.parse(uri)) for uri in body.sources)
    requests = [replace(job_request(deps, str(one), body.priority), folder_id=body.folder_id) for one in sources]
    jobs = await deps.queue.enqueue(requests)
    base = deps.settings.base_url
    return AcceptedJobsBody(jobs=[AcceptedBody.of(job, asked, base) for job, asked in zip(jobs, requests, strict=True)])
