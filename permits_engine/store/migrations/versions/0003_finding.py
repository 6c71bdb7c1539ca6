"""The blind index by which people and files are found, and a wake-up for whoever waits for new events.

On PostgreSQL a commit of events notifies the channel ``permits_events`` where somebody listens: whoever does holds the
advisory lock below, shared. Without a listener a commit pays for one try of that lock; NOTIFY itself would make every
commit wait for a lock that all databases of the server share.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

_SEARCH = {
    "sqlite": """CREATE TABLE search (
        token BLOB NOT NULL,
        holder_id TEXT NOT NULL,
        permit_id TEXT NOT NULL,
        PRIMARY KEY (token, holder_id, permit_id)
    ) WITHOUT ROWID""",
    "postgresql": """CREATE TABLE search (
        token BYTEA NOT NULL,
        holder_id TEXT COLLATE "C" NOT NULL,
        permit_id TEXT COLLATE "C" NOT NULL,
        PRIMARY KEY (token, holder_id, permit_id)
    )""",
}
_INDEX = "CREATE INDEX search_holder ON search (holder_id)"

_WAKE = (
    """CREATE FUNCTION permits_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT pg_try_advisory_xact_lock(7310584211) THEN
            PERFORM pg_notify('permits_events', '');
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER head_wakes AFTER UPDATE ON head
    FOR EACH ROW EXECUTE FUNCTION permits_wake()""",
)


def upgrade() -> None:
    """Make the table and the wake-up; ``permits init`` then fills the index from the history."""
    connection = op.get_bind()
    connection.exec_driver_sql(_SEARCH[connection.dialect.name])
    connection.exec_driver_sql(_INDEX)
    if connection.dialect.name == "postgresql":
        for statement in _WAKE:
            connection.exec_driver_sql(statement)
