"""The feed of events: in order, without gaps, taken up again after any stop."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from examples import feed as example
from permits_engine import PermitsError, RecordExit, RecordReturn
from permits_engine.store.events import notification
from permits_engine.testing import Office
from tests.integration.embedding.conftest import Host, host_url, refused

ROOT = Path(__file__).resolve().parents[3]


def test_the_feed_is_the_history_in_its_order(office: Office) -> None:
    """Every event once, in the order of positions, as the histories show them, encrypted fields out of sight."""
    permit_id = office.title()
    events = list(office.engine.subscribe(after=0, timeout=0))
    assert [each["position"] for each in events] == list(range(1, office.position() + 1))
    ours = [each for each in events if each["stream"] == permit_id]
    assert [each["name"] for each in ours] == [each["name"] for each in office.engine.history(permit_id)]
    assert ours[0]["effective_on"] == "2016-12-20"
    assert {"event_id", "type", "version", "recorded_at", "actor", "operator"} <= ours[0].keys()
    assert "Diallo" not in str(events)


def test_the_feed_goes_on_after_any_position(office: Office) -> None:
    """A reader that stopped after an event gets the next one, and nothing twice."""
    office.title()
    whole = [each["event_id"] for each in office.engine.subscribe(timeout=0)]
    for stop in range(len(whole) + 1):
        rest = [each["event_id"] for each in office.engine.subscribe(after=stop, timeout=0)]
        assert rest == whole[stop:]


def test_the_feed_can_be_of_some_events_only(office: Office) -> None:
    """By name; positions stay those of the whole order."""
    office.title()
    [issued] = office.engine.subscribe(timeout=0, names=("permit.issued",))
    assert issued["position"] == office.position()


def test_who_waits_gets_what_comes(office: Office) -> None:
    """An event recorded by another thread arrives within the time-out; without one the feed ends."""
    permit_id = office.title()
    office.at("2017-06-01")
    end = office.position()
    actor = office.actor("counter")
    command = RecordExit(permit_id=permit_id, on=date(2017, 5, 2))
    threading.Timer(0.3, lambda: office.engine.execute(command, actor=actor)).start()
    came = next(iter(office.engine.subscribe(after=end, timeout=300)))
    assert came["name"] == "permit.exit_recorded"
    started = time.monotonic()
    assert list(office.engine.subscribe(after=end + 1, timeout=0.3)) == []
    assert 0.3 <= time.monotonic() - started < 60


def test_a_commit_wakes_the_waiting_reader(
    office: Office, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL an event arrives at once although the next look would be a minute later; on SQLite at that look.

    A listener that loses its connection goes on looking.
    """
    permit_id = office.title()
    office.at("2017-06-01")
    actor = office.actor("counter")
    monkeypatch.setattr(notification, "LISTENING", 600.0)

    def act(kind: type, day: int) -> None:
        office.engine.execute(kind(permit_id=permit_id, on=date(2017, 5, day)), actor=actor)

    feed = office.engine.subscribe(after=office.position(), timeout=900)
    threading.Timer(1.0, act, (RecordExit, 2)).start()
    started = time.monotonic()
    assert next(feed)["name"] == "permit.exit_recorded"
    assert time.monotonic() - started < 300
    if store_url.startswith("postgresql"):
        _cut_listeners(store_url)
    threading.Timer(1.0, act, (RecordReturn, 3)).start()
    started = time.monotonic()
    assert next(feed)["name"] == "permit.return_recorded"
    assert time.monotonic() - started < 300
    feed.close()  # type: ignore[attr-defined]


