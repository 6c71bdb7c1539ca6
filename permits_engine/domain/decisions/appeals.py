"""What must hold before an appeal is lodged or decided, against a decision or against a removal."""

from __future__ import annotations

from permits_engine.domain.decisions import relaxations, removals
from permits_engine.domain.decisions.case import Case, Draft, not_allowed
from permits_engine.domain.errors import error
from permits_engine.domain.events import AppealDecided, Appealed, Reinstated
from permits_engine.domain.permit import appeal_periods
from permits_engine.domain.phrases import together


def appeal_possible(case: Case) -> None:
    """One appeal at a time, before a body that can be seized, in time."""
    if case.command.against == "removal":
        removals.appeal_possible(case)
        return
    _one_at_a_time(case)
    _available(case)
    _in_time(case)


def _one_at_a_time(case: Case) -> None:
    for appeal in case.situation.permit.appeals:
        if appeal.decided_on is None or appeal.on <= case.on < appeal.decided_on:
            raise not_allowed(case, f"an appeal to {appeal.body} of {appeal.on} is pending")


def appeal_pending(case: Case) -> None:
    """Only a pending appeal is decided."""
    if case.command.against == "removal":
        removals.appeal_pending(case)
        return
    if case.situation.pending_appeal is None:
        raise not_allowed(case, "no appeal is pending")


def _available(case: Case) -> None:
    """The body can be seized against what stands, on that day."""
    s, body = case.situation, case.command.body
    if s.adverse is None:
        raise error("appeal.not_available", f"no decision stands against the holder on {case.on}", body=body)
    rule = appeal_periods.appeal_rule(s, body)
    sits = s.rules.get("appeal.sits", case.on, s.scope(body=body))
    if rule is None or sits is False:
        when = ", when it does not sit" if sits is False else ""
        raise error(
            "appeal.not_available",
            f"{body} cannot be seized against this decision on {case.on}{when}",
            body=body,
        )
    case.rules.used[rule.id] = None
    if appeal_periods.already_ruled(s, body):
        raise error("appeal.not_available", f"{body} has ruled on this decision already", body=body)


def _in_time(case: Case) -> None:
    """An appeal is lodged on or before the last day, where a clock runs."""
    words: list[str] = []
    closes = appeal_periods.appeal_closes(case.situation, case.command.body, words)
    if closes is not None and case.on > closes:
        raise error(
            "appeal.out_of_time",
            f"the time to seize {case.command.body} ended on {closes} ({together(words)})",
            body=case.command.body,
            closes=closes.isoformat(),
        )


def lodge_appeal(case: Case) -> list[Draft]:
    """An appeal against the decision that stands, or against the removal."""
    if case.command.against == "removal":
        return removals.lodge_appeal(case)
    adverse = case.situation.adverse
    assert adverse is not None
    version = adverse[1].version if adverse[1] is not None else 0
    return [case.draft(Appealed, body=case.command.body, decision_version=version)]


def decide_appeal(case: Case) -> list[Draft]:
    """A ruling; upheld against a revocation it gives the title back whole."""
    if case.command.against == "removal":
        return removals.decide_appeal(case)
    appeal, c = case.situation.pending_appeal, case.command
    assert appeal is not None
    rule, relaxed = None, list[str]()
    if appeal.body == "national_commission":
        rule, relaxed, _ = relaxations.covering(case, ruling=True)
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
