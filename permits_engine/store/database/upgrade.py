"""The schema: made and brought up to date here and nowhere else, and checked before the store is used."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.errors import not_initialised, refusal
from permits_engine.store.database.transactions import Database, Statement, Transaction

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""Every revision of the schema, oldest first; the last is the one that this program works with."""

REBUILT: dict[str, str] = {"0003": "search", "0004": "notices"}
"""Read models that a revision adds to: what they say of the history before it is computed once, after it."""

VERSION_TABLE = "permits_version"

_REVISION = Statement(f"SELECT version_num FROM {VERSION_TABLE}")
_HEAD = text(
    "INSERT INTO head (one, position, recorded_at, simulated, created_at, store_id)"
    " VALUES (1, 0, 0, :simulated, :now, :store_id) ON CONFLICT (one) DO NOTHING"
)
_MARK = text(
    "INSERT INTO tracking (application_name, position) VALUES (:name, 0) ON CONFLICT (application_name) DO NOTHING"
)
_MARKED = Statement(
    "SELECT application_name FROM tracking WHERE application_name LIKE 'rebuild/%' ORDER BY 1"
)
_UNMARK = Statement("DELETE FROM tracking WHERE application_name = :name")
_LOCK = {
    "sqlite": ("BEGIN IMMEDIATE",),
    "postgresql": ("BEGIN", "SELECT pg_advisory_xact_lock(7310584210)"),
}


def initialise(database: Database, *, simulated: bool = False, now: int) -> None:
    """Create the schema or bring it up to date, in one transaction; on a current store it changes nothing.

    ``now`` is in microseconds since the epoch. ``simulated`` holds for a new store only: its recorded time is
    what the caller's clock says. What an upgrade leaves to be computed is what ``to_rebuild`` says. Raises
    ``store.unavailable`` and, for a newer schema, ``store.not_initialised``.
    """
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
                _migrate(connection, database.name)
                connection.execute(_HEAD, {"simulated": simulated, "now": now, "store_id": str(uuid4())})
                connection.commit()
        except DBAPIError as problem:
            cause = problem.orig if isinstance(problem.orig, Exception) else problem
            raise refusal(cause, database.name) from problem
    database.current = True


def _migrate(connection: Connection, store: str) -> None:
    # Slow to import, and needed here only.
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = context.get_current_revision()
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise _other(found, store)
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parents[1] / "migrations").replace("%", "%%")
    )
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    command.upgrade(config, REVISIONS[-1])
    if found is not None:
        for revision in REVISIONS[REVISIONS.index(found) + 1 :]:
            if revision in REBUILT:
                connection.execute(_MARK, {"name": f"rebuild/{REBUILT[revision]}"})


def to_rebuild(tx: Transaction) -> list[str]:
    """The read models that an upgrade left to be computed; the mark stays until ``rebuilt``."""
    return [row[0].removeprefix("rebuild/") for row in tx.all(_MARKED)]


def rebuilt(tx: Transaction, model: str) -> None:
    """A read model was computed after an upgrade."""
    tx.run(_UNMARK, {"name": f"rebuild/{model}"})


def require_current(database: Database) -> None:
    """See that the store has this program's schema; asks the database once.

    Raises ``store.not_initialised`` with the command to run, ``store.unavailable``.
    """
    if database.current:
        return
    with database.read() as tx:
        row = tx.one(_REVISION)
    found = row[0] if row else None
    if found != REVISIONS[-1]:
        raise _other(found, database.name)
    database.current = True


def _other(found: str | None, store: str) -> PermitsError:
    wanted = REVISIONS[-1]
    if found is None or found in REVISIONS:
        return not_initialised(
            store, f"the schema of {store} is {found or 'empty'}, this program needs {wanted}"
        )
    message = f"the schema of {store} is {found}, newer than this program's {wanted}; upgrade permits-engine"
    return error("store.not_initialised", message, store=store)
