"""Letters through a real SMTP server on the loopback interface, as it accepts, refuses and disappears."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.mime import message_bytes
from permits_engine.scheduler.delivery.smtp import SmtpChannel
from tests.letters import a_letter

SENDER = "Préfecture de Rabat <prefecture@example.org>"
LETTER = a_letter(
    kind="renewal_reminder",
    tier="P90D",
    to_name="أوا ندياي",
    language="ar",
    direction="rtl",
    subject="تذكير بتجديد سند الإقامة",
    text="تحية طيبة،\n\n.\n..\nسند الإقامة صالح إلى غاية 2 فبراير 2018.\n",
    sent_at=datetime(2017, 11, 4, 9, 0, tzinfo=UTC),
)


class Office:
    """A mail server's behaviour: what it answers at each step, and what it took."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.peers: set[tuple[str, int]] = set()
        self.rcpt: dict[str, str] = {}
        self.data: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.rcpt.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.peers.add(session.peer)
        answer = self.data.get(envelope.rcpt_tos[0], f"250 2.0.0 queued as {len(self.taken) + 1}")
        if answer == "drop":
            server.transport.abort()
            return "250 too late"
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer


@pytest.fixture
def office() -> Office:
    """How the server behaves; a test may change it while it runs."""
    return Office()


@pytest.fixture
def server(office: Office) -> Iterator[tuple[str, int]]:
    """A running server's address."""
    controller = Controller(office, hostname="127.0.0.1", port=_free(), ready_timeout=20)
    controller.start()
    try:
        yield controller.server.sockets[0].getsockname()[:2]
    finally:
        controller.stop()


def channel(server: tuple[str, int], **options: Any) -> SmtpChannel:
    return SmtpChannel(*server, SENDER, **{"security": "none", "timeout": 10.0} | options)


def to(address: str, notice_id: str = "n-2") -> Letter:
    return replace(LETTER, to_address=address, notice_id=notice_id)


def test_a_letter_arrives_as_written(server: tuple[str, int], office: Office) -> None:
    """What the server takes is the message to the octet, even a line that is one dot; the answer is kept."""
    post = channel(server)
    assert post.send(LETTER) == Evidence("smtp", "<n-1@example.org>", "250 2.0.0 queued as 1")
    post.close()
    (envelope,) = office.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("prefecture@example.org", ["awa@example.org"])
    assert envelope.content == message_bytes(LETTER, sender=SENDER)
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert message["Subject"] == LETTER.subject
    body = message.get_body(("plain",))  # type: ignore[attr-defined]
    assert body.get_content().replace("\r\n", "\n") == LETTER.text


def test_a_batch_uses_one_connection(server: tuple[str, int], office: Office) -> None:
    """Letters of one call share a connection, and each has its own answer in order."""
    letters = [to(f"p{n}@example.org", f"n-{n}") for n in range(25)]
    results = channel(server).send_many(letters)
    assert [r.message_id for r in results if isinstance(r, Evidence)] == [
        f"<n-{n}@example.org>" for n in range(25)
    ]
    assert len(office.peers) == 1


def test_nothing_to_send_opens_nothing() -> None:
    """An empty batch does not even need a server."""
    assert SmtpChannel("127.0.0.1", 1, SENDER, security="none").send_many([]) == []


@pytest.mark.parametrize(
    ("step", "answer", "permanent"),
    [
        ("rcpt", "450 4.2.1 mailbox busy", False),
        ("rcpt", "550 5.1.1 no such user", True),
        ("data", "451 4.3.0 try later", False),
        ("data", "452 4.3.1 disk full", False),
        ("data", "554 5.7.1 refused as unwanted", True),
        ("data", "552 5.3.4 too big", True),
    ],
)
def test_refusals(server: tuple[str, int], office: Office, step: str, answer: str, permanent: bool) -> None:
    """A refusal is told word for word, is lasting if it is 5xx, and does not stop the letters after it."""
    getattr(office, step)["bad@example.org"] = answer
    first, bad, last = channel(server).send_many([LETTER, to("bad@example.org"), to("ok@example.org", "n-3")])
    assert isinstance(first, Evidence)
    assert isinstance(bad, DeliveryError)
    assert (bad.reason, bad.permanent) == (answer, permanent)
    assert isinstance(last, Evidence)
    assert len(office.peers) == 1
    with pytest.raises(DeliveryError):
        channel(server).send(to("bad@example.org"))


def test_dropped_after_data(server: tuple[str, int], office: Office) -> None:
    """A connection lost before the answer may be tried again, and the next letters go over a new one."""
    office.data["lost@example.org"] = "drop"
    results = channel(server).send_many([LETTER, to("lost@example.org"), to("ok@example.org", "n-3")])
    assert [type(r) for r in results] == [Evidence, DeliveryError, Evidence]
    assert isinstance(results[1], DeliveryError)
    assert not results[1].permanent
    del office.data["lost@example.org"]
    again = channel(server).send(to("lost@example.org"))
    assert again.message_id == "<n-2@example.org>"


def test_a_server_that_closes_for_the_day(server: tuple[str, int], office: Office) -> None:
    """After 421 the connection is given up; the letter may be tried again, the next one gets a new line."""
    office.data["late@example.org"] = "421 4.3.2 closing"
    first, second = channel(server).send_many([to("late@example.org"), LETTER])
    assert isinstance(first, DeliveryError)
    assert not first.permanent
    assert first.reason.startswith("421")
    assert isinstance(second, Evidence)
    assert len(office.peers) == 2


