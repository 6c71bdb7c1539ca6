"""The messages due about a file on a date, to its holder or its office.

They follow from the file, the rules and the day, never from an earlier pass. Of the tiers of one deadline only the
latest that has begun is due; earlier ones are dropped.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from hashlib import sha256

import msgspec

from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit import appeal_periods, deadlines, majority
from permits_engine.domain.permit.situation import Situation

HOLDER, PREFECTURE = "holder", "prefecture"
MOVED = "deadline_moved"
"""The letter to a holder to whom an earlier one named another last day."""
Key = tuple[str, str, int]
"""A last day that letters name: its deadline, the body if it has one, and the version of the event that started it."""
_OF_APPEALS = frozenset({"decision_notified", "appeal_reminder"})


class Notice(msgspec.Struct, frozen=True):
    """A due message: its deadline, its tier, and the version of the event that started it."""

    kind: str
    to: str
    anchor: int
    tier: str | None = None
    due_on: date | None = None
    deadline: str | None = None
    expedited: bool = False

    def key(self, permit_id: str) -> str:
        """Return the identity of the message, the same in every pass."""
        parts = [permit_id, self.kind, self.deadline or "", self.tier or "", str(self.anchor)]
        if self.kind == MOVED and self.due_on is not None:  # one for each day that it moves to
            parts.append(self.due_on.isoformat())
        return "/".join(parts)


class Tiered(msgspec.Struct, frozen=True):
    """A deadline announced in tiers, counted from ``base`` and sent until ``last``."""

    kind: str
    to: str
    anchor: int
    base: date
    due_on: date
    deadline: str | None = None
    last: date | None = None


def due(s: Situation) -> list[Notice]:
    """Return the messages due on the day."""
    return outlook(s)[0]


def outlook(s: Situation) -> tuple[list[Notice], date | None]:
    """Return the messages due on the day, and the first later day on which another may become due."""
    found = list(_immediate(s))
    following: date | None = None
    for each in _tiered(s):
        tier: str | None = None
        for begins, name in _tiers(s, each):  # earliest first
            if begins > s.day:
                following = begins if following is None else min(begins, following)
                break
            tier = name
        if tier is not None and (each.last is None or s.day <= each.last):
            expedited = each.kind == "renewal_reminder" and s.would_be_expedited
            found.append(Notice(each.kind, each.to, each.anchor, tier, each.due_on, each.deadline, expedited))
    return found, following


def named(s: Situation) -> dict[Key, date]:
    """Return the last days that letters to the holder name on the day: the first that each may turn out to be."""
    found: dict[Key, date | None] = {}
    if s.closure is not None:
        return {}
    if s.adverse is not None:
        decision = s.adverse[1].version if s.adverse[1] is not None else 0
        for body, until in appeal_periods.open_closings(s):
            again = until.recourse is not None and until.next(s.day) != until.first
            anchor = until.recourse.version if again and until.recourse is not None else decision
            found["appeal_closes", body, anchor] = s.earliest(appeal_periods.next_day(body))
    if s.request is not None and s.application_status in {"incomplete", "suspended"}:
        number = s.suspended_by
        anchor = s.request.version if number is None else s.request.asks[number].version
        found["documents_due", "", anchor] = s.earliest(deadlines.documents_due(s.request, number))
    return {key: day for key, day in found.items() if day is not None}


def names(kind: str, deadline: str | None) -> str | None:
    """Return the deadline whose last days a kind of letter names, or none."""
    if kind == "documents_reminder" or (kind == MOVED and deadline == "documents_due"):
        return "documents_due"
    return "appeal_closes" if kind in _OF_APPEALS or kind == MOVED else None


def moved(s: Situation, printed: dict[Key, date]) -> list[Notice]:
    """Return the letters that say that a last day is later than the one that a letter named."""
    found: dict[str, Notice] = {}
    for key, day in sorted(named(s).items(), key=lambda each: each[1]):
        deadline, _, anchor = key
        if deadline not in found and key in printed and max(printed[key], s.day) < day:
            found[deadline] = Notice(MOVED, HOLDER, anchor, due_on=day, deadline=deadline)
    return list(found.values())


def first_reminder(s: Situation) -> tuple[date, date] | None:
    """Return the day of the first renewal reminder if nothing else happens: by its tier, and after spreading."""
    for tiered in _renewal(s):
        begins = _begins(s, tiered)
        if begins:
            return begins[0][0], _spread(s, tiered, begins)[0][0]
    return None


def _tiers(s: Situation, tiered: Tiered) -> Sequence[tuple[date, str]]:
    begins = _begins(s, tiered)
    if tiered.kind == "renewal_reminder" and "reminders.capacity" in s.rules.policy.parameters:
        return sorted(_spread(s, tiered, begins))
    return begins


def _begins(s: Situation, tiered: Tiered) -> Sequence[tuple[date, str]]:
    tiers = s.rules.get("reminders.tiers", s.day, s.scope(kind=tiered.kind))
    return _dated(tiered.base, tuple(tiers)) if tiers else ()


@lru_cache(maxsize=8192)
def _dated(base: date, tiers: tuple[str, ...]) -> tuple[tuple[date, str], ...]:
    """Return when each tier of a deadline begins, earliest first; cached because files share their days."""
    found = []
    for tier in tiers:
        period, sign = _tier(tier)
        found.append((add(base, period, sign), tier))
    return tuple(sorted(found))


def _spread(s: Situation, tiered: Tiered, begins: Sequence[tuple[date, str]]) -> Sequence[tuple[date, str]]:
    """Spread the first reminders over the days before the next tier, where the office states a daily capacity.

    The day is derived from the file, so that a season's requests do not all arrive at once.
    """
    if len(begins) < 2 or not s.rules.get("reminders.capacity", s.day, s.scope(office=s.prefecture)):
        return begins
    (first, tier), *rest = begins
    days = (rest[0][0] - first).days
    if days < 2:
        return begins
    mark = sha256(f"{s.permit.permit_id}/{tiered.anchor}".encode()).digest()
    return [(first + timedelta(days=int.from_bytes(mark[:8], "big") % days), tier), *rest]


@cache
def _tier(tier: str) -> tuple[Period, int]:
    """Return how long before (-1) or after (1) its day a deadline is announced."""
    return Period.parse(tier.removesuffix("-after")), 1 if tier.endswith("-after") else -1


def _immediate(s: Situation) -> Iterator[Notice]:
    permit, term = s.permit, s.term
    if s.closure is not None:
        return
    if term is not None and s.title_status == "expired" and s.renewal_request is None:
        for on, number, version in permit.lapses:
            if number == term.number and on <= s.day:
                yield Notice("title_lapsed", HOLDER, version, due_on=on)
    paper = s.paper if s.receipt is not None else None
    if paper is not None and paper.extension and s.day <= paper.until:
        yield Notice("receipt_extended", HOLDER, paper.version, due_on=paper.until)
    told = [d.notifications for d in s.valid_decisions()] + [a.notifications for a, _ in s.appeals]
    known = [n for each in told for n in each if n.regular and n.on <= s.day]
    if known:
        latest = max(known, key=lambda n: n.version)
        yield Notice("decision_notified", HOLDER, latest.version, due_on=latest.on)


def _tiered(s: Situation) -> Iterator[Tiered]:
    if s.closure is not None:
        return
    yield from _renewal(s)
    yield from _majority(s)
    if s.request is not None:
        yield from _documents(s)
        for kind, on, anchor in office_deadlines(s):
            yield Tiered("office_alert", PREFECTURE, anchor, on, on, kind)
    if s.adverse is not None:
        yield from _appeal(s)


def _renewal(s: Situation) -> Iterator[Tiered]:
    term = s.term
    if term is None or s.title_status not in {"active", "expired_in_window"}:
        return
    if s.renewal_request is not None or s.application_status == "refused" or s.automatic:
        return
    if majority.ends_with_minority(s, term):
        return  # it cannot be renewed; another title is needed
    ends = s.ends(term)
    base = ends if s.timely_until is None else min(s.timely_until, ends)
    yield Tiered("renewal_reminder", HOLDER, term.version, base, ends, last=s.window_closes)


def _majority(s: Situation) -> Iterator[Tiered]:
    last = majority.filing_deadline(s)
    if last is not None:
        yield Tiered("majority_reminder", HOLDER, last[1].version, last[0], last[0], last=last[0])


def _documents(s: Situation) -> Iterator[Tiered]:
    request = s.request
    assert request is not None
    if s.application_status == "incomplete":
        limit, anchor = s.earliest(deadlines.documents_due(request)), request.version
    elif s.application_status == "suspended" and s.suspended_by is not None:
        limit = s.earliest(deadlines.documents_due(request, s.suspended_by))
        anchor = request.asks[s.suspended_by].version
    else:
        return
    if limit is not None:
        yield Tiered("documents_reminder", HOLDER, anchor, limit, limit, last=limit)


def _appeal(s: Situation) -> Iterator[Tiered]:
    """Yield the earliest day to appeal, and the second one that a recourse gives once the first has passed."""
    assert s.adverse is not None
    decision = s.adverse[1]
    bodies = [
        body
        for body in appeal_periods.BODIES
        if s.pending_on_road(body) is None and not appeal_periods.already_ruled(s, body)
    ]
    found = [(body, until) for body in bodies if (until := appeal_periods.closing(s, body)) is not None]
    firsts = [s.earliest(appeal_periods.first_day(body)) or until.first for body, until in found]
    if not firsts:
        return
    earliest = min(firsts)
    if s.day <= earliest:  # once it is past there is no reminder: its letter named the others too
        anchor = decision.version if decision is not None else 0
        yield Tiered("appeal_reminder", HOLDER, anchor, earliest, earliest, last=earliest)
    for body, until in found:
        second = s.earliest(appeal_periods.last_day(body)) if until.recourse is not None else None
        if until.recourse is not None and second is not None and until.first < s.day <= second:
            anchor = until.recourse.version
            yield Tiered("appeal_reminder", HOLDER, anchor, second, second, last=second)


def office_deadlines(s: Situation) -> list[tuple[str, date, int]]:
    """Return the deadlines of the office, also those that have passed: kind, day and version of the starting event."""
    request = s.request
    if request is None or not s.pending or s.returned_on(request) is not None:
        return []
    found: list[tuple[str, date | None, int]] = [
        ("opinion_due", s.earliest(deadlines.opinion_due), request.version),
        ("expedited_target", s.earliest(deadlines.expedited_target), request.version),
    ]
    if s.complete_on(request) is not None and s.suspended_by is None:
        due = s.earliest(lambda each: each.decision_due(request))
        found.append(("decision_due", due, request.version))
    if s.receipt is not None and s.paper is not None:
        found.append(("receipt_expiry", s.paper.until, s.paper.version))
    return [(kind, on, anchor) for kind, on, anchor in found if on is not None]
