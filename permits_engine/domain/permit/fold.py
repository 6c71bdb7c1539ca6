"""The fold: what the events of one stream say about a permit file, as dated facts.

Every fact keeps the legal date from which it takes effect, so one fold answers for all dates; ``situation`` turns
it into what holds on one of them.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from permits_engine.domain.errors import error
from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    ApplicationLodged,
    Closed,
    Corrected,
    DecisionExtended,
    DecisionNotified,
    DependentLinked,
    DocumentsSupplied,
    Event,
    ExitRecorded,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Issued,
    PrincipalRestored,
    Refused,
    RemovalAnnulled,
    RenewalRefused,
    Renewed,
    ReturnRecorded,
)
from permits_engine.domain.permit import state
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.state import IMPLICIT_REFUSAL, REFUSALS, Decision, Permit, Request

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
        age_at_most=event.age_at_most,
        version=version,
        names=[(event.NAME, event.effective_on)],
        offices=[(event.effective_on, event.prefecture)],
        requests=[Request("application", version, event.effective_on, frozenset(event.missing))],
    )


def _supplied(p: Permit, version: int, x: DocumentsSupplied) -> None:
    request = p.requests[-1]
    if len(p.requests) > 1 and x.effective_on < request.filed_on:  # recorded late, for an earlier request
        request = next((r for r in reversed(p.requests) if r.filed_on <= x.effective_on), request)
    request.supplies.append(state.Supply(x.effective_on, frozenset(x.documents)))


def _granted(p: Permit, version: int, x: Issued | Renewed | ImplicitlyGranted) -> None:
    track = getattr(x, "track", "standard")
    title = getattr(x, "title_kind", p.title_kind)
    kind = "automatic" if track == "automatic" else x.NAME.removeprefix("permit.")
    term = state.Term(x.term_number, x.valid_from, x.valid_until, x.effective_on, version, track, title, kind)
    p.take(Decision(kind, version, x.effective_on, getattr(x, "request", p.requests[-1].version)), term)


def _refused(p: Permit, version: int, x: Refused | RenewalRefused | ImplicitlyRefused) -> None:
    p.take(Decision(x.NAME.removeprefix("permit."), version, x.effective_on, x.request))


def _appealed(p: Permit, version: int, x: Appealed) -> None:
    if x.against == "removal":
        p.removals[-1].appeals.append(state.Appeal(version, x.body, x.effective_on, x.decision_version))
        return
    decision = p.decision(x.decision_version)
    request = decision.request if decision else p.requests[-1].version
    p.appeals.append(state.Appeal(version, x.body, x.effective_on, x.decision_version, request))


def _appeal_decided(p: Permit, version: int, x: AppealDecided) -> None:
    if x.against == "removal":
        lodged = p.removals[-1].appeals[-1]
        lodged.decided_on, lodged.outcome = x.effective_on, x.outcome
        return
    appeal = _decided_appeal(p, x)
    if appeal is None:
        return
    if x.by_silence:
        appeal.silence_recorded = x.effective_on
        return
    appeal.ruling = version
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
            if each.request == request.version and each.kind == IMPLICIT_REFUSAL:
                each.annulled_on = each.annulled_on or x.effective_on


def _decided_appeal(p: Permit, x: AppealDecided) -> state.Appeal | None:
    """Return the appeal that a ruling answers: the one it names, else the latest before that body without an answer."""
    if x.appeal_version is not None:
        return next((a for a in p.appeals if a.version == x.appeal_version), None)
    waiting = [a for a in p.appeals if a.decided_on is None]
    return next((a for a in reversed(waiting) if a.body == x.body), waiting[-1] if waiting else None)


def _exit(p: Permit, version: int, x: ExitRecorded) -> None:
    insort(p.absences, state.Absence(x.effective_on, version), key=lambda absence: absence.out)


def _return(p: Permit, version: int, x: ReturnRecorded) -> None:
    for absence in reversed(p.absences):
        if absence.back is None and absence.out <= x.effective_on:
            absence.back = x.effective_on
            return


def _dependent(p: Permit, version: int, x: DependentLinked) -> None:
    known = (x.dependent, x.kind, x.since)
    p.dependents = [d for d in p.dependents if (d.permit_id, d.kind, d.since) != known]
    p.dependents.append(state.Dependent(x.dependent, x.kind, x.since, x.until))


def _extended(p: Permit, version: int, x: DecisionExtended) -> None:
    p.requests[-1].extended = (x.effective_on, x.until)


def _closed(p: Permit, version: int, x: Closed) -> None:
    p.closed = (x.effective_on, x.reason)


def _principal_restored(p: Permit, version: int, x: PrincipalRestored) -> None:
    for end in p.principals:
        if end.principal == x.principal:
            end.restored = True


def _removal_annulled(p: Permit, version: int, x: RemovalAnnulled) -> None:
    _dated("removals", "order_version", "annulled_on")(p, version, x)
    if x.title is not None:
        for each in p.removals:
            each.title = x.title if each.version == x.order_version else each.title
        return
    request = p.requests[-1]
    refused = REFUSALS | {IMPLICIT_REFUSAL}
    if any(d.request == request.version and d.kind in refused and d.annulled_on is None for d in p.decisions):
        request.reexamined_on = x.effective_on


def _notified(p: Permit, version: int, x: DecisionNotified) -> None:
    ruled = (a for a in p.appeals if a.ruling == x.decision_version)
    decision = p.decision(x.decision_version) or next(ruled, None)
    if decision is not None:
        decision.notifications.append(state.Notification(x.effective_on, x.regular, version))


def _dated(items: str, key: str, field: str) -> Step:
    """Return a step that enters the event's date in the element whose version the event names in ``key``."""

    def step(p: Permit, version: int, x: Event) -> None:
        wanted = getattr(x, key)
        for each in getattr(p, items):
            if each.version == wanted:
                setattr(each, field, x.effective_on)

    return step


