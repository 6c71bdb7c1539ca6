"""What each command leads to: drafts of events with the rules that allowed them."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from permits_engine.domain import duties, majority, relaxation, removing, titles
from permits_engine.domain.case import Case, Draft, refuse
from permits_engine.domain.clocks import Period, add, term_end
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    ApplicationLodged,
    CardReplaced,
    Closed,
    Corrected,
    DecisionExtended,
    DecisionNotified,
    DocumentsRequested,
    DocumentsSupplied,
    Event,
    ExitRecorded,
    Issued,
    OpinionRecorded,
    ReceiptIssued,
    Refused,
    Reinstated,
    RenewalRefused,
    RenewalRequested,
    Renewed,
    ReturnRecorded,
    Revoked,
    Transferred,
)
from permits_engine.domain.permit import Decision, with_fields


def lodge_application(case: Case) -> list[Draft]:
    """A first request and its receipt (law 02-03, article 8)."""
    c, holder = case.command, case.holder
    kind = case.rules.need("title.kind", case.on, case.scope())
    given = receipt(case, complete=not c.missing, timely=True, stage="application")
    lodged = case.draft(
        ApplicationLodged,
        holder_id=c.holder_id,
        jurisdiction=c.jurisdiction,
        category=c.category,
        prefecture=c.prefecture,
        title_kind=kind,
        criterion=c.criterion,
        missing=tuple(c.missing),
        nationality=holder.nationality,
        sex=holder.sex,
        age=holder.age,
        file_number=c.file_number,
    )
    return [lodged, *given]


def receipt(case: Case, *, complete: bool, timely: bool, stage: str) -> list[Draft]:
    """The receipt of a request, where the rules give one (law 02-03, article 8)."""
    scope = case.scope(stage=stage)
    given = case.rules.get("receipt.given", case.on, scope)
    if given == "complete_and_timely" and not (complete and timely):
        return []
    term = case.rules.need("receipt.term", case.on, scope)
    return [case.draft(ReceiptIssued, until=add(case.on, term))]


def request_renewal(case: Case) -> list[Draft]:
    """A request to renew; complete, timely and undisputed campaign files go on the expedited track."""
    s, c = case.situation, case.command
    until = s.timely_until
    timely = until is None or case.on <= until
    expedited = not c.missing and timely and not s.proceedings
    expedited = expedited and bool(case.rules.get("renewal.expedited", case.on, case.scope(stage="renewal")))
    given = receipt(case, complete=not c.missing, timely=timely, stage="renewal")
    requested = case.draft(
        RenewalRequested,
        missing=tuple(c.missing),
        track="expedited" if expedited else "standard",
        timely=timely,
    )
    return [requested, *given]


def supply_documents(case: Case) -> list[Draft]:
    """Documents came in; a file that this completes may now get its receipt."""
    s, request = case.situation, case.situation.request
    assert request is not None
    supplied = case.draft(DocumentsSupplied, documents=tuple(case.command.documents))
    completes = bool(request.missing) and not (s.outstanding(request) - set(case.command.documents))
    if completes and not any(r.request == request.version for r in s.permit.receipts):
        return [supplied, *receipt(case, complete=True, timely=s.is_timely(request), stage=request.kind)]
    return [supplied]


def request_documents(case: Case) -> list[Draft]:
    """The office asks for documents, which suspends its time to decide."""
    c = case.command
    return [case.draft(DocumentsRequested, documents=tuple(c.documents), reason=c.reason)]


def extend_decision(case: Case) -> list[Draft]:
    """The time to decide gets a new end."""
    return [case.draft(DecisionExtended, reason=case.command.reason, until=case.command.until)]


def record_opinion(case: Case) -> list[Draft]:
    """A commission's reasoned opinion, on the criteria as they then were."""
    c = case.command
    case.rules.find("campaign.shown", case.on, case.scope())
    return [case.draft(OpinionRecorded, body=c.body, favourable=c.favourable, reasons=c.reasons)]


def issue_permit(case: Case) -> list[Draft]:
    """A first term from the day of decision."""
    c = case.command
    term = _term(case, "term.first", case.on, "term.first.maximum")
    granted = titles.granting(case)
    _, relaxed, _ = relaxation.covering(case)
    departs = _departure(case, "term.first", case.on, term) or granted["departs_from"]
    return [
        case.draft(
            Issued,
            term_number=1,
            valid_from=case.on,
            valid_until=_last_day(case, "term.first", term_end(case.on, term)),
            term=str(term),
            title_kind=case.situation.permit.title_kind,
            ground=granted["ground"],
            relaxed=tuple(relaxed),
            asks=granted["asks"],
            beside=granted["beside"],
            departs_from=departs,
            card_number=c.card_number,
        )
    ]


