"""The collector: deletes leftover renditions, of photos that were deleted, replaced, or rendered too late."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from raythumbs.db.database import Connection
from raythumbs.db.intake import Intake
from raythumbs.db.leftovers import KeyOwner, Leftovers
from raythumbs.db.record import Record
from raythumbs.errors import RaythumbsError
from raythumbs.events import emit
from raythumbs.model.ids import new_id
from raythumbs.model.job import JobRequest, Priority
from raythumbs.queue.admission import Admission
from raythumbs.storage.base import Store

_KEYS_AT_ONCE = 500
_AT_A_TIME = 8
_LATER_SECONDS = 60


class Collector:
    """Deletes the leftovers that are due, in each iteration."""

    def __init__(self, record: Record, thumbnails: Store, admission: Admission, *, shards: int = 1) -> None:
        self._record = record
        self._admission = admission
        self._shards = shards
        self._thumbnails = thumbnails
        self._threads = ThreadPoolExecutor(_AT_A_TIME, "collect")

    async def run_once(self) -> None:
        """Delete leftovers. Retry later what cannot be deleted now. Render photos again that came back."""
        self._admission.check()  # photos that came back are work: over the limits, skip the iteration
        keys = await self._record.write(lambda db, now: Leftovers(db).begin_deleting(now=now, limit=_KEYS_AT_ONCE))
        if not keys:
            return
        deleting = asyncio.get_running_loop().run_in_executor
        gone = await asyncio.gather(*(deleting(self._threads, self._deleted, key) for key in keys))
        deleted = [key for key, is_gone in zip(keys, gone, strict=True) if is_gone]
        later = [key for key, is_gone in zip(keys, gone, strict=True) if not is_gone]
        repaired = await self._record.write(lambda db, now: _end(db, deleted, later, now=now, shards=self._shards))
        self._admission.took(repaired)
        emit("leftovers.deleted", deleted=len(deleted), later=len(later), repaired=repaired)

    def _deleted(self, key: str) -> bool:
        try:
            self._thumbnails.delete(key)
        except RaythumbsError as error:
            emit("leftover.kept", key=key, reason=error.reason)
            return False
        return True


def _end(db: Connection, deleted: Sequence[str], later: Sequence[str], *, now: float, shards: int) -> int:
    leftovers = Leftovers(db)
    leftovers.postpone(later, due_at=now + _LATER_SECONDS)
    owners = leftovers.end_deleting(deleted)
    Intake(db, shards).enqueue([again(photo, now=now) for photo in owners], now=now)
    return len(owners)


def again(photo: KeyOwner, *, now: float) -> JobRequest:
    """Return a request for a photo's renditions."""
    return JobRequest(
        job_id=new_id(now=now),
        photo_id=photo.photo_id,
        source=photo.source,
        priority=Priority.LOW,
        version=photo.version,
    )
