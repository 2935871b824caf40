"""The janitor: deletes old finished jobs, webhooks, seen event ids and deleted photos from the record."""

from raythumbs.db.intake import Intake
from raythumbs.db.jobs import Jobs
from raythumbs.db.photos import Photos
from raythumbs.db.record import Record, Write
from raythumbs.model.job import State
from raythumbs.queue.webhook_janitor import WebhookJanitor
from raythumbs.settings import Settings

_ROWS_A_WRITE = 1000


class Janitor:
    """Keeps the record small, one iteration at a time."""

    def __init__(self, record: Record, settings: Settings, *, rows_a_write: int = _ROWS_A_WRITE) -> None:
        self._record = record
        self._rows_a_write = rows_a_write
        self._settings = settings
        self._webhooks = WebhookJanitor(record, keep_seconds=settings.keep_failed_seconds, rows_a_write=rows_a_write)

    async def run_once(self) -> None:
        """Delete what is old, in small commits."""
        keep, limit = self._settings, self._rows_a_write
        done, failed = (State.SUCCEEDED, State.CANCELLED), (State.FAILED,)
        forgets: tuple[Write[int], ...] = (
            lambda db, now: Jobs(db).prune(done, before=now - keep.keep_finished_seconds, limit=limit),
            lambda db, now: Jobs(db).prune(failed, before=now - keep.keep_failed_seconds, limit=limit),
            lambda db, now: Intake(db).forget_events(before=now - keep.keep_events_seconds, limit=limit),
            lambda db, now: Photos(db).forget_deleted(before=now - keep.keep_events_seconds, limit=limit),
        )
        for forget in forgets:
            while await self._record.write(forget) == limit:
                pass  # each is a commit of its own, so that other writes come in between
        await self._webhooks.run_once()
