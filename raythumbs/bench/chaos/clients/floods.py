"""Clients whose requests are whole and costly, or come from a foreign web page."""

import zlib
from collections.abc import Sequence
from functools import cache
from struct import pack

from raythumbs.bench.wire import Answer, Connection, request, upload

_JSON_BYTES = 4 << 20  # as large as a body may be by default
_RECORDS = 100_000
_EVENTS = "/api/notifications/s3"
_FOREIGN = "evil.example"
_TEST_EVENT = b'{"Event":"s3:TestEvent"}'  # which changes nothing, if it is taken
_RECORD = b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"others"},"object":{"key":"a.jpg"}}}'


async def status(connection: Connection, _number: int) -> Answer:
    """Ask for the figures of the queue."""
    return await connection.exchange([request("GET", "/api/thumbnails/status")])


async def jobs(connection: Connection, _number: int) -> Answer:
    """Ask for a thousand jobs."""
    return await connection.exchange([request("GET", "/api/jobs?limit=1000")])


async def large_json(connection: Connection, _number: int) -> Answer:
    """Submit as many sources as fit into the largest body."""
    return await connection.exchange([_large_json()])


async def many_records(connection: Connection, number: int) -> Answer:
    """Send an event with 100,000 records: whole ones, which make a body over the limit, or empty ones, which do not."""
    return await connection.exchange([_many_records(is_empty=bool(number % 2))])


async def deep_json(connection: Connection, number: int) -> Answer:
    """Send JSON that is nested a million times, to be read by either parser."""
    path = "/api/jobs" if number % 2 else _EVENTS
    return await connection.exchange([request("POST", path, b"[" * 1_000_000, Content_Type="application/json")])


async def foreign_page(connection: Connection, number: int) -> Answer:
    """Do what a foreign web page can make a browser do."""
    return await connection.exchange([FOREIGN_REQUESTS[number % len(FOREIGN_REQUESTS)]])


async def bomb(connection: Connection, number: int) -> Answer:
    """Upload a small file that becomes large when it is decoded."""
    bombs = _bombs()
    return await connection.exchange([upload(bombs[number % len(bombs)])])


FOREIGN_REQUESTS: Sequence[bytes] = (
    request("GET", "/api/jobs", Host=_FOREIGN),
    request("POST", _EVENTS, _TEST_EVENT, Host=_FOREIGN),
    request("POST", _EVENTS, _TEST_EVENT, Content_Type="text/plain", Origin=f"https://{_FOREIGN}"),
    request("POST", _EVENTS, _TEST_EVENT, Sec_Fetch_Site="cross-site"),
)


@cache
def _large_json() -> bytes:
    sources = b",".join([b'"a"'] * (_JSON_BYTES // 4 - 8))
    return request("POST", "/api/jobs", b'{"sources":[%s]}' % sources, Content_Type="application/json")


@cache
def _many_records(*, is_empty: bool) -> bytes:
    record = b"{}" if is_empty else _RECORD
    body = b'{"Records":[%s]}' % b",".join([record] * _RECORDS)
    return request("POST", _EVENTS, body, Content_Type="application/json")


@cache
def _bombs() -> Sequence[bytes]:
    grey = pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    small = pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    pixels = (b"IDAT", zlib.compress(bytes(72)))
    text = (b"zTXt", b"a\0\0" + zlib.compress(bytes(64 << 20), 9))
    return (
        _png((b"IHDR", grey), pixels),
        _png((b"IHDR", small), text, pixels),
        _png((b"IHDR", small), *[text] * 20, pixels),
        b"GIF89a" + pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";",
    )


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))
        for name, data in (*chunks, (b"IEND", b""))
    )
