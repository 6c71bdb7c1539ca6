"""What each command leads to: drafts of events with the rules that allowed them."""

from __future__ import annotations

from permits_engine.domain.decisions import relaxations, titles
from permits_engine.domain.decisions.case import Case, Draft, not_allowed
from permits_engine.domain.decisions.documents import documents_listed
from permits_engine.domain.decisions.receipts import receipt
from permits_engine.domain.decisions.terms import departure_from, granted_term, last_day
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import (
    ApplicationLodged,
    ExaminationReopened,
    Issued,
    OpinionRecorded,
    Refused,
    RenewalRefused,
)
from permits_engine.domain.periods import term_end


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


def record_opinion(case: Case) -> list[Draft]:
    """A commission's reasoned opinion, on the criteria as they then were."""
    c = case.command
    case.rules.find("campaign.shown", case.on, case.scope())
    return [case.draft(OpinionRecorded, body=c.body, favourable=c.favourable, reasons=c.reasons)]


def issue_permit(case: Case) -> list[Draft]:
    """A first term from the day of decision."""
    c = case.command
    term = granted_term(case, "term.first", case.on, "term.first.maximum")
    granted = titles.grant_fields(case)
    _, relaxed, _ = relaxations.covering(case)
    departs = departure_from(case, "term.first", case.on, term) or granted["departs_from"]
    return [
        case.draft(
            Issued,
            term_number=1,
            valid_from=case.on,
            valid_until=last_day(case, "term.first", term_end(case.on, term)),
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


def refuse_request(case: Case) -> list[Draft]:
    """A refusal of the request that is under review, with its reasons."""
    c, request = case.command, case.situation.request
    assert request is not None
    reasons = {"reasons_in_fact": c.reasons_in_fact, "reasons_in_law": c.reasons_in_law}
    if request.kind != "application":
        return [case.draft(RenewalRefused, request=request.version, **reasons)]
    rule, relaxed, unknown = relaxations.covering(case)
    due, asks = titles.right_refused(case)
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


def valid_filing(case: Case) -> None:
    """A first application names a category and an office of the country, for somebody born by then."""
    c, rules = case.command, case.rules
    categories = rules.need("categories", case.on, {})
    if c.category not in categories:
        raise invalid("category", f"{c.category!r} is not one of {', '.join(categories)}")
    if c.prefecture not in rules.policy.offices:
        raise invalid("prefecture", f"{c.prefecture!r} is not an office of {rules.policy.jurisdiction}")
    if case.holder.age is not None and case.holder.age < 0:
        raise invalid("holder_id", "the holder was born after the day of filing")


def campaign_open(case: Case) -> None:
    """A first application: campaign window, criterion and documents."""
    c, rules, scope = case.command, case.rules, case.scope()
    window = rules.get("campaign.window", case.on, scope)
    campaigns = rules.policy.parameters.get("campaign.window", ())
    if window is None and any(each.covers(scope) for each in campaigns):
        raise error("campaign.closed", f"{c.category} takes no applications on {case.on}")
    if window is not None and not window[0] <= case.on <= window[1]:
        raise error(
            "campaign.closed",
            f"{c.category} takes applications from {window[0]} to {window[1]}, not on {case.on}",
            opens=window[0].isoformat(),
            closes=window[1].isoformat(),
        )
    criteria = rules.get("campaign.criteria", case.on, scope)
    if c.criterion not in (criteria or (None,)):
        known = ", ".join(criteria) if criteria else "none"
        raise error(
            "criterion.unknown",
            f"criterion {c.criterion!r} is not one of {c.category}'s: {known}",
            criteria=list(criteria or ()),
        )
    documents_listed(case)


def opinion_favourable(case: Case) -> None:
    """A campaign card needs a favourable opinion, or an appeal upheld by the national commission."""
    s, request = case.situation, case.situation.request
    assert request is not None
    if not case.rules.get("opinion.required", request.filed_on, case.scope()):
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
        raise error(
            "opinion.missing",
            f"a card of {s.permit.category} needs a favourable opinion of the local commission, and {what}",
        )


REOPENING_RULES = ("opinion.required", "campaign.criteria", "title.requires")
"""On what an application may have been refused, and what may have widened."""


def after_refusal(case: Case) -> None:
    """A refusal stands on its own day, and nothing is opened again while an appeal is pending."""
    s, outcome = case.situation, case.situation.outcome
    if s.pending_appeal is not None:
        raise not_allowed(case, f"an appeal to {s.pending_appeal.body} of {s.pending_appeal.on} is pending")
    if outcome is None or case.on <= outcome.on:
        raise not_allowed(case, "it may be examined again from the day after its refusal on")


def criterion_listed(case: Case) -> None:
    """The criterion of the application is one of the rules' own, as they are known now."""
    s, request = case.situation, case.situation.request
    assert request is not None
    criteria = case.rules.get("campaign.criteria", request.filed_on, case.scope())
    if criteria is not None and s.permit.criterion not in criteria:
        raise error(
            "criterion.unknown",
            f"criterion {s.permit.criterion!r} is not one of {', '.join(criteria)}",
            criteria=list(criteria),
        )


def reopen_examination(case: Case) -> list[Draft]:
    """The application is under review again, with a receipt; the refusal stays on record and counts no more."""
    request, outcome = case.situation.request, case.situation.outcome
    assert request is not None and outcome is not None
    for name in REOPENING_RULES:
        case.rules.find(name, request.filed_on, case.scope())
    opened = case.draft(ExaminationReopened, request=request.version, decision_version=outcome.version)
    return [opened, *receipt(case, complete=True, timely=True, stage="application")]
