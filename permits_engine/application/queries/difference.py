"""The difference between two states of knowledge about one permit, field by field, with its causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any, NamedTuple, NotRequired, TypedDict

import msgspec

from permits_engine.application.queries import views
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.domain import legal_time
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Corrected, FactRecorded, PolicyAdopted
from permits_engine.domain.permit import explanations
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.view import view
from permits_engine.store.events import timestamps
from permits_engine.store.events.application import Placed, event_store, folded
from permits_engine.store.events.timestamps import micros, moment
from permits_engine.store.keys.keyring import Cipher

_ALWAYS = frozenset({"as_of", "version", "permit_id", "holder_id"})
"""Fields that are not compared: the version grows with every event."""


class Difference(TypedDict):
    """What differs between two moments of knowledge."""

    permit_id: str
    as_of: str
    known_at: list[str]
    versions: list[int]
    fields: list[ChangedField]


class ChangedField(TypedDict):
    """A field of the view that differs, with each of its changes in order."""

    field: str
    before: Any
    after: Any
    because: list[Cause]


class Cause(TypedDict):
    """What changed a field: an event, an adopted text, or a day on which a rule became known."""

    to: Any
    event: NotRequired[ChangingEvent]
    policy: NotRequired[str]
    published_on: NotRequired[str]
    rules: NotRequired[list[views.RuleRow]]
    instead_of: NotRequired[list[views.RuleRow]]


class ChangingEvent(TypedDict):
    """The event that changed a field; a correction says what it corrects."""

    name: str
    version: int
    position: int
    recorded_at: str
    effective_on: str
    actor: dict[str, str | None]
    of_version: NotRequired[int]
    corrects: NotRequired[str]


class _Step(NamedTuple):
    """Something that became known: an event of the permit, a fact about the person, an adopted text, a day."""

    at: int
    position: int
    record: Placed | None
    day: date | None = None


def diff(
    file: PermitFile,
    first: datetime,
    second: datetime | None,
    *,
    as_of: date | None,
    decrypt: bool = False,
) -> Difference:
    """Return the fields of the view on a legal date that differ between two moments of knowledge, with their causes.

    ``second`` none is now. Raises ``position.beyond_head``, ``permit.not_found``.
    """
    if as_of is not None and type(as_of) is not date:
        raise invalid("as_of", f"is a {type(as_of).__name__}, not a date")
    low, limit = file.limit(first), file.limit(second)
    assert low is not None
    records = file.recorded_by(limit)
    high = limit if limit is not None else max(file.context.now(), records[-1].recorded_at)
    if low > high:
        raise invalid("known_at", "the first moment lies after the second; give the earlier one first")
    compared = _Comparison(file, records, as_of, file.cipher() if decrypt else None)
    fields = compared.between(low, high)
    return {
        "permit_id": file.permit_id,
        "as_of": compared.as_of.isoformat(),
        "known_at": [timestamps.iso(low), timestamps.iso(high)],
        "versions": list(compared.versions),
        "fields": fields,
    }


class _State(NamedTuple):
    """The view of the permit in one state of knowledge, and the rules that it used, by their ids."""

    fields: dict[str, Any]
    rules: dict[str, views.RuleRow]


class _Comparison:
    """Replays what became known between two states of knowledge, one step after the other."""

    def __init__(
        self, file: PermitFile, records: list[Placed], as_of: date | None, cipher: Cipher | None
    ) -> None:
        context, tx, lodged = file.context, file.tx, file.lodged
        self.permit_id = file.permit_id
        self.records = records
        self.holder_id = lodged.holder_id
        self.cipher = cipher
        self.texts = context.policies.every(tx, lodged.jurisdiction)
        self.people = event_store(tx).stream(lodged.holder_id)
        current = context.policies.current(tx, lodged.jurisdiction)
        self.zone = legal_time.zone(current.calendar.time_zone)
        self.as_of = as_of or context.today(current)
        self.versions = (0, 0)

    def between(self, low: int, high: int) -> list[ChangedField]:
        """Return the fields that differ, each with its causes in order."""
        start = before = self._state(low, None)
        causes: dict[str, list[Cause]] = {}
        for step in self._steps(low, high):
            after = self._state(step.at, step.position if step.record else None)
            for name in sorted(before.fields.keys() | after.fields.keys()):
                value = after.fields.get(name)
                if before.fields.get(name) != value:
                    causes.setdefault(name, []).append(_cause(value, step, before, after))
            before = after
        old, new = start.fields, before.fields
        self.versions = (old.get("version") or 0, new.get("version") or 0)
        return [
            {"field": name, "before": old.get(name), "after": new.get(name), "because": causes[name]}
            for name in sorted(causes)
            if old.get(name) != new.get(name) and name not in _ALWAYS
        ]

    def _steps(self, low: int, high: int) -> list[_Step]:
        found = [
            _Step(r.recorded_at, r.position, r)
            for r in (*self.records, *(text for text, _ in self.texts), *filter(_is_fact, self.people))
            if low < r.recorded_at <= high
        ]
        found += [_Step(micros(self._midnight(day)), 0, None, day) for day in self._published(low, high)]
        return sorted(found, key=lambda step: step[:2])

    def _published(self, low: int, high: int) -> set[date]:
        """Return the days between on which a rule or a public holiday was published."""
        first, last = self._day(low), self._day(high)
        days: set[date] = set()
        for _, policy in self.texts:
            days |= {value.known for value in policy.by_id.values()} | policy.calendar.days_of_change()
        return {day for day in days if first < day <= last}

    # --- a state of knowledge -----------------------------------------------------------------------------

    def _state(self, at: int, position: int | None) -> _State:
        """Return the state as known at a moment, or up to a position within it."""

        def known(record: Placed) -> bool:
            if record.recorded_at != at or position is None:
                return record.recorded_at <= at
            return record.position <= position

        records = [r for r in self.records if known(r)]
        policies = [policy for record, policy in self.texts if known(record)]
        if not records or not policies:
            return _State({}, {})
        permit = folded(self.permit_id, records)
        facts = tuple(self._facts(known))
        policy = policies[-1]
        s = situation_on(permit, self.as_of, policy.at(self._day(at)), facts or None)
        fields: dict[str, Any] = msgspec.to_builtins(view(s))
        fields["deadlines"] = msgspec.to_builtins(explanations.explained(s))
        fields |= views.numbers_on(records, permit, self.as_of, self.cipher)
        return _State(fields, {rule: views.expanded(policy, rule) for rule in s.rules.used})

    def _facts(self, known: Callable[[Placed], bool]) -> Iterator[Fact]:
        for record in self.people:
            if _is_fact(record) and known(record):
                event = record.event
                assert isinstance(event, FactRecorded)
                yield Fact(event.kind, event.since, event.until, record.version, event.of)

    def _day(self, at: int) -> date:
        return moment(at).astimezone(self.zone).date()

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone)


def _cause(to: Any, step: _Step, before: _State, after: _State) -> Cause:
    """Return the event, or the rules that answer now and those that did before."""
    cause = Cause(to=to)
    if step.record is None:
        cause["published_on"] = str(step.day)
    else:
        event = step.record.event
        cause["event"] = ChangingEvent(
            name=event.NAME,
            version=step.record.version,
            position=step.record.position,
            recorded_at=timestamps.iso(step.record.recorded_at),
            effective_on=event.effective_on.isoformat(),
            actor=msgspec.to_builtins(event.actor),
        )
        if isinstance(event, Corrected):
            cause["event"] |= {"of_version": event.of_version, "corrects": event.field}
        if not isinstance(event, PolicyAdopted):
            return cause
        cause["policy"] = event.digest
    cause["rules"] = [each for rule, each in after.rules.items() if before.rules.get(rule) != each]
    cause["instead_of"] = [each for rule, each in before.rules.items() if after.rules.get(rule) != each]
    return cause


def _is_fact(record: Placed) -> bool:
    return record.name.startswith(f"{FactRecorded.NAME}@")
