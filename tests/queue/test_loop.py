import asyncio
import logging

from raythumbs.queue.loop import Loop


def test_a_failed_iteration_is_logged_and_the_next_one_runs(caplog):
    iterations = []

    async def run_once():
        iterations.append(1)
        if len(iterations) == 1:
            raise ZeroDivisionError("bad iteration")
        if len(iterations) == 3:
            raise asyncio.CancelledError

    async def run():
        await asyncio.gather(Loop(run_once, every_seconds=0.001).forever(), return_exceptions=True)

    with caplog.at_level(logging.ERROR, "raythumbs"):
        asyncio.run(run())

    assert len(iterations) == 3
    assert "loop.stumbled" in caplog.text
    assert "bad iteration" in caplog.text


def test_waking_ends_the_rest():
    async def run():
        wake, ran = asyncio.Event(), asyncio.Semaphore(0)

        async def run_once():
            ran.release()

        loop = asyncio.create_task(Loop(run_once, every_seconds=3600, wake=wake).forever())
        await ran.acquire()
        wake.set()
        async with asyncio.timeout(5):
            await ran.acquire()
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)

    asyncio.run(run())
