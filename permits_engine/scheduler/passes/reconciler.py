"""One pass: bring every permit up to the legal day, then claim and send the notices that are due.

What is due is a function of history, policy and the day, so no timer needs to have fired, and a pass that stops
anywhere is continued by the next one. No letter is sent inside a transaction: each notice is claimed by an event
first, and its outcome is an event.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple

import msgspec

from permits_engine.application.context import Context, events_of
from permits_engine.application.handlers import families
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RunClock
from permits_engine.domain import legal_time
from permits_engine.domain.decisions import timeline
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import SCHEDULER, NoticeDue
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.competence import competence_error
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import notice_rows, writing
from permits_engine.projections.permit_rows import evaluated, row_of
from permits_engine.projections.writing import park
from permits_engine.scheduler.notices import moved
from permits_engine.scheduler.notices.outbox import Outbox, Result, Tally
from permits_engine.scheduler.notices.pending import PendingNotice
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, folded
from permits_engine.store.events.ids import derived
from permits_engine.store.events.timestamps import moment

BATCH = 200
PAGE = 20_000
"""Permits found due by one query: a query for each batch would sort the rest again and again."""
_NOT_THE_PERMITS = frozenset({"store.unavailable", "store.not_initialised", "concurrency.conflict"})
"""Codes of errors that are not the permit's: it is not parked for them."""

_DUE = Statement(
    "SELECT permit_id FROM permits WHERE next_due <= :today AND parked IS NULL"
    " ORDER BY coalesce(valid_until, '9999-12-31'), permit_id LIMIT :size"
)
_PASS = Statement(
    "INSERT INTO scheduler_passes (on_day, started_at, finished_at, summary)"
    " VALUES (:on_day, :started_at, :finished_at, :summary)"
)


def due_ids(tx: Transaction, on: date, size: int) -> list[str]:
    """Return the permits on which something is due, nearest expiry first."""
    return [row[0] for row in tx.all(_DUE, {"today": on.isoformat(), "size": size})]


class Pass(msgspec.Struct):
    """The report of a pass: permits looked at, time effects by name, notices by outcome.

    ``parked`` counts permits that cannot be read, ``held`` notices that wait for quiet hours or a pause to end.
    ``unavailable`` are channels that were out of order and ``undigested`` offices whose digest was not sent, each with
    the error. ``stopped``: the pass was told to end early. ``unproven``: its day does not follow from the last known
    one, and nothing was due on it.
    """

    on: date
    files: int = 0
    acts: Tally = msgspec.field(default_factory=Counter)
    notices: Tally = msgspec.field(default_factory=Counter)
    parked: int = 0
    held: int = 0
    unavailable: dict[str, str] = msgspec.field(default_factory=dict, name="away")
    digests: int = 0
    undigested: dict[str, str] = msgspec.field(default_factory=dict)
    stopped: bool = False
    unproven: bool = False

    def add(self, more: Pass) -> None:
        """Add what a committed transaction did."""
        self.files += more.files
        self.parked += more.parked
        self.acts.update(more.acts)
        self.notices.update(more.notices)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, without those that are empty."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value or name == "files"}


class _Found(NamedTuple):
    """A notice that is due, with the permit as it was evaluated."""

    notice_id: str
    due: notice.Notice
    situation: Situation
    policy: Policy
    records: Sequence[Placed]


class _File(NamedTuple):
    """A permit as it was evaluated, with its history until the pass."""

    situation: Situation
    policy: Policy
    records: Sequence[Placed]

    def found(self, due: notice.Notice) -> _Found:
        """Return a notice that is due for the permit."""
        return _Found(derived(f"notice/{due.key(self.situation.permit.permit_id)}"), due, *self)


