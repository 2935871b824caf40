import asyncio
from itertools import pairwise

from raythumbs.web.turns import Turns


def test_a_few_begin_in_each_round_of_the_loop_in_their_order_and_others_run_in_between():
    async def story():
        turns, done = Turns(at_once=4), []

        async def one(number):
            await turns.take()
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


def test_whoever_comes_alone_does_not_wait():
    async def story():
        turns = Turns(at_once=1)
        waited = 0
        for _ in range(3):
            turn = asyncio.create_task(turns.take())
            await asyncio.sleep(0)
            waited += not turn.done()
            await turn
            await asyncio.sleep(0)
        return waited

    assert asyncio.run(story()) == 0


def test_a_turn_of_one_that_left_goes_to_the_next():
    async def story():
        turns = Turns(at_once=1)
        await turns.take()
        leaver, stayer = (asyncio.create_task(turns.take()) for _ in range(2))
        await asyncio.sleep(0)
        leaver.cancel()
        async with asyncio.timeout(5):
            await stayer

    asyncio.run(story())
