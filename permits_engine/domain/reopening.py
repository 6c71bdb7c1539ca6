"""A refused application examined again because the rules have widened: not an annulment, from that day on only."""

from __future__ import annotations

from permits_engine.domain.acts import receipt
from permits_engine.domain.case import Case, Draft, refuse
from permits_engine.domain.errors import error
from permits_engine.domain.events import ExaminationReopened

GROUNDS = ("opinion.required", "campaign.criteria", "title.requires")
"""On what an application may have been refused, and what may have widened."""


def later_than_refused(case: Case) -> None:
    """A refusal stands on its own day, and nothing is opened again while an appeal is pending."""
    s, outcome = case.situation, case.situation.outcome
    if s.pending_appeal is not None:
        raise refuse(case, f"an appeal to {s.pending_appeal.body} of {s.pending_appeal.on} is pending")
    if outcome is None or case.on <= outcome.on:
        raise refuse(case, "it may be examined again from the day after its refusal on")


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
    for name in GROUNDS:
        case.rules.find(name, request.filed_on, case.scope())
    opened = case.draft(ExaminationReopened, request=request.version, decision_version=outcome.version)
    return [opened, *receipt(case, complete=True, timely=True, stage="application")]
