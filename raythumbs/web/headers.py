"""Headers that keep browsers from making more of an answer than it is.

Sources: OWASP, "HTTP Headers Cheat Sheet"; W3C, "Content Security Policy Level 3"; WHATWG Fetch,
"Cross-Origin-Resource-Policy header".
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raythumbs.web.links import THUMBNAILS_PATH

# Nothing is a page: no answer loads or runs anything, may be framed, or is taken for another type than it says.
PROTECTION = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Protected:
    """ASGI middleware: adds the headers to each answer that does not have them with other values."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_thumbnail = scope["path"].removeprefix(scope.get("root_path", "")).startswith(THUMBNAILS_PATH)

        async def sent(message: Message) -> None:
            await send(_protected(message, is_thumbnail=is_thumbnail))

        await self._app(scope, receive, sent)


def _protected(message: Message, *, is_thumbnail: bool) -> Message:
    if message["type"] != "http.response.start":
        return message
    headers = MutableHeaders(raw=list(message.get("headers", [])))
    for name, value in PROTECTION.items():
        headers.setdefault(name, value)
    if is_thumbnail:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return {**message, "headers": headers.raw}
