"""When two states are equal: the same statuses, clocks and papers, whatever the days are called.

Of days only their order counts: which clocks run, which one ends first and which end today. Of what was
decided only what still holds, and that something was annulled. The walk goes on from the first state found
of those with the same key, which is nearest to the root.
"""

from collections.abc import Hashable
from datetime import date

from permits_engine.domain.permit import removal
from permits_engine.domain.permit.facts import fact_on
from permits_engine.domain.permit.standing import removal_status, standing, standing_by_file
from permits_engine.domain.permit.state import Decision, Request
from tests.model.world import State

COUNTED = 2
"""Terms beyond so many are not told apart."""
BORDERS = (
    date(2015, 2, 9),
    date(2017, 1, 10),
    date(2018, 3, 28),
    date(2020, 9, 28),
    date(2023, 5, 11),
    date(2025, 5, 20),
)
"""The days on which the law changed in the years that the walk reaches."""


def key(state: State) -> Hashable:
    """The canonical form of a state."""
    s, p, today = state.now, state.permit, state.today
    now, running = standing(s), state.clocks
    first = min((d.due_on for d in running if d.due_on is not None and d.due_on > today), default=None)
    absence, receipt = (p.absences[-1] if p.absences else None), s.receipt
    limit = s.absence_limit(absence) if absence is not None else None
    return (
        s.title_status,
        s.application_status,
        now.because,
        p.closed[1] if p.closed else None,
        frozenset((d.kind, d.body, d.status, _place(d.due_on, today, first)) for d in running),
        min(len(p.terms), COUNTED),
        s.given_back is not None,
        _request(p.requests[-1]),
        frozenset(_decision(d) for d in p.decisions if d.annulled_on is None and d.kind in _AGAINST),
        any(d.annulled_on is not None for d in p.decisions),
        (p.appeals[-1].body, p.appeals[-1].outcome) if p.appeals else None,
        absence is not None and absence.back is None and limit is not None and today <= limit,
        None if receipt is None else receipt.until < today,
        bool(p.lapses) or bool(p.losses),
        (removal_status(s), removal.pending_appeal(s) is not None),
        _second(state),
        fact_on(s.facts, "pregnant", today) is not None,
        s.automatic,
        sum(today >= border for border in BORDERS),
    )


_AGAINST = frozenset({"refused", "renewal_refused", "implicitly_refused", "revoked"})


def _second(state: State) -> Hashable:
    """What tells cases of the second file apart."""
    if state.second is None:
        return None
    s = state.of_second(state.today)
    last = state.second.decisions[-1] if state.second.decisions else None
    told = last is not None and bool(last.notifications)
    return s.title_status, s.application_status, standing_by_file(s).because, told


def _place(due: date | None, today: date, first: date | None) -> str:
    return "today" if due == today else "next" if due == first else "later"


def _request(r: Request) -> Hashable:
    favourable = r.opinions[-1].favourable if r.opinions else None
    returned, again = r.returned_on is not None, r.reopened_on is not None
    return r.kind, bool(r.missing), bool(r.asks), favourable, r.extended is not None, returned, again


def _decision(d: Decision) -> Hashable:
    regular = any(n.regular for n in d.notifications)
    return d.kind, "regular" if regular else "irregular" if d.notifications else "none"
