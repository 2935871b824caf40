import asyncio
from itertools import pairwise

from raythumbs.web.throttle import Throttle


def test_requests_go_on_in_order_a_few_in_each_round_of_the_loop():
    async def story():
        throttle, done = Throttle(a_round=4), []

        async def one(number):
            await throttle.wait()
            done.append(number)

        many = [asyncio.create_task(one(number)) for number in range(100)]
        other = []
        while len(done) < 100:
            await asyncio.sleep(0)
            other.append(len(done))
        await asyncio.gather(*many)
        return done, other

    done, other = asyncio.run(story())

    assert done == list(range(100))
    assert max(after - before for before, after in pairwise(other)) <= 4


def test_a_single_request_does_not_wait():
    async def story():
        throttle = Throttle(a_round=1)
        waited = 0
        for _ in range(3):
            request = asyncio.create_task(throttle.wait())
            await asyncio.sleep(0)
            waited += not request.done()
            await request
            await asyncio.sleep(0)
        return waited

    assert asyncio.run(story()) == 0


def test_a_cancelled_request_does_not_delay_the_next_one():
    async def story():
        throttle = Throttle(a_round=1)
        await throttle.wait()
        cancelled, waiting = (asyncio.create_task(throttle.wait()) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        async with asyncio.timeout(5):
            await waiting

    asyncio.run(story())
