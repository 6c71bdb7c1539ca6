"""A calendar text to a calendar: its days off, what is not certain about them, and the years that it covers."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from permits_engine.domain.calendars import Calendar, Covered, Doubt, Holiday
from permits_engine.domain.periods import ONE_DAY, Period, add
from permits_engine.policies.schema import CalendarPart, Exceptional, Moving

LAST_YEAR = 2060
"""The last year for which fixed holidays are listed."""
WARNED_BEFORE = Period(years=2)
"""How long before its end a calendar is warned about."""


def calendar_of(part: CalendarPart) -> Calendar:
    """Return the calendar of a text without faults."""
    feasts = {each.key: each for each in part.moving}
    conditional = [each for each in part.exceptional if each.condition is not None]
    return Calendar(
        part.weekend,
        [*_fixed(part), *_moving(part), *_exceptional(part, feasts)],
        part.time_zone,
        [*_of_feasts(part), *(_of_condition(each, feasts) for each in conditional)],
        None if part.covers is None else _covered(part),
    )


def faults(part: CalendarPart) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield what is wrong in a calendar: the path to the field, and the reason."""
    keys = [each.key for each in part.moving]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            yield ("moving", number, "key"), f"{key!r} occurs twice"
    for number, each in enumerate(part.exceptional):
        condition = each.condition
        feast = next((m for m in part.moving if condition is not None and m.key == condition.feast), None)
        if condition is not None and (feast is None or feast.estimated is None):
            reason = f"{condition.feast!r} is no moving feast with an estimate"
            yield ("exceptional", number, "if", "feast"), reason
    if part.covers is not None and part.covers.until < part.covers.since:
        yield ("covers", "until"), f"{part.covers.until} lies before from, {part.covers.since}"


def _covered(part: CalendarPart) -> Covered:
    assert part.covers is not None
    return Covered(part.covers.since, part.covers.until, int(part.covers.spread[1:-1]))


def _fixed(part: CalendarPart) -> Iterator[Holiday]:
    for fixed in part.fixed:
        month, day = (int(each) for each in fixed.day.split("-"))
        for year in range(max(fixed.since.year, 2000), LAST_YEAR + 1):
            try:
                on = date(year, month, day)
            except ValueError:
                continue
            if on >= fixed.since and (fixed.until is None or on <= fixed.until):
                yield Holiday(on, fixed.name, fixed.known)


def _moving(part: CalendarPart) -> Iterator[Holiday]:
    for moving in part.moving:
        official = moving.official
        if moving.estimated is not None:
            believed = official.known if official is not None else None
            for on in moving.estimated.on:
                known = moving.estimated.known
                yield Holiday(on, moving.name, known, believed, estimated=True, doubt=moving.key)
        for on in official.on if official is not None else ():
            assert official is not None
            yield Holiday(on, moving.name, official.known)


def _exceptional(part: CalendarPart, feasts: dict[str, Moving]) -> Iterator[Holiday]:
    for each in part.exceptional:
        feast = feasts[each.condition.feast] if each.condition is not None else None
        if each.condition is None or feast is None:
            for on in each.on:
                yield Holiday(on, each.name, each.known)
            continue
        if _falls_on(feast, each.condition.on):
            settled = _settled(feast)
            for on in each.on:
                yield Holiday(on, each.name, each.known, settled, estimated=True, doubt=each.name)
        if feast.official is not None and feast.official.on[0] == each.condition.on:
            for on in each.on:
                yield Holiday(on, each.name, max(each.known, feast.official.known))


def _of_feasts(part: CalendarPart) -> Iterator[Doubt]:
    """Yield the feasts with an estimate; the official day is the estimated one or the day after."""
    for each in part.moving:
        if each.estimated is not None:
            days = frozenset(each.estimated.on)
            later = frozenset(day + ONE_DAY for day in days)
            yield Doubt(each.key, each.name, days, later, each.estimated.known, _settled(each))


def _of_condition(each: Exceptional, feasts: dict[str, Moving]) -> Doubt:
    assert each.condition is not None
    feast, days = feasts[each.condition.feast], frozenset(each.on)
    granted, refused = (
        (days, frozenset[date]()) if _falls_on(feast, each.condition.on) else (frozenset(), days)
    )
    return Doubt(each.name, each.name, granted, refused, each.known, _settled(feast))


def _falls_on(feast: Moving, day: date) -> bool:
    return feast.estimated is not None and feast.estimated.on[0] == day


def _settled(feast: Moving) -> date | None:
    return feast.official.known if feast.official is not None else None


def ends_soon(calendar: Calendar, today: date) -> str | None:
    """Return the warning that a calendar ends within two years, or has ended; none where it goes on for longer."""
    last = calendar.covered.last
    if last == date.max or add(today, WARNED_BEFORE) <= last:
        return None
    return (
        f"its calendar lists feasts until {last}: later days off are not known, and a last day after that is uncertain "
        "by days; adopt a calendar with the following years"
    )
