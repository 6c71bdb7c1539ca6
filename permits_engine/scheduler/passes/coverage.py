"""Whether every notice that was due in a period left, or why not: computed from history alone.

For each permit and each day of the period, the notices are found that were due by what was known on that day, by the
rules known on it. Each must have left by its own day or soon after; otherwise the history says why not: outdated before
it could leave, replaced by a later one, refused, parked for a human, held back by a pause. A notice that nothing
explains is a fault of the scheduler, or fell on a day without a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from permits_engine.application.context import Context
from permits_engine.domain import legal_time
from permits_engine.domain.decisions import timeline
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import (
    ApplicationLodged,
    Event,
    NoticeFailed,
    NoticeParked,
    NoticeSent,
    NoticeSuppressed,
)
from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.scheduler.limits import APART
from permits_engine.scheduler.notices import pauses
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, event_store, numbered
from permits_engine.store.events.ids import derived
from permits_engine.store.events.timestamps import micros, moment

BATCH = 200
_IDS = Statement("SELECT permit_id FROM permits WHERE permit_id > :after ORDER BY permit_id LIMIT :size")
# A pass that started after a later one had a clock that was ahead: it did not run on the day that it recorded.
_PASSES = Statement(
    """SELECT on_day, max(started_at) FROM (
        SELECT on_day, started_at, min(started_at)
            OVER (ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later
        FROM scheduler_passes) AS runs
    WHERE on_day >= :first AND on_day <= :last AND (later IS NULL OR later + :apart > started_at)
    GROUP BY on_day"""
)


class DueNotice(NamedTuple):
    """A notice that was due in the period, first on ``since`` and until ``until`` (inclusive).

    ``spans`` are the days on which it was due (first, last), each with the moment since which its cause was recorded,
    in microseconds since the epoch.
    """

    permit_id: str
    notice_id: str
    what: notices.Notice
    office: str
    since: date
    until: date
    spans: tuple[tuple[date, date, int], ...]


class CoverageReport(msgspec.Struct):
    """The account of a period: how many notices were due, sent (``told``), explained and not explained.

    ``rows`` are those that did not leave, each with the reason; ``late`` counts those that left more days after their
    own than holidays and nights explain.
    """

    first: date
    last: date
    permits: int = 0
    due: int = 0
    told: int = 0
    late: int = 0
    reasons: dict[str, int] = msgspec.field(default_factory=dict)
    unexplained: int = 0
    unreadable: int = 0
    rows: list[dict[str, Any]] = msgspec.field(default_factory=list)


LATE = timedelta(days=5)
"""The longest run of holidays and nights after which a letter is still in time."""
UNEXPLAINED = frozenset({"never_claimed"})
"""Reasons that explain nothing."""


Adoptions = list[tuple[int, Policy]]


def coverage(context: Context, first: date, last: date) -> CoverageReport:
    """Return the account of a period (both days inclusive); raise ``input.invalid``."""
    if last < first:
        raise invalid("to", f"{last} lies before {first}")
    account = _Account(context, first, last)
    for rows in context.database.pages(_IDS, size=BATCH):
        with context.database.read() as tx:
            account.add(tx, [row[0] for row in rows])
    return account.report


class _Account:
    """The account of a period while permits are added to it."""

    def __init__(self, context: Context, first: date, last: date) -> None:
        self.context = context
        self.report = CoverageReport(first, last)
        self._adopted: dict[str, Adoptions] = {}
        days = {"first": first.isoformat(), "last": (last + LATE).isoformat()}
        with context.database.read() as tx:
            passes = tx.all(_PASSES, {**days, "apart": APART})
            self._ran = {date.fromisoformat(day): int(started) for day, started in passes}
            self._pauses = pauses.pauses(tx)

    def add(self, tx: Transaction, ids: Sequence[str]) -> None:
        """Account for the notices of some permits."""
        found: list[DueNotice] = []
        for permit_id, records in event_store(tx).several(ids).items():
            self.report.permits += 1
            try:
                found += self._due(tx, permit_id, list(records))
            except PermitsError:
                self.report.unreadable += 1
        streams = event_store(tx).several([each.notice_id for each in found])
        for each in found:
            self._account(each, streams.get(each.notice_id, ()))

    def _adoptions(self, tx: Transaction, jurisdiction: str) -> Adoptions:
        """Return the policies of a jurisdiction, each with the moment of its adoption."""
        found = self._adopted.get(jurisdiction)
        if found is None:
            adopted = self.context.policies.every(tx, jurisdiction)
            found = self._adopted[jurisdiction] = [(record.recorded_at, policy) for record, policy in adopted]
        return found

    def _due(self, tx: Transaction, permit_id: str, records: Sequence[Placed]) -> Iterator[DueNotice]:
        """Yield the notices that became due in the period, by what was known on each day."""
        first, last = self.report.first, self.report.last
        earlier: set[str] = set()
        seen: dict[str, DueNotice] = {}
        adoptions = self._adoptions(tx, _jurisdiction(records))
        # What was due already on the day before belongs to an earlier period.
        for stretch in _stretches(permit_id, records, adoptions, [first - ONE_DAY, first], last):
            permit, policy = stretch.permit, stretch.policy
            for at in timeline.advance(permit, policy, stretch.start, stretch.end, effects=False):
                s = at.situation
                end = stretch.end if at.next_day is None else min(stretch.end, at.next_day - ONE_DAY)
                for each in at.notices:
                    notice_id = derived(f"notice/{each.key(permit_id)}")
                    if s.day < first:
                        earlier.add(notice_id)
                    elif notice_id not in earlier:
                        until = _until(permit, policy, each, s.day, end)
                        span = (s.day, until, stretch.known_at)
                        before = seen.get(notice_id)
                        since, spans = (before.since, before.spans) if before else (s.day, ())
                        seen[notice_id] = DueNotice(
                            permit_id, notice_id, each, s.prefecture, since, until, (*spans, span)
                        )
        yield from seen.values()

    def _account(self, each: DueNotice, records: Iterable[Placed]) -> None:
        report = self.report
        report.due += 1
        events = [record.event for record in records]
        sent = next((event for event in events if isinstance(event, NoticeSent)), None)
        if sent is not None:
            report.told += 1
            report.late += sent.effective_on > each.since + LATE
            return
        reason = self._reason(each, events)
        report.reasons[reason] = report.reasons.get(reason, 0) + 1
        report.unexplained += reason in UNEXPLAINED
        report.rows.append(
            {
                "permit_id": each.permit_id,
                "notice_id": each.notice_id,
                "kind": each.what.kind,
                "tier": each.what.tier,
                "to": each.what.to,
                "office": each.office,
                "due_since": each.since.isoformat(),
                "due_until": each.until.isoformat(),
                "reason": reason,
            }
        )

    def _reason(self, each: DueNotice, events: Sequence[Event]) -> str:
        """Return why a notice that was due has not left."""
        if events:
            last = events[-1]
            if isinstance(last, NoticeSuppressed | NoticeParked):
                return last.reason
            if isinstance(last, NoticeFailed):
                return "refused_for_now"
            return "paused" if self._was_paused(each) else "waiting"
        # A later tier of the same deadline, or the end of its cause, came before any pass.
        return "never_claimed" if any(_ran(span, self._ran) for span in each.spans) else "no_pass_ran"

    def _was_paused(self, each: DueNotice) -> bool:
        return any(
            pause["office"] in (None, each.office)
            and pause["since"][:10] <= each.until.isoformat()
            and (pause["until"] is None or pause["until"][:10] >= each.since.isoformat())
            for pause in self._pauses
        )


class _Stretch(NamedTuple):
    """Days, both inclusive, in which nothing was recorded on the file and no policy adopted.

    ``known_at`` is the moment since which all of it was known, in microseconds since the epoch.
    """

    start: date
    end: date
    permit: Permit
    policy: Policy
    known_at: int


def _stretches(
    permit_id: str, records: Sequence[Placed], adoptions: Adoptions, starts: list[date], last: date
) -> Iterator[_Stretch]:
    """Split a period at each day of ``starts`` and each on which something was recorded or adopted."""
    zone = legal_time.zone(adoptions[-1][1].calendar.time_zone)
    moments = [*(record.recorded_at for record in records), *(at for at, _ in adoptions)]
    days = {moment(each).astimezone(zone).date() for each in moments}
    for start, following in pairwise(
        [*sorted({*starts, *(day for day in days if starts[0] < day <= last)}), last + ONE_DAY]
    ):
        midnight = micros(datetime.combine(start + ONE_DAY, time(), zone))
        known = [record for record in records if record.recorded_at < midnight]
        permit = fold(permit_id, numbered(known))
        if permit is not None:
            adopted_at, policy = next((x for x in reversed(adoptions) if x[0] < midnight), adoptions[0])
            known_at = max(known[-1].recorded_at, adopted_at)
            yield _Stretch(start, following - ONE_DAY, permit, policy, known_at)


def _until(permit: Permit, policy: Policy, what: notices.Notice, since: date, until: date) -> date:
    """Return the last day until ``until`` on which a notice is due if nothing else happens to the permit."""
    key = what.key(permit.permit_id)
    outside = until
    while not _is_due(permit, policy, key, until):
        # It ended in between, as at its deadline: search for the one day after which it is not due.
        outside, until = until, since + (until - since) // 2
        if until == since:
            break
    while (outside - until).days > 1:
        middle = until + (outside - until) // 2
        if _is_due(permit, policy, key, middle):
            until = middle
        else:
            outside = middle
    return until


def _is_due(permit: Permit, policy: Policy, key: str, day: date) -> bool:
    found = notices.due(situation_on(permit, day, policy.at(day)))
    return any(each.key(permit.permit_id) == key for each in found)


def _jurisdiction(records: Sequence[Placed]) -> str:
    first = records[0].event
    assert isinstance(first, ApplicationLodged)
    return first.jurisdiction


def _ran(span: tuple[date, date, int], ran: dict[date, int]) -> bool:
    """Return whether a pass began while a notice was due and its cause was known."""
    since, until, known = span
    return any(ran.get(since + timedelta(days=n), 0) > known for n in range((until - since).days + 1))
