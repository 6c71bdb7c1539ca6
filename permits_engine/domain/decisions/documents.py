"""Missing documents, their requests and supplies, extensions of the time to decide, and receipts."""

from datetime import timedelta

from permits_engine.domain.calendars import Count, unrolled
from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import DocumentsSupplied, ReceiptIssued
from permits_engine.domain.periods import add


def receipt(case: Case, *, complete: bool, timely: bool, stage: str) -> list[Draft]:
    """Return the receipt of a request, where the rules give one (law 02-03, article 8)."""
    scope = case.scope(stage=stage)
    given = case.rules.get("receipt.given", case.on, scope)
    if given == "complete_and_timely" and not (complete and timely):
        return []
    term = case.rules.need("receipt.term", case.on, scope)
    return [case.draft(ReceiptIssued, until=add(case.on, term))]


def documents_listed(case: Case) -> None:
    """Require that documents named missing are on the published list (law 55-19, article 3)."""
    scope = case.scope() if case.opens_file else case.scope(stage="renewal")
    listed = case.rules.get("documents.list", case.on, scope) if case.command.missing else None
    if listed is not None:
        _check_listed(case.command.missing, set(listed))


def _check_listed(documents: tuple[str, ...], allowed: set[str]) -> None:
    unknown = [code for code in documents if code not in allowed]
    if unknown:
        why = f"{', '.join(unknown)}: not on the published list, so it may not be asked for"
        raise error("documents.not_listed", why, documents=unknown, listed=sorted(allowed))


def documents_outstanding(case: Case) -> None:
    """Require that the documents supplied were asked for and have not come."""
    s, request = case.situation, case.request
    wanted = set(s.outstanding(request))
    for number, ask in enumerate(request.asks):
        answered = s.ask_answered_on(request, number)
        if ask.on <= case.on and (answered is None or answered > case.on):
            wanted |= ask.documents
    if not wanted:
        raise case.not_allowed("no document is outstanding")
    unknown = [code for code in case.command.documents if code not in wanted]
    if unknown:
        why = f"{', '.join(unknown)}: was not asked for; outstanding: {', '.join(sorted(wanted))}"
        raise error("documents.not_listed", why, documents=unknown, outstanding=sorted(wanted))


@recording(DocumentsSupplied, ReceiptIssued)
def supply_documents(case: Case) -> list[Draft]:
    """Record documents supplied; a file that they complete gets its receipt."""
    s, request = case.situation, case.request
    supplied = [case.draft(DocumentsSupplied)]
    completes = bool(request.missing) and not (s.outstanding(request) - set(case.command.documents))
    if completes and not any(r.request == request.version for r in s.permit.receipts):
        supplied += receipt(case, complete=True, timely=s.is_timely(request), stage=request.kind)
    return supplied


def documents_may_be_asked(case: Case) -> None:
    """Require one early request, for originals of what is listed or for what was named missing (law 55-19)."""
    s, request = case.situation, case.request
    once = case.get("documents.requests", request.filed_on)
    listed = case.get("documents.list", request.filed_on)
    if once is not None and listed is not None:
        _check_listed(case.command.documents, set(listed.values()) | set(request.missing))
    if once is not None and len([a for a in request.asks if a.on <= case.on]) >= once:
        why = "documents were asked for already, and the law allows it once; decide on what there is"
        raise error("documents.second_request", why, asked_on=request.asks[-1].on.isoformat())
    limit, start = s.decision_limit(request), s.period_start(request)
    if once is not None and limit is not None and start is not None:
        # Half of the bare period: without a roll to a working day and without excluded days.
        half = (unrolled(start, Count(limit.length)) - start) // timedelta(days=2)
        last = start + timedelta(days=half + s.suspended_days(request))
        if case.on > last:
            why = f"documents could be asked for until {last}, the first half of the time to decide"
            raise error("documents.too_late", why, until=last.isoformat())
    if s.application_status != "under_review":
        raise case.not_allowed(f"the application is {s.application_status}")


def extension_possible(case: Case) -> None:
    """Require the first extension, for an expertise or an inquiry, before the last day (law 55-19, article 17)."""
    request, c = case.request, case.command
    reasons, due = case.get("decision.extension"), case.situation.decision_due(request)
    if reasons is None or due is None:
        raise case.not_allowed(f"no rule in force on {case.on} lets this decision be extended")
    if c.reason not in reasons:
        raise invalid("reason", f"{c.reason!r} is not one of {', '.join(reasons)}")
    if request.extended is not None:
        raise case.not_allowed("the time to decide was extended already, and that is possible once")
    if case.on >= due:
        raise case.not_allowed(f"the decision was due on {due}; it can only be extended before that day")
    if c.until <= due:
        raise invalid("until", f"{c.until} is not later than the present last day, {due}")