STEPS: dict[str, Step] = {
    "permit.renewal_requested": lambda p, v, x: p.requests.append(
        Request("renewal", v, x.effective_on, frozenset(x.missing), x.track)
    ),
    "permit.receipt_issued": lambda p, v, x: p.receipts.append(
        state.Receipt(x.effective_on, x.until, p.requests[-1].version, v)
    ),
    "permit.receipt_extended": lambda p, v, x: p.receipts.append(
        state.Receipt(x.effective_on, x.until, p.requests[-1].version, v, extension=True)
    ),
    "permit.documents_requested": lambda p, v, x: p.requests[-1].asks.append(
        state.Ask(x.effective_on, frozenset(x.documents), v)
    ),
    "permit.documents_supplied": _supplied,
    "permit.application_returned": _dated("requests", "request", "returned_on"),
    "permit.decision_extended": _extended,
    "permit.opinion_recorded": lambda p, v, x: p.requests[-1].opinions.append(
        state.Opinion(x.effective_on, x.body, x.favourable, v)
    ),
    "permit.issued": _granted,
    "permit.renewed": _granted,
    "permit.implicitly_granted": _granted,
    "permit.refused": _refused,
    "permit.renewal_refused": _refused,
    "permit.implicitly_refused": _refused,
    "permit.revoked": lambda p, v, x: p.take(Decision("revoked", v, x.effective_on)),
    "permit.decision_notified": _notified,
    "permit.appealed": _appealed,
    "permit.appeal_decided": _appeal_decided,
    "permit.lapsed": lambda p, v, x: p.lapses.append((x.effective_on, x.term_number, v)),
    "permit.exit_recorded": _exit,
    "permit.return_recorded": _return,
    "permit.lost_by_absence": lambda p, v, x: p.losses.append(x.effective_on),
    "permit.transferred": lambda p, v, x: p.offices.append((x.effective_on, x.prefecture)),
    "permit.closed": _closed,
    "permit.fact_recorded": lambda p, v, x: p.facts.append(Fact(x.kind, x.since, x.until, v, x.of)),
    "permit.removal_ordered": lambda p, v, x: p.removals.append(
        state.Removal(v, x.effective_on, x.ground, x.notified_at)
    ),
    "permit.removal_annulled": _removal_annulled,
    "permit.removal_carried_out": _dated("removals", "order_version", "carried_out_on"),
    "permit.examination_reopened": _dated("requests", "request", "reexamined_on"),
    "permit.entry_banned": lambda p, v, x: p.bans.append(
        state.EntryBan(v, x.effective_on, x.until, x.order_version)
    ),
    "permit.entry_ban_lifted": _dated("bans", "ban_version", "lifted_on"),
    "permit.dependent_linked": _dependent,
    "permit.principal_ended": lambda p, v, x: p.principals.append(
        state.PrincipalEnd(x.principal, x.how, x.effective_on, v)
    ),
    "permit.principal_restored": _principal_restored,
    # Kept for the record; the fold needs nothing of them.
    "permit.reinstated": lambda p, v, x: None,
    "permit.card_replaced": lambda p, v, x: None,
    "permit.corrected": lambda p, v, x: None,
}
"""What each event that follows the filing enters in the file; ``p`` is the file, ``v`` the event's version."""

