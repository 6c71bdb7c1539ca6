"""An initialised store on each database, and a host with a table of its own beside it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database


def host_url(url: str) -> str:
    """A store's address as SQLAlchemy writes it."""
    return url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def database(tables_url: str) -> Iterator[Database]:
    """An initialised, empty store."""
    database = Database.open(tables_url)
    upgrade.require_current(database)
    yield database
    database.close()


@pytest.fixture
def host(database: Database, tables_url: str) -> Iterator[Engine]:
    """A host's engine on the store's database, with a table ``rows``."""
    engine = create_engine(host_url(tables_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE rows (word TEXT)"))
    yield engine
    engine.dispose()
