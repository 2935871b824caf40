"""Backfills and where each is; a job may add renditions to those that its photo has."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.create_table(
        "backfills",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("glob", sa.String(), nullable=True),
        sa.Column("since", sa.Double(), nullable=True),
        sa.Column("limit", sa.BigInteger(), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("prune", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("listed", "enqueued", "skipped", "refused")
        ),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_table(
        "backfill_ranges",
        sa.Column("backfill_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["backfill_id"], ["backfills.id"]),
        sa.PrimaryKeyConstraint("backfill_id", "number", name=op.f("pk_backfill_ranges")),
    )
    op.add_column("jobs", sa.Column("kept_version", sa.String(), nullable=True))
