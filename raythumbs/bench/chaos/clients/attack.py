"""An attack: clients that all do the same at the same time, until a deadline."""

import asyncio
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raythumbs.bench.chaos.clients.wire import Answer, Door, Line

_AGAIN_SECONDS = 1.0
_FILES_OF_OUR_OWN = 100

Client = Callable[[Line, int], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`clients` connections at once, or fewer if not so many files may be open; each has an address of its own unless
    `has_one_address`.

    `client` is what one of them does, once, with its number: it returns what it was answered, or None if it left by
    itself. A second later it connects and does it again. `has_latency_bar` says whether good clients must be as quick
    during this attack as the bars of `result.py` ask.
    """

    name: str
    clients: int
    client: Client
    seconds: float = 20
    has_one_address: bool = False
    has_latency_bar: bool = False

    @property
    def connections(self) -> int:
        """How many connections this machine lets a process have, of those that are wanted."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return min(self.clients, hard - _FILES_OF_OUR_OWN)

    async def run(self, door: Door, *, seconds: float) -> Counter[str]:
        """Attack for so long; return how often a client was answered what, by status, or by how it ended otherwise."""
        answers: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            numbers = range(self.connections)
            clients = [group.create_task(self._again_and_again(door, number, answers)) for number in numbers]
            await asyncio.sleep(seconds)
            for client in clients:
                client.cancel()
        return answers

    async def _again_and_again(self, door: Door, number: int, answers: Counter[str]) -> None:
        while True:
            await self._once(door, number, answers)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _once(self, door: Door, number: int, answers: Counter[str]) -> None:
        end = "not connected"
        try:
            line = await Line.to(door, source=_address(0 if self.has_one_address else number))
            end = "no answer"
            try:
                answer = await self.client(line, number)
                end = str(answer.status) if answer else "left"
            finally:
                line.close()
        except asyncio.IncompleteReadError as error:
            end = "cut short" if error.partial else "closed"
        except OSError:
            end = end if end == "not connected" else "reset"
        finally:
            answers[end] += 1


def attack(one: Attack, door: Door, seconds: float) -> Counter[str]:
    """Run an attack; for a process that does nothing else."""
    return asyncio.run(one.run(door, seconds=seconds))


def raise_file_limit() -> None:
    """Let this process open as many files as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _address(number: int) -> str:
    """Return a loopback address. None of them is 127.0.0.1: that is the address of good clients."""
    return f"127.66.{number // 250}.{number % 250 + 1}"
