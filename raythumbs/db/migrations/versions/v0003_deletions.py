"""Photos that are deleted, events that come out of order, and a budget of their own for timeouts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.add_column("jobs", sa.Column("timeouts", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("photos", sa.Column("sequence", sa.String(), nullable=True))
    op.add_column("photos", sa.Column("deleted_at", sa.Double(), nullable=True))
    op.create_index(op.f("ix_photos_deleted_at"), "photos", ["deleted_at"])
    op.create_index(op.f("ix_renditions_key"), "renditions", ["key"])
    op.create_table(
        "leftovers",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("photo_id", sa.String(length=36), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("begun_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_leftovers")),
    )
    op.create_index(op.f("ix_leftovers_due_at"), "leftovers", ["due_at"])
