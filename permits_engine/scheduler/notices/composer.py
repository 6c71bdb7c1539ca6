"""The letter of a notice: permit and person filled into the jurisdiction's templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from permits_engine.application.context import Context
from permits_engine.application.queries.views import numbers_on
from permits_engine.documents.letter_templates import NoticesError, Templates
from permits_engine.domain.errors import error
from permits_engine.domain.permit import deadlines, notices
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import GRANTS
from permits_engine.projections.holder import Person
from permits_engine.scheduler.delivery.channel import Channel, Letter
from permits_engine.scheduler.delivery.memory import SinkChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.notices.moved import as_text
from permits_engine.scheduler.notices.pending import PendingNotice, load
from permits_engine.scheduler.notices.renewal_token import Token
from permits_engine.store.database.transactions import Transaction

DATED = frozenset(
    {"renewal_reminder", "documents_reminder", "appeal_reminder", "majority_reminder", notices.MOVED}
)
"""Kinds of notices that ask the holder to act by a day."""
SignToken = Callable[[Token], str]
"""Returns the signed text of a token."""


class Composer:
    """Composes letters for channels."""

    def __init__(self, context: Context, routes: Routes, sign_token: SignToken | None = None) -> None:
        self.context = context
        self.routes = routes
        self.sign_token = sign_token
        self._templates: dict[str, Templates] = {}

    def template(self, each: PendingNotice) -> str:
        """Return the version of the template that a notice is served in."""
        templates = self.templates(each.permit.jurisdiction)
        to_holder = each.event.to == notices.HOLDER
        return templates.version(templates.language_for(each.event.language if to_holder else ""))

    def templates(self, code: str) -> Templates:
        """Return the letter templates of a jurisdiction."""
        return self._templates.get(code) or self._templates.setdefault(code, Templates(code))

    def letter(self, each: PendingNotice, channel: Channel, on: date, now: datetime) -> Letter:
        """Return the letter of a notice by the permit's current state; raise ``NoticesError``."""
        s = each.on(self.context, on)
        templates = self.templates(each.permit.jurisdiction)
        to_holder = each.event.to == notices.HOLDER
        office = each.policy.offices.get(each.event.office)
        language = templates.language_for(each.event.language if to_holder else "")
        values = letter_values(s, each, on, office.name(language) if office else each.event.office)
        if self.sign_token is not None and each.event.expedited and to_holder and s.term is not None:
            values["token"] = self.sign_token(Token(each.permit.permit_id, s.term.number, _last_day(s)))
        subject, text, direction, used = templates.compose(each.event.kind, language, values)
        return Letter(
            notice_id=each.notice_id,
            kind=each.event.kind,
            tier=each.event.tier,
            to_name=each.person.name if to_holder else values["office_name"],
            to_address=self.routes.contact(each.row, channel, each.person),
            office=each.event.office,
            language=used,
            direction=direction,
            subject=subject,
            text=text,
            expedited=each.event.expedited,
            sent_at=now,
            template=templates.version(used),
            deadline=_deadline(values["due_on"], s, each, on) if to_holder else None,
            later=templates.later(language, values["later"]) if to_holder else None,
            named=named(s, each),
        )


def compose_now(context: Context, tx: Transaction, row: dict[str, Any], *, decrypt: bool) -> Letter:
    """Return the letter of a notice's row as it would be sent now; without ``decrypt`` it has no personal data."""
    found = load(context.begin(tx), [row])
    if not found:
        raise error(
            "integrity.broken", f"the file of the notice {row['notice_id']} cannot be read: permits status"
        )
    pending = found[0]
    if not decrypt:
        pending.person, pending.cipher = Person(pending.person.holder_id), None
    sink = SinkChannel()
    composer = Composer(context, Routes(sink, sink))
    try:
        return composer.letter(pending, sink, context.today(pending.policy), context.clock())
    except NoticesError as problem:
        raise error("policy.invalid", f"the letter cannot be composed: {problem}") from None


def _last_day(s: Situation) -> date:
    """Return the last day on which a renewal of the term may be requested."""
    assert s.term is not None
    return s.window_closes or s.term.valid_until


def named(s: Situation, each: PendingNotice) -> tuple[str, ...]:
    """Return the last days that a letter names, as its event keeps them."""
    kind = notices.names(each.event.kind, each.event.deadline) if each.event.to == notices.HOLDER else None
    found = notices.named(s).items() if kind is not None else ()
    return tuple(as_text(key, day) for key, day in found if key[0] == kind)


def _deadline(day: date | None, s: Situation, each: PendingNotice, on: date) -> date | None:
    """Return the day for the holder's calendar: the deadline of the notice, or the last day for a renewal."""
    if each.event.kind not in DATED or day is None:
        return None
    if day < on and each.event.kind == "renewal_reminder" and s.term is not None:
        day = _last_day(s)
    return day if day >= on else None


def _due_on(s: Situation, each: PendingNotice) -> date | None:
    """Return the day of a notice as it is known now, which a day off may have moved since it was claimed."""
    event = each.event
    if notices.names(event.kind, event.deadline) is None or event.kind in {
        "decision_notified",
        notices.MOVED,
    }:
        return event.due_on
    key = (event.kind, event.deadline, event.tier, event.anchor)
    found = (n.due_on for n in notices.due(s) if (n.kind, n.deadline, n.tier, n.anchor) == key)
    return next(found, event.due_on)


def letter_values(s: Situation, each: PendingNotice, on: date, office: str) -> dict[str, Any]:
    """Return the values of a letter as raw dates and codes; the templates put them into words."""
    term, receipt, due = s.term, s.receipt, _due_on(s, each)
    decision = next((d for d in reversed(s.valid_decisions()) if d.notifications), None)
    running = deadlines.deadlines(s)
    kind = notices.names(each.event.kind, each.event.deadline)
    appeals = [
        {"body": d.body, "due_on": d.earliest, "later": d.later}
        for d in running
        if d.kind == "appeal_closes" and kind != "documents_due"
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
        **numbers_on(each.records, each.permit, on, each.cipher),
        "permit_id": each.permit.permit_id,
        "valid_until": term.valid_until if term else None,
        "window_closes": s.window_closes,
        "receipt_until": receipt.until if receipt else None,
        "due_on": due,
        "later": next((d.later for d in running if d.kind == kind and d.earliest == due), None),
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
