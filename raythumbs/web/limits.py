"""Limits the bytes, the time, the places and the memory of request bodies, whatever their headers announce."""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from raythumbs.errors import RaythumbsError
from raythumbs.settings import Settings
from raythumbs.web.answers import Answer
from raythumbs.web.arriving import ArrivingBody, announced, refuse_encoded
from raythumbs.web.clients import Clients
from raythumbs.web.freed_memory import FreedMemory
from raythumbs.web.held import HeldBytes
from raythumbs.web.pace import Pace, PacedBody, Waits
from raythumbs.web.places import Place, Places
from raythumbs.web.replies import refusal
from raythumbs.web.throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """The limits that bodies of one kind share. `held` is None if they are not collected in memory."""

    limit_bytes: int
    places: Places
    held: HeldBytes | None


class _Share:
    """The place and the memory that one request takes of its kind."""

    def __init__(self, kind: _Kind) -> None:
        self._place: Place | None = None
        self._held = kind.held.hold() if kind.held else None

    def take_place(self, places: Places, client: str | None) -> None:
        self._place = places.take(client)

    def came(self, piece: bytes) -> None:
        if self._held:
            self._held.grow(piece)

    def arrived(self) -> None:
        if self._place:
            self._place.leave()

    def close(self) -> None:
        self.arrived()
        if self._held:
            self._held.release()


class BodyLimits:
    """ASGI middleware: refuses a body over a limit with 408, 413, 429 or 503, before more of it is read.

    Uploads and other requests have separate places, so that slow uploads never keep out an event. A request without a
    body needs no place.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, clients: Clients, upload_path: str) -> None:
        self._app = app
        self._clients = clients
        self._upload_path = upload_path
        self._uploads = _Kind(limit_bytes=settings.max_upload_bytes, places=_places(settings), held=None)
        held = HeldBytes(largest_bytes=settings.max_body_bytes)
        self._others = _Kind(limit_bytes=settings.max_body_bytes, places=_places(settings), held=held)
        self._pace = Pace(gap_seconds=settings.body_gap_seconds, bytes_per_second=settings.min_body_bytes_per_second)
        self._waits = Waits()
        self._throttle = Throttle()
        self._freed = FreedMemory()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a limited body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        kind = self._uploads if scope["path"] == self._upload_path else self._others
        share = _Share(kind)
        body = ArrivingBody(
            PacedBody(receive, self._pace, self._waits),
            limit_bytes=kind.limit_bytes,
            came=share.came,
            arrived=share.arrived,
        )
        answer = Answer(body, send)
        try:
            headers = Headers(scope=scope)
            length, is_chunked = announced(headers)
            body.expect(length)
            if length or is_chunked:
                refuse_encoded(headers)
                await self._throttle.wait()  # before any refusal, because refusals take time too
                share.take_place(kind.places, self._clients.of(scope))
                await body.begin()
                await self._throttle.wait()
            await self._app(scope, body.receive, answer.send)
        except RaythumbsError as error:
            if answer.begun:
                raise
            await refusal(error)(scope, receive, answer.send)
        finally:
            share.close()
            self._freed.passed(body.read_bytes + answer.sent_bytes)


def _places(settings: Settings) -> Places:
    return Places(total=settings.max_arriving, per_client=settings.max_arriving_per_client)
