"""One index less and one more: places by the primary key alone on SQLite, and files by their first event."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

_FILES = """CREATE INDEX events_files ON events (stream)
    WHERE version = 1 AND name >= 'permit.' AND name < 'permit/'"""


def upgrade() -> None:
    """Make and take away; nothing is said differently by it.

    On SQLite the position is the row's own key, so that its index was written for nothing with each event.
    """
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP INDEX events_position")
    connection.exec_driver_sql(_FILES)
