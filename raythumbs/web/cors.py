"""Cross-origin requests (Fetch standard, "CORS protocol"): lets pages of allowed origins read what the service answers.

It stands before everything else, so that a page can read a refusal too.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raythumbs.errors import ForeignOrigin
from raythumbs.web.browsers import bare
from raythumbs.web.replies import refusal

_METHODS = "GET, HEAD, POST, DELETE"
_REQUEST_HEADERS = "Authorization, Content-Type, If-Modified-Since, If-None-Match, Last-Event-ID, Range"
_REPLY_HEADERS = "Accept-Ranges, Content-Range, ETag, Retry-After"
_PREFLIGHT_SECONDS = "600"


class CrossOrigin:
    """ASGI middleware: answers preflights, and marks each answer with the origin that may read it."""

    def __init__(self, app: ASGIApp, *, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is a preflight."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        allowed = origin if bare(origin.lower()) in self._origins else None
        marked = _marked(send, allowed)
        if scope["method"] == "OPTIONS" and origin and "access-control-request-method" in headers:
            await self._preflight(allowed, origin, marked)
        else:
            await self._app(scope, receive, marked)

    async def _preflight(self, allowed: str | None, origin: str, send: Send) -> None:
        if allowed is None:
            error = ForeignOrigin(f"pages of {origin[:255]!a} may not use this service: see RAYTHUMBS_ALLOWED_ORIGINS")
            answer = refusal(error)
            headers, body = answer.raw_headers, bytes(answer.body)
            status = answer.status_code
        else:
            told = {
                "access-control-allow-methods": _METHODS,
                "access-control-allow-headers": _REQUEST_HEADERS,
                "access-control-max-age": _PREFLIGHT_SECONDS,
            }
            headers, body, status = MutableHeaders(told).raw, b"", 204
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _marked(send: Send, allowed: str | None) -> Send:
    """Return a `send` that adds the headers of this protocol. Every answer varies by origin, whoever asked: caches
    would hand on an answer without them to a page that needs them."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers.add_vary_header("Origin")
            if allowed is not None:
                headers["access-control-allow-origin"] = allowed
                headers["access-control-expose-headers"] = _REPLY_HEADERS
            message = {**message, "headers": headers.raw}
        await send(message)

    return sent
