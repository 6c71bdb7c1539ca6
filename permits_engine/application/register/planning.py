"""What a good record becomes: events with the register's own dates, and what the clock did since.

The facts of a register are taken as they are: they bear the rule id ``register`` and are decided by nobody
here. Time has passed over them: the acts of the clock that fell due before the import are recorded with it,
under the same mark, and what would have been written to somebody about deadlines long gone is marked as
suppressed. What lies ahead is left to the next pass of the scheduler, as for any other file.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from permits_engine.application.register.rows import Checks, Record
from permits_engine.domain.decisions import timeline
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.events import (
    REGISTER,
    SCHEDULER,
    Actor,
    ApplicationLodged,
    Basis,
    Event,
    HolderRegistered,
    Issued,
    NoticeDue,
    NoticeSuppressed,
    ReceiptIssued,
    Refused,
)
from permits_engine.domain.periods import ONE_DAY, Period, add, ages, term_end
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.fold import fold
from permits_engine.projections import notice_rows
from permits_engine.projections.permit_rows import evaluated
from permits_engine.store.events.ids import derived, uuid7

REGISTRAR = Actor("register", "administrator")
"""For whom an imported fact is recorded: the old register itself."""
BEFORE = "before_import"
"""Why a message about a deadline that had passed before the import is not sent."""

MOST_COURSES = 512
"""Different sets of dates that are remembered at a time, of open, granted and refused files each."""

_AT_ONCE = frozenset({"title_lapsed", "receipt_extended", "decision_notified"})


class Plan(msgspec.Struct):
    """Everything that one record adds to the store; encrypted fields are still open."""

    holder_id: str
    permit_id: str
    person: Event
    events: list[Event]
    row: dict[str, Any]
    notices: list[tuple[dict[str, Any], Event, Event]]

    def __repr__(self) -> str:
        return f"<Plan of {self.permit_id}>"


class _Course(msgspec.Struct):
    """What became of every file with the same dates: the clock's acts, the row, and the messages due today."""

    effects: list[Draft]
    row: dict[str, Any]
    due: list[notice.Notice]


