"""What must hold before a command is carried out; each guard raises the error of the rule it keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from permits_engine.domain.case import Case, refuse
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.permit import with_fields
from permits_engine.domain.situation import half

# --- filing -----------------------------------------------------------------------------------------------


def filed_with(case: Case) -> None:
    """A first application names a category and an office of the country, for somebody born by then."""
    c, rules = case.command, case.rules
    categories = rules.need("categories", case.on, {})
    if c.category not in categories:
        raise invalid("category", f"{c.category!r} is not one of {', '.join(categories)}")
    if c.prefecture not in rules.policy.offices:
        raise invalid("prefecture", f"{c.prefecture!r} is not an office of {rules.policy.jurisdiction}")
    if case.holder.age is not None and case.holder.age < 0:
        raise invalid("holder_id", "the holder was born after the day of filing")


def lodging(case: Case) -> None:
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
    documents_known(case)


def documents_known(case: Case) -> None:
    """Only documents of the published list may be named missing (law 55-19, article 3)."""
    missing = case.command.missing
    if not missing:
        return
    scope = case.scope() if case.opens_file else case.scope(stage="renewal")
    listed = case.rules.get("documents.list", case.on, scope)
    if listed is None:
        return
    unknown = [code for code in missing if code not in listed]
    if unknown:
        raise _not_listed(unknown, sorted(listed))


def _not_listed(unknown: list[str], listed: list[str]) -> PermitsError:
    return error(
        "documents.not_listed",
        f"{', '.join(unknown)}: not on the published list, so it may not be asked for",
        documents=unknown,
        listed=listed,
    )


def renewal_window(case: Case) -> None:
    """The window in which a renewal may be asked for (decree 2-09-607, article 8)."""
    s, term = case.situation, case.situation.term
    if term is None:
        raise refuse(case, "there is no term to renew")
    scope, day = s.scope(stage="renewal"), min(case.on, term.valid_until)
    case.rules.find("renewal.closes", day, scope)
    opens, closes = s.window_opens, s.window_closes
    if opens is not None:
        case.rules.find("renewal.opens", day, scope)
    opens = max(opens, term.valid_from) if opens is not None else term.valid_from
    if case.on < opens:
        raise error(
            "window.not_open",
            f"a renewal may be asked for from {opens}, not on {case.on}",
            opens=opens.isoformat(),
        )
    if closes is not None and case.on > closes:
        raise error(
            "window.closed",
            f"a renewal could be asked for until {closes}; {case.on} is late: a new application is needed",
            closes=closes.isoformat(),
        )


# --- documents and time -----------------------------------------------------------------------------------


def something_outstanding(case: Case) -> None:
    """Documents are supplied where some were asked for and have not come."""
    s, request = case.situation, case.situation.request
    assert request is not None
    wanted = set(s.outstanding(request))
    for number, ask in enumerate(request.asks):
        answered = s.ask_answered_on(request, number)
        if ask.on <= case.on and (answered is None or answered > case.on):
            wanted |= ask.documents
    if not wanted:
        raise refuse(case, "no document is outstanding")
    unknown = [code for code in case.command.documents if code not in wanted]
    if unknown:
        raise error(
            "documents.not_listed",
            f"{', '.join(unknown)}: was not asked for; outstanding: {', '.join(sorted(wanted))}",
            documents=unknown,
            outstanding=sorted(wanted),
        )


def documents_may_be_asked(case: Case) -> None:
    """One request, early, for originals of what is listed or for what was named missing (law 55-19)."""
    s, request, c = case.situation, case.situation.request, case.command
    assert request is not None
    rules, scope = case.rules, case.scope()
    once = rules.get("documents.requests", request.filed_on, scope)
    listed = rules.get("documents.list", request.filed_on, scope)
    if once is not None and listed is not None:
        allowed = set(listed.values()) | set(request.missing)
        unknown = [code for code in c.documents if code not in allowed]
        if unknown:
            raise _not_listed(unknown, sorted(allowed))
    if once is not None and len([a for a in request.asks if a.on <= case.on]) >= once:
        raise error(
            "documents.second_request",
            "documents were asked for already, and the law allows it once; decide on what there is",
            asked_on=request.asks[-1].on.isoformat(),
        )
    limit, start = s.decision_limit(request), s.clock_start(request)
    if once is not None and limit is not None and start is not None:
        last = start + timedelta(days=half(start, limit) + s.suspended_days(request))
        if case.on > last:
            raise error(
                "documents.too_late",
                f"documents could be asked for until {last}, the first half of the time to decide",
                until=last.isoformat(),
            )
    if s.application_status != "under_review":
        raise refuse(case, f"the application is {s.application_status}")


def extension_possible(case: Case) -> None:
    """One extension, for an expertise or an inquiry, before the day is reached (law 55-19, article 17)."""
    s, request, c = case.situation, case.situation.request, case.command
    assert request is not None
    reasons = case.rules.get("decision.extension", case.on, case.scope())
    due = s.decision_due(request)
    if reasons is None or due is None:
        raise refuse(case, f"no rule in force on {case.on} lets this decision be extended")
    if c.reason not in reasons:
        raise invalid("reason", f"{c.reason!r} is not one of {', '.join(reasons)}")
    if request.extended is not None:
        raise refuse(case, "the time to decide was extended already, and that is possible once")
    if case.on >= due:
        raise refuse(case, f"the time to decide is over on {due}, and it is extended before that day")
    if c.until <= due:
        raise invalid("until", f"{c.until} is not later than the present last day, {due}")


# --- decisions --------------------------------------------------------------------------------------------


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


def revocation_ground(case: Case) -> None:
    """A title is withdrawn on a ground that the policy lists."""
    grounds = case.rules.need("revocation.grounds", case.on, case.scope())
    if case.command.ground not in grounds:
        raise invalid("ground", f"{case.command.ground!r} is not one of {', '.join(grounds)}")


def reasons_in_fact_and_law(case: Case) -> None:
    """A decision against the holder says why, in fact and in law (law 03-01, articles 1 and 2)."""
    for field in ("reasons_in_fact", "reasons_in_law"):
        _say_why(case, field)


def reasons(case: Case) -> None:
    """An opinion or a ruling says why."""
    _say_why(case, "reasons")


def _say_why(case: Case, field: str) -> None:
    if not getattr(case.command, field).strip():
        raise error(
            "decision.reasons_missing",
            f"{field} is blank: a decision without its reasons is unlawful; write them",
            field=field,
        )


# --- movements --------------------------------------------------------------------------------------------


def not_abroad(case: Case) -> None:
    """An exit is recorded for someone who is in the country."""
    for absence in case.situation.permit.absences:
        if absence.out <= case.on and (absence.back is None or absence.back > case.on):
            raise refuse(case, f"an exit on {absence.out} is recorded without a return")


def abroad(case: Case) -> None:
    """A return is recorded for someone whose exit is."""
    absences = case.situation.permit.absences
    if not any(a.out <= case.on and a.back is None for a in absences):
        raise refuse(case, "no exit without a return is recorded before that day")


def known_office(case: Case) -> None:
    """A file goes to an office of the same jurisdiction."""
    office = case.command.prefecture
    if office not in case.rules.policy.offices:
        raise invalid("prefecture", f"{office!r} is not an office of {case.rules.policy.jurisdiction}")


def other_office(case: Case) -> None:
    """A file goes to an office that does not have it."""
    office = case.command.prefecture
    if office == case.situation.prefecture:
        raise invalid("prefecture", f"the file is with {office} already")


# --- corrections ------------------------------------------------------------------------------------------


_CORRECTED_AS: dict[tuple[str, str], Any] = {
    ("permit.application_lodged", "nationality"): Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")],
    ("permit.application_lodged", "sex"): Literal["F", "M", "X"],
    ("permit.application_lodged", "age"): Annotated[int, msgspec.Meta(ge=0, le=150)],
    ("permit.decision_notified", "mode"): Literal["written", "electronic", "oral"],
    ("permit.closed", "reason"): Literal["naturalised", "departed", "deceased", "other_title"],
}


def correctable(case: Case) -> None:
    """A correction names a field of an event that may be corrected, and a value that fits it."""
    c, target = case.command, case.target
    if target is None:
        raise invalid(
            "of_version",
            f"there is no event {c.of_version}; the last one is {case.situation.permit.version}",
        )
    if c.field not in target.CORRECTABLE:
        names = ", ".join(sorted(target.CORRECTABLE)) or "nothing"
        raise invalid("field", f"{c.field!r} of {target.NAME} cannot be corrected; correctable: {names}")
    if c.value is None:
        raise invalid("value", "is missing; give the right value")
    try:
        msgspec.convert(c.value, _CORRECTED_AS.get((target.NAME, c.field), Any))
        fixed = with_fields(target, {c.field: c.value})
    except (msgspec.ValidationError, TypeError, ValueError) as problem:
        raise invalid("value", f"does not fit {target.NAME}.{c.field}: {problem}") from None
    if fixed.effective_on > case.today:
        raise invalid("value", f"{fixed.effective_on} lies after today")
    start, end = getattr(fixed, "valid_from", None), getattr(fixed, "valid_until", None)
    if start is not None and end is not None and end < start:
        raise invalid("value", f"the term would end on {end}, before it begins on {start}")
