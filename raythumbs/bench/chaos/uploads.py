"""Photos that come in by both doors, and a ledger of every answer."""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx2

_PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 0.2
_PHOTOS_AN_UPLOAD = 3
_BUCKET = "/photos"
SIGNED = {
    "x-no-faults": "these requests are not the service's",
    # moto checks no signature, but that there is one:
    "authorization": "AWS4-HMAC-SHA256 Credential=chaos/20260101/us-east-1/s3/aws4_request,"
    " SignedHeaders=host, Signature=0",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A photo that was acknowledged: its source, and the number of its picture, or None if it was deleted."""

    source: str
    picture: int | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The last entry of each acknowledged photo by its source, every answer with its moment (UTC seconds), and the keys
    of events that were sent again after they were acknowledged. Threads may add to it."""

    entries: dict[str, Entry] = field(default_factory=dict)
    answers: list[tuple[float, str]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def note(self, source: str, picture: int | None) -> None:
        """Note that the service has acknowledged a photo."""
        self.entries[source] = Entry(source, picture)

    def count(self, answer: str) -> None:
        """Note the status of an answer, or the error that came instead of one."""
        self.answers.append((time.time(), answer))

    @property
    def acknowledged_at(self) -> list[float]:
        """The moments of successes."""
        return [at for at, answer in self.answers if answer.startswith("2")]


class Sender:
    """Sends every request until it succeeds. The store does not fail for them."""

    def __init__(self, service: httpx2.Client, store: httpx2.Client, ledger: Ledger, pictures: Sequence[bytes]) -> None:
        self._service = service
        self._store = store
        self._ledger = ledger
        self._pictures = pictures

    def send(self, number: int, chance: random.Random) -> int:
        """Send what belongs to this number, by one door or the other; return how many photos it was."""
        if number % 2:
            pictures = [chance.randrange(len(self._pictures)) for _ in range(_PHOTOS_AN_UPLOAD)]
            self._upload(pictures)
            return len(pictures)
        key = f"incoming/{number:06d}.jpg"
        self._put(key, chance.randrange(len(self._pictures)), sequencer=1)
        match number % 10:
            case 2:
                self._put(key, chance.randrange(len(self._pictures)), sequencer=2)
            case 4:
                self._delete(key, sequencer=2)
        if number % 10 in {2, 4, 6}:  # the first event comes again, late
            self._notify("ObjectCreated:Put", key, 1, etag="of-old")
            self._ledger.repeated.append(key)
        return 1

    def _upload(self, pictures: Sequence[int]) -> None:
        """Upload pictures in one request."""
        files = [("file", (f"{number}.jpg", self._pictures[number], "image/jpeg")) for number in pictures]
        answer = _repeated(lambda: self._service.post("/api/uploads/direct", files=files), self._ledger.count)
        for number, upload in zip(pictures, answer.json()["uploads"], strict=True):
            self._ledger.note(upload["source"], number)

    def _put(self, key: str, picture: int, *, sequencer: int) -> None:
        """Put a picture into the bucket, and send its notification as the bucket does."""
        answer = _repeated(lambda: self._store.put(f"{_BUCKET}/{key}", content=self._pictures[picture]))
        self._notify("ObjectCreated:Put", key, sequencer, etag=answer.headers["etag"].strip('"'))
        self._ledger.note(f"s3:/{_BUCKET}/{key}", picture)

    def _delete(self, key: str, *, sequencer: int) -> None:
        """Delete a picture from the bucket, and send its notification."""
        _repeated(lambda: self._store.delete(f"{_BUCKET}/{key}"))
        self._notify("ObjectRemoved:Delete", key, sequencer)
        self._ledger.note(f"s3:/{_BUCKET}/{key}", None)

    def _notify(self, name: str, key: str, sequencer: int, *, etag: str | None = None) -> None:
        thing = {"key": key, "sequencer": f"{sequencer:016X}"} | ({"eTag": etag} if etag else {})
        record = {"eventName": name, "s3": {"bucket": {"name": _BUCKET[1:]}, "object": thing}}
        body = json.dumps({"Records": [record]})
        _repeated(lambda: self._service.post("/api/notifications/s3", content=body), self._ledger.count)


def _repeated(
    ask: Callable[[], httpx2.Response], count: Callable[[str], object] = lambda _answer: None
) -> httpx2.Response:
    """Ask until the answer is a success, and count every answer."""
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
