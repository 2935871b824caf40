"""A server that ends leaves no client waiting, however far its connection had come."""

import asyncio
import socket

from raythumbs.cluster.tcp_server import tcp_server

PATIENCE_SECONDS = 5


async def never_answer(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def fail(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    raise ValueError("a fault of the server")


def client_of(server: asyncio.Server) -> socket.socket:
    client = socket.socket()
    client.settimeout(PATIENCE_SECONDS)
    client.connect(server.sockets[0].getsockname())  # the kernel lets it in, before the loop hears of it
    return client


def is_dismissed(client: socket.socket) -> bool:
    with client:
        try:
            return client.recv(1) == b""
        except ConnectionResetError:
            return True


def test_a_client_that_connects_as_the_server_ends_is_dismissed():
    async def ends_after(iterations: int) -> list[socket.socket]:
        async with tcp_server(never_answer, "127.0.0.1", 0) as server:
            clients = [client_of(server) for _ in range(3)]
            for _ in range(iterations):
                await asyncio.sleep(0)
        return clients

    for iterations in range(10):  # of the event loop: each takes the connection a step further
        clients = asyncio.run(ends_after(iterations))

        assert all(map(is_dismissed, clients)), iterations


def test_a_client_whose_answer_fails_is_dismissed_at_once(caplog):
    async def dismissed() -> bool:
        async with tcp_server(fail, "127.0.0.1", 0) as server:
            return await asyncio.to_thread(is_dismissed, client_of(server))

    assert asyncio.run(dismissed())
    assert "a fault of the server" in caplog.text
