"""Clients that hold a connection as long as they can, or drop it at a bad moment."""

from raythumbs.bench.chaos.clients.wire import Answer, Line, request, upload

_EVERY_SECONDS = 2.0
_PHOTO_BYTES = 120 << 20
_PIECE = bytes(1 << 18)
_TINY_CHUNKS = b"1\r\nx\r\n" * 10_000
_BEGUN = upload(b"\xff\xd8\xff", length=8 << 20)


async def slow_body(line: Line, _number: int) -> Answer:
    """Begin an upload, then send one byte every 2 s."""
    await line.send(_BEGUN)
    return await line.drip(b"x", every_seconds=_EVERY_SECONDS)


async def slow_header(line: Line, _number: int) -> Answer:
    """Begin a request, then send one header every 2 s."""
    await line.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    return await line.drip(b"X: y\r\n", every_seconds=_EVERY_SECONDS)


async def idle(line: Line, _number: int) -> Answer:
    """Send nothing at all."""
    return await line.answer()


async def half_close_or_reset(line: Line, number: int) -> Answer | None:
    """End a connection in the middle of a body: some close the half that sends and wait, others reset all of it."""
    await line.send(_BEGUN + _PIECE)
    if number % 2:
        line.reset()
        return None
    line.end_sending()
    return await line.answer()


async def large_body(line: Line, _number: int) -> Answer:
    """Upload 120 MiB as fast as they are taken."""
    photo = b"\xff\xd8\xff"
    whole = upload(photo)
    begun = upload(photo, length=len(whole[whole.index(b"\r\n\r\n") + 4 :]) + _PHOTO_BYTES)
    await line.send(begun)
    for _ in range(_PHOTO_BYTES // len(_PIECE)):
        await line.send(_PIECE)
    await line.send(b"\r\n--x--\r\n")
    return await line.answer()


async def tiny_chunks(line: Line, _number: int) -> Answer:
    """Upload in chunks of one byte, as fast as they are taken."""
    begin = b'--x\r\nContent-Disposition: form-data; name="file"; filename="chunks.jpg"\r\n\r\n'
    kind = "multipart/form-data; boundary=x"
    await line.send(
        request("POST", "/api/uploads/direct", Content_Type=kind, Transfer_Encoding="chunked")
        + b"%x\r\n%s\r\n" % (len(begin), begin)
    )
    return await line.drip(_TINY_CHUNKS, every_seconds=0.01)
