"""A file's life through time: the days on which something falls due, and what time alone does on each."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.decisions.time_effects import TIME_EFFECTS, next_effect, next_effect_day
from permits_engine.domain.events import AppealDecided, PrincipalEnded, PrincipalRestored, Renewed
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import apply
from permits_engine.domain.permit.notices import Notice, outlook
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

MAX_STEPS = 5000
"""More effects on one day, or more days, mean that the rules make the file run in circles."""


class Moment(NamedTuple):
    """A day on which something may fall due: the file then, what time did to it, and the messages due.

    ``next_day`` is the next such day if nothing else happens.
    """

    situation: Situation
    effects: list[Draft]
    notices: list[Notice]
    next_day: date | None


def settle(
    permit: Permit,
    policy: Policy,
    day: date,
    known: date = date.min,
    others: Iterable[Permit] = (),
) -> tuple[Situation, list[Draft]]:
    """Fold every time effect due on the day into the file; return the file on that day and the effects.

    Each effect is found on the file as the ones before left it, by the rules known on the day, or on ``known``
    where that is later.
    """
    known = max(day, known)
    effects: list[Draft] = []
    for _ in range(MAX_STEPS):
        s = situation_on(permit, day, policy.at(known), others=others)
        effect = next_effect(s)
        if effect is None:
            return s, effects
        effects.append(effect)
        apply(permit, permit.version + 1, effect.unrecorded())
    raise RuntimeError(f"the time effects of {permit.permit_id} on {day} do not come to an end")


def next_day(s: Situation, next_message: date | None) -> date | None:
    """Return the next day on which an effect, a message or a change of the rules may concern the file.

    Ask last: the rules answer for everything that was asked of them before.
    """
    if s.closure is not None:
        return None
    days = (next_effect_day(s), next_message, s.rules.horizon)
    return min((day for day in days if day is not None and day > s.day), default=None)


def advance(
    permit: Permit, policy: Policy, start: date, until: date, known: date = date.min, *, effects: bool = True
) -> Iterator[Moment]:
    """Yield the first day and each later one until ``until`` on which something falls due.

    Effects are folded into the file as its days pass; with ``effects`` false it stays as it is recorded.
    """
    day: date | None = start
    for _ in range(MAX_STEPS):
        if day is None or day > until:
            return
        if effects:
            s, found = settle(permit, policy, day, known)
        else:
            s, found = situation_on(permit, day, policy.at(max(day, known))), []
        notices, next_message = outlook(s)
        day = next_day(s, next_message)
        yield Moment(s, found, notices, day)
    raise RuntimeError(f"the days of {permit.permit_id} from {start} to {until} do not come to an end")


def fork(permit: Permit) -> Permit:
    """Return a copy on which time effects can be folded while the original stays as it is."""
    return replace(
        permit,
        requests=[replace(request) for request in permit.requests],
        decisions=list(permit.decisions),
        terms=list(permit.terms),
        receipts=list(permit.receipts),
        lapses=list(permit.lapses),
        losses=list(permit.losses),
        appeals=[replace(appeal) for appeal in permit.appeals],
        names=list(permit.names),
    )


@recording(*TIME_EFFECTS, Renewed, AppealDecided, PrincipalEnded, PrincipalRestored)
def record_time_effects(case: Case) -> list[Draft]:
    """Return the effects of time alone that are due and not recorded yet."""
    s = case.situation
    return settle(fork(case.file_as_recorded), case.rules.policy, case.on, case.rules.known, s.others)[1]
