"""What is read of one permit: the view on two time axes, its history, and why each act was allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.outcome import not_found
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import ApplicationLodged, Corrected, Event
from permits_engine.domain.permit import explanations, rights
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.permit.view import View, view
from permits_engine.domain.rules.policy import Policy, Silence
from permits_engine.projections.holder import facts_known
from permits_engine.projections.search_entries import NUMBERS
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import codec, history
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.events.timestamps import iso, micros
from permits_engine.store.keys.keyring import Cipher


class PermitView(View, frozen=True):
    """The permit view of the contract: what holds on ``as_of`` as known at ``known_at``."""

    known_at: str | None = None
    file_number: str | None = None
    card_number: str | None = None
    deadlines: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def __repr__(self) -> str:
        return f"<PermitView {self.permit_id} at version {self.version}>"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, dates in ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def limit_of(tx: Transaction, known_at: datetime, context: Context) -> int:
    """A moment of knowledge in microseconds; raises ``position.beyond_head``, ``input.invalid``."""
    if known_at.tzinfo is None:
        raise invalid("known_at", "lacks its offset; write it as 2017-02-01T09:00:00Z")
    limit = micros(known_at)
    latest = max(context.now(), history.head(tx).recorded_at)
    if limit > latest:
        raise error(
            "position.beyond_head",
            f"known_at {known_at.isoformat()} lies after the store's clock, {iso(latest)}",
            known_at=known_at.isoformat(),
            clock=iso(latest),
        )
    return limit


def known_records(
    tx: Transaction, permit_id: str, known_at: datetime | None, context: Context
) -> tuple[list[StoredRecord], int | None]:
    """The events of a permit that are known at a moment; raises ``permit.not_found``, ``position.beyond_head``."""
    records = history.stream(tx, permit_id)
    limit = None if known_at is None else limit_of(tx, known_at, context)
    if limit is not None:
        records = [r for r in records if r.recorded_at <= limit]
    if not records or not records[0].name.startswith("permit."):
        raise not_found(permit_id)
    return records, limit


def situation(
    context: Context, tx: Transaction, permit_id: str, as_of: date | None, known_at: datetime | None
) -> tuple[Situation, list[StoredRecord]]:
    """The file on a date as known at a moment."""
    if as_of is not None and type(as_of) is not date:
        raise invalid("as_of", f"is a {type(as_of).__name__}, not a date")
    records, limit = known_records(tx, permit_id, known_at, context)
    permit = fold(permit_id, codec.numbered(records))
    assert permit is not None
    policy = context.policies.at(tx, permit.jurisdiction, limit)
    today = context.today(policy)
    known = today if known_at is None else local_day(policy, known_at)
    facts = _facts(tx, permit, limit)
    return Situation(permit, as_of or today, policy.at(known), facts), records


def _facts(tx: Transaction, permit: Permit, limit: int | None) -> tuple[Fact, ...] | None:
    """What is known about the holder, also through their other files, by that moment."""
    return facts_known(lambda holder_id: history.stream(tx, holder_id), permit.holder_id, limit) or None


def local_day(policy: Policy, at: datetime) -> date:
    from zoneinfo import ZoneInfo

    return at.astimezone(ZoneInfo(policy.calendar.time_zone)).date()


def permit(
    context: Context,
    tx: Transaction,
    permit_id: str,
    *,
    as_of: date | None,
    known_at: datetime | None,
    opened: bool = True,
) -> PermitView:
    """The view, with the numbers that only the holder's key opens."""
    s, records = situation(context, tx, permit_id, as_of, known_at)
    cipher = context.keyring.load(tx, s.permit.holder_id) if opened else None
    numbers = numbers_on(records, s.permit, s.day, cipher)
    plain = view(s)
    return PermitView(
        **{name: getattr(plain, name) for name in View.__struct_fields__},
        known_at=known_at.isoformat().replace("+00:00", "Z") if known_at else None,
        deadlines=explanations.explained(s),
        **numbers,
    )


def numbers_on(
    records: Sequence[StoredRecord], permit: Permit, day: date, cipher: Cipher | None
) -> dict[str, Any]:
    """The latest numbers of file and card on a day; none without the holder's key."""
    found: dict[str, Any] = {"file_number": None, "card_number": None}
    if cipher is None:
        return found
    for name, value, since in _all_numbers(records, permit.holder_id, cipher):
        if since <= day:
            found[name] = value
    return found


