"""The queue can be paused. Jobs of a folder or with a code are found by indexes, so that they can be moved in bulk."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.create_table(
        "queue_state",
        sa.Column("paused_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
    )
    op.execute("INSERT INTO queue_state (paused_at, reason) VALUES (NULL, NULL)")
    for name, columns, what in (
        ("ix_jobs_of_folder", ["folder_id", "state", "id"], "folder_id <> ''"),
        ("ix_jobs_of_code", ["code", "state", "id"], "code IS NOT NULL"),
        ("ix_jobs_of_both", ["folder_id", "code", "state", "id"], "code IS NOT NULL AND folder_id <> ''"),
    ):
        op.create_index(name, "jobs", columns, sqlite_where=sa.text(what), postgresql_where=sa.text(what))
