"""One pass: what is due as a function of history, policy and now; acts of the clock first, then messages.

Nothing depends on a timer having fired, and a pass stopped anywhere is taken up by the next one. No message
goes out inside a transaction; each is claimed by an event first, and its outcome is an event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import bindparam, func, insert, select

from permits_engine.application.context import Context, events_of
from permits_engine.application.handlers import families
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RunClock
from permits_engine.domain.decisions import timeline
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import SCHEDULER, Event, NoticeDue
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.competence import competence_error
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import notice_rows, writing
from permits_engine.projections.permit_rows import evaluated, row_of
from permits_engine.projections.writing import park
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices.outbox import Outbox, Result, Waiting
from permits_engine.store.database.schema import permits, scheduler_passes
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events import codec, history
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.events.ids import derived
from permits_engine.store.events.timestamps import moment

BATCH = 200
PAGE = 20_000
"""Files found due by one question: asking for each batch would sort what is left again and again."""
_NOBODYS_FAULT = frozenset({"store.unavailable", "store.not_initialised", "concurrency.conflict"})
"""Errors that say nothing about the file: it is not parked for them."""

_DUE = Statement(
    select(permits.c.permit_id)
    .where(permits.c.next_due <= bindparam("today"), permits.c.parked.is_(None))
    .order_by(func.coalesce(permits.c.valid_until, "9999-12-31"), permits.c.permit_id)
    .limit(bindparam("size"))
)
_PASS = Statement(
    insert(scheduler_passes).values(
        {name: bindparam(name) for name in ("on_day", "started_at", "finished_at", "summary")}
    )
)


def due_ids(tx: Transaction, on: date, size: int) -> list[str]:
    """The files on which something is due, nearest expiry first."""
    return [row[0] for row in tx.all(_DUE, {"today": on.isoformat(), "size": size})]


class Pass(msgspec.Struct):
    """What one pass did: files looked at, acts recorded by name, messages by outcome."""

    on: date
    files: int = 0
    acts: dict[str, int] = msgspec.field(default_factory=dict)
    notices: dict[str, int] = msgspec.field(default_factory=dict)
    parked: int = 0
    held: int = 0
    away: dict[str, str] = msgspec.field(default_factory=dict)
    """Channels that were out of order, each with what it said; their letters wait."""
    digests: int = 0
    """Offices that were sent their list of the morning."""
    undigested: dict[str, str] = msgspec.field(default_factory=dict)
    """Offices whose list could not be handed over, each with the reason; the next pass tries again."""
    stopped: bool = False
    """Whether the pass ended early because it was told to."""
    unproven: bool = False
    """Whether the day does not follow from what is known: nothing was due on it."""

    def add(self, more: Pass) -> None:
        """Count what a transaction that was committed did."""
        self.files += more.files
        self.parked += more.parked
        for mine, its in ((self.acts, more.acts), (self.notices, more.notices)):
            for name, count in its.items():
                mine[name] = mine.get(name, 0) + count


class _Found(NamedTuple):
    """A message that is due, on the file as it was evaluated."""

    notice_id: str
    due: notice.Notice
    situation: Situation
    policy: Policy
    records: Sequence[StoredRecord]


class Reconciler:
    """Brings the store up to the legal day: ``run`` is one pass."""

    def __init__(self, database: Database, context: Context, outbox: Outbox, limits: Limits) -> None:
        self.database = database
        self.context = context
        self.outbox = outbox
        self.limits = limits
        self._queue: deque[str] = deque()
        self._page: frozenset[str] = frozenset()

    def run(
        self,
        on: date,
        now: datetime,
        progress: Callable[[Pass], None] | None = None,
        *,
        record: bool = True,
        unproven: bool = False,
    ) -> Pass:
        """Do everything that is due on a day, nearest expiry first, in batches that always make progress.

        A transaction records what became of the last letters and claims the next ones; between two of them
        the letters go out.
        """
        started = self.context.now()
        report = Pass(on, unproven=unproven)
        results: list[Result] = []
        self._queue, self._page = deque(), frozenset()
        self.outbox.begin()
        while True:
            waiting, size, noted = self._step(results, on, now, report, started if record else None)
            if size and progress is not None:
                progress(report)
            if noted:
                return report
            if report.stopped or (not size and not self._queue):
                break
            results = self.outbox.deliver(waiting, on, now, report.notices)
        report.held = self.outbox.flush(on, now, report.notices)
        report.away, report.stopped = dict(self.outbox.away), not self.outbox.go_on()
        if record:
            with self.limits.write() as tx:
                self._note(tx, report, started)
        return report

    def _step(
        self, results: Sequence[Result], on: date, now: datetime, report: Pass, started: int | None
    ) -> tuple[list[Waiting], int, bool]:
        """One transaction; where nothing is left to do, not even a letter of before, it notes the pass too."""
        done = Pass(on)
        noted = False
        ids: list[str] = []
        try:
            with self.limits.write() as tx:
                uow = self.context.begin(tx)
                self.outbox.record(uow, results, done.notices)
                report.stopped = not self.outbox.go_on()
                ids = [] if report.stopped else self._next(tx, on)
                waiting = self._settle_all(uow, ids, on, now, done)
                uow.write()
                last = not self._queue and len(ids) < BATCH and not waiting and not report.stopped
                if last and started is not None and not self.outbox.anything_open(tx):
                    self._note(tx, _sum(report, done), started)
                    noted = True
        except ConflictError:
            self.outbox.record_each(results, report.notices)
            return self._one_by_one(ids, on, now, report)
        report.add(done)
        return waiting, len(ids), noted

    def _next(self, tx: Transaction, on: date) -> list[str]:
        """The next files to settle: those found due, and when these are done, those that are due by then.

        A page of which nothing could be settled ends the pass.
        """
        if not self._queue:
            found = due_ids(tx, on, PAGE)
            if not self._page.issuperset(found):
                self._queue.extend(found)
                self._page = frozenset(found)
        return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _one_by_one(
        self, ids: Sequence[str], on: date, now: datetime, report: Pass
    ) -> tuple[list[Waiting], int, bool]:
        """After a conflict each file is tried by itself; what is still disputed waits for the next pass."""
        waiting: list[Waiting] = []
        size = 0
        for permit_id in ids:
            done = Pass(on)
            try:
                with self.limits.write() as tx:
                    uow = self.context.begin(tx)
                    claimed = self._settle_all(uow, [permit_id], on, now, done)
                    uow.write()
            except ConflictError:
                continue
            report.add(done)
            waiting += claimed
            size += 1
        return waiting, size, False

    def _settle_all(
        self, uow: UnitOfWork, ids: Sequence[str], on: date, now: datetime, report: Pass
    ) -> list[Waiting]:
        found: list[_Found] = []
        above: list[Permit] = []
        for permit_id, records in history.streams(uow.tx, ids).items():
            report.files += 1
            try:
                past = codec.numbered(records)
                permit = fold(permit_id, past)
                assert permit is not None
                due = self._settle(uow, permit, records, on, report)
                above += [permit] if permit.dependents else []
                if not _imported_after(on, past[0][1], records[0], uow.policy(permit.jurisdiction)):
                    found += due
            except PermitsError as problem:
                if problem.code in _NOBODYS_FAULT:
                    raise
                park(uow.tx, permit_id, problem.message, self.context.now())
                report.parked += 1
        waiting = self._claim(uow, found, on, now, report)
        for permit in above:  # when every file of the batch is as it will be: one may hang on another
            try:
                stamp = self.context.stamper(SCHEDULER, None, on)
                for name in families.propagate(uow, permit, uow.policy(permit.jurisdiction), on, stamp):
                    report.acts[name] = report.acts.get(name, 0) + 1
            except PermitsError as problem:
                if problem.code in _NOBODYS_FAULT:
                    raise
                park(uow.tx, permit.permit_id, problem.message, self.context.now())
                report.parked += 1
        return waiting

    def _settle(
        self, uow: UnitOfWork, permit: Permit, past: Sequence[StoredRecord], on: date, report: Pass
    ) -> list[_Found]:
        """Record what time alone has brought about, and the file's row; gives the messages due."""
        policy = uow.policy(permit.jurisdiction)
        today = self.context.today(policy)
        seen, records = permit.version, []
        s, effects = settled(permit, policy, on, today)
        if effects:
            stamp = self.context.stamper(SCHEDULER, RunClock(permit_id=permit.permit_id, on=on), on)
            new = events_of(effects, stamp, policy.digest)
            records = uow.place(permit.permit_id, seen, new, permit.holder_id)
            for event in new:
                report.acts[event.NAME] = report.acts.get(event.NAME, 0) + 1
        row, due = evaluated(s)
        if today > on:  # a row is evaluated by the rules that were known on its day
            row = row_of(permit, policy, on, settled=True)
        uow.change(permit, policy, on, seen, records, row)
        return [
            _Found(derived(f"notice/{each.key(permit.permit_id)}"), each, s, policy, past) for each in due
        ]

    def _claim(
        self, uow: UnitOfWork, found: Sequence[_Found], on: date, now: datetime, report: Pass
    ) -> list[Waiting]:
        """Messages that nobody has claimed yet become due by an event of their own; gives those to send."""
        known = writing.known_notices(uow.tx, [each.notice_id for each in found])
        fresh = [each for each in found if each.notice_id not in known]
        uow.expect_persons(each.situation.permit.holder_id for each in fresh)
        waiting = []
        for each in fresh:
            try:
                claimed = self._claimed(uow, each, on)
            except PermitsError as problem:
                if problem.code in _NOBODYS_FAULT:
                    raise
                uow.write()
                park(uow.tx, each.situation.permit.permit_id, problem.message, self.context.now())
                continue
            served = self.outbox.at_once(claimed, on, now)
            records = uow.place(claimed.notice_id, 0, [claimed.event], None)
            uow.append(records)
            row = self.outbox.extended(uow, claimed, served, report.notices)
            uow.write_row(writing.INSERT_NOTICE, row)
            if not served:
                waiting.append(claimed)
        return waiting

    def _claimed(self, uow: UnitOfWork, found: _Found, on: date) -> Waiting:
        notice_id, due, s, policy, past = found
        permit, person = s.permit, uow.person(s.permit.holder_id)
        event = self.context.stamper(SCHEDULER, None, on)(
            NoticeDue,
            permit_id=permit.permit_id,
            holder_id=permit.holder_id,
            kind=due.kind,
            to=due.to,
            anchor=due.anchor,
            office=s.prefecture,
            language=person.language or "",
            tier=due.tier,
            due_on=due.due_on,
            deadline=due.deadline,
            expedited=due.expedited,
        )
        assert isinstance(event, NoticeDue)
        row = notice_rows.first_row(notice_id, event, self.context.now())
        cipher = uow.key(permit.holder_id)
        return Waiting(notice_id, row, event, permit, person, policy, past, cipher, s)

    def _note(self, tx: Transaction, report: Pass, started: int) -> None:
        tx.run(
            _PASS,
            {
                "on_day": report.on.isoformat(),
                "started_at": started,
                "finished_at": self.context.now(),
                "summary": msgspec.json.encode(report).decode(),
            },
        )


