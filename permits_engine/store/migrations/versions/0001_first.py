"""The first schema: the tables of ``schema``, and the triggers that keep the history append-only and gapless.

It is edited in place until release 1.0: ``upgrade.REVISION`` names its content, and a store of another content is
refused.

On SQLite the one writer gives each event the position after the head. On PostgreSQL a constraint trigger gives
positions when the transaction commits: only then is the head's row locked, so a host that keeps its transaction open
delays no other writer, and every reader who sees a position sees all positions before it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from alembic import op
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from permits_engine.store.database import schema
from permits_engine.store.database.upgrade import REVISION

revision = REVISION
down_revision = None

_EVENTS = {
    "sqlite": """CREATE TABLE events (
        position INTEGER NOT NULL PRIMARY KEY,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        recorded_at BIGINT NOT NULL,
        payload BLOB NOT NULL,
        UNIQUE (stream, version)
    )""",
    # seq is the order within a transaction. No index on rows without a position: they are few, and its dead
    # entries would slow every commit beside a long read.
    "postgresql": """CREATE TABLE events (
        position BIGINT,
        stream TEXT COLLATE "C" NOT NULL,
        version INTEGER NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        recorded_at BIGINT,
        payload BYTEA NOT NULL,
        seq BIGINT GENERATED ALWAYS AS IDENTITY,
        PRIMARY KEY (stream, version)
    )""",
}

# Statistics of these columns would keep samples of wrapped keys, search tokens and digests after an erasure.
_SECRETS = (("holder_keys", "wrapped"), ("search", "token"), ("commands", "digest"))

_REFUSED_ON_SQLITE = (
    ("events_kept", "UPDATE ON events", "an event is never changed"),
    ("events_stay", "DELETE ON events", "an event is never deleted"),
    (
        "head_ahead",
        "UPDATE ON head WHEN NEW.position < OLD.position OR NEW.recorded_at < OLD.recorded_at",
        "the head never goes back",
    ),
    ("head_stays", "DELETE ON head", "the head is never deleted"),
    (
        "tiles_new",
        "INSERT ON tiles WHEN EXISTS (SELECT 1 FROM tiles WHERE level = NEW.level AND number = NEW.number)",
        "a tile is never replaced",
    ),
    (
        "tiles_grow",
        "UPDATE ON tiles WHEN NEW.level <> OLD.level OR NEW.number <> OLD.number"
        " OR length(NEW.hashes) <= length(OLD.hashes)"
        " OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes",
        "a sealed hash is never changed",
    ),
    ("tiles_stay", "DELETE ON tiles", "a tile is never deleted"),
    ("checkpoints_kept", "UPDATE ON checkpoints", "a checkpoint is never changed"),
    ("checkpoints_stay", "DELETE ON checkpoints", "a checkpoint is never deleted"),
)

_SQLITE = (
    # INSERT OR REPLACE passes the triggers on UPDATE and DELETE: an existing row is refused here.
    """CREATE TRIGGER events_next BEFORE INSERT ON events BEGIN
        SELECT RAISE(ABORT, 'the version is taken') WHERE EXISTS (
            SELECT 1 FROM events WHERE stream = NEW.stream AND version = NEW.version);
        SELECT RAISE(ABORT, 'append-only: an event takes the place after the head') WHERE NOT EXISTS (
            SELECT 1 FROM head WHERE NEW.position = position + 1 AND NEW.recorded_at >= recorded_at);
    END""",
    """CREATE TRIGGER events_placed AFTER INSERT ON events BEGIN
        UPDATE head SET position = NEW.position, recorded_at = NEW.recorded_at;
    END""",
    # The same against INSERT OR REPLACE; a second equal checkpoint is left out anyway.
    """CREATE TRIGGER checkpoints_new BEFORE INSERT ON checkpoints
    WHEN EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size AND key_id = NEW.key_id) BEGIN
        SELECT RAISE(IGNORE);
    END""",
    *(
        f"CREATE TRIGGER {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, 'append-only: {why}'); END"
        for name, what, why in _REFUSED_ON_SQLITE
    ),
)

_REFUSED_ON_POSTGRESQL = (
    ("events_kept", "UPDATE OR DELETE ON events FOR EACH ROW"),
    ("events_stay", "TRUNCATE ON events FOR EACH STATEMENT"),
    (
        "head_ahead",
        "UPDATE ON head FOR EACH ROW WHEN (NEW.position < OLD.position OR NEW.recorded_at < OLD.recorded_at)",
    ),
    ("head_stays", "DELETE OR TRUNCATE ON head FOR EACH STATEMENT"),
    ("tiles_grow", "UPDATE OR DELETE ON tiles FOR EACH ROW"),
    ("tiles_stay", "TRUNCATE ON tiles FOR EACH STATEMENT"),
    ("checkpoints_kept", "UPDATE OR DELETE ON checkpoints FOR EACH ROW"),
    ("checkpoints_stay", "TRUNCATE ON checkpoints FOR EACH STATEMENT"),
)

_POSTGRESQL = (
    "CREATE UNIQUE INDEX events_seq ON events (seq)",
    # The rows without a position that a transaction sees are its own: those of others got theirs at commit.
    # The first firing, for the transaction's first row, gives all of them their positions.
    """CREATE FUNCTION permits_place() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        waiting BIGINT;
        start BIGINT;
        moment BIGINT;
        simulated_now TEXT := nullif(current_setting('permits.now', true), '');
    BEGIN
        IF NEW.position IS NOT NULL OR NEW.recorded_at IS NOT NULL THEN
            RAISE EXCEPTION 'append-only: the place of an event is given at commit';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM events WHERE seq = NEW.seq AND position IS NULL) THEN
            RETURN NULL;
        END IF;
        SELECT count(*) INTO waiting FROM events WHERE seq >= NEW.seq AND position IS NULL;
        UPDATE head SET
            position = position + waiting,
            recorded_at = greatest(
                recorded_at,
                CASE WHEN simulated AND simulated_now IS NOT NULL THEN simulated_now::bigint
                ELSE (extract(epoch FROM clock_timestamp()) * 1000000)::bigint END
            )
        RETURNING position - waiting, recorded_at INTO start, moment;
        IF waiting = 1 THEN
            UPDATE events SET position = start + 1, recorded_at = moment WHERE seq = NEW.seq;
        ELSE
            UPDATE events SET position = start + placed.place, recorded_at = moment
            FROM (
                SELECT seq, row_number() OVER (ORDER BY seq) AS place
                FROM events WHERE seq >= NEW.seq AND position IS NULL
            ) AS placed
            WHERE events.seq = placed.seq;
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE CONSTRAINT TRIGGER events_placed AFTER INSERT ON events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION permits_place()""",
    # Only the trigger above may give a position: it runs one level deeper than any other statement. A tile may grow.
    """CREATE FUNCTION permits_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'events' AND pg_trigger_depth() > 1 THEN
            IF OLD.position IS NULL AND NEW.position IS NOT NULL
                AND (NEW.stream, NEW.version, NEW.name, NEW.payload, NEW.seq)
                    = (OLD.stream, OLD.version, OLD.name, OLD.payload, OLD.seq) THEN
                RETURN NEW;
            END IF;
        ELSIF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'tiles' THEN
            IF NEW.level = OLD.level AND NEW.number = OLD.number
                AND length(NEW.hashes) > length(OLD.hashes)
                AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION USING MESSAGE = 'append-only: ' || TG_OP || ' of ' || TG_TABLE_NAME;
    END $$""",
    *(
        f"CREATE TRIGGER {name} BEFORE {what} EXECUTE FUNCTION permits_kept()"
        for name, what in _REFUSED_ON_POSTGRESQL
    ),
    "ALTER TABLE head SET (fillfactor = 10)",
    # Without a listener a commit pays for one try of the lock; NOTIFY itself would make every commit wait for a lock
    # that all databases of the server share. Listeners share the lock.
    """CREATE FUNCTION permits_wake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT pg_try_advisory_xact_lock(7310584211) THEN
            PERFORM pg_notify('permits_events', '');
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER head_wakes AFTER UPDATE ON head
    FOR EACH ROW EXECUTE FUNCTION permits_wake()""",
    *(f"ALTER TABLE {table} ALTER {column} SET STATISTICS 0" for table, column in _SECRETS),
)

_PSYCOPG: Any = PGDialect_psycopg
_DIALECTS: dict[str, Any] = {"sqlite": SQLiteDialect_pysqlite(), "postgresql": _PSYCOPG()}


def statements(name: str) -> list[str]:
    """Return every statement that makes the schema on a dialect, in order."""
    dialect, made = _DIALECTS[name], [_EVENTS[name]]
    for table in schema.metadata.sorted_tables:
        if table is not schema.events:
            made.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            # On SQLite the position is the row's own key: an index would be written for nothing.
            if (name, index.name) != ("sqlite", "events_position"):
                made.append(str(CreateIndex(index).compile(dialect=dialect)))
    made.append("INSERT INTO scheduler_lease VALUES (1, 0, '', 0, 0, NULL)")
    return [*made, *(_SQLITE if name == "sqlite" else _POSTGRESQL)]


def digest() -> str:
    """Return the name of this content: twelve hexadecimal digits of SHA-256 over the statements of both dialects."""
    text = "\n".join(" ".join(each.split()) for name in _DIALECTS for each in statements(name))
    return sha256(text.encode()).hexdigest()[:12]


def upgrade() -> None:
    """Make the tables, then the triggers of the history."""
    connection = op.get_bind()
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
