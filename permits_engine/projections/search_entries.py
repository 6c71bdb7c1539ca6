"""The search entries of people and files, from their events."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Literal

from permits_engine.domain.events import Corrected, Event, HolderRegistered, HolderUpdated
from permits_engine.projections.holder import Person, grown
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import event_store
from permits_engine.store.keys.blind_index import Entry, of_file, of_person
from permits_engine.store.keys.keyring import Keyring

NumberKind = Literal["file_number", "card_number"]
NUMBERS: tuple[NumberKind, NumberKind] = ("file_number", "card_number")

FILES = Statement("SELECT permit_id FROM permits WHERE holder_id = :holder_id")
"""The files of a holder."""


def entries_of_person(person: Person) -> list[Entry]:
    """Return an entry for each spelling in the names, with the birth date."""
    return of_person(person.holder_id, person.names, person.birth_date)


def entries_of_file(holder_id: str, permit_id: str, events: Iterable[Event]) -> list[Entry]:
    """Return an entry for each file or card number in the decrypted events."""
    return [of_file(holder_id, permit_id, kind, value) for kind, value in _numbers(events)]


def _numbers(events: Iterable[Event]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for event in events:
        if isinstance(event, Corrected):
            if event.field in NUMBERS and event.sealed_value:
                found.append((event.field, event.sealed_value))
            continue
        for kind in NUMBERS:
            if kind in event.ENCRYPTED and (value := getattr(event, kind)):
                found.append((kind, value))
    return found


def entries_of(tx: Transaction, keyring: Keyring, holder_id: str) -> list[Entry]:
    """Return all entries of a person and their files, from their history; none once erased."""
    cipher = keyring.load(tx, holder_id)
    if cipher is None:
        return []

    def decrypted(stream: str) -> list[Event]:
        return [each.decrypted(holder_id, cipher) for each in event_store(tx).get(stream)]

    entries: list[Entry] = []
    person: Person | None = None
    for event in decrypted(holder_id):
        if isinstance(event, HolderRegistered | HolderUpdated):
            person = grown(copy(person) if person else None, holder_id, 0, event)
            entries += entries_of_person(person)
    for (permit_id,) in tx.all(FILES, {"holder_id": holder_id}):
        entries += entries_of_file(holder_id, permit_id, decrypted(permit_id))
    return list(dict.fromkeys(entries))
