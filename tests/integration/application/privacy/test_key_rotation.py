"""The master keys: rotated without touching history, in escrow, wrapped by a service outside."""

import os
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from examples.key_service import serve
from permits_engine import Engine, PermitsError
from permits_engine.store.database.backup import restores
from permits_engine.store.database.transactions import Statement
from permits_engine.store.keys import escrow
from permits_engine.store.keys.http_key_service import HttpKeyService
from permits_engine.store.keys.master_keys import MasterKeys
from permits_engine.testing import FakeClock, Office
from tests.integration.application.privacy.conftest import ended, holder_of

_EVENTS = Statement(
    "SELECT position, stream, version, name, recorded_at, payload FROM events ORDER BY position"
)
_ROWS = Statement("SELECT holder_id, wrapped, key_id FROM holder_keys")


@pytest.fixture
def own(office: Office, store_url: str, keys: Path, tmp_path: Path) -> Iterator[Office]:
    """The same store with a key file of its own, which may be changed."""
    copy = tmp_path / "own.keys"
    copy.write_bytes(keys.read_bytes())
    copy.chmod(0o600)
    with Engine.open(
        store_url, keys=copy, signing_key=keys.with_suffix(".signing"), clock=office.clock
    ) as engine:
        yield Office(engine, office.clock)


def name_of(office: Office, holder_id: str) -> str | None:
    return office.engine.as_(office.actor("counter")).queries.holder(holder_id).family_name


def file_of(office: Office) -> Path:
    path = office.engine.context.keyring.master_keys().path
    assert path is not None
    return path


def refused(code: str, act: object) -> PermitsError:
    """The refusal of an act, which must bear that code."""
    with pytest.raises(PermitsError) as caught:
        act()  # type: ignore[operator]
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_rotation_touches_no_event(own: Office, store_url: str) -> None:
    """Every holder's key lies under the new master key, everybody is read, and the history is the same bytes."""
    holder_id = holder_of(own, ended(own))
    own.application()
    own.engine.audit.checkpoint()
    with own.engine.database.read() as tx:
        events, rows = tx.all(_EVENTS), tx.all(_ROWS)
    old = file_of(own).read_bytes()
    done = own.engine.keys.rotate()
    with own.engine.database.read() as tx:
        assert tx.all(_EVENTS) == events
        after = tx.all(_ROWS)
    assert {row[2] for row in after} == {done["active"]}
    assert {bytes(row[1]) for row in after}.isdisjoint({bytes(row[1]) for row in rows})
    assert done["rewrapped"] == len(rows)
    assert name_of(own, holder_id) == "Zzmarkername"
    assert own.engine.audit.verify().intact
    assert own.engine.store.rebuild(check=True).differences == []
    assert file_of(own).stat().st_mode & 0o777 == 0o600
    before = file_of(own).with_name("before.keys")
    before.write_bytes(old)
    before.chmod(0o600)
    with Engine.open(store_url, keys=before, clock=own.clock) as engine:
        refused("store.unavailable", lambda: Office(engine, own.clock).application())


def test_the_old_key_opens_what_was_before_until_it_is_dropped(own: Office) -> None:
    """A row of a backup opens while the old key is in the file; after ``drop`` it never does again."""
    holder_id = holder_of(own, ended(own))
    with own.engine.database.read() as tx:
        [row] = [row for row in tx.all(_ROWS) if row[0] == holder_id]
    done = own.engine.keys.rotate()
    masters = MasterKeys.load(file_of(own))
    assert masters.unwrap(bytes(row[1]), row[2], holder_id)
    assert [each["wraps"] for each in own.engine.keys.use()][1:] == [0]
    refused("input.invalid", lambda: own.engine.keys.drop(done["active"]))
    refused("input.invalid", lambda: own.engine.keys.drop("nobody's"))
    own.engine.keys.drop(row[2])
    refused(
        "store.unavailable",
        lambda: MasterKeys.load(file_of(own)).unwrap(bytes(row[1]), row[2], holder_id),
    )
    assert name_of(own, holder_id) == "Zzmarkername"


