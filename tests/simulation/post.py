"""The mail server, the text message service and the disk for offices' letters, each with its bad days."""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from permits_engine.scheduler.delivery.channel import Channel, Contact, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.mime import mailbox, message_bytes, message_id
from tests.simulation.chance import Chance
from tests.simulation.storage import Crash

SENDER = "Prefecture <prefecture@example.org>"
MOODS = (
    ("takes everything", 78),
    ("refuses some for now", 6),
    ("refuses some for good", 3),
    ("loses its answers", 4),
    ("is away", 4),
    ("kills its caller", 5),
)
Observer = Callable[[str, Letter], None]


class Server(Channel):
    """Takes letters as a server does, in the mood of the day; keeps which it took, under which identity.

    ``idempotent`` none: a text message service, which cannot tell a second copy from a second message.
    """

    name = ""
    contact: Contact | None = None
    idempotent = False
    batch = 1

    def __init__(
        self, name: str, contact: Contact, chance: Chance, seen: Observer, *, idempotent: bool
    ) -> None:
        self.name = name
        self.contact = contact
        self.idempotent = idempotent
        self.mood = MOODS[0][0]
        self.crash: Callable[[str], Crash] = Crash
        self.meanwhile: Callable[[], None] | None = None
        """What someone else does while a letter is on its way."""
        self.taken: list[tuple[str, str, str]] = []
        """Notice, Message-ID and digest of the message's bytes, in order of arrival."""
        self.bad: Counter[str] = Counter()
        """How many letters met a mood that is not the usual one."""
        self.may_repeat: Counter[str] = Counter()
        """How often a message may come again, because its answer was lost or a human wanted it to."""
        self._chance = chance
        self._seen = seen

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Take letters in order."""
        return [self._one(letter) for letter in letters]

    def _one(self, letter: Letter) -> Evidence | DeliveryError:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if self.mood == "is away":
            self.bad["was not there for"] += 1
            return DeliveryError("the server: connection refused", permanent=False, unavailable=True)
        chosen = self.mood != MOODS[0][0] and self._chance.happens(0.5)
        if chosen and self.mood == "refuses some for now":
            self.bad["refused for now"] += 1
            return DeliveryError("451 4.7.1 come back later", permanent=False, code="451 4.7.1")
        if chosen and self.mood == "refuses some for good":
            self.bad["refused for good"] += 1
            return DeliveryError("550 5.1.1 no such user", permanent=True, code="550 5.1.1")
        dies = chosen and self.mood == "kills its caller"
        if dies and self._chance.happens(0.5):
            self.mood = MOODS[0][0]
            raise self.crash("before a letter")
        self._take(letter)
        if dies:
            self.mood = MOODS[0][0]
            raise self.crash("after a letter")
        if chosen and self.mood == "loses its answers":
            self.may_repeat[letter.notice_id] += self.idempotent
            self.bad["took without an answer"] += 1
            return DeliveryError("the connection broke: timed out", permanent=False)
        return Evidence(self.name, self._identity(letter), "250 2.0.0 queued")

    def _take(self, letter: Letter) -> None:
        self._seen(self.name, letter)
        if self.contact == "email":
            mailbox(letter.to_address)
            content = message_bytes(letter, sender=SENDER)
        else:
            content = f"{letter.to_address}\n{letter.text}".encode()
        digest = hashlib.sha256(content).hexdigest()
        self.taken.append((letter.notice_id, self._identity(letter) or "", digest))

    def _identity(self, letter: Letter) -> str | None:
        return message_id(letter.notice_id, "example.org") if self.contact == "email" else None


class Disk:
    """Where letters to offices are written; ``full`` lets every write fail, some of them half-way."""

    def __init__(self) -> None:
        self.full = False
        self.refused = 0

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """As the system's: a full disk still opens files."""
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def write(self, file: int, content: bytes | memoryview) -> int:
        """As the system's, until the disk is full."""
        if not self.full:
            return os.write(file, content)
        half = len(content) // 2
        self.refused += 1
        if self.refused % 2 and half:
            return os.write(file, content[:half])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
