"""How a peer in Python takes part in `raythumbs bench throughput`: see raythumbs/bench/throughput/contestants.py.

Standard library only: some peers have Pythons of their own.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from http.client import HTTPConnection
from types import SimpleNamespace

_answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # whatever a library prints is no answer

_GOOD = {200, 201, 204}
TakeAll = Callable[[Sequence[str]], Iterable[float]]


def read() -> SimpleNamespace:
    """Return the contest: endpoint, bucket, made_bucket, keys, warm_up, pixels, quality, workers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in order, as by Ctrl-C
    return SimpleNamespace(**json.loads(sys.stdin.readline()))


def take_part(version: str, contest: SimpleNamespace, take_all: TakeAll) -> None:
    """Warm up, set out when told to, and tell how long each photo took.

    `take_all` makes the thumbnails of photos, and returns when each was stored, by the machine's monotonic clock.
    """
    list(take_all(contest.warm_up))
    print(json.dumps({"version": version}), file=_answers)
    sys.stdin.readline()
    began = time.monotonic()
    done = [stored - began for stored in take_all(contest.keys)]
    print(json.dumps({"done": done}), file=_answers)


class Bucket:
    """A bucket over plain HTTP: each thread keeps its connection."""

    def __init__(self, endpoint: str, name: str) -> None:
        self._address = endpoint.removeprefix("http://")
        self._name = name
        self._kept = threading.local()

    def get(self, key: str) -> bytes:
        """Read an object."""
        return self._ask("GET", f"/{self._name}/{key}")

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._ask("PUT", f"/{self._name}/{key}", data)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        if not hasattr(self._kept, "connection"):
            self._kept.connection = HTTPConnection(self._address, timeout=60)
        self._kept.connection.request(method, path, body)
        answer = self._kept.connection.getresponse()
        data = answer.read()
        if answer.status not in _GOOD:
            raise OSError(f"{method} {path}: {answer.status}")
        return data
