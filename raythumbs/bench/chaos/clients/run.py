"""Attack a service in every way, one after the other, and measure what good clients notice."""

import asyncio
import math
import multiprocessing
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from raythumbs.bench.chaos.clients.attack import Attack, attack, raise_file_limit
from raythumbs.bench.chaos.clients.attacks import ATTACKS
from raythumbs.bench.chaos.clients.connections import idle
from raythumbs.bench.chaos.clients.good import be_good, seconds_until_answer, trickles
from raythumbs.bench.chaos.clients.memory import ReplicaMemory
from raythumbs.bench.chaos.clients.result import LEFT_SHARE, ClientsResult, Row
from raythumbs.bench.chaos.clients.wire import Door
from raythumbs.bench.chaos.oracle import await_quiet
from raythumbs.bench.local_service import await_workers, local_service, orderly_end
from raythumbs.bench.meter import MARK
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.servers import s3_server
from raythumbs.client import Client
from raythumbs.errors import BadRequest

_PHOTO_MB = 0.1
_STORE_SECONDS = 10.0
_LISTED_JOBS = 1000
_AGAIN_SECONDS = 60.0
_LEFT_SECONDS = 30.0
_QUIET_SECONDS = 300.0
_MB = 1e6
_REST = Attack(name="at rest", clients=0, client=idle, seconds=10)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsPlan:
    """Which attacks, by name (all), and how many seconds each lasts (as long as it says itself)."""

    only: Sequence[str] = ()
    seconds: float | None = None

    def attacks(self) -> Sequence[Attack]:
        """Return the attacks. Raises BadRequest if there is none of a name."""
        unknown = set(self.only) - {one.name for one in ATTACKS}
        if unknown:
            raise BadRequest(
                f"no attack is named {', '.join(sorted(unknown))}: {'; '.join(one.name for one in ATTACKS)}"
            )
        return [one for one in ATTACKS if one.name in self.only or not self.only]


def run_clients(plan: ClientsPlan, *, say: Say) -> ClientsResult:
    """Measure; `say` hears what goes on. What is started and written is gone at the end."""
    attacks = plan.attacks()
    mark = secrets.token_hex(8)
    with orderly_end(), _attackers() as attackers, _service(mark, say) as client:
        scene = _Scene(client, attackers, mark)
        rows = []
        for one in (_REST, *attacks):
            say(one.name)
            rows.append(asyncio.run(scene.measure(one, seconds=plan.seconds or one.seconds)))
        say("waiting for the thumbnails of good uploads")
        await_quiet(client, seconds=_QUIET_SECONDS)
        states = {job_id: client.job(job_id)["state"] for job_id in scene.job_ids}
    return ClientsResult(
        rest_mb=round(scene.rest_bytes / _MB, 1),
        rest=rows[0],
        rows=tuple(rows[1:]),
        uploads=len(states),
        lost=tuple(f"{job_id} is {state}" for job_id, state in states.items() if state != "succeeded"),
    )


class _Scene:
    """Good clients, attackers in a process of their own, and the memory of the replica. The memory after the first
    measurement is that at rest."""

    def __init__(self, client: Client, attackers: ProcessPoolExecutor, mark: str) -> None:
        self._door = Door(httpx2.URL(client.url).port or 0)
        self._attackers = attackers
        self._memory = ReplicaMemory(mark)
        self._trickles = trickles(draw_photo(1, _PHOTO_MB))
        self.rest_bytes = math.inf
        self.job_ids: list[str] = []

    async def measure(self, one: Attack, *, seconds: float) -> Row:
        """Measure during an attack, and after it."""
        deaths, begin_bytes = self._memory.deaths, self._memory.now_bytes()
        async with self._memory.watched():
            loop = asyncio.get_running_loop()
            attacking = loop.run_in_executor(self._attackers, attack, one, self._door, seconds)
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
            has_latency_bar=one.has_latency_bar,
            answers=dict(answers),
            healthz=served.waits("healthz"),
            status=served.waits("status"),
            upload=served.waits("upload"),
            failures=dict(served.failures),
            replica_deaths=self._memory.deaths - deaths,
            begin_mb=self._above_rest(begin_bytes),
            peak_mb=self._above_rest(self._memory.peak_bytes),
            left_mb=self._above_rest(left_bytes),
            again_seconds=round(again, 2),
        )

    def _above_rest(self, count_bytes: float) -> float:
        return round((count_bytes - self.rest_bytes) / _MB, 1)


@contextmanager
def _attackers() -> Iterator[ProcessPoolExecutor]:
    """Give a process for the attackers: their work must not delay the good clients' clocks."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=raise_file_limit) as attackers:
        attackers.submit(raise_file_limit).result()  # it is up
        yield attackers


@contextmanager
def _service(mark: str, say: Say) -> Iterator[Client]:
    """Start a service whose store takes 10 s for large objects, with its workers up and 1,000 jobs in its record."""
    say("starting the service")
    with (
        tempfile.TemporaryDirectory(prefix="rt-clients-") as folder,
        s3_server(large_put_seconds=_STORE_SECONDS) as server,
    ):
        httpx2.put(f"{server}/photos").raise_for_status()
        environment = {
            "S3_BUCKET_NAME": "photos",
            "AWS_ENDPOINT_URL_S3": server,
            "AWS_ACCESS_KEY_ID": "clients",
            "AWS_SECRET_ACCESS_KEY": "clients",
            "AWS_REGION": "us-east-1",
            "RAYTHUMBS_STORE": "s3://photos",
            "RAYTHUMBS_DATABASE": f"sqlite:///{folder}/raythumbs.db",
            MARK: mark,  # by which its processes are known
        }
        with local_service(Path(folder), environment=environment) as client:
            client.submit([f"s3://photos/gone/{number}.jpg" for number in range(_LISTED_JOBS)])
            await_quiet(client, seconds=_QUIET_SECONDS)
            await_workers(client)
            yield client
