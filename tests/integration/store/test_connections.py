"""Opening, failing and closing: what the database does to us is said in one sentence with the remedy."""

import gc
import os
import sqlite3
import threading
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent as Record
from sqlalchemy import create_engine

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import connections, upgrade
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import history
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.conftest import OnDisk

SECRET = "s3cr3t!"


def touch(database: Database) -> None:
    with database.read() as tx:
        history.head(tx)


def append(database: Database, stream: str) -> None:
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([Record(stream, 1, "permit.closed@1", b"{}")], now=1)


def length(database: Database) -> int:
    with database.read() as tx:
        return history.head(tx).position


def test_reading_never_makes_a_file(tmp_path: Path) -> None:
    """A store that is not there is said to be so, for reading and writing, and no file appears."""
    database = Database.open(f"sqlite:///{tmp_path}/missing.db")
    with pytest.raises(PermitsError, match=r"store\.not_initialised.*there is no store at.*init"):
        touch(database)
    with pytest.raises(PermitsError, match=r"store\.not_initialised"):
        append(database, "s")
    assert list(tmp_path.iterdir()) == []


def test_odd_names_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    """Signs that mean something in an address mean nothing in a file's name."""
    for name in ("a b.db", "ç 20.db", "q#x.db", "-.db", "'\".db"):
        database = Database.open(f"sqlite:///{tmp_path / name}", create_ok=True)
        upgrade.initialise(database, now=0)
        database.close()
        assert (tmp_path / name).is_file()


def test_a_folder_is_not_a_store(tmp_path: Path) -> None:
    """The error says that it is a folder, and what to name instead."""
    with pytest.raises(PermitsError, match=r"store\.unavailable.*is a folder: name a file"):
        touch(Database.open(f"sqlite:///{tmp_path}"))


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    """A store is not made in a folder that is not there."""
    with pytest.raises(PermitsError, match=r"store\.unavailable.*make the folder .*nowhere first"):
        upgrade.initialise(Database.open(f"sqlite:///{tmp_path}/nowhere/x.db", create_ok=True), now=0)