def _all_numbers(
    records: Sequence[StoredRecord], holder_id: str, cipher: Cipher
) -> Iterator[tuple[str, str, date]]:
    """Every number that the file has borne, as corrected, with its kind and legal date."""
    opened = [
        (record.version, _opened(event, record, holder_id, cipher))
        for record in records
        if (event := codec.decode(record.name, record.payload)).ENCRYPTED & {*NUMBERS, "sealed_value"}
    ]
    # A correction acts from the fact that it corrects, whenever it was made.
    right = {
        (event.of_version, event.field): event.sealed_value
        for _, event in opened
        if isinstance(event, Corrected) and event.field in NUMBERS
    }
    for version, event in opened:
        for name in NUMBERS:
            value = right.get((version, name), getattr(event, name, None))
            if value is not None:
                yield name, value, event.effective_on


def numbers_of(
    context: Context, tx: Transaction, permit_id: str, kind: str, *, as_first_written: bool = False
) -> list[str]:
    """Every file or card number that a file has borne, as corrected; none once its holder was erased.

    ``as_first_written`` asks for those that were corrected later too, as they stood.
    """
    records, _ = known_records(tx, permit_id, None, context)
    permit = fold(permit_id, codec.numbered(records))
    assert permit is not None
    cipher = context.keyring.load(tx, permit.holder_id)
    if cipher is None:
        return []
    found = [value for name, value, _ in _all_numbers(records, permit.holder_id, cipher) if name == kind]
    if as_first_written:
        events = [_opened(codec.decode(r.name, r.payload), r, permit.holder_id, cipher) for r in records]
        found += [value for event in events if (value := getattr(event, kind, None)) is not None]
    return found


def _opened(event: Event, record: StoredRecord, holder_id: str, cipher: Cipher | None) -> Event:
    return codec.decrypt(
        event,
        stream=record.stream,
        version=record.version,
        holder_id=holder_id,
        cipher=cipher,
        name=record.name,
    )


def deadlines_of(
    context: Context,
    tx: Transaction,
    permit_id: str,
    on: date | None,
    known_at: datetime | None = None,
    say: Callable[[str], str] = str,
) -> list[dict[str, Any]]:
    """The deadlines that run on a day, with their working; ``say`` puts it into another language than English."""
    s, _ = situation(context, tx, permit_id, on, known_at)
    return explanations.explained(s, say)


def rights_of(
    context: Context, tx: Transaction, permit_id: str, on: date | None, known_at: datetime | None = None
) -> list[dict[str, Any]]:
    """What the permit opens on a day, right by right."""
    s, _ = situation(context, tx, permit_id, on, known_at)
    return rights.explained(s)


def history_of(
    context: Context,
    tx: Transaction,
    permit_id: str,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
    opened: bool = False,
) -> list[dict[str, Any]]:
    """Every event with its envelope; numbers and free text where they are to be ``opened`` and can be.

    Only events recorded by ``known_at``, and with a legal date until ``as_of``, where these are given.
    """
    if as_of is not None and type(as_of) is not date:
        raise invalid("as_of", f"is a {type(as_of).__name__}, not a date")
    records, _ = known_records(tx, permit_id, known_at, context)
    first = codec.decode(records[0].name, records[0].payload)
    assert isinstance(first, ApplicationLodged)
    cipher = context.keyring.load(tx, first.holder_id) if opened else None
    told = [shown(record, first.holder_id, cipher) for record in records]
    return [each for each in told if as_of is None or each["effective_on"] <= as_of.isoformat()]


def shown(record: StoredRecord, holder_id: str = "", cipher: Cipher | None = None) -> dict[str, Any]:
    """One stored event as plain values; without the holder's key what is encrypted stays out of sight."""
    event = _opened(codec.decode(record.name, record.payload), record, holder_id, cipher)
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


def expanded(policy: Policy, rule: str) -> dict[str, Any]:
    """A rule of a decision's basis as it stood in the adopted text."""
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
    """A rule's value as plain JSON."""
    if isinstance(value, Silence):
        return value.value
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if hasattr(value, "in_words"):
        length = getattr(value, "length", value)
        counting = getattr(value, "counting", None)
        return f"{length} {counting}" if counting == "franc" else str(length)
    return value.isoformat() if isinstance(value, date) else value
