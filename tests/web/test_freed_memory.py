import asyncio

from raythumbs.web.freed_memory import FreedMemory

MIB = 1 << 20


async def _trims(freed, trimmed):
    for _ in range(100):
        await asyncio.sleep(0.001)
        if trimmed:
            break
    return len(trimmed)


def test_what_large_bodies_left_is_given_back_when_the_doors_are_quiet():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        freed.passed(9 * MIB)
        freed.look(9 * MIB)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 1


def test_nothing_is_given_back_while_more_comes():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        freed.passed(9 * MIB)
        freed.passed(9 * MIB)
        freed.look(9 * MIB)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 0


def test_a_small_request_sets_no_timer():
    freed = FreedMemory(lambda: None)

    freed.passed(1000)  # which has no event loop to set one in


def test_what_many_small_requests_left_is_given_back_too():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        for _ in range(1000):
            freed.passed(20)
        freed.look(1 << 40)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 1
