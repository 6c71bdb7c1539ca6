"""Bounced letters: what a delivery status notification (RFC 3464) reports about which notice."""

from __future__ import annotations

import uuid
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import NamedTuple

from permits_engine.domain.errors import InputError, invalid
from permits_engine.scheduler.delivery.channel import one_line

LARGEST = 10 * 1024 * 1024
"""Bytes: anything longer is no notification."""


class Bounce(NamedTuple):
    """A report about a notice and its Message-ID, with the receiving server's answer.

    ``action`` is failed, delayed, delivered, relayed or expanded; ``code`` the status code of RFC 3463.
    """

    notice_id: str
    message_id: str
    action: str
    code: str | None
    answer: str

    def __repr__(self) -> str:
        return f"<Bounce of {self.notice_id}>"


def parse(content: bytes) -> Bounce:
    """Read a delivery status notification; raises ``input.invalid`` for anything else."""
    if len(content) > LARGEST:
        raise _no("is longer than any delivery status notification")
    message = message_from_bytes(content, policy=policy.default)
    status = original = None
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status" and status is None:
            status = _recipient(part)
        elif kind == "message/rfc822" and original is None:
            original = _inner(part)
        elif kind == "text/rfc822-headers" and original is None:
            original = _headers(part)
    if status is None:
        raise _no("is no delivery status notification (RFC 3464): hand over the whole message as it came")
    if original is None or original["X-Permits-Notice"] is None:
        raise _no("does not say which letter came back: it holds no headers of one of ours")
    action = str(status.get("Action", "")).strip().lower()
    code = str(status.get("Status", "")).split(" ")[0].strip() or None
    answer = str(status.get("Diagnostic-Code", "") or status.get("Status", ""))
    message_id = str(original.get("Message-ID", "")).strip()
    return Bounce(_id(str(original["X-Permits-Notice"])), message_id, action, code, one_line(answer))


def _recipient(part: Message) -> Message | None:
    """Return the block about the recipient; a letter has only one."""
    blocks = part.get_payload()
    found = [block for block in blocks if isinstance(block, Message)] if isinstance(blocks, list) else []
    return next((block for block in found if block["Action"] is not None), None)


def _inner(part: Message) -> Message | None:
    payload = part.get_payload()
    first = payload[0] if isinstance(payload, list) and payload else None
    return first if isinstance(first, Message) else None


def _headers(part: Message) -> Message:
    text = part.get_content() if isinstance(part, EmailMessage) else part.get_payload()
    return message_from_bytes(str(text).encode("utf-8", "replace"), policy=policy.default)


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError:
        raise _no(f"names the notice {one_line(text, 60)!r}, which is no id") from None


def _no(reason: str) -> InputError:
    return invalid("standard input", reason)
