"""The base of every event.

Fields named in ``ENCRYPTED`` are personal or free text. The store encrypts them under the holder's key into
``sealed``; nothing in ``domain`` reads them back.
"""

from datetime import date
from typing import ClassVar

import msgspec

REGISTER = "register"
"""The rule id of what was imported from an old register: an outside fact, decided by no rule here."""


class Actor(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The person or program for whom something is done: an id, a role of the policy, and its office."""

    id: str
    role: str
    prefecture: str | None = None


SCHEDULER = Actor("scheduler", "scheduler")
"""The actor of time effects and of the messages about them."""


class Basis(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The legal basis of an event: the adopted policy text (SHA-256, hexadecimal) and the ids of the rules used.

    The first rule of an imported event is ``REGISTER``; a time effect recorded by the import names its own after it.
    """

    policy: str
    rules: tuple[str, ...] = ()

    @property
    def imported(self) -> bool:
        """Whether the event was imported from an old register."""
        return REGISTER in self.rules


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every event carries; the store adds position, stream, version and recorded time.

    ``effective_on`` is the legal date, ``actor`` for whom it was done, ``operator`` who ran the process.
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
    """Return the stored type of an event, ``name@schema_version``."""
    return f"{event.NAME}@{event.SCHEMA}"
