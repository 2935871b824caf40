import asyncio

from raythumbs.web.freed_memory import FreedMemory

MIB = 1 << 20


async def _trims(freed, trimmed):
    for _ in range(100):
        await asyncio.sleep(0.001)
        if trimmed:
            break
    return len(trimmed)


def test_memory_of_large_bodies_is_returned_once_uploads_pause():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        freed.passed(9 * MIB)
        freed.look(9 * MIB)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 1


def test_no_memory_is_returned_while_uploads_come():
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


def test_memory_of_many_small_requests_is_returned_too():
    async def story():
        trimmed = []
        freed = FreedMemory(lambda: trimmed.append(1))
        for _ in range(1000):
            freed.passed(20)
        freed.look(1 << 40)
        return await _trims(freed, trimmed)

    assert asyncio.run(story()) == 1
