"""What every way of delivering a letter has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

Contact = Literal["email", "phone"]


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """One composed letter, ready to leave.

    ``notice_id`` names it in every channel, so that a second delivery can be recognised. ``to_address`` is an
    e-mail address or telephone number, or none where the letter waits at the counter. ``sent_at`` is an aware
    instant. ``template`` is the version of its text, ``deadline`` the day that goes along as a calendar file.
    """

    notice_id: str
    kind: str
    tier: str | None
    to_name: str | None
    to_address: str | None
    office: str
    language: str
    direction: str
    subject: str
    text: str
    expedited: bool
    sent_at: datetime
    template: str | None = None
    deadline: date | None = None

    def __repr__(self) -> str:
        return f"<Letter {self.notice_id}>"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows that a letter left: the channel, the message's own id if it has one, the answer received."""

    channel: str
    message_id: str | None
    response: str


class DeliveryError(Exception):
    """A letter that did not leave.

    ``reason`` is one line for the operator; ``permanent`` tells that trying again cannot help, ``away`` that
    the channel itself is out of order, whatever the letter: it was not tried at all. ``code`` is the server's
    reply code, if it gave one.
    """

    def __init__(self, reason: str, *, permanent: bool, away: bool = False, code: str | None = None) -> None:
        super().__init__(reason)
        self.reason = one_line(reason)
        self.permanent = permanent
        self.away = away
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.reason, self.permanent, self.away, self.code)


class Channel(Protocol):
    """A way of delivering letters.

    ``recognises`` tells that a second copy bears the first one's identity, so that sending again after a
    crash does no harm; to any other channel a letter goes once.
    """

    @property
    def name(self) -> str:
        """The channel's short name, as kept in evidence."""

    @property
    def contact(self) -> Contact | None:
        """What it needs to know of the recipient; nothing where the letter waits for them."""

    @property
    def recognises(self) -> bool:
        """Whether a second copy of a letter can be told from a second letter."""

    @property
    def batch(self) -> int:
        """How many letters are handed over at once."""

    @property
    def per_second(self) -> float | None:
        """How many letters it may be given in a second; none: as fast as it takes them."""

    def send(self, letter: Letter) -> Evidence:
        """Deliver one letter; raises ``DeliveryError``."""

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Deliver letters in order; the answer has one entry for each, and one failure stops no other."""

    def close(self) -> None:
        """Let go of connections and files; may be called twice."""


def only(results: list[Evidence | DeliveryError]) -> Evidence:
    """The evidence of a batch of one; raises its ``DeliveryError``."""
    (result,) = results
    if isinstance(result, DeliveryError):
        raise result
    return result


def one_line(text: str, limit: int = 500) -> str:
    """Text from outside as one printable line of at most ``limit`` characters."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    return " ".join(printable.split())[:limit]


def _rebuilt(reason: str, permanent: bool, away: bool, code: str | None) -> DeliveryError:
    return DeliveryError(reason, permanent=permanent, away=away, code=code)
