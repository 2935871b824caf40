"""The intake: turns requests and notifications into jobs, or ends jobs, in one transaction."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

from sqlalchemy import Connection, bindparam, delete, literal_column, select, update

from raythumbs.db.dialect import among, for_each, guard, insertion, where_among
from raythumbs.db.fair_order import FairOrder, Place, folder_key, numbered
from raythumbs.db.folders import Folders
from raythumbs.db.job_rows import (
    CANCEL_WHERE,
    DELETED,
    DUE_BY_NOW,
    FULL_BUDGETS,
    INCOMPLETE_JOB,
    INCOMPLETE_ONLY,
    LIMIT,
    NO_CAUSE,
    QUEUED,
    cause,
)
from raythumbs.db.jobs import JOBS, Jobs, as_job
from raythumbs.db.outbox import Outbox
from raythumbs.db.photos import PhotoKey, Photos
from raythumbs.db.schema import events, jobs, photos
from raythumbs.errors import UnknownJob
from raythumbs.model.job import Change, Job, JobRequest, Priority, Removal, State, is_older
from raythumbs.model.shard import shard_of

_ROWS_A_STATEMENT = 1000  # bounds the variables of one statement (SQLite, "Maximum number of host parameters")

REMEMBER_EVENTS = insertion(
    lambda insert: insert.on_conflict_do_nothing().returning(events.c.id), events, "id", "seen_at"
)
FORGET_EVENTS = delete(events).where(
    events.c.id.in_(select(events.c.id).where(events.c.seen_at < bindparam("before")).limit(LIMIT))
)
INSERT_JOBS = insertion(
    lambda insert: insert.on_conflict_do_nothing().returning(jobs.c.photo_id),
    jobs, "id", "photo_id", "folder_id", "shard", "state", "priority", "turn", "created_at", "due_at",
    "kept_version",
)  # fmt: skip
INCOMPLETE_OF_PHOTOS = JOBS.where(jobs.c.photo_id.in_(among("photo_ids")), INCOMPLETE_JOB)
INCOMPLETE_OF_SOURCES = where_among(
    select(jobs.c.id, jobs.c.state, photos.c.source, photos.c.version).join(photos).where(INCOMPLETE_ONLY),
    photos.c.source,
    "sources",
)
SEQUENCES = where_among(select(photos.c.source, photos.c.sequence), photos.c.source, "sources")
CANCEL_OUTDATED = CANCEL_WHERE.where(jobs.c.id.in_(among("ids")))
# The conditions on incomplete jobs repeat what the guards say, so that the index of incomplete jobs is used.
CANCEL_OF_PHOTOS = CANCEL_WHERE.where(jobs.c.photo_id.in_(among("photo_ids")), INCOMPLETE_JOB).returning(jobs.c.id)
BEGIN_ANEW = (
    update(jobs)
    .where(jobs.c.id.in_(among("ids")), guard(QUEUED))
    .values(due_at=DUE_BY_NOW, kept_version=None, **FULL_BUDGETS, **NO_CAUSE)
)
RAISE_PRIORITY = (
    update(jobs)
    .where(
        jobs.c.photo_id.in_(among("photo_ids")),
        INCOMPLETE_JOB,
        guard(QUEUED),
        jobs.c.priority > bindparam("rank"),
    )
    .values(priority=bindparam("rank"), due_at=DUE_BY_NOW, turn=None)
)

WITHOUT_FOLDER = select(jobs.c.id, jobs.c.photo_id).where(
    jobs.c.photo_id.in_(among("photo_ids")), INCOMPLETE_JOB, guard(jobs.c.folder_id == literal_column("''"))
)
GIVE_FOLDER = update(jobs).where(jobs.c.id == bindparam("of_job")).values(folder_id=bindparam("new_folder"))


class Intake:
    """Takes in changes, over one connection in a transaction. `now` is the database's time, in UTC seconds.

    `shard` is the one that writes, of `shards`. The changes may be of photos of any shard.
    """

    def __init__(self, connection: Connection, shards: int = 1, *, shard: int = 0) -> None:
        self._connection = connection
        self._shards = shards
        self._shard = shard
        self._photos = Photos(connection)
        self._order = FairOrder(connection)

    def enqueue(self, changes: Sequence[Change], *, now: float) -> dict[str, Job]:
        """Make a job of each new request, and carry out removals. Return the jobs of the requests by their sources.

        A photo has at most one incomplete job. Submitting the photo again finds that job, and raises its priority if
        the new one is higher. A newer version of the photo cancels a running job as `superseded`, and a new job takes
        its place; a queued job gets all its budgets again. A job whose priority or version changed does not wait for a
        later retry. A removal cancels the job as `deleted`, and drops the renditions. An event that is repeated, or
        older than an event of the photo that came before, changes nothing.
        """
        fresh = [change for some in _slices(changes) for change in self._unseen(some, now=now)]
        jobs: dict[str, Job] = {}
        for some in _slices(fresh):
            jobs |= self._take(some, now=now)
        return jobs

    def forget_events(self, *, before: float, limit: int) -> int:
        """Delete up to `limit` ids of events that were seen before then, and count them."""
        return self._connection.execute(FORGET_EVENTS, {"before": before, "most": limit}).rowcount

    def _unseen(self, changes: Sequence[Change], *, now: float) -> list[Change]:
        ids = {change.event_id for change in changes if change.event_id}
        if not ids:
            return list(changes)
        rows = [{"id": event_id, "seen_at": now} for event_id in sorted(ids)]
        new = set(for_each(self._connection, REMEMBER_EVENTS, rows).scalars())
        return [change for change in changes if change.event_id is None or change.event_id in new]

    def _take(self, changes: Sequence[Change], *, now: float) -> dict[str, Job]:
        latest = _latest(changes)
        self._photos.lock_sources(latest)
        last = self._not_outdated(latest)
        requests = {source: one for source, one in last.items() if isinstance(one, JobRequest)}
        removals = {source: one for source, one in last.items() if isinstance(one, Removal)}
        jobs = self._enqueue(requests, now=now) if requests else {}
        if removals:
            self._remove(list(removals.values()), now=now)
        return jobs

    def _not_outdated(self, last: dict[str, Change]) -> dict[str, Change]:
        if not any(change.sequence for change in last.values()):
            return last
        rows = self._connection.execute(SEQUENCES.of(self._connection), {"sources": list(last)})
        known = {row.source: row.sequence for row in rows}
        return {s: change for s, change in last.items() if not is_older(change.sequence, than=known.get(s))}

    def _enqueue(self, requests: dict[str, JobRequest], *, now: float) -> dict[str, Job]:
        """Return the incomplete job of each source, whether new or known."""
        self._outdate(requests.values(), now=now)
        photos = self._photos.record(requests.values(), now=now)
        inserted = self._insert(requests.values(), photos, now=now)
        new = {s: _new_job(r, photos[s], now=now) for s, r in requests.items() if photos[s].id in inserted}
        known = {s: r for s, r in requests.items() if s not in new}
        jobs = new | self._known(known, photos, now=now) if known else new
        freed = {
            s: r for s, r in requests.items() if s not in jobs
        }  # another queue ended these photos' jobs in the meantime
        return jobs | self._enqueue(freed, now=now) if freed else jobs

    def _insert(self, requests: Collection[JobRequest], photos: dict[str, PhotoKey], *, now: float) -> set[str]:
        """Insert a job for each request whose photo has no incomplete job. Return the ids of these photos."""
        places = [
            Place(shard_of(r.source, self._shards), r.priority, folder_key(photos[r.source].folder_id))
            for r in requests
        ]
        first = self._order.next_turns(places)
        turns = numbered(places, first)
        rows = [
            {"id": r.job_id, "photo_id": photos[r.source].id, "folder_id": place.folder_id, "shard": place.shard,
             "state": State.QUEUED, "priority": place.priority.rank, "turn": turn, "created_at": now, "due_at": now,
             "kept_version": r.kept_version}
            for r, place, turn in zip(requests, places, turns, strict=True)
        ]  # fmt: skip
        inserted = set(for_each(self._connection, INSERT_JOBS, rows).scalars())
        if len(inserted) < len(rows):  # jobs that were already there left gaps, in which others would go first
            of_job = zip(requests, places, strict=True)
            new = {r.job_id: place for r, place in of_job if photos[r.source].id in inserted}
            self._order.give_turns(new, first)
        return inserted

    def _known(self, requests: dict[str, JobRequest], photos: dict[str, PhotoKey], *, now: float) -> dict[str, Job]:
        """Return the jobs that were already there. Raise their priority to the new one if it is higher."""
        photo_ids = {source: photos[source].id for source in requests}
        self._raise_priorities(requests.values(), photo_ids, now=now)
        self._follow_photos([photos[source] for source, request in requests.items() if request.folder_id])
        found = self._connection.execute(INCOMPLETE_OF_PHOTOS, {"photo_ids": list(photo_ids.values())})
        jobs = {row.source: as_job(row) for row in found}
        for source in requests.keys() - jobs.keys():
            with suppress(UnknownJob):  # no such job, unless it was submitted twice and ended in between
                jobs[source] = Jobs(self._connection).get(requests[source].job_id)
        return jobs

    def _outdate(self, requests: Iterable[JobRequest], *, now: float) -> None:
        """Cancel running jobs of an older version, and give queued ones all their budgets again."""
        versions = {request.source: request.version for request in requests if request.version}
        if not versions:
            return
        found = self._connection.execute(INCOMPLETE_OF_SOURCES.of(self._connection), {"sources": list(versions)})
        old = [row for row in found if row.version != versions[row.source]]
        if running := [row.id for row in old if row.state == State.RUNNING]:
            why = cause("superseded", "a newer version arrived")
            self._connection.execute(CANCEL_OUTDATED, {"ids": running, "now": now} | why)
        if waiting := [row.id for row in old if row.state == State.QUEUED]:
            self._connection.execute(BEGIN_ANEW, {"ids": waiting, "now": now})

    def _raise_priorities(self, requests: Iterable[JobRequest], photo_ids: dict[str, str], *, now: float) -> None:
        for priority in Priority:
            ids = [photo_ids[r.source] for r in requests if r.priority is priority]
            if ids:
                self._connection.execute(RAISE_PRIORITY, {"photo_ids": ids, "rank": priority.rank, "now": now})

    def _follow_photos(self, known: Sequence[PhotoKey]) -> None:
        """Give jobs without a folder the folder that their photos have got in the meantime."""
        keys = {photo.id: folder_key(photo.folder_id) for photo in known}
        without = self._connection.execute(WITHOUT_FOLDER, {"photo_ids": list(keys)}).all() if keys else ()
        if without:
            rows = [{"of_job": row.id, "new_folder": keys[row.photo_id]} for row in without]
            self._connection.execute(GIVE_FOLDER, rows)

    def _remove(self, removals: Sequence[Removal], *, now: float) -> None:
        photo_ids = [photo.id for photo in self._photos.record_deleted(removals, now=now).values()]
        Folders(self._connection, self._shard).note_removal(photo_ids, now=now)
        why = cause(DELETED, "the photo was deleted")
        ended = self._connection.scalars(CANCEL_OF_PHOTOS, {"photo_ids": photo_ids, "now": now} | why).all()
        Outbox(self._connection).ended(ended, now=now)
        self._photos.drop_renditions(photo_ids, now=now)


def _new_job(request: JobRequest, photo: PhotoKey, *, now: float) -> Job:
    """Return the job that was just inserted. Reading a thousand back would take longer than writing them."""
    return Job(
        id=request.job_id,
        photo_id=photo.id,
        source=request.source,
        state=State.QUEUED,
        priority=request.priority,
        folder_id=photo.folder_id,
        attempt=0,
        errors=0,
        timeouts=0,
        crashes=0,
        losses=0,
        code=None,
        reason=None,
        created_at=now,
        due_at=now,
        started_at=None,
        finished_at=None,
        file_name=photo.file_name,
    )


def _latest(changes: Iterable[Change]) -> dict[str, Change]:
    """Return the latest change of each photo, by source: by their sequences if they have any, else by their order."""
    last: dict[str, Change] = {}
    for change in changes:
        before = last.get(change.source)
        if before is None or not is_older(change.sequence, than=before.sequence):
            last[change.source] = change
    return last


def _slices(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    return (changes[start : start + _ROWS_A_STATEMENT] for start in range(0, len(changes), _ROWS_A_STATEMENT))
