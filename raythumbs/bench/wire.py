"""A client's HTTP connection. Plain sockets: they cost little, and they send what no HTTP library would."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Self

_HEAD_BYTES = 1 << 16
UPLOAD_PATH = "/api/uploads/direct"
UPLOAD_TYPE = "multipart/form-data; boundary=x"
PART_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'
END = b"\r\n--x--\r\n"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST, and nothing lingers


@dataclass(frozen=True, slots=True)
class Door:
    """Where a service listens."""

    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of HTTP/1.1. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """An open connection. Reading raises IncompleteReadError if the service closes it before the answer is whole,
    ConnectionError if the service resets it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, door: Door, *, source: str | None = None) -> Self:
        """Connect, from this address of the client if one is given. Raises OSError."""
        local = (source, 0) if source else None
        return cls(*await asyncio.open_connection(door.host, door.port, local_addr=local, limit=_HEAD_BYTES))

    async def send(self, data: bytes) -> None:
        """Send bytes; return when there is room for more."""
        self._writer.write(data)
        await self._writer.drain()

    async def exchange(self, pieces: Iterable[bytes], *, every_seconds: float = 0) -> Answer:
        """Send pieces, so many seconds apart, and return the answer, which may come before the last piece is sent."""
        sending = asyncio.create_task(self._send_all(pieces, every_seconds))
        try:
            return await self.answer()
        finally:
            sending.cancel()

    async def _send_all(self, pieces: Iterable[bytes], every_seconds: float) -> None:
        with suppress(ConnectionError):  # reading raises it, after the answer
            for piece in pieces:
                await self.send(piece)
                await asyncio.sleep(every_seconds)

    def end_sending(self) -> None:
        """Close the sending half."""
        with suppress(OSError):
            self._writer.write_eof()

    def reset(self) -> None:
        """Close with RST."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    def close(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._writer.transport.abort()

    async def answer(self) -> Answer:
        """Return the next answer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, _, status = first.partition(" ")
        if not version.startswith("HTTP/1.") or not status[:3].isdigit():
            raise ConnectionError(f"the answer is not HTTP: {first[:80]!r}")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Answer(int(status[:3]), headers, await self._body(headers))

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return await self._reader.read()
        body = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return body


@asynccontextmanager
async def connected(door: Door) -> AsyncIterator[Connection]:
    """Open a connection that is closed at the end."""
    connection = await Connection.to(door)
    try:
        yield connection
    finally:
        connection.close()


def request(method: str, path: str, body: bytes = b"", *, close: bool = True, **headers: str) -> bytes:
    """Return a request. In names of headers `_` stands for `-`; `Host` is the loopback address if none is given."""
    sent = {"Host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if close:
        sent["Connection"] = "close"
    if body:
        sent.setdefault("Content-Length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def upload(content: bytes, *, size_bytes: int = 0) -> bytes:
    """Return the upload of a photo, or its beginning, if `size_bytes` more and `END` follow."""
    body = PART_HEAD + content + (b"" if size_bytes else END)
    length = str(len(PART_HEAD + content + END) + size_bytes)
    return request("POST", UPLOAD_PATH, body, Content_Type=UPLOAD_TYPE, Content_Length=length)
