"""A letter as an Internet message (RFC 5322).

Bytes are a function of the letter and the sender only: a letter made twice is the same message.
"""

from __future__ import annotations

import html
import re
from email import charset, policy
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, getaddresses
from functools import lru_cache
from typing import Any

from permits_engine.scheduler.delivery import calendar_file
from permits_engine.scheduler.delivery.channel import DeliveryError, Letter

# Neither base64 nor quoted-printable can produce "=_", so the boundary never occurs in a part.
_BOUNDARY, _OUTER = "=_permits-notice", "=_permits-letter"
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
# No quoted local part, no comment, no route: such an address is a mistake or an attack.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9-]{1,63}")
_PLAIN = re.compile(r"(?!.{41})[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
# ``EmailMessage`` loses double spaces where it folds encoded words: this is the library's older interface.
_POLICY = policy.compat32.clone(linesep="\r\n", max_line_length=76)
_BASE64, _QUOTED = charset.Charset("utf-8"), charset.Charset("utf-8")
_QUOTED.body_encoding = charset.QP


def message_bytes(letter: Letter, *, sender: str) -> bytes:
    """Return the message of a letter, text and HTML, with its deadline if it has one; CRLF lines, 7-bit throughout.

    ``sender`` is an address, or a name and an address. Raises ``DeliveryError`` (permanent) for a receiver's
    address that no mail can go to, ``ValueError`` for a notice id or sender that cannot stand in a message.
    """
    name, address = _sender(sender)
    own_id = message_id(letter.notice_id, sender_domain(sender))
    if not _LANGUAGE.fullmatch(letter.language):
        raise ValueError(f"{letter.language!r} is no language code")
    if letter.sent_at.utcoffset() is None:
        raise ValueError("a letter leaves at an aware instant")
    message: Any = _texts(letter) if letter.deadline is None else _with_calendar(letter, own_id[1:-1])
    message["From"] = _address("From", name, address)
    if letter.to_address is None:
        message["To"] = "undisclosed-recipients:;"  # a letter for the counter, kept as a file
    else:
        message["To"] = _address("To", letter.to_name or "", mailbox(letter.to_address))
    message["Subject"] = _words("Subject", letter.subject)
    message["Date"] = format_datetime(letter.sent_at)
    message["Message-ID"] = own_id
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = letter.language
    message["X-Permits-Notice"] = letter.notice_id
    content: bytes = message.as_bytes(policy=_POLICY)
    return content


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
    return _sender(sender)[1].rpartition("@")[2]


def sender_address(sender: str) -> str:
    """Return the bare address of a sender; raise ``ValueError``."""
    return _sender(sender)[1]


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


@lru_cache(maxsize=16)
def _sender(sender: str) -> tuple[str, str]:
    if not sender.isprintable():
        raise ValueError("the sender holds control characters")
    try:
        ((name, address),) = getaddresses([sender])
        return name, mailbox(address)
    except (DeliveryError, ValueError):
        raise ValueError(f"{sender!r} is no sender: give an address, or a name and an address") from None


def _words(header: str, text: str) -> Header:
    """Return text as encoded words (RFC 2047): nothing in it can be read as a header's own syntax."""
    line = " ".join(text.encode("utf-8", "replace").decode().splitlines())
    return Header(line, "us-ascii" if _PLAIN.fullmatch(line) else "utf-8", header_name=header)


def _address(header: str, name: str, address: str) -> Header:
    if not name:
        return Header(address, header_name=header)
    made = _words(header, name)
    made.append(f"<{address}>", "us-ascii")
    return made


def _texts(letter: Letter) -> MIMEMultipart:
    """Return the letter as plain text and as HTML, as alternatives."""
    text = letter.text.replace("\r\n", "\n").replace("\n", "\r\n")
    shown = _page(letter.subject, text, letter.language, letter.direction == "rtl")
    return MIMEMultipart("alternative", _BOUNDARY, [_part(text, "plain"), _part(shown, "html")])


def _part(text: str, kind: str) -> MIMEText:
    data = text.encode("utf-8", "replace")
    # Quoted-printable stays readable where most letters are Latin; elsewhere it would triple the size.
    latin = len(data) * 10 < len(text) * 13
    return MIMEText(data.decode(), kind, _QUOTED if latin else _BASE64)  # type: ignore[arg-type]


def _with_calendar(letter: Letter, uid: str) -> MIMEMultipart:
    """Return both texts with the deadline as a calendar file."""
    assert letter.deadline is not None
    event = calendar_file.event(
        uid=uid, stamp=letter.sent_at, day=letter.deadline, summary=letter.subject, note=letter.later
    )
    attached = MIMEText(event.decode(), "calendar", _BASE64)  # type: ignore[arg-type]
    attached.set_param("method", "PUBLISH")
    attached["Content-Disposition"] = 'attachment; filename="deadline.ics"'
    return MIMEMultipart("mixed", _OUTER, [_texts(letter), attached])


def _page(subject: str, text: str, language: str, right: bool) -> str:
    # Escaped text contains no tags, so the paragraph marks can be found again after the line marks.
    marked = html.escape(text.strip()).replace("\r\n\r\n", "</p><p>").replace("\r\n", "<br>\r\n")
    body = marked.replace("</p><p>", "</p>\r\n<p>")
    direction = "rtl" if right else "ltr"
    return (
        f'<!DOCTYPE html>\r\n<html lang="{language}" dir="{direction}">\r\n<head><meta charset="utf-8">\r\n'
        f"<title>{html.escape(subject)}</title></head>\r\n<body>\r\n<p>{body}</p>\r\n</body>\r\n</html>\r\n"
    )
