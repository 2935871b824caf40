import asyncio
import json
import resource

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from raythumbs.web.ingress import _open_as_many_files_as_allowed, refuse_in_json


def test_a_replica_may_open_as_many_files_as_its_hard_limit_allows():
    """Each upload that arrives has a socket and a file, and the soft limit is often 1,024."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))

        _open_as_many_files_as_allowed()

        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def _answer(request: bytes) -> bytes:
    """Send a request to a uvicorn as Serve starts it; return the answer."""
    server = uvicorn.Server(uvicorn.Config(lambda: None, factory=True, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    server.should_exit = True
    await serving
    return answer


def test_invalid_http_is_refused_in_json(monkeypatch):
    monkeypatch.setattr(HttpToolsProtocol, "send_400_response", HttpToolsProtocol.send_400_response)  # put back after
    refuse_in_json()

    for request in (b"BREW / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: \x01\r\n\r\n", b"hello\r\n\r\n"):
        head, body = asyncio.run(_answer(request)).split(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json")
        assert json.loads(body) == {"code": "bad_request", "reason": "Invalid HTTP request received."}
