"""The chaos run: photos come in for some minutes, while everything fails; then all must be there."""

import itertools
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx2

from raythumbs.bench.chaos.killer import RAYS_OWN, Kill, Killer
from raythumbs.bench.chaos.oracle import await_quiet, judge
from raythumbs.bench.chaos.recovery import Recovery, finished_at, outages
from raythumbs.bench.chaos.result import ChaosPlan, ChaosResult
from raythumbs.bench.chaos.service import KeptService
from raythumbs.bench.chaos.store import UnreliableStore
from raythumbs.bench.chaos.uploads import SIGNED, Ledger, Sender, send
from raythumbs.bench.local_service import free_port, orderly_end
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.servers import PostgreSQL, await_server, postgresql_server, s3_server
from raythumbs.client import Client, Refused, Unreachable
from raythumbs.errors import NotStarted
from raythumbs.imaging import Limits, render
from raythumbs.settings import load_settings

_PICTURES = 12
_PICTURE_MB = 0.3
_SENDERS = 4
_KILL_EVERY_SECONDS = 3.0, 8.0
_SPARED = 0.7  # of the starts after the death of a whole Ray; into the others it is struck again
_TROUBLE = 0.1  # of the store's requests, at ordinary times
_BURST_EVERY_SECONDS = 30.0
_BURST_SECONDS = 3.0
_DISK_BYTES = 64 << 20
_READY_SECONDS = 180.0
_QUIET_SECONDS = 600.0


@dataclass(slots=True)
class _Scene:
    """Everything that takes part."""

    plan: ChaosPlan
    folder: Path
    store: UnreliableStore
    server: str
    postgresql: PostgreSQL | None
    has_small_disk: bool
    service: KeptService
    pictures: Sequence[bytes]
    ledger: Ledger = field(default_factory=Ledger)
    faults: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    late_reports: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def chance(self, of: object) -> random.Random:
        """Return an actor's own chance, so that none depends on how quick another is."""
        return random.Random(f"{self.plan.seed} {of}")  # noqa: S311 to repeat a run, not to hide


def run_chaos(plan: ChaosPlan) -> ChaosResult:
    """Run it; what it starts and writes is gone at the end."""
    with orderly_end(), ExitStack() as stack:
        scene = _set(plan, stack)
        with scene.service.running():
            kills = _act(scene)
            expected = [_clean(picture) for picture in scene.pictures]
            with Client(scene.service.url) as client, httpx2.Client(headers=SIGNED) as store:
                await_quiet(client, seconds=_QUIET_SECONDS)
                verdict = judge(client, scene.ledger.entries, expected, opened=partial(_opened, store))
                doors = outages(kills, scene.ledger.acknowledged_at)
                work = outages(kills, finished_at(client))
            scene.service.family()
        return ChaosResult(
            plan=plan,
            verdict=verdict,
            kills=dict(Counter(kill.kind for kill in kills)),
            faults=dict(scene.faults + scene.store.done),
            answers=dict(scene.ledger.answers),
            starts=scene.service.starts,
            repeated_events=scene.ledger.repeated,
            late_reports=scene.late_reports,
            doors_recovery=Recovery.of(doors),
            work_recovery=Recovery.of(work),
            exit_status=scene.service.status,
            temporary_files=tuple(_temporary_files(scene)),
            orphans=tuple(str(process) for process in scene.service.survivors()),
        )


def _set(plan: ChaosPlan, stack: ExitStack) -> _Scene:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rt-chaos-")))
    data = folder / "data"
    data.mkdir()
    has_small_disk = plan.database == "sqlite" and stack.enter_context(_small_disk(data))
    postgresql = stack.enter_context(postgresql_server()) if plan.database == "postgresql" else None
    server = stack.enter_context(s3_server())
    httpx2.put(f"{server}/photos").raise_for_status()
    store = UnreliableStore(server, random.Random(plan.seed))  # noqa: S311 to repeat a run, not to hide
    stack.enter_context(store.running())
    environment = {
        "S3_BUCKET_NAME": "photos",
        "AWS_ENDPOINT_URL_S3": store.address,
        "AWS_ACCESS_KEY_ID": "chaos",
        "AWS_SECRET_ACCESS_KEY": "chaos",
        "AWS_REGION": "us-east-1",
        "RAYTHUMBS_STORE": "s3://photos",
        "RAYTHUMBS_THUMBNAILS_BASE_URL": f"{server}/photos",  # looked at by the oracle, which wants no trouble
        "RAYTHUMBS_DATABASE": postgresql.address if postgresql else f"sqlite:///{data}/raythumbs.db",
        "RAYTHUMBS_MIN_FREE_DISK_BYTES": "0",  # the disk shall be full, not nearly
    }
    service = KeptService(data, free_port(), environment)
    pictures = [draw_photo(seed, _PICTURE_MB) for seed in range(_PICTURES)]
    return _Scene(plan, folder, store, server, postgresql, has_small_disk, service, pictures)


