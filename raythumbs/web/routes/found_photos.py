"""Photos by their source or their folder: an app knows the key of a photo, not its id."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from raythumbs.errors import BadRequest
from raythumbs.model.folder import FOLDER_BYTES
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.model.source import Source
from raythumbs.web.bodies import FolderId, Text
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.folder_bodies import FoundPhotoBody, FoundPhotosBody

router = APIRouter(tags=["photos"])

SOURCE_LETTERS = 8192  # more than the longest address has, whatever is escaped in it


@router.get("/api/photos")
async def photos(
    deps: Deps,
    *,
    source: Annotated[str | None, Query(max_length=SOURCE_LETTERS)] = None,
    folder_id: Annotated[FolderId | None, Query(alias="folderId", min_length=1, max_length=FOLDER_BYTES)] = None,
    cursor: Annotated[Text | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> FoundPhotosBody:
    """Find the photo of a source, or the photos of a folder: each with its newest job and its thumbnails."""
    if source is not None and folder_id is None:
        found = await photos_of_source(deps, source)
        cursor = None
    elif folder_id is not None and source is None:
        found = await deps.queue.photos_of_folder(folder_id, after=cursor, limit=limit)
        cursor = found[-1].photo.id if len(found) == limit else None
    else:
        raise BadRequest("name either a source or a folderId")
    bodies = await asyncio.to_thread(_bodies, found, deps)  # a thousand links take a quarter of a second to presign
    return FoundPhotosBody(photos=bodies, next_cursor=cursor)


def _bodies(found: Sequence[FoundPhoto], deps: Dependencies) -> list[FoundPhotoBody]:
    return [FoundPhotoBody.found(one, deps.link, deps.settings.base_url) for one in found]


async def photos_of_source(deps: Dependencies, address: str) -> list[FoundPhoto]:
    """Return the photo at an address, or nothing. Raise SourceNotAllowed if the service may not read it."""
    return await deps.queue.photos_of_source(str(deps.policy.check(Source.parse(address))))
