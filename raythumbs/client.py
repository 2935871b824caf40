"""The HTTP client that the CLI, the benchmarks and the notebooks use."""

import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx2

from raythumbs.errors import RaythumbsError

_SOURCES_A_REQUEST = 1000  # the service's limit
_FILES_A_REQUEST = 200  # all are open at one time
_SENDABLE = re.compile(r"[!-~]+")  # RFC 9110, section 5.5, without spaces
_COME_BACK = {429, 502, 503, 504}
_COME_BACK_SECONDS = 1.0
_SILENT_SECONDS = 60.0  # of a stream, which has a heartbeat every 15 seconds
_BYTES_A_REQUEST = 256 << 20  # two photos of the largest size; by default a service accepts 1 GiB


class Refused(RaythumbsError):
    """The service refused a request. `said` is its code."""

    code = "refused"

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(f"{reason} ({code}, HTTP {status})")
        self.status = status
        self.said = code


class Unreachable(RaythumbsError):
    """No service answers at the address."""

    code = "unreachable"


class Unreadable(RaythumbsError):
    """A photo that cannot be uploaded, because it cannot be read."""

    code = "unreadable"


class NotText(RaythumbsError):
    """An address, an id or a name that cannot be sent, because it is not UTF-8."""

    code = "not_text"


class NotRaythumbs(RaythumbsError):
    """Something else than raythumbs answers at the address."""

    code = "not_raythumbs"


def sources_by_request(sources: Sequence[str]) -> list[Sequence[str]]:
    """Divide sources among requests."""
    return [sources[at : at + _SOURCES_A_REQUEST] for at in range(0, len(sources), _SOURCES_A_REQUEST)]


def files_by_request(photos: Sequence[Path]) -> list[Sequence[Path]]:
    """Divide photos among requests. None gets a single photo if there are more: it would get HIGH priority."""
    requests: list[list[Path]] = []
    room = size = 0
    for photo in photos:
        size = _size_bytes(photo)
        if not requests or len(requests[-1]) == _FILES_A_REQUEST or size > room:
            requests.append([])
            room = _BYTES_A_REQUEST
        requests[-1].append(photo)
        room -= size
    if len(requests) > 1 and len(requests[-1]) == 1 and len(requests[-2]) > 2:  # noqa: PLR2004 two photos stay
        requests[-1].insert(0, requests[-2].pop())
    return list(requests)


