"""An S3 server behind a proxy that fails: it answers 500 or SlowDown, hangs, or cuts bodies short."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from raythumbs.bench.local_service import free_port
from raythumbs.bench.servers import await_server

_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
_HANG_SECONDS = 20  # longer than the client waits
_KEPT = {"content-type", "content-length", "etag", "last-modified", "x-amz-request-id", "location"}


class UnreliableStore:
    """The proxy. `fault_share` is the share of requests that go wrong, from 0 to 1; `faults` counts them."""

    def __init__(self, server: str, chance: random.Random) -> None:
        self.fault_share = 0.0
        self.faults: Counter[str] = Counter()
        self._chance = chance
        self._client = httpx2.AsyncClient(base_url=server, timeout=60, limits=httpx2.Limits(max_connections=None))
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)])
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off"))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve, in a thread."""
        thread = threading.Thread(target=self._uvicorn.run, name="unreliable store", daemon=True)
        thread.start()
        await_server(lambda: self._uvicorn.started, "the store's proxy does not start")
        try:
            yield
        finally:
            self._uvicorn.should_exit = self._uvicorn.force_exit = True
            thread.join()

    async def _answer(self, request: Request) -> Response:
        if self._chance.random() >= self.fault_share:
            return await self._passed_on(request)
        fault = self._chance.choice(("500", "503 SlowDown", "hang", "cut short", "cut short"))
        if fault == "cut short" and request.method != "GET":
            fault = "500"
        self.faults[fault] += 1
        if fault == "hang":
            await asyncio.sleep(_HANG_SECONDS)
        if fault == "cut short":
            return await self._passed_on(request, cut=True)
        slow_down = fault == "503 SlowDown"
        return Response(status_code=503 if slow_down else 500, headers={"retry-after": "1"} if slow_down else None)

    async def _passed_on(self, request: Request, *, cut: bool = False) -> Response:
        path = request.scope["raw_path"].decode()
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        sent = self._client.build_request(request.method, path + query, headers=headers, content=request.stream())
        answer = await self._client.send(sent, stream=True)
        kept = {name: value for name, value in answer.headers.items() if name in _KEPT}
        body = _half(answer) if cut else answer.aiter_raw()
        return StreamingResponse(body, answer.status_code, kept, background=BackgroundTask(answer.aclose))


async def _half(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """Send half of the body, then fail, so that the connection is closed in its middle."""
    body = await answer.aread()
    yield body[: len(body) // 2]
    raise ConnectionAbortedError
