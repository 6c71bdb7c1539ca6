"""What is claimed goes out: suppression is checked again, the letter composed, the outcome recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.domain import deadlines, notice
from permits_engine.domain import events as e
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.permit import Permit
from permits_engine.domain.policy import Policy
from permits_engine.domain.situation import GRANTS, Situation
from permits_engine.execution import Executor
from permits_engine.person import Person
from permits_engine.projections import notice_rows, writing
from permits_engine.scheduler.delivery.channel import Channel, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.counter import CounterChannel
from permits_engine.scheduler.delivery.letters import Templates
from permits_engine.store import codec, history
from permits_engine.store.database import Database, Statement, Unit
from permits_engine.store.schema import notices
from permits_engine.store.sql import among
from permits_engine.work import Work

BATCH = 100
ATTEMPTS = 5
"""After so many refusals by its channel a message waits for a human."""
_ACTOR = e.Actor("scheduler", "scheduler")
_OPEN = Statement(
    select(*notices.columns)
    .where(notices.c.state.in_(["due", "failed"]), notices.c.notice_id > bindparam("after"))
    .order_by(notices.c.notice_id)
    .limit(bindparam("size"))
)
_VERSIONS = Statement(among("SELECT permit_id, version FROM permits WHERE permit_id"))


class Waiting(msgspec.Struct):
    """A message that is claimed and not sent yet, with what its letter needs."""

    notice_id: str
    row: dict[str, Any]
    event: e.NoticeDue
    permit: Permit
    person: Person
    policy: Policy
    situation: Situation | None = None
    """The file as it was evaluated when the message was claimed, in this very pass."""


Result = tuple[Waiting, e.Event]
"""What became of a message, not yet recorded."""


class Routes:
    """Which channel takes which message: by recipient and kind, with a default for each recipient."""

    def __init__(
        self,
        holder: Channel,
        office: Channel,
        kinds: Mapping[str, Channel] | None = None,
        offices: Mapping[str, str] | None = None,
    ) -> None:
        self.holder = holder
        self.office = office
        self.kinds = dict(kinds or {})
        self.offices = dict(offices or {})

    def channel(self, row: Mapping[str, Any]) -> Channel:
        """The channel through which a message goes out now."""
        return self.planned(row)

    def planned(self, row: Mapping[str, Any]) -> Channel:
        """The channel that is meant for a message."""
        special = self.kinds.get(row["kind"])
        if special is not None:
            return special
        return self.holder if row["recipient"] == notice.HOLDER else self.office


class Outbox:
    """Sends what is claimed, outside any transaction, and records the outcome of each message."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        routes: Routes,
        quiet: Callable[[Policy, datetime], bool],
    ) -> None:
        self.database = database
        self.executor = executor
        self.routes = routes
        self._quiet = quiet
        self._asked: tuple[str, datetime, bool] | None = None
        self._templates: dict[str, Templates] = {}

    def quiet(self, policy: Policy, now: datetime) -> bool:
        """Whether messages wait at this moment; asked for each message, and worked out once a moment."""
        asked = self._asked
        if asked is None or asked[0] != policy.digest or asked[1] is not now:
            asked = self._asked = policy.digest, now, self._quiet(policy, now)
        return asked[2]

    def send(self, waiting: Sequence[Waiting], on: date, now: datetime) -> list[Result]:
        """Let messages go out that were just claimed; those held back by quiet hours stay open."""
        open_now = [w for w in waiting if not self.quiet(w.policy, now)]
        current = self._still_current(open_now, on)
        results: list[Result] = []
        by_channel: dict[int, list[tuple[Waiting, Letter]]] = {}
        channels: dict[int, Channel] = {}
        for each in open_now:
            if each.notice_id not in current:
                results.append((each, self._event(e.NoticeSuppressed, on, reason="no_longer_due")))
                continue
            channel = self.routes.channel(each.row)
            letter = self._letter(each, on, now)
            if letter.to_address is None and channel.name in {"smtp", "folder"}:
                results.append((each, self._event(e.NoticeParked, on, reason="no_address")))
                continue
            channels[id(channel)] = channel
            by_channel.setdefault(id(channel), []).append((each, letter))
        for key, items in by_channel.items():
            answers = channels[key].send_many([letter for _, letter in items])
            for (each, _), answer in zip(items, answers, strict=True):
                results += [(each, event) for event in self._outcome(channels[key], each, answer, on)]
        return results

    def at_once(self, each: Waiting, on: date, now: datetime) -> list[e.Event]:
        """What becomes of a message whose record is its delivery, as at a counter; nothing yet of any other."""
        channel = self.routes.planned(each.row)
        if not isinstance(channel, CounterChannel) or self.quiet(each.policy, now):
            return []
        return self._outcome(channel, each, channel.served(each.event.office), on)

    def record(self, work: Work, results: Sequence[Result], tally: dict[str, int]) -> None:
        """Put into a transaction what became of messages."""
        work.expect_keys(each.event.holder_id for each, _ in results)
        by_notice: dict[str, tuple[Waiting, list[e.Event]]] = {}
        for each, event in results:
            by_notice.setdefault(each.notice_id, (each, []))[1].append(event)
        for each, events in by_notice.values():
            row = self.extended(work, each, events, tally)
            work.later(writing.UPDATE_NOTICE, writing.moved(row, each.row["version"]))

    def extended(
        self, work: Work, each: Waiting, events: Sequence[e.Event], tally: dict[str, int]
    ) -> dict[str, Any]:
        """Append what became of a message; gives its row after that."""
        seen, row = each.row["version"], each.row
        if not events:
            return row
        if work.key(each.event.holder_id) is None:
            events = [msgspec.structs.replace(x, **dict.fromkeys(x.SEALED)) for x in events]
        work.append(work.sealed(each.notice_id, seen, events, each.event.holder_id))
        for version, event in enumerate(events, seen + 1):
            row = notice_rows.after(row, event, version, self.executor.now())
            name = event.NAME.removeprefix("notice.")
            tally[name] = tally.get(name, 0) + 1
        return row

    def record_each(self, results: Sequence[Result], tally: dict[str, int]) -> None:
        """The same after a conflict: what somebody else has recorded meanwhile is left as it is."""
        for notice_id in dict.fromkeys(each.notice_id for each, _ in results):
            done: dict[str, int] = {}
            try:
                with self.database.write() as unit:
                    work = self.executor.begin(unit)
                    self.record(work, [r for r in results if r[0].notice_id == notice_id], done)
                    work.write()
            except ConflictError:
                continue
            _add(tally, done)

    def anything_open(self, unit: Unit) -> bool:
        """Whether a message of before still waits to go out."""
        return unit.one(_OPEN, {"after": "", "size": 1}) is not None

    def flush(self, on: date, now: datetime, tally: dict[str, int]) -> int:
        """Try every message that is still open: held back, refused for a while, or left by a crash.

        Gives how many quiet hours hold back.
        """
        after, held = "", 0
        names = [column.name for column in notices.columns]
        while True:
            with self.database.read() as unit:
                rows = unit.all(_OPEN, {"after": after, "size": BATCH})
                found = [self._loaded(unit, dict(zip(names, row, strict=True))) for row in rows]
            if not rows:
                return held
            after = rows[-1][0]
            ready = [w for w in found if w is not None and w.row["updated_at"] < self.executor.now()]
            held += sum(self.quiet(w.policy, now) for w in ready)
            results = self.send(ready, on, now)
            if not results:
                continue
            done: dict[str, int] = {}
            try:
                with self.database.write() as unit:
                    work = self.executor.begin(unit)
                    self.record(work, results, done)
                    work.write()
            except ConflictError:
                self.record_each(results, tally)
            else:
                _add(tally, done)

    def _loaded(self, unit: Unit, row: dict[str, Any]) -> Waiting | None:
        records = history.stream(unit, row["notice_id"])
        event = codec.decode(records[0].name, records[0].payload)
        assert isinstance(event, e.NoticeDue)
        work = self.executor.begin(unit)
        try:
            permit, person = work.file(event.permit_id), work.person(event.holder_id)
        except PermitsError:
            return None  # the stream is parked and named by status
        assert permit is not None
        return Waiting(row["notice_id"], row, event, permit, person, work.policy(permit.jurisdiction))

    def _still_current(self, waiting: Sequence[Waiting], on: date) -> set[str]:
        """The messages that are still due: checked on the file as it is at the moment of sending."""
        current: set[str] = set()
        if not waiting:
            return current
        with self.database.read() as unit:
            ids = sorted({each.permit.permit_id for each in waiting})
            given = json.dumps(ids) if unit.dialect == "sqlite" else ids
            versions: dict[str, int] = {row[0]: row[1] for row in unit.all(_VERSIONS, {"ids": given})}
            work = self.executor.begin(unit)
            work.expect_files(
                each.permit.permit_id
                for each in waiting
                if versions.get(each.permit.permit_id) != each.permit.version
            )
            for each in waiting:
                if versions.get(each.permit.permit_id) != each.permit.version:
                    each.permit, each.situation = work.file(each.permit.permit_id) or each.permit, None
                if each.situation is not None or self._is_due(each, on):
                    current.add(each.notice_id)
        return current

    def _is_due(self, each: Waiting, on: date) -> bool:
        each.situation = self._situation(each, on)
        keys = {(n.kind, n.deadline, n.tier, n.anchor) for n in notice.due(each.situation)}
        return (each.event.kind, each.event.deadline, each.event.tier, each.event.anchor) in keys

    def _situation(self, each: Waiting, on: date) -> Situation:
        known = max(on, self.executor.today(each.policy))
        return Situation(each.permit, on, each.policy.at(known))

    def _outcome(
        self, channel: Channel, each: Waiting, answer: Evidence | DeliveryError, on: date
    ) -> list[e.Event]:
        if isinstance(answer, Evidence):
            return [
                self._event(
                    e.NoticeSent,
                    on,
                    channel=answer.channel,
                    message_id=answer.message_id,
                    response=answer.response or None,
                )
            ]
        failed = self._event(
            e.NoticeFailed,
            on,
            channel=channel.name,
            permanent=answer.permanent,
            response=answer.reason,
        )
        if answer.permanent or each.row["attempts"] + 1 >= ATTEMPTS:
            reason = "refused" if answer.permanent else "too_many_attempts"
            return [failed, self._event(e.NoticeParked, on, reason=reason)]
        return [failed]

    def _event(self, kind: type[e.Event], on: date, **fields: Any) -> e.Event:
        event: e.Event = self.executor.stamper(_ACTOR, None, on)(kind, **fields)
        return event

    def _letter(self, each: Waiting, on: date, now: datetime) -> Letter:
        s = each.situation or self._situation(each, on)
        code = each.permit.jurisdiction
        templates = self._templates.get(code) or self._templates.setdefault(code, Templates(code))
        to_holder = each.event.to == notice.HOLDER
        office = each.policy.offices.get(each.event.office)
        language = each.event.language if to_holder else ""
        values = letter_values(s, each, on, office.name(language or "fr") if office else each.event.office)
        subject, text, direction, used = templates.compose(each.event.kind, language, values)
        return Letter(
            notice_id=each.notice_id,
            kind=each.event.kind,
            tier=each.event.tier,
            to_name=each.person.name if to_holder else values["office_name"],
            to_address=each.person.email if to_holder else self.routes.offices.get(each.event.office),
            office=each.event.office,
            language=used,
            direction=direction,
            subject=subject,
            text=text,
            expedited=each.event.expedited,
            sent_at=now,
        )


