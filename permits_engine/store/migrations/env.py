"""Run by Alembic; the connection and its transaction come from ``store.upgrade``."""

from __future__ import annotations

from alembic import context

from permits_engine.store.database.schema import metadata

# A host may keep its own tables, and its own Alembic, in the same database: hence a table name of ours.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
