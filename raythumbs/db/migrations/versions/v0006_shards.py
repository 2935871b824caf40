"""Several queues share the jobs: each leases those of its shard. Until somebody wants more, all are of shard 0."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.add_column("jobs", sa.Column("shard", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_table("sharding", sa.Column("shards", sa.Integer(), nullable=False))
    op.execute("INSERT INTO sharding (shards) VALUES (1)")
    for name, columns, what in (
        ("ix_jobs_line", ["shard", "priority", "turn", "id"], "state = 'queued'"),
        ("ix_jobs_folder", ["shard", "priority", "folder_id", "turn"], "state = 'queued'"),
        ("ix_jobs_back", ["shard", "due_at", "id"], "state = 'queued' AND turn IS NULL"),
    ):
        op.drop_index(name, "jobs")
        op.create_index(name, "jobs", columns, sqlite_where=sa.text(what), postgresql_where=sa.text(what))
