"""The history: one order, the order of the commits, without gaps, only ever appended to."""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent as Record
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import history
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.conftest import OnDisk

NOW = 1_394_442_000_000_000
THREADS = 8
EACH = 40


def record(stream: str, version: int = 1, payload: bytes = b"{}") -> Record:
    return Record(stream, version, "permit.closed@1", payload)


def append(database: Database, *records: Record, now: int = NOW) -> None:
    with database.write() as tx:
        TransactionRecorder(tx).insert_events(records, now=now)


def everything(database: Database) -> list[history.StoredRecord]:
    with database.read() as tx:
        return history.after(tx, 0, 1_000_000)


def together(count: int, uow: Callable[[int], None]) -> None:
    """Run the work in threads that start at once; the first error is raised here."""
    barrier, errors = threading.Barrier(count), []

    def run(number: int) -> None:
        barrier.wait()
        try:
            uow(number)
        except BaseException as problem:
            errors.append(problem)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_what_is_appended_is_read_back(database: Database) -> None:
    """Events come back by stream, by several streams and in the store's order, payload byte for byte."""
    payload = bytes(range(256))
    append(database, record("b", 1, payload), record("b", 2), record("a", 1))
    with database.read() as tx:
        assert [r[:4] for r in TransactionRecorder(tx).select_events("b")] == [
            (1, "b", 1, "permit.closed@1"),
            (2, "b", 2, "permit.closed@1"),
        ]
        assert TransactionRecorder(tx).select_events("b")[0].payload == payload
        assert [r.version for r in TransactionRecorder(tx).select_events("b", gt=1)] == [2]
        assert [r.version for r in TransactionRecorder(tx).select_events("b", lte=1)] == [1]
        assert TransactionRecorder(tx).select_events("c") == []
        found = TransactionRecorder(tx).select_streams(["a", "c", "b"])
        assert {stream: len(records) for stream, records in found.items()} == {"a": 1, "b": 2}
        assert list(found) == ["a", "b"]
        assert [r.position for r in history.after(tx, 1, 1)] == [2]
        assert history.head(tx).position == 3


def test_many_streams_are_read_at_once(database: Database) -> None:
    """More streams than one statement takes are all found."""
    names = [f"s{number:04}" for number in range(1203)]
    append(database, *[record(name) for name in names])
    with database.read() as tx:
        assert list(TransactionRecorder(tx).select_streams(names)) == names