def _cut_listeners(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%%lock_shared%%' AND pid <> %s"
        assert connection.execute(cut, (connection.info.backend_pid,)).fetchall() == [(True,)]


def test_what_a_host_has_not_committed_is_not_in_the_feed(office: Office, host: Host) -> None:
    """And what it rolls back never was; no one's position is skipped by it."""
    permit_id = office.title()
    office.at("2017-06-01")
    end = office.position()
    actor = office.actor("counter")
    with Session(host.engine) as session:
        exit_ = RecordExit(permit_id=permit_id, on=date(2017, 5, 2))
        office.engine.execute(exit_, actor=actor, session=session)
        seen: list[object] = []
        reader = threading.Thread(target=lambda: seen.extend(office.engine.subscribe(after=end, timeout=0.1)))
        reader.start()
        reader.join(30)
        assert seen == []
        session.rollback()
        office.engine.execute(exit_, actor=actor, session=session)
        session.commit()
    [came] = office.engine.subscribe(after=end, timeout=0)
    assert came["position"] == end + 1


def test_no_transaction_is_open_while_an_event_is_dealt_with(office: Office) -> None:
    """The receiver may give commands of its own for what it reads, and reads those too."""
    permit_id = office.title()
    office.at("2017-06-01")
    names = []
    for event in office.engine.subscribe(after=office.position() - 1, timeout=0):
        names.append(event["name"])
        if event["name"] == "permit.issued":
            office.do("record_exit", "2017-05-02", permit_id=permit_id)
    assert names == ["permit.issued", "permit.exit_recorded"]


def test_a_position_beyond_the_head_is_refused(office: Office) -> None:
    """It comes from another store, or from before a backup was restored; never a silent wait."""
    told = refused("position.beyond_head", lambda: office.engine.subscribe(after=office.position() + 1))
    assert told.details["head"] == office.position()
    with pytest.raises(PermitsError, match=r"input\.invalid"):
        office.engine.subscribe(after=-1)


def _journeys(office: Office, permit_id: str, first: int, last: int) -> None:
    actor = office.actor("counter")
    for number in range(first, last):
        for kind, day in ((RecordExit, 2 * number + 1), (RecordReturn, 2 * number + 2)):
            office.engine.execute(kind(permit_id=permit_id, on=date.fromordinal(736_400 + day)), actor=actor)


def test_a_feeder_killed_anywhere_feeds_every_event_once(
    office: Office, store_url: str, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed six times at any moment while events come in, the counts in the end are those of the history."""
    journeys = ("permit.exit_recorded", "permit.return_recorded")
    program = f"import sys; from examples import feed;feed.DECISIONS = {journeys!r};feed.main(*sys.argv[1:])"
    permit_id = office.title()
    office.at("2021-06-01")
    statistics = f"sqlite:///{tmp_path / 'statistics.db'}"
    command = [sys.executable, "-c", program, store_url, statistics, str(keys)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    host = create_engine(statistics)
    example.prepare(host)

    for kill in range(6):
        with subprocess.Popen(command, cwd=tmp_path, env=environment) as feeder:
            before = example.fed(host)
            _journeys(office, permit_id, 20 * kill, 20 * kill + 20)
            # Not before it has begun its work, and then at a moment that nothing is synchronised with.
            deadline = time.monotonic() + 30
            while example.fed(host) == before and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(0.003 * kill)
            feeder.send_signal(signal.SIGKILL)

    monkeypatch.setattr(example, "DECISIONS", journeys)
    example.feed(office.engine, host, timeout=0)
    wanted = Counter(
        (each["effective_on"], each["name"])
        for each in office.engine.history(permit_id)
        if each["name"] in journeys
    )
    with host.connect() as connection:
        came = {(row[0], row[1]): row[2] for row in connection.execute(text("SELECT * FROM decisions"))}
    assert came == dict(wanted)
    assert len(came) == 240
    assert example.fed(host) == office.position()
    host.dispose()


def test_the_fed_table_may_lie_in_the_stores_own_database(office: Office, store_url: str) -> None:
    """A host whose tables are in the same database feeds them just so."""
    office.title()
    host = create_engine(host_url(store_url))
    example.prepare(host)
    example.feed(office.engine, host, timeout=0)
    example.feed(office.engine, host, timeout=0)
    with host.connect() as connection:
        assert connection.execute(text("SELECT day, name, count FROM decisions")).fetchall() == [
            ("2017-02-01", "permit.issued", 1)
        ]
    with pytest.raises(RuntimeError, match="another reader"):
        example.put(host, {"position": 9, "name": "permit.issued", "effective_on": "2017-02-01"}, 3)
    host.dispose()