_QUESTIONING = frozenset(
    f"permit.{name}"
    for name in (
        "documents_requested",
        "documents_supplied",
        "decision_extended",
        "issued",
        "refused",
        "renewal_requested",
        "renewed",
        "renewal_refused",
        "revoked",
        "reinstated",
        "decision_notified",
        "appealed",
        "appeal_decided",
        "exit_recorded",
        "return_recorded",
        "closed",
        "examination_reopened",
        "removal_annulled",
    )
)
"""Facts that, recorded late, may change what the law has done by date since."""


def _enter(permit: Permit, version: int, event: Event, step: Step) -> None:
    name = event.NAME
    if name in _QUESTIONING and not is_by_law(event):
        permit.question((event.effective_on, version))
    step(permit, version, event)
    permit.version = version
    permit.names.append((name, event.effective_on))


def is_by_law(event: Event) -> bool:
    """Return whether an event records what the law did by date, among those that can also be a decision."""
    return (isinstance(event, Renewed) and event.track == "automatic") or (
        isinstance(event, AppealDecided) and event.by_silence
    )


def apply(permit: Permit, version: int, event: Event) -> Permit:
    """Fold one more event into the file, in place, and return the file."""
    _enter(permit, version, event, STEPS[event.NAME])
    return permit


def fold(permit_id: str, history: Iterable[tuple[int, Event]]) -> Permit | None:
    """Return the file that a stream of (version, event) tells; none for an empty stream.

    Raises ``integrity.broken`` where the stream does not begin with a filing or has a gap.
    """
    recorded = history if isinstance(history, list) else list(history)
    numbered = corrected(recorded)
    if not numbered:
        return None
    version, event = numbered[0]
    if not isinstance(event, ApplicationLodged):
        raise error("integrity.broken", f"the history of {permit_id} begins with {event.NAME}")
    permit = _lodged(permit_id, version, event)
    for number, event in numbered[1:]:
        step = STEPS.get(event.NAME)
        if step is None or number != version + 1:
            raise error("integrity.broken", f"event {number} of {permit_id} cannot follow {version}")
        if type(event) is Corrected and event.of_version <= len(numbered):
            before, after = recorded[event.of_version - 1][1], numbered[event.of_version - 1][1]
            permit.question((min(before.effective_on, after.effective_on), event.of_version))
        _enter(permit, number, event, step)
        version = number
    return permit


def corrected(history: Sequence[tuple[int, Event]]) -> Sequence[tuple[int, Event]]:
    """Return the history with every correction of a clear field applied to the event that it corrects."""
    fixes: dict[int, dict[str, Any]] = {}
    for _, event in history:
        if type(event) is Corrected and event.value is not None:
            fixes.setdefault(event.of_version, {})[event.field] = event.value
    if not fixes:
        return history
    return [(v, with_fields(event, fixes[v]) if v in fixes else event) for v, event in history]


def with_fields(event: Event, fields: dict[str, Any]) -> Event:
    """Return the event with other values in some fields; raise ``msgspec.ValidationError`` for a wrong type."""
    raw = {name: getattr(event, name) for name in event.__struct_fields__} | fields
    return msgspec.convert(msgspec.to_builtins(raw), type(event))
