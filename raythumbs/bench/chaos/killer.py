"""The service as a supervisor keeps it, started again whenever it ends, and what kills its processes."""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from raythumbs.bench.local_service import start_service
from raythumbs.bench.meter import title

# The kinds of processes: what is in the title of each.
TITLES: Mapping[str, str] = {
    "decoder": "raythumbs.imaging.sandbox_child",
    "worker": "ray::render ",
    "queue": "ray::ThumbnailQueue",
    "replica": "ray::ServeReplica",
    "proxy": "bin/haproxy",
    "controller": "ray::ServeController",
    "raylet": "raylet/raylet",
    "gcs": "gcs/gcs_server",
}
EVERYTHING = "everything"
RAYS_OWN = {"raylet", "gcs", EVERYTHING}  # after which all of Ray is started anew
_WEIGHTS = {"decoder": 4, "worker": 4, "queue": 4, "replica": 2, "proxy": 2, "controller": 2, "raylet": 1, "gcs": 1}
_RESTART_SECONDS = 1.0


class KeptService:
    """`raythumbs serve` on a port. It remembers every process of the service that it has seen."""

    def __init__(self, data_dir: Path, port: int, environment: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = data_dir.parent / "serve.log"
        self.starts = 0
        self._start_arguments = port, data_dir, environment
        self._seen: set[psutil.Process] = set()
        self._is_ending = threading.Event()
        self._process = self._start()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep it running; at the end stop it in order."""
        keeping = threading.Thread(target=self._keep, name="supervisor", daemon=True)
        keeping.start()
        try:
            yield
        finally:
            self._is_ending.set()
            self._process.send_signal(signal.SIGTERM)
            keeping.join()

    @property
    def exit_status(self) -> int | None:
        """Its exit status, if it has ended."""
        return self._process.returncode

    def family(self) -> list[psutil.Process]:
        """Return the process and all that it started, the youngest last."""
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._process.pid)
            family = [main, *main.children(recursive=True)]
            self._seen.update(family)
            return family
        return []

    def orphans(self) -> list[psutil.Process]:
        """Return which of its processes run after its end."""
        _, alive = psutil.wait_procs(self._seen, timeout=10)
        return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        port, data_dir, environment = self._start_arguments
        return start_service(port, data_dir, log=self.log, environment=environment)

    def _keep(self) -> None:
        while True:
            self._process.wait()
            if self._is_ending.is_set():
                return
            time.sleep(_RESTART_SECONDS)
            self._process = self._start()


@dataclass(frozen=True, slots=True)
class Kill:
    """What was killed, and when (UTC seconds)."""

    kind: str
    at: float


class Killer:
    """Sends SIGKILL. Each kind comes once, in a random order; afterwards chance decides."""

    def __init__(self, service: KeptService, chance: random.Random) -> None:
        self.kills: list[Kill] = []
        self._service = service
        self._chance = chance
        self._first = [*TITLES, EVERYTHING]
        chance.shuffle(self._first)

    def strike(self) -> str | None:
        """Kill a process of the next kind of which there is one; return the kind."""
        family, weights = self._service.family(), _WEIGHTS | {EVERYTHING: 1}
        for kind in [*self._first, *self._chance.choices(list(weights), list(weights.values()), k=3)]:
            victims = family if kind == EVERYTHING else [one for one in family if TITLES[kind] in title(one)]
            if not victims:
                continue
            if kind in self._first:
                self._first.remove(kind)
            for victim in victims if kind == EVERYTHING else [self._chance.choice(victims)]:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
            self.kills.append(Kill(kind, time.time()))
            return kind
        return None
