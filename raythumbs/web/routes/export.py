"""Export: every photo with its thumbnails, page by page."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from raythumbs.model.photo import Photo
from raythumbs.web.bodies import Body, PhotoBody, Text
from raythumbs.web.dependencies import Deps

router = APIRouter(tags=["photos"])


class ExportedPhotosBody(Body):
    """Photos in the order of their ids. `nextCursor` is the `cursor` of the next page, and null on the last page."""

    photos: list[PhotoBody]
    next_cursor: str | None


@router.get("/api/export/photos")
async def photos(
    deps: Deps,
    *,
    cursor: Annotated[Text, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> ExportedPhotosBody:
    """Return every photo, also those that were deleted. The addresses of thumbnails are permanent, not presigned."""
    page = await deps.queue.photos_after(cursor, limit=limit)
    bodies = await asyncio.to_thread(_bodies, page)
    return ExportedPhotosBody(photos=bodies, next_cursor=page[-1].id if len(page) == limit else None)


def _bodies(page: Sequence[Photo]) -> list[PhotoBody]:
    return [PhotoBody.of(photo, lambda rendition: rendition.url) for photo in page]
