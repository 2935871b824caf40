"""What every answer keeps to: a refusal is JSON, and reaches a client that is still sending."""

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from raythumbs.web.arriving import ArrivingBody
from raythumbs.web.replies import error_body

_FIRST_ERROR = 400


class Answer:
    """An answer on its way out.

    A refusal is sent whole; then the rest of the body is read for a moment; only then is the end told: a connection
    that is closed on unread bytes is reset, and takes the answer along. It is closed where a body is left unread.
    """

    def __init__(self, body: ArrivingBody, send: Send) -> None:
        self._body = body
        self._send = send
        self._is_refusal = False
        self._instead: bytes | None = None
        self.begun = False
        self.sent_bytes = 0

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            await self._send(self._begin(message))
        elif message["type"] == "http.response.body":
            await self._go_on(message)
        else:
            await self._send(message)

    def _begin(self, message: Message) -> Message:
        self.begun = True
        status = message["status"]
        self._is_refusal = status >= _FIRST_ERROR
        headers = MutableHeaders(raw=list(message.get("headers", [])))
        if not self._body.ended:
            headers["connection"] = "close"
        if self._is_refusal and not headers.get("content-type", "").startswith("application/json"):
            self._instead = error_body(_code(status), HTTPStatus(status).phrase)
            headers["content-type"] = "application/json"
            headers["content-length"] = str(len(self._instead))
        return {**message, "headers": headers.raw}

    async def _go_on(self, message: Message) -> None:
        is_last = not message.get("more_body", False)
        if self._instead is not None:
            message = {**message, "body": self._instead if is_last else b""}
        if self._is_refusal and is_last and not self._body.ended:
            await self._pass_on({**message, "more_body": True})
            await self._body.leave()
            message = {"type": "http.response.body", "body": b""}
        await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        self.sent_bytes += len(message.get("body", b""))
        await self._send(message)


def _code(status: int) -> str:
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return "range_not_satisfiable"
    return HTTPStatus(status).name.lower()
