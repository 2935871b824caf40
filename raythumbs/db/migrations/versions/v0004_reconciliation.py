"""Where the last reconciliation is; sources and keys sort as stores list them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate forward; there is no way back but a backup."""
    op.create_table(
        "reconciliation",
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("listed", "missing", "stale", "deleted", "orphaned")
        ),
    )
    if op.get_bind().dialect.name == "postgresql":  # SQLite sorts so by itself
        for table, column in (("photos", "source"), ("renditions", "key")):
            op.alter_column(table, column, type_=sa.String(collation="C"))
