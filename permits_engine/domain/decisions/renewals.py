"""Renewals: the request and the grant of a further term."""

from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.decisions.documents import receipt
from permits_engine.domain.decisions.terms import departure_from, granted_term, last_day, term_fields
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import ReceiptIssued, RenewalRefused, RenewalRequested, Renewed
from permits_engine.domain.periods import Period, term_end


def renewal_window(case: Case) -> None:
    """Require a request within the window to renew (decree 2-09-607, article 8)."""
    s, term = case.situation, case.situation.term
    if term is None:
        raise case.not_allowed("there is no term to renew")
    scope, day = s.renewal_scope, min(case.on, term.valid_until)
    case.rules.find("renewal.closes", day, scope)
    opens, closes = s.window_opens, s.window_closes
    if opens is not None:
        case.rules.find("renewal.opens", day, scope)
    opens = max(opens, term.valid_from) if opens is not None else term.valid_from
    if case.on < opens:
        why = f"a renewal may be asked for from {opens}, not on {case.on}"
        raise error("window.not_open", why, opens=opens.isoformat())
    if closes is not None and case.on > closes:
        why = f"a renewal could be asked for until {closes}; {case.on} is late: a new application is needed"
        raise error("window.closed", why, closes=closes.isoformat())


@recording(RenewalRequested, ReceiptIssued)
def request_renewal(case: Case) -> list[Draft]:
    """Record a request to renew and its receipt; complete, timely and undisputed campaign files are expedited."""
    s, complete = case.situation, not case.command.missing
    timely = s.timely_until is None or case.on <= s.timely_until
    expedited = complete and timely and not s.proceedings
    expedited = expedited and bool(case.rules.get("renewal.expedited", case.on, s.renewal_scope))
    given = receipt(case, complete=complete, timely=timely, stage="renewal")
    track = "expedited" if expedited else "standard"
    return [case.draft(RenewalRequested, track=track, timely=timely), *given]


@recording(Renewed)
def renew_permit(case: Case) -> list[Draft]:
    """Grant a further term from the end of the last one, or from the later day of decision if filed late.

    After a silence that granted it, this confirms the same term (Ley 39/2015, article 24.3).
    """
    s, request, exclusion = case.situation, case.request, case.command.exclusion
    last, silent = s.renewed_by(request), s.outcome
    assert last is not None
    confirms = silent is not None and silent.kind == "implicitly_granted"
    valid_from = s.next_begins(request, last, silent.on if silent is not None and confirms else case.on)
    term = granted_term(case, "term.renewal", valid_from, "term.maximum")
    default: Period = case.rules.need("term.renewal", case.on, s.renewal_scope)
    departs = departure_from(case, "term.renewal", valid_from, term)
    shorter = departs is None and term_end(valid_from, term) < term_end(valid_from, default)
    reasons = exclusion.model_dump() if exclusion is not None else None
    if reasons is not None and not shorter:
        raise invalid("exclusion", f"belongs to a term shorter than {default}; name the shorter term")
    if shorter and not (reasons and all(str(v).strip() for v in reasons.values())):
        why = f"a term shorter than {default} needs an exclusion: fact, reasons in fact and reasons in law"
        raise error("exclusion.reasons_missing", why, term=str(term), policy_term=str(default))
    valid_until = last_day(case, "term.renewal", term_end(valid_from, term))
    renewed = case.draft(
        Renewed,
        track=request.track,
        request=request.version,
        excluded=reasons is not None,
        departs_from=departs,
        exclusion=reasons,
        **term_fields(last.number + 1, valid_from, valid_until, term),
    )
    return [renewed]


@recording(RenewalRefused)
def refuse_renewal(case: Case) -> list[Draft]:
    """Refuse the renewal."""
    return [case.draft(RenewalRefused, request=case.request.version)]