def test_no_server() -> None:
    """When no one listens, every letter is told so at once, and may be tried again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    results = channel(address).send_many([LETTER] * 50)
    assert all(isinstance(r, DeliveryError) and not r.permanent for r in results)


class _Silent(socketserver.BaseRequestHandler):
    """A server that takes the call and says nothing."""

    def handle(self) -> None:
        self.request.recv(1)


def test_a_silent_server_does_not_hold_the_pass() -> None:
    """A server that never answers costs one time-out for the whole batch."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Silent) as silent:
        threading.Thread(target=silent.serve_forever, daemon=True).start()
        started = datetime.now(UTC)
        results = channel(silent.server_address[:2], timeout=1).send_many([LETTER] * 20)
        silent.shutdown()
    assert datetime.now(UTC) - started < timedelta(seconds=15)
    assert all(isinstance(r, DeliveryError) and not r.permanent for r in results)


@pytest.mark.parametrize(
    "address",
    ["awa@example.org\r\nRCPT TO:<x@example.org>", "awa@example.org\nDATA", "a> b@example.org", None],
)
def test_an_address_cannot_speak_smtp(server: tuple[str, int], office: Office, address: str | None) -> None:
    """An address with a line break in it is refused before the server hears of it."""
    bad, good = channel(server).send_many([replace(LETTER, to_address=address), LETTER])
    assert isinstance(bad, DeliveryError)
    assert bad.permanent
    assert isinstance(good, Evidence)
    assert len(office.taken) == 1


# --- encryption and passwords -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = (data.login, data.password) == (b"prefecture", b"secret")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def guarded(office: Office, certificate: Path) -> Iterator[tuple[str, int]]:
    """A server that wants STARTTLS and then a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    controller = Controller(
        office,
        hostname="127.0.0.1",
        port=_free(),
        ready_timeout=20,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=_login,
    )
    controller.start()
    try:
        yield "localhost", controller.server.sockets[0].getsockname()[1]
    finally:
        controller.stop()


def test_starttls_and_password(guarded: tuple[str, int], office: Office, certificate: Path) -> None:
    """With a trusted certificate and the right password the letter goes through."""
    trust = ssl.create_default_context(cafile=str(certificate))
    options = {"security": "starttls", "username": "prefecture", "password": "secret", "context": trust}
    assert channel(guarded, **options).send(LETTER).response.startswith("250")
    assert len(office.taken) == 1


def test_a_wrong_password_loses_no_letter(guarded: tuple[str, int], certificate: Path) -> None:
    """A refused password is a matter of settings: letters wait, and the password is nowhere in the reason."""
    trust = ssl.create_default_context(cafile=str(certificate))
    options = {"security": "starttls", "username": "prefecture", "password": "wr0ng", "context": trust}
    with pytest.raises(DeliveryError) as refusal:
        channel(guarded, **options).send(LETTER)
    assert not refusal.value.permanent
    assert refusal.value.reason.startswith("the mail server: 535")
    assert "wr0ng" not in refusal.value.reason


def test_an_unknown_certificate_gets_no_letter(guarded: tuple[str, int], office: Office) -> None:
    """A server that cannot prove who it is gets neither password nor letter."""
    options = {"security": "starttls", "username": "prefecture", "password": "secret"}
    with pytest.raises(DeliveryError) as refusal:
        channel(guarded, **options).send(LETTER)
    assert not refusal.value.permanent
    assert office.taken == []


def test_no_falling_back_to_plain_text(server: tuple[str, int], office: Office) -> None:
    """Where STARTTLS is asked for and not offered, nothing is sent in the clear."""
    with pytest.raises(DeliveryError):
        channel(server, security="starttls").send(LETTER)
    assert office.taken == []


def test_a_refused_sender_loses_no_letter(guarded: tuple[str, int], certificate: Path) -> None:
    """A server that refuses us as sender (here: no login) is a matter of settings; letters wait."""
    trust = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(DeliveryError) as refusal:
        channel(guarded, security="starttls", context=trust).send(LETTER)
    assert refusal.value.reason.startswith("530")
    assert not refusal.value.permanent


def test_tls_from_the_start(office: Office, certificate: Path) -> None:
    """A server that speaks TLS from the first octet is spoken to in TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    controller = Controller(office, hostname="127.0.0.1", port=_free(), ready_timeout=20, ssl_context=context)
    controller.start()
    try:
        trust = ssl.create_default_context(cafile=str(certificate))
        port = controller.server.sockets[0].getsockname()[1]
        assert channel(("localhost", port), security="tls", context=trust).send(LETTER).channel == "smtp"
    finally:
        controller.stop()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "options",
    [
        {"security": "none", "username": "u", "password": "p"},
        {"security": "starttls", "username": "u"},
        {"security": "maybe"},
    ],
)
def test_settings_that_cannot_be_safe_are_refused(options: dict[str, Any]) -> None:
    """A password without TLS, half a login, or an unknown security is refused when the channel is made."""
    with pytest.raises(ValueError):
        SmtpChannel("127.0.0.1", 25, SENDER, **options)
