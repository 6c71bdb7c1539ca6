"""What has happened: every stored event as a frozen, versioned struct.

Fields named in ``ENCRYPTED`` are personal or free text. The store encrypts them under the holder's key into
``sealed`` before the event is stored, and nothing in ``domain`` ever reads them back.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import msgspec

REGISTER = "register"
"""The rule id of what was taken over from an old register: an outside fact, decided by no rule here."""


class Actor(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """For whom an act is done: an identity, a role of the policy, and the office where it is held."""

    id: str
    role: str
    prefecture: str | None = None


SCHEDULER = Actor("scheduler", "scheduler")
"""The actor of what time alone brings about, and of the messages about it."""


class Basis(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The legal basis of an event: the adopted policy text (SHA-256, hexadecimal) and the rules used.

    Of what came in with an old register the first rule is ``REGISTER``; an act of the clock that the import
    recorded names after it the rules by which it fell due.
    """

    policy: str
    rules: tuple[str, ...] = ()

    @property
    def imported(self) -> bool:
        """Whether the event came in with an old register."""
        return REGISTER in self.rules


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every event carries.

    ``effective_on`` is the legal date; the store adds position, stream, version and recorded time.
    ``actor`` is for whom it was done, ``operator`` who ran the process.
    """

    NAME: ClassVar[str] = ""
    SCHEMA: ClassVar[int] = 1
    ENCRYPTED: ClassVar[frozenset[str]] = frozenset()
    CORRECTABLE: ClassVar[frozenset[str]] = frozenset()

    event_id: str
    effective_on: date
    actor: Actor
    operator: str
    correlation_id: str
    causation_id: str | None = None
    command_id: str | None = None
    basis: Basis | None = None
    sealed: str | None = None

    def __repr__(self) -> str:
        return f"<{self.NAME} {self.event_id}>"  # personal data stay out of logs


def stored_name(event: type[Event] | Event) -> str:
    """The stored type of an event, ``name@schema_version``."""
    return f"{event.NAME}@{event.SCHEMA}"
