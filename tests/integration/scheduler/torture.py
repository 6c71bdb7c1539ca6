"""Daemons killed and frozen at random while they write letters, and what must hold all the same."""

import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from permits_engine import Engine
from permits_engine.scheduler.daemon.lease import look
from permits_engine.scheduler.notices.outbox import RECORDED
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.scheduler.conftest import Mailbox, many_due
from tests.integration.scheduler.processes import PATIENCE, Process


@dataclass
class Tormented:
    """What a run came to."""

    notices: int
    killed: int
    frozen: int
    repeats: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.notices} notices, {self.killed} kill -9, {self.frozen} SIGSTOP, {self.seconds:.0f} s: "
            f"lost 0, two ids 0, repeated under the same id {self.repeats}"
        )


def torment(
    engine: Engine,
    folder: Path,
    url: str,
    server: tuple[str, int],
    mailbox: Mailbox,
    *,
    notices: int,
    daemons: int,
    seed: int,
    pause: tuple[float, float],
) -> Tormented:
    """Let daemons work through due notices while they die; checks that none is lost, doubled or unrecorded."""
    chance = random.Random(seed)
    many_due(engine, notices)
    settings = {
        "smtp_host": server[0],
        "smtp_port": str(server[1]),
        "smtp_security": "none",
        "interval": "0.3",
        "lease_seconds": "1.5",
    }
    running = [Process(folder, url, **settings) for _ in range(daemons)]
    ever = list(running)
    killed = frozen = sent = 0
    started = last = time.monotonic()
    try:
        while (now := dict(engine.queries.status()["notices"]).get("sent", 0)) < notices:
            if now > sent:
                sent, last = now, time.monotonic()
            assert time.monotonic() - last < PATIENCE, running[0].text()
            time.sleep(chance.uniform(*pause))
            victim = _victim(engine, running, chance)
            if chance.random() < 0.6:
                victim.end(signal.SIGKILL)
                ever.append(Process(folder, url, **settings))
                running[running.index(victim)] = ever[-1]
                killed += 1
            else:
                victim.send(signal.SIGSTOP)
                time.sleep(chance.uniform(0.5, 3.0))
                victim.send(signal.SIGCONT)
                frozen += 1
        seconds = time.monotonic() - started
        for each in running:
            each.wait_for("daemon.started")  # before that no one has told it what to do when asked to end
        assert [each.end() for each in running] == [0] * daemons, [each.text() for each in running]
    finally:
        for each in running:
            with suppress(ProcessLookupError):
                each.child.kill()
            each.child.wait()
    # A machine that is busy takes the lease from a daemon as a signal does.
    lost = sum(len(each.told("lease.lost")) + len(each.told("lease.failed")) for each in ever)
    _judge(engine, mailbox, notices, killed + frozen + lost)
    return Tormented(notices, killed, frozen, mailbox.repeats, seconds)


def _victim(engine: Engine, running: list[Process], chance: random.Random) -> Process:
    """Mostly the one that holds the lease: the others have nothing to lose."""
    pid = look(engine.database).holder.rpartition("/")[2]
    leaders = [each for each in running if str(each.child.pid) == pid and each.child.poll() is None]
    return leaders[0] if leaders and chance.random() < 0.7 else chance.choice(running)


def _judge(engine: Engine, mailbox: Mailbox, notices: int, crashes: int) -> None:
    rows = engine.notices.list(limit=None)
    assert len(rows) == notices
    assert {row["state"] for row in rows} == {"sent"}
    ids = {row["notice_id"] for row in rows}
    assert set(mailbox.per_notice) == ids, "a letter was lost, or was nobody's"
    assert all(len(seen) == 1 for seen in mailbox.per_notice.values()), "two ids for one notice"
    assert mailbox.repeats <= crashes * RECORDED
    names: dict[tuple[str, ...], int] = {}
    with engine.database.read() as tx:
        for stream in TransactionRecorder(tx).select_streams(sorted(ids)).values():
            told = tuple(record.name.partition("@")[0] for record in stream)
            names[told] = names.get(told, 0) + 1
    assert all(told[0] == "notice.due" and told[-1] == "notice.sent" for told in names), names
    assert all(told.count("notice.sent") == 1 for told in names), names
    assert engine.store.rebuild("notices", check=True).differences == []
