"""Mail servers that hang, refuse, drop the line after DATA, answer 4xx and then accept; a full disk for letters."""

import resource
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.delivery.smtp import BROKEN, SmtpChannel
from permits_engine.scheduler.passes.reconciler import Pass
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Mailbox, free_port, many_due, run

TODAY = "2016-12-01"


def by_mail(address: tuple[str, int], **options: Any) -> SmtpChannel:
    return SmtpChannel(*address, "prefecture@example.org", **{"security": "none", "timeout": 0.5} | options)


def states(office: Office) -> dict[str, int]:
    return dict(office.engine.queries.status()["notices"])


def later(office: Office, channel: Any, hours: float = 8) -> Pass:
    """A pass some hours later on the same legal day."""
    office.clock.instant += timedelta(hours=hours)
    return run(office, TODAY, channel)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def scripted(script: Callable[[Any], None]) -> Iterator[tuple[str, int]]:
    """A server on the loopback interface that goes through a script with each caller."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                script(self)
            except OSError:
                return  # the caller has hung up

    with _Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[:2]
        finally:
            server.shutdown()


def _hangs_at(word: bytes) -> Callable[[Any], None]:
    """A server that answers until it hears a word, and then never again."""

    def script(peer: Any) -> None:
        peer.wfile.write(b"220 here\r\n")
        in_data = False
        for line in peer.rfile:
            heard = b"." if in_data and line == b".\r\n" else line[:4].upper().strip()
            if in_data and heard != b".":
                continue
            if heard == word:
                time.sleep(600)
                return
            in_data = heard == b"DATA"
            peer.wfile.write(b"354 go on\r\n" if in_data else b"250 ok\r\n")

    return script


def test_a_server_that_never_greets_costs_one_time_out(
    office: Office, mail_server: Any, mailbox: Mailbox
) -> None:
    """No one loses an attempt; when it is back, everybody gets their letter."""
    many_due(office.engine, 30, today=date(2016, 12, 1))
    started = time.monotonic()
    with scripted(lambda peer: time.sleep(600)) as address:
        report = run(office, TODAY, by_mail(address))
    assert time.monotonic() - started < 300
    assert list(report.unavailable) == ["smtp"]
    assert states(office) == {"due": 30}
    run(office, TODAY, by_mail(mail_server, timeout=10))
    assert (states(office), len(mailbox.ids), mailbox.repeats) == ({"sent": 30}, 30, 0)


@pytest.mark.parametrize("word", [b"MAIL", b"RCPT", b"DATA", b"."], ids=str)
def test_a_server_that_hangs_in_the_middle_does_not_hold_the_pass(
    office: Office, mail_server: Any, mailbox: Mailbox, word: bytes
) -> None:
    """After a few letters it counts as out of order; those few come back after their delay, the others at once."""
    many_due(office.engine, 30, today=date(2016, 12, 1))
    started = time.monotonic()
    with scripted(_hangs_at(word)) as address:
        run(office, TODAY, by_mail(address))
    assert time.monotonic() - started < 300
    found = states(office)
    assert found["due"] == 30 - found["failed"]
    assert 0 < found["failed"] < BROKEN + 1
    later(office, by_mail(mail_server, timeout=10))
    assert (states(office), len(mailbox.ids), mailbox.repeats) == ({"sent": 30}, 30, 0)


def test_a_port_without_a_listener(office: Office, mail_server: Any, mailbox: Mailbox) -> None:
    """The pass says so and ends at once."""
    many_due(office.engine, 5, today=date(2016, 12, 1))
    report = run(office, TODAY, by_mail(("127.0.0.1", free_port())))
    assert "refused" in report.unavailable["smtp"]
    assert states(office) == {"due": 5}
    run(office, TODAY, by_mail(mail_server, timeout=10))
    assert states(office) == {"sent": 5}


def test_a_server_that_refuses_everybody_at_the_door(office: Office) -> None:
    """554 instead of a greeting is a matter between servers: no letter is parked for it."""
    many_due(office.engine, 5, today=date(2016, 12, 1))
    with scripted(lambda peer: peer.wfile.write(b"554 5.7.1 go away\r\n")) as address:
        report = run(office, TODAY, by_mail(address))
    assert "554" in report.unavailable["smtp"]
    assert states(office) == {"due": 5}


class Dropping(Mailbox):
    """A server that takes each letter's data and hangs up before its answer, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        if self.times > 0:
            self.times -= 1
            server.transport.abort()
        return answer


