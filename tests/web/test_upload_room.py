import asyncio
from contextlib import ExitStack
from threading import Event

from raythumbs.web.upload_room import UploadRoom

MIB = 1 << 20


def test_uploads_share_one_budget_of_memory():
    room = UploadRoom()
    shares = {}
    with ExitStack() as arriving:
        for count in range(1, 1001):
            arriving.enter_context(room.arriving())
            shares[count] = room.share_bytes

    assert (shares[1], shares[32]) == (2 * MIB, 2 * MIB)
    assert all(count * share <= 64 * MIB for count, share in shares.items())
    assert room.share_bytes == 2 * MIB


def test_a_slow_store_does_not_delay_the_writing_of_other_uploads():
    async def story():
        room, gate, wrote = UploadRoom(), Event(), []
        keeping = [asyncio.create_task(room.keep(gate.wait)) for _ in range(100)]
        async with asyncio.timeout(10):
            await room.write(lambda: wrote.append(1))
        gate.set()
        await asyncio.gather(*keeping)
        return wrote

    assert asyncio.run(story()) == [1]
