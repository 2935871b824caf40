"""No body is read beyond its limit, whatever its headers say."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raythumbs.errors import BodyTooLarge, RaythumbsError
from raythumbs.web.replies import refusal


class BodyLimit:
    """ASGI middleware: 413 at the first byte over the limit of the path, or at once where the length is announced."""

    def __init__(self, app: ASGIApp, limit_bytes: Callable[[str], int]) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_bytes(scope["path"])
        read = 0
        answered = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise BodyTooLarge(f"the body has more than {limit} bytes")
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            announced = dict(scope["headers"]).get(b"content-length", b"0")
            if announced.isdigit() and int(announced) > limit:
                raise BodyTooLarge(f"the body has {int(announced)} bytes; at most {limit} are taken")
            await self._app(scope, counted, noted)
        except RaythumbsError as error:
            if answered:
                raise
            await refusal(error)(scope, receive, send)
