"""The attempts of jobs that failed or were lost, each with its node; of jobs so far, the last one is known."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_LAST_ATTEMPTS = """
INSERT INTO attempts (job_id, number, began_at, ended_at, outcome, code, reason)
SELECT id, attempt, started_at, finished_at, CASE WHEN code IS NULL THEN 'lost' ELSE 'failed' END, code, reason
FROM jobs WHERE attempt > 0 AND state IN ('queued', 'failed')
"""


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.add_column("jobs", sa.Column("node", sa.String(), nullable=True))
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.String(), nullable=True),
        sa.Column("began_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=9), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_attempts")),
    )
    op.execute(_LAST_ATTEMPTS)
