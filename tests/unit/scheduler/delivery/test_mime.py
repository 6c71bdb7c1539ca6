"""Messages are valid, the same at every attempt, and no one's name or address can add to them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.scheduler.delivery.channel import DeliveryError, Letter
from permits_engine.scheduler.delivery.mime import mailbox, message_bytes
from tests.letters import a_letter

SENDER = "Préfecture de Rabat <prefecture@example.org>"
LETTER = a_letter(
    notice_id="0190c5a0-0000-7000-8000-000000000001",
    kind="renewal_reminder",
    tier="P90D",
    subject="Votre titre de séjour prend fin le 2 février 2018",
    text="Bonjour Awa Ndiaye,\n\nVotre titre est valable jusqu'au 2 février 2018.\n- passeport\n\nRabat\n",
    sent_at=datetime(2017, 11, 4, 9, 0, tzinfo=UTC),
)
ARABIC = replace(
    LETTER,
    language="ar",
    direction="rtl",
    to_name="أوا ندياي",
    subject="تنتهي مدة سند الإقامة في 2 فبراير 2018: تذكير بالتجديد",
    text="أوا ندياي، تحية طيبة،\n\nسند الإقامة صالح إلى غاية 2 فبراير 2018.\n" * 20,
)


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    for name in message:
        assert not message[name].defects, name
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    assert not found.defects
    content = found.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


class _Page(HTMLParser):
    """What a reader of the HTML sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: dict[str, str | None] = {}
        self.tags: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "html":
            self.attributes = dict(attrs)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.seen.append(data.strip())


@pytest.mark.parametrize("letter", [LETTER, ARABIC], ids=["fr", "ar"])
def test_a_message_parses_back(letter: Letter) -> None:
    """Python's own parser finds no defect and reads back every word, header and part."""
    message = parsed(message_bytes(letter, sender=SENDER))
    assert message["Subject"] == letter.subject
    assert message["To"].addresses[0].display_name == letter.to_name
    assert message["To"].addresses[0].addr_spec == letter.to_address
    assert message["From"].addresses[0].display_name == "Préfecture de Rabat"
    assert message["From"].addresses[0].addr_spec == "prefecture@example.org"
    assert message["Date"].datetime == letter.sent_at
    assert message["Message-ID"] == f"<{letter.notice_id}@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == letter.language
    assert message["X-Permits-Notice"] == letter.notice_id
    assert message.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "plain") == letter.text
    page = _Page(part(message, "html"))
    assert page.attributes == {"lang": letter.language, "dir": letter.direction}
    assert page.seen[1:] == [line for line in letter.text.split("\n") if line]


@pytest.mark.parametrize("letter", [LETTER, ARABIC], ids=["fr", "ar"])
def test_lines_are_valid(letter: Letter) -> None:
    """Every line ends with CRLF, none is longer than 78, and all octets are 7-bit."""
    long = replace(letter, to_name=(letter.to_name or "") * 9, subject=letter.subject * 9)
    content = message_bytes(long, sender=SENDER)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert max(len(line) for line in content.split(b"\r\n")) <= 78
    assert max(content) < 128
    assert parsed(content)["Subject"] == long.subject


def test_a_message_is_a_function_of_the_letter() -> None:
    """Made twice, a message is the same to the last octet; its id depends on the notice and the domain only."""
    assert message_bytes(LETTER, sender=SENDER) == message_bytes(LETTER, sender=SENDER)
    later = replace(LETTER, sent_at=LETTER.sent_at + timedelta(days=3), subject="x")
    first, second = (parsed(message_bytes(each, sender=SENDER)) for each in (LETTER, later))
    assert first["Message-ID"] == second["Message-ID"]