def _add(tally: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        tally[name] = tally.get(name, 0) + count


def letter_values(s: Situation, each: Waiting, on: date, office: str) -> dict[str, Any]:
    """What a letter says: raw dates and codes, which the templates put into words."""
    term, receipt, due = s.term, s.receipt, each.event.due_on
    decision = next((d for d in reversed(s.standing_decisions()) if d.notifications), None)
    appeals = [
        {"body": d.body, "due_on": d.due_on} for d in deadlines.deadlines(s) if d.kind == "appeal_closes"
    ]
    request = s.request
    wanted: frozenset[str] = frozenset()
    if request is not None:
        wanted = s.outstanding(request)
        if s.suspended_by is not None:
            wanted = request.asks[s.suspended_by].documents
    return {
        "holder_name": each.person.name,
        "office_name": office,
        "authority": office,
        "file_number": None,
        "card_number": None,
        "permit_id": each.permit.permit_id,
        "valid_until": term.valid_until if term else None,
        "window_closes": s.window_closes,
        "receipt_until": receipt.until if receipt else None,
        "due_on": due,
        "sent_on": on,
        "days_left": (due - on).days if due else 0,
        "tier": each.event.tier,
        "expedited": each.event.expedited,
        "documents": sorted(wanted),
        "decision": decision.kind if decision else "issued",
        "favourable": decision.kind in GRANTS if decision else True,
        "appeals": appeals,
        "deadline": each.event.deadline or "decision_due",
        "overdue": bool(due and on > due),
    }
