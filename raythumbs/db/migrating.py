"""Migrates the schema, by Alembic."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from raythumbs.db.revisions import MIGRATIONS


def migrate(connection: Connection, to: str = "head") -> None:
    """Migrate the schema to a revision, within the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