def _act(scene: _Scene) -> list[Kill]:
    """Let photos come in and everything fail, for the planned time; then let what is on its way arrive."""
    chance = scene.chance("killer")
    killer = Killer(scene.service, chance)
    _await_ready(scene)
    scene.store.trouble = _TROUBLE
    with ThreadPoolExecutor(_SENDERS + 2) as actors:
        sending = [actors.submit(_send_share, scene, share) for share in range(_SENDERS)]
        others = [actors.submit(act, scene) for act in (_watch, _break)]
        try:
            _kill(scene, killer, chance)
        finally:
            scene.over.set()
            scene.store.trouble = 0
        for acting in (*sending, *others):
            acting.result()
    return killer.kills


def _kill(scene: _Scene, killer: Killer, chance: random.Random) -> None:
    until = time.monotonic() + scene.plan.minutes * 60
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, chance.uniform(*_KILL_EVERY_SECONDS)))
        if killer.strike() in RAYS_OWN and chance.random() < _SPARED:
            _await_ready(scene)


def _await_ready(scene: _Scene) -> None:
    def is_ready() -> bool:
        with suppress(Unreachable, Refused), Client(scene.service.url) as client:
            client.ready()
            return True
        return False

    try:
        await_server(is_ready, "the service does not start", seconds=_READY_SECONDS)
    except NotStarted as error:
        raise NotStarted(f"{error.reason}; it said:\n{scene.service.said()}") from error


def _send_share(scene: _Scene, share: int) -> None:
    """Send a sender's share of the photos, evenly over the planned time."""
    chance = scene.chance(share)
    began, sent = time.monotonic(), 0
    wanted = scene.plan.photos // _SENDERS
    with closing(Sender(scene.service.url, scene.server, scene.ledger, scene.pictures)) as sender:
        while sent < wanted:
            sent += send(sender, next(scene.numbers), _PICTURES, chance)
            scene.over.wait(max(0.0, began + scene.plan.minutes * 60 * sent / wanted - time.monotonic()))


def _watch(scene: _Scene) -> None:
    """Sum up the late reports, which a killed queue forgets, and remember every process."""
    seen = 0
    with Client(scene.service.url, timeout_seconds=5) as client:
        while not scene.over.wait(0.5):
            scene.service.family()
            with suppress(Unreachable, Refused):
                now = client.status()["lateReports"]
                scene.late_reports += now - seen if now >= seen else now
                seen = now


def _break(scene: _Scene) -> None:
    """Let the store answer nothing but errors for a while, then restart the database or fill its disk, in turn."""
    chance = scene.chance("breaker")
    while not scene.over.wait(_BURST_EVERY_SECONDS / 3):
        scene.store.trouble = 1.0
        scene.over.wait(_BURST_SECONDS)
        scene.store.trouble = 0.0 if scene.over.is_set() else _TROUBLE
        if scene.over.wait(_BURST_EVERY_SECONDS / 3):
            return
        if scene.postgresql:
            scene.faults["PostgreSQL restarted"] += 1
            scene.postgresql.end(chance.choice((signal.SIGINT, signal.SIGQUIT)))
            scene.postgresql.start()
        elif scene.has_small_disk:
            scene.faults["disk full"] += 1
            ballast = scene.folder / "data" / "ballast"
            _fill(ballast)
            scene.over.wait(_BURST_SECONDS)
            ballast.unlink()


def _fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk at a folder, which only root may do; give whether it is there."""
    if os.geteuid() != 0:
        yield False
        return
    mounted = subprocess.run(  # noqa: S603 fixed words
        ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "raythumbs-chaos", folder], check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["/usr/bin/umount", "--lazy", folder], check=True)  # noqa: S603 fixed words


def _clean(picture: bytes) -> bytes:
    [made] = render(picture, load_settings(store=None).specs, Limits()).renditions
    return made.data


def _opened(store: httpx2.Client, address: str) -> bytes:
    return store.get(address).raise_for_status().content


def _temporary_files(scene: _Scene) -> Iterator[str]:
    kept = {"raythumbs.db", "raythumbs.db-wal", "raythumbs.db-shm", "raythumbs.db.lock"}
    yield from (str(path) for path in (scene.folder / "data").rglob("*") if path.name not in kept)
    listed = httpx2.get(f"{scene.server}/photos?uploads").text
    yield from ["a broken multipart upload"] * listed.count("<UploadId>")
