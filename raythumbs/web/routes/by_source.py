"""Thumbnails by the source of their photo: `<img>` can point at them without knowing any id."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import RedirectResponse

from raythumbs.errors import UnknownThumbnail
from raythumbs.model.found_photo import FoundPhoto
from raythumbs.settings import Settings
from raythumbs.web.dependencies import Deps
from raythumbs.web.folder_bodies import NoThumbnailBody
from raythumbs.web.routes.found_photos import SOURCE_LETTERS, photos_of_source

router = APIRouter(tags=["photos"])

_PATH = "/thumbnails/by-source/{spec}"
_EMBEDDABLE = {"Cross-Origin-Resource-Policy": "cross-origin"}


@router.head(_PATH, include_in_schema=False)
@router.get(
    _PATH,
    status_code=302,
    response_class=RedirectResponse,
    responses={302: {"description": "Where the thumbnail is"}, 404: {"model": NoThumbnailBody}},
)
async def thumbnail_of_source(
    spec: Annotated[str, Path(max_length=64)],
    source: Annotated[str, Query(max_length=SOURCE_LETTERS)],
    deps: Deps,
) -> Response:
    """Redirect to the thumbnail that a photo has by a spec's name. Without one, the answer has the job's state."""
    found = next(iter(await photos_of_source(deps, source)), None)
    rendition = next((one for one in found.photo.renditions if one.name == spec), None) if found else None
    if rendition is None:
        return _none(found, spec)
    link = await asyncio.to_thread(deps.link, rendition)  # presigning may have to renew credentials
    caching = _caching(deps.settings, links_expire=deps.links_expire)
    return RedirectResponse(link, 302, {"Cache-Control": caching} | _EMBEDDABLE)


def _none(found: FoundPhoto | None, spec: str) -> Response:
    reason = f"the photo has no thumbnail {spec!a}" if found else "no photo with that source is known"
    body = NoThumbnailBody(
        code=UnknownThumbnail.code,
        reason=reason,
        state=found.state if found else None,
        job_code=found.job.code if found and found.job else None,
    )
    return Response(
        body.model_dump_json(by_alias=True), 404, {"Cache-Control": "no-store"}, media_type="application/json"
    )


def _caching(settings: Settings, *, links_expire: bool) -> str:
    """Return how long the redirect may be kept. What a key or a presigned link opens is for the client that had it."""
    if not settings.redirect_seconds:
        return "no-store"
    seconds = min(settings.redirect_seconds, settings.link_seconds // 2) if links_expire else settings.redirect_seconds
    is_private = links_expire or settings.api_keys is not None
    return f"{'private' if is_private else 'public'}, max-age={seconds}"
