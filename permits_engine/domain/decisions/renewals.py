"""Renewals: guards and effects."""

from __future__ import annotations

from permits_engine.domain.decisions.case import Case, Draft, not_allowed
from permits_engine.domain.decisions.receipts import receipt
from permits_engine.domain.decisions.terms import departure_from, granted_term, last_day
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import RenewalRequested, Renewed
from permits_engine.domain.periods import Period, term_end


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


def renew_permit(case: Case) -> list[Draft]:
    """A further term from the end of the last one, or from the day of decision where filed late and later."""
    s, c, request, last = case.situation, case.command, case.situation.request, case.situation.term
    assert request is not None and last is not None
    valid_from = s.next_begins(request, last, case.on)
    term = granted_term(case, "term.renewal", valid_from, "term.maximum")
    default: Period = case.rules.need("term.renewal", case.on, case.scope(stage="renewal"))
    departs = departure_from(case, "term.renewal", valid_from, term)
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
            valid_until=last_day(case, "term.renewal", term_end(valid_from, term)),
            term=str(term),
            track=request.track,
            request=request.version,
            excluded=exclusion is not None,
            departs_from=departs,
            card_number=c.card_number,
            exclusion=exclusion,
        )
    ]


def renewal_window(case: Case) -> None:
    """The window in which a renewal may be asked for (decree 2-09-607, article 8)."""
    s, term = case.situation, case.situation.term
    if term is None:
        raise not_allowed(case, "there is no term to renew")
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
