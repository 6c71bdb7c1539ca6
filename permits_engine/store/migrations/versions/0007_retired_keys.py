"""Master keys that wrap nothing any more, whatever a process that has read an older key file still believes."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_TABLE = {
    "sqlite": "CREATE TABLE retired_keys (key_id TEXT NOT NULL PRIMARY KEY, retired_at BIGINT NOT NULL)",
    "postgresql": """CREATE TABLE retired_keys (key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
        retired_at BIGINT NOT NULL)""",
}


def upgrade() -> None:
    """Make the table."""
    connection = op.get_bind()
    connection.exec_driver_sql(_TABLE[connection.dialect.name])
