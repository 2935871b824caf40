"""The tables as they are today; `migrations/` has their history. Times are UTC seconds since 1970."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

# Sorted by the bytes of their UTF-8, as stores list keys. SQLite sorts so anyway.
_Sorted = String().with_variant(String(collation="C"), "postgresql")

photos = Table(
    "photos",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("source", _Sorted, nullable=False, unique=True),
    Column("version", String),
    Column("folder_id", String),
    Column("file_name", String),
    Column("size_bytes", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("format", String(16)),
    Column("thumb_hash", String(64)),
    Column("notes", JSON),
    Column("created_at", Double, nullable=False),
    Column("sequence", String),
    Column("deleted_at", Double, index=True),
    Column("ended", String(9)),  # failed or cancelled, if its newest job is; a photo that waits or succeeded has none
)
# The photos of a folder, and those of them that failed or were cancelled; see `folders.py`. SQLite counts by an index
# alone only if the index has every column that a condition names.
Index(
    "ix_photos_folder", photos.c.folder_id, photos.c.id, photos.c.deleted_at,
    sqlite_where=text("folder_id IS NOT NULL AND deleted_at IS NULL"),
    postgresql_where=text("folder_id IS NOT NULL AND deleted_at IS NULL"),
)  # fmt: skip
Index(
    "ix_photos_ended", photos.c.folder_id, photos.c.ended, photos.c.deleted_at,
    sqlite_where=text("ended IS NOT NULL AND deleted_at IS NULL"),
    postgresql_where=text("ended IS NOT NULL AND deleted_at IS NULL"),
)  # fmt: skip

renditions = Table(
    "renditions",
    metadata,
    Column("photo_id", String(36), ForeignKey("photos.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", String(16), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("key", _Sorted, nullable=False, index=True),
    Column("url", String, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("photo_id", String(36), ForeignKey("photos.id"), nullable=False, index=True),
    Column("folder_id", String(255), nullable=False, server_default=text("''")),
    Column("turn", BigInteger),
    Column("shard", Integer, nullable=False, server_default=text("0")),
    Column("state", String(9), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("errors", Integer, nullable=False, server_default=text("0")),
    Column("timeouts", Integer, nullable=False, server_default=text("0")),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    Column("losses", Integer, nullable=False, server_default=text("0")),
    Column("code", String(32)),
    Column("reason", String),
    Column("created_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("lease_until", Double),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("kept_version", String),  # renditions of this version stay; only the missing ones are made
    Column("node", String),  # for which the last attempt was leased
)

# Attempts that failed or were lost, the newest of each job; see `attempts.py`.
attempts = Table(
    "attempts",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("node", String),
    Column("began_at", Double),
    Column("ended_at", Double),
    Column("outcome", String(9), nullable=False),
    Column("code", String(32)),
    Column("reason", String),
)

# One incomplete job for each photo: a second request for the same photo finds the first.
Index(
    "uq_jobs_incomplete", jobs.c.photo_id, unique=True,
    sqlite_where=text("state IN ('queued', 'running')"), postgresql_where=text("state IN ('queued', 'running')"),
)  # fmt: skip
# The fair order: the jobs of each shard and priority in the order of leasing, and by folder; see `fair_order.py`.
Index(
    "ix_jobs_line", jobs.c.shard, jobs.c.priority, jobs.c.turn, jobs.c.id,
    sqlite_where=text("state = 'queued'"), postgresql_where=text("state = 'queued'"),
)  # fmt: skip
Index(
    "ix_jobs_folder", jobs.c.shard, jobs.c.priority, jobs.c.folder_id, jobs.c.turn,
    sqlite_where=text("state = 'queued'"), postgresql_where=text("state = 'queued'"),
)  # fmt: skip
# Jobs that returned to the queue and have no turn yet.
Index(
    "ix_jobs_back", jobs.c.shard, jobs.c.due_at, jobs.c.id,
    sqlite_where=text("state = 'queued' AND turn IS NULL"),
    postgresql_where=text("state = 'queued' AND turn IS NULL"),
)  # fmt: skip
Index(
    "ix_jobs_leased", jobs.c.lease_until,
    sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'"),
)  # fmt: skip
Index("ix_jobs_state", jobs.c.state, jobs.c.id)
Index("ix_jobs_finished", jobs.c.finished_at)
# For what a person looks for and moves in bulk: the jobs of a folder, with a code, or both, by state.
Index(
    "ix_jobs_of_folder", jobs.c.folder_id, jobs.c.state, jobs.c.id,
    sqlite_where=text("folder_id <> ''"), postgresql_where=text("folder_id <> ''"),
)  # fmt: skip
Index(
    "ix_jobs_of_code", jobs.c.code, jobs.c.state, jobs.c.id,
    sqlite_where=text("code IS NOT NULL"), postgresql_where=text("code IS NOT NULL"),
)  # fmt: skip
Index(
    "ix_jobs_of_both", jobs.c.folder_id, jobs.c.code, jobs.c.state, jobs.c.id,
    sqlite_where=text("code IS NOT NULL AND folder_id <> ''"),
    postgresql_where=text("code IS NOT NULL AND folder_id <> ''"),
)  # fmt: skip

# Whether the queue is paused, and since when: one row.
queue_state = Table(
    "queue_state",
    metadata,
    Column("paused_at", Double),
    Column("reason", String),
)

# The number of shards: one row.
sharding = Table("sharding", metadata, Column("shards", Integer, nullable=False))

events = Table(
    "events",
    metadata,
    Column("id", String, primary_key=True),
    Column("seen_at", Double, nullable=False, index=True),
)

# Objects in the thumbnails' store that perhaps no photo uses any more; `begun_at` is when deleting began.
leftovers = Table(
    "leftovers",
    metadata,
    Column("key", String, primary_key=True),
    Column("photo_id", String(36)),
    Column("due_at", Double, nullable=False, index=True),
    Column("begun_at", Double),
)

# When a job of a folder last ended, by each shard; `folder_id` is the folder's key in the fair order.
folders = Table(
    "folders",
    metadata,
    Column("folder_id", String(255), primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("ended_at", Double, nullable=False),
)

# The last reconciliation, or the one that runs: one row, or none.
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("began_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("place", String, nullable=False),
    Column("cursor", String, nullable=False),
    *(
        Column(name, BigInteger, nullable=False, server_default=text("0"))
        for name in ("listed", "missing", "stale", "deleted", "orphaned")
    ),
)

# Messages of proven senders that cannot be understood. The id is made of the body, so that each is kept once.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("sender", String(32), nullable=False),
    Column("reason", String, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("received_at", Double, nullable=False, index=True),
)

# The addresses that webhooks go to, as the settings name them, and how that goes.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("url", String, nullable=False),
    Column("identity", String(16), nullable=False),
    Column("disabled_at", Double),
    Column("delivered_at", Double),
    Column("failed_at", Double),
    Column("error", String),
)

# The outbox: a row for each message and endpoint that waits. `begun_at` is when it was written, or when a
# person asked for all its attempts again. `due_at` is null for messages that are given up.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("endpoint_id", String(16), primary_key=True),
    Column("event", String(16), nullable=False),
    Column("body", String, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("begun_at", Double, nullable=False),
    Column("due_at", Double),
    Index("ix_deliveries_due", "endpoint_id", "due_at"),
    Index("ix_deliveries_begun", "endpoint_id", "begun_at"),
)

backfills = Table(
    "backfills",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("source", String, nullable=False),
    Column("glob", String),
    Column("since", Double),
    Column("limit", BigInteger),
    Column("dry_run", Boolean, nullable=False),
    Column("prune", Boolean, nullable=False),
    Column("state", String(9), nullable=False),
    *(
        Column(name, BigInteger, nullable=False, server_default=text("0"))
        for name in ("listed", "enqueued", "skipped", "refused")
    ),
    Column("total", BigInteger),
    Column("code", String(32)),
    Column("reason", String),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
)

# What a backfill has still to list: a row for each range of keys that is not done. Keys are JSON, because a file's
# name may hold what no column can.
backfill_ranges = Table(
    "backfill_ranges",
    metadata,
    Column("backfill_id", String(36), ForeignKey("backfills.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("after", String, nullable=False),
    Column("until", String, nullable=False),
)
