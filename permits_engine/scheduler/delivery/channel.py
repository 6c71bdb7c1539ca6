"""What all channels have in common: a letter, the evidence that it left, and the error if it did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

Contact = Literal["email", "phone"]


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """A composed letter, ready to be sent.

    ``notice_id`` identifies it in every channel, so that a second copy can be recognised. ``to_address`` is an e-mail
    address or telephone number, or none where the letter waits at the counter. ``sent_at`` is an aware instant,
    ``template`` the version of its text, ``deadline`` the day that is attached as a calendar file, ``later`` the clause
    that this day may turn out later. ``named`` are the last days that it names, as ``NoticeSent`` keeps them.
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
    later: str | None = None
    named: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Letter {self.notice_id}>"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence that a letter left: the channel, the message's own id if it has one, the answer received."""

    channel: str
    message_id: str | None
    response: str


class DeliveryError(Exception):
    """A letter that did not leave.

    ``reason`` is one line for the operator, ``code`` the server's reply code, if it gave one. ``permanent`` means that
    another attempt cannot help, ``unavailable`` that the channel itself is out of order and the letter was not tried.
    """

    def __init__(
        self, reason: str, *, permanent: bool, unavailable: bool = False, code: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = one_line(reason)
        self.permanent = permanent
        self.unavailable = unavailable
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (self.reason, self.permanent, self.unavailable, self.code)


class Channel(Protocol):
    """A way of delivering letters.

    ``name`` is kept in evidence, ``contact`` is what it needs to know of the recipient (none: the letter waits for
    them), ``batch`` the number of letters handed over at once, ``per_second`` the most that it takes (none: any).
    An ``idempotent`` channel recognises a second copy, so a letter may be sent again after a crash; to any other
    channel a letter goes once.
    """

    name: str
    contact: Contact | None
    idempotent: bool
    batch: int
    per_second: float | None = None

    def send(self, letter: Letter) -> Evidence:
        """Deliver one letter; raise ``DeliveryError``."""
        (result,) = self.send_many([letter])
        if isinstance(result, DeliveryError):
            raise result
        return result

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Deliver letters in order and return one result for each; one failure stops no other."""

    def close(self) -> None:
        """Release connections and files; may be called twice."""
        return


class CounterChannel(Channel):
    """Accepts every letter for the counter of its office, where the holder is served it in person.

    Nothing leaves the store: the recorded event is the delivery.
    """

    name = "counter"
    contact: Contact | None = None
    idempotent = True
    batch = 200

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Leave letters at the counters of their offices."""
        return [self.served(letter.office) for letter in letters]

    def served(self, office: str) -> Evidence:
        """Return the evidence that a letter waits at the counter of an office."""
        return Evidence(self.name, None, f"waits at the counter of {office}")


def one_line(text: str, limit: int = 500) -> str:
    """Return text from outside as one printable line of at most ``limit`` characters."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * limit])
    return " ".join(printable.split())[:limit]


def _rebuilt(reason: str, permanent: bool, unavailable: bool, code: str | None) -> DeliveryError:
    return DeliveryError(reason, permanent=permanent, unavailable=unavailable, code=code)