class Client:
    """A connection to a service. Every method returns the reply's JSON, or raises Refused or Unreachable."""

    def __init__(self, url: str, *, api_key: str | None = None, timeout_seconds: float = 60) -> None:
        """Connect with the API key, by default that of the environment variable RAYTHUMBS_API_KEY."""
        self.url = url
        headers = _authorization(os.environ.get("RAYTHUMBS_API_KEY") if api_key is None else api_key)
        try:
            self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout_seconds)
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise Unreachable(f"{url!r} is not the address of a service: {error}") from error

    def __enter__(self) -> Self:
        """Return the client. It is closed at the end of the context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def upload(self, photos: Sequence[Path], *, folder_id: str | None = None) -> list[dict[str, Any]]:
        """Upload photos, in as many requests as they need. Return their jobs in the same order."""
        return [job for some in files_by_request(photos) for job in self._upload(some, folder_id)]

    def _upload(self, photos: Sequence[Path], folder_id: str | None) -> list[dict[str, Any]]:
        """Upload photos in one request. They are read while they are sent."""
        with ExitStack() as open_files:
            files = [("file", (_sendable(path.name), open_files.enter_context(_opened(path)))) for path in photos]
            data = {"folderId": folder_id} if folder_id else {}
            uploads: list[dict[str, Any]] = self._ask("POST", "/api/uploads/direct", files=files, data=data)["uploads"]
            return uploads

    def upload_low(self, files: Sequence[tuple[str, Path]], *, folder_id: str) -> list[dict[str, Any]]:
        """Upload files with these names in one request, at LOW priority."""
        with ExitStack() as open_files:
            parts = [("file", (name, open_files.enter_context(_opened(path)))) for name, path in files]
            data, low = {"folderId": folder_id}, {"priority": "LOW"}
            reply = self._ask("POST", "/api/uploads/direct", files=parts, data=data, params=low)
        uploads: list[dict[str, Any]] = reply["uploads"]
        return uploads

    def submit(
        self, sources: Sequence[str], *, priority: str = "NORMAL", folder_id: str | None = None
    ) -> list[dict[str, Any]]:
        """Submit photos that are already in a bucket, in as many requests as they need."""
        common = {"priority": priority} | ({"folderId": folder_id} if folder_id else {})
        return [job for some in sources_by_request(sources) for job in self._submit(some, common)]

    def _submit(self, sources: Sequence[str], common: dict[str, str]) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self._ask("POST", "/api/jobs", json={"sources": list(sources), **common})["jobs"]
        return jobs

    def notify(self, records: Sequence[dict[str, Any]], *, token: str | None = None) -> dict[str, Any]:
        """Send S3 event records, as a bucket would: with the token of notifications, or with the API key."""
        headers = _authorization(token)
        return self._ask("POST", "/api/notifications/s3", json={"Records": list(records)}, headers=headers)

    def reconcile(self) -> dict[str, Any]:
        """Start to compare the stores with the record."""
        return self._ask("POST", "/api/reconciliation")

    def reconciliation(self) -> dict[str, Any]:
        """Return the comparison that runs, or the last one."""
        return self._ask("GET", "/api/reconciliation")

    def quarantined(self) -> list[dict[str, Any]]:
        """Return the messages in quarantine, the newest first, without their bodies."""
        messages: list[dict[str, Any]] = self._ask("GET", "/api/quarantine")["messages"]
        return messages

    def quarantined_message(self, message_id: str) -> dict[str, Any]:
        """Return a message in quarantine, with its body."""
        return self._ask("GET", f"/api/quarantine/{message_id}")

    def drop_quarantined(self, message_id: str) -> dict[str, Any]:
        """Delete a message from quarantine."""
        return self._ask("DELETE", f"/api/quarantine/{message_id}")

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        return self._ask("GET", f"/api/jobs/{job_id}")

    def jobs(self, *, state: str | None = None) -> Iterator[dict[str, Any]]:
        """Return every job, the newest first, page by page."""
        cursor = None
        while True:
            asked = {"state": state, "cursor": cursor, "limit": 1000}
            page = self._ask("GET", "/api/jobs", params={name: value for name, value in asked.items() if value})
            yield from page["jobs"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def retry(self, job_id: str) -> dict[str, Any]:
        """Try a failed job again."""
        return self._ask("POST", f"/api/jobs/{job_id}/retry")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """End a job that is not finished."""
        return self._ask("POST", f"/api/jobs/{job_id}/cancel")

    def photo(self, photo_id: str) -> dict[str, Any]:
        """Return a photo and its thumbnails."""
        return self._ask("GET", f"/api/photos/{photo_id}")

    def photo_of_source(self, source: str) -> dict[str, Any] | None:
        """Return the photo at an address, with its newest job and its thumbnails; None if the service knows none."""
        found: list[dict[str, Any]] = self._ask("GET", "/api/photos", params={"source": source})["photos"]
        return found[0] if found else None

    def photos_of_folder(self, folder_id: str) -> Iterator[dict[str, Any]]:
        """Return every photo of a folder, the newest first, page by page."""
        cursor = None
        while True:
            asked = {"folderId": folder_id, "cursor": cursor, "limit": 1000}
            page = self._ask("GET", "/api/photos", params={name: value for name, value in asked.items() if value})
            yield from page["photos"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def folder(self, folder_id: str) -> dict[str, Any]:
        """Return how many photos of a folder wait, have succeeded, or have failed."""
        return self._ask("GET", _folder_path(folder_id))

    def watch_folder(
        self, folder_id: str, *, photos: int = 1, patience_seconds: float = 60
    ) -> Iterator[dict[str, Any]]:
        """Yield a folder as it is, then after each change, until it has so many photos and none of them waits.

        The service ends each stream after a while. A stream that ends or breaks is opened again, unless the service
        has been away for longer than `patience_seconds`.
        """
        away_since: float | None = None
        seen: dict[str, Any] | None = None
        while seen is None or seen["waiting"] or seen["total"] < photos:
            try:
                for folder in self._folder_events(folder_id, photos):
                    away_since = None
                    if folder != seen:
                        seen = folder
                        yield folder
            except (Unreachable, Refused) as error:
                away_since = away_since or time.monotonic()
                is_patient = seen is not None and time.monotonic() < away_since + patience_seconds
                if not is_patient or not _passes(error):  # a service that was never there is told at once
                    raise
            if seen is None or seen["waiting"] or seen["total"] < photos:
                time.sleep(_COME_BACK_SECONDS)

    def wait_folder(self, folder_id: str, *, photos: int = 1) -> dict[str, Any]:
        """Return a folder once it has so many photos and none of them waits."""
        *_, last = self.watch_folder(folder_id, photos=photos)
        return last

    def _folder_events(self, folder_id: str, photos: int) -> Iterator[dict[str, Any]]:
        """Yield what one stream of events says."""
        asked: dict[str, Any] = {"params": {"photos": photos}, "timeout": _SILENT_SECONDS}
        with (
            self._reaching(),
            self._http.stream("GET", f"{_folder_path(folder_id)}/events", **asked) as reply,
        ):
            if reply.is_error:
                reply.read()
                raise _refused(reply)
            for line in reply.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def status(self) -> dict[str, Any]:
        """Return the figures of the queue."""
        return self._ask("GET", "/api/thumbnails/status")

    def webhooks(self) -> list[dict[str, Any]]:
        """Return the endpoints of webhooks, and how the deliveries to each go."""
        endpoints: list[dict[str, Any]] = self._ask("GET", "/api/webhooks")["endpoints"]
        return endpoints

    def retry_webhooks(self) -> list[dict[str, Any]]:
        """Enable every endpoint of webhooks, and try every delivery again now."""
        endpoints: list[dict[str, Any]] = self._ask("POST", "/api/webhooks/retry")["endpoints"]
        return endpoints

    def begin_backfill(self, source: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 as the manual names them
        """Enqueue the photos below an address. The options are `glob`, `since`, `limit`, `dryRun` and `prune`."""
        asked = {name: value for name, value in options.items() if value is not None}
        return self._ask("POST", "/api/backfills", json={"source": source} | asked)

    def backfills(self) -> list[dict[str, Any]]:
        """Return the newest backfills, the newest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/api/backfills")["backfills"]
        return found

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """Return a backfill."""
        return self._ask("GET", f"/api/backfills/{quote(backfill_id, safe='')}")

    def move_backfill(self, backfill_id: str, move: str) -> dict[str, Any]:
        """Pause, resume or cancel a backfill."""
        return self._ask("POST", f"/api/backfills/{quote(backfill_id, safe='')}/{move}")

    def watch_backfill(
        self, backfill_id: str, *, every_seconds: float = 1, patience_seconds: float = 60
    ) -> Iterator[dict[str, Any]]:
        """Yield a backfill now and then, until it has ended. The service may be away for `patience_seconds`."""
        seen_at: float | None = None
        while True:
            try:
                seen = self.backfill(backfill_id)
            except (Unreachable, Refused) as error:
                is_patient = seen_at is not None and time.monotonic() < seen_at + patience_seconds
                if not is_patient or not _passes(error):
                    raise
            else:
                seen_at = time.monotonic()
                yield seen
                if seen["endedAt"] is not None:
                    return
            time.sleep(every_seconds)

    def exported_photos(self) -> Iterator[list[dict[str, Any]]]:
        """Yield every photo with its thumbnails, also those that were deleted, in pages."""
        cursor: str | None = ""
        while cursor is not None:
            page = self._ask("GET", "/api/export/photos", params={"cursor": cursor, "limit": 1000})
            yield page["photos"]
            cursor = page["nextCursor"]

    def alive(self) -> dict[str, Any]:
        """Return if the service runs, even if it cannot work."""
        return self._ask("GET", "/healthz")

    def ready(self) -> dict[str, Any]:
        """Return if the queue, the database and the store answer."""
        return self._ask("GET", "/readyz")

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 httpx2's options
        with self._reaching():
            reply = self._http.request(method, path, **options)
        if reply.is_error:
            raise _refused(reply)
        body = _json(reply)
        if not body:
            raise NotRaythumbs(f"what answers at {self.url} is not raythumbs")
        return body

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            raise NotText(f"{_around(error)!a} cannot be sent: it is not UTF-8") from error
        except (httpx2.RequestError, httpx2.InvalidURL, UnicodeError) as error:
            raise Unreachable(f"no service answers at {self.url}: {error or type(error).__name__}") from error


