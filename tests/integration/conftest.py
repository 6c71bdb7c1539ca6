"""An office on each database whose clock shows the time that the test sets.

A store is made once on each database and copied for each test, which is quicker than making it again.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from permits_engine import Engine
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.testing import FakeClock, Office

Make = Callable[[str, Path], None]
Copy = Callable[[Make], str]
OnDisk = tuple[str, Database]
_numbers = count(1)


def _clock() -> FakeClock:
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    return clock


def simulated(url: str, keys: Path) -> None:
    """Make an initialised, simulated store."""
    Engine.initialise(url, keys=keys, clock=_clock(), simulated=True).close()


def without_events(url: str, keys: Path) -> None:
    """Make the tables of a store, and nothing in them."""
    database = Database.open(url, create_ok=True)
    upgrade.initialise(database, now=0)
    database.close()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key file of every store that is copied."""
    return tmp_path_factory.mktemp("keys") / "store.keys"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The stores that were made so far: the file or the database of each."""
    return {"folder": str(tmp_path_factory.mktemp("made"))}


@pytest.fixture
def sqlite_copy(made: dict[str, str], keys: Path, tmp_path: Path) -> Copy:
    """Copy the SQLite file that a function makes; gives the URL of the copy."""

    def copy(make: Make) -> str:
        file = made.setdefault(f"{make.__name__}.db", f"{made['folder']}/{make.__name__}.db")
        if not Path(file).exists():
            make(f"sqlite:///{file}", keys)
        shutil.copyfile(file, tmp_path / "store.db")
        return f"sqlite:///{tmp_path / 'store.db'}"

    return copy


@pytest.fixture
def postgresql_copy(made: dict[str, str], keys: Path, postgresql_server: str) -> Iterator[Copy]:
    """Copy the PostgreSQL database that a function makes; gives the URL of the copy."""
    import psycopg

    where = urlsplit(postgresql_server)
    copies: list[str] = []

    def create(name: str, template: str) -> str:
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://{where.netloc}/{name}?{where.query}"

    def copy(make: Make) -> str:
        template = f"permits_{make.__name__}_{os.getpid()}"
        if template not in made:
            make(create(template, "template0"), keys)
            made[template] = template
        copies.append(f"permits_copy_{os.getpid()}_{next(_numbers)}")
        return create(copies[-1], template)

    yield copy
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        for name in copies:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def copied(request: pytest.FixtureRequest) -> Copy:
    """Copy what a function makes, once on each database."""
    copy: Copy = request.getfixturevalue(f"{request.param}_copy")
    return copy


@pytest.fixture
def made_url(copied: Copy) -> str:
    """The URL of a copy of the initialised, simulated store, once on each database."""
    return copied(simulated)


@pytest.fixture
def tables_url(copied: Copy) -> str:
    """The URL of a copy of the store without events, once on each database."""
    return copied(without_events)


def _opened(url: str) -> Iterator[OnDisk]:
    database = Database.open(url)
    upgrade.require_current(database)
    yield url, database
    database.close()


@pytest.fixture
def on_sqlite(sqlite_copy: Copy) -> Iterator[OnDisk]:
    """The address of an SQLite store without events, and the open store."""
    yield from _opened(sqlite_copy(without_events))


@pytest.fixture
def on_postgresql(postgresql_copy: Copy) -> Iterator[OnDisk]:
    """The address of a PostgreSQL store without events, and the open store."""
    yield from _opened(postgresql_copy(without_events))


@pytest.fixture
def office(made_url: str, keys: Path) -> Iterator[Office]:
    """An office on a simulated store, on each database, on 1 December 2016."""
    clock = _clock()
    with Engine.open(made_url, keys=keys, clock=clock) as engine:
        yield Office(engine, clock)
