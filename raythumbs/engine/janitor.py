"""Forgets what is old and done."""

from raythumbs.db.jobs import Jobs
from raythumbs.db.photos import Photos
from raythumbs.engine.record import Record
from raythumbs.model.job import State
from raythumbs.settings import Settings

_ROWS_A_TURN = 1000


class Janitor:
    """One turn keeps the record small."""

    def __init__(self, record: Record, settings: Settings) -> None:
        self._record = record
        self._settings = settings

    async def turn(self) -> None:
        """Prune."""
        keep = self._settings
        done = (State.SUCCEEDED, State.CANCELLED)
        await self._record.write(lambda db, now: Jobs(db).prune(done, before=now - keep.keep_finished_seconds))
        await self._record.write(lambda db, now: Jobs(db).prune((State.FAILED,), before=now - keep.keep_failed_seconds))
        await self._record.write(lambda db, now: Jobs(db).forget_events(before=now - keep.keep_events_seconds))
        await self._record.write(
            lambda db, now: Photos(db).forget_deleted(before=now - keep.keep_events_seconds, limit=_ROWS_A_TURN)
        )