def _refused(reply: httpx2.Response) -> Refused:
    body = _json(reply)
    return Refused(reply.status_code, body.get("code", "http"), body.get("reason", reply.reason_phrase))


def _passes(error: Unreachable | Refused) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, Unreachable) or error.status in _COME_BACK


def _folder_path(folder_id: str) -> str:
    try:
        return f"/api/folders/{quote(folder_id, safe='')}"
    except UnicodeEncodeError as error:
        raise NotText(f"{_around(error)!a} cannot be sent: it is not UTF-8") from error


def _authorization(key: str | None) -> dict[str, str]:
    if not key:
        return {}
    if not _SENDABLE.fullmatch(key):  # quoted in no error, because it is secret
        raise NotText("the API key has letters that no key has: is RAYTHUMBS_API_KEY what it should be?")
    return {"Authorization": f"Bearer {key}"}


def _json(reply: httpx2.Response) -> dict[str, Any]:
    """Return the JSON object of a reply, or an empty one if it has none."""
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _sendable(name: str) -> str:
    """Return a file's name with a replacement for each byte that is not UTF-8: the service only shows it."""
    return os.fsencode(name).decode(errors="replace")


def _around(error: UnicodeEncodeError) -> str:
    return error.object[max(0, error.start - 60) : error.end + 20]


def _opened(photo: Path) -> BinaryIO:
    with _readable(photo):
        return photo.open("rb")


def _size_bytes(photo: Path) -> int:
    with _readable(photo):
        return photo.stat().st_size


@contextmanager
def _readable(photo: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreadable(f"{photo} cannot be read: {error.strerror}") from error
