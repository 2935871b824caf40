"""Client: the service's API for programs that wait for each answer."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from raythumbs.client import calls
from raythumbs.client.blocking_backfills import Backfills
from raythumbs.client.calls import Call, Json
from raythumbs.client.files import files_by_request
from raythumbs.client.headers import authorization, key_or_usual
from raythumbs.client.refusals import Refused, Unreachable
from raythumbs.client.retries import Retries
from raythumbs.client.sending import SILENT_SECONDS, answer, event_data, not_an_address, options, reaching, refused
from raythumbs.client.waiting import POLL_SECONDS, FolderWait, JobsWait

T = TypeVar("T")
_COME_BACK_SECONDS = 1.0


class Client(Backfills):
    """A connection to a service, for a `with` block. Methods return the reply's JSON, and raise Refused or Unreachable.

    Requests are repeated, with growing waits, if the service answers 429, 502, 503 or 504 or the connection is lost.
    Twice has the same effect as once for all of them but uploads, which are repeated only if the service cannot have
    taken them.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout_seconds: float = 60,
        retries: Retries | None = None,
    ) -> None:
        """Connect with the API key, by default that of the environment variable RAYTHUMBS_API_KEY."""
        self.url = url
        self._retries = retries or Retries()
        self._was_there = False
        headers = authorization(key_or_usual(api_key))
        try:
            self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout_seconds)
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise not_an_address(url, error) from error

    def __enter__(self) -> Self:
        """Return the client. It is closed at the end of the context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- photos in

    def upload(self, photos: Sequence[Path], *, folder_id: str | None = None) -> list[Json]:
        """Upload photos, in as many requests as they need. Return their jobs in the same order."""
        return [job for some in files_by_request(photos) for job in self._send(calls.upload(some, folder_id))]

    def submit(self, sources: Sequence[str], *, priority: str = "NORMAL", folder_id: str | None = None) -> list[Json]:
        """Submit photos that are already in a bucket, in as many requests as they need. Return their jobs."""
        requests = calls.sources_by_request(sources)
        return [
            job for some in requests for job in self._send(calls.submit(some, priority=priority, folder_id=folder_id))
        ]

    def notify(self, records: Sequence[Json], *, token: str | None = None) -> Json:
        """Send S3 event records, as a bucket would: with the token of notifications, or with the API key."""
        return self._send(calls.notify(records, token=token))

    # --- jobs

    def job(self, job_id: str) -> Json:
        """Return a job with its last attempts."""
        return self._send(calls.job(job_id))

    def jobs(
        self, *, state: str | None = None, code: str | None = None, folder_id: str | None = None
    ) -> Iterator[Json]:
        """Return every job, or those in a state, with a code, of a folder; the newest first, page by page."""
        cursor = None
        while True:
            page = self._send(calls.jobs(cursor, state=state, code=code, folder_id=folder_id))
            yield from page["jobs"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def watch_jobs(self, job_ids: Sequence[str], *, timeout_seconds: float | None = None) -> Iterator[Json]:
        """Yield each of these jobs once it has ended. Raise StillWaiting if that takes too long."""
        wait = JobsWait(job_ids, timeout_seconds=timeout_seconds)
        while wait.left:
            for job_id in wait.to_ask():
                job = self.job(job_id)
                if wait.heard(job):
                    yield job
            if wait.left:
                wait.check()
                time.sleep(POLL_SECONDS)

    def wait(self, job_ids: Sequence[str], *, timeout_seconds: float | None = None) -> list[Json]:
        """Return these jobs in their order once all have ended. Raise StillWaiting if that takes too long."""
        ended = {job["jobId"]: job for job in self.watch_jobs(job_ids, timeout_seconds=timeout_seconds)}
        return [ended[job_id] for job_id in job_ids]

    def retry(self, job_id: str) -> Json:
        """Try a failed job again."""
        return self._send(calls.move(job_id, "retry"))

    def cancel(self, job_id: str) -> Json:
        """End a job that is not finished."""
        return self._send(calls.move(job_id, "cancel"))

    def failures(self) -> Json:
        """Return the failed jobs, grouped by code."""
        return self._send(calls.failures())

    def retry_all(
        self,
        *,
        code: str | None = None,
        folder_id: str | None = None,
        state: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> Iterator[int]:
        """Try all failed jobs again that meet these conditions; `state="failed"` means all. Yield how many so far.

        Jobs that fail again meanwhile are not tried again.
        """
        return self._move_all("retry", calls.given(code=code, folderId=folder_id, state=state, ids=ids))

    def cancel_all(
        self,
        *,
        code: str | None = None,
        folder_id: str | None = None,
        state: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> Iterator[int]:
        """End all unfinished jobs that meet these conditions. Yield how many so far."""
        return self._move_all("cancel", calls.given(code=code, folderId=folder_id, state=state, ids=ids))

    def _move_all(self, verb: str, selection: Json) -> Iterator[int]:
        changed = 0
        while True:
            reply = self._send(calls.move_all(verb, selection))
            changed += reply["changed"]
            yield changed
            if not reply["more"]:
                return
            selection = selection | {"until": reply["until"]}

    # --- photos and folders

    def photo(self, photo_id: str) -> Json:
        """Return a photo and its thumbnails."""
        return self._send(calls.photo(photo_id))

    def thumbnails(self, photo_id: str) -> dict[str, str]:
        """Return the addresses of a photo's thumbnails, by the names of their specs."""
        return calls.thumbnails(self.photo(photo_id))

    def photo_of_source(self, source: str) -> Json | None:
        """Return the photo at an address, with its newest job and its thumbnails; None if the service knows none."""
        return self._send(calls.photo_of_source(source))

    def folder(self, folder_id: str) -> Json:
        """Return how many photos of a folder wait, have succeeded, or have failed."""
        return self._send(calls.get(calls.folder_path(folder_id)))

    def watch_folder(self, folder_id: str, *, photos: int = 1, patience_seconds: float = 60) -> Iterator[Json]:
        """Yield a folder as it is, then after each change, until it has so many photos and none of them waits.

        The service ends each stream after a while. A stream that ends or breaks is opened again, unless the service
        has been away for longer than `patience_seconds`.
        """
        wait = FolderWait(photos, patience_seconds=patience_seconds)
        while not wait.is_done:
            try:
                for folder in self._folder_events(folder_id, photos):
                    if wait.is_news(folder):
                        yield folder
            except (Unreachable, Refused) as error:
                wait.bear(error)
            if not wait.is_done:
                time.sleep(_COME_BACK_SECONDS)

    def wait_folder(self, folder_id: str, *, photos: int = 1) -> Json:
        """Return a folder once it has so many photos and none of them waits."""
        *_, last = self.watch_folder(folder_id, photos=photos)
        return last

    def _folder_events(self, folder_id: str, photos: int) -> Iterator[Json]:
        """Yield what one stream of events says."""
        asked: dict[str, Any] = {"params": {"photos": photos}, "timeout": SILENT_SECONDS}
        with (
            reaching(self.url),
            self._http.stream("GET", f"{calls.folder_path(folder_id)}/events", **asked) as reply,
        ):
            if reply.is_error:
                reply.read()
                raise refused(reply)
            for line in reply.iter_lines():
                if data := event_data(line):
                    yield data

    # --- the service

    def status(self) -> Json:
        """Return the figures of the queue."""
        return self._send(calls.get("/api/thumbnails/status"))

    def queue(self) -> Json:
        """Return whether the queue works or is paused."""
        return self._send(calls.get("/api/queue"))

    def pause(self, reason: str | None = None) -> Json:
        """Start nothing new until `resume`. Everything is still taken."""
        return self._send(calls.pause(reason))

    def resume(self) -> Json:
        """Start work again."""
        return self._send(calls.post("/api/queue/resume"))

    def reconcile(self) -> Json:
        """Start to compare the stores with the record."""
        return self._send(calls.post("/api/reconciliation"))

    def reconciliation(self) -> Json:
        """Return the comparison that runs, or the last one."""
        return self._send(calls.get("/api/reconciliation"))

    def quarantined(self) -> list[Json]:
        """Return the messages in quarantine, the newest first, without their bodies."""
        return self._send(calls.quarantined())

    def quarantined_message(self, message_id: str) -> Json:
        """Return a message in quarantine, with its body."""
        return self._send(calls.quarantined_message(message_id))

    def drop_quarantined(self, message_id: str) -> Json:
        """Delete a message from quarantine."""
        return self._send(calls.drop_quarantined(message_id))

    def webhooks(self) -> list[Json]:
        """Return the endpoints of webhooks, and how the deliveries to each go."""
        return self._send(calls.webhooks())

    def retry_webhooks(self) -> list[Json]:
        """Enable every endpoint of webhooks, and try every delivery again now."""
        return self._send(calls.retry_webhooks())

    def alive(self) -> Json:
        """Return if the service runs, even if it cannot work."""
        return self._send(calls.now("/healthz"))

    def ready(self) -> Json:
        """Return if the queue, the database and the store answer."""
        return self._send(calls.now("/readyz"))

    def _send(self, call: Call[T]) -> T:
        attempt = 1
        while True:
            try:
                return self._send_once(call)
            except (Refused, Unreachable) as error:
                if not self._retries.may_repeat(attempt, error, call.again, was_there=self._was_there):
                    raise
                attempt += 1
                time.sleep(self._retries.wait_before(attempt, error))

    def _send_once(self, call: Call[T]) -> T:
        with reaching(self.url), ExitStack() as files:
            reply = self._http.request(call.method, call.path, **options(call, files))
        self._was_there = True
        return answer(call, reply, self.url)
