"""The attacks, and what their clients do: hold a connection, drop it at a bad moment, or send costly requests."""

import asyncio
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain, repeat
from struct import pack

from raythumbs.bench.chaos.clients.attack import Attack, Client
from raythumbs.bench.chaos.clients.malformed import MALFORMED
from raythumbs.bench.wire import END, PART_HEAD, UPLOAD_PATH, UPLOAD_TYPE, Answer, Connection, Door, request, upload

_EVERY_SECONDS = 2.0
_JPEG = b"\xff\xd8\xff"
_PHOTO_BYTES = 120 << 20
_PIECE = bytes(1 << 18)
_BEGUN = upload(_JPEG, size_bytes=8 << 20)
_FIRST_CHUNK = b"%x\r\n%s\r\n" % (len(PART_HEAD), PART_HEAD)
_CHUNKED = request("POST", UPLOAD_PATH, Content_Type=UPLOAD_TYPE, Transfer_Encoding="chunked") + _FIRST_CHUNK
_EVENTS = "/api/notifications/s3"
_FOREIGN = "evil.example"
_TEST_EVENT = b'{"Event":"s3:TestEvent"}'  # which changes nothing, if it is accepted
_RECORD = b'{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"others"},"object":{"key":"a.jpg"}}}'
_JSON_SOURCES = (4 << 20) // 4 - 8  # of four bytes: as large as a body may be by default

# What a foreign web page can make a browser send.
FOREIGN_REQUESTS: Sequence[bytes] = (
    request("GET", "/api/jobs", Host=_FOREIGN),
    request("POST", _EVENTS, _TEST_EVENT, Host=_FOREIGN),
    request("POST", _EVENTS, _TEST_EVENT, Content_Type="text/plain", Origin=f"https://{_FOREIGN}"),
    request("POST", _EVENTS, _TEST_EVENT, Sec_Fetch_Site="cross-site"),
)


def sends(pieces: Callable[[], Iterable[bytes]], *, every_seconds: float = 0) -> Client:
    """Return a client that sends a request in these pieces, so many seconds apart."""

    async def client(connection: Connection, _number: int) -> Answer:
        return await connection.exchange(pieces(), every_seconds=every_seconds)

    return client


def sends_one_of(requests: Callable[[], Sequence[bytes]]) -> Client:
    """Return a client that sends one of these requests, by its number."""

    async def client(connection: Connection, number: int) -> Answer:
        several = requests()
        return await connection.exchange([several[number % len(several)]])

    return client


async def idle(connection: Connection, _number: int) -> Answer:
    """Send nothing at all."""
    return await connection.answer()


async def half_close_or_reset(connection: Connection, number: int) -> Answer | None:
    """End a connection in the middle of a body: some close the half that sends and wait, others reset all of it."""
    await connection.send(_BEGUN + _PIECE)
    if number % 2:
        connection.reset()
        return None
    connection.end_sending()
    return await connection.answer()


def _json(path: str, body: bytes) -> bytes:
    return request("POST", path, body, Content_Type="application/json")


@cache
def _large_json() -> Sequence[bytes]:
    return [_json("/api/jobs", b'{"sources":[%s]}' % b",".join([b'"a"'] * _JSON_SOURCES))]


@cache
def _many_records() -> Sequence[bytes]:
    """Return events of 100,000 records: whole ones make a body over the limit, empty ones do not."""
    return [_json(_EVENTS, b'{"Records":[%s]}' % b",".join([record] * 100_000)) for record in (_RECORD, b"{}")]


@cache
def _deep_json() -> Sequence[bytes]:
    """Return JSON that is nested a million times, for either parser."""
    return [_json(path, b"[" * 1_000_000) for path in (_EVENTS, "/api/jobs")]


@cache
def _bombs() -> Sequence[bytes]:
    """Return uploads of small files that become large when they are decoded."""
    grey = pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    small = pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    pixels = (b"IDAT", zlib.compress(bytes(72)))
    text = (b"zTXt", b"a\0\0" + zlib.compress(bytes(64 << 20), 9))
    return (
        upload(_png((b"IHDR", grey), pixels)),
        upload(_png((b"IHDR", small), text, pixels)),
        upload(_png((b"IHDR", small), *[text] * 20, pixels)),
        upload(b"GIF89a" + pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";"),
    )


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))
        for name, data in (*chunks, (b"IEND", b""))
    )


slow_body = sends(lambda: chain([_BEGUN], repeat(b"x")), every_seconds=_EVERY_SECONDS)
slow_header = sends(
    lambda: chain([b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"], repeat(b"X: y\r\n")), every_seconds=_EVERY_SECONDS
)
large_body = sends(
    lambda: chain([upload(_JPEG, size_bytes=_PHOTO_BYTES)], repeat(_PIECE, _PHOTO_BYTES // len(_PIECE)), [END])
)
tiny_chunks = sends(lambda: chain([_CHUNKED], repeat(b"1\r\nx\r\n" * 10_000)))
AT_REST = Attack(name="at rest", clients=0, client=idle, seconds=10)
ATTACKS: Sequence[Attack] = (
    Attack(name="slow bodies", clients=1000, client=slow_body, seconds=60, has_latency_limit=True),
    Attack(name="slow bodies from one address", clients=1000, client=slow_body, has_one_address=True,
           has_latency_limit=True),
    Attack(name="slow headers", clients=1000, client=slow_header),
    Attack(name="idle connections", clients=4200, client=idle),
    Attack(name="half-closed and reset connections", clients=100, client=half_close_or_reset),
    Attack(name="120 MiB into a slow store", clients=8, client=large_body, seconds=40),
    Attack(name="chunks of one byte", clients=50, client=tiny_chunks),
    Attack(name="status requests", clients=200, client=sends(lambda: [request("GET", "/api/thumbnails/status")])),
    Attack(name="lists of 1,000 jobs", clients=200, client=sends(lambda: [request("GET", "/api/jobs?limit=1000")])),
    Attack(name="JSON of 4 MiB", clients=200, client=sends(_large_json)),
    Attack(name="malformed requests", clients=len(MALFORMED),
           client=sends_one_of(lambda: [one.content for one in MALFORMED])),
    Attack(name="foreign Host and Origin", clients=20, client=sends_one_of(lambda: FOREIGN_REQUESTS)),
    Attack(name="events of 100,000 records", clients=8, client=sends_one_of(_many_records)),
    Attack(name="deep JSON", clients=20, client=sends_one_of(_deep_json)),
    Attack(name="photos that are bombs", clients=8, client=sends_one_of(_bombs)),
)  # fmt: skip


def attack(name: str, door: Door, seconds: float) -> Counter[str]:
    """Run an attack; for a process that does nothing else."""
    (one,) = [one for one in (AT_REST, *ATTACKS) if one.name == name]
    return asyncio.run(one.run(door, seconds=seconds))
