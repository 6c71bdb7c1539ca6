"""The person: a holder's stream, folded and decrypted with their key."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from permits_engine.domain.events import (
    PERSONAL,
    Event,
    FactRecorded,
    HolderLinked,
    HolderRegistered,
    HolderUnlinked,
    HolderUpdated,
)
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.domain.permit.facts import Fact
from permits_engine.store.events.application import Placed
from permits_engine.store.keys.keyring import Cipher


class Person(msgspec.Struct):
    """What is known about a holder; every field is none once the person's data were erased."""

    holder_id: str
    version: int = 0
    family_name: str | None = None
    given_names: str | None = None
    also_known_as: list[dict[str, str]] | None = None
    """Other names, each with ``family_name`` and perhaps ``given_names``."""
    birth_date: str | None = None
    """What is known: a day, a month (``1990-05``) or a year (``1990``)."""
    sex: str | None = None
    nationality: str | None = None
    nationality_read: str | None = None
    """The code that was read, where another is stored for it."""
    language: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    prefers: str | None = None
    """The channel that the person prefers: email or phone."""
    facts: tuple[Fact, ...] = ()
    names: tuple[str, ...] = ()
    """Every family name and given names that were recorded, other and former ones included."""
    linked: tuple[str, ...] = ()
    """Other holders that an officer linked as the same person."""

    def __repr__(self) -> str:
        return f"<Person {self.holder_id}>"  # personal data stay out of logs

    @property
    def born(self) -> PartialDate | None:
        """The birth date as a range of days."""
        return PartialDate.of(self.birth_date) if self.birth_date else None

    @property
    def name(self) -> str:
        """The given names and the family name."""
        return " ".join(part for part in (self.given_names, self.family_name) if part)


def person_of(holder_id: str, placed: Iterable[Placed], cipher: Cipher | None) -> Person:
    """Fold a holder's stream; without the key only the version is known."""
    person = Person(holder_id)
    for each in placed:
        event, version = each.event, each.version
        if cipher is not None and isinstance(event, HolderRegistered | HolderUpdated):
            event = each.decrypted(holder_id, cipher)
            person = grown(person, holder_id, version, event)
        if isinstance(event, FactRecorded):
            person.facts += (Fact(event.kind, event.since, event.until, version, event.of),)
        if isinstance(event, HolderLinked):
            person.linked += (event.other,)
        if isinstance(event, HolderUnlinked):
            person.linked = tuple(other for other in person.linked if other != event.other)
        person.version = version
    return person


def grown(person: Person | None, holder_id: str, version: int, event: Event) -> Person:
    """Return the person after one more decrypted event."""
    person = person or Person(holder_id)
    person.version = version
    changed = event.changed if isinstance(event, HolderUpdated) else PERSONAL
    for field in changed:
        setattr(person, field, getattr(event, field))
    others = [name for each in person.also_known_as or () for name in each.values()]
    recorded = [*person.names, person.family_name, person.given_names, *others]
    person.names = tuple(dict.fromkeys(name for name in recorded if name))
    return person


def facts_known(
    stream_of: Callable[[str], Iterable[Placed]], holder_id: str, before: int | None = None
) -> tuple[Fact, ...]:
    """Return the facts about a person under all their records, recorded by a moment (microseconds; none: now)."""
    found: list[Fact] = []
    records = [holder_id]
    for each in records:
        known = (placed for placed in stream_of(each) if before is None or placed.recorded_at <= before)
        person = person_of(each, known, None)
        found += person.facts
        records += [other for other in person.linked if other not in records]
    return tuple(found)


FACT_PREFIXES = tuple(f"{kind.NAME}@" for kind in (FactRecorded, HolderLinked, HolderUnlinked))
"""The stored names, without their schema, of the events that ``facts_known`` reads."""
