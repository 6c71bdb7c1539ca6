"""The sealed leaves of the history and its signed checkpoints: both only grow."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = """
CREATE TABLE tiles (
    level INTEGER NOT NULL,
    number BIGINT NOT NULL,
    hashes {bytes} NOT NULL,
    PRIMARY KEY (level, number)
);
CREATE TABLE checkpoints (
    size BIGINT NOT NULL,
    key_id {id} NOT NULL,
    note TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (size, key_id)
)"""

_WORDS = {
    "sqlite": {"id": "TEXT", "bytes": "BLOB"},
    "postgresql": {"id": 'TEXT COLLATE "C"', "bytes": "BYTEA"},
}

_SQLITE = (
    """CREATE TRIGGER tiles_new BEFORE INSERT ON tiles
    WHEN EXISTS (SELECT 1 FROM tiles WHERE level = NEW.level AND number = NEW.number) BEGIN
        SELECT RAISE(ABORT, 'append-only: a tile is never replaced');
    END""",
    """CREATE TRIGGER tiles_grow BEFORE UPDATE ON tiles
    WHEN NEW.level <> OLD.level OR NEW.number <> OLD.number OR length(NEW.hashes) <= length(OLD.hashes)
        OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes BEGIN
        SELECT RAISE(ABORT, 'append-only: a sealed hash is never changed');
    END""",
    """CREATE TRIGGER tiles_stay BEFORE DELETE ON tiles BEGIN
        SELECT RAISE(ABORT, 'append-only: a tile is never deleted');
    END""",
    # INSERT OR REPLACE passes the trigger on DELETE; an honest second one is left out anyway.
    """CREATE TRIGGER checkpoints_new BEFORE INSERT ON checkpoints
    WHEN EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size AND key_id = NEW.key_id) BEGIN
        SELECT RAISE(IGNORE);
    END""",
    """CREATE TRIGGER checkpoints_kept BEFORE UPDATE ON checkpoints BEGIN
        SELECT RAISE(ABORT, 'append-only: a checkpoint is never changed');
    END""",
    """CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints BEGIN
        SELECT RAISE(ABORT, 'append-only: a checkpoint is never deleted');
    END""",
)

_POSTGRESQL = (
    """CREATE FUNCTION permits_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'tiles' THEN
            IF NEW.level = OLD.level AND NEW.number = OLD.number
                AND length(NEW.hashes) > length(OLD.hashes)
                AND substr(NEW.hashes, 1, length(OLD.hashes)) = OLD.hashes THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION USING MESSAGE = 'append-only: ' || TG_OP || ' of ' || TG_TABLE_NAME;
    END $$""",
    """CREATE TRIGGER tiles_grow BEFORE UPDATE OR DELETE ON tiles
    FOR EACH ROW EXECUTE FUNCTION permits_sealed()""",
    """CREATE TRIGGER tiles_stay BEFORE TRUNCATE ON tiles
    FOR EACH STATEMENT EXECUTE FUNCTION permits_sealed()""",
    """CREATE TRIGGER checkpoints_kept BEFORE UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION permits_sealed()""",
    """CREATE TRIGGER checkpoints_stay BEFORE TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION permits_sealed()""",
)


def upgrade() -> None:
    """Make the tables and their triggers; leaves of an older history are sealed by the next checkpoint."""
    dialect = op.get_bind().dialect.name
    for statement in _TABLES.format(**_WORDS[dialect]).split(";\n"):
        op.execute(statement)
    for statement in _SQLITE if dialect == "sqlite" else _POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
