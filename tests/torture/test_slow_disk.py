"""A disk that takes 5 to 300 milliseconds for a sync, and kill -9 while a process waits for it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Engine
from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import connections
from tests.integration.scheduler.conftest import COUNTER, Mailbox, mail_server, mailbox
from tests.integration.scheduler.test_daemon import store
from tests.integration.scheduler.torture import torment
from tests.registers import rows, write
from tests.torture import servers
from tests.torture.deaths import Deaths, lines, sound, started
from tests.torture.servers import crash, person, url_of
from tests.torture.slow_disk import SlowDisk

__all__ = ["mail_server", "mailbox"]  # fixtures

SEED = 2015
LOW, HIGH = 5, 300


@pytest.fixture
def slow_server(server: Any, slow_disk: SlowDisk) -> Iterator[Any]:
    """The server of these tests on the slow disk; it starts and ends while its dial is at nothing."""
    crash(server)
    yield server
    slow_disk.turn(0, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def slow_url(request: pytest.FixtureRequest, slow_disk: SlowDisk) -> str:
    """A store whose disk is slow once the dial is turned."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return url_of(request.getfixturevalue("slow_server"))


def _told(engine: Engine, deaths: Deaths, count: int) -> None:
    """Every outcome that was printed is in the history, once, and nothing else is."""
    for outcome in deaths.acknowledged:
        if "permit_id" in outcome:
            assert engine.permit(outcome["permit_id"]).version == outcome["version"] == 2
    assert len(engine.find(limit=None)) == count
    assert engine.queries.status()["head"]["position"] == 3 + 3 * count
    sound(engine)


def test_a_process_killed_on_a_slow_disk_loses_nothing_that_it_told(
    sqlite_url: str, tmp_path: Path, slow_disk: SlowDisk, kills: int
) -> None:
    """Every outcome that was printed is in the history once, and nothing half-done is visible, after each death."""
    count = 12 * kills
    (tmp_path / "lines.jsonl").write_text(lines(count), encoding="utf-8")
    with Engine.initialise(sqlite_url, keys=tmp_path / "store.keys", operator="test") as engine:
        slow_disk.turn(LOW, HIGH)
        deaths = Deaths(tmp_path, sqlite_url, SEED, kills)
        assert deaths.run("execute", "lines.jsonl", within=(1.2, 2.0)) == 0, deaths.said[-1]
        _told(engine, deaths, count)
    assert deaths.killed == kills
    assert slow_disk.syncs >= count / 4
    print(
        f"\nexecute on a slow disk: {deaths.killed} kill -9, {slow_disk.syncs} syncs waited, lost 0, twice 0"
    )


