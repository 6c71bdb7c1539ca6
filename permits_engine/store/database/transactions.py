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

    def __init__(self, source: Source, *, create_ok: bool) -> None:
        self.source = source
        self.create_ok = create_ok
        self.dialect: Dialect = source.dialect
        self.name = source.name
        # Whether the schema is known to be this program's; set by ``upgrade``.
        self.current = False
        self._simulated: bool | None = None
        self._kept: weakref.WeakSet[_Kept] = weakref.WeakSet()
        self._mine = threading.local()
        self._process = os.getpid()
        self._closed = False
        self._shared: _Kept | None = None
        # One writer at a time on SQLite: waiting here is fair, and quicker than its own retries.
        self._writers = threading.Lock()
        self._single = threading.RLock()

    @classmethod
    def open(cls, target: str | Engine, *, create_ok: bool = False) -> Database:
        """A store by its address (``sqlite:///FILE``, ``sqlite://``, ``postgresql://…``) or a host's engine.

        Connects on first use. ``create_ok`` lets a missing SQLite file be made. Raises ``input.invalid``.
        """
        source = source_of(target, create_ok=create_ok)
        if isinstance(target, Engine):
            prepare(target)
        return cls(source, create_ok=create_ok)

    def close(self) -> None:
        """Close every connection of our own; one that a thread works on is closed when it is done."""
        self._closed = True
        for kept in list(self._kept):
            with self._alone():
                kept.close_idle()

    # --- transactions -------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent view of the store as of now; inside a write of the same thread it is that write's."""
        outer: Transaction | None = getattr(self._mine, "writing", None)
        if outer is not None:
            yield outer
            return
        with self._alone(), self._begun(writing=False) as kept, closing(self._unit(kept.connection)) as tx:
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
        """A transaction that commits at the end, or rolls back where the block raises.

        With the host's ``session`` it is the host's transaction, which only the host ends.
        """
        return self._own() if session is None else self._hosted(session)

    @contextmanager
    def _own(self) -> Iterator[Transaction]:
        if getattr(self._mine, "writing", None) is not None:
            raise RuntimeError("a write transaction is open on this thread already")
        with (
            self._alone(),
            self._turn(),
            self._begun(writing=True) as kept,
            closing(self._unit(kept.connection, writing=True)) as tx,
        ):
            self._mine.writing = tx
            try:
                yield tx
            finally:
                self._mine.writing = None

    @contextmanager
    def bare(self) -> Iterator[Any]:
        """The driver's connection without a transaction, for changing the schema."""
        with self._alone(), self._turn():
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
        driver = joined(session, self.dialect, self.name)
        with self._undone(driver), closing(self._unit(driver, host=True, writing=True)) as tx:
            yield tx

    @contextmanager
    def _undone(self, driver: Any) -> Iterator[None]:
        """Whatever is refused leaves the host's transaction as it was: alive, and without half of ours."""
        try:
            driver.execute("SAVEPOINT permits_engine")
        except Exception as problem:
            raise translate(problem, self.name, host=True) from problem
        try:
            yield
        except BaseException:
            # Where the server or SQLite has ended the transaction itself there is nothing left to undo.
            with suppress(Exception):
                driver.execute("ROLLBACK TO SAVEPOINT permits_engine")
                driver.execute("RELEASE SAVEPOINT permits_engine")
            raise
        try:
            driver.execute("RELEASE SAVEPOINT permits_engine")
        except Exception as problem:
            raise translate(problem, self.name, host=True) from problem

    @contextmanager
    def _begun(self, *, writing: bool) -> Iterator[_Kept]:
        kept = self._take(writing=writing)
        # On one connection for all, whoever holds the lock sees a consistent state without a transaction.
        transaction = writing or kept is not self._shared
        if transaction:
            kept = self._begin(kept, writing=writing)
        try:
            yield kept
        except BaseException:
            if transaction:
                self._roll_back(kept)
            raise
        else:
            if transaction:
                self._commit(kept)
        finally:
            self._give_back(kept, writing=writing)

    def _begin(self, kept: _Kept, *, writing: bool) -> _Kept:
        if kept is self._shared and kept.connection.in_transaction:
            raise unavailable(self.name, "is in a transaction of the host's: pass its session")
        statement = _BEGIN[self.dialect, writing]
        try:
            kept.connection.execute(statement)
        except Exception as problem:
            if not kept.broken:
                self._give_back(kept, writing=writing)
                raise translate(problem, self.name) from problem
        else:
            return kept
        # The server went away since the last transaction. Nothing was begun: once more on a new connection.
        kept = self._take(writing=writing)
        try:
            kept.connection.execute(statement)
        except Exception as problem:
            self._give_back(kept, writing=writing)
            raise translate(problem, self.name) from problem
        return kept

    def _commit(self, kept: _Kept) -> None:
        try:
            kept.connection.execute("COMMIT")
        except Exception as problem:
            self._roll_back(kept)
            raise translate(problem, self.name) from problem

    def _roll_back(self, kept: _Kept) -> None:
        """What cannot be rolled back is closed, which comes to the same."""
        with suppress(Exception):
            if self.dialect == "postgresql" or kept.connection.in_transaction:
                kept.connection.execute("ROLLBACK")
            return
        kept.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.dialect != "sqlite":
            yield
            return
        if not self._writers.acquire(timeout=WAIT_SECONDS):
            raise unavailable(self.name, "is kept by another writer of this process: end it, then try again")
        try:
            yield
        finally:
            self._writers.release()

    def _alone(self) -> AbstractContextManager[Any]:
        # Before any lock is taken: after a fork the parent's locks are not ours to release.
        if self._process != os.getpid():
            self._forget()
        return self._single if self.source.shared else nullcontext()

    def _unit(self, connection: Any, *, host: bool = False, writing: bool = False) -> Transaction:
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
        idle = self._idle(writing=writing)
        kept = idle.pop() if idle else self._open(writing=writing)
        return kept if kept.use.acquire(blocking=False) else self._take(writing=writing)

    def _give_back(self, kept: _Kept, *, writing: bool) -> None:
        if kept is self._shared:
            return
        kept.use.release()
        if self._closed:
            kept.close_idle()
        elif not kept.broken:
            self._idle(writing=writing).append(kept)

    def _idle(self, *, writing: bool) -> list[_Kept]:
        """The thread's connections that nobody uses: one, or more after reads within reads."""
        try:
            idle: dict[bool, list[_Kept]] = self._mine.idle
        except AttributeError:
            idle = self._mine.idle = {False: [], True: []}
        return idle[writing]

    def _open(self, *, writing: bool) -> _Kept:
        kept = _Kept(self.source.connect(writing=writing))
        self._kept.add(kept)
        return kept

    def _forget(self) -> None:
        """After a fork the connections belong to the parent: leave them open, and open others."""
        _inherited.extend(self._kept)
        self._kept, self._mine = weakref.WeakSet(), threading.local()
        self._writers, self._single = threading.Lock(), threading.RLock()
        self._process = os.getpid()


class _Kept:
    """A connection that a thread keeps; closed with the thread.

    ``use`` is held by whoever works on it: closing SQLite's under a working thread would crash the process.
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
        """Close it unless somebody works on it; from then on nobody can take it."""
        if self.use.acquire(blocking=False):
            self.close()

    def close(self) -> None:
        """Close it, by whoever works on it."""
        self._over = True
        _close(self.connection)


_inherited: list[_Kept] = []


def _close(connection: Any) -> None:
    with suppress(Exception):
        connection.close()
