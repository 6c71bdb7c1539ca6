"""Who may run passes: one process at a time, for as long as it renews its lease.

On PostgreSQL the lease is a row whose end is told by the database's clock. Its epoch grows with each new
holder, and every transaction of a pass checks it (a fence): a process that was frozen and wakes up after
somebody else took over can write nothing. On SQLite the operating system's lock on a file beside the store
says the same, and falls with its process.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events.timestamps import moment

SECONDS = 30.0
"""How long a lease lasts that is not renewed."""
_MICROS = 1_000_000

_CLOCK = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
}
_LOOK = Statement(
    {
        name: f"SELECT epoch, holder, since, expires_at, {now} FROM scheduler_lease WHERE one = 1"
        for name, now in _CLOCK.items()
    }
)
# A renewal leaves the key alone and so waits for no pass; a new holder waits for the last one's transaction.
_LOCK = Statement(
    {
        "sqlite": "SELECT one FROM scheduler_lease",
        "postgresql": "SELECT one FROM scheduler_lease FOR UPDATE",
    }
)
_TAKE = Statement(
    {
        name: f"""UPDATE scheduler_lease
        SET epoch = epoch + 1, holder = :holder, since = {now}, expires_at = {now} + :length"""
        for name, now in _CLOCK.items()
    }
)
_RENEW = Statement(
    {
        name: f"UPDATE scheduler_lease SET expires_at = {now} + :length WHERE epoch = :epoch"
        for name, now in _CLOCK.items()
    }
)
_RELEASE = Statement("UPDATE scheduler_lease SET expires_at = 0 WHERE epoch = :epoch")
# Whoever stands still in the middle of a transaction is put out of it by the server within the lease.
_FENCE = Statement(
    {
        "sqlite": "SELECT one FROM scheduler_lease WHERE epoch = :epoch",
        "postgresql": """SELECT set_config('idle_in_transaction_session_timeout', :idle, true)
            FROM scheduler_lease WHERE one = 1 AND epoch = :epoch FOR KEY SHARE""",
    }
)


class Held(NamedTuple):
    """What the store says of its lease; moments in microseconds of the database's clock.

    Whether anybody holds it on SQLite is told by the file's lock alone.
    """

    epoch: int
    holder: str
    since: int
    expires_at: int
    now: int


class Lease:
    """One process's claim to be the one that runs passes.

    ``holder`` names the process for an operator, ``seconds`` is how long the claim lasts without renewal.
    """

    def __init__(self, database: Database, holder: str, seconds: float = SECONDS) -> None:
        self.database = database
        self.holder = holder
        self.seconds = seconds
        self.epoch = 0
        self._until = 0.0
        self._lock: int | None = None

    def acquire(self) -> bool:
        """Become the holder unless somebody else is."""
        if self.database.dialect == "postgresql":
            seen = look(self.database)
            if seen.expires_at > seen.now:  # told without waiting for the holder's transactions
                return False
        if self._lock is None and not self._file_locked():
            return False
        asked = uptime()
        try:
            with self.database.write() as tx:
                tx.one(_LOCK)
                seen = read(tx)
                if tx.dialect == "postgresql" and seen.expires_at > seen.now:
                    return False
                tx.run(_TAKE, {"holder": self.holder, "length": self._length})
        except PermitsError:
            self._unlock()
            raise
        self.epoch, self._until = seen.epoch + 1, asked + self.seconds
        return True

    def renew(self) -> bool:
        """Stay the holder; false where somebody else has taken over."""
        asked = uptime()
        with self.database.write() as tx:
            kept = tx.run(_RENEW, {"epoch": self.epoch, "length": self._length}) == 1
        self._until = asked + self.seconds if kept else 0.0
        return kept

    def release(self) -> None:
        """Let the next one take over at once."""
        epoch, self.epoch, self._until = self.epoch, 0, 0.0
        try:
            if epoch:
                with self.database.write() as tx:
                    tx.run(_RELEASE, {"epoch": epoch})
        finally:
            self._unlock()

    @property
    def held(self) -> bool:
        """Whether this process is the holder as far as it can know without asking.

        Counted from before the last renewal was asked for, by a clock that runs on while the process or the
        machine sleeps.
        """
        return self.epoch > 0 and (self.database.dialect == "sqlite" or uptime() < self._until)

    def fence(self, tx: Transaction) -> None:
        """See in a transaction that it may be committed: nobody takes over before it ends.

        Raises ``scheduler.lease_lost``.
        """
        idle = str(int(self.seconds * 1000))
        if not self.epoch or tx.one(_FENCE, {"epoch": self.epoch, "idle": idle}) is None:
            self._until = 0.0
            raise error("scheduler.lease_lost", "another daemon has taken over; this one writes nothing")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction behind the fence."""
        with self.database.write() as tx:
            self.fence(tx)
            yield tx

    @property
    def _length(self) -> int:
        return int(self.seconds * _MICROS)

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
            # Its last holder has just removed it: a lock on it tells nobody anything.
            os.close(file)

    def _unlock(self) -> None:
        if self._lock is not None:
            path = lock_file(self.database)
            if path is not None:
                path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def taken(database: Database, holder: str, seconds: float = SECONDS) -> Lease:
    """The lease, for one pass: waits for one whose holder has died, never for one that is being renewed.

    Raises ``scheduler.busy``.
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
    raise error(
        "scheduler.busy",
        f"{first.holder} runs the passes of this store since {moment(first.since)}; let it, or stop it first",
        holder=first.holder,
    )


def look(database: Database) -> Held:
    """Who holds the lease, for an operator."""
    with database.read() as tx:
        return read(tx)


def lock_file(database: Database) -> Path | None:
    """The file whose lock stands for the lease of an SQLite store; none for any other store."""
    if database.dialect != "sqlite" or database.source.shared:
        return None
    return Path(f"{database.name.partition(':///')[2]}-daemon")


def _same_file(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def uptime() -> float:
    """Seconds by a clock that nobody sets and that does not stop while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read(tx: Transaction) -> Held:
    """The lease as a transaction sees it."""
    row = tx.one(_LOOK)
    assert row is not None
    return Held(*row)
