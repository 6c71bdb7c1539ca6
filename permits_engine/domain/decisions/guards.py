"""What must hold before a command is carried out; each guard raises the error of the rule it keeps."""

from __future__ import annotations

from permits_engine.domain.decisions.case import Case, LaterEvent, not_allowed
from permits_engine.domain.errors import error
from permits_engine.domain.permit.state import Term

# --- filing -----------------------------------------------------------------------------------------------


# --- documents and time -----------------------------------------------------------------------------------


# --- decisions --------------------------------------------------------------------------------------------


def reasons_in_fact_and_law_given(case: Case) -> None:
    """A decision against the holder says why, in fact and in law (law 03-01, articles 1 and 2)."""
    for field in ("reasons_in_fact", "reasons_in_law"):
        _say_why(case, field)


def reasons_given(case: Case) -> None:
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


# --- corrections ------------------------------------------------------------------------------------------


def not_granted_since(case: Case) -> None:
    """A request that time has granted is answered: nothing is decided on it as of an earlier day any more.

    Such a grant is no decision (law 09-08, article 11), but it gives a title, which is taken only by a
    revocation. A silence that refuses takes no power away: an express decision may take its place.
    """
    for term in case.situation.permit.terms:
        if term.granted_on > case.on:
            told, later = _granted(case, term)
            remedy = "withdraw the title (revoke_permit), or correct what is wrong on record (correct_record)"
            raise not_allowed(case, f"{told}; {remedy}", later)


def not_answered_since(case: Case) -> None:
    """A request may be recorded late, but not behind what answered it, replaced it or closed the file.

    That it was made on its day is a fact, and its proof is worth most where the office lost the request.
    """
    permit, on = case.situation.permit, case.on
    if permit.closed is not None and permit.closed[0] > on:
        why = f"the file was closed on {permit.closed[0]}; a new one is opened by lodge_application"
        raise not_allowed(case, why, ("permit.closed", permit.closed[0]))
    for request in permit.requests:
        if request.filed_on > on:
            why = f"a request of {request.filed_on} is on record; where it was made on {on}, correct its day"
            later = ("permit.renewal_requested", request.filed_on)
            raise not_allowed(case, f"{why} (correct_record, of_version {request.version})", later)
    for term in permit.terms:
        if term.granted_on > on:
            told, later = _granted(case, term)
            raise not_allowed(case, f"{told}, and leaves nothing to ask for as of {on}", later)


def not_filed_since(case: Case) -> None:
    """Nobody has left for good before they asked for a title here: the request would take its own stay away."""
    if case.command.reason != "departed":
        return
    for request in case.situation.permit.requests:
        if request.filed_on > case.on:
            why = f"a request of {request.filed_on} is on record, so its holder had not departed by {case.on}"
            later = ("permit.renewal_requested", request.filed_on)
            raise not_allowed(
                case, f"{why}; give a day from then on, or correct the day of the request", later
            )


def _granted(case: Case, term: Term) -> tuple[str, LaterEvent]:
    """In words how and when a term was granted, and the event that granted it."""
    decision = case.situation.permit.decision(term.version)
    kind = decision.kind if decision is not None else "renewed"
    how = {"automatic": "by the automatic renewal of", "implicitly_granted": "by silence on"}.get(kind, "on")
    name = "permit.renewed" if kind == "automatic" else f"permit.{kind}"
    return f"term {term.number} was granted {how} {term.granted_on}", (name, term.granted_on)
