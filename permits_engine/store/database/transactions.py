"""Transactions on the store: the engine's own, or the host's."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from typing import Any

from sqlalchemy import Engine

from permits_engine.store.database.connections import WAIT_SECONDS, Source, source_of
from permits_engine.store.database.errors import translate, unavailable
from permits_engine.store.database.host_transactions import HostSession, joined, prepare
from permits_engine.store.database.statements import Dialect, Params, Row, Statement, Transaction

__all__ = ["Database", "Dialect", "Statement", "Transaction"]

_BEGIN = {
    ("sqlite", False): "BEGIN",
    ("sqlite", True): "BEGIN IMMEDIATE",
    ("postgresql", False): "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    ("postgresql", True): "BEGIN ISOLATION LEVEL READ COMMITTED",
}
_SIMULATED = Statement("SELECT simulated FROM head")


class Database:
    """The store's database. Thread-safe; each thread keeps a connection for reading and one for writing.

    ``name`` is the address without its password.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.dialect: Dialect = source.dialect
        self.name = source.name
        self.current = False
        """Whether the schema is known to be this program's; set by ``upgrade``."""
        self._simulated: bool | None = None
        self._closed = False
        self._shared: _Kept | None = None
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._kept: weakref.WeakSet[_Kept] = weakref.WeakSet()
        self._mine = _Thread()
        # One writer at a time on SQLite: waiting here is fair, and quicker than its own retries.
        self._writers: AbstractContextManager[Any] = (
            _Turns(self.name) if self.dialect == "sqlite" else nullcontext()
        )
        self._single: AbstractContextManager[Any] = threading.RLock() if self.source.shared else nullcontext()

    @classmethod
    def open(cls, target: str | Engine, *, create_ok: bool = False) -> Database:
        """Return a store by its address (``sqlite:///FILE``, ``sqlite://``, ``postgresql://…``) or a host's engine.

        It connects on first use. ``create_ok`` allows a missing SQLite file to be made. Raises ``input.invalid``.
        """
        source = source_of(target, create_ok=create_ok)
        if isinstance(target, Engine):
            prepare(target)
        return cls(source)

    def close(self) -> None:
        """Close every connection of our own; one that a thread works on is closed when it is done."""
        self._closed = True
        for kept in list(self._kept):
            with self._alone():
                kept.close_idle()

    # --- transactions -------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a consistent view of the store as of now; inside a write of the same thread it is that write's."""
        outer = self._mine.writing
        if outer is not None:
            yield outer
            return
        with self._alone(), self._begun(writing=False) as tx:
            yield tx

    def pages(
        self, statement: Statement, params: Params | None = None, *, size: int, start: str | int = ""
    ) -> Iterator[list[Row]]:
        """Yield rows as ``Transaction.pages`` does, each page in a read transaction of its own."""
        while True:
            with self.read() as tx:
                rows = next(tx.pages(statement, params, size=size, start=start), [])
            if rows:
                yield rows
            if len(rows) < size:
                return
            start = rows[-1][0]

    def write(self, session: HostSession | None = None) -> AbstractContextManager[Transaction]:
        """Open a transaction that commits at the end, or rolls back if the block raises.

        With the host's ``session`` it is the host's transaction, which only the host ends.
        """
        return self._own() if session is None else self._hosted(session)

    @contextmanager
    def _own(self) -> Iterator[Transaction]:
        if self._mine.writing is not None:
            raise RuntimeError("a write transaction is open on this thread already")
        with self._alone(), self._writers, self._begun(writing=True) as tx:
            self._mine.writing = tx
            try:
                yield tx
            finally:
                self._mine.writing = None

    @contextmanager
    def bare(self) -> Iterator[Any]:
        """Give the driver's connection without a transaction, for changing the schema."""
        with self._alone(), self._writers:
            kept = self._take(writing=True)
            try:
                yield getattr(kept.connection, "driver_connection", kept.connection)
            except BaseException:
                self._roll_back(kept)
                raise
            finally:
                self._give_back(kept, writing=True)

    @contextmanager
    def _hosted(self, session: HostSession) -> Iterator[Transaction]:
        """Join the host's transaction; an error leaves it alive, without half of our changes."""
        driver = joined(session, self.dialect, self.name)
        self._execute(driver, "SAVEPOINT permits_engine", host=True)
        try:
            with closing(self._transaction(driver, host=True, writing=True)) as tx:
                yield tx
        except BaseException:
            # Where the server or SQLite has ended the transaction itself there is nothing left to undo.
            with suppress(Exception):
                driver.execute("ROLLBACK TO SAVEPOINT permits_engine")
                driver.execute("RELEASE SAVEPOINT permits_engine")
            raise
        self._execute(driver, "RELEASE SAVEPOINT permits_engine", host=True)

    @contextmanager
    def _begun(self, *, writing: bool) -> Iterator[Transaction]:
        kept = self._take(writing=writing)
        # Reads on one connection for all threads are consistent by its lock, without a transaction.
        transaction = writing or kept is not self._shared
        if transaction:
            kept = self._begin(kept, writing=writing)
        try:
            tx = self._transaction(kept.connection, writing=writing)
            try:
                yield tx
            finally:
                tx.close()
            if transaction:
                self._execute(kept.connection, "COMMIT")
        except BaseException:
            if transaction:
                self._roll_back(kept)
            raise
        finally:
            self._give_back(kept, writing=writing)

    def _begin(self, kept: _Kept, *, writing: bool) -> _Kept:
        if kept is self._shared and kept.connection.in_transaction:
            raise unavailable(self.name, "is in a transaction of the host's: pass its session")
        try:
            try:
                kept.connection.execute(_BEGIN[self.dialect, writing])
            except Exception:
                if not kept.broken:
                    raise
                # The server went away since the last transaction. Nothing was begun: once more, on a new connection.
                kept = self._take(writing=writing)
                kept.connection.execute(_BEGIN[self.dialect, writing])
        except Exception as problem:
            self._give_back(kept, writing=writing)
            raise translate(problem, self.name) from problem
        return kept

    def _execute(self, connection: Any, statement: str, *, host: bool = False) -> None:
        try:
            connection.execute(statement)
        except Exception as problem:
            raise translate(problem, self.name, host=host) from problem

    def _roll_back(self, kept: _Kept) -> None:
        """Roll back; close a connection that cannot, which has the same effect."""
        with suppress(Exception):
            if self.dialect == "postgresql" or kept.connection.in_transaction:
                kept.connection.execute("ROLLBACK")
            return
        kept.close()

    def _alone(self) -> AbstractContextManager[Any]:
        # Before any lock is taken: after a fork the parent's locks are not ours to release. The connections belong
        # to the parent too: they stay open, and others are opened.
        if self._process != os.getpid():
            _inherited.extend(self._kept)
            self._reset()
        return self._single

    def _transaction(self, connection: Any, *, host: bool = False, writing: bool = False) -> Transaction:
        tx = Transaction(connection, self.dialect, self.name, host=host, writing=writing)
        if self._simulated is None and self.current:
            row = tx.one(_SIMULATED)
            self._simulated = bool(row and row[0])
        tx.simulated = bool(self._simulated)
        return tx

    # --- the engine's own connections ---------------------------------------------------------------------

    def _take(self, *, writing: bool) -> _Kept:
        if self._closed:
            raise unavailable(self.name, "has been closed: open it again")
        if self.source.shared:
            if self._shared is None:
                self._shared = self._open(writing=True)
            return self._shared
        idle = self._mine.idle[writing]
        kept = idle.pop() if idle else self._open(writing=writing)
        return kept if kept.use.acquire(blocking=False) else self._take(writing=writing)

    def _give_back(self, kept: _Kept, *, writing: bool) -> None:
        if kept is self._shared:
            return
        kept.use.release()
        if self._closed:
            kept.close_idle()
        elif not kept.broken:
            self._mine.idle[writing].append(kept)

    def _open(self, *, writing: bool) -> _Kept:
        kept = _Kept(self.source.connect(writing=writing))
        self._kept.add(kept)
        return kept


