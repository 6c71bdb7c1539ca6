"""The reads of one permit: its view on two time axes, its history and its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, TypedDict

import msgspec

from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import EVENTS, Corrected, Event
from permits_engine.domain.permit import explanations
from permits_engine.domain.permit.explanations import DeadlineRow
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.permit.view import View, view
from permits_engine.domain.rules.policy import Policy, Silence
from permits_engine.projections.search_entries import NUMBERS, NumberKind
from permits_engine.store.events.application import Placed
from permits_engine.store.events.timestamps import iso
from permits_engine.store.keys.keyring import Cipher

ENVELOPE = frozenset(
    {"version", "name", "type", "position", "recorded_at", "holder_id", *Event.__struct_fields__}
)
"""What every event has besides what it says itself, as ``shown`` names it."""


class PermitView(View, frozen=True):
    """The permit view of the contract: what holds on ``as_of`` as known at ``known_at``."""

    known_at: str | None = None
    file_number: str | None = None
    card_number: str | None = None
    deadlines: list[DeadlineRow] = msgspec.field(default_factory=list)

    def __repr__(self) -> str:
        return f"<PermitView {self.permit_id} at version {self.version}>"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, dates in ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def permit(
    file: PermitFile, *, as_of: date | None = None, known_at: datetime | None = None, decrypt: bool = True
) -> PermitView:
    """Return the view, with the numbers that only the holder's key decrypts."""
    s = file.situation(as_of, known_at)
    records = file.recorded_by(file.limit(known_at))
    numbers = numbers_on(records, s.permit, s.day, file.cipher() if decrypt else None)
    plain = view(s)
    return PermitView(
        **{name: getattr(plain, name) for name in View.__struct_fields__},
        known_at=known_at.isoformat().replace("+00:00", "Z") if known_at else None,
        deadlines=explanations.explained(s),
        **numbers,
    )


class Numbers(TypedDict):
    """The numbers of file and card that a file bears on a day."""

    file_number: str | None
    card_number: str | None


def numbers_on(records: Sequence[Placed], permit: Permit, day: date, cipher: Cipher | None) -> Numbers:
    """Return the latest numbers of file and card on a day; none without the holder's key."""
    found = Numbers(file_number=None, card_number=None)
    if cipher is not None:
        for number in _all_numbers(records, permit.holder_id, cipher):
            if number.since <= day:
                found[number.kind] = number.value
    return found


class _Number(NamedTuple):
    kind: NumberKind
    value: str
    since: date


def _all_numbers(records: Sequence[Placed], holder_id: str, cipher: Cipher) -> Iterator[_Number]:
    """Yield every number that the file has borne, as corrected, with its legal date."""
    decrypted = [
        (record.version, record.decrypted(holder_id, cipher))
        for record in records
        if record.event.ENCRYPTED & {*NUMBERS, "sealed_value"}
    ]
    # A correction acts from the fact that it corrects, whenever it was made.
    right = {
        (event.of_version, event.field): event.sealed_value
        for _, event in decrypted
        if isinstance(event, Corrected) and event.field in NUMBERS
    }
    for version, event in decrypted:
        for name in NUMBERS:
            value = right.get((version, name), getattr(event, name, None))
            if value is not None:
                yield _Number(name, value, event.effective_on)


def numbers_of(file: PermitFile, kind: str, *, as_first_written: bool = False) -> list[str]:
    """Return every file or card number that a file has borne, as corrected; none once its holder was erased.

    ``as_first_written`` asks for those that were corrected later too, as they were recorded first.
    """
    cipher, holder_id = file.cipher(), file.lodged.holder_id
    if cipher is None:
        return []
    found = [each.value for each in _all_numbers(file.records, holder_id, cipher) if each.kind == kind]
    if as_first_written:
        events = [each.decrypted(holder_id, cipher) for each in file.records]
        found += [value for event in events if (value := getattr(event, kind, None)) is not None]
    return found


def history_of(
    file: PermitFile, *, as_of: date | None = None, known_at: datetime | None = None, decrypt: bool = False
) -> list[dict[str, Any]]:
    """Return every event with its envelope; numbers and free text where ``decrypt`` asks for them.

    Only events recorded by ``known_at``, and with a legal date until ``as_of``, where these are given.
    """
    if as_of is not None and type(as_of) is not date:
        raise invalid("as_of", f"is a {type(as_of).__name__}, not a date")
    cipher = file.cipher() if decrypt else None
    events = [
        shown(record, file.lodged.holder_id, cipher) for record in file.recorded_by(file.limit(known_at))
    ]
    return [each for each in events if as_of is None or each["effective_on"] <= as_of.isoformat()]


def shown(record: Placed, holder_id: str = "", cipher: Cipher | None = None) -> dict[str, Any]:
    """Return a stored event as plain values; without the holder's key what is encrypted is left out."""
    event = record.decrypted(holder_id, cipher)
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(event))
    if plain.pop("sealed", None) is not None:
        plain["sealed"] = True  # there is more, for those who may see it
    return {
        "version": record.version,
        "name": record.name.split("@")[0],
        "type": record.name,
        "position": record.position,
        "recorded_at": iso(record.recorded_at),
        **plain,
    }


def shows_encrypted(event: dict[str, Any]) -> bool:
    """Return whether a shown event shows anything that is stored encrypted."""
    return any(event.get(field) is not None for field in EVENTS[event["type"]].ENCRYPTED)


class RuleRow(TypedDict):
    """A rule of a decision's basis as shown."""

    rule: str
    parameter: str
    value: Any
    norm: str
    rank: str
    in_force_since: str
    known_since: str
    confidence: str | None


def expanded(policy: Policy, rule: str) -> RuleRow:
    """Return a rule of a decision's basis as the adopted text has it."""
    value = policy.by_id.get(rule)
    if value is None:
        raise error("integrity.broken", f"the adopted policy has no rule {rule}")
    return {
        "rule": rule,
        "parameter": value.name,
        "value": plain(value.value),
        "norm": str(value.source),
        "rank": value.rank,
        "in_force_since": value.since.isoformat(),
        "known_since": value.known.isoformat(),
        "confidence": value.confidence,
    }


def plain(value: Any) -> Any:
    """Return a rule's value as plain JSON."""
    if isinstance(value, Silence):
        return value.value
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if hasattr(value, "in_words"):
        length = getattr(value, "length", value)
        counting = getattr(value, "counting", None)
        return f"{length} {counting}" if counting == "franc" else str(length)
    return value.isoformat() if isinstance(value, date) else value