class Reconciler:
    """Brings the store up to a legal day; the outbox has begun its pass of that day."""

    def __init__(self, context: Context, outbox: Outbox) -> None:
        self.context = context
        self.outbox = outbox
        self.on = outbox.on
        self._queue: deque[str] = deque()
        self._page: frozenset[str] = frozenset()

    def run(self, *, unproven: bool = False) -> Pass:
        """Do everything that is due, nearest expiry first, in batches that always make progress.

        Each transaction records the outcomes of the last letters and claims the next notices; letters are sent
        between two of them.
        """
        started = self.context.now()
        report = Pass(self.on, unproven=unproven)
        results: list[Result] = []
        self._queue, self._page = deque(), frozenset()
        while True:
            pending, size, recorded = self._step(results, report, started)
            if recorded:
                return report
            if report.stopped or (not size and not self._queue):
                break
            results = self.outbox.deliver(pending, report.notices)
        report.held = self.outbox.flush(report.notices)
        report.unavailable, report.stopped = dict(self.outbox.unavailable), not self.outbox.may_continue()
        with self.outbox.limits.write() as tx:
            self._record(tx, report, started)
        return report

    def _step(
        self, results: Sequence[Result], report: Pass, started: int
    ) -> tuple[list[PendingNotice], int, bool]:
        """Run one transaction; where nothing is left to do after it, it records the pass too."""
        done = Pass(self.on)
        recorded = False
        ids: list[str] = []
        try:
            with self.outbox.limits.write() as tx:
                uow = self.context.begin(tx)
                self.outbox.record(uow, results, done.notices)
                report.stopped = not self.outbox.may_continue()
                ids = [] if report.stopped else self._next(tx)
                pending = self._settle_all(uow, ids, done)
                uow.write()
                last = not self._queue and len(ids) < BATCH and not pending and not report.stopped
                if last and not self.outbox.anything_open(tx):
                    whole = Pass(self.on, unproven=report.unproven)
                    whole.add(report)
                    whole.add(done)
                    self._record(tx, whole, started)
                    recorded = True
        except ConflictError:
            self.outbox.record_each(results, report.notices)
            return self._one_by_one(ids, report)
        report.add(done)
        return pending, len(ids), recorded

    def _next(self, tx: Transaction) -> list[str]:
        """Return the next permits to settle: those found due, then those that became due meanwhile.

        A page of which nothing could be settled ends the pass.
        """
        if not self._queue:
            found = due_ids(tx, self.on, PAGE)
            if not self._page.issuperset(found):
                self._queue.extend(found)
                self._page = frozenset(found)
        return [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]

    def _one_by_one(self, ids: Sequence[str], report: Pass) -> tuple[list[PendingNotice], int, bool]:
        """Settle each permit by itself after a conflict; one that conflicts again waits for the next pass."""
        pending: list[PendingNotice] = []
        size = 0
        for permit_id in ids:
            done = Pass(self.on)
            try:
                with self.outbox.limits.write() as tx:
                    uow = self.context.begin(tx)
                    claimed = self._settle_all(uow, [permit_id], done)
                    uow.write()
            except ConflictError:
                continue
            report.add(done)
            pending += claimed
            size += 1
        return pending, size, False

    def _settle_all(self, uow: UnitOfWork, ids: Sequence[str], report: Pass) -> list[PendingNotice]:
        found: list[_Found] = []
        files: dict[str, _File] = {}
        principals: list[Permit] = []
        for permit_id, records in uow.store.several(ids).items():
            report.files += 1
            with self._parked_on_error(uow, permit_id, report):
                past = list(records)
                permit = folded(permit_id, past)
                file, due = self._settle(uow, permit, past, report)
                principals += [permit] if permit.dependents else []
                if not _imported_after(self.on, past[0], file.policy):
                    found += [file.found(each) for each in due]
                    files[permit_id] = file
        late = moved.moved(uow.tx, [file.situation for file in files.values()])
        found += [files[s.permit.permit_id].found(each) for s, each in late]
        pending = self._claim(uow, found, report)
        for permit in principals:  # after all permits of the batch are settled: one may depend on another
            with self._parked_on_error(uow, permit.permit_id, report):
                stamp = self.context.stamper(SCHEDULER, None, self.on)
                policy = uow.policy(permit.jurisdiction)
                report.acts.update(families.propagate(uow, permit, policy, self.on, stamp))
        return pending

    @contextmanager
    def _parked_on_error(self, uow: UnitOfWork, permit_id: str, report: Pass) -> Iterator[None]:
        """Park a permit whose error is its own; the pass goes on with the others."""
        try:
            yield
        except PermitsError as problem:
            if problem.code in _NOT_THE_PERMITS:
                raise
            park(uow.tx, permit_id, problem.message, self.context.now())
            report.parked += 1

    def _settle(
        self, uow: UnitOfWork, permit: Permit, past: Sequence[Placed], report: Pass
    ) -> tuple[_File, list[notice.Notice]]:
        """Record the effects of time and the permit's row; return the file, and the notices that are due."""
        on, policy = self.on, uow.policy(permit.jurisdiction)
        today = self.context.today(policy)
        seen, records = permit.version, []
        others = uow.others_of(permit)
        s, effects = settled(permit, policy, on, today, others)
        if effects:
            stamp = self.context.stamper(SCHEDULER, RunClock(permit_id=permit.permit_id, on=on), on)
            new = events_of(effects, stamp, policy.digest)
            records = uow.place(permit.permit_id, seen, new, permit.holder_id)
            for event in new:
                report.acts[event.NAME] += 1
        row, due = evaluated(s)
        if today > on:  # a row is evaluated by the rules that were known on its day
            row = row_of(permit, policy, on, uow.others_for_row(permit), settled=True)
        uow.change(permit, policy, on, seen, records, row)
        return _File(s, policy, past), due

    def _claim(self, uow: UnitOfWork, found: Sequence[_Found], report: Pass) -> list[PendingNotice]:
        """Append ``notice.due`` for each notice that is not claimed yet; return those to send."""
        known = writing.known_notices(uow.tx, [each.notice_id for each in found])
        fresh = [each for each in found if each.notice_id not in known]
        uow.expect_persons(each.situation.permit.holder_id for each in fresh)
        pending = []
        for each in fresh:
            try:
                claimed = self._claimed(uow, each)
            except PermitsError as problem:
                if problem.code in _NOT_THE_PERMITS:
                    raise
                uow.write()
                park(uow.tx, each.situation.permit.permit_id, problem.message, self.context.now())
                continue
            served = self.outbox.served_at_once(claimed)
            uow.append(uow.place(claimed.notice_id, 0, [claimed.event], None))
            uow.write_row(writing.INSERT_NOTICE, self.outbox.append(uow, claimed, served, report.notices))
            if not served:
                pending.append(claimed)
        return pending

    def _claimed(self, uow: UnitOfWork, found: _Found) -> PendingNotice:
        notice_id, due, s, policy, past = found
        permit, person = s.permit, uow.person(s.permit.holder_id)
        event = self.context.stamper(SCHEDULER, None, self.on)(
            NoticeDue,
            permit_id=permit.permit_id,
            holder_id=permit.holder_id,
            office=s.prefecture,
            language=person.language or "",
            **msgspec.structs.asdict(due),
        )
        assert isinstance(event, NoticeDue)
        row = notice_rows.first_row(notice_id, event, self.context.now())
        cipher = uow.key(permit.holder_id)
        return PendingNotice(notice_id, row, event, permit, person, policy, past, cipher, s)

    def _record(self, tx: Transaction, report: Pass, started: int) -> None:
        tx.run(
            _PASS,
            {
                "on_day": report.on.isoformat(),
                "started_at": started,
                "finished_at": self.context.now(),
                "summary": msgspec.json.encode(report).decode(),
            },
        )


def settled(
    permit: Permit, policy: Policy, on: date, today: date, others: Iterable[Permit] = ()
) -> tuple[Situation, list[Draft]]:
    """Fold the time effects due on a day into the file; raise ``actor.not_competent`` if a pass may record none."""
    s, effects = timeline.settle(permit, policy, on, known=today, others=others)
    if effects:
        problem = competence_error(policy.at(s.rules.known), on, "run_clock", SCHEDULER, s.prefecture)
        if problem is not None:
            raise problem
    return s, effects


def _imported_after(on: date, first: Placed, policy: Policy) -> bool:
    """Return whether a permit was imported after that day, on which no notice was due for it here."""
    basis = first.event.basis
    if basis is None or not basis.imported:
        return False
    zone = legal_time.zone(policy.calendar.time_zone)
    return on < moment(first.recorded_at).astimezone(zone).date()