HOSTILE = [
    "Awa\r\nBcc: everyone@example.org",
    "Awa\nX-Evil: 1\n\nbody",
    'Awa" <evil@example.org>, "x',
    "Awa\x00\x01\x7f",
    "Awa \u202egnp.exe",
    "=?utf-8?q?=0D=0ABcc=3A_x?=",
    "A" * 10_000,
    "أ" * 10_000,
    "a, b; c: d@e (f) \\",
    " lead and trail ",
    "\ud800",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_adds_no_header(name: str) -> None:
    """Whatever the name, subject or text hold, the headers are the same eleven and the receiver is one."""
    letter = replace(LETTER, to_name=name, subject=name, text=f"{name}\n--=_permits-notice--\n")
    content = message_bytes(letter, sender=SENDER)
    message = message_from_bytes(content, policy=policy.compat32)
    assert sorted(message.keys()) == sorted(message_from_bytes(message_bytes(LETTER, sender=SENDER)).keys())
    modern = message_from_bytes(content, policy=policy.default)
    assert modern["Bcc"] is None
    assert [a.addr_spec for a in modern["To"].addresses] == ["awa@example.org"]
    assert len(list(modern.iter_parts())) == 2
    assert max(len(line) for line in content.split(b"\r\n")) <= 78


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=300))
def test_any_subject_reads_back(subject: str) -> None:
    """Any line of printable text is read back from the subject as it was written."""
    content = message_bytes(replace(LETTER, subject=subject), sender=SENDER)
    assert parsed(content)["Subject"] == subject
    assert max(len(line) for line in content.split(b"\r\n")) <= 78


@given(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=500))
def test_any_text_reads_back(text: str) -> None:
    """Any text is read back from the plain part as it was written."""
    content = message_bytes(replace(LETTER, text=text), sender=SENDER)
    assert part(parsed(content), "plain") == text
    assert max(len(line) for line in content.split(b"\r\n")) <= 78


def test_html_is_escaped() -> None:
    """Text that looks like markup is shown, not obeyed."""
    text = "<script>alert('1 & 2')</script>\n\n<img src=x>\n"
    page = _Page(part(parsed(message_bytes(replace(LETTER, text=text), sender=SENDER)), "html"))
    assert set(page.tags) == {"html", "head", "meta", "title", "body", "p"}
    assert page.seen[1:] == ["<script>alert('1 & 2')</script>", "<img src=x>"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "awa",
        "awa@",
        "@example.org",
        "awa@example.org\r\nBcc: x@example.org",
        "awa@example.org\n",
        "awa @example.org",
        "awa@exa mple.org",
        "awa@example.org, x@example.org",
        "<awa@example.org>",
        '"a b"@example.org',
        "awa@example..org",
        ".awa@example.org",
        "awa@\u202eexample.org",
        "أوا@example.org",
        "a" * 65 + "@example.org",
        "awa\x00@example.org",
    ],
)
def test_a_bad_address_is_refused(address: str) -> None:
    """An address that is no address is refused for good, and the refusal does not repeat it."""
    with pytest.raises(DeliveryError) as refusal:
        message_bytes(replace(LETTER, to_address=address), sender=SENDER)
    assert refusal.value.permanent
    assert not address or address not in refusal.value.reason


def test_an_international_domain_is_written_in_ascii() -> None:
    """A domain in other letters goes out in its ASCII form."""
    assert mailbox("awa@bücher.example") == "awa@xn--bcher-kva.example"


def test_a_letter_without_address_has_no_receiver() -> None:
    """A letter kept for the counter names no receiver and is valid all the same."""
    message = parsed(message_bytes(replace(LETTER, to_address=None), sender=SENDER))
    assert message["To"].addresses == ()


@pytest.mark.parametrize("notice_id", ["", "../x", "a/b", "a b", "a\r\nb", "x" * 200, "a..b", ".x", "x."])
def test_a_strange_notice_id_is_refused(notice_id: str) -> None:
    """A notice id that could leave a header or a folder is a fault of the program and says so."""
    with pytest.raises(ValueError, match="notice id"):
        message_bytes(replace(LETTER, notice_id=notice_id), sender=SENDER)


@pytest.mark.parametrize("sender", ["", "nobody", "a@b\r\nBcc: c@d", "a@b, c@d@e"])
def test_a_strange_sender_is_refused(sender: str) -> None:
    """A sender that is no address is refused before anything is written."""
    with pytest.raises(ValueError, match="sender"):
        message_bytes(LETTER, sender=sender)


def test_the_date_keeps_its_offset() -> None:
    """The date shows the local hour with its offset; an instant without one is refused."""
    local = LETTER.sent_at.astimezone(timezone(timedelta(hours=1)))
    assert b"Date: Sat, 04 Nov 2017 10:00:00 +0100\r\n" in message_bytes(
        replace(LETTER, sent_at=local), sender=SENDER
    )
    with pytest.raises(ValueError, match="aware"):
        message_bytes(replace(LETTER, sent_at=local.replace(tzinfo=None)), sender=SENDER)
