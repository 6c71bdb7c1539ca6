"""The schema: made in one place, checked everywhere, and the same as its description."""

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
from permits_engine import Engine
from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import schema, upgrade
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import history
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.store.keys.master_keys import MasterKeys


def test_the_migration_makes_what_the_description_says(database: Database, tables_url: str) -> None:
    """Tables, columns, types and indexes of a new store are those of ``store.schema``, and no others."""
    engine = create_engine(tables_url.replace("postgresql://", "postgresql+psycopg://"))
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


def test_the_revision_names_the_content_of_the_first_migration() -> None:
    """Anyone who changes the schema gives it another name: a store of the former content is then refused."""
    config = Config()
    config.set_main_option("script_location", str(Path(permits_engine.store.__file__).parent / "migrations"))
    [script] = ScriptDirectory.from_config(config).walk_revisions()
    assert script.revision == upgrade.REVISION == f"0001_{script.module.digest()}"


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


@pytest.mark.parametrize("revision", ["0008", "0001_000000000000"])
def test_a_store_of_another_schema_is_refused_with_the_remedy(
    store_url: str, tmp_path: Path, revision: str
) -> None:
    """Neither used nor changed, whether opened or initialised again: the error says what to do."""
    made = Database.open(store_url, create_ok=True)
    upgrade.initialise(made, now=0)
    with made.write() as tx:
        tx.run(Statement(f"UPDATE {upgrade.VERSION_TABLE} SET version_num = '{revision}'"))
        before = history.head(tx)
    database = Database.open(store_url)
    remedy = (
        rf"store\.not_initialised.*is {revision}, this program needs 0001_.*run permits init on a new store"
    )
    for use in (upgrade.require_current, lambda each: upgrade.initialise(each, now=0)):
        with pytest.raises(PermitsError, match=remedy):
            use(database)
    keys = MasterKeys.create(tmp_path / "store.keys")
    for opening in (Engine.open, Engine.initialise):
        with pytest.raises(PermitsError, match=remedy):
            opening(store_url, keys=keys)
    with made.read() as tx:
        assert history.head(tx) == before
    made.close()
    database.close()


def test_an_empty_version_table_asks_for_init(database: Database, tables_url: str) -> None:
    """What was never finished is no store."""
    with database.write() as tx:
        tx.run(Statement(f"DELETE FROM {upgrade.VERSION_TABLE}"))
    again = Database.open(tables_url)
    with pytest.raises(PermitsError, match=r"store\.not_initialised.*empty.*run: permits init"):
        upgrade.require_current(again)
    again.close()


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
