"""The schema of a store: made here and nowhere else, and checked before the store is used."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.connections import WAIT_SECONDS
from permits_engine.store.database.errors import not_initialised, translate
from permits_engine.store.database.transactions import Database, Statement

REVISION = "0001_5768fb419d4c"
"""The schema that this program works with. Migration 0001 is edited in place until 1.0; the second half is the digest
of its content (a test compares them), so that a store of a former content is refused."""

VERSION_TABLE = "permits_version"

_REVISION = Statement(f"SELECT version_num FROM {VERSION_TABLE}")
_HEAD = text(
    "INSERT INTO head (one, position, recorded_at, simulated, created_at, store_id)"
    " VALUES (1, 0, 0, :simulated, :now, :store_id) ON CONFLICT (one) DO NOTHING"
)
# A busy machine may take longer to create the schema than an ordinary writer waits.
_LOCK = {
    "sqlite": ("PRAGMA busy_timeout = 60000", "BEGIN IMMEDIATE"),
    "postgresql": ("BEGIN", "SET LOCAL lock_timeout = '60s'", "SELECT pg_advisory_xact_lock(7310584210)"),
}


def initialise(database: Database, *, simulated: bool = False, now: int) -> None:
    """Create the schema in one transaction; change nothing in a store that has it.

    ``now`` is in microseconds since the epoch. ``simulated`` applies to a new store only: its recorded time is
    what the caller's clock says. Raises ``store.unavailable`` and, for another schema, ``store.not_initialised``.
    """
    # Alembic is slow to load, and best loaded before others wait for the lock.
    from permits_engine.store.database.migrating import migrate

    with database.bare() as driver:
        engine = create_engine(
            "sqlite://" if database.dialect == "sqlite" else "postgresql+psycopg://",
            creator=lambda: driver,
            poolclass=StaticPool,
            pool_reset_on_return=None,
        )
        try:
            with engine.connect() as connection:
                for statement in _LOCK[database.dialect]:
                    connection.exec_driver_sql(statement)
                found = migrate(connection, REVISION, VERSION_TABLE)
                if found not in (None, REVISION):
                    raise _other(found, database.name)
                connection.execute(_HEAD, {"simulated": simulated, "now": now, "store_id": str(uuid4())})
                connection.commit()
        except DBAPIError as problem:
            cause = problem.orig if isinstance(problem.orig, Exception) else problem
            raise translate(cause, database.name) from problem
        finally:
            if database.dialect == "sqlite":
                driver.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
    database.current = True


def require_current(database: Database) -> None:
    """Check that the store has this program's schema; ask the database once.

    Raises ``store.not_initialised`` with the remedy, ``store.unavailable``.
    """
    if database.current:
        return
    with database.read() as tx:
        row = tx.one(_REVISION)
    if row is None:
        raise not_initialised(database.name, f"the store {database.name} is empty")
    if row[0] != REVISION:
        raise _other(row[0], database.name)
    database.current = True


def _other(found: str, store: str) -> PermitsError:
    return error(
        "store.not_initialised",
        f"the schema of {store} is {found}, this program needs {REVISION}; before release 1.0 a store is not"
        " upgraded: use the version of permits-engine that made it (to work with it, export it or back it up), or"
        " run permits init on a new store",
        store=store,
    )