class _Kept:
    """A connection that a thread keeps; closed with the thread.

    The thread that works on it locks ``use``: closing SQLite's under a working thread would crash the process.
    """

    __slots__ = ("__weakref__", "_over", "connection", "use")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.use = threading.Lock()
        self._over = False
        # Not at the end of the process: a forked child would end its parent's connections.
        weakref.finalize(self, _close, connection).atexit = False

    @property
    def broken(self) -> bool:
        """Whether the connection is of no more use."""
        return self._over or bool(getattr(self.connection, "closed", False))

    def close_idle(self) -> None:
        """Close it unless a thread works on it; from then on no thread can take it."""
        if self.use.acquire(blocking=False):
            self.close()

    def close(self) -> None:
        """Close it, by the thread that works on it."""
        self._over = True
        _close(self.connection)


class _Thread(threading.local):
    """What a thread has of a database: the write transaction that it is in, and its idle connections by use.

    There is one connection to read with, or more after reads within reads.
    """

    def __init__(self) -> None:
        self.writing: Transaction | None = None
        self.idle: dict[bool, list[_Kept]] = {False: [], True: []}


class _Turns:
    """The writers of a process, one after another; raises ``store.unavailable`` for one that waits too long."""

    __slots__ = ("_lock", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise unavailable(self._name, "is kept by another writer of this process: end it, then try again")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


_inherited: list[_Kept] = []


def _close(connection: Any) -> None:
    with suppress(Exception):
        connection.close()
