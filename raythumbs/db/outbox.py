"""The outbox: writes a message about each job that ends, in the transaction that ends it.

Which webhooks there are is an option of the connection (see Database), so that every statement that ends a job finds
them. Without webhooks nothing is read and nothing is written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, select

from raythumbs.db.dialect import among, for_each, insertion, is_sqlite, likely, where_among
from raythumbs.db.fair_order import folder_key
from raythumbs.db.job_rows import QUEUED, RUNNING
from raythumbs.db.schema import deliveries, jobs, photos, webhook_endpoints
from raythumbs.db.shards import Shards
from raythumbs.model.ids import new_id
from raythumbs.model.job import Priority, State
from raythumbs.model.webhook import WebhookEvent, Webhooks

OPTION = "webhooks"
_FOLDERS = "folders_that_may_be_done"  # an option of a connection in a transaction
_LONGEST_BYTES = 20_000  # Standard Webhooks 1.0.0, "Payload"
_EVENTS = {State.SUCCEEDED: WebhookEvent.PHOTO_SUCCEEDED, State.FAILED: WebhookEvent.PHOTO_FAILED}

ENDED = where_among(
    select(
        jobs.c.id, jobs.c.photo_id, jobs.c.state, jobs.c.code, jobs.c.reason, photos.c.source, photos.c.folder_id
    ).join(photos),
    jobs.c.id,
    "ids",
)
_of_folder = jobs.c.folder_id == bindparam("key"), photos.c.folder_id == bindparam("folder_id")
_every_rank = [priority.rank for priority in Priority]
# In two statements, each with an index of its own: of waiting jobs by shard, priority and folder, and of running jobs.
WAITS = select(
    exists(
        select(jobs.c.id)
        .join(photos)
        .where(jobs.c.shard.in_(among("shards")), jobs.c.priority.in_(_every_rank), likely(QUEUED), *_of_folder)
    )
)
RUNS = select(exists(select(jobs.c.id).join(photos).where(RUNNING, *_of_folder)))
ENABLED = select(webhook_endpoints.c.id).where(webhook_endpoints.c.disabled_at.is_(None))
# Two queues that end the last two jobs of a folder at one time would each see the other's job at work.
ONE_ENDS_FOLDERS = select(func.pg_advisory_xact_lock(0x666F6C64657273))  # an arbitrary number for the lock
ADD = insertion(lambda insert: insert, deliveries, "endpoint_id", "id", "event", "body", "begun_at", "due_at")


@dataclass(frozen=True, slots=True)
class _Message:
    event: WebhookEvent
    data: Mapping[str, object]


def begin_outbox(connection: Connection) -> None:
    """Begin to gather the folders in which jobs end during the connection's transaction."""
    connection.execution_options(**{_FOLDERS: {}})


class Outbox:
    """The outbox, over one connection in a transaction. `now` is the database's time, in UTC seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._webhooks: Webhooks | None = connection.get_execution_options().get(OPTION)
        self._folders: dict[str, float] = connection.get_execution_options().get(_FOLDERS, {})

    def ended(self, job_ids: Sequence[str], *, now: float) -> None:
        """Write what these jobs, which have just ended, mean for each endpoint: for their photos and their folders."""
        if self._webhooks is None or not job_ids:
            return
        rows = self._connection.execute(ENDED.of(self._connection), {"ids": list(job_ids)}).all()
        self._add(list(self._of_photos(rows)), now=now)
        if self._is_wanted(WebhookEvent.FOLDER_DONE):
            self._folders.update({row.folder_id: now for row in rows if row.folder_id})

    def finish(self) -> None:
        """Write a message for each folder of the jobs that ended in this transaction, if it is done.

        This is the transaction's last step. Whoever holds the lock then waits for nobody.
        """
        if not self._folders:
            return
        if not is_sqlite(self._connection):
            self._connection.execute(ONE_ENDS_FOLDERS)
        self._add(list(self._of_folders()), now=max(self._folders.values()))

    def _of_photos(self, rows: Sequence[Row[Any]]) -> Iterator[_Message]:
        for row in rows:
            if event := _EVENTS.get(State(row.state)):
                yield _Message(event, self._data(row))

    def _data(self, row: Row[Any]) -> dict[str, object]:
        base = self._webhooks.service_url if self._webhooks else ""
        data = {"photoId": row.photo_id, "photoUrl": f"{base}/api/photos/{row.photo_id}", "jobId": row.id}
        data |= {"source": row.source, "folderId": row.folder_id}
        return data | ({"code": row.code, "reason": row.reason} if row.state == State.FAILED else {})

    def _of_folders(self) -> Iterator[_Message]:
        """Yield a message for each of these folders in which no job waits or runs any more."""
        shards = list(range(Shards(self._connection).count()))
        for folder_id in sorted(self._folders):
            given = {"key": folder_key(folder_id), "folder_id": folder_id}
            waits = self._connection.execute(WAITS, given | {"shards": shards}).scalar_one()
            if not waits and not self._connection.execute(RUNS, given).scalar_one():
                yield _Message(WebhookEvent.FOLDER_DONE, {"folderId": folder_id})

    def _is_wanted(self, event: WebhookEvent) -> bool:
        return self._webhooks is not None and any(event in one.events for one in self._webhooks.endpoints)

    def _add(self, messages: Sequence[_Message], *, now: float) -> None:
        if not messages or self._webhooks is None:
            return
        enabled = set(self._connection.scalars(ENABLED))
        endpoints = [endpoint for endpoint in self._webhooks.endpoints if endpoint.id in enabled]
        ready = [(f"msg_{new_id(now=now)}", one.event, _body(one, now=now)) for one in messages]
        rows = [
            {"endpoint_id": endpoint.id, "id": id_, "event": event, "body": body, "begun_at": now, "due_at": now}
            for id_, event, body in ready
            for endpoint in endpoints
            if event in endpoint.events
        ]
        if rows:
            for_each(self._connection, ADD, rows)


def _body(message: _Message, *, now: float) -> str:
    """Return the text that is sent. A reason that would make it too long is left out."""
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": message.event, "timestamp": at, "data": message.data}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) < _LONGEST_BYTES:
        return text
    data = {name: value for name, value in message.data.items() if name != "reason"}
    return json.dumps(body | {"data": data}, ensure_ascii=False, separators=(",", ":"))
