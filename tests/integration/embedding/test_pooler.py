"""Behind a transaction-pooling proxy, with the settings that the documentation gives."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from permits_engine import Engine, RecordExit, RecordReturn
from permits_engine.testing import FakeClock, Office
from tests.integration.conftest import Copy, simulated
from tests.integration.embedding.conftest import host_url
from tests.integration.embedding.pooler import Pooler, pooled

pytestmark = pytest.mark.matrix


@pytest.fixture
def proxy(postgresql_copy: Copy) -> Iterator[Pooler]:
    """A proxy with three server connections before a copy of the made store."""
    with pooled(postgresql_copy(simulated)) as pooler:
        yield pooler


def settings(url: str) -> SqlEngine:
    """The host's engine as the documentation says: no prepared statements, and no pool before the pool."""
    return create_engine(host_url(url), poolclass=NullPool, connect_args={"prepare_threshold": None})


def test_the_engine_works_behind_a_proxy_that_pools_transactions(proxy: Pooler, keys: Path) -> None:
    """Commands, conflicts, a host's transactions, readers and a feed, on whatever connection there is."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    host = settings(proxy.url)
    with Engine.open(host, keys=keys, clock=clock) as engine:
        office = Office(engine, clock)
        permit_ids = [office.title(office.holder(given_names=name)) for name in ("Awa", "Binta", "Coumba")]
        problems: list[BaseException] = []

        def uow(permit_id: str) -> None:
            try:
                for day in (2, 4, 6, 8):
                    with Session(host) as session, session.begin():
                        exit_ = RecordExit(permit_id=permit_id, on=date(2017, 1, day))
                        engine.execute(exit_, actor=office.actor("counter"), session=session)
                    back = RecordReturn(permit_id=permit_id, on=date(2017, 1, day + 1))
                    engine.execute(back, actor=office.actor("counter"))
                    assert engine.permit(permit_id).version > 4
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=uow, args=(each,)) for each in permit_ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert problems == []
        reader = engine.as_(office.actor("counter"))
        assert len(reader.find(name="diallo", birth_date=date(1990, 4, 1))) == 3
        events = list(engine.subscribe(timeout=0.3))
        assert [each["position"] for each in events] == list(range(1, office.position() + 1))
        assert engine.store.rebuild(check=True).differences == []
    assert proxy.transactions > 60
    host.dispose()


def test_a_migration_runs_behind_a_proxy(proxy: Pooler, tmp_path: Path) -> None:
    """Initialising again through it finds the store current, in one transaction."""
    host = settings(proxy.url)
    with Engine.open(host, keys=_keys(tmp_path)) as engine:
        head = engine.queries.status()["head"]
    from permits_engine.store.database import upgrade
    from permits_engine.store.database.transactions import Database

    database = Database.open(host)
    upgrade.initialise(database, now=0)
    with Engine.open(host, keys=_keys(tmp_path)) as engine:
        assert engine.queries.status()["head"] == head
    database.close()
    host.dispose()


def _keys(folder: Path) -> Path:
    from permits_engine.store.keys.keyring import MasterKeys

    file = folder / "other.keys"
    if not file.exists():
        MasterKeys.create(file)
    return file


def test_the_proxy_takes_away_what_a_session_leaves(proxy: Pooler) -> None:
    """It is what it is said to be: prepared statements and settings are gone in the next transaction."""
    with psycopg.connect(proxy.url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SET lock_timeout = '7s'")
        assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
    with (
        psycopg.connect(proxy.url, autocommit=True, prepare_threshold=0) as connection,
        pytest.raises(psycopg.errors.InvalidSqlStatementName),
    ):
        for _ in range(4):
            connection.execute("SELECT 1")
