"""An attack: clients that all do the same at the same time, until a deadline."""

import asyncio
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from raythumbs.bench.wire import Answer, Connection, Door

_AGAIN_SECONDS = 1.0
_OWN_FILES = 100

Client = Callable[[Connection, int], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """`clients` connections at once, or fewer if not so many files may be open; each has an address of its own unless
    `has_one_address`.

    `client` is what one of them does, once, with its number: it returns its answer, or None if it left by itself. A
    second later it connects and does it again. `has_latency_limit` says whether good clients must be quick during this
    attack; see `Row.exceeded`.
    """

    name: str
    clients: int
    client: Client
    seconds: float = 20
    has_one_address: bool = False
    has_latency_limit: bool = False

    @property
    def connections(self) -> int:
        """How many of the wanted connections this machine lets a process have."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return min(self.clients, hard - _OWN_FILES)

    async def run(self, door: Door, *, seconds: float) -> Counter[str]:
        """Attack for so long; count the answers by status, and the clients without one by how they ended."""
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
        # A loopback address. None of them is 127.0.0.1: that is the address of good clients.
        address = 0 if self.has_one_address else number
        try:
            connection = await Connection.to(door, source=f"127.66.{address // 250}.{address % 250 + 1}")
            end = "no answer"
            try:
                answer = await self.client(connection, number)
                end = str(answer.status) if answer else "left"
            finally:
                connection.close()
        except asyncio.IncompleteReadError as error:
            end = "cut short" if error.partial else "closed"
        except OSError:
            end = end if end == "not connected" else "reset"
        finally:
            answers[end] += 1


def raise_file_limit() -> None:
    """Let this process open as many files as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