def settled(permit: Permit, policy: Policy, on: date, today: date) -> tuple[Situation, list[Draft]]:
    """Fold the time effects due on a day into the file; raise ``actor.not_competent`` if a pass may record none."""
    s, effects = timeline.settle(permit, policy, on, known=today)
    if effects:
        problem = competence_error(policy.at(s.rules.known), on, "run_clock", SCHEDULER, s.prefecture)
        if problem is not None:
            raise problem
    return s, effects


def _sum(first: Pass, second: Pass) -> Pass:
    whole = Pass(first.on, unproven=first.unproven)
    whole.add(first)
    whole.add(second)
    return whole


def _imported_after(on: date, first: Event, record: StoredRecord, policy: Policy) -> bool:
    """Whether a file came in with an old register after that day, on which nobody was to be told anything."""
    if first.basis is None or not first.basis.imported:
        return False
    zone = ZoneInfo(policy.calendar.time_zone)
    return on < moment(record.recorded_at).astimezone(zone).date()


def is_quiet(policy: Policy, now: datetime) -> bool:
    """Whether messages wait at this moment: night and public holidays in the policy's own time zone."""
    local = now.astimezone(ZoneInfo(policy.calendar.time_zone))
    rules = policy.at(local.date())
    quiet = rules.get("notices.quiet", local.date(), {})
    if quiet is None:
        return False
    if quiet["holidays"] and policy.calendar.holiday(local.date(), local.date()) is not None:
        return True
    start, end = time.fromisoformat(quiet["from"]), time.fromisoformat(quiet["to"])
    at = local.time()
    return start <= at < end if start <= end else at >= start or at < end
