"""The application on a port of its own: for programs, browsers and streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def listening_app(app: FastAPI, *, port: int = 0) -> AsyncIterator[str]:
    """Give the address of the application while it listens."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await running
