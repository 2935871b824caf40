"""What the page shows, and which parts of it have changed."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field

from raythumbs.errors import UnknownPhoto
from raythumbs.model.backfill import Backfill
from raythumbs.model.job import Job, State
from raythumbs.model.overview import Status
from raythumbs.model.selection import Failures, Selection
from raythumbs.web.backfill_bodies import BackfillBody, BackfillsBody
from raythumbs.web.bodies import Body, PhotoBody, StatusBody
from raythumbs.web.bulk_bodies import FailuresBody
from raythumbs.web.dependencies import Dependencies

_MEASURED = 100  # jobs whose times are the latency
_SHOWN = 24  # photos of the gallery
POLL_SECONDS = 1.0  # how often the queue is asked while somebody looks


class LatencyBody(Body):
    """How long the newest photos took from the moment they were accepted until their thumbnails were stored."""

    photos: int = Field(description="how many photos this is measured on")
    p50_seconds: float
    p95_seconds: float

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> Self | None:
        """Measure jobs that have succeeded, or return None if there are none."""
        took = sorted(job.finished_at - job.created_at for job in jobs if job.finished_at is not None)
        if not took:
            return None
        p50, p95 = (round(took[int((len(took) - 1) * share)], 3) for share in (0.5, 0.95))
        return cls(photos=len(took), p50_seconds=p50, p95_seconds=p95)


class NewestBody(Body):
    """The newest photos with thumbnails, and how long such photos took."""

    photos: list[PhotoBody]
    latency: LatencyBody | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that the page shows at one moment."""

    status: Status
    failures: Failures
    newest: NewestBody
    backfills: Sequence[Backfill]

    def sections(self) -> Mapping[str, tuple[object, Callable[[], Body]]]:
        """Return, by the event's name, each part and how to write it."""
        return {
            "status": (self.status, lambda: StatusBody.of(self.status)),
            "failures": (self.failures, lambda: FailuresBody.of(self.failures)),
            "newest": (self.newest, lambda: self.newest),
            "backfills": (
                self.backfills,
                lambda: BackfillsBody(backfills=[BackfillBody.of(one) for one in self.backfills]),
            ),
        }

    def changes(self, before: Self | None) -> Iterator[tuple[str, Body]]:
        """Yield the parts that are not as before: all, if there is no before."""
        known = before.sections() if before else {}
        for name, (value, body) in self.sections().items():
            if name not in known or known[name][0] != value:
                yield name, body()


class FiguresSource:
    """Asks the queue for what the page shows. A photo is asked for once, as long as it is among the newest."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._photos: dict[str, tuple[float, PhotoBody | None]] = {}

    async def __call__(self, _: str = "") -> Figures:
        """Return the figures of this moment."""
        queue = self._deps.queue
        status, failures, backfills, jobs = await asyncio.gather(
            queue.status(),
            queue.failures(),
            queue.backfills(),
            queue.jobs(Selection(state=State.SUCCEEDED), after=None, limit=_MEASURED),
        )
        return Figures(status=status, failures=failures, newest=await self._newest(jobs), backfills=backfills)

    async def _newest(self, jobs: Sequence[Job]) -> NewestBody:
        shown = [job.id for job in jobs[:_SHOWN]]
        usable_after = self._deps.now() - self._deps.settings.link_seconds / 2  # a presigned link ends
        known = {id_: one for id_, one in self._photos.items() if id_ in shown and one[0] > usable_after}
        missing = [job for job in jobs[:_SHOWN] if job.id not in known]
        found = await asyncio.gather(*(self._photo(job) for job in missing))
        made_at = self._deps.now()
        self._photos = known | {job.id: (made_at, photo) for job, photo in zip(missing, found, strict=True)}
        photos = {photo.photo_id: photo for id_ in shown if (photo := self._photos[id_][1])}
        return NewestBody(photos=list(photos.values()), latency=LatencyBody.of(jobs))

    async def _photo(self, job: Job) -> PhotoBody | None:
        """Return the photo of a job, or None if it has no thumbnails any more."""
        try:
            photo = await self._deps.queue.photo(job.photo_id)
        except UnknownPhoto:  # deleted meanwhile
            return None
        if not photo.renditions or photo.deleted_at is not None:
            return None
        return await asyncio.to_thread(PhotoBody.of, photo, self._deps.link)  # presigning may renew credentials
