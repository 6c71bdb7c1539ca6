"""The permit file as dated facts: what the events of one stream say, folded once, asked on any date.

The fold keeps every fact with the legal date from which it acts, so that one fold answers for all dates;
``situation`` turns it into what holds on one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from permits_engine.domain import events as e
from permits_engine.domain.errors import error


class Supply(msgspec.Struct):
    """Documents that came in on a day."""

    on: date
    documents: frozenset[str]


class Ask(msgspec.Struct):
    """Documents that the office asked for after filing."""

    on: date
    documents: frozenset[str]
    version: int


class Opinion(msgspec.Struct):
    """What a commission thought."""

    on: date
    body: str
    favourable: bool
    version: int


class Request(msgspec.Struct):
    """An application (``kind`` application) or a request to renew."""

    kind: str
    version: int
    filed_on: date
    missing: frozenset[str]
    track: str = "standard"
    supplies: list[Supply] = msgspec.field(default_factory=list)
    asks: list[Ask] = msgspec.field(default_factory=list)
    opinions: list[Opinion] = msgspec.field(default_factory=list)
    extended: tuple[date, date] | None = None
    returned_on: date | None = None
    reopened_on: date | None = None


class Notification(msgspec.Struct):
    """A decision brought to the holder's knowledge."""

    on: date
    regular: bool
    version: int


class Decision(msgspec.Struct):
    """A decision on a request or on the title; ``request`` is the version of the request's event."""

    kind: str
    version: int
    on: date
    request: int | None = None
    notifications: list[Notification] = msgspec.field(default_factory=list)
    annulled_on: date | None = None

    def notified_on(self, day: date) -> date | None:
        """The day of the first regular notification known by ``day``."""
        days = [n.on for n in self.notifications if n.regular and n.on <= day]
        return min(days) if days else None


class Term(msgspec.Struct):
    """One period of validity; both ends are inclusive."""

    number: int
    valid_from: date
    valid_until: date
    granted_on: date
    version: int
    track: str
    title_kind: str


class Receipt(msgspec.Struct):
    """The paper that stands for the title while the file is open."""

    on: date
    until: date
    request: int
    version: int
    extension: bool = False


class Appeal(msgspec.Struct):
    """An appeal; ``against`` is the version of the decision, 0 for an implicit refusal not yet recorded."""

    version: int
    body: str
    on: date
    against: int
    request: int | None = None
    decided_on: date | None = None
    outcome: str | None = None


class Absence(msgspec.Struct):
    """An exit and, once it is known, the return."""

    out: date
    version: int
    back: date | None = None


class Permit(msgspec.Struct):
    """The folded file."""

    permit_id: str
    holder_id: str
    jurisdiction: str
    category: str
    criterion: str | None
    title_kind: str
    nationality: str | None
    sex: str | None
    age: int | None
    version: int = 0
    offices: list[tuple[date, str]] = msgspec.field(default_factory=list)
    requests: list[Request] = msgspec.field(default_factory=list)
    decisions: list[Decision] = msgspec.field(default_factory=list)
    terms: list[Term] = msgspec.field(default_factory=list)
    receipts: list[Receipt] = msgspec.field(default_factory=list)
    appeals: list[Appeal] = msgspec.field(default_factory=list)
    absences: list[Absence] = msgspec.field(default_factory=list)
    lapses: list[tuple[date, int, int]] = msgspec.field(default_factory=list)
    losses: list[date] = msgspec.field(default_factory=list)
    closed: tuple[date, str] | None = None
    names: list[tuple[str, date]] = msgspec.field(default_factory=list)

    def prefecture(self, day: date) -> str:
        """The office that holds the file on a day."""
        current = self.offices[0][1]
        for since, office in self.offices:
            if since <= day:
                current = office
        return current

    def decision(self, version: int) -> Decision | None:
        """The decision that the event of that version took."""
        return next((d for d in self.decisions if d.version == version), None)

    def request(self, version: int | None) -> Request | None:
        """The request that the event of that version filed."""
        return next((r for r in self.requests if r.version == version), None)


Step = Callable[[Permit, int, Any], None]


