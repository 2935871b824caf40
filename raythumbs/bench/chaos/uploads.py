"""Photos come in by both doors, and every answer is written down."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

_PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 0.2
_PHOTOS_AN_UPLOAD = 3
_BUCKET = "/photos"
SIGNED = {  # moto checks no signature, but that there is one
    "authorization": "AWS4-HMAC-SHA256 Credential=chaos/20260101/us-east-1/s3/aws4_request,"
    " SignedHeaders=host, Signature=0"
}

Pictures = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """A photo that the service answered for: where it lies, and which picture it is, or None if it was deleted."""

    source: str
    picture: int | None


class Ledger:
    """What was acknowledged, and every answer by its status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self.answers: Counter[str] = Counter()
        self.acknowledged_at: list[float] = []
        self.repeated = 0

    @property
    def entries(self) -> list[Entry]:
        """The last word on each photo."""
        with self._lock:
            return list(self._entries.values())

    def note(self, entry: Entry) -> None:
        """The service has answered for it."""
        with self._lock:
            self._entries[entry.source] = entry

    def count(self, answer: str) -> None:
        """Count an answer, or what came instead of one, now."""
        with self._lock:
            self.answers[answer] += 1
            if answer.startswith("2"):
                self.acknowledged_at.append(time.time())

    def count_repeated(self) -> None:
        """Count an event that was sent again after it was acknowledged."""
        with self._lock:
            self.repeated += 1


class Sender:
    """Sends until it is answered. `store` is the S3 server itself: it is the senders' own, and does not fail."""

    def __init__(self, url: str, store: str, ledger: Ledger, pictures: Pictures) -> None:
        self._service = httpx2.Client(base_url=url, timeout=_PATIENCE_SECONDS)
        self._store = httpx2.Client(base_url=store, timeout=_PATIENCE_SECONDS, headers=SIGNED)
        self._ledger = ledger
        self._pictures = pictures

    def close(self) -> None:
        """Close the connections."""
        self._service.close()
        self._store.close()

    def upload(self, numbers: Sequence[int]) -> None:
        """Upload pictures to the service, in one request, until it takes them."""
        files = [("file", (f"{number}.jpg", self._pictures[number], "image/jpeg")) for number in numbers]
        told = self._answered(lambda: self._service.post("/api/uploads/direct", files=files))
        for number, uploaded in zip(numbers, told["uploads"], strict=True):
            self._ledger.note(Entry(uploaded["source"], number))

    def put_and_tell(self, key: str, number: int, sequencer: int) -> None:
        """Put a picture into the bucket, as others do, and tell of it as the bucket does."""
        picture = self._pictures[number]
        kept = _until_success(lambda: self._store.put(f"{_BUCKET}/{key}", content=picture), count=_nobody)
        self._tell("ObjectCreated:Put", key, sequencer, etag=kept.headers["etag"].strip('"'))
        self._ledger.note(Entry(f"s3:/{_BUCKET}/{key}", number))

    def delete_and_tell(self, key: str, sequencer: int) -> None:
        """Delete a picture from the bucket, and tell of it."""
        _until_success(lambda: self._store.delete(f"{_BUCKET}/{key}"), count=_nobody)
        self._tell("ObjectRemoved:Delete", key, sequencer)
        self._ledger.note(Entry(f"s3:/{_BUCKET}/{key}", None))

    def repeat(self, key: str, sequencer: int) -> None:
        """Tell once more of a creation, late."""
        self._tell("ObjectCreated:Put", key, sequencer, etag="of-old")
        self._ledger.count_repeated()

    def _tell(self, name: str, key: str, sequencer: int, *, etag: str | None = None) -> None:
        told = {"key": key, "sequencer": f"{sequencer:016X}"} | ({"eTag": etag} if etag else {})
        record = {"eventName": name, "s3": {"bucket": {"name": _BUCKET[1:]}, "object": told}}
        body = json.dumps({"Records": [record]})
        self._answered(lambda: self._service.post("/api/notifications/s3", content=body))

    def _answered(self, ask: Callable[[], httpx2.Response]) -> dict[str, Any]:
        told: dict[str, Any] = _until_success(ask, self._ledger.count).json()
        return told


def _nobody(_answer: str) -> None:
    """Count nothing: the store is not whose answers matter."""


def _until_success(ask: Callable[[], httpx2.Response], count: Callable[[str], object]) -> httpx2.Response:
    while True:
        try:
            answer = ask()
        except httpx2.TransportError as error:
            count(type(error).__name__)
        else:
            count(str(answer.status_code))
            if answer.is_success:
                return answer
        time.sleep(_AGAIN_SECONDS)


def send(sender: Sender, number: int, pictures: int, chance: random.Random) -> int:
    """Send what is due as number `number`: some by the one door, some by the other; return how many photos it was."""
    if number % 2:
        several = [chance.randrange(pictures) for _ in range(_PHOTOS_AN_UPLOAD)]
        sender.upload(several)
        return len(several)
    key = f"incoming/{number:06d}.jpg"
    sender.put_and_tell(key, chance.randrange(pictures), sequencer=1)
    match number % 10:
        case 2:
            sender.put_and_tell(key, chance.randrange(pictures), sequencer=2)
            sender.repeat(key, sequencer=1)
        case 4:
            sender.delete_and_tell(key, sequencer=2)
            sender.repeat(key, sequencer=1)
        case 6:
            sender.repeat(key, sequencer=1)
    return 1
