"""Alembic's entry: runs the migrations on the connection that `migrate` opened."""

from alembic import context

from labwerk_hub.adapters.sql.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
