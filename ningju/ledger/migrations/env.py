"""Alembic's entry: the connection is handed in, in a transaction."""

from alembic import context

from ningju.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
