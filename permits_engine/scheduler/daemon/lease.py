"""The lease of the scheduler: one process at a time may run passes, as long as it renews.

On PostgreSQL the lease is a row that expires by the database's clock. Its epoch grows with each new holder, and every
transaction of a pass checks it (a fence): a process that was frozen and wakes up after another one took over can write
nothing. On SQLite it is the operating system's lock on a file beside the store, which ends with its process.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events.timestamps import moment

SECONDS = 30.0
"""How long a lease lasts without a renewal."""
_MICROS = 1_000_000

_CLOCK = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
}


def _timed(sql: str) -> Statement:
    """Return a statement in which ``{now}`` is the database's clock, in microseconds."""
    return Statement({dialect: sql.format(now=now) for dialect, now in _CLOCK.items()})


_READ = _timed("SELECT epoch, holder, since, expires_at, {now}, jobs FROM scheduler_lease WHERE one = 1")
# A renewal does not change the key, so it waits for no pass; a new holder waits for the last one's transaction.
_LOCK = Statement(
    {
        "sqlite": "SELECT one FROM scheduler_lease",
        "postgresql": "SELECT one FROM scheduler_lease FOR UPDATE",
    }
)
_TAKE = _timed(
    """UPDATE scheduler_lease SET epoch = epoch + 1, holder = :holder, since = {now},
    expires_at = {now} + :length, jobs = NULL"""
)
_RENEW = _timed("UPDATE scheduler_lease SET expires_at = {now} + :length, jobs = :jobs WHERE epoch = :epoch")
_RELEASE = Statement("UPDATE scheduler_lease SET expires_at = 0 WHERE epoch = :epoch")
# The server ends a transaction that is idle for longer than the lease.
_FENCE = Statement(
    {
        "sqlite": "SELECT one FROM scheduler_lease WHERE epoch = :epoch",
        "postgresql": """SELECT set_config('idle_in_transaction_session_timeout', :idle, true)
            FROM scheduler_lease WHERE one = 1 AND epoch = :epoch FOR KEY SHARE""",
    }
)


class LeaseState(NamedTuple):
    """The row of the lease; moments in microseconds of the database's clock, ``jobs`` as JSON.

    On SQLite only the lock of the file shows whether it is held.
    """

    epoch: int
    holder: str
    since: int
    expires_at: int
    now: int
    jobs: str | None

    @property
    def expired(self) -> bool:
        """Whether the lease was released, or not renewed in time."""
        return self.expires_at <= self.now


class Lease:
    """The lease as one process holds it; ``holder`` names that process for an operator."""

    def __init__(self, database: Database, holder: str, seconds: float = SECONDS) -> None:
        self.database = database
        self.holder = holder
        self.seconds = seconds
        self.epoch = 0
        self._until = 0.0
        self._lock: int | None = None

    def acquire(self) -> bool:
        """Become the holder; return false where another process is."""
        if self.database.dialect == "postgresql" and not look(self.database).expired:
            return False
        if self._lock is None and not self._file_locked():
            return False
        asked = uptime()
        try:
            with self.database.write() as tx:
                tx.one(_LOCK)
                seen = read(tx)
                if tx.dialect == "postgresql" and not seen.expired:
                    return False
                tx.run(_TAKE, {"holder": self.holder, "length": int(self.seconds * _MICROS)})
        except PermitsError:
            self._unlock()
            raise
        self.epoch, self._until = seen.epoch + 1, asked + self.seconds
        return True

    def renew(self, jobs: Sequence[Mapping[str, Any]] | None = None) -> bool:
        """Stay the holder, and publish the list of jobs; return false where another process took over."""
        asked = uptime()
        row = {
            "epoch": self.epoch,
            "length": int(self.seconds * _MICROS),
            "jobs": json.dumps(jobs) if jobs is not None else None,
        }
        with self.database.write() as tx:
            kept = tx.run(_RENEW, row) == 1
        self._until = asked + self.seconds if kept else 0.0
        return kept

    def keep(self) -> bool:
        """Renew once a third of the time is over, on the caller's thread; return whether the lease is held."""
        due = self.database.dialect == "postgresql" and uptime() > self._until - self.seconds * 2 / 3
        return self.renew() if self.epoch and due else self.held

    def release(self) -> None:
        """Let another process take over at once."""
        epoch, self.epoch, self._until = self.epoch, 0, 0.0
        try:
            if epoch:
                with self.database.write() as tx:
                    tx.run(_RELEASE, {"epoch": epoch})
        finally:
            self._unlock()

    @property
    def held(self) -> bool:
        """Whether this process is the holder, as far as it knows without asking the store.

        Counted from the start of the last renewal, by a clock that also runs while the process or machine sleeps.
        """
        return self.epoch > 0 and (self.database.dialect == "sqlite" or uptime() < self._until)

    def fence(self, tx: Transaction) -> None:
        """Raise ``scheduler.lease_lost`` unless this process stays the holder until the transaction ends."""
        idle = str(int(self.seconds * 1000))
        if not self.epoch or tx.one(_FENCE, {"epoch": self.epoch, "idle": idle}) is None:
            self._until = 0.0
            raise error("scheduler.lease_lost", "another daemon has taken over; this one writes nothing")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Yield a write transaction behind the fence."""
        with self.database.write() as tx:
            self.fence(tx)
            yield tx

    def _file_locked(self) -> bool:
        path = lock_file(self.database)
        if path is None:
            return True
        while True:
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as problem:
                reason = f"the file {path} cannot be made ({problem.strerror}): give this user the right to"
                raise error("store.unavailable", reason, store=self.database.name) from None
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _same_file(file, path):
                    self._lock = file
                    return True
            except BlockingIOError:
                os.close(file)
                return False
            # The last holder has just removed the file: a lock on it is worth nothing.
            os.close(file)

    def _unlock(self) -> None:
        if self._lock is not None:
            path = lock_file(self.database)
            if path is not None:
                path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def taken(database: Database, holder: str, seconds: float = SECONDS) -> Lease:
    """Return the lease for one pass; raise ``scheduler.busy``.

    Waits for the end of a lease whose holder died, never for one that is renewed.
    """
    lease = Lease(database, holder, seconds)
    if lease.acquire():
        return lease
    first = look(database)
    patience = uptime() + seconds + max(0, first.expires_at - first.now) / _MICROS
    while uptime() < patience and database.dialect == "postgresql":
        time.sleep(0.1)
        if lease.acquire():
            return lease
        now = look(database)
        if (now.epoch, now.expires_at) != (first.epoch, first.expires_at):
            break
    message = (
        f"{first.holder} runs the passes of this store since {moment(first.since)}; let it, or stop it first"
    )
    raise error("scheduler.busy", message, holder=first.holder)


def look(database: Database) -> LeaseState:
    """Return the row of the lease."""
    with database.read() as tx:
        return read(tx)


def lock_file(database: Database) -> Path | None:
    """Return the file whose lock is the lease of an SQLite store, none for any other store."""
    if database.dialect != "sqlite" or database.source.shared:
        return None
    return Path(f"{database.name.partition(':///')[2]}-daemon")


def _same_file(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def uptime() -> float:
    """Return seconds by a clock that cannot be set and that also runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read(tx: Transaction) -> LeaseState:
    """Return the row of the lease as a transaction sees it."""
    row = tx.one(_READ)
    assert row is not None
    return LeaseState(*row)
