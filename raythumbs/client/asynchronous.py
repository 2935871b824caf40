"""AsyncClient: the service's API for programs that do other things meanwhile.

It differs from Client in the sending alone.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from raythumbs.client import calls
from raythumbs.client.asynchronous_backfills import AsyncBackfills
from raythumbs.client.calls import Call, Json
from raythumbs.client.files import files_by_request
from raythumbs.client.headers import authorization, key_or_usual
from raythumbs.client.refusals import Refused, Unreachable
from raythumbs.client.retries import Retries
from raythumbs.client.sending import SILENT_SECONDS, answer, event_data, not_an_address, options, reaching, refused
from raythumbs.client.waiting import POLL_SECONDS, FolderWait, JobsWait

T = TypeVar("T")
_COME_BACK_SECONDS = 1.0


class AsyncClient(AsyncBackfills):
    """A connection to a service, for an `async with` block. Methods return the reply's JSON, and raise
    Refused or Unreachable.

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
            self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout_seconds)
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise not_an_address(url, error) from error

    async def __aenter__(self) -> Self:
        """Return the client. It is closed at the end of the context."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # --- photos in

    async def upload(self, photos: Sequence[Path], *, folder_id: str | None = None) -> list[Json]:
        """Upload photos, in as many requests as they need. Return their jobs in the same order."""
        return [job for some in files_by_request(photos) for job in await self._send(calls.upload(some, folder_id))]

    async def submit(
        self, sources: Sequence[str], *, priority: str = "NORMAL", folder_id: str | None = None
    ) -> list[Json]:
        """Submit photos that are already in a bucket, in as many requests as they need. Return their jobs."""
        requests = calls.sources_by_request(sources)
        return [
            job
            for some in requests
            for job in await self._send(calls.submit(some, priority=priority, folder_id=folder_id))
        ]

    async def notify(self, records: Sequence[Json], *, token: str | None = None) -> Json:
        """Send S3 event records, as a bucket would: with the token of notifications, or with the API key."""
        return await self._send(calls.notify(records, token=token))

    # --- jobs

    async def job(self, job_id: str) -> Json:
        """Return a job with its last attempts."""
        return await self._send(calls.job(job_id))

    async def jobs(
        self, *, state: str | None = None, code: str | None = None, folder_id: str | None = None
    ) -> AsyncIterator[Json]:
        """Return every job, or those in a state, with a code, of a folder; the newest first, page by page."""
        cursor = None
        while True:
            page = await self._send(calls.jobs(cursor, state=state, code=code, folder_id=folder_id))
            for job in page["jobs"]:
                yield job
            cursor = page["nextCursor"]
            if cursor is None:
                return

    async def watch_jobs(self, job_ids: Sequence[str], *, timeout_seconds: float | None = None) -> AsyncIterator[Json]:
        """Yield each of these jobs once it has ended. Raise StillWaiting if that takes too long."""
        wait = JobsWait(job_ids, timeout_seconds=timeout_seconds)
        while wait.left:
            for job_id in wait.to_ask():
                job = await self.job(job_id)
                if wait.heard(job):
                    yield job
            if wait.left:
                wait.check()
                await asyncio.sleep(POLL_SECONDS)

    async def wait(self, job_ids: Sequence[str], *, timeout_seconds: float | None = None) -> list[Json]:
        """Return these jobs in their order once all have ended. Raise StillWaiting if that takes too long."""
        ended = {job["jobId"]: job async for job in self.watch_jobs(job_ids, timeout_seconds=timeout_seconds)}
        return [ended[job_id] for job_id in job_ids]

    async def retry(self, job_id: str) -> Json:
        """Try a failed job again."""
        return await self._send(calls.move(job_id, "retry"))

    async def cancel(self, job_id: str) -> Json:
        """End a job that is not finished."""
        return await self._send(calls.move(job_id, "cancel"))

    async def failures(self) -> Json:
        """Return the failed jobs, grouped by code."""
        return await self._send(calls.failures())

    def retry_all(
        self,
        *,
        code: str | None = None,
        folder_id: str | None = None,
        state: str | None = None,
        ids: Sequence[str] | None = None,
    ) -> AsyncIterator[int]:
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
    ) -> AsyncIterator[int]:
        """End all unfinished jobs that meet these conditions. Yield how many so far."""
        return self._move_all("cancel", calls.given(code=code, folderId=folder_id, state=state, ids=ids))

    async def _move_all(self, verb: str, selection: Json) -> AsyncIterator[int]:
        changed = 0
        while True:
            reply = await self._send(calls.move_all(verb, selection))
            changed += reply["changed"]
            yield changed
            if not reply["more"]:
                return
            selection = selection | {"until": reply["until"]}

    # --- photos and folders

    async def photo(self, photo_id: str) -> Json:
        """Return a photo and its thumbnails."""
        return await self._send(calls.photo(photo_id))

    async def thumbnails(self, photo_id: str) -> dict[str, str]:
        """Return the addresses of a photo's thumbnails, by the names of their specs."""
        return calls.thumbnails(await self.photo(photo_id))

    async def photo_of_source(self, source: str) -> Json | None:
        """Return the photo at an address, with its newest job and its thumbnails; None if the service knows none."""
        return await self._send(calls.photo_of_source(source))

    async def folder(self, folder_id: str) -> Json:
        """Return how many photos of a folder wait, have succeeded, or have failed."""
        return await self._send(calls.get(calls.folder_path(folder_id)))

    async def watch_folder(
        self, folder_id: str, *, photos: int = 1, patience_seconds: float = 60
    ) -> AsyncIterator[Json]:
        """Yield a folder as it is, then after each change, until it has so many photos and none of them waits.

        The service ends each stream after a while. A stream that ends or breaks is opened again, unless the service
        has been away for longer than `patience_seconds`.
        """
        wait = FolderWait(photos, patience_seconds=patience_seconds)
        while not wait.is_done:
            try:
                async with aclosing(self._folder_events(folder_id, photos)) as folders:
                    async for folder in folders:
                        if wait.is_news(folder):
                            yield folder
            except (Unreachable, Refused) as error:
                wait.bear(error)
            if not wait.is_done:
                await asyncio.sleep(_COME_BACK_SECONDS)

    async def wait_folder(self, folder_id: str, *, photos: int = 1) -> Json:
        """Return a folder once it has so many photos and none of them waits."""
        return [folder async for folder in self.watch_folder(folder_id, photos=photos)][-1]

    async def _folder_events(self, folder_id: str, photos: int) -> AsyncGenerator[Json, None]:
        """Yield what one stream of events says."""
        asked: dict[str, Any] = {"params": {"photos": photos}, "timeout": SILENT_SECONDS}
        with reaching(self.url):
            async with self._http.stream("GET", f"{calls.folder_path(folder_id)}/events", **asked) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise refused(reply)
                async for line in reply.aiter_lines():
                    if data := event_data(line):
                        yield data

    # --- the service

    async def status(self) -> Json:
        """Return the figures of the queue."""
        return await self._send(calls.get("/api/thumbnails/status"))

    async def queue(self) -> Json:
        """Return whether the queue works or is paused."""
        return await self._send(calls.get("/api/queue"))

    async def pause(self, reason: str | None = None) -> Json:
        """Start nothing new until `resume`. Everything is still taken."""
        return await self._send(calls.pause(reason))

    async def resume(self) -> Json:
        """Start work again."""
        return await self._send(calls.post("/api/queue/resume"))

    async def reconcile(self) -> Json:
        """Start to compare the stores with the record."""
        return await self._send(calls.post("/api/reconciliation"))

    async def reconciliation(self) -> Json:
        """Return the comparison that runs, or the last one."""
        return await self._send(calls.get("/api/reconciliation"))

    async def quarantined(self) -> list[Json]:
        """Return the messages in quarantine, the newest first, without their bodies."""
        return await self._send(calls.quarantined())

    async def quarantined_message(self, message_id: str) -> Json:
        """Return a message in quarantine, with its body."""
        return await self._send(calls.quarantined_message(message_id))

    async def drop_quarantined(self, message_id: str) -> Json:
        """Delete a message from quarantine."""
        return await self._send(calls.drop_quarantined(message_id))

    async def webhooks(self) -> list[Json]:
        """Return the endpoints of webhooks, and how the deliveries to each go."""
        return await self._send(calls.webhooks())

    async def retry_webhooks(self) -> list[Json]:
        """Enable every endpoint of webhooks, and try every delivery again now."""
        return await self._send(calls.retry_webhooks())

    async def alive(self) -> Json:
        """Return if the service runs, even if it cannot work."""
        return await self._send(calls.now("/healthz"))

    async def ready(self) -> Json:
        """Return if the queue, the database and the store answer."""
        return await self._send(calls.now("/readyz"))

    async def _send(self, call: Call[T]) -> T:
        attempt = 1
        while True:
            try:
                return await self._send_once(call)
            except (Refused, Unreachable) as error:
                if not self._retries.may_repeat(attempt, error, call.again, was_there=self._was_there):
                    raise
                attempt += 1
                await asyncio.sleep(self._retries.wait_before(attempt, error))

    async def _send_once(self, call: Call[T]) -> T:
        with reaching(self.url), ExitStack() as files:
            reply = await self._http.request(call.method, call.path, **options(call, files))
        self._was_there = True
        return answer(call, reply, self.url)
