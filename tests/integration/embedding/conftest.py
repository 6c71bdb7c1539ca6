"""A host with its own tables in the store's database, on each of the two."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, text

from permits_engine import PermitsError
from permits_engine.testing import Office
from tests.integration.application.conftest import store_url

__all__ = ["store_url"]


class Host:
    """A prefecture's own system: an engine, and a table of dossiers with one row for each word noted."""

    def __init__(self, engine: SqlEngine) -> None:
        self.engine = engine

    def note(self, session: object, word: str) -> None:
        """Put a row of the host's own in, in its transaction."""
        session.execute(text("INSERT INTO dossiers VALUES (:word)"), {"word": word})  # type: ignore[attr-defined]

    def words(self) -> list[str]:
        """What the host's table holds, seen from outside any transaction."""
        with self.engine.connect() as connection:
            return [row[0] for row in connection.execute(text("SELECT word FROM dossiers ORDER BY word"))]


def host_url(url: str) -> str:
    """A store's address as SQLAlchemy writes it."""
    return url.replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def host(office: Office, store_url: str) -> Iterator[Host]:
    """The host beside an initialised store."""
    engine = create_engine(host_url(store_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE dossiers (word TEXT UNIQUE)"))
    yield Host(engine)
    engine.dispose()


def refused(code: str, act: Callable[[], object]) -> PermitsError:
    """The refusal of an act, which must bear that code."""
    with pytest.raises(PermitsError) as caught:
        act()
    assert caught.value.code == code, caught.value
    return caught.value
