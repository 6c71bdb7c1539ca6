"""What is claimed goes out: suppression is checked again, the letter composed, the outcome recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.domain import deadlines, notice
from permits_engine.domain import events as e
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit import Permit, fold
from permits_engine.domain.policy import Policy
from permits_engine.domain.situation import GRANTS, Situation
from permits_engine.person import Person
from permits_engine.projections import notice_rows, writing
from permits_engine.scheduler.delivery.channel import Channel, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.letters import Templates
from permits_engine.store import codec, history
from permits_engine.store.database import Database, Statement
from permits_engine.store.schema import notices, permits

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
_VERSION = Statement(select(permits.c.version).where(permits.c.permit_id == bindparam("permit_id")))


class Waiting(msgspec.Struct):
    """A message that is claimed and not sent yet, with what its letter needs."""

    notice_id: str
    row: dict[str, Any]
    event: e.NoticeDue
    permit: Permit
    person: Person
    policy: Policy


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
        """The channel of a message."""
        special = self.kinds.get(row["kind"])
        if special is not None:
            return special
        return self.holder if row["recipient"] == notice.HOLDER else self.office


class Outbox:
    """Sends what is claimed, outside any transaction, and records the outcome of each message."""

    def __init__(
        self,
        database: Database,
        executor: Any,
        routes: Routes,
        quiet: Callable[[Policy, datetime], bool],
    ) -> None:
        self.database = database
        self.executor = executor
        self.routes = routes
        self.quiet = quiet
        self._templates: dict[str, Templates] = {}

    def deliver(self, waiting: Sequence[Waiting], on: date, now: datetime, tally: dict[str, int]) -> int:
        """Send messages that were just found due; gives how many are held back by quiet hours."""
        open_now = [w for w in waiting if not self.quiet(w.policy, now)]
        current = self._still_current(open_now, on)
        outcomes: list[tuple[Waiting, e.Event]] = []
        by_channel: dict[int, list[tuple[Waiting, Letter]]] = {}
        channels: dict[int, Channel] = {}
        for each in open_now:
            if each.notice_id not in current:
                outcomes.append((each, self._event(e.NoticeSuppressed, each, on, reason="no_longer_due")))
                continue
            channel = self.routes.channel(each.row)
            letter = self._letter(each, on, now)
            if letter.to_address is None and channel.name in {"smtp", "folder"}:
                outcomes.append((each, self._event(e.NoticeParked, each, on, reason="no_address")))
                continue
            channels[id(channel)] = channel
            by_channel.setdefault(id(channel), []).append((each, letter))
        for key, items in by_channel.items():
            answers = channels[key].send_many([letter for _, letter in items])
            for (each, _), answer in zip(items, answers, strict=True):
                outcomes += [(each, event) for event in self._outcome(channels[key], each, answer, on)]
        self._record(outcomes, tally)
        return len(waiting) - len(open_now)

    def flush(self, on: date, now: datetime, tally: dict[str, int]) -> int:
        """Try every message that is still open: held back, refused for a while, or left by a crash."""
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
            held += self.deliver(ready, on, now, tally)

    def _loaded(self, unit: Any, row: dict[str, Any]) -> Waiting | None:
        records = history.stream(unit, row["notice_id"])
        event = codec.decode(records[0].name, records[0].payload)
        assert isinstance(event, e.NoticeDue)
        try:
            past = history.stream(unit, event.permit_id)
            permit = fold(event.permit_id, [(r.version, codec.decode(r.name, r.payload)) for r in past])
        except PermitsError:
            return None  # the stream is parked and named by status
        assert permit is not None
        policy = self.executor.adopted.current(unit, permit.jurisdiction)
        person = self.executor.person(unit, event.holder_id)
        return Waiting(row["notice_id"], row, event, permit, person, policy)

    def _still_current(self, waiting: Sequence[Waiting], on: date) -> set[str]:
        """The messages that are still due: checked on the file as it is at the moment of sending."""
        current: set[str] = set()
        if not waiting:
            return current
        with self.database.read() as unit:
            for each in waiting:
                row = unit.one(_VERSION, {"permit_id": each.permit.permit_id})
                if row is not None and row[0] != each.permit.version:
                    past = history.stream(unit, each.permit.permit_id)
                    fresh = fold(
                        each.permit.permit_id, [(r.version, codec.decode(r.name, r.payload)) for r in past]
                    )
                    each.permit = fresh or each.permit
                s = self._situation(each, on)
                keys = {(n.kind, n.deadline, n.tier, n.anchor) for n in notice.due(s)}
                if (each.event.kind, each.event.deadline, each.event.tier, each.event.anchor) in keys:
                    current.add(each.notice_id)
        return current

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
                    each,
                    on,
                    channel=answer.channel,
                    message_id=answer.message_id,
                    response=answer.response or None,
                )
            ]
        failed = self._event(
            e.NoticeFailed,
            each,
            on,
            channel=channel.name,
            permanent=answer.permanent,
            response=answer.reason,
        )
        if answer.permanent or each.row["attempts"] + 1 >= ATTEMPTS:
            reason = "refused" if answer.permanent else "too_many_attempts"
            return [failed, self._event(e.NoticeParked, each, on, reason=reason)]
        return [failed]

    def _event(self, kind: type[e.Event], each: Waiting, on: date, **fields: Any) -> e.Event:
        event: e.Event = self.executor.stamper(_ACTOR, None, on)(kind, **fields)
        return event

    def _record(self, outcomes: Sequence[tuple[Waiting, e.Event]], tally: dict[str, int]) -> None:
        if not outcomes:
            return
        with self.database.write() as unit:
            for each, event in outcomes:
                seen = each.row["version"]
                row = notice_rows.after(each.row, event, seen + 1, self.executor.now())
                fields = {
                    name: row[name] for name in ("version", "state", "attempts", "reason", "updated_at")
                }
                if not writing.update_notice(unit, {**fields, "of": each.notice_id, "seen": seen}):
                    continue
                cipher = self.executor.keyring.load(unit, each.event.holder_id)
                if cipher is None:
                    event = msgspec.structs.replace(event, **dict.fromkeys(event.SEALED))
                self.executor.append(unit, each.notice_id, seen, [event], each.event.holder_id, cipher)
                each.row = row
                name = event.NAME.removeprefix("notice.")
                tally[name] = tally.get(name, 0) + 1

    def _letter(self, each: Waiting, on: date, now: datetime) -> Letter:
        s = self._situation(each, on)
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
