"""A request's body while it arrives."""

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import Message

from raythumbs.errors import BodyTooLarge, EncodedBody
from raythumbs.web.pace import PacedBody

_BEGINNING_BYTES = 16 << 10
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 16 << 20


def announced(headers: Headers) -> tuple[int, bool]:
    """Return the announced length of a body, and whether it comes in chunks without a length. No body: (0, False)."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else 0, "transfer-encoding" in headers


def refuse_encoded(headers: Headers) -> None:
    """Raise EncodedBody for a body that would have to be decoded: what it becomes has no bounds before."""
    for told in headers.getlist("content-encoding"):
        for encoding in told.split(","):
            if encoding.strip().lower() not in {"", "identity"}:
                raise EncodedBody(f"the body is encoded as {encoding.strip()[:40]!a}: send it as it is")


class ArrivingBody:
    """The messages of a body, at a minimum pace and up to a limit of bytes.

    `came` is called with the bytes of each message, and `arrived` after the last one. What the application receives
    after that is only the client's disconnect, which has no time limit.
    """

    def __init__(
        self, paced: PacedBody, *, limit_bytes: int, came: Callable[[bytes], None], arrived: Callable[[], None]
    ) -> None:
        self._paced = paced
        self._limit_bytes = limit_bytes
        self._came = came
        self._arrived = arrived
        self._beginning: Message | None = None
        self.read_bytes = 0
        self.ended = False

    def expect(self, announced_bytes: int) -> None:
        """Raise BodyTooLarge if the announced length is over the limit."""
        if announced_bytes > self._limit_bytes:
            raise BodyTooLarge(f"the body has {announced_bytes} bytes; at most {self._limit_bytes} are taken")

    async def begin(self) -> None:
        """Wait for the first 16 KiB, or for all of a smaller body. Raise what `receive` raises.

        A request that waits here needs a third of the memory that it needs within the application. If it is refused,
        that takes a third of the CPU.
        """
        pieces = bytearray()
        while not self.ended and self.read_bytes < _BEGINNING_BYTES:
            message = await self.receive()
            pieces += message.get("body", b"")
        self._beginning = {**message, "body": bytes(pieces)}

    async def receive(self) -> Message:
        """Return the next message. Raise BodyTooLarge over the limit, TooSlow, or what `came` raises."""
        if self._beginning:
            beginning, self._beginning = self._beginning, None
            return beginning
        if self.ended:
            return await self._paced.unpaced()
        message = self._read(await self._paced.receive())
        if self.read_bytes > self._limit_bytes:
            raise BodyTooLarge(f"the body has more than {self._limit_bytes} bytes")
        self._came(message.get("body", b""))
        return message

    async def leave(self) -> None:
        """Read the rest of the body for a moment, and drop it."""
        self._arrived()
        until = self.read_bytes + _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self.ended and self.read_bytes < until:
                    self._read(await self._paced.unpaced())
        except TimeoutError:
            pass

    def _read(self, message: Message) -> Message:
        self.read_bytes += len(message.get("body", b""))
        if not message.get("more_body", False):
            self.ended = True
            self._arrived()
        return message
