"""Erasures that still have to reach the database's files, and what people asked about their own data.

PostgreSQL keeps samples of columns for its planner: of wrapped keys, tokens and digests it shall keep none.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_TABLE = {
    "sqlite": """CREATE TABLE erasures (holder_id TEXT NOT NULL PRIMARY KEY, erased_at BIGINT NOT NULL,
        scrubbed_at BIGINT)""",
    "postgresql": """CREATE TABLE erasures (holder_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
        erased_at BIGINT NOT NULL, scrubbed_at BIGINT)""",
}
_INDEX = """CREATE INDEX events_asked ON events (stream, version)
    WHERE name IN ('holder.request_recorded@1', 'holder.request_answered@1',
        'holder.hold_placed@1', 'holder.hold_lifted@1', 'holder.erased@1')"""
_SECRET = (("holder_keys", "wrapped"), ("search", "token"), ("commands", "digest"))


def upgrade() -> None:
    """Make the table and the index; samples that the planner took before go with the first erasure."""
    connection = op.get_bind()
    connection.exec_driver_sql(_TABLE[connection.dialect.name])
    connection.exec_driver_sql(_INDEX)
    if connection.dialect.name == "postgresql":
        for table, column in _SECRET:
            connection.exec_driver_sql(f"ALTER TABLE {table} ALTER {column} SET STATISTICS 0")
