"""The drivers' errors as errors of the contract: a code, and a sentence with the remedy."""

from __future__ import annotations

import sqlite3
from typing import Any

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database import driver

APPEND_ONLY = "append-only"
"""The beginning of the triggers' messages."""

INIT = "run: permits init (with the same --store or PERMITS_STORE)"

_SQLITE = {
    "SQLITE_CANTOPEN": "cannot be opened: check that its file and folder exist and may be read and written",
    "SQLITE_READONLY": "is read-only: give this user the right to write its file and folder",
    "SQLITE_PERM": "may not be opened by this user: change the rights of its file and folder",
    "SQLITE_AUTH": "may not be opened by this user: change the rights of its file and folder",
    "SQLITE_NOTADB": "is not an SQLite file: check the address",
    "SQLITE_FULL": "cannot grow: the disk is full; make room and try again",
    "SQLITE_IOERR": "cannot be read or written: check the disk",
    "SQLITE_BUSY": "is locked by another process: wait for it or end it, then try again",
    "SQLITE_LOCKED": "is locked by another connection: wait for it, then try again",
    "SQLITE_PROTOCOL": "is locked by another process: wait for it or end it, then try again",
    "SQLITE_NOMEM": "ran out of memory: make room and try again",
}
_POSTGRESQL = {
    "28": "refuses this user: check the name and the password",
    "3D": "has no such database: create it first (createdb)",
    "42501": "refuses this user the rights needed: GRANT them",
    "25006": "is read-only: name the primary server",
    "55P03": "is locked by another transaction: wait for it or end it, then try again",
    "25P03": "ended an idle transaction: try again",
    "57": "ended the connection or the statement: wait until the server is up, then try again",
    "53": "is out of resources (connections, disk or memory): make room and try again",
    "54": "is out of resources: make room and try again",
    "58": "cannot read or write its disk: check the server",
    "08": "cannot be reached: check the address and that the server is up",
}
_AGAIN = "another transaction changed the same data first; read it again and decide anew"
_HOST_AGAIN = "another transaction was first; roll the session back, and do its work again"


def translate(problem: Exception, store: str, *, host: bool = False) -> PermitsError:
    """Return the error of the contract for a driver's error; raise any other error as it is.

    ``store`` is the address without its password. In a host's transaction a lock that was not granted is a conflict,
    because only the host can begin again.
    """
    found = None
    if isinstance(problem, sqlite3.Error):
        found = _of_sqlite(problem, store, host)
    elif type(problem).__module__.startswith("psycopg"):
        found = _of_postgresql(problem, store, host)
    if found is None:
        raise problem
    return found


def unavailable(store: str, reason: str) -> PermitsError:
    """Return ``store.unavailable`` with what is wrong and what to do."""
    return error("store.unavailable", f"the store {store} {reason}", store=store)


def not_initialised(store: str, reason: str) -> PermitsError:
    """Return ``store.not_initialised`` with the command to run."""
    return error("store.not_initialised", f"{reason}; {INIT}", store=store)


def _of_sqlite(problem: sqlite3.Error, store: str, host: bool) -> PermitsError | None:
    name: str = getattr(problem, "sqlite_errorname", None) or ""
    said = str(problem)
    if name.startswith("SQLITE_CONSTRAINT"):
        return _constraint(said)
    if name == "SQLITE_ERROR" and said.startswith(("no such table", "no such column")):
        return _no_tables(store)
    if name.startswith("SQLITE_CORRUPT"):
        return error("integrity.broken", f"the file of the store {store} is damaged: restore a backup")
    if host and name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return error("concurrency.conflict", _HOST_AGAIN)
    if name == "SQLITE_BUSY_SNAPSHOT":
        return error("concurrency.conflict", _AGAIN)
    if said.startswith("Could not decode to UTF-8"):
        return error("integrity.broken", f"the store {store} holds damaged text; run: permits verify")
    if "closed database" in said or "closed cursor" in said:
        return unavailable(store, "has been closed: open it again")
    for prefix, reason in _SQLITE.items():
        if name.startswith(prefix):
            return unavailable(store, reason)
    if isinstance(problem, sqlite3.DataError):
        return _unfit()
    return None


def _of_postgresql(problem: Any, store: str, host: bool) -> PermitsError | None:
    state: str = getattr(problem, "sqlstate", None) or ""
    said = str(problem).partition("\n")[0]
    if state.startswith("23") or (state == "P0001" and said.startswith(APPEND_ONLY)):
        return _constraint(said)
    if state in {"42P01", "42703", "42704", "3F000"}:
        return _no_tables(store)
    if state.startswith("40"):
        return error("concurrency.conflict", _HOST_AGAIN if host else _AGAIN)
    if host and state in {"55P03", "25P02"}:
        return error("concurrency.conflict", _HOST_AGAIN)
    for prefix, reason in _POSTGRESQL.items():
        if state.startswith(prefix):
            return unavailable(store, reason)
    if isinstance(problem, driver.psycopg.DataError):
        return _unfit()
    if isinstance(problem, driver.psycopg.OperationalError | driver.psycopg.InterfaceError):
        return unavailable(store, _POSTGRESQL["08"])
    return None


def _constraint(said: str) -> PermitsError:
    if said.startswith(APPEND_ONLY):
        return error("integrity.broken", f"the history refuses this: {said}")
    return error("concurrency.conflict", _AGAIN)


def _no_tables(store: str) -> PermitsError:
    return not_initialised(store, f"the store {store} has no schema of this version")


def _unfit() -> PermitsError:
    reason = "holds a value that the database cannot store; take control characters and huge numbers out"
    return error("input.invalid", f"the request {reason}", fields=[{"path": "", "reason": reason}])
