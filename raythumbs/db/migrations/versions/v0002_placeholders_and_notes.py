"""What an app paints before the thumbnail is there, and what was wrong with a photo without failing it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.add_column("photos", sa.Column("thumb_hash", sa.String(length=64), nullable=True))
    op.add_column("photos", sa.Column("notes", sa.JSON(), nullable=True))
