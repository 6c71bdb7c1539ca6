"""The mark that a backup carries, so that a store which was restored from one says so."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; in a store that was never restored it stays empty."""
    op.get_bind().exec_driver_sql(
        "CREATE TABLE restores (made_at BIGINT NOT NULL PRIMARY KEY, position BIGINT NOT NULL,"
        " recorded_at BIGINT NOT NULL)"
    )