def test_a_line_dropped_after_data_repeats_the_letter_under_its_own_name(office: Office) -> None:
    """It may have arrived, and did: the second copy bears the same Message-ID, and no other letter is repeated."""
    many_due(office.engine, 6, today=date(2016, 12, 1))
    mailbox = Dropping(2)
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    try:
        address = controller.server.sockets[0].getsockname()[:2]
        run(office, TODAY, by_mail(address, timeout=10))
        assert states(office) == {"sent": 4, "failed": 2}
        later(office, by_mail(address, timeout=10))
    finally:
        controller.stop()
    assert states(office) == {"sent": 6}
    assert (len(mailbox.ids), mailbox.repeats) == (6, 2)
    assert all(len(ids) == 1 for ids in mailbox.per_notice.values())


def test_a_server_that_says_not_now_and_then_takes_it(
    office: Office, mail_server: Any, mailbox: Mailbox
) -> None:
    """Greylisting: refused for a while, taken at the next attempt, once each."""
    many_due(office.engine, 4, today=date(2016, 12, 1))
    mailbox.answers = ["451 4.7.1 greylisted, come back later"] * 4
    run(office, TODAY, by_mail(mail_server, timeout=10))
    assert states(office) == {"failed": 4}
    assert later(office, by_mail(mail_server, timeout=10), hours=0.001).notices == {}
    later(office, by_mail(mail_server, timeout=10), hours=0.02)
    assert (states(office), len(mailbox.ids), mailbox.repeats) == ({"sent": 4}, 4, 0)


def test_one_connection_carries_all_letters_of_a_pass(
    office: Office, mail_server: Any, mailbox: Mailbox
) -> None:
    """Also over several batches; and where the server ends it in between, another one, without a failure."""
    peers: set[Any] = set()
    take = mailbox.handle_DATA

    async def counted(server: Any, session: Any, envelope: Any) -> str:
        peers.add(session.peer)
        if len(mailbox.ids) == 30:
            server.transport.close()  # after this letter's answer
        return await take(server, session, envelope)

    mailbox.handle_DATA = counted  # type: ignore[method-assign]
    many_due(office.engine, 25, today=date(2016, 12, 1))
    run(office, TODAY, by_mail(mail_server, timeout=10))
    assert (states(office), len(peers)) == ({"sent": 25}, 1)
    many_due(office.engine, 25, today=date(2016, 12, 1))
    run(office, TODAY, by_mail(mail_server, timeout=10))
    assert states(office)["sent"] >= 49
    assert len(peers) == 3


class Small(FolderChannel):
    """A folder on a disk that takes files of so many bytes only, while there is no more room."""

    full = True

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            if self.full:
                resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
            return super().send_many(letters)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_parks_nothing_and_leaves_no_half_letter(office: Office, tmp_path: Path) -> None:
    """Passes say that the folder takes nothing; when there is room again, all letters are written."""
    many_due(office.engine, 7, today=date(2016, 12, 1))
    folder = Small(tmp_path / "mail", "prefecture@example.org")
    for _ in range(10):
        report = later(office, folder, hours=0.5)
        assert list(report.unavailable) == ["folder"]
    assert states(office) == {"due": 7}
    assert list((tmp_path / "mail").iterdir()) == []
    folder.full = False
    run(office, TODAY, folder)
    assert states(office) == {"sent": 7}
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 7