def _lodged(permit_id: str, version: int, event: e.ApplicationLodged) -> Permit:
    return Permit(
        permit_id=permit_id,
        holder_id=event.holder_id,
        jurisdiction=event.jurisdiction,
        category=event.category,
        criterion=event.criterion,
        title_kind=event.title_kind,
        nationality=event.nationality,
        sex=event.sex,
        age=event.age,
        offices=[(event.effective_on, event.prefecture)],
        requests=[Request("application", version, event.effective_on, frozenset(event.missing))],
    )


def _renewal_requested(p: Permit, version: int, x: e.RenewalRequested) -> None:
    p.requests.append(Request("renewal", version, x.effective_on, frozenset(x.missing), x.track))


def _receipt(p: Permit, version: int, x: e.ReceiptIssued) -> None:
    p.receipts.append(Receipt(x.effective_on, x.until, p.requests[-1].version, version))


def _receipt_extended(p: Permit, version: int, x: e.ReceiptExtended) -> None:
    p.receipts.append(Receipt(x.effective_on, x.until, p.requests[-1].version, version, extension=True))


def _asked(p: Permit, version: int, x: e.DocumentsRequested) -> None:
    p.requests[-1].asks.append(Ask(x.effective_on, frozenset(x.documents), version))


def _supplied(p: Permit, version: int, x: e.DocumentsSupplied) -> None:
    p.requests[-1].supplies.append(Supply(x.effective_on, frozenset(x.documents)))


def _returned(p: Permit, version: int, x: e.ApplicationReturned) -> None:
    request = p.request(x.request)
    if request is not None:
        request.returned_on = x.effective_on


def _extended(p: Permit, version: int, x: e.DecisionExtended) -> None:
    p.requests[-1].extended = (x.effective_on, x.until)


def _opinion(p: Permit, version: int, x: e.OpinionRecorded) -> None:
    p.requests[-1].opinions.append(Opinion(x.effective_on, x.body, x.favourable, version))


def _grant(p: Permit, version: int, x: e.Issued | e.Renewed | e.ImplicitlyGranted) -> None:
    track = getattr(x, "track", "standard")
    title = getattr(x, "title_kind", p.title_kind)
    p.terms.append(Term(x.term_number, x.valid_from, x.valid_until, x.effective_on, version, track, title))
    request = getattr(x, "request", p.requests[-1].version)
    kind = x.NAME.removeprefix("permit.")
    p.decisions.append(
        Decision("automatic" if track == "automatic" else kind, version, x.effective_on, request)
    )


def _refused(p: Permit, version: int, x: e.Refused | e.RenewalRefused | e.ImplicitlyRefused) -> None:
    p.decisions.append(Decision(x.NAME.removeprefix("permit."), version, x.effective_on, x.request))


def _revoked(p: Permit, version: int, x: e.Revoked) -> None:
    p.decisions.append(Decision("revoked", version, x.effective_on))


def _notified(p: Permit, version: int, x: e.DecisionNotified) -> None:
    decision = p.decision(x.decision_version)
    if decision is not None:
        decision.notifications.append(Notification(x.effective_on, x.regular, version))


def _appealed(p: Permit, version: int, x: e.Appealed) -> None:
    decision = p.decision(x.decision_version)
    request = decision.request if decision else p.requests[-1].version
    p.appeals.append(Appeal(version, x.body, x.effective_on, x.decision_version, request))


def _appeal_decided(p: Permit, version: int, x: e.AppealDecided) -> None:
    appeal = next((a for a in reversed(p.appeals) if a.decided_on is None), None)
    if appeal is None:
        return
    appeal.decided_on, appeal.outcome = x.effective_on, x.outcome
    if x.outcome != "upheld":
        return
    request = p.request(appeal.request)
    decision = p.decision(appeal.against)
    if decision is not None:
        decision.annulled_on = x.effective_on
    if request is not None and (decision is None or decision.kind != "revoked"):
        request.reopened_on = x.effective_on
        for each in p.decisions:  # silence that preceded the annulled refusal falls with it
            if each.request == request.version and each.kind == "implicitly_refused":
                each.annulled_on = each.annulled_on or x.effective_on


