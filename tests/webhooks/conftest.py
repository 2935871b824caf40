"""A server that answers as a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from raythumbs.cluster.tcp_server import tcp_server


@dataclass
class Endpoint:
    """An HTTP server. `answer` is what it writes, after it has read a request; `requests` are those that came."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    requests: list[bytes] = field(default_factory=list)
    gate: asyncio.Event | None = None
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        self.requests.append(head + await reader.readexactly(length))
        if self.gate:
            await self.gate.wait()
        writer.write(self.answer)
        await writer.drain()


@asynccontextmanager
async def listening(endpoint: Endpoint, tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    async with tcp_server(endpoint.serve, "127.0.0.1", 0, ssl=tls) as server:
        endpoint.port = server.sockets[0].getsockname()[1]
        yield endpoint
