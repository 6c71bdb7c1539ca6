"""What every way of delivering a letter has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """One composed letter, ready to leave.

    ``notice_id`` names it in every channel, so that a second delivery can be recognised. ``to_address`` is an
    e-mail address, or none where the letter waits at the counter. ``sent_at`` is an aware instant.
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows that a letter left: the channel, the message's own id if it has one, the answer received."""

    channel: str
    message_id: str | None
    response: str


class DeliveryError(Exception):
    """A letter that did not leave.

    ``reason`` is one line for the operator; ``permanent`` tells that trying again cannot help.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = one_line(reason)
        self.permanent = permanent

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.reason, self.permanent)


class Channel(Protocol):
    """A way of delivering letters; sending one twice does no harm beyond a second copy."""

    @property
    def name(self) -> str:
        """The channel's short name, as kept in evidence."""

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


def _rebuilt(reason: str, permanent: bool) -> DeliveryError:
    return DeliveryError(reason, permanent=permanent)
