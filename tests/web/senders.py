"""Clients that send a body piece by piece to an ASGI application, as a test directs."""

import asyncio
import json
from typing import Any


class Sender:
    """A request whose body comes piece by piece. It keeps the answer."""

    def __init__(self, app: Any, path: str, *, headers: dict[str, str] | None = None, peer: str = "192.0.2.1") -> None:
        sent_headers = {"host": "127.0.0.1:8000", "transfer-encoding": "chunked", **(headers or {})}
        self._app = app
        self.scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "method": "POST", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent_headers.items()],
            "client": (peer, 1), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        self._pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._is_read = asyncio.Event()
        self.said: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> "Sender":
        self._task = asyncio.create_task(self._app(self.scope, self._receive, self._send))
        return self

    async def send(self, piece: bytes, *, more: bool = True) -> None:
        """Send a piece. Wait until the application asks for the next one, or has answered."""
        self._pieces.put_nowait({"type": "http.request", "body": piece, "more_body": more})
        if more:
            await self.is_waited_for()

    def leave(self) -> None:
        self._pieces.put_nowait({"type": "http.disconnect"})

    async def is_waited_for(self) -> None:
        """Wait until the application asks for more than was sent, or has answered."""
        assert self._task
        async with asyncio.timeout(20):
            while not self._task.done() and not (self._pieces.empty() and self._is_read.is_set()):
                await asyncio.sleep(0.001)

    async def answered(self) -> tuple[int, dict[str, str], Any]:
        """Return the answer's status, headers and JSON."""
        status, headers, body = await self.replied()
        return status, headers, json.loads(body)

    async def replied(self) -> tuple[int, dict[str, str], bytes]:
        """Return the answer's status, headers and body."""
        assert self._task
        async with asyncio.timeout(20):
            await asyncio.wait([self._task])  # an error that was answered is raised once more, for the server's log
        start = self.said[0]
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b"".join(message.get("body", b"") for message in self.said[1:])
        return start["status"], headers, body

    async def _receive(self) -> dict[str, Any]:
        self._is_read.set()
        try:
            return await self._pieces.get()
        finally:
            self._is_read.clear()

    async def _send(self, message: dict[str, Any]) -> None:
        self.said.append(message)
        if self.said[0]["status"] >= 400 and message.get("body"):
            self.leave()  # as clients do that have read a refusal
