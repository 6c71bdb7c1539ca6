"""One permit's events, read once for all questions of one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from permits_engine.application.context import Context
from permits_engine.application.loaded import OtherFiles
from permits_engine.application.outcome import not_found
from permits_engine.domain import legal_time
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import ApplicationLodged
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.holder import facts_known
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import history
from permits_engine.store.events.application import Placed, event_store, folded
from permits_engine.store.events.timestamps import iso, micros
from permits_engine.store.keys.keyring import Cipher


class _Knowledge(NamedTuple):
    """What was known by a moment: the folded events, the policy in use, and facts about the holder."""

    permit: Permit
    policy: Policy
    facts: tuple[Fact, ...] | None


class PermitFile:
    """A permit file in one transaction; each state of knowledge is folded once."""

    def __init__(self, context: Context, tx: Transaction, permit_id: str) -> None:
        """Raise ``permit.not_found``."""
        self.context = context
        self.tx = tx
        self.permit_id = permit_id
        self.records = event_store(tx).stream(permit_id)
        if not self.records or not self.records[0].name.startswith("permit."):
            raise not_found(permit_id)
        self._known: dict[int | None, _Knowledge] = {}

    @property
    def lodged(self) -> ApplicationLodged:
        """The first event."""
        event = self.records[0].event
        assert isinstance(event, ApplicationLodged)
        return event

    def cipher(self) -> Cipher | None:
        """Return the holder's key; none once the holder was erased."""
        return self.context.keyring.load(self.tx, self.lodged.holder_id)

    def limit(self, known_at: datetime | None) -> int | None:
        """Return a moment of knowledge in microseconds; raise ``position.beyond_head``, ``input.invalid``."""
        if known_at is None:
            return None
        if known_at.tzinfo is None:
            raise invalid("known_at", "lacks its offset; write it as 2017-02-01T09:00:00Z")
        limit = micros(known_at)
        latest = max(self.context.now(), history.head(self.tx).recorded_at)
        if limit > latest:
            message = f"known_at {known_at.isoformat()} lies after the store's clock, {iso(latest)}"
            raise error("position.beyond_head", message, known_at=known_at.isoformat(), clock=iso(latest))
        return limit

    def recorded_by(self, limit: int | None) -> list[Placed]:
        """Return the events recorded by a moment; raise ``permit.not_found`` where there was none."""
        if limit is None:
            return self.records
        found = [record for record in self.records if record.recorded_at <= limit]
        if not found:
            raise not_found(self.permit_id)
        return found

    def situation(self, as_of: date | None = None, known_at: datetime | None = None) -> Situation:
        """Return the file on a legal date (default: today) as known at a moment (default: now)."""
        if as_of is not None and type(as_of) is not date:
            raise invalid("as_of", f"is a {type(as_of).__name__}, not a date")
        known = self._by(self.limit(known_at))
        today = self.context.today(known.policy)
        day = today if known_at is None else local_day(known.policy, known_at)
        others = OtherFiles(lambda: self.others(known.permit, known_at))
        return situation_on(known.permit, as_of or today, known.policy.at(day), known.facts, others)

    def others(self, permit: Permit, known_at: datetime | None) -> list[Permit]:
        """Return the other files of the same person, under all records of them, as known at a moment."""
        uow = self.context.begin(self.tx)
        found: Sequence[Permit] = uow.other_files(permit, uow.records_of(permit.holder_id))
        if known_at is None or not found:
            return list(found)
        limit, streams = self.limit(known_at), event_store(self.tx)
        recorded = [(each.permit_id, streams.stream(each.permit_id)) for each in found]
        past = [(each, [r for r in records if r.recorded_at <= (limit or 0)]) for each, records in recorded]
        return [folded(permit_id, records) for permit_id, records in past if records]

    def _by(self, limit: int | None) -> _Knowledge:
        found = self._known.get(limit)
        if found is None:
            permit = folded(self.permit_id, self.recorded_by(limit))
            policy = self.context.policies.at(self.tx, permit.jurisdiction, limit)
            facts = facts_known(event_store(self.tx).get, permit.holder_id, limit)
            found = self._known[limit] = _Knowledge(permit, policy, facts or None)
        return found


def local_day(policy: Policy, at: datetime) -> date:
    """Return the calendar day of a moment in the policy's time zone."""
    return at.astimezone(legal_time.zone(policy.calendar.time_zone)).date()