class Planner:
    """Makes plans under the policy of one jurisdiction, on one day.

    ``now`` is the moment of the batch, in microseconds since the epoch. An office decides many files on one day:
    what time has made of a file is worked out once for all that share their dates.
    """

    def __init__(
        self, checks: Checks, *, random: Callable[[int], bytes], operator: str, correlation_id: str
    ) -> None:
        self.checks = checks
        self.policy = checks.policy
        self.today = checks.today
        self.rules = checks.rules
        self.now = 0
        self.random = random
        self.operator = operator
        self.correlation_id = correlation_id
        self._outside = Basis(self.policy.digest, (REGISTER,))
        self._courses: dict[str | None, dict[Any, _Course]] = {}

    def plan(self, record: Record) -> Plan:
        """The events and rows of a record."""
        holder_id, permit_id = self.new_id(), self.new_id()
        person = self._stamp(
            HolderRegistered,
            record.lodged_on,
            REGISTRAR,
            self._outside,
            family_name=record.family_name,
            given_names=record.given_names,
            birth_date=record.birth_date.isoformat(),
            sex=record.sex,
            nationality=record.nationality,
            language=record.language,
            email=record.email,
            phone=record.phone,
        )
        events = [
            self._stamp(d.kind, d.effective_on, REGISTRAR, self._outside, **d.fields)
            for d in self._facts(record, holder_id)
        ]
        course = self._course(record, permit_id, events)
        events += [
            self._stamp(
                act.kind,
                act.effective_on,
                SCHEDULER,
                Basis(self.policy.digest, (REGISTER, *act.rules)),
                **act.fields,
            )
            for act in course.effects
        ]
        own = {
            "permit_id": permit_id,
            "holder_id": holder_id,
            "prefecture": record.prefecture,
            "criterion": record.criterion,
            "nationality": record.nationality,
            "sex": record.sex,
            "age": ages(record.birth_date, record.lodged_on),
        }
        past = [each for each in course.due if is_past(each, self.today)]
        notices = [self._suppressed(each, record, own) for each in past]
        return Plan(holder_id, permit_id, person, events, course.row | own, notices)

    def new_id(self) -> str:
        """A time-ordered identity of this batch."""
        return uuid7(self.now, self.random)

    def _course(self, r: Record, permit_id: str, facts: list[Event]) -> _Course:
        """What has become of a file: of nothing but its category and its dates, whoever and wherever it is."""
        known = self._courses.setdefault(r.decision, {})
        key = (r.category, r.lodged_on, r.decided_on, r.valid_from, r.valid_until)
        found = known.get(key)
        if found is not None:
            return found
        permit = fold(permit_id, enumerate(facts, 1))
        assert permit is not None
        s, effects = timeline.settle(permit, self.policy, self.today)
        row, due = evaluated(s)
        if not all(is_past(each, self.today) for each in due):
            # The next pass has something to say; one for a day before today has not.
            row["next_due"] = self.today.isoformat()
        if len(known) >= MOST_COURSES:
            del known[next(iter(known))]
        found = known[key] = _Course(effects, row, due)
        return found

    # --- the register's own facts -------------------------------------------------------------------------

    def _facts(self, r: Record, holder_id: str) -> list[Draft]:
        scope = {"category": r.category, "stage": "application"}
        kind = self.checks.title_kind(r.category, r.lodged_on)
        lodged = Draft(
            ApplicationLodged,
            r.lodged_on,
            {
                "holder_id": holder_id,
                "jurisdiction": r.jurisdiction,
                "category": r.category,
                "prefecture": r.prefecture,
                "title_kind": kind,
                "criterion": r.criterion,
                "nationality": r.nationality,
                "sex": r.sex,
                "age": ages(r.birth_date, r.lodged_on),
                "file_number": r.file_number,
            },
        )
        if r.decision is None:
            return [lodged, *self._receipt(r, {**scope, "title_kind": kind})]
        assert r.decided_on is not None
        if r.decision == "refused":
            return [lodged, Draft(Refused, r.decided_on, {"request": 1})]
        assert r.valid_from is not None
        assert r.valid_until is not None
        term = {
            "term_number": 1,
            "valid_from": r.valid_from,
            "valid_until": r.valid_until,
            "term": str(length(r.valid_from, r.valid_until)),
            "title_kind": kind,
        }
        return [lodged, Draft(Issued, r.decided_on, term)]

    def _receipt(self, r: Record, scope: dict[str, str]) -> list[Draft]:
        """The receipt that the law gives on filing, where the file is still open.

        A register says nothing of receipts; of a decided file none is needed any more. An open one keeps its
        holder's standing on paper only if its receipt is known and goes on being extended.
        """
        given = self.rules.get("receipt.given", r.lodged_on, scope)
        term = self.rules.get("receipt.term", r.lodged_on, scope)
        if given is None or term is None:
            return []
        return [Draft(ReceiptIssued, r.lodged_on, {"until": add(r.lodged_on, term)})]

    # --- messages about what lay behind already -------------------------------------------------------------

    def _suppressed(
        self, due: notice.Notice, record: Record, own: dict[str, Any]
    ) -> tuple[dict[str, Any], Event, Event]:
        """A message that will never be sent: its row, and the two events of its stream."""
        permit_id = own["permit_id"]
        fell_due = self._stamp(
            NoticeDue,
            self.today,
            SCHEDULER,
            None,
            permit_id=permit_id,
            holder_id=own["holder_id"],
            office=record.prefecture,
            language=record.language or "",
            **msgspec.structs.asdict(due),
        )
        assert isinstance(fell_due, NoticeDue)
        dropped = self._stamp(NoticeSuppressed, self.today, SCHEDULER, None, reason=BEFORE)
        row = notice_rows.first_row(derived(f"notice/{due.key(permit_id)}"), fell_due, self.now)
        return notice_rows.after(row, dropped, 2, self.now), fell_due, dropped

    def _stamp(
        self,
        kind: type[Event],
        effective_on: date,
        actor: Actor,
        basis: Basis | None,
        /,
        **fields: Any,
    ) -> Event:
        return kind(
            event_id=self.new_id(),
            effective_on=effective_on,
            actor=actor,
            operator=self.operator,
            correlation_id=self.correlation_id,
            basis=basis,
            **fields,
        )


def is_past(due: notice.Notice, today: date) -> bool:
    """Whether a message due on the day of the import is about something that lay behind already.

    What the import itself records of the clock is told to nobody, and no office is told of a deadline that it
    missed before. A reminder to renew is due only while the holder may still do so, and is sent.
    """
    if due.kind in _AT_ONCE:
        return True
    return due.to == notice.PREFECTURE and due.due_on is not None and due.due_on < today


def length(valid_from: date, valid_until: date) -> Period:
    """The length of a term: whole years or months where it is, else days (both ends inclusive)."""
    whole = (valid_until.year - valid_from.year) * 12 + valid_until.month - valid_from.month
    for months in (whole, whole + 1):
        period = Period(months // 12, months % 12)
        if months > 0 and term_end(valid_from, period) == valid_until:
            return period
    return Period(days=(valid_until - valid_from + ONE_DAY).days)
