"""Whether the holder may lawfully stay on a date, and why, independent of the document they hold."""

from collections.abc import Iterator

import msgspec

from permits_engine.domain.permit import majority, removal
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.facts import fact_on
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import REFUSALS


class Standing(msgspec.Struct, frozen=True):
    """Whether the stay is lawful, the ground, the rules, and whether that is beyond dispute (``certain``)."""

    lawful: bool
    because: str
    basis: tuple[str, ...]
    certain: bool = True
    permit_id: str | None = None


PROTECTS = frozenset({"title", "receipt", "title_given_back"})
"""Grounds of a stay that protect from expulsion too (law 02-03, article 26(6))."""


def standing(s: Situation) -> Standing:
    """Return the person's standing on the day: by this file, or by another one of theirs."""
    own = standing_by_file(s)
    if own.lawful:
        return own
    for permit_id, other in _by_other_files(s):
        if other.lawful:
            return Standing(True, "other_file", other.basis, other.certain, permit_id)
    return own


def removal_status(s: Situation) -> str:
    """Return none, ordered, suspended (by an appeal, a receipt or a request on any file), carried_out or annulled."""
    by_appeal = removal.status_by_appeal(s)
    order = removal.removal_in_force(s)
    if by_appeal != "ordered" or order is None:
        return by_appeal
    held = {standing_by_file(s).because, *(found.because for _, found in _by_other_files(s) if found.lawful)}
    lifted = removal.title_lifted(s, order.ground)
    return "suspended" if held & {"receipt", "pending_request"} and not lifted else "ordered"


def lawful_stays(s: Situation, *, only_titles: bool) -> Iterator[tuple[str, Standing]]:
    """Yield the files by which the person may stay, each with the ground; ``only_titles``: a title or a receipt."""
    for permit_id, found in ((s.permit.permit_id, standing_by_file(s)), *_by_other_files(s)):
        if found.lawful and (found.because in PROTECTS or not only_titles):
            yield permit_id, found


def _by_other_files(s: Situation) -> Iterator[tuple[str, Standing]]:
    for other in s.others:
        rules = s.rules.policy.at(s.rules.known)
        yield other.permit_id, standing_by_file(situation_on(other, s.day, rules, s.given_facts))


def standing_by_file(s: Situation) -> Standing:
    """Return the standing that one file gives (law 02-03, articles 8, 11 and 12; decree 2-09-607, article 8)."""
    if s.closure is not None:
        return Standing(s.closure[1] in {"naturalised", "other_title"}, "closed", ())
    revoked = s.revocation is not None and s.revocation.notified_on(s.day) is not None
    found = (None if revoked else _by_title(s)) or _by_request(s) or (None if revoked else _by_window(s))
    return found or _by_decision(s) or _by_removal(s) or _by_majority(s) or Standing(False, "no_ground", ())


def _by_title(s: Situation) -> Standing | None:
    if s.lost_on is not None:
        return None
    if s.covered(s.day) or s.extends_validity:
        return Standing(True, "title", _rule(s, "filing.effect") if s.extends_validity else ())
    back = s.given_back
    if back is not None and s.term is not None and back[0] <= s.day <= back[1]:
        return Standing(True, "title_given_back", _rule(s, "renewal.given_back"))
    return None


def _by_request(s: Situation) -> Standing | None:
    """Return the ground of a receipt or pending request, also after a revocation, which refuses no request."""
    receipt = s.receipt
    if receipt is not None and s.day <= receipt.until:
        return Standing(True, "receipt", _rule(s, "receipt.stands_for_title"))
    request = s.request
    if request is not None and s.is_timely(request):
        refused = s.outcome is not None and s.outcome.kind in REFUSALS
        if s.pending or (refused and s.outcome is not None and s.outcome.notified_on(s.day) is None):
            return Standing(True, "pending_request", _rule(s, "filing.effect"))
    return None


def _by_window(s: Situation) -> Standing | None:
    if s.title_status not in {"expired_in_window", "revoked"} or s.by_dates != "expired_in_window":
        return None
    if s.lost_on is not None:  # a revocation that was not notified brings back no title that was lost
        return None
    term = s.term
    if s.renewal_request is not None or term is None:
        return None
    for later in s.permit.requests:
        if later.order > term.order and later.filed_on > s.day and s.is_timely(later):
            return Standing(True, "pending_request", _rule(s, "filing.effect"))
    return Standing(True, "renewal_window", _rule(s, "renewal.closes"), certain=False)


def _by_decision(s: Situation) -> Standing | None:
    adverse = s.adverse
    decision = adverse[1] if adverse else None
    if decision is not None:
        due = s.departure_due(decision)
        if due is not None and s.day <= due:
            return Standing(True, "departure_period", _rule(s, "departure.limit"))
    appeal = s.pending_appeal
    if appeal is not None and adverse is not None:
        which = {"body": appeal.body, "against": adverse[0]}
        if s.rules.get("appeal.suspensive", s.day, s.scope(**which)):
            return Standing(True, "suspensive_appeal", _rule(s, "appeal.suspensive", **which))
    return None


def _by_removal(s: Situation) -> Standing | None:
    order = removal.removal_in_force(s)
    if order is not None and removal.pending_appeal(s) is not None and removal.is_suspensive(s, order):
        rule = _rule(s, "removal.appeal", kind=removal.measure(s, order.ground))
        return Standing(True, "suspensive_appeal", rule)
    if removal.provisional_stay(s) is not None:
        return Standing(True, "provisional_stay", _rule(s, "removal.annulment"))
    for kind in s.rules.get("stay.facts", s.day, s.scope()) or ():
        if fact_on(s.facts, kind, s.day) is not None:
            return Standing(True, kind, _rule(s, "stay.facts"))
    return None


def _by_majority(s: Situation) -> Standing | None:
    """Return the ground of the months after coming of age to apply for a card (decree 2-09-607, article 2)."""
    reached = majority.reached_on(s)
    if reached is None or s.day < reached or s.revocation is not None or s.lost_on is not None:
        return None
    closes = majority.filing_closes(s)
    decided = s.adverse is not None and s.adverse[2] >= reached
    if closes is None or s.day > closes[0] or decided:
        return None
    return Standing(True, "majority_period", _rule(s, "majority.filing"), certain=False)


def _rule(s: Situation, name: str, **more: str) -> tuple[str, ...]:
    found = s.rules.peek(name, s.day, s.scope(**more))
    return (found.id,) if found else ()