def test_another_kind_of_file_is_not_a_store(tmp_path: Path) -> None:
    """A file that is no SQLite file is refused, and stays as it was."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100)
    before = path.read_bytes()
    for uow in (touch, lambda database: upgrade.initialise(database, now=0)):
        with pytest.raises(PermitsError, match=r"store\.unavailable.*not an SQLite file"):
            uow(Database.open(f"sqlite:///{path}", create_ok=True))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "address",
    [
        "",
        "permits.db",
        "mysql://localhost/x",
        "sqlite:/x",
        "sqlite://host/x",
        "sqlite:///x?mode=ro",
        "sqlite:///file:x",
        f"postgresql://user:{SECRET}/@host/db",
        f"postgresql://user:{SECRET}@host:12x/db",
        "postgresql://[/x",
        None,
        7,
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """Any other text is input.invalid, and a password in it is not repeated."""
    with pytest.raises(PermitsError, match=r"input\.invalid: store:") as caught:
        Database.open(address)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("driver", ["postgresql+psycopg2", "mysql+pymysql"])
def test_other_drivers_of_a_host_are_refused(driver: str, sqlite_url: str) -> None:
    """An engine on another driver is input.invalid."""
    engine = create_engine(sqlite_url)
    engine.dialect.name, engine.dialect.driver = driver.split("+")
    with pytest.raises(PermitsError, match=r"input\.invalid.*is not supported"):
        Database.open(engine)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """The error names the address without its password."""
    address = f"postgresql://clerk:{SECRET}@localhost:1/permits?host={quote(str(tmp_path))}"
    with pytest.raises(PermitsError, match=r"store\.unavailable.*clerk@.*check the address") as caught:
        touch(Database.open(address))
    assert SECRET not in repr(caught.value.as_dict())
    assert caught.value.__cause__ is None


def test_a_database_that_is_not_there_is_unavailable(postgresql_server: str) -> None:
    """The error says to create it."""
    address = postgresql_server.replace("/postgres?", "/nowhere?")
    with pytest.raises(PermitsError, match=r"store\.unavailable.*createdb"):
        touch(Database.open(address))


def test_a_connection_lost_between_transactions_is_replaced(on_postgresql: OnDisk) -> None:
    """After the server ended our connections, the next transactions work as if nothing had been."""
    postgresql_url, database = on_postgresql
    append(database, "a")
    touch(database)
    _end_connections(postgresql_url)
    touch(database)
    append(database, "b")
    assert length(database) == 2


def test_a_connection_lost_inside_a_transaction_is_unavailable(on_postgresql: OnDisk) -> None:
    """Nothing of the transaction stays, and the next one works."""
    postgresql_url, database = on_postgresql
    with pytest.raises(PermitsError, match=r"store\.unavailable"), database.write() as tx:
        TransactionRecorder(tx).insert_events([Record("a", 1, "n@1", b"")], now=1)
        _end_connections(postgresql_url)
        TransactionRecorder(tx).insert_events([Record("b", 1, "n@1", b"")], now=1)
    append(database, "c")
    assert length(database) == 1


def _end_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_locked_store_is_unavailable(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits in vain for another process says so, and names the remedy."""
    monkeypatch.setattr(connections, "WAIT_SECONDS", 1)
    database = Database.open(store_url, create_ok=True)
    upgrade.initialise(database, now=0)
    if database.dialect == "sqlite":
        other = sqlite3.connect(store_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = psycopg.connect(store_url)
        other.execute("LOCK TABLE events")
    started = time.monotonic()
    with pytest.raises(PermitsError, match=r"store\.unavailable.*is locked by.*try again"):
        append(database, "a")
    assert 0.9 < time.monotonic() - started < 60
    other.close()
    append(database, "a")
    database.close()


def test_a_value_that_the_database_cannot_store_is_the_callers(on_postgresql: OnDisk) -> None:
    """A zero byte in a text, which PostgreSQL refuses, is input.invalid."""
    _, database = on_postgresql
    with pytest.raises(PermitsError, match=r"input\.invalid.*control characters"), database.read() as tx:
        TransactionRecorder(tx).select_events("a\x00b")


def test_a_failed_block_leaves_nothing(database: Database) -> None:
    """Whatever is raised in the block, also by the keyboard, rolls everything back."""
    for problem in (ValueError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(problem), database.write() as tx:
            TransactionRecorder(tx).insert_events([Record("a", 1, "n@1", b"")], now=1)
            raise problem
    assert length(database) == 0


def test_a_write_within_a_write_is_a_mistake(database: Database) -> None:
    """It is refused at once instead of waiting for itself; a read within a write sees what was written."""
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([Record("a", 1, "n@1", b"")], now=1)
        with pytest.raises(RuntimeError, match="open on this thread"), database.write():
            pass
        with database.read() as inner:
            assert len(TransactionRecorder(inner).select_events("a")) == 1
    assert length(database) == 1


def test_a_reader_may_write_beside_its_reading(database: Database) -> None:
    """While rows stream from one transaction, others are committed on the same thread."""
    for number in range(30):
        append(database, f"s{number}")
    statement = Statement("SELECT stream FROM events ORDER BY position")
    with database.read() as tx:
        for (stream,) in tx.stream(statement, size=7):
            append(database, f"{stream}-again")
    assert length(database) == 60


def test_closing_waits_for_no_one_and_breaks_nothing(database: Database) -> None:
    """Closed while eight threads work, each of them ends with its work done or store.unavailable."""
    odd: list[BaseException] = []
    started = threading.Barrier(9)

    def uow(number: int) -> None:
        started.wait()
        try:
            for turn in range(1000):
                append(database, f"{number}-{turn}")
                touch(database)
        except PermitsError as problem:
            if problem.code != "store.unavailable":
                odd.append(problem)
        except BaseException as problem:
            odd.append(problem)

    threads = [threading.Thread(target=uow, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(0.1)
    database.close()
    for thread in threads:
        thread.join()
    assert odd == []
    with pytest.raises(PermitsError, match=r"store\.unavailable.*open it again"):
        touch(database)


def test_a_thread_takes_its_connections_with_it(database: Database) -> None:
    """Threads that have ended leave no connection open."""
    for number in range(5):
        thread = threading.Thread(target=append, args=(database, f"s{number}"))
        thread.start()
        thread.join()
    gc.collect()
    assert len(database._kept) <= 2


def test_a_forked_child_has_connections_of_its_own(database: Database) -> None:
    """Parent and child both work on after a fork, as in a server that forks its workers."""
    append(database, "parent")
    touch(database)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            append(database, "child")
            database.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    append(database, "parent again")
    assert length(database) == 3


def test_memory_is_one_store_for_all_threads() -> None:
    """A store in memory is shared, ordered and consistent like any other."""
    database = Database.open("sqlite://")
    upgrade.initialise(database, now=0)

    def uow(number: int) -> None:
        for turn in range(50):
            append(database, f"{number}-{turn}")
            with database.read() as tx:
                position = history.head(tx).position
                assert len(history.after(tx, 0, 9999)) == position

    threads = [threading.Thread(target=uow, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert length(database) == 200
    database.close()
