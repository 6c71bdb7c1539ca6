"""In a host's transaction: our rows live and die with the host's own, and only the host ends it."""

import threading
from collections.abc import Iterator

import pytest
from eventsourcing.persistence import StoredEvent as Record
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import StaticPool

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.conftest import OnDisk

NOW = 1_394_442_000_000_000
INSERT = text("INSERT INTO rows VALUES ('host')")


def record(stream: str = "s", version: int = 1) -> Record:
    return Record(stream, version, "permit.closed@1", b"{}")


def count(database: Database, host: Engine) -> tuple[int, int]:
    """Our events and the host's rows."""
    with database.read() as tx, host.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM rows")).scalar_one()
        return len(history.after(tx, 0, 99)), rows


def append(database: Database, session: object, stream: str = "s") -> None:
    with database.write(session) as tx:  # type: ignore[arg-type]
        TransactionRecorder(tx).insert_events([record(stream)], now=NOW)


class Stop(Exception):
    """The host changes its mind."""


@pytest.mark.parametrize("when", ["never", "before", "after"])
def test_the_hosts_rollback_takes_our_rows_with_it(database: Database, host: Engine, when: str) -> None:
    """Also when the host itself had sent nothing before, or sends nothing at all."""
    with pytest.raises(Stop), Session(host) as session, session.begin():
        if when == "before":
            session.execute(INSERT)
        append(database, session)
        if when == "after":
            session.execute(INSERT)
        raise Stop
    assert count(database, host) == (0, 0)


@pytest.mark.parametrize("when", ["never", "before", "after"])
def test_the_hosts_commit_takes_our_rows_with_it(database: Database, host: Engine, when: str) -> None:
    """Not earlier: until then no one else sees them."""
    with Session(host) as session:
        if when == "before":
            session.execute(INSERT)
        append(database, session)
        if when == "after":
            session.execute(INSERT)
        assert count(database, host) == (0, 0)
        session.commit()
    assert count(database, host) == (1, int(when != "never"))


def test_an_error_of_ours_leaves_the_hosts_transaction_alive(database: Database, host: Engine) -> None:
    """After a refused append the host goes on, and commits its own rows."""
    append(database, None)
    with Session(host) as session, session.begin():
        session.execute(INSERT)
        with pytest.raises(PermitsError, match=r"concurrency\.conflict"):
            append(database, session)
        session.execute(INSERT)
    assert count(database, host) == (1, 2)


def test_a_connection_is_as_good_as_a_session(database: Database, host: Engine) -> None:
    """Begun or not, a Core connection is joined, and committed or rolled back by the host."""
    with host.connect() as connection:
        append(database, connection)
        connection.rollback()
        append(database, connection, "other")
        connection.commit()
    with host.begin() as connection:
        append(database, connection, "third")
    assert count(database, host) == (2, 0)


def test_a_scoped_session_is_as_good_as_a_session(database: Database, host: Engine) -> None:
    """The session of the thread is joined."""
    session = scoped_session(sessionmaker(host))
    append(database, session)
    session.rollback()
    session.remove()
    assert count(database, host) == (0, 0)


def test_what_was_appended_is_read_in_the_same_transaction(database: Database, host: Engine) -> None:
    """A second command in one host transaction sees the events of the first."""
    with Session(host) as session, session.begin():
        append(database, session)
        with database.write(session) as tx:
            assert [r.version for r in TransactionRecorder(tx).select_events("s")] == [1]
            TransactionRecorder(tx).insert_events([record("s", 2)], now=NOW)
    assert count(database, host) == (2, 0)


def test_a_savepoint_of_the_host_takes_our_rows_with_it(database: Database, host: Engine) -> None:
    """Rolled back to the savepoint, our rows are gone; the rest commits, and leaves no gap."""
    with Session(host) as session, session.begin():
        session.execute(INSERT)
        Database.open(host)
        append(database, session, "kept")
        with pytest.raises(Stop), session.begin_nested():
            append(database, session, "dropped")
            raise Stop
        with session.begin_nested():
            append(database, session, "also kept")
    with database.read() as tx:
        assert [(r.position, r.stream) for r in history.after(tx, 0, 9)] == [(1, "kept"), (2, "also kept")]


def test_a_savepoint_first_of_all_does_not_outlive_a_rollback(database: Database, host: Engine) -> None:
    """On the host's own engine, a host that begins with a savepoint and rolls back leaves nothing."""
    store = Database.open(host)
    with pytest.raises(Stop), Session(host) as session, session.begin():
        with session.begin_nested():
            append(store, session)
        raise Stop
    assert count(database, host) == (0, 0)
    store.close()


