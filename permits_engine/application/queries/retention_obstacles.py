"""What prevents an erasure: an open procedure, a title in force, a duty to keep with its norm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, NotRequired, TypedDict

import msgspec

from permits_engine.application.queries import data_requests
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit import deadlines
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.view import View, view
from permits_engine.domain.rules.policy import Rules, Silence
from permits_engine.projections.search_entries import FILES
from permits_engine.store.database.transactions import Statement

if TYPE_CHECKING:
    from permits_engine.application.context import Context

LETTERS = Statement(
    "SELECT notice_id FROM notices JOIN permits ON permits.permit_id = notices.permit_id"
    " WHERE permits.holder_id = :holder_id"
)
"""Every message about a person's files."""
LETTERS_OF_FILE = Statement(
    "SELECT notice_id FROM notices WHERE permit_id = :permit_id AND holder_id = :holder_id"
)
PERSON = {"data": "person"}
_UNDECIDED = frozenset({"incomplete", "under_review", "suspended"})
_CLOCKS = frozenset({"appeal_closes", "appeal_ruling_due", "departure_due", "removal_appeal_closes"})


class Obstacle(msgspec.Struct, omit_defaults=True):
    """Why a person's data cannot be erased yet, by which norm, and until when where that is known."""

    kind: str
    because: str
    norm: str
    permit_id: str | None = None
    until: date | None = None


class ObstacleRow(TypedDict):
    """An obstacle as shown."""

    kind: str
    because: str
    norm: str
    permit_id: NotRequired[str]
    until: NotRequired[str]


class Assessment(msgspec.Struct):
    """What prevents erasing a person today, and the day on which the last of their files ended."""

    obstacles: list[Obstacle]
    ended_on: date | None
    """None while something is open."""
    rules: dict[str, Rules]


def assess(
    context: Context, uow: UnitOfWork, holder_id: str, *, jurisdiction: str | None = None
) -> Assessment:
    """Return what prevents erasing a person.

    ``jurisdiction`` (default: the home country) gives the rules for a person without a file.
    """
    jurisdiction = jurisdiction or context.policies.home(uow.tx)
    obstacles: list[Obstacle] = []
    ends: list[date] = []
    rules: dict[str, Rules] = {}
    for (permit_id,) in uow.tx.all(FILES, {"holder_id": holder_id}):
        permit = uow.file(permit_id)
        assert permit is not None
        policy = uow.policy(permit.jurisdiction)
        today = context.today(policy)
        of_file = rules.setdefault(permit.jurisdiction, policy.at(today))
        s = situation_on(permit, today, of_file)
        open_ones = list(_open(s, view(s), of_file))
        obstacles += open_ones
        if not open_ones:
            ends.append(_end(s, view(s)))
    policy = uow.policy(jurisdiction)
    today = context.today(policy)
    if not rules:
        rules[jurisdiction] = policy.at(today)
        ends += [_last_day(uow, holder_id)]
    if not obstacles:
        obstacles += _floors(rules, max(ends), today)
    obstacles += [
        Obstacle("hold", "a duty to keep was placed on this person", each.norm, until=each.until)
        for each in data_requests.holds_of(uow.tx, holder_id)
        if not each.lifted and (each.until is None or each.until >= today)
    ]
    open_file = any(each.permit_id is not None for each in obstacles)
    return Assessment(obstacles, None if open_file else max(ends), rules)


def _open(s: Situation, now: View, rules: Rules) -> Iterator[Obstacle]:
    """Yield the procedures of a file that still need the person's data."""
    ceiling = rules.find("retention.ceiling", s.day, PERSON)
    norm = str(ceiling.source) if ceiling is not None else ""
    permit_id = s.permit.permit_id
    if now.appeal_status == "pending":
        yield Obstacle("open_procedure", "an appeal is pending", norm, permit_id)
    if now.title_status == "closed":
        return
    if now.application_status in _UNDECIDED:
        yield Obstacle("open_procedure", f"a request is {now.application_status}", norm, permit_id)
    if now.removal_status in {"ordered", "suspended"}:
        yield Obstacle("open_procedure", f"a removal is {now.removal_status}", norm, permit_id)
    ended = now.title_status in {"revoked", "lost_by_absence"}
    if not ended and now.valid_until is not None:
        until = max(now.valid_until, s.window_closes or now.valid_until)
        if now.title_status in {"active", "expired_in_window"} or now.valid_until >= s.day:
            yield Obstacle("title_in_force", f"the title is {now.title_status}", norm, permit_id, until)
    for each in deadlines.deadlines(s):
        if each.kind in _CLOCKS:
            yield Obstacle("open_procedure", f"{each.kind} is still running", norm, permit_id, each.due_on)


def _end(s: Situation, now: View) -> date:
    """Return the day on which a file ended."""
    if s.permit.closed is not None:
        return s.permit.closed[0]
    if now.title_status == "revoked" and s.revocation is not None:
        return s.revocation.on
    if s.lost_on is not None:
        return s.lost_on
    decided = s.outcome.on if s.outcome else None
    lapsed = s.permit.lapses[-1][0] if s.permit.lapses else None
    days = (now.valid_until, s.window_closes, now.receipt_until, decided, lapsed)
    return min(max(day for day in (s.permit.requests[0].filed_on, *days) if day is not None), s.day)


def _last_day(uow: UnitOfWork, holder_id: str) -> date:
    """Return the last day on which something about a person without a file was recorded."""
    said = [r for r in uow.store.stream(holder_id) if not r.name.startswith("holder.accessed")]
    return max(r.event.effective_on for r in said)


def _floors(rules: dict[str, Rules], ended: date, today: date) -> Iterator[Obstacle]:
    for each in rules.values():
        floor = each.find("retention.floor", today, PERSON)
        if floor is None:
            continue
        because = f"{floor.value} from the end of the last file, {ended}"
        if floor.value is Silence.UNLIMITED:
            yield Obstacle("archive_duty", "kept without limit", str(floor.source))
        elif isinstance(floor.value, Period) and today < add(ended, floor.value):
            yield Obstacle("archive_duty", because, str(floor.source), until=add(ended, floor.value))
