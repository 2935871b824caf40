"""Clients that hold a connection as long as they can, or drop it at a bad moment."""

from itertools import chain, repeat

from raythumbs.bench.wire import END, PART_HEAD, UPLOAD_PATH, UPLOAD_TYPE, Answer, Connection, request, upload

_EVERY_SECONDS = 2.0
_PHOTO_BYTES = 120 << 20
_PIECE = bytes(1 << 18)
_TINY_CHUNKS = b"1\r\nx\r\n" * 10_000
_BEGUN = upload(b"\xff\xd8\xff", size_bytes=8 << 20)
_FIRST_CHUNK = b"%x\r\n%s\r\n" % (len(PART_HEAD), PART_HEAD)
_CHUNKED = request("POST", UPLOAD_PATH, Content_Type=UPLOAD_TYPE, Transfer_Encoding="chunked") + _FIRST_CHUNK


async def slow_body(connection: Connection, _number: int) -> Answer:
    """Begin an upload, then send one byte every 2 s."""
    return await connection.exchange(chain([_BEGUN], repeat(b"x")), every_seconds=_EVERY_SECONDS)


async def slow_header(connection: Connection, _number: int) -> Answer:
    """Begin a request, then send one header every 2 s."""
    begun = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return await connection.exchange(chain([begun], repeat(b"X: y\r\n")), every_seconds=_EVERY_SECONDS)


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


async def large_body(connection: Connection, _number: int) -> Answer:
    """Upload 120 MiB as fast as they are taken."""
    begin = upload(b"\xff\xd8\xff", size_bytes=_PHOTO_BYTES)
    return await connection.exchange(chain([begin], repeat(_PIECE, _PHOTO_BYTES // len(_PIECE)), [END]))


async def tiny_chunks(connection: Connection, _number: int) -> Answer:
    """Upload in chunks of one byte, as fast as they are taken."""
    return await connection.exchange(chain([_CHUNKED], repeat(_TINY_CHUNKS)))
