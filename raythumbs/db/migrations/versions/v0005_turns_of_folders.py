"""Folders take turns within a priority; the jobs of a photo are found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OF_PHOTO = "SELECT substr(folder_id, 1, 255) FROM photos WHERE photos.id = jobs.photo_id"
# What waits for its first attempt keeps its order. The rest came back: it gets its turn when it is due.
_TURNS = """
    UPDATE jobs SET turn = place - 1
    FROM (
        SELECT id, row_number() OVER (PARTITION BY priority, folder_id ORDER BY due_at, id) AS place
        FROM jobs WHERE state = 'queued' AND attempt = 0
    ) AS waiting
    WHERE jobs.id = waiting.id
"""


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.add_column("jobs", sa.Column("folder_id", sa.String(length=255), server_default=sa.text("''"), nullable=False))
    op.add_column("jobs", sa.Column("turn", sa.BigInteger(), nullable=True))
    op.execute(f"UPDATE jobs SET folder_id = coalesce(({_OF_PHOTO}), '')")  # noqa: S608 no words but ours
    op.drop_index("ix_jobs_backlog", "jobs")
    op.execute(_TURNS)
    op.create_index(op.f("ix_jobs_photo_id"), "jobs", ["photo_id"])
    for name, columns, what in (
        ("ix_jobs_line", ["priority", "turn", "id"], "state = 'queued'"),
        ("ix_jobs_folder", ["priority", "folder_id", "turn"], "state = 'queued'"),
        ("ix_jobs_back", ["due_at", "id"], "state = 'queued' AND turn IS NULL"),
    ):
        op.create_index(name, "jobs", columns, sqlite_where=sa.text(what), postgresql_where=sa.text(what))
