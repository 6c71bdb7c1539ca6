"""First applications: filing, opinion, grant, refusal and a new examination."""

from permits_engine.domain.decisions import relaxations, titles
from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.decisions.documents import documents_listed, receipt
from permits_engine.domain.decisions.terms import departure_from, granted_term, last_day, term_fields
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import (
    ApplicationLodged,
    ExaminationReopened,
    Issued,
    OpinionRecorded,
    ReceiptIssued,
    Refused,
)
from permits_engine.domain.periods import term_end

REOPENING_RULES = ("opinion.required", "campaign.criteria", "title.requires")
"""Parameters by which an application can be refused, and which can widen later."""


def valid_filing(case: Case) -> None:
    """Require a category and an office of the jurisdiction, and a holder born by then."""
    c, rules = case.command, case.rules
    categories = rules.need("categories", case.on, {})
    if c.category not in categories:
        raise invalid("category", f"{c.category!r} is not one of {', '.join(categories)}")
    if c.prefecture not in rules.policy.offices:
        raise invalid("prefecture", f"{c.prefecture!r} is not an office of {rules.policy.jurisdiction}")
    if case.holder.age is not None and case.holder.age < 0:
        raise invalid("holder_id", "the holder was born after the day of filing")


def campaign_open(case: Case) -> None:
    """Require an open campaign window, a criterion of the category, and documents that are listed."""
    c, rules, scope = case.command, case.rules, case.scope()
    window = rules.get("campaign.window", case.on, scope)
    campaigns = rules.policy.parameters.get("campaign.window", ())
    if window is None and any(each.covers(scope) for each in campaigns):
        raise error("campaign.closed", f"{c.category} takes no applications on {case.on}")
    if window is not None and not window[0] <= case.on <= window[1]:
        why = f"{c.category} takes applications from {window[0]} to {window[1]}, not on {case.on}"
        raise error("campaign.closed", why, opens=window[0].isoformat(), closes=window[1].isoformat())
    criteria = rules.get("campaign.criteria", case.on, scope)
    if c.criterion not in (criteria or (None,)):
        known = ", ".join(criteria) if criteria else "none"
        why = f"criterion {c.criterion!r} is not one of {c.category}'s: {known}"
        raise error("criterion.unknown", why, criteria=list(criteria or ()))
    documents_listed(case)


def lodge_application(case: Case) -> list[Draft]:
    """Record a first application and its receipt (law 02-03, article 8)."""
    kind, holder = case.need("title.kind"), case.holder
    given = receipt(case, complete=not case.command.missing, timely=True, stage="application")
    attributes = {"nationality": holder.nationality, "sex": holder.sex, "age": holder.age}
    attributes["age_at_most"] = holder.age_at_most
    return [case.draft(ApplicationLodged, title_kind=kind, **attributes), *given]


@recording(OpinionRecorded)
def record_opinion(case: Case) -> list[Draft]:
    """Record a commission's reasoned opinion, based on the criteria of the day."""
    case.find("campaign.shown")
    return [case.draft(OpinionRecorded)]


def opinion_favourable(case: Case) -> None:
    """Require a favourable opinion for a campaign card, or an appeal upheld by the national commission."""
    s, request = case.situation, case.request
    if not case.get("opinion.required", request.filed_on):
        return
    upheld = any(
        a.body == "national_commission"
        and a.outcome == "upheld"
        and a.request == request.version
        and a.decided_on is not None
        and a.decided_on <= case.on
        for a in s.permit.appeals
    )
    if not upheld and (s.opinion is None or not s.opinion.favourable):
        what = "none is recorded" if s.opinion is None else "the latest one is unfavourable"
        why = f"a card of {s.permit.category} needs a favourable opinion of the local commission, and {what}"
        raise error("opinion.missing", why)


@recording(Issued)
def issue_permit(case: Case) -> list[Draft]:
    """Grant a first term from the day of decision."""
    term = granted_term(case, "term.first", case.on, "term.first.maximum")
    granted = titles.grant_fields(case)
    _, relaxed, _ = relaxations.covering(case)
    granted["departs_from"] = departure_from(case, "term.first", case.on, term) or granted["departs_from"]
    last = last_day(case, "term.first", term_end(case.on, term))
    fields = {**term_fields(1, case.on, last, term), **granted, "relaxed": tuple(relaxed)}
    return [case.draft(Issued, title_kind=case.situation.permit.title_kind, **fields)]


@recording(Refused)
def refuse_application(case: Case) -> list[Draft]:
    """Refuse the application, and record what the refusal departs from."""
    rule, relaxed, unknown = relaxations.covering(case)
    due, asks = titles.right_refused(case)
    departs = rule.id if rule is not None and relaxed else due
    basis = {"relaxed": tuple(relaxed), "asks": (*asks, *unknown), "departs_from": departs}
    return [case.draft(Refused, request=case.request.version, **basis)]


def after_refusal(case: Case) -> None:
    """Require a day after the refusal, and no pending appeal."""
    pending, outcome = case.situation.pending_appeal, case.situation.outcome
    if pending is not None:
        raise case.not_allowed(f"an appeal to {pending.body} of {pending.on} is pending")
    if outcome is None or case.on <= outcome.on:
        raise case.not_allowed("it may be examined again from the day after its refusal on")


def criterion_listed(case: Case) -> None:
    """Require that the criterion of the application is one of the rules as known now."""
    criterion = case.situation.permit.criterion
    criteria = case.get("campaign.criteria", case.request.filed_on)
    if criteria is not None and criterion not in criteria:
        why = f"criterion {criterion!r} is not one of {', '.join(criteria)}"
        raise error("criterion.unknown", why, criteria=list(criteria))


@recording(ExaminationReopened, ReceiptIssued)
def reopen_examination(case: Case) -> list[Draft]:
    """Reopen the examination with a receipt; the refusal stays on record without effect."""
    request, outcome = case.request, case.situation.outcome
    assert outcome is not None
    for name in REOPENING_RULES:
        case.find(name, request.filed_on)
    opened = case.draft(ExaminationReopened, request=request.version, decision_version=outcome.version)
    return [opened, *receipt(case, complete=True, timely=True, stage="application")]
