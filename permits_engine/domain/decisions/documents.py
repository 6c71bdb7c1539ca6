"""Missing documents: guards and effects of requests, supplies and extensions."""

from __future__ import annotations

from datetime import timedelta

from permits_engine.domain.calendars import Count, unrolled
from permits_engine.domain.decisions.case import Case, Draft, not_allowed
from permits_engine.domain.decisions.receipts import receipt
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events import DecisionExtended, DocumentsRequested, DocumentsSupplied


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


def documents_listed(case: Case) -> None:
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


def documents_outstanding(case: Case) -> None:
    """Documents are supplied where some were asked for and have not come."""
    s, request = case.situation, case.situation.request
    assert request is not None
    wanted = set(s.outstanding(request))
    for number, ask in enumerate(request.asks):
        answered = s.ask_answered_on(request, number)
        if ask.on <= case.on and (answered is None or answered > case.on):
            wanted |= ask.documents
    if not wanted:
        raise not_allowed(case, "no document is outstanding")
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
    limit, start = s.decision_limit(request), s.period_start(request)
    if once is not None and limit is not None and start is not None:
        # Half of the bare period: without a roll to a working day and without excluded days.
        half = (unrolled(start, Count(limit.length)) - start) // timedelta(days=2)
        last = start + timedelta(days=half + s.suspended_days(request))
        if case.on > last:
            raise error(
                "documents.too_late",
                f"documents could be asked for until {last}, the first half of the time to decide",
                until=last.isoformat(),
            )
    if s.application_status != "under_review":
        raise not_allowed(case, f"the application is {s.application_status}")


def extension_possible(case: Case) -> None:
    """One extension, for an expertise or an inquiry, before the day is reached (law 55-19, article 17)."""
    s, request, c = case.situation, case.situation.request, case.command
    assert request is not None
    reasons = case.rules.get("decision.extension", case.on, case.scope())
    due = s.decision_due(request)
    if reasons is None or due is None:
        raise not_allowed(case, f"no rule in force on {case.on} lets this decision be extended")
    if c.reason not in reasons:
        raise invalid("reason", f"{c.reason!r} is not one of {', '.join(reasons)}")
    if request.extended is not None:
        raise not_allowed(case, "the time to decide was extended already, and that is possible once")
    if case.on >= due:
        raise not_allowed(case, f"the time to decide is over on {due}, and it is extended before that day")
    if c.until <= due:
        raise invalid("until", f"{c.until} is not later than the present last day, {due}")