def test_a_wait_for_a_slow_writer_ends_with_a_sentence(
    sqlite_url: str, tmp_path: Path, slow_disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """store.unavailable says what to do, in the time that a writer waits; once the other is gone, commands go in."""
    monkeypatch.setattr(connections, "WAIT_SECONDS", 0.5)
    (tmp_path / "lines.jsonl").write_text(lines(20), encoding="utf-8")
    with Engine.initialise(sqlite_url, keys=tmp_path / "store.keys", operator="test") as engine:
        slow_disk.turn(40_000, 40_000, every=0)
        with started(["execute", "lines.jsonl"], tmp_path, sqlite_url) as slow:
            try:
                problem, seconds = _refused(engine, slow_disk)
            finally:
                slow.kill()
        assert problem.code == "store.unavailable"
        assert "is locked by another process: wait for it or end it, then try again" in problem.message
        assert seconds < 30
        assert engine.execute(person(1, 0), actor=COUNTER).holder_id
        sound(engine)


def _refused(engine: Engine, disk: SlowDisk) -> tuple[PermitsError, float]:
    """The refusal of a command that came while the other process waited for the disk, and its seconds."""
    deadline = time.monotonic() + 60
    while not disk.syncs:
        assert time.monotonic() < deadline, "the disk was never slow"
        time.sleep(0.02)
    for n in range(50):
        began = time.monotonic()
        try:
            engine.execute(person(2, n), actor=COUNTER)
        except PermitsError as problem:
            return problem, time.monotonic() - began
    raise AssertionError("no command had to wait for the other process")


@pytest.mark.torture
def test_a_command_ends_its_wait_for_a_slow_writer(
    slow_url: str, tmp_path: Path, slow_disk: SlowDisk
) -> None:
    """A real command that waits its ten seconds for one that holds the lock is told so, and leaves with 4."""
    (tmp_path / "lines.jsonl").write_text(lines(40), encoding="utf-8")
    (tmp_path / "more.jsonl").write_text(lines(40), encoding="utf-8")
    with Engine.initialise(slow_url, keys=tmp_path / "store.keys", operator="test") as engine:
        slow_disk.turn(25_000, 25_000, every=0)
        with started(["execute", "lines.jsonl"], tmp_path, slow_url) as slow:
            while not slow_disk.syncs:
                assert slow.poll() is None
                time.sleep(0.02)
            began = time.monotonic()
            with started(["execute", "more.jsonl"], tmp_path, slow_url) as waiting:
                out, err = waiting.communicate()
            seconds = time.monotonic() - began
            slow.kill()
        assert waiting.returncode == 4, (out, err)
        assert "store.unavailable" in out + err
        assert "then try again" in out + err
        assert seconds < 20
        slow_disk.turn(0, 0)
        # A server finishes its sync even for one that was killed.
        codes = [_ended(tmp_path, slow_url)]
        while codes[-1] == 4 and len(codes) < 5:
            codes.append(_ended(tmp_path, slow_url))
        assert codes[-1] == 0
        assert len(engine.find(limit=None)) == 40
        sound(engine)
    print(f"\na command that waited for a slow disk left with 4 after {seconds:.1f} s")


def _ended(folder: Path, url: str) -> int:
    with started(["execute", "lines.jsonl"], folder, url) as again:
        again.communicate()
    return again.returncode


@pytest.mark.torture
@pytest.mark.parametrize("command", ["execute", "import"])
def test_commands_killed_on_a_slow_disk_end_as_in_peace(
    command: str, slow_url: str, tmp_path: Path, slow_disk: SlowDisk, kills: int
) -> None:
    """On a slow file and on a slow server: nothing told is lost, and the history is that of a run in peace."""
    count = 12 * kills
    with Engine.initialise(slow_url, keys=tmp_path / "store.keys", operator="test") as engine:
        slow_disk.turn(LOW, HIGH)
        deaths = Deaths(tmp_path, slow_url, SEED, kills)
        if command == "execute":
            (tmp_path / "lines.jsonl").write_text(lines(count), encoding="utf-8")
            assert deaths.run("execute", "lines.jsonl", within=(1.2, 2.5)) == 0, deaths.said[-1]
            _told(engine, deaths, count)
        else:
            write(tmp_path / "register.csv", rows(20 * count, SEED))
            assert deaths.run("import", "register.csv", within=(1.2, 2.5)) == 0, deaths.said[-1]
            came = engine.queries.status()["head"]["position"]
            sound(engine)
            where = tmp_path / "peace"
            where.mkdir()
            with Engine.initialise(f"sqlite:///{where / 'x.db'}", keys=where / "k", operator="test") as peace:
                peace.store.import_register(tmp_path / "register.csv", rejects=where / "rejects.csv")
                assert came == peace.queries.status()["head"]["position"]
    assert slow_disk.syncs > kills
    print(
        f"\n{command} on a slow disk: {deaths.killed} kill -9, "
        f"{slow_disk.syncs} syncs and {slow_disk.writes} writes waited, lost 0, twice 0"
    )


@pytest.mark.torture
def test_daemons_killed_on_a_slow_disk_lose_and_double_nothing(
    slow_url: str, tmp_path: Path, slow_disk: SlowDisk, kills: int, mail_server: Any, mailbox: Mailbox
) -> None:
    """Each message is sent once, whatever the disk and the deaths."""
    mailbox.delay = 0.02
    with store(slow_url, tmp_path) as engine:
        slow_disk.turn(LOW, HIGH)
        done = torment(
            engine,
            tmp_path,
            slow_url,
            mail_server,
            mailbox,
            notices=30 * kills,
            daemons=1 if slow_url.startswith("sqlite") else 3,
            seed=7,
            pause=(1.0, 2.5),
        )
        sound(engine)
    print(f"\n{done}; {slow_disk.syncs} syncs and {slow_disk.writes} writes waited")


@pytest.mark.torture
def test_a_server_killed_on_a_slow_disk_loses_nothing_acknowledged(
    slow_server: Any, tmp_path: Path, slow_disk: SlowDisk, kills: int
) -> None:
    """Four writers, and a server that dies while it waits for its disk; it starts again while the disk is quick."""
    with Engine.initialise(url_of(slow_server), keys=tmp_path / "store.keys", operator="test") as engine:
        done: list[list[str]] = [[] for _ in range(servers.WRITERS)]
        refused: set[str] = set()
        over = threading.Event()
        writers = [
            threading.Thread(target=servers.write, args=(engine, n, done[n], refused, over), daemon=True)
            for n in range(servers.WRITERS)
        ]
        for each in writers:
            each.start()
        try:
            for _ in range(kills):
                slow_disk.turn(LOW, HIGH)
                time.sleep(1.5)
                slow_disk.turn(0, 0)
                crash(slow_server)
        finally:
            over.set()
        for each in writers:
            each.join(60)
        assert refused <= {"store.unavailable", "concurrency.conflict"}, refused
        for holder_id in (each for told in done for each in told):
            with engine.database.read() as tx:
                assert engine.context.begin(tx).person(holder_id).version == 1
        sound(engine)
    assert slow_disk.syncs > kills
    print(f"\n{kills} crashes on a slow disk: {sum(map(len, done)):,} acknowledged, lost 0, twice 0")