def _exit(p: Permit, version: int, x: e.ExitRecorded) -> None:
    p.absences.append(Absence(x.effective_on, version))


def _return(p: Permit, version: int, x: e.ReturnRecorded) -> None:
    for absence in reversed(p.absences):
        if absence.back is None and absence.out <= x.effective_on:
            absence.back = x.effective_on
            return


def _lapsed(p: Permit, version: int, x: e.Lapsed) -> None:
    p.lapses.append((x.effective_on, x.term_number, version))


def _lost(p: Permit, version: int, x: e.LostByAbsence) -> None:
    p.losses.append(x.effective_on)


def _transferred(p: Permit, version: int, x: e.Transferred) -> None:
    p.offices.append((x.effective_on, x.prefecture))


def _closed(p: Permit, version: int, x: e.Closed) -> None:
    p.closed = (x.effective_on, x.reason)


def _nothing(p: Permit, version: int, x: e.Event) -> None:
    """The event is kept for the record and changes nothing that the fold needs."""


STEPS: dict[type[e.Event], Step] = {
    e.RenewalRequested: _renewal_requested,
    e.ReceiptIssued: _receipt,
    e.ReceiptExtended: _receipt_extended,
    e.DocumentsRequested: _asked,
    e.DocumentsSupplied: _supplied,
    e.ApplicationReturned: _returned,
    e.DecisionExtended: _extended,
    e.OpinionRecorded: _opinion,
    e.Issued: _grant,
    e.Renewed: _grant,
    e.ImplicitlyGranted: _grant,
    e.Refused: _refused,
    e.RenewalRefused: _refused,
    e.ImplicitlyRefused: _refused,
    e.Revoked: _revoked,
    e.Reinstated: _nothing,
    e.DecisionNotified: _notified,
    e.Appealed: _appealed,
    e.AppealDecided: _appeal_decided,
    e.Lapsed: _lapsed,
    e.ExitRecorded: _exit,
    e.ReturnRecorded: _return,
    e.LostByAbsence: _lost,
    e.Transferred: _transferred,
    e.CardReplaced: _nothing,
    e.Closed: _closed,
    e.Corrected: _nothing,
}


def apply(permit: Permit, version: int, event: e.Event) -> Permit:
    """Fold one more event into the file, in place."""
    STEPS[type(event)](permit, version, event)
    permit.version = version
    permit.names.append((event.NAME, event.effective_on))
    return permit


def fold(permit_id: str, history: Iterable[tuple[int, e.Event]]) -> Permit | None:
    """The file that a stream of (version, event) tells; none for an empty stream.

    Raises ``integrity.broken`` where the stream does not begin with a filing or has a gap.
    """
    permit: Permit | None = None
    for version, event in corrected(list(history)):
        if permit is None:
            if not isinstance(event, e.ApplicationLodged):
                raise error("integrity.broken", f"the history of {permit_id} begins with {event.NAME}")
            permit = _lodged(permit_id, version, event)
            permit.version = version
            permit.names.append((event.NAME, event.effective_on))
        elif version != permit.version + 1 or type(event) not in STEPS:
            raise error("integrity.broken", f"event {version} of {permit_id} cannot follow {permit.version}")
        else:
            apply(permit, version, event)
    return permit


def corrected(history: Sequence[tuple[int, e.Event]]) -> Sequence[tuple[int, e.Event]]:
    """The history as it would read had each corrected field been recorded rightly."""
    fixes: dict[int, dict[str, Any]] = {}
    for _, event in history:
        if isinstance(event, e.Corrected) and event.value is not None:
            fixes.setdefault(event.of_version, {})[event.field] = event.value
    if not fixes:
        return history
    return [(v, with_fields(event, fixes[v]) if v in fixes else event) for v, event in history]


def with_fields(event: e.Event, fields: dict[str, Any]) -> e.Event:
    """The event with other values in some fields; raises ``msgspec.ValidationError`` for a wrong type."""
    raw = {name: getattr(event, name) for name in event.__struct_fields__} | fields
    return msgspec.convert(msgspec.to_builtins(raw), type(event))
