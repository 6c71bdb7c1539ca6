"""The permit file as dated facts: what the events of one stream say, folded once, asked on any date.

The fold keeps every fact with the legal date from which it acts, so that one fold answers for all dates;
``situation`` turns it into what holds on one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from permits_engine.domain.errors import error
from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    ApplicationLodged,
    ApplicationReturned,
    CardReplaced,
    Closed,
    Corrected,
    DecisionExtended,
    DecisionNotified,
    DependentLinked,
    DocumentsRequested,
    DocumentsSupplied,
    EntryBanLifted,
    EntryBanned,
    Event,
    ExaminationReopened,
    ExitRecorded,
    FactNoted,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Issued,
    Lapsed,
    LostByAbsence,
    OpinionRecorded,
    PrincipalEnded,
    PrincipalRestored,
    ReceiptExtended,
    ReceiptIssued,
    Refused,
    Reinstated,
    RemovalAnnulled,
    RemovalCarriedOut,
    RemovalOrdered,
    RenewalRefused,
    RenewalRequested,
    Renewed,
    ReturnRecorded,
    Revoked,
    Transferred,
)
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.state import (
    REFUSED,
    Absence,
    Appeal,
    Ask,
    Decision,
    Dependent,
    EntryBan,
    Notification,
    Opinion,
    Permit,
    PrincipalEnd,
    Receipt,
    Removal,
    RemovalAppeal,
    Request,
    Supply,
    Term,
)

Step = Callable[[Permit, int, Any], None]


def _lodged(permit_id: str, version: int, event: ApplicationLodged) -> Permit:
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
        version=version,
        names=[(event.NAME, event.effective_on)],
        offices=[(event.effective_on, event.prefecture)],
        requests=[Request("application", version, event.effective_on, frozenset(event.missing))],
    )


def _renewal_requested(p: Permit, version: int, x: RenewalRequested) -> None:
    p.requests.append(Request("renewal", version, x.effective_on, frozenset(x.missing), x.track))


def _receipt(p: Permit, version: int, x: ReceiptIssued) -> None:
    p.receipts.append(Receipt(x.effective_on, x.until, p.requests[-1].version, version))


def _receipt_extended(p: Permit, version: int, x: ReceiptExtended) -> None:
    p.receipts.append(Receipt(x.effective_on, x.until, p.requests[-1].version, version, extension=True))


def _asked(p: Permit, version: int, x: DocumentsRequested) -> None:
    p.requests[-1].asks.append(Ask(x.effective_on, frozenset(x.documents), version))


def _supplied(p: Permit, version: int, x: DocumentsSupplied) -> None:
    request = p.requests[-1]
    if (
        len(p.requests) > 1 and x.effective_on < request.filed_on
    ):  # recorded late, for the request of that day
        request = next((r for r in reversed(p.requests) if r.filed_on <= x.effective_on), request)
    request.supplies.append(Supply(x.effective_on, frozenset(x.documents)))


def _returned(p: Permit, version: int, x: ApplicationReturned) -> None:
    request = p.request(x.request)
    if request is not None:
        request.returned_on = x.effective_on


def _extended(p: Permit, version: int, x: DecisionExtended) -> None:
    p.requests[-1].extended = (x.effective_on, x.until)


def _opinion(p: Permit, version: int, x: OpinionRecorded) -> None:
    p.requests[-1].opinions.append(Opinion(x.effective_on, x.body, x.favourable, version))


def _grant(p: Permit, version: int, x: Issued | Renewed | ImplicitlyGranted) -> None:
    track = getattr(x, "track", "standard")
    title = getattr(x, "title_kind", p.title_kind)
    p.terms.append(Term(x.term_number, x.valid_from, x.valid_until, x.effective_on, version, track, title))
    request = getattr(x, "request", p.requests[-1].version)
    kind = x.NAME.removeprefix("permit.")
    p.decisions.append(
        Decision("automatic" if track == "automatic" else kind, version, x.effective_on, request)
    )


def _refused(p: Permit, version: int, x: Refused | RenewalRefused | ImplicitlyRefused) -> None:
    p.decisions.append(Decision(x.NAME.removeprefix("permit."), version, x.effective_on, x.request))


def _revoked(p: Permit, version: int, x: Revoked) -> None:
    p.decisions.append(Decision("revoked", version, x.effective_on))


def _notified(p: Permit, version: int, x: DecisionNotified) -> None:
    decision = p.decision(x.decision_version)
    if decision is not None:
        decision.notifications.append(Notification(x.effective_on, x.regular, version))


def _appealed(p: Permit, version: int, x: Appealed) -> None:
    if x.against == "removal":
        p.removals[-1].appeals.append(RemovalAppeal(version, x.effective_on, x.at))
        return
    decision = p.decision(x.decision_version)
    request = decision.request if decision else p.requests[-1].version
    p.appeals.append(Appeal(version, x.body, x.effective_on, x.decision_version, request))


def _appeal_decided(p: Permit, version: int, x: AppealDecided) -> None:
    if x.against == "removal":
        lodged = p.removals[-1].appeals[-1]
        lodged.decided_on, lodged.outcome = x.effective_on, x.outcome
        return
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


def _exit(p: Permit, version: int, x: ExitRecorded) -> None:
    p.absences.append(Absence(x.effective_on, version))


def _return(p: Permit, version: int, x: ReturnRecorded) -> None:
    for absence in reversed(p.absences):
        if absence.back is None and absence.out <= x.effective_on:
            absence.back = x.effective_on
            return


def _lapsed(p: Permit, version: int, x: Lapsed) -> None:
    p.lapses.append((x.effective_on, x.term_number, version))


def _lost(p: Permit, version: int, x: LostByAbsence) -> None:
    p.losses.append(x.effective_on)


def _transferred(p: Permit, version: int, x: Transferred) -> None:
    p.offices.append((x.effective_on, x.prefecture))


def _closed(p: Permit, version: int, x: Closed) -> None:
    p.closed = (x.effective_on, x.reason)


def _fact(p: Permit, version: int, x: FactNoted) -> None:
    p.facts.append(Fact(x.kind, x.since, x.until, version, x.of))


def _dependent(p: Permit, version: int, x: DependentLinked) -> None:
    known = (x.dependent, x.kind, x.since)
    p.dependents = [d for d in p.dependents if (d.permit_id, d.kind, d.since) != known]
    p.dependents.append(Dependent(x.dependent, x.kind, x.since, x.until))


def _principal_ended(p: Permit, version: int, x: PrincipalEnded) -> None:
    p.principals.append(PrincipalEnd(x.principal, x.how, x.effective_on, version))


def _principal_restored(p: Permit, version: int, x: PrincipalRestored) -> None:
    for end in p.principals:
        if end.principal == x.principal:
            end.restored = True


def _banned(p: Permit, version: int, x: EntryBanned) -> None:
    p.bans.append(EntryBan(version, x.effective_on, x.until, x.order_version))


def _ban_lifted(p: Permit, version: int, x: EntryBanLifted) -> None:
    for ban in p.bans:
        if ban.version == x.ban_version:
            ban.lifted_on = x.effective_on


def _removal(p: Permit, version: int, x: RemovalOrdered) -> None:
    p.removals.append(Removal(version, x.effective_on, x.ground, x.notified_at))


def _removal_carried_out(p: Permit, version: int, x: RemovalCarriedOut) -> None:
    for removal in p.removals:
        if removal.version == x.order_version:
            removal.carried_out_on = x.effective_on


def _removal_annulled(p: Permit, version: int, x: RemovalAnnulled) -> None:
    for removal in p.removals:
        if removal.version == x.order_version:
            removal.annulled_on = x.effective_on
    request = p.requests[-1]
    if any(d.request == request.version and d.kind in REFUSED and d.annulled_on is None for d in p.decisions):
        request.reexamined_on = x.effective_on


def _reopened(p: Permit, version: int, x: ExaminationReopened) -> None:
    request = p.request(x.request)
    if request is not None:
        request.reexamined_on = x.effective_on


def _nothing(p: Permit, version: int, x: Event) -> None:
    """The event is kept for the record and changes nothing that the fold needs."""


STEPS: dict[type[Event], Step] = {
    RenewalRequested: _renewal_requested,
    ReceiptIssued: _receipt,
    ReceiptExtended: _receipt_extended,
    DocumentsRequested: _asked,
    DocumentsSupplied: _supplied,
    ApplicationReturned: _returned,
    DecisionExtended: _extended,
    OpinionRecorded: _opinion,
    Issued: _grant,
    Renewed: _grant,
    ImplicitlyGranted: _grant,
    Refused: _refused,
    RenewalRefused: _refused,
    ImplicitlyRefused: _refused,
    Revoked: _revoked,
    Reinstated: _nothing,
    DecisionNotified: _notified,
    Appealed: _appealed,
    AppealDecided: _appeal_decided,
    Lapsed: _lapsed,
    ExitRecorded: _exit,
    ReturnRecorded: _return,
    LostByAbsence: _lost,
    Transferred: _transferred,
    CardReplaced: _nothing,
    Closed: _closed,
    Corrected: _nothing,
    FactNoted: _fact,
    RemovalOrdered: _removal,
    RemovalAnnulled: _removal_annulled,
    RemovalCarriedOut: _removal_carried_out,
    ExaminationReopened: _reopened,
    EntryBanned: _banned,
    EntryBanLifted: _ban_lifted,
    DependentLinked: _dependent,
    PrincipalEnded: _principal_ended,
    PrincipalRestored: _principal_restored,
}


def apply(permit: Permit, version: int, event: Event) -> Permit:
    """Fold one more event into the file, in place."""
    STEPS[type(event)](permit, version, event)
    permit.version = version
    permit.names.append((event.NAME, event.effective_on))
    return permit


def fold(permit_id: str, history: Iterable[tuple[int, Event]]) -> Permit | None:
    """The file that a stream of (version, event) tells; none for an empty stream.

    Raises ``integrity.broken`` where the stream does not begin with a filing or has a gap.
    """
    told = corrected(history if isinstance(history, list) else list(history))
    if not told:
        return None
    version, event = told[0]
    if not isinstance(event, ApplicationLodged):
        raise error("integrity.broken", f"the history of {permit_id} begins with {event.NAME}")
    permit = _lodged(permit_id, version, event)
    for number, event in told[1:]:
        step = STEPS.get(type(event))
        if step is None or number != version + 1:
            raise error("integrity.broken", f"event {number} of {permit_id} cannot follow {version}")
        step(permit, number, event)
        permit.names.append((event.NAME, event.effective_on))
        version = permit.version = number
    return permit


def corrected(history: Sequence[tuple[int, Event]]) -> Sequence[tuple[int, Event]]:
    """The history as it would read had each corrected field been recorded rightly."""
    fixes: dict[int, dict[str, Any]] = {}
    correction = Corrected
    for _, event in history:
        if type(event) is correction and event.value is not None:
            fixes.setdefault(event.of_version, {})[event.field] = event.value
    if not fixes:
        return history
    return [(v, with_fields(event, fixes[v]) if v in fixes else event) for v, event in history]


def with_fields(event: Event, fields: dict[str, Any]) -> Event:
    """The event with other values in some fields; raises ``msgspec.ValidationError`` for a wrong type."""
    raw = {name: getattr(event, name) for name in event.__struct_fields__} | fields
    return msgspec.convert(msgspec.to_builtins(raw), type(event))


__all__ = [
    "Absence",
    "Appeal",
    "Ask",
    "Decision",
    "Notification",
    "Opinion",
    "Permit",
    "Receipt",
    "Removal",
    "RemovalAppeal",
    "Request",
    "Supply",
    "Term",
    "apply",
    "corrected",
    "fold",
    "with_fields",
]
