"""Periods for appeals: to which bodies, from which day, until when."""

from datetime import date

from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.rules.policy import Silence, Value, count_of

BODIES = ("national_commission", "administrative_tribunal", "gracious", "hierarchical")


def appeal_rule(s: Situation, body: str) -> Value | None:
    """Return the rule on the time to appeal to a body; none where no such appeal exists."""
    adverse = s.adverse
    if adverse is None:
        return None
    against, decision, since = adverse
    start = decision.notified_on(s.day) if decision is not None and against != "implicit" else since
    scope = s.scope(body=body, against=against)
    return s.rules.find("appeal.limit", start or s.day, scope)


def appeal_start(s: Situation) -> date | None:
    """Return day 0 of the time to appeal: the regular notification, or the day on which silence became refusal."""
    if s.adverse is None:
        return None
    against, decision, since = s.adverse
    if against == "implicit":
        return since
    return decision.notified_on(s.day) if decision is not None else None


def appeal_closes(s: Situation, body: str, words: list[str] | None = None) -> date | None:
    """Return the last day to appeal to a body; none where no period runs or the law sets no limit."""
    rule, start = appeal_rule(s, body), appeal_start(s)
    if rule is None or start is None or isinstance(rule.value, Silence):
        return None
    return s.rules.due(start, count_of(rule.value), words=words)


def already_ruled(s: Situation, body: str) -> bool:
    """Return whether the body has dismissed an appeal against the decision in force."""
    adverse = s.adverse
    if adverse is None:
        return False
    version = adverse[1].version if adverse[1] is not None else 0
    silence = s.request.version if adverse[0] == "implicit" and s.request is not None else None
    return any(
        a.body == body
        and (a.against == version or (silence is not None and a.against == 0 and a.request == silence))
        and a.outcome == "dismissed"
        for a in s.permit.appeals
        if a.decided_on is not None and a.decided_on <= s.day
    )
