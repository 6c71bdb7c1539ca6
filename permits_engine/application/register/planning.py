"""From a record of a register to its events: the register's own facts, and what time has done since.

The facts are taken as they are: they bear the rule id ``register``, and no rule here decided them. The time effects
that fell due before the import are recorded under the same mark; messages about deadlines long past are recorded as
suppressed. What lies ahead is left to the next pass of the scheduler.
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
    Refused,
)
from permits_engine.domain.partial_dates import PartialDate, age_on
from permits_engine.domain.periods import ONE_DAY, Period, term_end
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.fold import fold
from permits_engine.projections import notice_rows
from permits_engine.projections.permit_rows import evaluated
from permits_engine.store.events.ids import derived, uuid7

REGISTRAR = Actor("register", "administrator")
"""The actor of imported facts: the old register."""
BEFORE = "before_import"
"""Why a message about a deadline before the import is not sent."""
MOST_COURSES = 512
"""Different sets of dates that are remembered at a time, of open, granted and refused files each."""

_AT_ONCE = frozenset({"title_lapsed", "receipt_extended", "decision_notified"})
_OF_FILE = ("jurisdiction", "category", "prefecture", "criterion", "nationality", "sex", "file_number")
_OF_PERSON = (
    *("family_name", "given_names", "also_known_as", "birth_date"),
    *("sex", "nationality", "nationality_read", "language", "email", "phone"),
)
_OF_ROW = ("prefecture", "criterion", "nationality", "sex")


class ImportedFile(msgspec.Struct):
    """Everything that one record adds to the store; encrypted fields are still readable."""

    holder_id: str
    permit_id: str
    person: HolderRegistered
    events: list[Event]
    row: dict[str, Any]
    notices: list[tuple[dict[str, Any], Event, Event]]

    def __repr__(self) -> str:
        return f"<ImportedFile {self.permit_id}>"


class _Course(msgspec.Struct):
    """What time has done to every file with the same category and dates, with its row and the messages due."""

    effects: list[Draft]
    row: dict[str, Any]
    due: list[notices.Notice]


class Planner:
    """Makes the events of records under the policy of one jurisdiction, on one day.

    ``now`` is the moment of the batch, in microseconds since the epoch. Files that share their dates share one course,
    which is computed once.
    """

    def __init__(
        self, checks: Checks, *, random: Callable[[int], bytes], operator: str, correlation_id: str
    ) -> None:
        self.checks = checks
        self.policy = checks.policy
        self.today = checks.today
        self.now = 0
        self.random = random
        self.operator = operator
        self.correlation_id = correlation_id
        self._courses: dict[str | None, dict[Any, _Course]] = {}

    def plan(self, record: Record) -> ImportedFile:
        """Return the events and rows of a record."""
        holder_id, permit_id = self.new_id(), self.new_id()
        person = self._stamp(
            Draft(HolderRegistered, record.lodged_on, _fields(record, _OF_PERSON)), REGISTRAR
        )
        assert isinstance(person, HolderRegistered)
        events = [self._stamp(draft, REGISTRAR) for draft in self._facts(record, holder_id)]
        course = self._course(record, permit_id, events)
        events += [self._stamp(effect, SCHEDULER) for effect in course.effects]
        age, _ = age_on(PartialDate.of(record.birth_date), record.lodged_on)
        own = {"permit_id": permit_id, "holder_id": holder_id, "age": age, **_fields(record, _OF_ROW)}
        past = [each for each in course.due if is_past(each, self.today)]
        suppressed = [self._suppressed(each, record, permit_id, holder_id) for each in past]
        return ImportedFile(holder_id, permit_id, person, events, course.row | own, suppressed)

    def new_id(self) -> str:
        """Return a time-ordered identity of this batch."""
        return uuid7(self.now, self.random)

    def _course(self, r: Record, permit_id: str, facts: list[Event]) -> _Course:
        """Return the course of a file, which depends on its category and dates alone."""
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
            # The next pass has something to send; one for a day before today has not.
            row["next_due"] = self.today.isoformat()
        if len(known) >= MOST_COURSES:
            del known[next(iter(known))]
        found = known[key] = _Course(effects, row, due)
        return found

    def _facts(self, r: Record, holder_id: str) -> list[Draft]:
        """Return what the register says of a file, as drafts."""
        kind = self.checks.title_kind(r.category, r.lodged_on)
        age, at_most = age_on(PartialDate.of(r.birth_date), r.lodged_on)
        fields = {"holder_id": holder_id, "title_kind": kind, **_fields(r, _OF_FILE)}
        fields |= {"age": age, "age_at_most": at_most}
        lodged = Draft(ApplicationLodged, r.lodged_on, fields)
        if r.decision is None:
            return [lodged]  # registers list no receipts, and none is made up
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

    def _suppressed(
        self, due: notices.Notice, record: Record, permit_id: str, holder_id: str
    ) -> tuple[dict[str, Any], Event, Event]:
        """Return a message that will not be sent: its row, and the two events of its stream."""
        fields = {
            **msgspec.structs.asdict(due),
            "permit_id": permit_id,
            "holder_id": holder_id,
            "office": record.prefecture,
            "language": record.language or "",
        }
        fell_due = self._stamp(Draft(NoticeDue, self.today, fields), SCHEDULER, based=False)
        assert isinstance(fell_due, NoticeDue)
        dropped = self._stamp(Draft(NoticeSuppressed, self.today, {"reason": BEFORE}), SCHEDULER, based=False)
        row = notice_rows.first_row(derived(f"notice/{due.key(permit_id)}"), fell_due, self.now)
        return notice_rows.after(row, dropped, 2, self.now), fell_due, dropped

    def _stamp(self, draft: Draft, actor: Actor, *, based: bool = True) -> Event:
        """Return a draft as an event, with the rule id ``register`` before the draft's own rules as its basis."""
        return draft.kind(
            event_id=self.new_id(),
            effective_on=draft.effective_on,
            actor=actor,
            operator=self.operator,
            correlation_id=self.correlation_id,
            basis=Basis(self.policy.digest, (REGISTER, *draft.rules)) if based else None,
            **draft.fields,
        )


def _fields(record: Record, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def is_past(due: notices.Notice, today: date) -> bool:
    """Return whether a message due on the day of the import is about what lay behind already.

    Effects that the import itself records are not announced, nor deadlines that an office missed before. A reminder to
    renew is due only while the holder may still renew, and is sent.
    """
    if due.kind in _AT_ONCE:
        return True
    return due.to == notices.PREFECTURE and due.due_on is not None and due.due_on < today


def length(valid_from: date, valid_until: date) -> Period:
    """Return the length of a term in whole years or months where possible, else in days (both ends inclusive)."""
    whole = (valid_until.year - valid_from.year) * 12 + valid_until.month - valid_from.month
    for months in (whole, whole + 1):
        period = Period(months // 12, months % 12)
        if months > 0 and term_end(valid_from, period) == valid_until:
            return period
    return Period(days=(valid_until - valid_from + ONE_DAY).days)
