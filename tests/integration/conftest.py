"""An office on each database whose clock shows the time that the test sets.

The store is made once on each database and copied for each test, which is quicker than making it again.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from permits_engine import Engine
from permits_engine.testing import FakeClock, Office

_numbers = count(1)


def _clock() -> FakeClock:
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    return clock


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key file of every store that is copied."""
    return tmp_path_factory.mktemp("keys") / "store.keys"


@pytest.fixture(scope="session")
def made_sqlite(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an initialised, simulated store."""
    file = tmp_path_factory.mktemp("made") / "store.db"
    Engine.initialise(f"sqlite:///{file}", keys=keys, clock=_clock(), simulated=True).close()
    return file


@pytest.fixture(scope="session")
def made_postgresql(keys: Path, postgresql_server: str) -> Iterator[str]:
    """The name of a database that holds an initialised, simulated store."""
    import psycopg

    name = f"permits_made_{os.getpid()}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    url = urlsplit(postgresql_server)
    made = f"postgresql://{url.netloc}/{name}?{url.query}"
    Engine.initialise(made, keys=keys, clock=_clock(), simulated=True).close()
    yield name
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def made_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a copy of the initialised store, once on each database."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("made_sqlite"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    import psycopg

    server: str = request.getfixturevalue("postgresql_server")
    template: str = request.getfixturevalue("made_postgresql")
    name = f"permits_copy_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    url = urlsplit(server)
    yield f"postgresql://{url.netloc}/{name}?{url.query}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def office(made_url: str, keys: Path) -> Iterator[Office]:
    """An office on a simulated store, on each database, on 1 December 2016."""
    clock = _clock()
    with Engine.open(made_url, keys=keys, clock=clock) as engine:
        yield Office(engine, clock)
