"""The page: its files, and the stream of what it shows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from raythumbs.events import known
from raythumbs.model.access import Scope
from raythumbs.model.photo import Format, Rendition
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.event_stream import HEARTBEAT, EventStream, event
from raythumbs.web.keys import may
from raythumbs.web.page.figures import Figures, FiguresSource
from raythumbs.web.page.files import INDEX, NAMES, file_reply, page_file, page_policy
from raythumbs.web.places import Places
from raythumbs.web.watch import Watch

router = APIRouter(tags=["page"])

_THE_PAGE = "page"  # the one subject of its watch


@router.head("/", response_class=HTMLResponse, include_in_schema=False)
@router.get("/", response_class=HTMLResponse, include_in_schema=False)
async def page(request: Request, deps: Deps) -> Response:
    """Show the page."""
    may_see = not deps.settings.api_keys or may(request, Scope.READ)
    origin = await asyncio.to_thread(_picture_origin, deps) if may_see else None  # strangers are not told the bucket
    headers = {"Content-Security-Policy": page_policy(origin), "Cache-Control": "no-store"}  # a 304 keeps old policies
    return HTMLResponse(page_file(INDEX).content, headers=headers)


@router.get("/page/{file}", include_in_schema=False)
async def static_file(file: str, request: Request) -> Response:
    """Return a file of the page."""
    if file not in NAMES:
        raise HTTPException(HTTPStatus.NOT_FOUND, "the page has no such file")
    return file_reply(page_file(NAMES[file]), request)


@router.get("/api/page/events", response_class=EventStream, include_in_schema=False)  # it changes with the page
async def page_events(request: Request) -> EventStream:
    """Stream what the page shows: `status`, `failures`, `newest`, `backfills`. First all of it, then each change."""
    figures: FiguresSource = request.app.state.page_figures
    watch: Watch[Figures] = request.app.state.page_watch
    streams: Places = request.app.state.streams
    place = streams.take(request.app.state.clients.of(request.scope))
    try:
        first = await figures()
    except BaseException:
        place.leave()
        raise
    return EventStream(_events(watch, first), place)


async def _events(watch: Watch[Figures], first: Figures) -> AsyncGenerator[str, None]:
    before: Figures | None = None
    async with aclosing(watch.changes(_THE_PAGE, first)) as changes:
        async for seen in changes:
            if seen is None:
                yield HEARTBEAT
                continue
            for name, body in seen.changes(before):
                yield event(name, body.model_dump_json(by_alias=True), last_id=name)
            before = seen


def _picture_origin(deps: Dependencies) -> str | None:
    """Return the origin that thumbnails are loaded from, or None if no link can be made at the moment."""
    settings = deps.settings
    key = f"{settings.thumbnails_prefix}page.jpg"
    sample = Rendition(name="page", width=1, height=1, format=Format.JPEG, size_bytes=1, key=key, url=settings.base_url)
    try:
        address = urlsplit(deps.link(sample))
    except Exception as error:  # noqa: BLE001 without credentials for the bucket, the page shows no pictures, but all else
        known("page.stumbled", error)
        return None
    return f"{address.scheme}://{address.netloc}"
