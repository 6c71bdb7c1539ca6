"""One process runs passes; a dead one is replaced within its lease, a frozen one can write nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.daemon.lease import Lease, lock_file, look, taken
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database, Statement
from tests.integration.conftest import Copy, without_events

_MARK = Statement("UPDATE head SET store_id = :mark")
_MARKED = Statement("SELECT store_id FROM head")


def open_stores(url: str) -> Iterator[tuple[Database, Database]]:
    first, second = Database.open(url), Database.open(url)
    upgrade.require_current(first)
    upgrade.require_current(second)
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def both(tables_url: str) -> Iterator[tuple[Database, Database]]:
    """A store as two processes would open it."""
    yield from open_stores(tables_url)


@pytest.fixture
def servers(postgresql_copy: Copy) -> Iterator[tuple[Database, Database]]:
    """The same on PostgreSQL, where the lease runs out by the server's clock."""
    yield from open_stores(postgresql_copy(without_events))


def test_one_of_two_gets_the_lease_and_the_other_after_it(both: tuple[Database, Database]) -> None:
    """The second is refused while the first holds it, and is next as soon as it is given back."""
    first, second = (Lease(database, name) for database, name in zip(both, ("one", "two"), strict=True))
    assert first.acquire()
    assert not second.acquire()
    assert (first.held, second.held) == (True, False)
    assert look(both[1]).holder == "one"
    first.release()
    assert not first.held
    assert second.acquire()
    assert look(both[0]).epoch == second.epoch == 2
    second.release()


def test_nothing_is_left_behind_on_sqlite(sqlite_copy: Copy) -> None:
    """The file whose lock is the lease goes with the last holder, and no other process is shut out by it."""
    for first, second in open_stores(sqlite_copy(without_events)):
        path = lock_file(first)
        assert path is not None
        for database in (first, second, first):
            lease = Lease(database, "one")
            assert lease.acquire()
            assert path.exists()
            lease.release()
            assert not path.exists()


def test_a_lease_that_is_not_renewed_runs_out(servers: tuple[Database, Database]) -> None:
    """A standby takes over when the time is over by the database's clock, and not before."""
    first, second = Lease(servers[0], "one", 1.0), Lease(servers[1], "two", 1.0)
    started = time.monotonic()
    assert first.acquire()
    while not second.acquire():
        time.sleep(0.02)
    assert time.monotonic() - started > 0.9
    assert not first.held
    assert not first.renew()


def test_a_renewed_lease_goes_on(servers: tuple[Database, Database]) -> None:
    """Renewed in time it outlives its length."""
    first, second = Lease(servers[0], "one", 3.0), Lease(servers[1], "two", 3.0)
    assert first.acquire()
    for _ in range(10):  # a third of a second against three: a busy machine may be late
        time.sleep(0.35)
        assert first.renew()
        assert not second.acquire()
        assert first.held


def test_a_frozen_process_writes_nothing(servers: tuple[Database, Database]) -> None:
    """After someone else has taken over, a transaction of the old holder is refused at its very beginning."""
    first, second = Lease(servers[0], "one", 1.5), Lease(servers[1], "two", 60.0)
    assert first.acquire()
    with first.write() as tx:
        tx.run(_MARK, {"mark": "mine"})
    while not second.acquire():
        time.sleep(0.02)
    with pytest.raises(PermitsError, match=r"scheduler\.lease_lost"), first.write() as tx:
        tx.run(_MARK, {"mark": "late"})
    with servers[1].read() as tx:
        assert tx.one(_MARKED) == ("mine",)


def test_no_takeover_in_the_middle_of_a_transaction(servers: tuple[Database, Database]) -> None:
    """A write that began under the lease is committed under it, however late; only then comes the next one."""
    first, second = Lease(servers[0], "one", 2.0), Lease(servers[1], "two", 60.0)
    assert first.acquire()
    taken_at: list[float] = []

    def stand_by() -> None:
        while not second.acquire():
            time.sleep(0.02)
        taken_at.append(time.monotonic())

    waiting = threading.Thread(target=stand_by)
    with first.write() as tx:
        waiting.start()
        for _ in range(14):  # longer than the lease, but never idle for so long
            time.sleep(0.2)
            tx.run(_MARK, {"mark": "first"})
        assert taken_at == []
        ended = time.monotonic()
    waiting.join()
    assert taken_at[0] >= ended
    with servers[1].read() as tx:
        assert tx.one(_MARKED) == ("first",)


def test_a_process_frozen_inside_a_transaction_loses_it(servers: tuple[Database, Database]) -> None:
    """The server ends what is idle for a lease's length; the next one takes over, nothing was written."""
    first, second = Lease(servers[0], "one", 1.5), Lease(servers[1], "two", 60.0)
    assert first.acquire()
    with pytest.raises(PermitsError, match=r"store\.unavailable"), first.write() as tx:
        tx.run(_MARK, {"mark": "frozen"})
        while not second.acquire():  # this thread sends the server nothing meanwhile
            time.sleep(0.05)
        tx.run(_MARK, {"mark": "awake"})
    with servers[1].read() as tx:
        assert tx.one(_MARKED) not in [("frozen",), ("awake",)]


def test_a_renewal_does_not_wait_for_a_pass(servers: tuple[Database, Database]) -> None:
    """While a transaction of the pass is open, the same process renews from another thread at once."""
    lease = Lease(servers[0], "one", 60.0)
    assert lease.acquire()
    renewed: list[bool] = []
    with lease.write():
        other = threading.Thread(target=lambda: renewed.append(lease.renew()))
        other.start()
        other.join()  # it would wait for this transaction in vain
        assert renewed == [True]


def test_one_pass_waits_for_the_dead_and_gives_way_to_the_living(servers: tuple[Database, Database]) -> None:
    """A lease that no one renews is waited for; one that is renewed meanwhile is refused, naming its holder."""
    Lease(servers[0], "dead", 1.0).acquire()
    lease = taken(servers[1], "cron", 1.0)
    assert lease.held
    lease.release()
    living = Lease(servers[0], "alive", 3.0)
    assert living.acquire()
    over = threading.Event()

    def renew() -> None:
        while not over.wait(0.2):
            living.renew()

    beside = threading.Thread(target=renew)
    beside.start()
    try:
        with pytest.raises(PermitsError, match=r"scheduler\.busy: alive runs the passes") as refusal:
            taken(servers[1], "cron", 3.0)
    finally:
        over.set()
        beside.join()
    assert refusal.value.details == {"holder": "alive"}


def test_a_killed_process_leaves_its_lock_to_the_next(
    sqlite_url: str, sqlite_copy: Copy, tmp_path: Path
) -> None:
    """On SQLite the operating system gives the lease back in the moment of death."""
    for first, _ in open_stores(sqlite_copy(without_events)):
        program = (
            "import sys, time\n"
            "from permits_engine.scheduler.daemon.lease import Lease\n"
            "from permits_engine.store.database.transactions import Database\n"
            "assert Lease(Database.open(sys.argv[1]), 'child').acquire()\n"
            "print('held', flush=True)\n"
            "time.sleep(60)\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, sqlite_url], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        lease = Lease(first, "one")
        with pytest.raises(PermitsError, match=r"scheduler\.busy: child runs"):
            taken(first, "one")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert lease.acquire()
        lease.release()
