"""Lets in the requests that bring what their route asks for: an API key with its scope, a session, or another proof."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from raythumbs.errors import KeyNeeded, RaythumbsError, ScopeNeeded, Unauthorised
from raythumbs.model.access import ApiKey, Scope, holder_of
from raythumbs.settings import Settings
from raythumbs.web.browsers import Visitors
from raythumbs.web.doors import Door, Doors, Linked, Notification, Open
from raythumbs.web.links import Links, Pairs
from raythumbs.web.replies import refusal
from raythumbs.web.sessions import Sessions

_HOLDER = "key_holder"  # in the request's state
_LONGEST_HEADER = 1024
_SAFE = {"GET", "HEAD", "OPTIONS"}
_NEEDED = "this needs an API key: send `Authorization: Bearer KEY`; the command line takes it from RAYTHUMBS_API_KEY"
UNKNOWN_KEY = "the service does not know this API key"


class OnlyKeyHolders:
    """ASGI middleware: answers 401 without a key that the service knows, and 403 if the key lacks the route's scope.

    The answer comes before the body is read. Without keys in the settings, everybody is let in.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, doors: Doors, now: Callable[[], float]) -> None:
        self._app = app
        self._settings = settings
        self._keys = settings.known_keys
        self._doors = doors
        self._links = links_of(settings)
        self._sessions = sessions_of(settings)
        self._visitors = Visitors.of(settings)
        self._now = now

    async def __call__(self, scope: Request, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or not self._keys:
            await self._app(scope, receive, send)
            return
        try:
            door = self._doors.of(scope)
            self._check(door, scope)
        except RaythumbsError as error:
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, receive, _privately(send) if self._is_private(door) else send)

    def _check(self, door: Door | None, request: Request) -> None:
        """Raise KeyNeeded, ScopeNeeded or Unauthorised if the request may not pass the door."""
        headers = Headers(scope=request)
        given = _given(headers, by_notification=isinstance(door, Notification))
        holder = holder_of(given, self._keys) if given else self._signed_in(request, headers)
        request.setdefault("state", {})[_HOLDER] = holder
        match door:
            case Open.ALWAYS:
                return
            case Open.THUMBNAIL if self._settings.public_thumbnails or self._has_link((), request):
                return
            case Linked() if not given and self._has_link(parse_qsl(_query(request), keep_blank_values=True), request):
                return
            case Notification(verified_by):
                self._check_notification(verified_by, holder)
            case Open.THUMBNAIL:
                _check_scope(holder, Scope.READ, given)
            case (Scope() as needed) | Linked(needed):
                _check_scope(holder, needed, given)
            case None if holder is None:  # no such route: a holder of any key is told so
                raise KeyNeeded(UNKNOWN_KEY if given else _NEEDED)

    def _signed_in(self, request: Request, headers: Headers) -> ApiKey | None:
        """Return whose session it is, if one of the service's own pages asks, or None."""
        if self._sessions is None or "authorization" in headers:
            return None
        if not self._visitors.is_own_page(headers, changes=request["method"] not in _SAFE):
            return None
        return self._sessions.holder(headers, now=self._now())

    def _check_notification(self, verified_by: Sequence[str], holder: ApiKey | None) -> None:
        """Return if the sender has a key, or if the route will verify it by its own means."""
        if holder is not None and holder.may(Scope.UPLOAD):
            return
        if not any(getattr(self._settings, setting) for setting in verified_by):
            settings = " or ".join(f"RAYTHUMBS_{setting.upper()}" for setting in verified_by)
            raise Unauthorised(
                f"set {settings}, which verifies these notifications, or let the sender bring an API key with the "
                "scope upload"
            )

    def _has_link(self, asked: Pairs, request: Request) -> bool:
        """Return whether the request has the proof of a link to its path with what is asked of it."""
        path = (request.get("raw_path") or quote(request["path"]).encode()).decode("latin-1")
        return self._links is not None and self._links.opens(path, asked, QueryParams(_query(request)), now=self._now())

    def _is_private(self, door: Door | None) -> bool:
        return door is Open.THUMBNAIL and not self._settings.public_thumbnails


def links_of(settings: Settings) -> Links | None:
    """Return what signs links, or None where there are no keys and so everything is open."""
    return Links(settings.api_keys, seconds=settings.link_seconds) if settings.api_keys else None


def sessions_of(settings: Settings) -> Sessions | None:
    """Return what signs sessions, or None where there are no keys and so nobody signs in."""
    return Sessions(settings.api_keys, settings.known_keys) if settings.api_keys else None


def holder(request: Any) -> ApiKey | None:  # noqa: ANN401 starlette's Request
    """Return whose key or session the request came with, or None."""
    known = getattr(request.state, _HOLDER, None)
    return known if isinstance(known, ApiKey) else None


def may(request: Any, scope: Scope) -> bool:  # noqa: ANN401 starlette's Request
    """Return whether the request came with a key that has the scope."""
    who = holder(request)
    return who is not None and who.may(scope)


def _query(request: Request) -> str:
    return bytes(request["query_string"]).decode("latin-1")


def _check_scope(holder: ApiKey | None, scope: Scope, given: str | None) -> None:
    if holder is None:
        raise KeyNeeded(UNKNOWN_KEY if given else _NEEDED)
    if not holder.may(scope):
        raise ScopeNeeded(f"this needs an API key with the scope {scope}; that of {holder.name} has {_listed(holder)}")


def _listed(holder: ApiKey) -> str:
    return ", ".join(sorted(holder.scopes))


def _given(headers: Headers, *, by_notification: bool) -> str | None:
    """Return the key of a request. Of two headers, neither counts: a proxy may have seen the other one."""
    values = headers.getlist("authorization")
    if len(values) != 1 or len(values[0]) > _LONGEST_HEADER:
        return None
    kind, _, value = values[0].strip().partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if not by_notification:
        return None
    return _password(value) if kind.lower() == "basic" else values[0].strip()  # as in notifications/token.py


def _password(value: str) -> str | None:
    try:
        return b64decode(value.strip(), validate=True).partition(b":")[2].decode("ascii")
    except ValueError:
        return None


def _privately(send: Send) -> Send:
    """Keep caches between from storing what this request was let in for, and giving it to others."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers["cache-control"] = headers.get("cache-control", "private").replace("public", "private")
            message = {**message, "headers": headers.raw}
        await send(message)

    return sent
