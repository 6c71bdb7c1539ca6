"""One pass: what is due as a function of history, policy and now; acts of the clock first, then messages.

Nothing depends on a timer having fired, and a pass stopped anywhere is taken up by the next one. No message
goes out inside a transaction; each is claimed by an event first, and its outcome is an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import bindparam, func, insert, select

from permits_engine import commands as c
from permits_engine.domain import events as e
from permits_engine.domain import lifecycle, notice
from permits_engine.domain.case import Holder
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.permit import Permit, apply, fold
from permits_engine.domain.policy import Policy
from permits_engine.domain.situation import Situation
from permits_engine.projections import notice_rows, writing
from permits_engine.projections.rebuilding import park
from permits_engine.scheduler.outbox import Outbox, Waiting
from permits_engine.store import codec, history
from permits_engine.store.database import Database, Statement, Unit
from permits_engine.store.ids import derived
from permits_engine.store.schema import notices, permits, scheduler_passes

BATCH = 100
SCHEDULER = e.Actor("scheduler", "scheduler")

_DUE = Statement(
    select(permits.c.permit_id)
    .where(permits.c.next_due <= bindparam("today"), permits.c.parked.is_(None))
    .order_by(func.coalesce(permits.c.valid_until, "9999-12-31"), permits.c.permit_id)
    .limit(bindparam("size"))
)
_ALL_DUE = Statement(
    select(permits.c.permit_id)
    .where(permits.c.next_due <= bindparam("today"), permits.c.parked.is_(None))
    .order_by(func.coalesce(permits.c.valid_until, "9999-12-31"), permits.c.permit_id)
)
_KNOWN = Statement(select(notices.c.notice_id).where(notices.c.notice_id == bindparam("notice_id")))
_PASS = Statement(
    insert(scheduler_passes).values(
        {name: bindparam(name) for name in ("on_day", "started_at", "finished_at", "summary")}
    )
)


class Pass(msgspec.Struct):
    """What one pass did: files looked at, acts recorded by name, messages by outcome."""

    on: date
    files: int = 0
    acts: dict[str, int] = msgspec.field(default_factory=dict)
    notices: dict[str, int] = msgspec.field(default_factory=dict)
    parked: int = 0
    held: int = 0


class Reconciler:
    """Brings the store up to the legal day: ``run`` is one pass."""

    def __init__(self, database: Database, executor: Any, outbox: Outbox) -> None:
        self.database = database
        self.executor = executor
        self.outbox = outbox

    def run(
        self, on: date, now: datetime, progress: Callable[[Pass], None] | None = None, *, record: bool = True
    ) -> Pass:
        """Do everything that is due on a day, nearest expiry first, in batches that always make progress."""
        started = self.executor.now()
        report = Pass(on)
        while True:
            waiting, size = self._batch(on, report)
            if not size:
                break
            self.outbox.deliver(waiting, on, now, report.notices)
            if progress is not None:
                progress(report)
        report.held = self.outbox.flush(on, now, report.notices)
        if record:
            self._note(report, started)
        return report

    def _batch(self, on: date, report: Pass) -> tuple[list[Waiting], int]:
        try:
            with self.database.write() as unit:
                ids = [row[0] for row in unit.all(_DUE, {"today": on.isoformat(), "size": BATCH})]
                waiting = self._settle_all(unit, ids, on, report) if ids else []
                return waiting, len(ids)
        except ConflictError:
            return self._one_by_one(on, report)

    def _one_by_one(self, on: date, report: Pass) -> tuple[list[Waiting], int]:
        """After a conflict each file is tried by itself; what is still disputed waits for the next pass."""
        with self.database.read() as unit:
            ids = [row[0] for row in unit.all(_DUE, {"today": on.isoformat(), "size": BATCH})]
        waiting: list[Waiting] = []
        done = 0
        for permit_id in ids:
            try:
                with self.database.write() as unit:
                    waiting += self._settle_all(unit, [permit_id], on, report)
                done += 1
            except ConflictError:
                continue
        return waiting, done

    def _settle_all(self, unit: Unit, ids: Sequence[str], on: date, report: Pass) -> list[Waiting]:
        waiting: list[Waiting] = []
        for permit_id, records in history.streams(unit, ids).items():
            report.files += 1
            try:
                past = [(r.version, codec.decode(r.name, r.payload)) for r in records]
                permit = fold(permit_id, past)
                assert permit is not None
            except PermitsError as problem:
                park(unit, permit_id, problem.message, self.executor.now())
                report.parked += 1
                continue
            waiting += self._settle(unit, permit, on, report)
        return waiting

    def _settle(self, unit: Unit, permit: Permit, on: date, report: Pass) -> list[Waiting]:
        policy = self.executor.adopted.current(unit, permit.jurisdiction)
        command = c.RunClock(permit_id=permit.permit_id, on=on)
        known = max(on, self.executor.today(policy))
        drafts = lifecycle.decide(
            "run_clock", command, permit, Holder(), policy, SCHEDULER, today=max(on, known), known=known
        )
        seen = permit.version
        if drafts:
            stamp = self.executor.stamper(SCHEDULER, command, on)
            new = [
                stamp(
                    d.kind,
                    d.effective_on,
                    basis=e.Basis(policy.digest, d.rules) if d.rules else None,
                    **d.fields,
                )
                for d in drafts
            ]
            for number, event in enumerate(new, seen + 1):
                apply(permit, number, event)
                report.acts[event.NAME] = report.acts.get(event.NAME, 0) + 1
        else:
            new = []
        self.executor.save(unit, permit, policy, on, new, seen, settled=True)
        return self._claim(unit, permit, policy, on, known)

    def _claim(self, unit: Unit, permit: Permit, policy: Policy, on: date, known: date) -> list[Waiting]:
        s = Situation(permit, on, policy.at(known))
        found: list[Waiting] = []
        person = None
        for due in notice.due(s):
            notice_id = derived(f"notice/{due.key(permit.permit_id)}")
            if unit.one(_KNOWN, {"notice_id": notice_id}) is not None:
                continue
            if person is None:
                person = self.executor.person(unit, permit.holder_id)
            stamp = self.executor.stamper(SCHEDULER, None, on)
            event = stamp(
                e.NoticeDue,
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
            row = notice_rows.first_row(notice_id, event, self.executor.now())
            if not writing.insert_notice(unit, row):
                continue
            self.executor.append(unit, notice_id, 0, [event], permit.holder_id, None)
            found.append(Waiting(notice_id, row, event, permit, person, policy))
        return found

    def preview(self, on: date) -> list[dict[str, Any]]:
        """What a pass would do on a day, doing nothing."""
        found: list[dict[str, Any]] = []
        with self.database.read() as unit:
            ids = [row[0] for row in unit.all(_ALL_DUE, {"today": on.isoformat()})]
            for start in range(0, len(ids), BATCH):
                for permit_id, records in history.streams(unit, ids[start : start + BATCH]).items():
                    found += self._preview(unit, permit_id, records, on)
        return found

    def _preview(self, unit: Unit, permit_id: str, records: Any, on: date) -> list[dict[str, Any]]:
        try:
            permit = fold(permit_id, [(r.version, codec.decode(r.name, r.payload)) for r in records])
        except PermitsError as problem:
            return [{"permit_id": permit_id, "does": "park", "reason": problem.message}]
        assert permit is not None
        policy = self.executor.adopted.current(unit, permit.jurisdiction)
        known = max(on, self.executor.today(policy))
        command = c.RunClock(permit_id=permit_id, on=on)
        drafts = lifecycle.decide(
            "run_clock", command, permit, Holder(), policy, SCHEDULER, today=known, known=known
        )
        found: list[dict[str, Any]] = [
            {"permit_id": permit_id, "does": d.kind.NAME, "on": d.effective_on.isoformat()} for d in drafts
        ]
        stamp = self.executor.stamper(SCHEDULER, None, on)
        for number, draft in enumerate(drafts, permit.version + 1):
            apply(permit, number, stamp(draft.kind, draft.effective_on, **draft.fields))
        for due in notice.due(Situation(permit, on, policy.at(known))):
            notice_id = derived(f"notice/{due.key(permit_id)}")
            if unit.one(_KNOWN, {"notice_id": notice_id}) is None:
                plain = {k: v for k, v in msgspec.to_builtins(due).items() if v not in (None, False)}
                found.append({"permit_id": permit_id, "does": "notice", **plain})
        return found

    def _note(self, report: Pass, started: int) -> None:
        summary = msgspec.json.encode(report).decode()
        with self.database.write() as unit:
            unit.run(
                _PASS,
                {
                    "on_day": report.on.isoformat(),
                    "started_at": started,
                    "finished_at": self.executor.now(),
                    "summary": summary,
                },
            )


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
