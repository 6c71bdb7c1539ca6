"""Letters by any service that Apprise supports, such as text messages. Needs the extra ``channels``, and loads it."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple
from urllib.parse import quote

import apprise

from permits_engine.scheduler.delivery.channel import (
    Channel,
    Contact,
    DeliveryError,
    Evidence,
    Letter,
    one_line,
)

_PLACES: dict[str, Contact] = {"{phone}": "phone", "{email}": "email"}
_ERROR = re.compile(r"error=(\d{3})\b")
_BUSY = frozenset({408, 425, 429})
"""HTTP status codes by which a service did not take the message, but may later."""


class AppriseChannel(Channel):
    """Hands each letter to one service; its URL contains ``{phone}`` or ``{email}`` in place of the recipient.

    With ``segments`` only the subject is sent, as a text message of at most so many segments. Such a service cannot
    tell a second copy from a second letter, so each letter goes there once. Raises ``ValueError`` for a URL that
    Apprise does not understand.
    """

    name = ""
    contact: Contact | None = None

    idempotent = False
    batch = 1

    def __init__(
        self, name: str, url: str, *, segments: int | None = None, per_second: float | None = None
    ) -> None:
        self.name = name
        self.per_second = per_second
        self._url, self._segments = url, segments
        found = [place for place in _PLACES if place in url]
        if len(found) != 1:
            raise ValueError("has {phone} or {email} once, where the recipient goes")
        self._place = found[0]
        self.contact = _PLACES[self._place]
        example = "+212612345678" if self.contact == "phone" else "holder@example.org"
        with _captured():
            if not apprise.Apprise().add(self._for(example)):
                raise ValueError("is no address that Apprise understands; see its list of services")

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Hand over letters in order."""
        return [self._sent(letter) for letter in letters]

    def _sent(self, letter: Letter) -> Evidence | DeliveryError:
        if letter.to_address is None:
            return DeliveryError("there is nowhere to send it", permanent=True)
        size = size_of(letter.subject)
        if self._segments is not None and size.segments > self._segments:
            reason = f"too long for a text message: {size.segments} segments of {size.encoding}"
            return DeliveryError(reason, permanent=True)
        service = apprise.Apprise()
        with _captured() as log:
            known = service.add(self._for(letter.to_address))
            if known and self._notified(service, letter):
                segments = f"{size.segments} segments of {size.encoding}"
                taken = segments if self._segments is not None else "whole"
                return Evidence(self.name, None, f"taken by the service: {taken}")
            words = log.getvalue()
        if not known:
            return DeliveryError("the service takes no such recipient", permanent=True)
        return _refusal(words)

    def _notified(self, service: object, letter: Letter) -> bool:
        notify = service.notify  # type: ignore[attr-defined]
        if self._segments is not None:
            return bool(notify(body=letter.subject))
        return bool(notify(body=letter.text, title=letter.subject))

    def _for(self, recipient: str) -> str:
        return self._url.replace(self._place, quote(recipient, safe=""))


def _captured() -> AbstractContextManager[io.StringIO]:
    # Apprise's warnings name the recipient: they are kept as encrypted evidence and go nowhere else.
    logging.getLogger("apprise").propagate = False
    capture: AbstractContextManager[io.StringIO] = apprise.LogCapture(level=logging.WARNING)  # type: ignore[no-untyped-call]
    return capture


def _refusal(words: str) -> DeliveryError:
    """Return what a service's answer means: refused for good, refused for now, or unknown."""
    found = _ERROR.search(words)
    code = int(found[1]) if found else 0
    reason = one_line(words) or "the service did not say why"
    return DeliveryError(
        reason,
        permanent=400 <= code < 500 and code not in _BUSY,
        unavailable=code in _BUSY,
        code=found[1] if found else None,
    )


# --- how long a text message is: in the GSM alphabet, or in UCS-2 where a character needs it (3GPP TS 23.038) ---

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Characters that count twice."""


class Size(NamedTuple):
    """The encoding of a text message (``GSM-7`` or ``UCS-2``) and the segments that it is charged as."""

    encoding: str
    segments: int


def size_of(text: str) -> Size:
    """Return the size of a text message."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        return Size("GSM-7", _segments_of([2 if c in _EXTENDED else 1 for c in text], 160, 153))
    return Size("UCS-2", _segments_of([len(c.encode("utf-16-be")) // 2 for c in text], 70, 67))


def _segments_of(widths: list[int], alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    count, room = 1, joined
    for width in widths:
        # A character is not split: it goes whole into the next segment.
        if width > room:
            count, room = count + 1, joined
        room -= width
    return count
