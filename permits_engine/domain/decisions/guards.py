"""What must hold before several commands; each guard raises the error of the rule that it keeps."""

from permits_engine.domain.decisions.case import Case, Later
from permits_engine.domain.errors import error
from permits_engine.domain.permit.state import BY_LAW, Term


def reasons_in_fact_and_law(case: Case) -> None:
    """Require reasons in fact and in law for a decision against the holder (law 03-01, articles 1 and 2)."""
    for field in ("reasons_in_fact", "reasons_in_law"):
        _require_text(case, field)


def reasons_given(case: Case) -> None:
    """Require reasons for an opinion or a ruling."""
    _require_text(case, "reasons")


def _require_text(case: Case, field: str) -> None:
    if not getattr(case.command, field).strip():
        why = f"{field} is blank: a decision without its reasons is unlawful; write them"
        raise error("decision.reasons_missing", why, field=field)


def not_answered_since(case: Case) -> None:
    """Refuse a request dated before what answered it, replaced it or closed the file.

    Otherwise it can be recorded late: that it was filed on its day is a fact, above all where the office lost it.
    """
    permit, on = case.situation.permit, case.on
    if permit.closed is not None and permit.closed[0] > on:
        why = f"the file was closed on {permit.closed[0]}; a new one is opened by lodge_application"
        raise case.not_allowed(why, ("permit.closed", permit.closed[0]))
    for request in permit.requests:
        if request.filed_on > on:
            why = f"a request of {request.filed_on} is on record; where it was made on {on}, correct its day"
            later = ("permit.renewal_requested", request.filed_on)
            raise case.not_allowed(f"{why} (correct_record, of_version {request.version})", later)
    for term in permit.terms:
        if term.granted_on > on and term.kind not in BY_LAW:
            how, later = _granted(case, term)
            raise case.not_allowed(f"{how}, and leaves nothing to ask for as of {on}", later)


def not_filed_since(case: Case) -> None:
    """Refuse a final departure dated before a request: it would end the stay that the request gives."""
    if case.command.reason != "departed":
        return
    for request in case.situation.permit.requests:
        if request.filed_on > case.on:
            why = f"a request of {request.filed_on} is on record, so its holder had not departed by {case.on}"
            later = ("permit.renewal_requested", request.filed_on)
            remedy = "give a day from then on, or correct the day of the request"
            raise case.not_allowed(f"{why}; {remedy}", later)


def _granted(case: Case, term: Term) -> tuple[str, Later]:
    """Return in words when a term was granted, and the event that granted it."""
    how = f"term {term.number} was granted on {term.granted_on}"
    return how, (f"permit.{term.kind}", term.granted_on)
