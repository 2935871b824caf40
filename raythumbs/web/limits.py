"""No body is read beyond its limit, whatever its headers say."""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from raythumbs.errors import BodyTooLarge, RaythumbsError
from raythumbs.web.replies import refusal

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 16 << 20


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
        body = _Body(receive, self._limit_bytes(scope["path"]))
        answer = _Answer(body, send)
        try:
            body.expect(dict(scope["headers"]).get(b"content-length", b"0"))
            await self._app(scope, body.receive, answer.send)
        except RaythumbsError as error:
            if answer.begun:
                raise
            await refusal(error)(scope, receive, answer.send)


class _Body:
    """The request's body, as far as it was read."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._read = 0
        self._ended = False

    def expect(self, announced: bytes) -> None:
        """Raise BodyTooLarge if the announced length is over the limit."""
        if announced.isdigit() and int(announced) > self._limit:
            raise BodyTooLarge(f"the body has {int(announced)} bytes; at most {self._limit} are taken")

    async def receive(self) -> Message:
        """Return the next message; raise BodyTooLarge over the limit."""
        message = await self._next()
        if self._read > self._limit:
            raise BodyTooLarge(f"the body has more than {self._limit} bytes")
        return message

    async def leave(self) -> None:
        """Read on for a moment: a connection that is closed on unread bytes is reset, and takes the answer along."""
        until = self._read + _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self._ended and self._read < until:
                    await self._next()
        except TimeoutError:
            pass

    async def _next(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        return message


class _Answer:
    """The answer: whole before its end is told, and the end is told when the body was left."""

    def __init__(self, body: _Body, send: Send) -> None:
        self._body = body
        self._send = send
        self.begun = False
        self._refused = False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        self.begun = True
        self._refused |= message.get("status", 0) >= 400  # noqa: PLR2004 HTTP
        if self._refused and message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.leave()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)
