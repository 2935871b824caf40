"""Attack a service in every way, one after the other, and measure what good clients notice."""

import asyncio
import math
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx2

from raythumbs.bench.chaos.clients.attack import Attack, raise_file_limit
from raythumbs.bench.chaos.clients.attackers import AT_REST, ATTACKS, attack
from raythumbs.bench.chaos.clients.good import Waits, be_good, seconds_until_answer, trickles
from raythumbs.bench.chaos.clients.memory import ReplicaMemory
from raythumbs.bench.local_service import Service, orderly_end, s3_environment, scratch_service
from raythumbs.bench.photos import await_quiet
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.plans import ChaosPlan
from raythumbs.bench.report import Report, Say, counted, table
from raythumbs.bench.servers import s3_server
from raythumbs.bench.wire import Door
from raythumbs.errors import BadRequest

HEALTHZ_P99_MS = 300
UPLOAD_MS = 2000
ANSWER_SECONDS = 1.0
PEAK_MB = 600
LEFT_SHARE = 0.1
_SAME = 1.1  # memory of as much as before, give or take
_PHOTO_MB = 0.1
_STORE_SECONDS = 10.0
_AGAIN_SECONDS = 60.0
_LEFT_SECONDS = 30.0
_QUIET_SECONDS = 300.0
_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attack. `answers` counts the answers to its clients. `again_seconds` is how long after the attack the service
    answered.

    MB are 10^6 bytes above the memory at rest: before the attack, the highest during it, and what is left at most 30 s
    after it. What an earlier attack left exceeds no limit again.
    """

    attack: Annotated[str, "attack"]
    clients: Annotated[int, "clients", "{:,}"]
    seconds: float
    has_latency_limit: bool
    answers: Annotated[Mapping[str, int], "their answers"]
    healthz: Annotated[Waits, "/healthz p50, p99 ms", "{0.p50_ms:.0f}, {0.p99_ms:.0f}"]
    status: Waits
    upload: Annotated[Waits, "upload p50, max ms", "{0.p50_ms:.0f}, {0.max_ms:.0f}"]
    failures: Annotated[Mapping[str, int], "good clients failed"]
    replica_deaths: int
    begin_mb: float
    peak_mb: Annotated[float, "memory MB: peak", "{:+.0f}"]
    left_mb: Annotated[float, "left", "{:+.0f}"]
    again_seconds: Annotated[float, "answers after s", "{:.2f}"]

    def exceeded(self, *, rest_mb: float) -> Iterator[str]:
        """Describe each limit that was exceeded."""
        if self.failures:
            yield f"good clients failed: {counted(self.failures)}"
        if self.has_latency_limit and self.healthz.p99_ms > HEALTHZ_P99_MS:
            yield f"/healthz took {self.healthz.p99_ms:.0f} ms at p99; at most {HEALTHZ_P99_MS}"
        if self.has_latency_limit and self.upload.max_ms > UPLOAD_MS:
            yield f"an upload took {self.upload.max_ms:.0f} ms; at most {UPLOAD_MS}"
        if self.replica_deaths:
            yield f"{self.replica_deaths} replicas ended"
        if self.again_seconds > ANSWER_SECONDS:
            yield f"the service answered {self.again_seconds:.1f} s after the attack; at most {ANSWER_SECONDS:g}"
        if self.peak_mb > max(PEAK_MB, _SAME * self.begin_mb):
            yield f"the replica grew by {self.peak_mb:.0f} MB; at most {PEAK_MB}"
        if self.left_mb > max(LEFT_SHARE * rest_mb, _SAME * self.begin_mb):
            yield f"the replica kept {self.left_mb:.0f} MB; at most {LEFT_SHARE * rest_mb:.0f}"


def run_clients(plan: ChaosPlan, *, say: Say) -> Report:
    """Measure; remove what was started and written."""
    attacks = chosen(plan.only)
    rows = []
    say("starting the service")
    with orderly_end(), _attackers() as attackers, _service(plan.listed_jobs) as service:
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
def _service(jobs: int) -> Iterator[Service]:
    """Start a service whose store takes 10 s for large objects, with its workers up and some jobs in its database."""
    with s3_server(large_put_seconds=_STORE_SECONDS) as server:
        httpx2.put(f"{server}/photos").raise_for_status()
        store = {"S3_BUCKET_NAME": "photos", "RAYTHUMBS_STORE": "s3://photos"}
        with scratch_service(s3_environment(server) | store) as service:
            service.client.submit([f"s3://photos/gone/{number}.jpg" for number in range(jobs)])
            await_quiet(service.client, seconds=_QUIET_SECONDS)
            yield service
