"""Attack a service in every way, one after the other, and measure what good clients notice."""

import asyncio
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import httpx2

from raythumbs.bench.chaos.clients.attack import Attack, raise_file_limit
from raythumbs.bench.chaos.clients.attackers import AT_REST, ATTACKS, attack
from raythumbs.bench.chaos.clients.good import be_good, seconds_until_answer, trickles
from raythumbs.bench.chaos.clients.memory import ReplicaMemory
from raythumbs.bench.chaos.clients.result import LEFT_SHARE, Row
from raythumbs.bench.local_service import Service, orderly_end, s3_environment, scratch_service
from raythumbs.bench.photos import await_quiet
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.plans import ChaosPlan
from raythumbs.bench.report import Report, Say, table
from raythumbs.bench.servers import s3_server
from raythumbs.bench.wire import Door
from raythumbs.errors import BadRequest

_PHOTO_MB = 0.1
_STORE_SECONDS = 10.0
_LISTED_JOBS = 1000
_AGAIN_SECONDS = 60.0
_LEFT_SECONDS = 30.0
_QUIET_SECONDS = 300.0
_MB = 1e6


def run_clients(plan: ChaosPlan, *, say: Say) -> Report:
    """Measure; remove what was started and written."""
    attacks = chosen(plan.only)
    rows = []
    say("starting the service")
    with orderly_end(), _attackers() as attackers, _service() as service:
        scene = _Scene(service, attackers)
        for one in (AT_REST, *attacks):
            say(one.name)
            rows.append(asyncio.run(scene.measure(one, seconds=plan.seconds or one.seconds)))
        say("waiting for the thumbnails of good uploads")
        await_quiet(service.client, seconds=_QUIET_SECONDS)
        states = {job_id: service.client.job(job_id)["state"] for job_id in scene.job_ids}
    rest_mb = scene.rest_bytes / _MB
    lost = [f"{job_id} is {state}" for job_id, state in states.items() if state != "succeeded"]
    exceeded = [f"{row.attack}: {limit}" for row in rows[1:] for limit in row.exceeded(rest_mb=rest_mb)]
    exceeded += [f"lost: {one}" for one in lost]
    caption = (
        f"memory of the replica above {rest_mb:.0f} MB at rest; "
        f"good uploads without a thumbnail: {len(lost)} of {len(states)}"
    )
    return Report(
        figures={
            "rest_mb": rest_mb,
            "rest": rows[0],
            "rows": rows[1:],
            "uploads": len(states),
            "lost": lost,
            "exceeded": exceeded,
        },
        tables=[table("raythumbs bench chaos --clients", Row, rows, caption=caption)],
        complaints=exceeded,
        is_failure=bool(exceeded),
    )


def chosen(names: Sequence[str]) -> Sequence[Attack]:
    """Return the attacks of these names, or all. Raises BadRequest if there is none of a name."""
    if unknown := set(names) - {one.name for one in ATTACKS}:
        raise BadRequest(f"no attack is named {', '.join(sorted(unknown))}: {'; '.join(one.name for one in ATTACKS)}")
    return [one for one in ATTACKS if one.name in names or not names]


class _Scene:
    """Good clients, attackers in a process of their own, and the memory of the replica. The memory after the first
    measurement is that at rest."""

    def __init__(self, service: Service, attackers: ProcessPoolExecutor) -> None:
        self.rest_bytes = math.inf
        self.job_ids: list[str] = []
        self._door = Door(httpx2.URL(service.client.url).port or 0)
        self._attackers = attackers
        self._memory = ReplicaMemory(service.family)
        self._trickles = trickles(draw_photo(1, _PHOTO_MB))

    async def measure(self, one: Attack, *, seconds: float) -> Row:
        """Measure during an attack, and after it."""
        deaths, begin_bytes = self._memory.deaths, self._memory.now_bytes()
        async with self._memory.watched():
            loop = asyncio.get_running_loop()
            attacking = loop.run_in_executor(self._attackers, attack, one.name, self._door, seconds)
            served = await be_good(self._door, self._trickles, seconds=seconds)
            answers = await attacking
            again = await seconds_until_answer(self._door, patience_seconds=_AGAIN_SECONDS)
        enough_bytes = max((1 + LEFT_SHARE) * self.rest_bytes, begin_bytes)
        left_bytes = await self._memory.fall(below_bytes=enough_bytes, seconds=_LEFT_SECONDS)
        if math.isinf(self.rest_bytes):
            self.rest_bytes = left_bytes
        self.job_ids += served.job_ids
        return Row(
            attack=one.name,
            clients=one.connections,
            seconds=seconds,
            has_latency_limit=one.has_latency_limit,
            answers=answers,
            healthz=served.waits("healthz"),
            status=served.waits("status"),
            upload=served.waits("upload"),
            failures=served.failures,
            replica_deaths=self._memory.deaths - deaths,
            begin_mb=(begin_bytes - self.rest_bytes) / _MB,
            peak_mb=(self._memory.peak_bytes - self.rest_bytes) / _MB,
            left_mb=(left_bytes - self.rest_bytes) / _MB,
            again_seconds=again,
        )


@contextmanager
def _attackers() -> Iterator[ProcessPoolExecutor]:
    """Start a process for the attackers: their work must not delay the good clients' clocks."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=raise_file_limit) as attackers:
        attackers.submit(raise_file_limit).result()  # it is up
        yield attackers


@contextmanager
def _service() -> Iterator[Service]:
    """Start a service whose store takes 10 s for large objects, with its workers up and 1,000 jobs in its database."""
    with s3_server(large_put_seconds=_STORE_SECONDS) as server:
        httpx2.put(f"{server}/photos").raise_for_status()
        store = {"S3_BUCKET_NAME": "photos", "RAYTHUMBS_STORE": "s3://photos"}
        with scratch_service(s3_environment(server) | store) as service:
            service.client.submit([f"s3://photos/gone/{number}.jpg" for number in range(_LISTED_JOBS)])
            await_quiet(service.client, seconds=_QUIET_SECONDS)
            yield service
