"""Folders: how many of their photos are done, now or as a stream of changes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response

from raythumbs.errors import TooManyStreams
from raythumbs.model.folder import FOLDER_BYTES, Folder
from raythumbs.settings import Settings
from raythumbs.web.bodies import FolderId
from raythumbs.web.dependencies import Dependencies, Deps
from raythumbs.web.event_stream import HEARTBEAT, EventStream, event
from raythumbs.web.folder_bodies import FolderBody
from raythumbs.web.places import Places
from raythumbs.web.watch import Watch

router = APIRouter(tags=["folders"])

_DONE = "done"
_EVENTS = "/events"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {},
            # of a folder whose id ends in /events, escaped
            "application/json": {"schema": {"$ref": f"#/components/schemas/{FolderBody.__name__}"}},
        }
    },
    204: {"description": "Done before"},
}

InPath = Annotated[FolderId, Path(min_length=1, max_length=FOLDER_BYTES)]
Photos = Annotated[int, Query(ge=1, description="the folder is done once it has so many photos, and none waits")]


def places_of_streams(settings: Settings) -> Places:
    """Return the places for streams."""
    return Places(
        total=settings.max_streams,
        per_client=settings.max_streams_per_client,
        what="streams are open",
        too_many=TooManyStreams,
    )


@router.get("/api/folders/{folder_id:path}/events", status_code=200, response_class=EventStream, responses=_STREAM)
async def folder_events(
    folder_id: InPath,
    request: Request,
    deps: Deps,
    *,
    photos: Photos = 1,
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> Response:
    """Stream a folder's figures: as they are now, each change, and an event `done` at the end."""
    if not _names_the_stream(request):
        return Response(
            (await _body(deps, folder_id + _EVENTS)).model_dump_json(by_alias=True), media_type="application/json"
        )
    first = await deps.queue.folder(folder_id)
    if last_event_id == _DONE and first.is_done(photos=photos):
        return Response(status_code=204)  # which tells a browser not to come back
    streams: Places = request.app.state.streams
    watch: Watch[Folder] = request.app.state.folder_watch
    return EventStream(_events(watch, first, photos), streams.take(request.app.state.clients.of(request.scope)))


@router.get("/api/folders/{folder_id:path}")
async def folder(folder_id: InPath, deps: Deps) -> FolderBody:
    """Count the photos of a folder. A folder that nobody has named has none."""
    return await _body(deps, folder_id)


def _names_the_stream(request: Request) -> bool:
    """Return whether the path ends in `/events` as it was sent. Otherwise the folder's id ends so, escaped."""
    return bool((request.scope.get("raw_path") or _EVENTS.encode()).endswith(_EVENTS.encode()))


async def _body(deps: Dependencies, folder_id: str) -> FolderBody:
    return FolderBody.of(await deps.queue.folder(folder_id))


async def _events(watch: Watch[Folder], first: Folder, photos: int) -> AsyncGenerator[str, None]:
    async with aclosing(watch.changes(first.id, first)) as changes:
        async for seen in changes:
            if seen is None:
                yield HEARTBEAT
                continue
            is_done = seen.is_done(photos=photos)
            name = _DONE if is_done else "folder"
            yield event(name, FolderBody.of(seen).model_dump_json(by_alias=True), last_id=name)
            if is_done:
                return
