"""Answers an unforeseen error in JSON, within the middleware that marks answers for pages of other origins."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raythumbs.web.replies import stumbled


class Unforeseen:
    """ASGI middleware: answers 500 if a request meets a bug. Starlette would do so outside of all middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await stumbled(Request(scope), error)(scope, receive, send)
