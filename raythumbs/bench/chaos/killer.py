"""Who is killed, and by what."""

import random
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from raythumbs.bench.chaos.service import KeptService

# What the title of a process has in it, by what it is to us.
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


@dataclass(frozen=True, slots=True)
class Kill:
    """What was killed, and when (seconds since 1970)."""

    kind: str
    at: float


class Killer:
    """Sends SIGKILL. Each kind comes once, in a random order, before chance decides."""

    def __init__(self, service: KeptService, chance: random.Random) -> None:
        self._service = service
        self._chance = chance
        self._first = [*TITLES, EVERYTHING]
        chance.shuffle(self._first)
        self.kills: list[Kill] = []

    def strike(self) -> str | None:
        """Kill one of the kind whose turn it is, or another if there is none; return its kind."""
        family = self._service.family()
        for kind in [*self._first, *self._by_chance()]:
            victims = family if kind == EVERYTHING else [one for one in family if TITLES[kind] in _title(one)]
            if victims:
                if kind in self._first:
                    self._first.remove(kind)
                self._kill(kind, victims if kind == EVERYTHING else [self._chance.choice(victims)])
                return kind
        return None

    def _by_chance(self) -> list[str]:
        weights = _WEIGHTS | {EVERYTHING: 1}
        return self._chance.choices(list(weights), list(weights.values()), k=3)

    def _kill(self, kind: str, victims: list[psutil.Process]) -> None:
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        self.kills.append(Kill(kind, time.time()))


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
