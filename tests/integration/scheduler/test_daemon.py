"""The daemon as processes: ended, killed, frozen, told to read its settings again; and what it logs."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Engine
from permits_engine.policies.loading import packaged
from permits_engine.scheduler.notices.outbox import RECORDED
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.scheduler.conftest import Mailbox, many_due
from tests.integration.scheduler.processes import PATIENCE, Process, environment, until

QUIET = 'value: {from: "20:00", to: "08:00", holidays: true}'
NEVER = 'value: {from: "00:00", to: "00:00", holidays: false}'
ALWAYS = 'value: {from: "00:00", to: "23:59:59.999999", holidays: true}'


def policy(quiet: str) -> str:
    """Morocco's policy with other quiet hours: tests run by day and by night."""
    text = packaged("MA")
    assert text.count(QUIET) == 1
    return text.replace(QUIET, quiet)


@contextmanager
def store(url: str, folder: Path, quiet: str = NEVER) -> Iterator[Engine]:
    """An initialised store of real time."""
    with Engine.initialise(url, keys=folder / "store.keys", operator="test") as engine:
        engine.policies.adopt(policy(quiet))
        yield engine


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts daemons that tick fast, and kills what still runs at the end."""
    running: list[Process] = []

    def started(url: str, *arguments: str, **settings: str) -> Process:
        fast = {"interval": "0.3", "lease_seconds": "1.5"}
        running.append(Process(tmp_path, url, *arguments, **{**fast, **settings}))
        return running[-1]

    yield started
    for each in running:
        if each.child.poll() is None:
            each.child.kill()
            each.child.wait()


def smtp(server: tuple[str, int]) -> dict[str, str]:
    return {"smtp_host": server[0], "smtp_port": str(server[1]), "smtp_security": "none"}


def outcomes(engine: Engine) -> list[list[str]]:
    """The names of the events of every notice that was not outdated before it could go out."""
    found = []
    for row in engine.notices.list(limit=None):
        if row["state"] == "suppressed":
            continue
        with engine.database.read() as tx:
            names = [
                r.name.partition("@")[0] for r in TransactionRecorder(tx).select_events(row["notice_id"])
            ]
        found.append(names)
    return found


def all_sent(engine: Engine, number: int) -> Callable[[], bool]:
    """Whether so many letters are sent, and none waits; alerts of files in the making may be outdated."""

    def done() -> bool:
        states = dict(engine.queries.status()["notices"])
        states.pop("suppressed", None)
        return states == {"sent": number}

    return done


def test_told_to_end_it_finishes_the_letter_in_hand(
    store_url: str, tmp_path: Path, start: Any, mail_server: tuple[str, int], mailbox: Mailbox
) -> None:
    """SIGTERM: the exit code is 0, nothing is lost, and the next daemon repeats nothing."""
    with store(store_url, tmp_path) as engine:
        many_due(engine, 12)
        mailbox.delay = 1.0
        first = start(store_url, **smtp(mail_server))
        until(lambda: len(mailbox.ids) >= 3, first.text)
        until(lambda: len(engine.queries.status()["jobs"]) == 3, first.text)
        assert {each["job"] for each in engine.queries.status()["jobs"]} == {"pass", "delivery", "retry"}
        assert all(each["every"] == 0.3 and each["next_run"] for each in engine.queries.status()["jobs"])
        assert first.end() == 0
        assert engine.queries.status()["jobs"] == []
        assert first.told("daemon.stopped")
        done = len(mailbox.ids)
        assert 3 <= done < 12
        assert engine.queries.status()["notices"] == {"sent": done, "due": 12 - done}
        mailbox.delay = 0
        second = start(store_url, **smtp(mail_server))
        until(all_sent(engine, 12), second.text)
        assert second.end() == 0
        assert (len(mailbox.ids), mailbox.repeats) == (12, 0)
        assert outcomes(engine) == [["notice.due", "notice.sent"]] * 12


Two = tuple[Engine, Process, Process]


@pytest.fixture
def two_at_work(
    postgresql_url: str, tmp_path: Path, start: Any, mail_server: tuple[str, int], mailbox: Mailbox
) -> Iterator[Two]:
    """A store, a daemon in the middle of sixty letters, and another one on standby."""
    with store(postgresql_url, tmp_path) as engine:
        first = start(postgresql_url, **smtp(mail_server))
        first.wait_for("lease.acquired")
        second = start(postgresql_url, **smtp(mail_server))
        second.wait_for("lease.standby")
        mailbox.delay = 0.02
        many_due(engine, 60)
        until(lambda: len(mailbox.ids) >= 5, first.text)
        yield engine, first, second


def test_a_killed_daemon_is_replaced_within_its_lease(two_at_work: Two, mailbox: Mailbox) -> None:
    """The one on standby goes on where it died; a letter whose arrival is unknown is repeated under the same id."""
    engine, first, second = two_at_work
    first.end(signal.SIGKILL)
    killed = time.monotonic()
    second.wait_for("lease.acquired")
    assert time.monotonic() - killed < 1.5 + 30  # what a busy machine may add
    until(all_sent(engine, 60), second.text)
    assert second.end() == 0
    assert len(mailbox.ids) == 60
    assert mailbox.repeats <= RECORDED
    assert all(len(ids) == 1 for ids in mailbox.per_notice.values())
    assert outcomes(engine) == [["notice.due", "notice.sent"]] * 60


def test_a_frozen_daemon_that_wakes_up_writes_nothing(two_at_work: Two, mailbox: Mailbox) -> None:
    """Another one has taken over: the old one says so, goes on standby, and every message has one outcome."""
    engine, first, second = two_at_work
    first.send(signal.SIGSTOP)
    second.wait_for("lease.acquired")
    until(all_sent(engine, 60), second.text)
    end = engine.queries.status()["head"]["position"]
    first.send(signal.SIGCONT)
    first.wait_for("lease.lost")
    first.wait_for("lease.standby")
    assert (first.end(), second.end()) == (0, 0)
    assert engine.queries.status()["head"]["position"] == end
    assert mailbox.repeats <= RECORDED
    assert outcomes(engine) == [["notice.due", "notice.sent"]] * 60


def test_on_sqlite_the_second_daemon_waits_for_the_death_of_the_first(
    sqlite_url: str, tmp_path: Path, start: Any
) -> None:
    """One daemon on a file; a pass by hand meanwhile is refused, and the next one takes over at once."""
    with store(sqlite_url, tmp_path) as engine:
        many_due(engine, 2)
        first = start(sqlite_url)
        first.wait_for("pass.done")
        second = start(sqlite_url)
        second.wait_for("lease.standby")
        by_hand = start(sqlite_url, "--once")
        assert by_hand.child.wait(PATIENCE) == 1
        assert "scheduler.busy" in by_hand.text()
        first.end(signal.SIGKILL)
        second.wait_for("pass.done")
        assert second.end() == 0
        assert all_sent(engine, 2)()


def test_the_next_pass_sees_a_newly_adopted_policy(store_url: str, tmp_path: Path, start: Any) -> None:
    """What another process adopts holds from the next pass on, without a word to the daemon."""
    with store(store_url, tmp_path, ALWAYS) as engine:
        many_due(engine, 3)
        running = start(store_url)
        until(lambda: any(line.get("held") == 3 for line in running.told("pass.done")), running.text)
        assert engine.queries.status()["notices"] == {"due": 3}
        engine.policies.adopt(policy(NEVER))
        until(all_sent(engine, 3), running.text)
        assert running.end() == 0


def test_settings_are_read_again_when_it_is_told_to(sqlite_url: str, tmp_path: Path, start: Any) -> None:
    """SIGHUP: letters go to another folder; settings that cannot be used are told, and the old ones stay."""
    with store(sqlite_url, tmp_path) as engine:
        many_due(engine, 1)
        file = tmp_path / "permits.toml"
        file.write_text(f'mail_dir = "{tmp_path / "one"}"\n', encoding="utf-8")
        running = start(sqlite_url)
        until(all_sent(engine, 1), running.text)
        file.write_text("mail_dri = 3\n", encoding="utf-8")
        running.send(signal.SIGHUP)
        assert "mail_dir" in running.wait_for("settings.refused")["reason"]
        file.write_text(f'mail_dir = "{tmp_path / "two"}"\n', encoding="utf-8")
        running.send(signal.SIGHUP)
        running.wait_for("settings.reloaded")
        many_due(engine, 1)
        until(all_sent(engine, 2), running.text)
        assert running.end() == 0
        assert [len(list((tmp_path / name).glob("*.eml"))) for name in ("one", "two")] == [1, 1]


def test_a_database_that_goes_away_ends_no_daemon(postgresql_url: str, tmp_path: Path, start: Any) -> None:
    """Its connections cut again and again, it says what failed and goes on when the database is back."""
    from permits_engine.store.database.transactions import Statement

    cut = Statement(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with store(postgresql_url, tmp_path) as engine:
        running = start(postgresql_url)
        running.wait_for("pass.done")
        for _ in range(10):
            with engine.database.write() as tx:
                tx.one(cut)
            time.sleep(0.05)
        many_due(engine, 2)
        until(all_sent(engine, 2), running.text)
        assert running.end() == 0


def test_the_log_is_json_and_names_no_person(
    store_url: str, tmp_path: Path, start: Any, mail_server: tuple[str, int], mailbox: Mailbox
) -> None:
    """Every line can be parsed, and neither holders nor what servers say of them can be found in it."""
    with store(store_url, tmp_path) as engine:
        many_due(engine, 8)
        mailbox.answers = [
            "550 5.1.1 <holder1@example.org> Awa Ndiaye1 unknown",
            "451 4.3.0 holder2@example.org",
        ]
        running = start(store_url, **smtp(mail_server))
        until(lambda: engine.queries.status()["notices"].get("sent") == 6, running.text)
        assert running.end() == 0
        lines = running.text().splitlines()
        told = [json.loads(line) for line in lines]
        assert {"daemon.started", "lease.acquired", "pass.done", "daemon.stopped"} <= {
            t["event"] for t in told
        }
        assert all(t["timestamp"].endswith("Z") for t in told)
        for personal in ("ndiaye", "awa n", "holder1", "holder2", "@example", "1990-04-01", "rab-"):
            assert [line for line in lines if personal in line.lower()] == []


def test_the_log_is_readable_on_a_terminal(sqlite_url: str, tmp_path: Path) -> None:
    """On a terminal it is lines to read, not JSON."""
    with store(sqlite_url, tmp_path):
        control, terminal = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "permits_engine.cli", "daemon"],
            cwd=tmp_path,
            env=environment(tmp_path, sqlite_url, interval="0.3"),
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        seen = b""
        while b"pass.done" not in seen:
            seen += os.read(control, 4096)
        child.terminate()
        while True:
            try:
                seen += os.read(control, 4096)
            except OSError:  # the terminal's other end is closed
                break
        assert child.wait(PATIENCE) == 0
        os.close(control)
    assert b"daemon.stopped" in seen
    assert b'{"' not in seen
