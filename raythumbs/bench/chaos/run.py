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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import typer

from raythumbs.bench.chaos.clients.run import run_clients
from raythumbs.bench.chaos.killer import RAYS_OWN, KeptService, Kill, Killer
from raythumbs.bench.chaos.oracle import Recovery, judge
from raythumbs.bench.chaos.uploads import SIGNED, Ledger, Sender
from raythumbs.bench.local_service import await_ready, orderly_end, s3_environment
from raythumbs.bench.photos import await_quiet, utc_seconds
from raythumbs.bench.pictures import draw_photo
from raythumbs.bench.plans import ChaosPlan
from raythumbs.bench.report import Report, Say, facts
from raythumbs.bench.servers import postgresql_server, s3_server
from raythumbs.client import ONCE, Client, Refused, Unreachable
from raythumbs.cluster.free_port import free_port
from raythumbs.imaging import Limits, render
from raythumbs.settings import load_settings

_PICTURES = 12
_PICTURE_MB = 0.3
_SENDERS = 4
_SENDER_SECONDS = 30.0
_KILL_EVERY_SECONDS = 3.0, 8.0
_SPARED = 0.7  # of the starts after the death of a whole Ray; the others are struck again
_FAULT_SHARE = 0.1  # of the store's requests, at ordinary times
_BURST_EVERY_SECONDS = 30.0
_BURST_SECONDS = 3.0
_DISK_BYTES = 64 << 20
_QUIET_SECONDS = 600.0
_HEADINGS = {
    "states": "ended as",
    "wrong": "other than in a clean run",
    "kills": "killed",
    "faults": "other faults",
    "doors_recovery": "until a photo is taken again",
    "work_recovery": "until a thumbnail is made again",
    "repeated_events": "events repeated, without effect",
    "late_reports": "late reports fenced",
    "orphans": "orphan processes",
}
_DATABASE_FILES = {"raythumbs.db", "raythumbs.db-wal", "raythumbs.db-shm", "raythumbs.db.lock"}


def run(plan: ChaosPlan, *, say: Say) -> Report:
    """Run it, or attack with clients; remove what was started and written. It fails if anything was lost or is left."""
    if plan.clients:
        return run_clients(plan, say=say)
    if plan.only or plan.seconds:
        raise typer.BadParameter("--only and --seconds are for --clients")
    say(f"killing for {plan.minutes:g} minutes, then waiting until all is quiet")
    with orderly_end(), ExitStack() as stack:
        scene = _Scene(plan, stack)
        ledger, service = scene.ledger, scene.service
        with service.running():
            kills = scene.act()
            with Client(service.url) as client, httpx2.Client(headers=SIGNED) as store:
                await_quiet(client, seconds=_QUIET_SECONDS)
                verdict = judge(
                    client,
                    list(ledger.entries.values()),
                    [_thumbnail(picture) for picture in scene.pictures],
                    get=lambda address: store.get(address).raise_for_status().content,
                )
                ends = [utc_seconds(job["finishedAt"]) for job in client.jobs() if job["finishedAt"]]
            service.family()
        figures: dict[str, Any] = {
            "kills": Counter(kill.kind for kill in kills),
            "faults": scene.faults | httpx2.get(f"{scene.server}/_faults").json(),
            "answers": Counter(answer for _, answer in ledger.answers),
            "starts": service.starts,
            "repeated_events": len(ledger.repeated),
            "late_reports": scene.late_reports,
            "doors_recovery": Recovery.of(kills, ledger.acknowledged_at),
            "work_recovery": Recovery.of(kills, ends),
            "exit_status": service.exit_status,
            "temporary_files": list(scene.temporary_files()),
            "orphans": [str(process) for process in service.orphans()],
        }
    complaints = [*verdict.lost, *verdict.wrong, *figures["temporary_files"], *figures["orphans"]]
    settings = {"photos": plan.photos, "minutes": plan.minutes, "database": plan.database, "seed": plan.seed}
    return Report(
        figures={"plan": settings, "verdict": verdict, **figures},
        tables=[facts("raythumbs bench chaos", settings | asdict(verdict) | figures, _HEADINGS)],
        complaints=complaints,
        is_failure=bool(complaints or verdict.unfinished or service.exit_status != 0),
    )