def test_a_rotation_that_was_stopped_goes_on(own: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after any batch it is taken up with the same new key; everybody is read meanwhile."""
    from permits_engine.store.keys import rotation

    people = [own.holder() for _ in range(7)]
    monkeypatch.setattr(rotation, "BATCH", 2)

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        own.engine.keys.rotate(progress=stop)
    active = MasterKeys.load(file_of(own)).active
    assert {name_of(own, each) for each in people} == {"Diallo"}
    done = own.engine.keys.rotate()
    assert (done["active"], len(own.engine.keys.use())) == (active, 2)
    assert {name_of(own, each) for each in people} == {"Diallo"}


def test_an_open_engine_continues_through_a_rotation(own: Office, store_url: str, keys: Path) -> None:
    """Another process has the old key in memory: it finds the new one in the file, and mints nothing under the old.

    One that cannot find it (its file is another) is refused instead of writing what no one will open.
    """
    signing = keys.with_suffix(".signing")
    stop, problems = threading.Event(), list[BaseException]()
    people: list[str] = []

    def uow() -> None:
        with Engine.open(store_url, keys=file_of(own), signing_key=signing, clock=own.clock) as engine:
            there = Office(engine, own.clock)
            while not stop.is_set():
                try:
                    people.append(there.holder())
                except BaseException as problem:
                    problems.append(problem)
                    return

    own.at(date(2017, 1, 3))
    worker = threading.Thread(target=uow)
    worker.start()
    while len(people) < 5:
        pass
    for _ in range(3):
        own.engine.keys.rotate()
    stop.set()
    worker.join()
    assert problems == []
    assert {name_of(own, each) for each in people} == {"Diallo"}
    with Engine.open(store_url, keys=keys, signing_key=signing, clock=own.clock) as engine:
        refused("store.unavailable", lambda: Office(engine, own.clock).holder())


def test_a_key_file_that_is_taken_away_stops_no_engine_that_has_read_it(own: Office) -> None:
    """As where a secret is mounted for the start only: the process goes on, and another one does not begin."""
    file = file_of(own)
    file.unlink()
    assert name_of(own, own.holder()) == "Diallo"
    refused("store.unavailable", lambda: MasterKeys.load(file))


def test_two_halves_are_the_key_and_either_alone_is_nothing(tmp_path: Path) -> None:
    """Joined in either order they are the file; one half shares nothing with the key, and a slip of the pen is told."""
    file = tmp_path / "store.keys"
    MasterKeys.create(file)
    content = file.read_text()
    one, two = escrow.halves(content, made_on="2026-11-24")
    assert escrow.joined(one, two) == escrow.joined(two, one) == content
    typed = "\n".join(line.lower() if " " in line and line.isupper() else line for line in one.splitlines())
    assert escrow.joined(typed + "\n\n", two) == content
    again, _ = escrow.halves(content, made_on="2026-11-24")
    assert again.splitlines()[5:] != one.splitlines()[5:]
    lines = one.splitlines()
    lines[6] = lines[6][::-1]
    for first, second in (
        (one, one),
        (one, again),
        (one, escrow.halves(content, made_on="x")[1]),
        ("\n".join(lines), two),
        (one, "text"),
        ("", two),
        (one[:200], two),
    ):
        refused("input.invalid", lambda first=first, second=second: escrow.joined(first, second))


@pytest.fixture
def service() -> Iterator[HttpKeyService]:
    """The example's key service at work on this machine."""
    server = serve(0, os.urandom(32), "token")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield HttpKeyService(f"http://127.0.0.1:{server.server_port}", "token")
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_key_service_opens_what_it_has_wrapped(
    service: HttpKeyService, store_url: str, tmp_path: Path
) -> None:
    """The key file alone is worth nothing: without the service, or with another token, the store does not open."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    file = tmp_path / "wrapped.keys"
    MasterKeys.create(file, service)
    assert '"sealed": true' in file.read_text()
    masters = MasterKeys.load(file, service)
    for key_id in masters.ids:
        key = masters.key(key_id)
        assert key is not None
        assert key.hex() not in file.read_bytes().hex()
    refused("store.unavailable", lambda: MasterKeys.load(file))
    stranger = HttpKeyService(service._url, "another token")
    problem = refused("store.unavailable", lambda: MasterKeys.load(file, stranger))
    assert "401" in str(problem)
    rotated = masters.with_new()
    rotated.save()
    again = MasterKeys.load(file, service)
    assert again.active == rotated.active
    assert again.key(masters.active) == masters.key(masters.active)


def test_a_store_lives_with_a_key_service(service: HttpKeyService, sqlite_url: str, tmp_path: Path) -> None:
    """Made, opened, rotated: nothing waits for the service but the opening."""
    file = tmp_path / "wrapped.keys"
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    with Engine.initialise(sqlite_url, keys=file, key_service=service, clock=clock, simulated=True) as engine:
        office = Office(engine, clock)
        holder_id = office.holder()
        engine.keys.rotate()
        assert name_of(office, holder_id) == "Diallo"
    with Engine.open(sqlite_url, keys=MasterKeys.load(file, service), clock=clock) as engine:
        assert name_of(Office(engine, clock), holder_id) == "Diallo"
        with engine.database.read() as tx:
            assert restores(tx) == []


@pytest.mark.parametrize(
    "url", ["http://keys.example.org", "ftp://localhost", "https://a:b@keys.example.org", "keys"]
)
def test_a_key_service_is_not_spoken_to_in_clear(url: str) -> None:
    """Nor is a password put where addresses are shown."""
    refused("input.invalid", lambda: HttpKeyService(url))


def test_a_service_that_is_away_or_talks_nonsense_is_told() -> None:
    """``store.unavailable`` with the service's name, and no secret."""
    gone = HttpKeyService("http://127.0.0.1:1", "token-secret")
    problem = refused("store.unavailable", lambda: gone.wrap(b"plain-secret", "x"))
    assert "secret" not in str(problem) + repr(gone)
