"""Good clients: a steady sequence of requests, each on a new connection, whether or not earlier ones were answered."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from raythumbs.bench.laps import percentile
from raythumbs.bench.wire import Answer, Door, connected, request, upload

_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Trickle:
    """A request that is sent every so many seconds, and the status that its answer must have."""

    name: str
    every_seconds: float
    content: bytes
    status: int = 200


_ALIVE = Trickle(name="healthz", every_seconds=0.1, content=request("GET", "/healthz"))


def trickles(photo: bytes) -> Sequence[Trickle]:
    """Return what good clients ask for."""
    return (
        _ALIVE,
        Trickle(name="status", every_seconds=0.5, content=request("GET", "/api/thumbnails/status")),
        Trickle(name="upload", every_seconds=1.0, content=upload(photo), status=202),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long answers took, of any status, in milliseconds; one that did not come counts as 10 s."""

    requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """Sum up."""
        p50, p99, longest = (round(1000 * percentile(seconds, percent), 1) for percent in (50, 99, 100))
        return cls(requests=len(seconds), p50_ms=p50, p99_ms=p99, max_ms=longest)


@dataclass(slots=True)
class Served:
    """What good clients noticed: seconds by the name of the trickle, requests that failed, and the jobs of uploads."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    job_ids: list[str] = field(default_factory=list)

    def waits(self, name: str) -> Waits:
        """Sum up a trickle."""
        return Waits.of(self.seconds.get(name, []))


async def be_good(door: Door, requests: Sequence[Trickle], *, seconds: float) -> Served:
    """Send trickles for so long, then wait for their answers."""
    served = Served()
    async with asyncio.TaskGroup() as clients:
        for trickle in requests:
            clients.create_task(_send(door, trickle, served, seconds))
    return served


async def seconds_until_answer(door: Door, *, patience_seconds: float) -> float:
    """Ask `/healthz` until it answers, on new connections; return how long that took, at most as long as patience."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < patience_seconds:
        if isinstance(answer := await _answer(door, _ALIVE.content), Answer) and answer.status == _ALIVE.status:
            return time.monotonic() - began
        await asyncio.sleep(_POLL_SECONDS)
    return waited


async def _send(door: Door, trickle: Trickle, served: Served, seconds: float) -> None:
    began, number = time.monotonic(), 0
    async with asyncio.TaskGroup() as clients:
        while (at := number * trickle.every_seconds) < seconds:
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            clients.create_task(_ask(door, trickle, served))
            number += 1


async def _ask(door: Door, trickle: Trickle, served: Served) -> None:
    began = time.monotonic()
    answer = await _answer(door, trickle.content)
    served.seconds.setdefault(trickle.name, []).append(time.monotonic() - began)
    if isinstance(answer, str) or answer.status != trickle.status:
        served.failures[f"{trickle.name} {answer if isinstance(answer, str) else answer.status}"] += 1
    elif trickle.name == "upload":
        served.job_ids += [one["jobId"] for one in json.loads(answer.body)["uploads"]]


async def _answer(door: Door, content: bytes) -> Answer | str:
    """Return the answer, or the name of the error that came instead of one."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), connected(door) as connection:
            return await connection.exchange([content])
    except (OSError, EOFError) as error:
        return type(error).__name__
