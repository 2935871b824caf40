"""Photos and their thumbnails."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from raythumbs.errors import NoSuchObject, UnknownThumbnail
from raythumbs.model.photo import CACHE_CONTROL, Format
from raythumbs.web.bodies import Id, PhotoBody
from raythumbs.web.dependencies import Deps
from raythumbs.web.documented import refusals
from raythumbs.web.open_file import OpenFileResponse

_PICTURE: dict[str, Any] = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in (*(one.content_type for one in Format), "application/octet-stream", "multipart/byteranges")
}
_FILE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {"description": "The thumbnail", "content": _PICTURE},
    HTTPStatus.PARTIAL_CONTENT.value: {"description": "The ranges that were asked for", "content": _PICTURE},
    HTTPStatus.NOT_MODIFIED.value: {"description": "The client has this version already"},
    **refusals(HTTPStatus(416)),
}

router = APIRouter(tags=["photos"])


@router.get("/api/photos/{photo_id}")
async def photo(photo_id: Id, deps: Deps) -> PhotoBody:
    """Return a photo and its thumbnails."""
    found = await deps.queue.photo(photo_id)
    return await asyncio.to_thread(PhotoBody.of, found, deps.link)  # presigning may have to renew credentials


@router.head("/thumbnails/{path:path}", response_class=FileResponse, include_in_schema=False)
@router.get("/thumbnails/{path:path}", response_class=FileResponse, responses=_FILE)
async def thumbnail(path: Annotated[str, Path(max_length=1024)], deps: Deps) -> OpenFileResponse:
    """Serve a thumbnail from a file store. Clients may cache it for ever: a changed photo has other addresses."""
    try:
        file = deps.open_thumbnail(path)
    except NoSuchObject as error:
        raise UnknownThumbnail("there is no such thumbnail") from error
    headers = {
        "Cache-Control": CACHE_CONTROL,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",  # pages of every origin may show it
    }
    # The machine's table of file names is not asked: a slim image's table does not have WebP.
    kind = Format.of_name(path)
    return OpenFileResponse(file, kind.content_type if kind else "application/octet-stream", headers)
