"""What comes in: requests and notifications become jobs, or end them, in one transaction."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

from sqlalchemy import Connection

from raythumbs.db import statements as sql
from raythumbs.db.jobs import DELETED, Jobs, as_job
from raythumbs.db.line import Line, Place, folder_in_line, numbered
from raythumbs.db.photos import PhotoKey, Photos
from raythumbs.db.rows import for_each
from raythumbs.errors import UnknownJob
from raythumbs.model.job import Change, Job, JobRequest, Priority, Removal, State, is_older
from raythumbs.model.shard import shard_of

_ROWS_A_STATEMENT = 1000  # bounds the variables of one statement (SQLite, "Maximum number of host parameters")


class Intake:
    """The way in, over one connection in a transaction. `now` is always the database's time, in UTC seconds."""

    def __init__(self, connection: Connection, shards: int = 1) -> None:
        self._connection = connection
        self._shards = shards
        self._dialect = connection.dialect.name
        self._photos = Photos(connection)
        self._line = Line(connection)

    def enqueue(self, changes: Sequence[Change], *, now: float) -> dict[str, Job]:
        """Make a job of each request that is new, and carry out removals; return the requests' jobs by their sources.

        A photo has at most one incomplete job: asking again finds it, and hastens it if the new priority is higher.
        A job that already runs on an older version of its photo is cancelled as `superseded`, and a new one takes its
        place; one that waits has all its budgets again. What is hastened, or of a newer version, waits for no later
        try. A removal cancels the job as `deleted`, and drops the renditions. An event that is repeated, or older
        than one that was heard before, changes nothing.
        """
        fresh = [change for part in _parts(changes) for change in self._unseen(part, now=now)]
        jobs: dict[str, Job] = {}
        for part in _parts(fresh):
            jobs |= self._take(part, now=now)
        return jobs

    def _unseen(self, changes: Sequence[Change], *, now: float) -> list[Change]:
        ids = {change.event_id for change in changes if change.event_id}
        if not ids:
            return list(changes)
        rows = [{"id": event_id, "seen_at": now} for event_id in sorted(ids)]
        new = set(for_each(self._connection, sql.REMEMBER, rows).scalars())
        return [change for change in changes if change.event_id is None or change.event_id in new]

    def _take(self, changes: Sequence[Change], *, now: float) -> dict[str, Job]:
        last = self._not_outdated(_last_words(changes))
        requests = {source: one for source, one in last.items() if isinstance(one, JobRequest)}
        removals = {source: one for source, one in last.items() if isinstance(one, Removal)}
        jobs = self._enqueue(requests, now=now) if requests else {}
        if removals:
            self._remove(list(removals.values()), now=now)
        return jobs

    def _not_outdated(self, last: dict[str, Change]) -> dict[str, Change]:
        if not any(change.sequence for change in last.values()):
            return last
        rows = self._connection.execute(sql.SEQUENCES[self._dialect], {"sources": list(last)})
        known = {row.source: row.sequence for row in rows}
        return {s: change for s, change in last.items() if not is_older(change.sequence, than=known.get(s))}

    def _enqueue(self, requests: dict[str, JobRequest], *, now: float) -> dict[str, Job]:
        """Return the incomplete job of each source, made now or there before."""
        self._outdate(requests.values(), now=now)
        photos = self._photos.record(requests.values(), now=now)
        inserted = self._insert(requests.values(), photos, now=now)
        new = {s: _new_job(r, photos[s], now=now) for s, r in requests.items() if photos[s].id in inserted}
        known = {s: r for s, r in requests.items() if s not in new}
        jobs = new | self._known(known, photos, now=now) if known else new
        freed = {s: r for s, r in requests.items() if s not in jobs}  # another queue ended what was in their way
        return jobs | self._enqueue(freed, now=now) if freed else jobs

    def _insert(self, requests: Collection[JobRequest], photos: dict[str, PhotoKey], *, now: float) -> set[str]:
        """Make a job of each request whose photo has no incomplete one; return the ids of these photos."""
        places = [
            Place(shard_of(r.source, self._shards), r.priority, folder_in_line(photos[r.source].folder_id))
            for r in requests
        ]
        first = self._line.next_turns(places)
        turns = numbered(places, first)
        rows = [
            {"id": r.job_id, "photo_id": photos[r.source].id, "folder_id": place.folder_id, "shard": place.shard,
             "state": State.QUEUED, "priority": place.priority.rank, "turn": turn, "created_at": now, "due_at": now}
            for r, place, turn in zip(requests, places, turns, strict=True)
        ]  # fmt: skip
        inserted = set(for_each(self._connection, sql.ENQUEUE, rows).scalars())
        if len(inserted) < len(rows):  # what was there before has left gaps, in which others would go first
            of_job = zip(requests, places, strict=True)
            new = {r.job_id: place for r, place in of_job if photos[r.source].id in inserted}
            self._line.take(new, first)
        return inserted

    def _known(self, requests: dict[str, JobRequest], photos: dict[str, PhotoKey], *, now: float) -> dict[str, Job]:
        """Return the jobs that were there before, hastened."""
        photo_ids = {source: photos[source].id for source in requests}
        self._hasten(requests.values(), photo_ids, now=now)
        found = self._connection.execute(sql.INCOMPLETE_OF_PHOTOS, {"photo_ids": list(photo_ids.values())})
        jobs = {row.source: as_job(row) for row in found}
        for source in requests.keys() - jobs.keys():
            with suppress(UnknownJob):  # else it was asked for twice, and ended in between
                jobs[source] = Jobs(self._connection).get(requests[source].job_id)
        return jobs

    def _outdate(self, requests: Iterable[JobRequest], *, now: float) -> None:
        """Cancel what runs on an older version, and let what waits with one begin anew."""
        versions = {request.source: request.version for request in requests if request.version}
        if not versions:
            return
        found = self._connection.execute(sql.INCOMPLETE_OF_SOURCES[self._dialect], {"sources": list(versions)})
        old = [row for row in found if row.version != versions[row.source]]
        if running := [row.id for row in old if row.state == State.RUNNING]:
            told = {"told_code": "superseded", "told_reason": "a newer version arrived"}
            self._connection.execute(sql.SUPERSEDE, {"ids": running, "now": now} | told)
        if waiting := [row.id for row in old if row.state == State.QUEUED]:
            self._connection.execute(sql.BEGIN_ANEW, {"ids": waiting, "now": now})

    def _hasten(self, requests: Iterable[JobRequest], photo_ids: dict[str, str], *, now: float) -> None:
        for priority in Priority:
            ids = [photo_ids[r.source] for r in requests if r.priority is priority]
            if ids:
                self._connection.execute(sql.HASTEN, {"photo_ids": ids, "rank": priority.rank, "now": now})

    def _remove(self, removals: Sequence[Removal], *, now: float) -> None:
        photo_ids = [photo.id for photo in self._photos.record_deleted(removals, now=now).values()]
        told = {"told_code": DELETED, "told_reason": "the photo was deleted"}
        self._connection.execute(sql.CANCEL_OF_PHOTOS, {"photo_ids": photo_ids, "now": now} | told)
        self._photos.drop_renditions(photo_ids, now=now)


def _new_job(request: JobRequest, photo: PhotoKey, *, now: float) -> Job:
    """Return the job that has just been written; to read a thousand back would take longer than to write them."""
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
    )


def _last_words(changes: Iterable[Change]) -> dict[str, Change]:
    """Of several changes of one photo, the latest counts: by their sequences, else as they are told."""
    last: dict[str, Change] = {}
    for change in changes:
        before = last.get(change.source)
        if before is None or not is_older(change.sequence, than=before.sequence):
            last[change.source] = change
    return last


def _parts(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    return (changes[start : start + _ROWS_A_STATEMENT] for start in range(0, len(changes), _ROWS_A_STATEMENT))
