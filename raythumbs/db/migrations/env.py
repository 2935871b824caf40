"""Runs the migrations for Alembic, over the given connection and in its transaction."""

from alembic import context

from raythumbs.db.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