def _last_day(case: Case, name: str, last: date) -> date:
    """The last day of a term; a title that is for minors ends with minority."""
    scope = case.scope(stage="application" if name == "term.first" else "renewal")
    if not case.rules.get("term.until_majority", case.on, scope):
        return last
    minority = majority.minority(case.situation)
    if minority is None or minority.until is None or minority.until < case.on:
        return last
    return min(last, minority.until)


def _departure(case: Case, name: str, valid_from: date, term: Period) -> str | None:
    """The rule that gives a longer term as of right, where the office gives a shorter one all the same.

    Nobody is stopped from recording what happened; that it departs from the law stays on the record.
    """
    scope = case.scope(stage="application" if name == "term.first" else "renewal")
    if case.rules.get("term.shorter", case.on, scope) != "departure":
        return None
    rule = case.rules.find(name, case.on, scope)
    if rule is None or not isinstance(rule.value, Period):
        return None
    return rule.id if term_end(valid_from, term) < term_end(valid_from, rule.value) else None


def _term(case: Case, name: str, valid_from: date, most: str) -> Period:
    """The term asked for within the law's bounds, or the policy's."""
    stage = "application" if name == "term.first" else "renewal"
    scope = case.scope(stage=stage)
    default: Period = case.rules.need(name, case.on, scope)
    if case.command.term is None:
        return default
    asked = Period.parse(case.command.term)
    try:
        end = term_end(valid_from, asked)
    except ValueError as problem:
        raise invalid("term", str(problem)) from None
    longest = case.rules.get(most, case.on, scope) or default
    shortest = case.rules.get("term.minimum", case.on, scope)
    if asked.hours or end < valid_from or (shortest and end < term_end(valid_from, shortest)):
        raise invalid("term", f"{asked} is shorter than the law's least term, {shortest}")
    if end > term_end(valid_from, longest):
        raise invalid("term", f"{asked} is longer than the longest term allowed here, {longest}")
    return asked


def renew_permit(case: Case) -> list[Draft]:
    """A further term from the end of the last one, or from the day of decision where filed late and later."""
    s, c, request, last = case.situation, case.command, case.situation.request, case.situation.term
    assert request is not None and last is not None
    valid_from = titles.next_begins(s, request, last, case.on)
    term = _term(case, "term.renewal", valid_from, "term.maximum")
    default: Period = case.rules.need("term.renewal", case.on, case.scope(stage="renewal"))
    departs = _departure(case, "term.renewal", valid_from, term)
    shorter = departs is None and term_end(valid_from, term) < term_end(valid_from, default)
    exclusion = c.exclusion.model_dump() if c.exclusion is not None else None
    if exclusion is not None and not shorter:
        raise invalid("exclusion", f"belongs to a term shorter than {default}; name the shorter term")
    if shorter and not (exclusion and all(str(v).strip() for v in exclusion.values())):
        raise error(
            "exclusion.reasons_missing",
            f"a term shorter than {default} needs an exclusion: fact, reasons in fact and reasons in law",
            term=str(term),
            policy_term=str(default),
        )
    return [
        case.draft(
            Renewed,
            term_number=last.number + 1,
            valid_from=valid_from,
            valid_until=_last_day(case, "term.renewal", term_end(valid_from, term)),
            term=str(term),
            track=request.track,
            request=request.version,
            excluded=exclusion is not None,
            departs_from=departs,
            card_number=c.card_number,
            exclusion=exclusion,
        )
    ]


def refuse_request(case: Case) -> list[Draft]:
    """A refusal of the request that is under review, with its reasons."""
    c, request = case.command, case.situation.request
    assert request is not None
    reasons = {"reasons_in_fact": c.reasons_in_fact, "reasons_in_law": c.reasons_in_law}
    if request.kind != "application":
        return [case.draft(RenewalRefused, request=request.version, **reasons)]
    rule, relaxed, unknown = relaxation.covering(case)
    due, asks = titles.refusing(case)
    return [
        case.draft(
            Refused,
            request=request.version,
            relaxed=tuple(relaxed),
            asks=(*asks, *unknown),
            departs_from=rule.id if rule is not None and relaxed else due,
            **reasons,
        )
    ]


def revoke_permit(case: Case) -> list[Draft]:
    """A withdrawal of the title (law 02-03, article 19)."""
    c = case.command
    return [
        case.draft(
            Revoked, ground=c.ground, reasons_in_fact=c.reasons_in_fact, reasons_in_law=c.reasons_in_law
        )
    ]


NOTIFIABLE = frozenset({"issued", "renewed", "refused", "renewal_refused", "revoked"})