def test_sqlite_refuses_a_savepoint_that_would_be_the_transaction(on_sqlite: OnDisk) -> None:
    """On an engine that the store does not know, such a savepoint is refused with the remedy."""
    sqlite_url, database = on_sqlite
    refused = pytest.raises(PermitsError, match=r"input\.invalid.*savepoint")
    with Session(create_engine(sqlite_url)) as session, session.begin(), session.begin_nested(), refused:
        append(database, session)


def test_autocommit_is_refused(database: Database, host: Engine) -> None:
    """Where nothing could be rolled back, nothing is written."""
    with Session(host.execution_options(isolation_level="AUTOCOMMIT")) as session:
        with pytest.raises(PermitsError, match=r"input\.invalid.*AUTOCOMMIT"):
            append(database, session)
        session.execute(text("SELECT 1"))
        with pytest.raises(PermitsError, match=r"input\.invalid.*AUTOCOMMIT"):
            append(database, session)
    assert count(database, host) == (0, 0)


@pytest.mark.parametrize("session", [object(), "session", Session])
def test_what_is_no_session_is_refused(database: Database, session: object) -> None:
    """The refusal says what is taken."""
    with pytest.raises(PermitsError, match=r"input\.invalid.*Session nor a Connection"):
        append(database, session)


def test_a_session_of_another_database_is_refused(
    database: Database, sqlite_url: str, postgresql_server: str
) -> None:
    """A session of another kind of database never gets the store's statements."""
    other = postgresql_server if database.dialect == "sqlite" else sqlite_url
    engine = create_engine(other.replace("postgresql://", "postgresql+psycopg://"))
    with pytest.raises(PermitsError, match=r"input\.invalid"), engine.connect() as connection:
        append(database, connection)


def test_a_session_without_the_stores_tables_is_not_initialised(
    database: Database, sqlite_url: str, postgresql_server: str
) -> None:
    """A session of the right kind but of a database that holds no store says so."""
    other = f"{sqlite_url}.other" if database.dialect == "sqlite" else postgresql_server
    engine = create_engine(other.replace("postgresql://", "postgresql+psycopg://"))
    refused = pytest.raises(PermitsError, match=r"store\.not_initialised.*init")
    with Session(engine) as session, refused:
        append(database, session)


def test_a_host_that_read_before_and_lost_the_race_is_told(on_sqlite: OnDisk) -> None:
    """On SQLite a host with an old view cannot write any more: a conflict at once, with the remedy."""
    sqlite_url, database = on_sqlite
    engine = create_engine(sqlite_url)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with Session(engine) as session:
        session.execute(text("SELECT count(*) FROM events"))
        append(database, None)
        with pytest.raises(PermitsError, match=r"concurrency\.conflict.*roll the session back"):
            append(database, session, "late")


def test_a_host_that_finds_sqlite_locked_is_told(on_sqlite: OnDisk) -> None:
    """On SQLite a host that waits in vain for another writer gets a conflict that it can try again."""
    sqlite_url, database = on_sqlite
    engine = create_engine(sqlite_url, connect_args={"timeout": 0.1})
    with (
        database.write(),
        Session(engine) as session,
        pytest.raises(PermitsError, match=r"concurrency\.conflict"),
    ):
        append(database, session)


@pytest.fixture
def memory() -> Iterator[Engine]:
    """A host's engine in memory: one connection for everybody."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    yield engine
    engine.dispose()


def test_a_store_lives_in_a_hosts_memory(memory: Engine) -> None:
    """The one connection is shared with the host, also in its transaction, and also between threads."""
    database = Database.open(memory)
    upgrade.initialise(database, now=0)
    append(database, None, "own")
    with Session(memory) as session, session.begin():
        append(database, session, "hosts")
        with database.read() as tx:
            assert len(history.after(tx, 0, 9)) == 2
        with pytest.raises(PermitsError, match=r"store\.unavailable.*pass its session"):
            append(database, None, "own again")
        session.rollback()
    threads = [threading.Thread(target=append, args=(database, None, f"t{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as tx:
        assert [r.position for r in history.after(tx, 0, 99)] == list(range(1, 10))
    database.close()


def test_a_hosts_engine_carries_the_whole_store(store_url: str) -> None:
    """Opened with the host's engine, the store makes its schema and works without an address of its own."""
    engine = create_engine(
        store_url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0
    )
    database = Database.open(engine)
    upgrade.initialise(database, now=0)
    append(database, None)
    with database.read() as tx, database.read() as other:
        assert history.head(tx).position == history.head(other).position == 1
    with Session(engine) as session, session.begin():
        append(database, session, "hosts")
    with database.read() as tx:
        assert history.head(tx).position == 2
    database.close()
    engine.dispose()