def test_positions_have_no_gaps_and_follow_the_commits(database: Database) -> None:
    """Under eight writers, some of which roll back, anyone who sees a position sees all before it."""
    seen: list[list[int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append([r.position for r in everything(database)])

    watcher = threading.Thread(target=watch)
    watcher.start()

    def write(number: int) -> None:
        for turn in range(EACH):
            try:
                with database.write() as tx:
                    stream = f"{number}-{turn}"
                    TransactionRecorder(tx).insert_events([record(stream), record(stream, 2)], now=NOW)
                    if turn % 4 == 3:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue

    together(THREADS, write)
    done.set()
    watcher.join()
    records = everything(database)
    assert [r.position for r in records] == list(range(1, THREADS * EACH * 2 * 3 // 4 + 1))
    assert all(positions == list(range(1, len(positions) + 1)) for positions in seen)
    assert len({len(positions) for positions in seen}) > 1
    pairs = list(zip(records[::2], records[1::2], strict=True))
    assert all((one.stream, one.version + 1) == (two.stream, two.version) for one, two in pairs)
    assert [r.recorded_at for r in records] == sorted(r.recorded_at for r in records)


def test_of_many_writers_of_one_version_one_wins(database: Database) -> None:
    """The others get concurrency.conflict, and nothing of theirs stays."""
    lost: list[str] = []

    def write(number: int) -> None:
        try:
            append(database, record("one", 1, str(number).encode()), record(f"other{number}"))
        except PermitsError as problem:
            lost.append(problem.code)

    together(THREADS, write)
    assert lost == ["concurrency.conflict"] * (THREADS - 1)
    assert len(everything(database)) == 2


def test_a_batch_keeps_its_order(database: Database) -> None:
    """Events of one transaction take places in the order in which they were appended, over several calls."""
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([record(f"z{number}") for number in range(50, 0, -1)], now=NOW)
        TransactionRecorder(tx).insert_events([record("a")], now=NOW)
        TransactionRecorder(tx).insert_events([record(f"m{number}") for number in range(3)], now=NOW)
    expected = [*(f"z{number}" for number in range(50, 0, -1)), "a", "m0", "m1", "m2"]
    assert [(r.position, r.stream) for r in everything(database)] == list(enumerate(expected, 1))


def test_a_conflict_inside_a_transaction_breaks_nothing_else(database: Database) -> None:
    """After a version that is taken, the same transaction goes on and commits what else it holds."""
    append(database, record("s"))
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([record("before")], now=NOW)
        with pytest.raises(PermitsError, match=r"concurrency\.conflict"):
            TransactionRecorder(tx).insert_events([record("s")], now=NOW)
        TransactionRecorder(tx).insert_events([record("after")], now=NOW)
    assert [(r.position, r.stream) for r in everything(database)] == [(1, "s"), (2, "before"), (3, "after")]


def test_recorded_time_never_goes_back(database: Database) -> None:
    """A clock that is set back does not take recorded time with it."""
    append(database, record("a"), now=4_000_000_000_000_000)
    append(database, record("b"), now=5)
    one, two = everything(database)
    assert one.recorded_at <= two.recorded_at
    with database.read() as tx:
        assert history.head(tx).recorded_at == two.recorded_at


def test_a_real_store_on_postgresql_takes_the_servers_time(on_postgresql: OnDisk) -> None:
    """A process with a wrong clock writes the server's recorded time."""
    postgresql_url, database = on_postgresql
    before = time.time_ns() // 1000
    append(database, record("a"), now=5)
    [only] = everything(database)
    assert before - 10_000_000 < only.recorded_at < time.time_ns() // 1000 + 10_000_000
    with pytest.raises(psycopg.errors.RaiseException), psycopg.connect(postgresql_url) as connection:
        connection.execute(
            "INSERT INTO events (position, stream, version, name, recorded_at, payload)"
            " VALUES (2, 'x', 1, 'n', 3, '')"
        )
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("SELECT set_config('permits.now', '7', true)")
        connection.execute("INSERT INTO events (stream, version, name, payload) VALUES ('b', 1, 'n', '')")
    assert everything(database)[1].recorded_at > only.recorded_at


def test_a_simulated_store_takes_the_callers_time(store_url: str) -> None:
    """In a store made as simulated, recorded time is what the caller's clock says, several in one run."""
    database = Database.open(store_url, create_ok=True)
    upgrade.initialise(database, simulated=True, now=0)
    append(database, record("a"), now=NOW)
    append(database, record("b"), now=NOW + 5)
    again = Database.open(store_url)
    upgrade.require_current(again)
    append(again, record("c"), now=NOW + 7)
    assert [r.recorded_at for r in everything(database)] == [NOW, NOW + 5, NOW + 7]
    with database.read() as tx:
        assert history.head(tx).simulated
    database.close()
    again.close()


CHANGES = [
    "UPDATE events SET name = 'x'",
    "UPDATE events SET position = position + 100",
    "UPDATE events SET recorded_at = 1",
    "DELETE FROM events",
    "DELETE FROM events WHERE stream = 's' AND version = 2",
    "DELETE FROM head",
    "UPDATE head SET position = 0",
    "UPDATE head SET recorded_at = 0",
]
ON_SQLITE = [
    "INSERT OR REPLACE INTO events SELECT position, stream, version, 'x', recorded_at, payload FROM events",
    "REPLACE INTO events SELECT 3, stream, version, name, recorded_at, payload FROM events WHERE version = 1",
    "INSERT OR REPLACE INTO events SELECT 2, 'other', 1, name, recorded_at, payload FROM events WHERE version = 1",
    "INSERT OR IGNORE INTO events SELECT 9, 'other', 1, name, recorded_at, payload FROM events WHERE version = 1",
    "INSERT INTO events SELECT 3, 'other', 1, name, 1, payload FROM events WHERE version = 1",
]
ON_POSTGRESQL = [
    "TRUNCATE events",
    "TRUNCATE head",
    "TRUNCATE events CASCADE",
    "INSERT INTO events (stream, version, name, payload) VALUES ('s', 1, 'x', '')"
    " ON CONFLICT (stream, version) DO UPDATE SET name = excluded.name",
    "INSERT INTO events (stream, version, name, payload, position, recorded_at) VALUES ('x', 1, 'x', '', 9, 9)",
    "WITH new AS (INSERT INTO events (stream, version, name, payload) VALUES ('n', 1, 'x', '') RETURNING seq)"
    " UPDATE events SET position = 77 WHERE version = 1",
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_history_is_only_ever_appended_to(database: Database, change: str) -> None:
    """The database itself refuses to change, delete or move events, and to take the head back."""
    _refused(database, change)


@pytest.mark.parametrize("change", ON_SQLITE)
def test_sqlite_refuses_to_replace_events(on_sqlite: OnDisk, change: str) -> None:
    """Neither by key nor by place can an event be replaced, nor a place be left out."""
    _, database = on_sqlite
    _refused(database, change)


@pytest.mark.parametrize("change", ON_POSTGRESQL)
def test_postgresql_refuses_to_truncate_and_overwrite_events(on_postgresql: OnDisk, change: str) -> None:
    """Neither can the history be emptied, nor an event be overwritten, nor a place be chosen."""
    _, database = on_postgresql
    _refused(database, change)


def _refused(database: Database, change: str) -> None:
    append(database, record("s"), record("s", 2))
    before = everything(database)
    with pytest.raises(PermitsError), database.write() as tx:
        tx.run(Statement(change))
    with database.read() as tx:
        assert history.head(tx).position == 2
    assert everything(database) == before
    append(database, record("s", 3))
    assert everything(database)[-1].position == 3


def test_a_row_that_waits_for_its_place_cannot_be_given_one(on_postgresql: OnDisk) -> None:
    """Not even in the transaction that wrote it may anybody but the store's trigger give an event its place."""
    _, database = on_postgresql
    with pytest.raises(PermitsError, match="append-only"), database.write() as tx:
        TransactionRecorder(tx).insert_events([record("s")], now=NOW)
        tx.run(Statement("UPDATE events SET position = 5, recorded_at = 5"))


def test_savepoints_leave_no_gap(on_postgresql: OnDisk) -> None:
    """Events of a savepoint that was rolled back take no place; the others of the transaction do."""
    _, database = on_postgresql
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([record("a")], now=NOW)
        tx.run(Statement("SAVEPOINT one"))
        TransactionRecorder(tx).insert_events([record("b")], now=NOW)
        tx.run(Statement("ROLLBACK TO SAVEPOINT one"))
        TransactionRecorder(tx).insert_events([record("c")], now=NOW)
    assert [(r.position, r.stream) for r in everything(database)] == [(1, "a"), (2, "c")]


def test_places_can_be_asked_for_before_the_commit(on_postgresql: OnDisk) -> None:
    """With the constraint set immediate the places are known inside the transaction, and stay the same."""
    _, database = on_postgresql
    with database.write() as tx:
        TransactionRecorder(tx).insert_events([record("a"), record("b")], now=NOW)
        tx.run(Statement("SET CONSTRAINTS events_placed IMMEDIATE"))
        assert [r.position for r in history.after(tx, 0, 9)] == [1, 2]
        TransactionRecorder(tx).insert_events([record("c")], now=NOW)
    assert [(r.position, r.stream) for r in everything(database)] == [(1, "a"), (2, "b"), (3, "c")]


def test_a_host_that_sleeps_delays_no_other_writer(on_postgresql: OnDisk) -> None:
    """While a host keeps its transaction with our events open, others append and are seen."""
    postgresql_url, database = on_postgresql
    engine = create_engine(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session, session.begin():
        with database.write(session) as tx:
            TransactionRecorder(tx).insert_events([record("slow")], now=NOW)
        for number in range(20):
            append(database, record(f"quick{number}"))  # refused after a while, had it to wait
        assert len(everything(database)) == 20
    records = everything(database)
    assert [r.position for r in records] == list(range(1, 22))
    assert records[-1].stream == "slow"
    engine.dispose()


def test_a_reader_sees_one_moment(database: Database) -> None:
    """What is appended while a reader reads is not seen by it, and by the next one it is."""
    append(database, record("a"))
    with database.read() as tx:
        assert len(history.after(tx, 0, 9)) == 1
        append(database, record("b"))
        assert len(history.after(tx, 0, 9)) == 1
        assert history.head(tx).position == 1
        with database.read() as fresh:
            assert len(history.after(fresh, 0, 9)) == 2
    assert len(everything(database)) == 2


def test_a_host_that_has_other_tables_is_left_alone(database: Database, host: Engine) -> None:
    """Rows of the host's own table can be changed and deleted as ever."""
    with host.begin() as connection:
        connection.execute(text("INSERT INTO rows VALUES ('x')"))
        assert connection.execute(text("DELETE FROM rows")).rowcount == 1


def test_plain_sqlite_shows_the_refusal(on_sqlite: OnDisk) -> None:
    """Someone with the sqlite3 tool gets the same refusal as the engine."""
    sqlite_url, database = on_sqlite
    append(database, record("s"))
    connection: Any = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM events")
    connection.close()