def _to_notify(case: Case) -> Decision:
    decisions = [d for d in case.situation.permit.decisions if d.kind in NOTIFIABLE and d.on <= case.on]
    wanted = case.command.decision_version
    if wanted is not None:
        found = next((d for d in decisions if d.version == wanted), None)
        if found is None:
            listed = ", ".join(str(d.version) for d in decisions) or "none"
            raise invalid("decision_version", f"event {wanted} is no decision to notify; there is: {listed}")
        if found.notified_on(date.max) is not None:
            raise refuse(case, f"decision {wanted} was regularly notified already")
        return found
    for decision in reversed(decisions):
        if decision.annulled_on is None and decision.notified_on(date.max) is None:
            return decision
    raise refuse(case, "there is no decision left to notify")


def notify_decision(case: Case) -> list[Draft]:
    """A notification; regular only in a form that the policy names, with proof (law 03-01)."""
    c, decision = case.command, _to_notify(case)
    proven = bool(c.proof and c.proof.strip())
    regular = _is_regular(case, c.mode, proven)
    return [
        case.draft(
            DecisionNotified,
            decision_version=decision.version,
            mode=c.mode,
            regular=regular,
            proven=proven,
            proof=c.proof,
        )
    ]


def _is_regular(case: Case, mode: str, proven: bool) -> bool:
    forms = case.rules.get("notification.regular", case.on, case.scope()) or ()
    return proven and mode in forms


def lodge_appeal(case: Case) -> list[Draft]:
    """An appeal against the decision that stands, or against the removal."""
    if case.command.against == "removal":
        return removing.contest(case)
    adverse = case.situation.adverse
    assert adverse is not None
    version = adverse[1].version if adverse[1] is not None else 0
    return [case.draft(Appealed, body=case.command.body, decision_version=version)]


def decide_appeal(case: Case) -> list[Draft]:
    """A ruling; upheld against a revocation it gives the title back whole."""
    if case.command.against == "removal":
        return removing.rule(case)
    appeal, c = case.situation.pending_appeal, case.command
    assert appeal is not None
    rule, relaxed = None, list[str]()
    if appeal.body == "national_commission":
        rule, relaxed, _ = relaxation.covering(case, ruling=True)
    departs = rule.id if rule is not None and relaxed and c.outcome == "dismissed" else None
    ruled = case.draft(
        AppealDecided,
        body=appeal.body,
        outcome=c.outcome,
        decision_version=appeal.against,
        relaxed=tuple(relaxed),
        departs_from=departs,
        reasons=c.reasons,
    )
    decision = case.situation.permit.decision(appeal.against)
    if c.outcome == "upheld" and decision is not None and decision.kind == "revoked":
        return [ruled, case.draft(Reinstated, decision_version=decision.version)]
    return [ruled]


def record_exit(case: Case) -> list[Draft]:
    """The holder left."""
    return [case.draft(ExitRecorded)]


def record_return(case: Case) -> list[Draft]:
    """The holder came back."""
    return [case.draft(ReturnRecorded)]


def transfer_file(case: Case) -> list[Draft]:
    """The sending office hands the file over."""
    return [case.draft(Transferred, prefecture=case.command.prefecture)]


def replace_card(case: Case) -> list[Draft]:
    """Another card for the same term."""
    c = case.command
    return [case.draft(CardReplaced, reason=c.reason, card_number=c.card_number)]


def close_permit(case: Case) -> list[Draft]:
    """The end of the permit."""
    return [case.draft(Closed, reason=case.command.reason)]


def correct_record(case: Case) -> list[Draft]:
    """A correction of one field of an earlier event, appended."""
    c, target = case.command, case.target
    assert target is not None
    fixed = with_fields(target, {c.field: c.value})
    drafts = [_correction(case, target, c.field, msgspec.to_builtins(getattr(fixed, c.field)))]
    if isinstance(fixed, DecisionNotified) and c.field in {"mode", "proof"}:
        proven = bool(c.value.strip()) if c.field == "proof" else fixed.proven
        regular = _is_regular(case, fixed.mode, proven)
        if regular != fixed.regular:
            drafts.append(_correction(case, target, "regular", regular))
    return drafts


def _correction(case: Case, target: Event, field: str, value: Any) -> Draft:
    sealed = field in target.SEALED
    return case.draft(
        Corrected,
        of_version=case.command.of_version,
        field=field,
        value=None if sealed else value,
        sealed_value=value if sealed else None,
        reason=case.command.reason,
    )


def run_clock(case: Case) -> list[Draft]:
    """Everything that time alone has brought about and nobody has recorded yet."""
    return duties.due(case)
