"""The schema: made in one place, checked everywhere, and the same as its description."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from eventsourcing.persistence import StoredEvent
from sqlalchemy import create_engine, inspect

import permits_engine.store
from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import schema, upgrade
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import history
from permits_engine.store.events.recorder import TransactionRecorder


def test_the_migrations_make_what_the_description_says(database: Database, store_url: str) -> None:
    """Tables, columns, types and indexes of a new store are those of ``store.schema``, and no others."""
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    ours = {"version_table": upgrade.VERSION_TABLE, "compare_type": True, "include_name": _described}
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=ours), schema.metadata)
        tables = set(inspect(connection).get_table_names())
    # On SQLite the position is the row's own key and needs no index; ``ddl_if`` is not looked at in comparing.
    mine = "events_position" if engine.dialect.name == "sqlite" else ""
    found = [each for each in found if not (each[0] == "add_index" and each[1].name == mine)]
    assert [each for each in found if not _stricter(each)] == []
    assert tables == {*schema.metadata.tables, upgrade.VERSION_TABLE}
    engine.dispose()


def _stricter(difference: object) -> bool:
    # SQLite gives position and recorded time at once, so that there they are never null.
    steps = difference if isinstance(difference, list) else []
    return bool(steps) and all(
        step[0] == "modify_nullable" and step[2] == "events" and step[3] in {"position", "recorded_at"}
        for step in steps
    )


def _described(name: str | None, kind: str, parents: object) -> bool:
    # PostgreSQL's order within a transaction is the trigger's own business.
    return name not in {"seq", "events_seq"}


def test_every_migration_is_known_to_the_program() -> None:
    """The revisions that the check knows are those of the scripts, in their order."""
    config = Config()
    config.set_main_option("script_location", str(Path(permits_engine.store.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in reversed(list(scripts))) == upgrade.REVISIONS


def test_a_store_is_made_once(database: Database) -> None:
    """Initialising again changes nothing: neither the store's identity nor whether it is simulated."""
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([StoredEvent("s", 1, "n@1", b"")], now=1)
        before = history.head(tx)
    upgrade.initialise(database, simulated=True, now=5)
    with database.read() as tx:
        after = history.head(tx)
    assert (after.store_id, after.simulated, after.position) == (before.store_id, False, 1)


def test_two_processes_may_initialise_at_once(store_url: str) -> None:
    """Of several at the same time one makes the schema and the others find it."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        database = Database.open(store_url, create_ok=True)
        barrier.wait()
        try:
            upgrade.initialise(database, now=0)
        except BaseException as problem:
            errors.append(problem)
        finally:
            database.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    database = Database.open(store_url)
    upgrade.require_current(database)
    database.close()


def test_a_store_without_a_schema_is_not_initialised(store_url: str) -> None:
    """An empty database is not used; the error gives the command to run."""
    database = Database.open(store_url, create_ok=True)
    with pytest.raises(PermitsError, match=r"store\.not_initialised.*run: permits init"):
        upgrade.require_current(database)
    with pytest.raises(PermitsError, match=r"store\.not_initialised"), database.write() as tx:
        TransactionRecorder(tx).insert_events([StoredEvent("s", 1, "n@1", b"")], now=1)
    upgrade.initialise(database, now=0)
    upgrade.require_current(database)
    database.close()


@pytest.mark.parametrize(
    ("revision", "remedy"), [("0000", "newer.*upgrade permits-engine"), (None, "empty.*run: permits")]
)
def test_another_schema_is_not_used(store_url: str, revision: str | None, remedy: str) -> None:
    """A newer schema asks for a newer program, an unfinished one for init; neither is touched."""
    made = Database.open(store_url, create_ok=True)
    upgrade.initialise(made, now=0)
    with made.write() as tx:
        tx.run(Statement(f"DELETE FROM {upgrade.VERSION_TABLE}"))
        if revision:
            tx.run(Statement(f"INSERT INTO {upgrade.VERSION_TABLE} VALUES ('{revision}')"))
    made.close()
    database = Database.open(store_url)
    with pytest.raises(PermitsError, match=rf"store\.not_initialised.*{remedy}"):
        upgrade.require_current(database)
    if revision:
        with pytest.raises(PermitsError, match=remedy):
            upgrade.initialise(database, now=0)
    database.close()


def test_an_older_schema_is_upgraded_by_init_only(
    database: Database, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a program that needs a later revision, today's store is an older one."""
    monkeypatch.setattr(upgrade, "REVISIONS", (*upgrade.REVISIONS, "9999"))
    later = Database.open(store_url)
    with pytest.raises(PermitsError, match=r"is \d{4}, this program needs 9999; run: permits"):
        upgrade.require_current(later)
    later.close()


def test_the_check_is_made_once(database: Database) -> None:
    """After a store was found current it is not asked again."""
    upgrade.require_current(database)
    database.close()
    upgrade.require_current(database)


def test_a_host_with_its_own_alembic_keeps_it(store_url: str) -> None:
    """The store's version table is not the one that a host's Alembic uses."""
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")
    database = Database.open(engine)
    upgrade.initialise(database, now=0)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM alembic_version").fetchall() == [("theirs",)]
    database.close()
    engine.dispose()


@pytest.mark.parametrize("revision", upgrade.REVISIONS[1:])
def test_a_migration_only_adds(revision: str) -> None:
    """Whoever is at work with the earlier version goes on: nothing that it knows is taken away or made stricter.

    What is no longer used is taken away by a migration of a later release, when nobody uses it any more.
    """
    folder = Path(permits_engine.store.__file__).parent / "migrations" / "versions"
    [script] = folder.glob(f"{revision}_*.py")
    text = script.read_text(encoding="utf-8").upper()
    text = text.replace("DROP INDEX EVENTS_POSITION", "")  # on SQLite the primary key says the same
    for word in ("DROP ", "RENAME ", "ALTER COLUMN", "SET NOT NULL", "DELETE FROM", "TRUNCATE TABLE"):
        assert word not in text, f"{script.name}: {word}"
    for added in re.findall(r"ADD COLUMN[^;\"]*", text):
        assert "NOT NULL" not in added or "DEFAULT" in added, f"{script.name}: {added}"
