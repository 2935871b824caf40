"""Somebody who goes on asking while the service is deployed anew, and takes note of how long it was not there."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx2


@dataclass
class Heard:
    """What one asker heard, in order: when a reply came, its status (0: none), and how long it took."""

    replies: list[tuple[float, int, float]] = field(default_factory=list)
    refused_without_a_time: int = 0
    taken: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> set[int]:
        return {status for _, status, _ in self.replies}

    @property
    def longest_refusal_seconds(self) -> float:
        """From the last reply before a refusal to the next that is none, at the longest."""
        longest, since, is_refused = 0.0, 0.0, False
        for at, status, _ in self.replies:
            if 200 <= status < 300:
                longest = max(longest, at - since if is_refused else 0.0)
                since, is_refused = at, False
            else:
                since, is_refused = since or at, True
        return longest

    @property
    def longest_wait_seconds(self) -> float:
        return max(took for _, _, took in self.replies)


class Hammer:
    """Two askers: one uploads a photo after the other, the other tells of one after the other as a bucket would."""

    def __init__(self, url: str, *, photo: bytes, bucket: str) -> None:
        self.uploads = Heard()
        self.events = Heard()
        self._url = url
        self._photo = photo
        self._bucket = bucket
        self._enough = threading.Event()

    @contextmanager
    def at_it(self) -> Iterator[None]:
        askers = [
            threading.Thread(target=self._ask, args=(self.uploads, self._upload)),
            threading.Thread(target=self._ask, args=(self.events, self._notify)),
        ]
        for asker in askers:
            asker.start()
        try:
            yield
        finally:
            self._enough.set()
            for asker in askers:
                asker.join()

    def _ask(self, heard: Heard, ask) -> None:
        with httpx2.Client(base_url=self._url, timeout=30) as http:
            for number in count():
                if self._enough.is_set():
                    return
                began = time.monotonic()
                try:
                    reply = ask(http, number)
                except httpx2.TransportError:
                    heard.replies.append((time.monotonic(), 0, time.monotonic() - began))
                    time.sleep(0.05)  # no waiting for a state: it would ask thousands of times
                    continue
                heard.replies.append((time.monotonic(), reply.status_code, time.monotonic() - began))
                if reply.status_code == 202 and "uploads" in reply.json():
                    heard.taken.append(reply.json()["uploads"][0]["jobId"])
                heard.refused_without_a_time += reply.is_error and "retry-after" not in reply.headers
                # No waiting for a state: clients that do something else, too. More of them would only take CPU from the
                # deploy. Who is refused asks again soon, which measures the refusal.
                time.sleep(1 if reply.is_success else 0.05)

    def _upload(self, http: httpx2.Client, _number: int) -> httpx2.Response:
        return http.post("/api/uploads/direct", files={"file": ("photo.jpg", self._photo)})

    def _notify(self, http: httpx2.Client, number: int) -> httpx2.Response:
        record = {
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00Z",
            "s3": {"bucket": {"name": self._bucket}, "object": {"key": f"{number}.jpg", "size": 1, "sequencer": "1"}},
        }
        return http.post("/api/notifications/s3", content=json.dumps({"Records": [record]}))
