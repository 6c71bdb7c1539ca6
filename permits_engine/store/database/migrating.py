"""The schema made by Alembic, which costs half a second to load: ``upgrade`` loads this module where it is needed."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection


def migrate(connection: Connection, revision: str, version_table: str) -> str | None:
    """Create the schema where there is none; return the revision that was found before.

    The connection holds the lock.
    """
    context = MigrationContext.configure(connection, opts={"version_table": version_table})
    found = context.get_current_revision()
    if found is None:
        config = Config()
        folder = str(Path(__file__).parents[1] / "migrations").replace("%", "%%")
        config.set_main_option("script_location", folder)
        config.attributes.update(connection=connection, version_table=version_table)
        command.upgrade(config, revision)
    return found
