"""Titles that depend on a family member's: the tie, the end of the principal's title, and its effect on the dependent.

The tie is a fact with the principal's file id (``of``). The end of the principal's title is recorded on the dependent's
file too, so that each file can be read alone. Law 02-03 ends no spouse's or child's title automatically: that takes a
decision with reasons (article 19; law 03-01), or the end of the term.
"""

from datetime import date

import msgspec

from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit.facts import Fact, any_on, latest
from permits_engine.domain.permit.situation import Situation

KEEP, RENEWAL, MOVED = "keep", "renewal", "moves"
"""Effects of the principal's end on a dependent title: none; a renewal needs a ground of its own; or the tie moves to
the title that replaced it, until a newer tie is recorded."""
TIE_ENDED = "tie_ended"
"""How the principal's title is lost where the tie itself has ended: divorce, majority."""


class Tie(msgspec.Struct, frozen=True):
    """One tie of a file to its principal on a day, and the end of the principal's title."""

    principal: str
    kind: str
    since: date
    ended_on: date | None = None
    how: str | None = None
    effect: str | None = None


def title_end(s: Situation) -> tuple[str, date] | None:
    """Return how and since when the title has ended for good, for the titles that depend on it."""
    if s.closure is not None:
        return s.closure[1], s.closure[0]
    if s.revocation is not None:
        return "revoked", s.revocation.on
    if s.lost_on is not None and s.title_status == "lost_by_absence":
        return "lost_by_absence", s.lost_on
    if s.title_status != "expired" or s.term is None or (s.renewal_request is not None and s.pending):
        return None
    closes = s.window_closes
    refused = s.application_status == "refused" or closes is None
    return "expired", (s.ends(s.term) if refused or closes is None else closes) + ONE_DAY


def ties(s: Situation) -> list[Tie]:
    """Return the ties recorded through the file by the day, the newest last."""
    return [_tie(s, fact) for fact in latest(s.permit.facts) if fact.of is not None and fact.since <= s.day]


def _tie(s: Situation, fact: Fact) -> Tie:
    assert fact.of is not None
    how, on = None, None
    for end in s.permit.principals:
        if end.principal == fact.of and not end.restored and end.on <= s.day:
            how, on = end.how, max(end.on, fact.since)
    if fact.until is not None and fact.until < s.day and (on is None or fact.until < on):
        how, on = TIE_ENDED, fact.until + ONE_DAY
    if how is None or on is None:
        return Tie(fact.of, fact.kind, fact.since)
    effects = s.rules.get("family.ends", on, s.scope()) or {}
    return Tie(fact.of, fact.kind, fact.since, on, how, effects.get(how, KEEP))


def lost_tie(s: Situation) -> Tie | None:
    """Return the tie whose end leaves the title without a ground; none if another tie or own ground remains."""
    found = ties(s)
    if not found or found[-1].effect != RENEWAL or any(tie.effect in {None, KEEP} for tie in found):
        return None
    own = any_on(s.facts, s.rules.get("family.grounds", s.day, s.scope()) or (), s.day)
    return None if own else found[-1]


def latest_tie(s: Situation) -> dict[str, str | None] | None:
    """Return the latest tie as plain values for the view."""
    found = ties(s)
    if not found:
        return None
    plain = msgspec.to_builtins(found[-1])
    return {"permit_id": plain.pop("principal"), **plain}
