"""A TCP server that leaves no connection open when it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_ACCEPTING_ITERATIONS = 5  # of the event loop: asyncio needs three from accepting a connection to serving it


@asynccontextmanager
async def tcp_server(serve: Serve, *where: Any, **how: Any) -> AsyncIterator[asyncio.Server]:  # noqa: ANN401 as asyncio
    """Serve each connection in a task, and close it after that. At the end, cancel what is still being served.

    `where` and `how` are those of `asyncio.start_server`. A server of asyncio that is closed while it accepts a
    connection leaves it open, and its client waits until the garbage is collected (seen with CPython 3.11). So this
    server first accepts no more, and is closed when all that it has accepted are being served.
    """
    serving: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)
        task.add_done_callback(lambda _: writer.close())  # also of a task that is cancelled before it begins

    server = await asyncio.start_server(begin, *where, **how)
    try:
        yield server
    finally:
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_ACCEPTING_ITERATIONS):
            await asyncio.sleep(0)
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
