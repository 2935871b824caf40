"""Makes every refusal JSON, and delivers it to a client that is still sending its body."""

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from raythumbs.web.arriving import ArrivingBody
from raythumbs.web.replies import error_body

_FIRST_ERROR = 400


class Answer:
    """The answer to one request, while it is sent.

    If a refusal comes before the end of the request's body, its text is sent first. Then the body is read for a moment,
    and only then the answer ends. Otherwise the connection would be closed with unread bytes, which resets it, and the
    client would never see the answer. The connection is closed if the body was not read to its end.
    """

    def __init__(self, body: ArrivingBody, send: Send) -> None:
        self._body = body
        self._send = send
        self._is_refusal = False
        self._instead: bytes | None = None
        self.begun = False
        self.sent_bytes = 0

    async def send(self, message: Message) -> None:
        """Send a message of the application."""
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
