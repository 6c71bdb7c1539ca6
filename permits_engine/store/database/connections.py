"""Connections of the engine's own: how they are opened and set up, and what an address means."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.store.database import driver
from permits_engine.store.database.errors import not_initialised, translate, unavailable
from permits_engine.store.database.statements import Dialect

WAIT_SECONDS = 10
"""How long a writer waits for another one."""

IDLE_SECONDS = 60
"""After how long PostgreSQL ends a write transaction in which nothing happens."""

_SQLITE_SCHEMES = {"sqlite", "sqlite+pysqlite"}
_POSTGRESQL_SCHEMES = {"postgresql", "postgres", "postgresql+psycopg"}


class SqliteFile:
    """An SQLite file, or a database in memory (``path`` none) that all threads share."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path | None, *, create_ok: bool) -> None:
        self.path = path
        self.create_ok = create_ok
        self.shared = path is None
        self.name = f"sqlite:///{path}" if path else "sqlite://"

    def connect(self, *, writing: bool) -> Any:
        """Return a connection in which transactions begin and end by statements only."""
        target = ":memory:" if self.path is None else self._address(self.path)
        connection = None
        try:
            connection = sqlite3.connect(
                target,
                timeout=WAIT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                uri=self.path is not None,
                cached_statements=256,
            )
            # WAL lets readers and the writer work side by side; only a writer may change it.
            if writing and self.path is not None:
                connection.execute("PRAGMA journal_mode=WAL")
                # Overwrite what is deleted.
                connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.Error as problem:
            if connection is not None:
                connection.close()
            raise translate(problem, self.name) from None
        return connection

    def _address(self, path: Path) -> str:
        if path.is_dir():
            raise unavailable(self.name, "is a folder: name a file in it")
        if not path.exists():
            if not self.create_ok:
                raise not_initialised(self.name, f"there is no store at {path}")
            if not path.parent.is_dir():
                raise unavailable(self.name, f"cannot be made: make the folder {path.parent} first")
        return f"{path.absolute().as_uri()}?mode={'rwc' if self.create_ok else 'rw'}"


class PostgresqlServer:
    """A PostgreSQL database, named by a libpq address."""

    dialect: Dialect = "postgresql"
    shared = False

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.name = name

    def connect(self, *, writing: bool) -> Any:
        """Return a connection in autocommit; it prepares a statement on its second use."""
        try:
            connection = driver.psycopg.connect(
                self.address, autocommit=True, prepare_threshold=1, client_encoding="utf8"
            )
            if writing:
                connection.execute(
                    "SELECT set_config('lock_timeout', %s, false),"
                    " set_config('idle_in_transaction_session_timeout', %s, false)",
                    (f"{WAIT_SECONDS}s", f"{IDLE_SECONDS}s"),
                )
        except driver.psycopg.Error as problem:
            raise _unreachable(problem, self.name) from None
        return connection


class HostEngine:
    """The engine of a host: its own pool opens the connections, so that its settings apply."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect: Dialect = dialect_of(engine)
        self.name = engine.url.render_as_string(hide_password=True)
        self.shared = isinstance(engine.pool, StaticPool | SingletonThreadPool)

    def connect(self, *, writing: bool) -> Any:
        """Return a connection taken out of the pool for good; the host's own, where there is only one."""
        try:
            fairy = self.engine.raw_connection()
        except SQLAlchemyError as problem:
            cause = getattr(problem, "orig", None) or problem.__cause__
            if isinstance(cause, Exception):
                raise translate(cause, self.name) from None
            raise unavailable(self.name, "gives no connection: look at the engine's pool") from None
        except Exception as problem:
            raise translate(problem, self.name) from None
        if self.shared:
            return fairy
        connection: Any = fairy.driver_connection
        fairy.detach()
        if self.dialect == "sqlite":
            connection.isolation_level = None
        else:
            connection.autocommit = True
        return connection


Source = SqliteFile | PostgresqlServer | HostEngine


def source_of(target: str | Engine, *, create_ok: bool) -> Source:
    """Return what an address or a host's engine names; raise ``input.invalid``."""
    if isinstance(target, Engine):
        return HostEngine(target)
    if not isinstance(target, str):
        raise invalid("store", "is neither an address nor a SQLAlchemy engine (async ones are not taken)")
    scheme, separator, rest = target.partition("://")
    if separator and scheme in _POSTGRESQL_SCHEMES:
        return _postgresql(f"postgresql://{rest}")
    if separator and scheme in _SQLITE_SCHEMES:
        return _sqlite(target, create_ok)
    raise invalid("store", "the address must begin with sqlite:/// or postgresql://")


def dialect_of(engine: Engine) -> Dialect:
    """Return the dialect of a host's engine; raise ``input.invalid`` for a driver that is not supported."""
    match engine.dialect.name, engine.dialect.driver:
        case "sqlite", "pysqlite":
            return "sqlite"
        case "postgresql", "psycopg":
            return "postgresql"
        case name, driver:
            raise invalid("store", f"{name}+{driver} is not supported; use sqlite or postgresql+psycopg")


def _sqlite(target: str, create_ok: bool) -> SqliteFile:
    try:
        url = make_url(target)
    except SQLAlchemyError:
        raise invalid("store", "is not an address; write sqlite:///FILE") from None
    if url.host or url.query or (url.database or "").startswith("file:"):
        raise invalid("store", "write sqlite:///FILE (four slashes for an absolute path) and nothing else")
    memory = url.database in (None, "", ":memory:")
    return SqliteFile(None if memory else Path(str(url.database)), create_ok=create_ok)


def _postgresql(address: str) -> PostgresqlServer:
    try:
        psycopg = driver.psycopg
    except ImportError:
        raise unavailable(
            "postgresql://", "needs psycopg; run: pip install permits-engine[postgresql]"
        ) from None
    wrong = invalid("store", "is not an address of PostgreSQL; write postgresql://USER@HOST/DATABASE")
    try:
        parts = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        raise wrong from None
    # A password with unquoted signs in it is read as a port: no detail is better than half a password.
    if not re.fullmatch(r"[\d,]*", str(parts.get("port", ""))):
        raise wrong
    user, host, port = (str(parts.get(key, "")) for key in ("user", "host", "port"))
    where = f"{host}:{port}" if port else host
    name = f"postgresql://{user}@{where}/{parts.get('dbname', '')}" if user else f"postgresql://{where}"
    return PostgresqlServer(address, name)


def _unreachable(problem: Exception, name: str) -> PermitsError:
    said = str(problem)
    if "password authentication failed" in said or "no password supplied" in said:
        return unavailable(name, "refuses this user: check the name and the password")
    if "does not exist" in said and "database" in said:
        return unavailable(name, "has no such database: create it first (createdb)")
    return translate(problem, name)
