"""Appeals against a decision; those against a removal are decided in ``removals``."""

from permits_engine.domain.decisions import relaxations, removals
from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.errors import error
from permits_engine.domain.events import AppealDecided, Appealed, Reinstated, RemovalAnnulled
from permits_engine.domain.permit import appeal_periods
from permits_engine.domain.permit.proceedings import ROADS
from permits_engine.domain.permit.state import Appeal
from permits_engine.domain.phrases import together
from permits_engine.domain.rules.competence import roles_for


def appeal_possible(case: Case) -> None:
    """Require a body competent for the appeal, its time not over, and no appeal pending on the same road."""
    if case.command.against == "removal":
        removals.appeal_possible(case)
        return
    pending = case.situation.pending_on_road(case.command.body)
    if pending is not None:
        raise case.not_allowed(f"an appeal to {pending.body} of {pending.on} is pending")
    _check_later(case)
    _check_body(case)
    _check_time(case)


def _check_later(case: Case) -> None:
    """Refuse an appeal of an earlier day that would still wait when the one on record was lodged on its road."""
    s, body = case.situation, case.command.body
    for later in s.permit.appeals:
        if later.on <= case.on or ROADS[later.body] != ROADS[body] or not appeal_periods.is_against(s, later):
            continue
        silent = s.silent_on(Appeal(0, body, case.on, later.against))
        if silent is None or later.on < silent:
            why = f"an appeal to {later.body} of {later.on} is on record; where it was lodged on {case.on}, correct"
            later_event = ("permit.appealed", later.on)
            raise case.not_allowed(f"{why} its day (correct_record, of_version {later.version})", later_event)


def _check_body(case: Case) -> None:
    s, body = case.situation, case.command.body
    if s.adverse is None:
        why = f"no decision against the holder is in force on {case.on}"
        raise error("appeal.not_available", why, body=body)
    rule = appeal_periods.appeal_rule(s, body)
    sits = s.rules.get("appeal.sits", case.on, s.scope(body=body))
    if rule is None or sits is False:
        when = ", when it does not sit" if sits is False else ""
        why = f"no appeal to {body} is possible against this decision on {case.on}{when}"
        raise error("appeal.not_available", why, body=body)
    case.rules.used[rule.id] = None
    if appeal_periods.already_ruled(s, body):
        raise error("appeal.not_available", f"{body} has ruled on this decision already", body=body)


def _check_time(case: Case) -> None:
    words: list[str] = []
    until = appeal_periods.closing(case.situation, case.command.body, words)
    if until is not None and not appeal_periods.is_open(case.situation, case.command.body):
        uncertain = appeal_periods.bounds(case.situation, case.command.body, until)
        last = until.last if uncertain is None else uncertain.latest
        closes = last or until.first
        why = f"the time to appeal to {case.command.body} ended on {closes} ({together(words)})"
        raise error("appeal.out_of_time", why, body=case.command.body, closes=closes.isoformat())


def appeal_pending(case: Case) -> None:
    """Require an appeal to answer: one that is pending, or that only silence has rejected."""
    if case.command.against == "removal":
        removals.appeal_pending(case)
    elif appeal_to_answer(case) is None:
        raise case.not_allowed("no appeal is pending")


def appeal_to_answer(case: Case) -> Appeal | None:
    """Return the appeal that a ruling answers: that before the body named, or one that the actor may answer."""
    answerable, body = case.situation.answerable, case.command.body
    if body is not None:
        answerable = [appeal for appeal in answerable if appeal.body == body]
    mine = [appeal for appeal in answerable if case.actor.role in _roles(case, appeal.body)]
    found = mine or answerable
    return found[-1] if found else None


def _roles(case: Case, body: str) -> dict[str, str]:
    return roles_for(case.rules, case.on, "decide_appeal", body, case.situation.prefecture)


@recording(Appealed)
def lodge_appeal(case: Case) -> list[Draft]:
    """Record an appeal against the decision in force, or against the removal."""
    if case.command.against == "removal":
        return removals.lodge_appeal(case)
    adverse = case.situation.adverse
    assert adverse is not None
    version = adverse[1].version if adverse[1] is not None else 0
    return [case.draft(Appealed, decision_version=version, at=None)]


@recording(AppealDecided, Reinstated, RemovalAnnulled)
def decide_appeal(case: Case) -> list[Draft]:
    """Record a ruling; one that annuls a revocation restores the title in full."""
    if case.command.against == "removal":
        return removals.decide_appeal(case)
    appeal, outcome = appeal_to_answer(case), case.command.outcome
    assert appeal is not None
    rule, relaxed = None, list[str]()
    if appeal.body == "national_commission":
        rule, relaxed, _ = relaxations.covering(case, ruling=True)
    ruled = case.draft(
        AppealDecided,
        body=appeal.body,
        decision_version=appeal.against,
        appeal_version=appeal.version,
        relaxed=tuple(relaxed),
        departs_from=rule.id if rule is not None and relaxed and outcome == "dismissed" else None,
        at=None,
    )
    decision = case.situation.permit.decision(appeal.against)
    if outcome == "upheld" and decision is not None and decision.kind == "revoked":
        return [ruled, case.draft(Reinstated, decision_version=decision.version)]
    return [ruled]
