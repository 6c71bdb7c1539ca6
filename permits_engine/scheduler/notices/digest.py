"""Each morning's list for an office: what is overdue or about to be, what waits for a hand, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.application.context import Context
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import SCHEDULER, DigestSent
from permits_engine.domain.permit import notices as notice
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.rules.policy import Policy
from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter
from permits_engine.scheduler.notices.outbox import Outbox
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events import codec, history
from permits_engine.store.events.ids import derived
from permits_engine.store.events.timestamps import moment

BATCH = 200
AHEAD = 7
"""Days: what falls due within them is about to become overdue."""
SHOWN = 100
"""Lines of a letter; the command shows all."""
READY, PARKED = "ready_to_sign", "notice_parked"

_p, _n = permits.c, notices.c
_PENDING = ("incomplete", "under_review", "suspended")
_OPEN = Statement(
    select(_p.permit_id)
    .where(_p.prefecture == bindparam("office"), _p.closed_on.is_(None), _p.parked.is_(None))
    .where(_p.application_status.in_(_PENDING))
    .order_by(_p.permit_id)
)
_PARKED = Statement(
    select(_n.permit_id, _n.kind, _n.reason, _n.updated_at).where(
        _n.office == bindparam("office"), _n.state == "parked"
    )
)
_OFFICES = Statement(
    select(_p.prefecture)
    .where(_p.application_status.in_(_PENDING))
    .union(select(_n.office).where(_n.state == "parked"))
)


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that waits for the office: a deadline, an expedited file to sign, or a parked message.

    ``due_on`` is the day by which it is to be done (for a message, the day since when it waits), ``days`` how
    many are left: below 0 it is overdue.
    """

    what: str
    permit_id: str
    due_on: date | None = None
    days: int | None = None
    detail: str | None = None


class Digest(msgspec.Struct, frozen=True):
    """What an office is told on a morning."""

    office: str
    day: date
    items: list[Item]

    @property
    def notice_id(self) -> str:
        """The letter's identity: one for each office and day, whoever sends it."""
        return derived(f"digest/{self.office}/{self.day.isoformat()}")


def offices(tx: Transaction) -> list[str]:
    """The offices for which something is open."""
    return sorted(row[0] for row in tx.all(_OFFICES, {}))


def digest(context: Context, tx: Transaction, office: str, day: date, *, ahead: int = AHEAD) -> Digest:
    """What waits in an office on a day, worst first; a file that cannot be folded is left to status."""
    last = day + timedelta(days=ahead)
    policy = context.policies.current(tx, office[:2])
    rules = policy.at(max(day, context.today(policy)))
    items: list[Item] = []
    ids = [row[0] for row in tx.all(_OPEN, {"office": office})]
    for start in range(0, len(ids), BATCH):
        for permit_id, records in history.streams(tx, ids[start : start + BATCH]).items():
            try:
                permit = fold(permit_id, codec.numbered(records))
            except PermitsError:
                continue
            assert permit is not None
            items += _of_file(Situation(permit, day, rules), last)
    for permit_id, kind, reason, updated_at in tx.all(_PARKED, {"office": office}):
        since = moment(updated_at).date()
        items.append(Item(PARKED, permit_id, since, (since - day).days, f"{kind}: {reason}"))
    return Digest(office, day, sorted(items, key=_rank))


def _of_file(s: Situation, last: date) -> Iterator[Item]:
    request = s.request
    ready = request is not None and s.track == "expedited" and s.application_status == "under_review"
    clocks = {kind: on for kind, on, _ in notice.office_deadlines(s)}
    if ready:
        target = clocks.pop("expedited_target", None)
        days = None if target is None else (target - s.day).days
        yield Item(READY, s.permit.permit_id, target, days)
    for kind, on in clocks.items():
        if on <= last:
            yield Item(kind, s.permit.permit_id, on, (on - s.day).days)


def _rank(item: Item) -> tuple[int, str, str]:
    # What has no day of its own can be signed at once: it stands with what is due today.
    return (item.days if item.days is not None else 0, item.what, item.permit_id)


def listed(found: Digest) -> list[dict[str, Any]]:
    """The items of a digest as plain rows."""
    rows: list[dict[str, Any]] = msgspec.to_builtins(found.items)
    return [{"office": found.office, **row} for row in rows]


class Mornings(msgspec.Struct):
    """What became of a morning's lists: ``sent``, and what kept others back, by office."""

    sent: int = 0
    failed: dict[str, str] = msgspec.field(default_factory=dict)


def send_digests(outbox: Outbox, on: date, now: datetime) -> Mornings:
    """Send each office that has an address what waits for it, unless it was sent today or nothing waits.

    A list that could not be handed over is tried by the next pass of the day, under the same identity.
    """
    report = Mornings()
    for office in sorted(outbox.routes.offices):
        if not outbox.go_on():
            break
        try:
            answer = _one(outbox, office, on, now)
        except PermitsError as problem:
            if problem.family == "store":
                raise
            answer = DeliveryError(problem.message, permanent=True)
        if isinstance(answer, DeliveryError):
            report.failed[office] = answer.reason
        elif answer is not None:
            report.sent += 1
    return report


def _one(outbox: Outbox, office: str, on: date, now: datetime) -> Evidence | DeliveryError | None:
    with outbox.database.read() as tx:
        policy = outbox.context.policies.current(tx, office[:2])
        if outbox.held(policy, office, now) or not policy.calendar.is_working(on, on):
            return None
        found = digest(outbox.context, tx, office, on)
        if not found.items or history.stream(tx, found.notice_id):
            return None
    channel = outbox.routes.office
    letter = _letter(outbox, found, policy, now)
    (answer,) = channel.send_many([letter])
    if isinstance(answer, Evidence):
        _record(outbox, found, letter, answer)
    return answer


def _letter(outbox: Outbox, found: Digest, policy: Policy, now: datetime) -> Letter:
    templates = outbox.composer.templates(found.office[:2])
    known = policy.offices.get(found.office)
    language = templates.language_for("")
    name = known.name(language) if known else found.office
    values = {
        "office": found.office,
        "office_name": name,
        "authority": name,
        "tasks": [msgspec.structs.asdict(each) for each in found.items[:SHOWN]],
        "total": len(found.items),
    }
    subject, text, direction, used = templates.compose("office_digest", language, values)
    return Letter(
        notice_id=found.notice_id,
        kind="office_digest",
        tier=None,
        to_name=name,
        to_address=outbox.routes.offices[found.office],
        office=found.office,
        language=used,
        direction=direction,
        subject=subject,
        text=text,
        expedited=False,
        sent_at=now,
        template=templates.version(used),
    )


def _record(outbox: Outbox, found: Digest, letter: Letter, answer: Evidence) -> None:
    event = outbox.context.stamper(SCHEDULER, None, found.day)(
        DigestSent,
        office=found.office,
        tasks=len(found.items),
        channel=answer.channel,
        message_id=answer.message_id,
        response=answer.response or None,
        template=letter.template,
    )
    try:
        with outbox.limits.write() as tx:
            uow = outbox.context.begin(tx)
            uow.append(uow.place(found.notice_id, 0, [event], None))
            uow.write()
    except ConflictError:
        return  # another process has sent it, under the same identity
