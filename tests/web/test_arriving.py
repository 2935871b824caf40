"""The beginning of a body, which is read before the request enters the application."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.errors import BodyTooLarge
from raythumbs.web.arriving import ArrivingBody
from raythumbs.web.pace import Pace, PacedBody, Waits

KIB = 1 << 10
LEFT = {"type": "http.disconnect"}


def piece(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


def arriving(messages, *, limit_bytes=1 << 30):
    """A body whose messages are all there, and a list of those that are not read yet."""
    left = list(messages)

    async def receive():
        await asyncio.sleep(0)
        return left.pop(0)

    paced = PacedBody(receive, Pace(gap_seconds=30, bytes_per_second=1024), Waits())
    return ArrivingBody(paced, limit_bytes=limit_bytes, came=lambda _: None, arrived=lambda: None), left


async def read(body):
    pieces = []
    while True:
        message = await body.receive()
        pieces.append(message["body"])
        if not message["more_body"]:
            return pieces


def test_a_body_in_tiny_pieces_begins_with_one_piece_of_16_kib():
    async def story():
        body, left = arriving([piece(b"x")] * 20 * KIB)
        await body.begin()
        return await body.receive(), len(left)

    first, left = asyncio.run(story())

    assert (first["body"], first["more_body"], left) == (b"x" * 16 * KIB, True, 4 * KIB)


@given(sizes=st.lists(st.integers(0, 9 * KIB), min_size=1, max_size=6))
def test_every_byte_is_read_once_and_in_order_however_a_body_begins(sizes):
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]

    async def story():
        body, _ = arriving([*(piece(one) for one in sent[:-1]), piece(sent[-1], more=False)])
        await body.begin()
        return await read(body)

    assert b"".join(asyncio.run(story())) == b"".join(sent)


def test_a_client_that_leaves_at_the_beginning_is_reported():
    async def story():
        body, _ = arriving([piece(b"x"), LEFT])
        await body.begin()
        return (await body.receive())["type"], body.ended

    assert asyncio.run(story()) == ("http.disconnect", True)


def test_a_body_over_the_limit_is_refused_at_the_beginning():
    async def story():
        body, _ = arriving([piece(bytes(600))] * 3, limit_bytes=1000)
        await body.begin()

    with pytest.raises(BodyTooLarge, match="more than 1000 bytes"):
        asyncio.run(story())