class _Scene:
    """The service, its store and its database, and all that happens to them."""

    def __init__(self, plan: ChaosPlan, stack: ExitStack) -> None:
        self.plan = plan
        self.data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rt-chaos-"))) / "data"
        self.data.mkdir()
        is_sqlite = plan.database == "sqlite"
        self.has_small_disk = is_sqlite and stack.enter_context(_small_disk(self.data))
        self.postgresql = None if is_sqlite else stack.enter_context(postgresql_server())
        self.server = stack.enter_context(s3_server(seed=plan.seed))
        httpx2.put(f"{self.server}/photos").raise_for_status()
        database = self.postgresql.address if self.postgresql else f"sqlite:///{self.data}/raythumbs.db"
        environment = s3_environment(self.server) | {
            "S3_BUCKET_NAME": "photos",
            "RAYTHUMBS_STORE": "s3://photos",
            "RAYTHUMBS_THUMBNAILS_BASE_URL": f"{self.server}/photos",
            "RAYTHUMBS_DATABASE": database,
            "RAYTHUMBS_MIN_FREE_DISK_BYTES": "0",  # the disk gets full, not nearly full
        }
        self.service = KeptService(self.data, free_port(), environment)
        self.pictures = [draw_photo(seed, _PICTURE_MB) for seed in range(_PICTURES)]
        self.ledger = Ledger()
        self.faults: Counter[str] = Counter()
        self.late_reports = 0
        self._numbers = itertools.count()
        self._is_over = threading.Event()

    def act(self) -> list[Kill]:
        """Let photos come in and everything fail, for the planned time; then let what is on its way arrive."""
        chance = self._chance("killer")
        killer = Killer(self.service, chance)
        self._await_ready()
        self._fail(_FAULT_SHARE)
        with ThreadPoolExecutor(_SENDERS + 2) as actors:
            acting = [actors.submit(self._send_share, share) for share in range(_SENDERS)]
            acting += [actors.submit(self._watch), actors.submit(self._break)]
            try:
                until = time.monotonic() + self.plan.minutes * 60
                while (left := until - time.monotonic()) > 0:
                    time.sleep(min(left, chance.uniform(*_KILL_EVERY_SECONDS)))
                    if killer.strike() in RAYS_OWN and chance.random() < _SPARED:
                        self._await_ready()
            finally:
                self._is_over.set()
                self._fail(0)
            for one in acting:
                one.result()
        return killer.kills

    def temporary_files(self) -> Iterator[str]:
        """Return what is left in the service's folder and in the store."""
        yield from (str(path) for path in self.data.rglob("*") if path.name not in _DATABASE_FILES)
        multipart_uploads = httpx2.get(f"{self.server}/photos?uploads", headers=SIGNED).text
        yield from ["a broken multipart upload"] * multipart_uploads.count("<UploadId>")

    def _chance(self, of: object) -> random.Random:
        """Return an actor's own chance, so that none depends on how quick another is."""
        return random.Random(f"{self.plan.seed} {of}")  # noqa: S311 to repeat a run, not to hide

    def _fail(self, share: float) -> None:
        """Let this share of the service's requests to the store fail."""
        httpx2.put(f"{self.server}/_faults?{share}").raise_for_status()

    def _await_ready(self) -> None:
        with Client(self.service.url, retries=ONCE) as client:
            await_ready(client, self.service.log)

    def _send_share(self, share: int) -> None:
        """Send a sender's share of the photos, evenly over the planned time."""
        chance, began, sent = self._chance(share), time.monotonic(), 0
        wanted = self.plan.photos // _SENDERS
        with (
            httpx2.Client(base_url=self.service.url, timeout=_SENDER_SECONDS) as service,
            httpx2.Client(base_url=self.server, timeout=_SENDER_SECONDS, headers=SIGNED) as store,
        ):
            sender = Sender(service, store, self.ledger, self.pictures)
            while sent < wanted:
                sent += sender.send(next(self._numbers), chance)
                self._is_over.wait(max(0.0, began + self.plan.minutes * 60 * sent / wanted - time.monotonic()))

    def _watch(self) -> None:
        """Sum up the late reports, which a killed queue forgets, and remember every process."""
        seen = 0
        with Client(self.service.url, timeout_seconds=5, retries=ONCE) as client:
            while not self._is_over.wait(0.5):
                self.service.family()
                with suppress(Unreachable, Refused):
                    now = client.status()["lateReports"]
                    self.late_reports += now - seen if now >= seen else now
                    seen = now

    def _break(self) -> None:
        """Let the store fail all requests for a while, then restart the database or fill its disk, in turn."""
        chance = self._chance("breaker")
        while not self._is_over.wait(_BURST_EVERY_SECONDS / 3):
            self._fail(1)
            self._is_over.wait(_BURST_SECONDS)
            self._fail(0 if self._is_over.is_set() else _FAULT_SHARE)
            if self._is_over.wait(_BURST_EVERY_SECONDS / 3):
                return
            if self.postgresql:
                self.faults["PostgreSQL restarted"] += 1
                self.postgresql.end(chance.choice((signal.SIGINT, signal.SIGQUIT)))
                self.postgresql.start()
            elif self.has_small_disk:
                self.faults["disk full"] += 1
                ballast = self.data / "ballast"
                with suppress(OSError), ballast.open("wb", buffering=0) as file:
                    while file.write(bytes(4096)):
                        pass
                self._is_over.wait(_BURST_SECONDS)
                ballast.unlink()


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk at a folder, which only root may do; yield whether it is there."""
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "raythumbs-chaos", str(folder)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0  # noqa: S603 fixed words
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["/usr/bin/umount", "--lazy", folder], check=True)  # noqa: S603 fixed words


def _thumbnail(picture: bytes) -> bytes:
    """Return the thumbnail of a clean run."""
    [made] = render(picture, load_settings(store=None).specs, Limits()).renditions
    return made.data
