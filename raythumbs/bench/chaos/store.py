"""An S3 server behind a door that fails: it answers 500 or SlowDown, hangs, or cuts bodies short."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

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
_KEPT = {"content-type", "etag", "last-modified", "x-amz-request-id", "location"}


class UnreliableStore:
    """The door to an S3 server. `trouble` is the share of requests that go wrong, from 0 to 1; `done` counts them."""

    def __init__(self, server: str, chance: random.Random) -> None:
        self.trouble = 0.0
        self.done: Counter[str] = Counter()
        self._server = server
        self._chance = chance
        self._client = httpx2.AsyncClient(base_url=server, timeout=60, limits=httpx2.Limits(max_connections=None))
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)], lifespan=self._with_client)
        self._uvicorn = uvicorn.Server(uvicorn.Config(app, port=self._port, log_level="critical"))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve, in a thread."""
        thread = threading.Thread(target=self._uvicorn.run, name="unreliable store", daemon=True)
        thread.start()
        await_server(lambda: self._uvicorn.started, "the store's door does not open")
        try:
            yield
        finally:
            self._uvicorn.should_exit = self._uvicorn.force_exit = True
            thread.join()

    @asynccontextmanager
    async def _with_client(self, _app: Starlette) -> AsyncIterator[None]:
        async with self._client:
            yield

    async def _answer(self, request: Request) -> Response:
        if self._chance.random() >= self.trouble:
            return await self._passed_on(request)
        match self._chance.choice(("error", "slow down", "hang", "cut", "cut")):
            case "error":
                return self._fault("500", 500)
            case "slow down":
                return self._fault("503 SlowDown", 503)
            case "hang":
                self.done["hang"] += 1
                await asyncio.sleep(_HANG_SECONDS)
                return self._fault("500", 500)
            case _ if request.method == "GET":
                return await self._passed_on(request, cut=True)
            case _:
                return self._fault("500", 500)

    def _fault(self, name: str, status: int) -> Response:
        self.done[name] += 1
        return Response(status_code=status, headers={"retry-after": "1"} if status == 503 else None)  # noqa: PLR2004 HTTP's own

    async def _passed_on(self, request: Request, *, cut: bool = False) -> Response:
        path = request.scope["raw_path"].decode()
        query = request.url.query
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        asked = self._client.build_request(
            request.method, path + (f"?{query}" if query else ""), headers=headers, content=request.stream()
        )
        told = await self._client.send(asked, stream=True)
        kept = {name: value for name, value in told.headers.items() if name in _KEPT | {"content-length"}}
        body = self._half(told) if cut else told.aiter_raw()
        return StreamingResponse(body, told.status_code, kept, background=BackgroundTask(told.aclose))

    async def _half(self, told: httpx2.Response) -> AsyncIterator[bytes]:
        """Give half of the body, then fail, so that the connection is closed in its middle."""
        self.done["cut short"] += 1
        body = await told.aread()
        yield body[: len(body) // 2]
        raise ConnectionAbortedError
