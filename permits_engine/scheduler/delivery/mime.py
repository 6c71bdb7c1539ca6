"""A letter as an Internet message (RFC 5322), assembled by hand because batches are large.

Bytes are a function of the letter and the sender only: a letter made twice is the same message.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from binascii import b2a_base64, b2a_qp
from datetime import datetime, timedelta
from email.utils import format_datetime, getaddresses
from functools import lru_cache

from permits_engine.scheduler.delivery import calendar_file
from permits_engine.scheduler.delivery.channel import DeliveryError, Letter

# Neither base64 nor quoted-printable can produce "=_", so the boundary never occurs in a part.
_BOUNDARY, _OUTER = b"=_permits-notice", b"=_permits-letter"
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
# No quoted local part, no comment, no route: such an address is a mistake or an attack.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}")
_TOKEN = re.compile(r"[A-Za-z0-9 ]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_LINE = 76


def message_bytes(letter: Letter, *, sender: str) -> bytes:
    """Return the message of a letter, text and HTML, with its deadline if it has one; CRLF lines, 7-bit throughout.

    ``sender`` is an address, or a name and an address. Raises ``DeliveryError`` (permanent) for a receiver's
    address that no mail can go to, ``ValueError`` for a notice id or sender that cannot stand in a message.
    """
    source, domain = _sender(sender)
    if not _LANGUAGE.fullmatch(letter.language):
        raise ValueError(f"{letter.language!r} is no language code")
    own_id = message_id(letter.notice_id, domain)
    return b"".join(
        (
            b"From: ",
            source,
            b"\r\nTo: ",
            _receiver(letter.to_name, letter.to_address),
            b"\r\nSubject: ",
            _words(letter.subject, 9),
            b"\r\nDate: ",
            _date(letter.sent_at, letter.sent_at.utcoffset()),
            b"\r\nMessage-ID: ",
            own_id.encode(),
            b"\r\nAuto-Submitted: auto-generated\r\nContent-Language: ",
            letter.language.encode(),
            b"\r\nX-Permits-Notice: ",
            letter.notice_id.encode(),
            b"\r\nMIME-Version: 1.0\r\nContent-Type: ",
            _with_calendar(letter, own_id[1:-1]) if letter.deadline is not None else _texts(letter),
        )
    )


def page(letter: Letter) -> str:
    """Return the letter as an HTML page, as its HTML part shows it."""
    text = letter.text.replace("\r\n", "\n").replace("\n", "\r\n")
    return _page(letter.subject, text, letter.language, letter.direction == "rtl").replace("\r\n", "\n")


def message_id(notice_id: str, domain: str) -> str:
    """Return the Message-ID of a notice, the same at every attempt; raise ``ValueError``."""
    return f"<{checked_id(notice_id)}@{domain}>"


def checked_id(notice_id: str) -> str:
    """Return a notice id that is safe in a header and in a file name; raise ``ValueError`` for any other."""
    if not _ID.fullmatch(notice_id) or ".." in notice_id:
        raise ValueError(f"{notice_id!r} is no notice id")
    return notice_id


def sender_domain(sender: str) -> str:
    """Return the domain of a sender; raise ``ValueError``."""
    return _sender(sender)[1]


def sender_address(sender: str) -> str:
    """Return the bare address of a sender; raise ``ValueError``."""
    return _plain_sender(sender)[1]


def mailbox(address: str | None) -> str:
    """Return a deliverable address, its domain in ASCII; raise ``DeliveryError`` (permanent)."""
    if not address:
        raise DeliveryError("the holder has no e-mail address", permanent=True)
    local, at, domain = address.rpartition("@")
    if domain and not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            domain = ""
    good = at and len(address) <= 254 and len(local) <= 64
    if not (good and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
        # The address itself is personal and is not repeated.
        raise DeliveryError("the e-mail address cannot be written to", permanent=True)
    return f"{local}@{domain}"


# --- headers ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _sender(sender: str) -> tuple[bytes, str]:
    name, address = _plain_sender(sender)
    return _address(name, address, 6), address.rpartition("@")[2]


@lru_cache(maxsize=16)
def _plain_sender(sender: str) -> tuple[str, str]:
    if not sender.isprintable():
        raise ValueError("the sender holds control characters")
    try:
        ((name, address),) = getaddresses([sender])
        return name, mailbox(address)
    except (DeliveryError, ValueError):
        raise ValueError(f"{sender!r} is no sender: give an address, or a name and an address") from None


def _receiver(name: str | None, address: str | None) -> bytes:
    if address is None:
        # A letter for the counter, kept as a file.
        return b"undisclosed-recipients:;"
    return _address(name or "", mailbox(address), 4)


def _address(name: str, address: str, used: int) -> bytes:
    plain = address.encode()
    if not name:
        return plain if used + len(plain) <= _LINE else b"\r\n " + plain
    if _TOKEN.fullmatch(name) and name == name.strip() and len(name) < 40:
        shown = name.encode()
    else:
        shown = _encoded(name, used)
    fits = b"\r\n" not in shown and used + len(shown) + len(plain) + 3 <= _LINE
    return shown + (b" <" if fits else b"\r\n <") + plain + b">"


def _words(text: str, used: int) -> bytes:
    """Return the text of an unstructured header, of whose line ``used`` octets are taken."""
    short = used + len(text) <= _LINE and text.isascii() and text.isprintable()
    if short and "=?" not in text and text == text.strip():
        return text.encode()
    return _encoded(text, used)


def _encoded(text: str, used: int) -> bytes:
    """Return encoded words (RFC 2047), one to a line, each of whole characters and at most 75 octets."""
    data = text.replace("\r", " ").replace("\n", " ").encode("utf-8", "replace")
    words = []
    start, room = 0, (_LINE - used - 12) // 4 * 3
    while start < len(data):
        end = min(start + room, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(b"=?utf-8?b?" + b64encode(data[start:end]) + b"?=")
        start, room = end, 45
    return b"\r\n ".join(words)


@lru_cache(maxsize=1024)
def _date(moment: datetime, offset: timedelta | None) -> bytes:
    # The offset is part of the cache key: one instant is written differently in two zones.
    if offset is None:
        raise ValueError("a letter leaves at an aware instant")
    return format_datetime(moment).encode()


# --- parts ------------------------------------------------------------------------------------------------


def _texts(letter: Letter) -> bytes:
    """Return the letter as plain text and as HTML, as alternatives."""
    text = letter.text.replace("\r\n", "\n").replace("\n", "\r\n")
    shown = _page(letter.subject, text, letter.language, letter.direction == "rtl")
    return b"".join(
        (
            b'multipart/alternative;\r\n boundary="',
            _BOUNDARY,
            b'"\r\n\r\n--',
            _BOUNDARY,
            _part(b"plain", text),
            b"\r\n--",
            _BOUNDARY,
            _part(b"html", shown),
            b"\r\n--",
            _BOUNDARY,
            b"--\r\n",
        )
    )


def _with_calendar(letter: Letter, uid: str) -> bytes:
    """Return both texts with the deadline as a calendar file."""
    assert letter.deadline is not None
    event = calendar_file.event(uid=uid, stamp=letter.sent_at, day=letter.deadline, summary=letter.subject)
    return b"".join(
        (
            b'multipart/mixed;\r\n boundary="',
            _OUTER,
            b'"\r\n\r\n--',
            _OUTER,
            b"\r\nContent-Type: ",
            _texts(letter),
            b"\r\n--",
            _OUTER,
            b'\r\nContent-Type: text/calendar; charset="utf-8"; method=PUBLISH\r\n'
            b'Content-Disposition: attachment; filename="deadline.ics"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            _base64(event),
            b"\r\n--",
            _OUTER,
            b"--\r\n",
        )
    )


def _part(kind: bytes, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    head = b"\r\nContent-Type: text/" + kind + b'; charset="utf-8"\r\nContent-Transfer-Encoding: '
    # Quoted-printable stays readable where most letters are Latin; elsewhere it would triple the size.
    if len(data) * 10 < len(text) * 13:
        return head + b"quoted-printable\r\n\r\n" + b2a_qp(data)
    return head + b"base64\r\n\r\n" + _base64(data)


def _base64(data: bytes) -> bytes:
    flat = b2a_base64(data, newline=False)
    return b"\r\n".join(flat[at : at + _LINE] for at in range(0, len(flat), _LINE))


def _page(subject: str, text: str, language: str, right: bool) -> str:
    # Escaped text contains no tags, so the paragraph marks can be found again after the line marks.
    marked = html.escape(text.strip()).replace("\r\n\r\n", "</p><p>").replace("\r\n", "<br>\r\n")
    body = marked.replace("</p><p>", "</p>\r\n<p>")
    direction = "rtl" if right else "ltr"
    return (
        f'<!DOCTYPE html>\r\n<html lang="{language}" dir="{direction}">\r\n<head><meta charset="utf-8">\r\n'
        f"<title>{html.escape(subject)}</title></head>\r\n<body>\r\n<p>{body}</p>\r\n</body>\r\n</html>\r\n"
    )
