"""Up from every schema that a store may have, with people and files in it, and with somebody at work on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, create_engine, insert, inspect, select, text

from permits_engine import Engine, PermitsError
from permits_engine.cli.app import run
from permits_engine.store.database import schema, upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.testing import FakeClock, Office
from tests.integration.store.conftest import host_url

MADE_FULL = {"head", "scheduler_lease"}
"""Tables in which a migration puts the first row itself."""
ORDER = ("events", *(name for name in schema.metadata.tables if name not in {"events", *MADE_FULL}))


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Office]:
    """A store of today's schema with people, files, decisions, notices and a pass in it."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    url, keys = f"sqlite:///{tmp_path / 'filled.db'}", tmp_path / "store.keys"
    with Engine.initialise(url, keys=keys, clock=clock, simulated=True) as engine:
        office = Office(engine, clock)
        holder_id = office.holder()
        office.title(holder_id, file_number="12/2016")
        office.application(office.holder(family_name="Traoré", given_names="Awa"))
        office.do("update_holder", "2017-02-02", holder_id=holder_id, phone="+212537000000", command_id="u")
        office.run_scheduler(date(2018, 1, 2))
        yield office


def at_revision(filled: Office, url: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of an earlier schema with the same rows in it, those of the tables that it had."""
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "REVISIONS", upgrade.REVISIONS[: upgrade.REVISIONS.index(revision) + 1])
        database = Database.open(url, create_ok=True)
        upgrade.initialise(database, simulated=True, now=0)
        database.close()
    source, target = create_engine(filled.engine.database.name), create_engine(host_url(url))
    with source.connect() as reading, target.begin() as writing:
        if target.dialect.name == "postgresql":
            writing.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))
        for name in ORDER:
            _copied(name, reading, writing)
        if target.dialect.name == "postgresql":
            writing.execute(text("ALTER TABLE events ENABLE TRIGGER USER"))
            head = "SELECT max(position), max(recorded_at) FROM events"
            last = writing.execute(text(head)).one()
            move = text("UPDATE head SET position = :position, recorded_at = :recorded_at")
            writing.execute(move, {"position": last[0], "recorded_at": last[1]})
    source.dispose()
    target.dispose()


def _copied(name: str, reading: Any, writing: Any) -> None:
    if not inspect(writing).has_table(name):
        return
    table = Table(name, MetaData(), autoload_with=writing)
    there = {column.name for column in schema.metadata.tables[name].columns}
    columns = [column.name for column in table.columns if column.name in there]
    rows = reading.execute(select(*(schema.metadata.tables[name].c[each] for each in columns))).mappings()
    ordered = sorted(rows, key=lambda row: row["position"]) if name == "events" else list(rows)
    for row in ordered:
        writing.execute(insert(table).values(dict(row)))


@pytest.mark.parametrize("revision", upgrade.REVISIONS[:-1])
def test_a_store_of_an_earlier_schema_keeps_all_that_is_in_it(
    revision: str,
    filled: Office,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Refused until ``permits init``; then history, rows and people are as they were, and everything new works."""
    at_revision(filled, store_url, revision, monkeypatch)
    keys, clock = tmp_path / "store.keys", filled.clock
    with pytest.raises(PermitsError, match=rf"store\.not_initialised.*is {revision}, this program needs"):
        Engine.open(store_url, keys=keys)

    monkeypatch.setenv("PERMITS_STORE", store_url)
    monkeypatch.setenv("PERMITS_KEYS", str(keys))
    assert run(["init"]) == 0
    capsys.readouterr()
    with Engine.open(store_url, keys=keys, clock=clock) as engine:
        assert engine.status()["head"]["position"] == filled.position()
        assert engine.find() == filled.engine.find()
        for row in engine.find():
            assert engine.history(row["permit_id"]) == filled.engine.history(row["permit_id"])
        assert engine.rebuild(check=True).differences == []
        reader = engine.as_(filled.actor("counter"))
        assert len(reader.find(name="awa traore", birth_date=date(1990, 4, 1))) == 1
        [row] = reader.find(file_number="12-2016")
        assert row["family_name"] == "Diallo"
        kept = engine.checkpoint()
        assert engine.verify(outside=[("kept", kept.note.encode())]).intact
        office = Office(engine, clock)
        office.do("request_renewal", "2018-01-10", permit_id=row["permit_id"])
        assert engine.verify().intact


@pytest.mark.parametrize("revision", upgrade.REVISIONS[:-1])
def test_whoever_is_at_work_goes_on_through_a_migration(
    revision: str, filled: Office, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that knew the earlier schema decides and reads while ``init`` adds to it: nothing fails or is lost."""
    at_revision(filled, store_url, revision, monkeypatch)
    database = Database.open(store_url)
    database.current = True  # as an older program, to which its own schema was current
    engine = Engine(database, filled.engine.keyring._master, clock=filled.clock)
    office = Office(engine, filled.clock)
    office.at("2018-06-01")
    permit_id = next(row["permit_id"] for row in engine.find() if row["term_number"] is not None)
    done, problems = [], []
    stop, started = threading.Event(), threading.Event()

    def uow() -> None:
        day = 2
        while not stop.is_set() or len(done) < 4:
            for name in ("record_exit", "record_return"):
                try:
                    done.append(office.do(name, f"2017-03-{day:02d}", permit_id=permit_id).version)
                except PermitsError as problem:
                    problems.append(problem)
                started.set()
            day += 1
            if day > 28:
                return

    worker = threading.Thread(target=uow)
    worker.start()
    assert started.wait(30)
    with Engine.initialise(store_url, keys=tmp_path / "store.keys", clock=filled.clock) as upgraded:
        stop.set()
        worker.join(60)
        assert problems == []
        assert upgraded.permit(permit_id).version == done[-1] == done[0] + len(done) - 1
        assert upgraded.rebuild(check=True).differences == []
        with upgraded.database.read() as tx:
            assert upgrade.to_rebuild(tx) == []
    engine.close()


def test_an_upgrade_that_was_stopped_is_finished_by_the_next_one(
    filled: Office, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the schema and the read models: what is left to compute stands in the store."""
    at_revision(filled, store_url, "0002", monkeypatch)
    database = Database.open(store_url)
    upgrade.initialise(database, now=0)
    with database.read() as tx:
        assert upgrade.to_rebuild(tx) == ["notices", "search"]
    database.close()
    keys = tmp_path / "store.keys"
    with Engine.initialise(store_url, keys=keys, clock=filled.clock, simulated=True) as engine:
        assert engine.rebuild(check=True).differences == []
        with engine.database.read() as tx:
            assert upgrade.to_rebuild(tx) == []
