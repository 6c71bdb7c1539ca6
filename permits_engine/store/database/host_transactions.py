"""Joining the transaction of a host: its SQLAlchemy session or connection, which only the host ends."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session

from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.store.database.connections import dialect_of
from permits_engine.store.database.errors import translate
from permits_engine.store.database.statements import Dialect

HostSession = Session | scoped_session[Any] | Connection


def prepare(engine: Engine) -> None:
    """Make a host's SQLite engine begin its transactions before their first savepoint.

    Python's sqlite3 sends no BEGIN before SAVEPOINT: the release of the savepoint would commit, and the host's
    rollback would come too late.
    """
    if engine.dialect.name == "sqlite" and not event.contains(engine, "savepoint", _begin_first):
        event.listen(engine, "savepoint", _begin_first)


def joined(session: HostSession, dialect: Dialect, store: str) -> Any:
    """Return the driver's connection inside the host's transaction, which is begun if it was not yet.

    Raises ``input.invalid`` if there is no transaction to join, ``concurrency.conflict`` if another writer was first.
    """
    connection = _connection_of(session, store)
    if dialect_of(connection.engine) != dialect:
        raise invalid("session", f"is not on this store's database, which is {dialect}")
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.driver_connection
    if dialect == "postgresql":
        if driver.autocommit:
            raise _autocommit()
    elif not driver.in_transaction:
        _begin(driver, store)
    elif connection.in_nested_transaction() and not _real(connection, driver):
        reason = "began with a savepoint, which SQLite commits: open the engine with the host's own engine"
        raise invalid("session", f"{reason}, or write something before begin_nested()")
    return driver


def _connection_of(session: HostSession, store: str) -> Connection:
    if isinstance(session, Connection):
        return session
    if not isinstance(session, Session | scoped_session):
        raise invalid(
            "session", "is neither a SQLAlchemy Session nor a Connection (async ones are not taken)"
        )
    try:
        return session.connection()
    except SQLAlchemyError as problem:
        cause = getattr(problem, "orig", None)
        if isinstance(cause, Exception):
            raise translate(cause, store, host=True) from problem
        raise invalid(
            "session", "gives no connection: begin it, or roll its failed transaction back"
        ) from problem


def _begin(driver: Any, store: str) -> None:
    if driver.isolation_level is None or getattr(driver, "autocommit", -1) is True:
        raise _autocommit()
    try:
        driver.execute("BEGIN IMMEDIATE")
    except Exception as problem:
        raise translate(problem, store, host=True) from problem


def _real(connection: Connection, driver: Any) -> bool:
    """Return whether the transaction around a savepoint is known to have begun before it."""
    listening = event.contains(connection.engine, "savepoint", _begin_first)
    return listening or driver.isolation_level is None or getattr(driver, "autocommit", -1) is False


def _begin_first(connection: Connection, name: str) -> None:
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction and driver.isolation_level is not None:
        driver.execute("BEGIN")


def _autocommit() -> PermitsError:
    return invalid("session", "is in AUTOCOMMIT, so that nothing could be rolled back: take it out of it")
