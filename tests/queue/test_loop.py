import asyncio
import logging

from raythumbs.queue.loop import Loop


def test_a_bad_turn_is_reported_and_the_next_is_taken(caplog):
    turns = []

    async def turn():
        turns.append(1)
        if len(turns) == 1:
            raise ZeroDivisionError("bad turn")
        if len(turns) == 3:
            raise asyncio.CancelledError

    async def run():
        await asyncio.gather(Loop(turn, every_seconds=0.001).forever(), return_exceptions=True)

    with caplog.at_level(logging.ERROR, "raythumbs"):
        asyncio.run(run())

    assert len(turns) == 3
    assert "loop.stumbled" in caplog.text
    assert "bad turn" in caplog.text


def test_waking_ends_the_rest():
    async def run():
        wake, turned = asyncio.Event(), asyncio.Semaphore(0)

        async def turn():
            turned.release()

        loop = asyncio.create_task(Loop(turn, every_seconds=3600, wake=wake).forever())
        await turned.acquire()
        wake.set()
        async with asyncio.timeout(5):
            await turned.acquire()
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)

    asyncio.run(run())
