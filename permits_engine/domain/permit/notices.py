"""One message to a holder or an office about one deadline: which are due on a date, and until when they wait.

A message is a function of the file, the rules and the day: nothing depends on an earlier pass having run.
Of the tiers of one deadline only the latest that has begun is due; earlier ones are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from hashlib import sha256

import msgspec

from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit import appeal_periods, majority
from permits_engine.domain.permit import deadlines as clocks
from permits_engine.domain.permit.situation import Situation

HOLDER, PREFECTURE = "holder", "prefecture"


class Notice(msgspec.Struct, frozen=True):
    """A message that is due: about which deadline, in which tier, started by which event of the permit."""

    kind: str
    to: str
    anchor: int
    tier: str | None = None
    due_on: date | None = None
    deadline: str | None = None
    expedited: bool = False

    def key(self, permit_id: str) -> str:
        """What makes the message one and the same, whoever finds it due."""
        parts = (permit_id, self.kind, self.deadline or "", self.tier or "", str(self.anchor))
        return "/".join(parts)


class Tiered(msgspec.Struct, frozen=True):
    """A deadline that is announced in tiers."""

    kind: str
    to: str
    anchor: int
    base: date
    due_on: date
    deadline: str | None = None
    last: date | None = None


def due(s: Situation) -> list[Notice]:
    """The messages due on the situation's day."""
    return outlook(s)[0]


def next_day(s: Situation) -> date | None:
    """The first later day on which another message may become due if nothing else happens."""
    return outlook(s)[1]


def outlook(s: Situation) -> tuple[list[Notice], date | None]:
    """The messages due on the day, and the first later day on which another may become due."""
    found = list(_at_once(s))
    following: date | None = None
    for tiered in _tiered(s):
        begun: tuple[date, str] | None = None
        for each in _tiers(s, tiered):  # earliest first
            if each[0] > s.day:
                following = each[0] if following is None or each[0] < following else following
                break
            begun = each
        if begun is not None and (tiered.last is None or s.day <= tiered.last):
            expedited = tiered.kind == "renewal_reminder" and s.would_be_expedited
            found.append(
                Notice(
                    tiered.kind, tiered.to, tiered.anchor, begun[1], tiered.due_on, tiered.deadline, expedited
                )
            )
    return found, following


def first_reminder(s: Situation) -> tuple[date, date] | None:
    """The day of the first renewal reminder if nothing else happens: as the tiers say, and as it is spread."""
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
    """When each tier of a deadline begins, earliest first; files share their days, so it is worth keeping."""
    found = []
    for tier in tiers:
        period, sign = _tier(tier)
        found.append((add(base, period, sign), tier))
    return tuple(sorted(found))


def _spread(s: Situation, tiered: Tiered, begins: Sequence[tuple[date, str]]) -> Sequence[tuple[date, str]]:
    """Where the office states how many requests it can take in a day, the first reminder leaves on one of the
    days before the next one: which, is a function of the file, so that a season's cards do not all ask at once."""
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
    """How far before (-1) or after (1) its day a deadline is announced."""
    return Period.parse(tier.removesuffix("-after")), 1 if tier.endswith("-after") else -1


def _at_once(s: Situation) -> Iterator[Notice]:
    permit, term = s.permit, s.term
    if s.closure is not None:
        return
    if term is not None and s.title_status == "expired" and s.renewal_request is None:
        for on, number, version in permit.lapses:
            if number == term.number and on <= s.day:
                yield Notice("title_lapsed", HOLDER, version, due_on=on)
    receipt = s.receipt
    if receipt is not None and receipt.extension and s.day <= receipt.until:
        yield Notice("receipt_extended", HOLDER, receipt.version, due_on=receipt.until)
    told = [
        (n.on, n.version)
        for d in s.standing_decisions()
        for n in d.notifications
        if n.regular and n.on <= s.day
    ]
    if told:
        on, version = max(told, key=lambda each: each[1])
        yield Notice("decision_notified", HOLDER, version, due_on=on)


def _tiered(s: Situation) -> Iterator[Tiered]:
    if s.closure is not None:
        return
    yield from _renewal(s)
    yield from _majority(s)
    request = s.request
    if request is not None:
        yield from _documents(s)
        yield from _office(s)
    if s.adverse is not None and s.pending_appeal is None:
        yield from _appeal(s)


def _renewal(s: Situation) -> Iterator[Tiered]:
    term = s.term
    if term is None or s.title_status not in {"active", "expired_in_window"}:
        return
    if s.renewal_request is not None or s.application_status == "refused" or s.automatic:
        return
    timely, closes = s.timely_until, s.window_closes
    ends = s.ends(term)
    if majority.ends_with_minority(s, term):
        return  # it cannot be renewed: what is to be asked for is another title
    base = ends if timely is None else min(timely, ends)
    yield Tiered("renewal_reminder", HOLDER, term.version, base, ends, last=closes)


def _majority(s: Situation) -> Iterator[Tiered]:
    clock = majority.filing_deadline(s)
    if clock is not None:
        closes, fact = clock
        yield Tiered("majority_reminder", HOLDER, fact.version, closes, closes, last=closes)


def _documents(s: Situation) -> Iterator[Tiered]:
    request = s.request
    assert request is not None
    if s.application_status == "incomplete":
        limit, anchor = s.completion_due(request), request.version
    elif s.application_status == "suspended" and s.suspended_by is not None:
        limit, anchor = s.answer_due(request, s.suspended_by), request.asks[s.suspended_by].version
    else:
        return
    if limit is not None:
        yield Tiered("documents_reminder", HOLDER, anchor, limit, limit, last=limit)


def _appeal(s: Situation) -> Iterator[Tiered]:
    assert s.adverse is not None
    found = [
        appeal_periods.appeal_closes(s, body)
        for body in appeal_periods.BODIES
        if not appeal_periods.already_ruled(s, body)
    ]
    closing = [on for on in found if on is not None]
    # The earliest of all, also once it is past: who was told of it was told of the others by the same letter.
    if closing and s.day <= min(closing):
        decision = s.adverse[1]
        anchor = decision.version if decision is not None else 0
        earliest = min(closing)
        yield Tiered("appeal_reminder", HOLDER, anchor, earliest, earliest, last=earliest)


def office_deadlines(s: Situation) -> list[tuple[str, date, int]]:
    """The clocks that the office is to meet, also those that have run out: kind, day and the event that started it."""
    request = s.request
    if request is None or not s.pending or s.returned_on(request) is not None:
        return []
    found: list[tuple[str, date | None, int]] = [
        ("opinion_due", clocks.opinion_due(s), request.version),
        ("expedited_target", clocks.expedited_target(s), request.version),
    ]
    if s.complete_on(request) is not None and s.suspended_by is None:
        found.append(("decision_due", s.decision_due(request), request.version))
    if s.receipt is not None:
        found.append(("receipt_expiry", s.receipt.until, s.receipt.version))
    return [(kind, on, anchor) for kind, on, anchor in found if on is not None]


def _office(s: Situation) -> Iterator[Tiered]:
    for kind, on, anchor in office_deadlines(s):
        yield Tiered("office_alert", PREFECTURE, anchor, on, on, kind)
