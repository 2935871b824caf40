"""Folders are counted by indexes, and it is known when the last photo of each was done."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# PostgreSQL's index rows hold at most 2,704 bytes.
_SHORTEN = "UPDATE photos SET folder_id = left(folder_id, 500) WHERE octet_length(folder_id) > 2000"
_NEWEST = "(SELECT state FROM jobs WHERE jobs.photo_id = photos.id ORDER BY created_at DESC, id DESC LIMIT 1)"
_ENDED = f"""
    UPDATE photos SET ended = {_NEWEST}
    WHERE id IN (SELECT photo_id FROM jobs WHERE state IN ('failed', 'cancelled'))
      AND deleted_at IS NULL AND {_NEWEST} IN ('failed', 'cancelled')
"""  # noqa: S608 no words but ours
# A job that failed long ago was pruned since.
_FAILED_LONG_AGO = """
    UPDATE photos SET ended = 'failed'
    WHERE deleted_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.photo_id = photos.id)
      AND NOT EXISTS (SELECT 1 FROM renditions WHERE renditions.photo_id = photos.id)
"""
_LAST_ENDS = """
    INSERT INTO folders (folder_id, shard, ended_at)
    SELECT folder_id, 0, max(finished_at) FROM jobs
    WHERE folder_id <> '' AND finished_at IS NOT NULL GROUP BY folder_id
"""
_JOBS_OF_LONG_FOLDERS = sa.text("""
    SELECT jobs.id, photos.folder_id FROM jobs JOIN photos ON photos.id = jobs.photo_id
    WHERE jobs.id > :after AND length(photos.folder_id) > 255 ORDER BY jobs.id LIMIT 1000
""")
_SET_KEY = sa.text("UPDATE jobs SET folder_id = :key WHERE id = :of_job")


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.create_table(
        "folders",
        sa.Column("folder_id", sa.String(length=255), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("folder_id", "shard", name=op.f("pk_folders")),
    )
    op.add_column("photos", sa.Column("ended", sa.String(length=9), nullable=True))
    op.execute(_ENDED)
    op.execute(_FAILED_LONG_AGO)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_SHORTEN)
    _tell_long_folders_apart()
    op.execute(_LAST_ENDS)
    for name, columns, what in (
        ("ix_photos_folder", ["folder_id", "id", "deleted_at"], "folder_id IS NOT NULL AND deleted_at IS NULL"),
        ("ix_photos_ended", ["folder_id", "ended", "deleted_at"], "ended IS NOT NULL AND deleted_at IS NULL"),
    ):
        op.create_index(name, "photos", columns, sqlite_where=sa.text(what), postgresql_where=sa.text(what))


def _tell_long_folders_apart() -> None:
    """Give the jobs of folders with long ids the key that they have from now on; see `fair_order.folder_key`."""
    after = ""
    while rows := op.get_bind().execute(_JOBS_OF_LONG_FOLDERS, {"after": after}).all():
        op.get_bind().execute(_SET_KEY, [{"of_job": row.id, "key": _key(row.folder_id)} for row in rows])
        after = rows[-1].id


def _key(folder_id: str) -> str:
    digest = hashlib.sha256(folder_id.encode()).hexdigest()
    return folder_id[: 255 - len(digest)] + digest
