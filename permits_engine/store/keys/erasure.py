"""Erased keys out of the database's files, where the databases keep what was deleted.

SQLite: pages are overwritten (``secure_delete``), the file is written anew (``VACUUM``) and the log is emptied
(``wal_checkpoint(TRUNCATE)``). PostgreSQL: the tables are written anew (``VACUUM FULL``). PostgreSQL's own log, its
archive and backups keep what they have until their retention ends.
"""

from __future__ import annotations

import time
from typing import Any

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database.connections import WAIT_SECONDS
from permits_engine.store.database.errors import translate, unavailable
from permits_engine.store.database.statements import Statement, Transaction
from permits_engine.store.database.transactions import Database

BEGIN = Statement(
    "INSERT INTO erasures (holder_id, erased_at) VALUES (:holder_id, :now)"
    " ON CONFLICT (holder_id) DO UPDATE SET scrubbed_at = NULL"
)
"""Records that a key was destroyed whose bytes are still in the files."""
_PENDING = Statement("SELECT holder_id FROM erasures WHERE scrubbed_at IS NULL ORDER BY holder_id")
_DONE = Statement(
    "UPDATE erasures SET scrubbed_at = :now WHERE scrubbed_at IS NULL AND holder_id = :holder_id"
)
_TABLES = ("holder_keys", "search", "commands")
_FILES = "SELECT array_agg(pg_relation_filenode(each)) FROM unnest(%s::text[]) AS each"


def pending(tx: Transaction) -> list[str]:
    """Return the holders whose keys are destroyed, and perhaps still in the files."""
    return [row[0] for row in tx.all(_PENDING)]


def done(tx: Transaction, holder_ids: list[str], now: int) -> None:
    """Record that these holders' keys are in no file of the database any more."""
    tx.many(_DONE, [{"holder_id": each, "now": now} for each in holder_ids])


def scrub(database: Database) -> None:
    """Remove what was deleted from the database's files.

    Raises ``store.unavailable`` if a reader prevents it, or the tables are not this user's; then scrub again.
    """
    with database.bare() as driver:
        try:
            (_sqlite if database.dialect == "sqlite" else _postgresql)(driver, database.name)
        except PermitsError:
            raise
        except Exception as problem:
            raise translate(problem, database.name) from problem


def _sqlite(driver: Any, name: str) -> None:
    driver.execute("VACUUM")
    until = time.monotonic() + WAIT_SECONDS
    # A reader of the old state keeps it in the log: wait for it, but not for ever.
    while driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > until:
            raise unavailable(name, "is being read, so that its log cannot be emptied: erase again later")
        time.sleep(0.05)


def _postgresql(driver: Any, name: str) -> None:
    [before] = driver.execute(_FILES, (list(_TABLES),)).fetchone()
    for table in _TABLES:
        driver.execute(f"VACUUM (FULL) {table}")
    [after] = driver.execute(_FILES, (list(_TABLES),)).fetchone()
    if set(before) & set(after):  # the server only warns if the tables belong to another user
        raise unavailable(name, "may not be rewritten by this user: erase as the owner of the tables")
