import asyncio

import pytest

from raythumbs.errors import TooSlow
from raythumbs.web.pace import Pace, PacedBody, Waits

PACE = Pace(gap_seconds=30, bytes_per_second=1000)


@pytest.mark.parametrize(
    ("read_bytes", "waited_seconds", "patience_seconds"),
    [
        (0, 0, 10),
        (0, 9, 1),
        (5000, 9, 6),
        (5000, 16, -1),
        (1_000_000, 0, 30),
        (1_000_000, 1000, 10),
    ],
)
def test_a_client_may_pause_as_long_as_its_average_rate_allows(read_bytes, waited_seconds, patience_seconds):
    assert PACE.patience_seconds(read_bytes=read_bytes, waited_seconds=waited_seconds) == patience_seconds


class Client:
    """A client, and the clock of the service, both under the test's control."""

    def __init__(self, pace: Pace = PACE) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.waits = Waits(tick_seconds=1)
        self.body = PacedBody(self._receive, pace, self.waits)

    async def _receive(self):
        return {"type": "http.request", "body": await self.pieces.get(), "more_body": True}

    async def waits_for(self, seconds: int, piece: bytes = b"") -> int:
        """Let the service wait for a piece; return the bytes that it got."""
        reading = asyncio.create_task(self.body.receive())
        await asyncio.sleep(0)
        for _ in range(seconds):
            self.waits.tick()
            for _ in range(3):
                await asyncio.sleep(0)
        if piece:
            self.pieces.put_nowait(piece)
        return len((await reading)["body"])


def test_a_byte_every_two_seconds_is_too_slow_after_the_grace():
    async def story() -> list[int]:
        client, got = Client(), []
        with pytest.raises(TooSlow):
            while True:
                got.append(await client.waits_for(2, b"x"))
        return got

    assert asyncio.run(story()) == [1] * 5


def test_a_fast_body_may_pause_for_at_most_thirty_seconds():
    async def story() -> None:
        client = Client()
        await client.waits_for(0, bytes(1_000_000))
        await client.waits_for(30, b"x")
        with pytest.raises(TooSlow) as refusal:
            await client.waits_for(31)
        assert "1000001 bytes" in refusal.value.reason

    asyncio.run(story())


def test_time_between_two_reads_does_not_count_against_the_client():
    async def story() -> int:
        client = Client()
        await client.waits_for(1, b"x")
        for _ in range(100):  # the store is slow
            client.waits.tick()
        return await client.waits_for(8, b"x")

    assert asyncio.run(story()) == 1


def test_a_blocked_event_loop_counts_one_tick():
    async def story() -> int:
        client = Client(Pace(gap_seconds=0.3, bytes_per_second=1000))
        client.waits = Waits(tick_seconds=0.1)
        client.body = PacedBody(client._receive, Pace(gap_seconds=0.3, bytes_per_second=1000), client.waits)
        reading = asyncio.create_task(client.body.receive())
        await asyncio.sleep(0)
        until = asyncio.get_running_loop().time() + 1
        while asyncio.get_running_loop().time() < until:  # nothing else runs
            pass
        client.pieces.put_nowait(b"it was there all the time")
        return len((await reading)["body"])

    assert asyncio.run(story()) == 25


def test_the_clock_stops_while_nobody_waits():
    async def story() -> bool:
        client = Client()
        await client.waits_for(0, b"x")
        client.waits.tick()
        return client.waits._timer is None

    assert asyncio.run(story())


def test_late_clients_are_refused_a_few_at_a_time():
    async def story() -> list[int]:
        waits, late, seen = Waits(tick_seconds=100), [], []

        async def wait_forever():
            return await asyncio.Event().wait()

        async def one() -> None:
            with pytest.raises(TooSlow):
                await PacedBody(wait_forever, PACE, waits).receive()
            late.append(1)

        clients = [asyncio.create_task(one()) for _ in range(100)]
        await asyncio.sleep(0)
        waits.tick()
        while len(late) < 100:
            await asyncio.sleep(0)
            seen.append(len(late))
        await asyncio.gather(*clients)
        return sorted(set(seen))

    assert len(asyncio.run(story())) >= 10
