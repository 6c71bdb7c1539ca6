"""Legal days and sending hours through Morocco's changes of the clock, day by day from 2018 to 2028."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta

import pytest

from permits_engine import Engine
from permits_engine.domain import legal_time
from permits_engine.policies.loading import compile_text, packaged
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.notices.pauses import is_quiet
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock
from tests.integration.scheduler.conftest import Post, many_due

ZONE = legal_time.zone("Africa/Casablanca")
FIRST, LAST = date(2018, 1, 1), date(2028, 12, 31)
STEP = timedelta(minutes=15)


def changes() -> list[date]:
    """The local days on which the clock changes."""
    found, day = [], FIRST
    while day <= LAST:
        start, end = (datetime.combine(each, time(), ZONE) for each in (day, day + timedelta(days=1)))
        if start.utcoffset() != end.utcoffset():
            found.append(day)
        day += timedelta(days=1)
    return found


def test_the_zone_changes_around_each_ramadan() -> None:
    """The data that these tests go by: two changes a year around Ramadan, one for good in 2026, and none after."""
    by_year = defaultdict(int)
    for day in changes():
        by_year[day.year] += 1
    assert all(by_year[year] == 2 for year in range(2019, 2026))
    assert (by_year[2026], changes()[-1]) == (3, date(2026, 9, 20))


def test_every_day_has_its_twelve_hours_of_sending() -> None:
    """From eight to eight by the clock on the wall, on every day that is no holiday; on a holiday none."""
    policy = compile_text(packaged("MA"))
    open_at: dict[date, list[time]] = defaultdict(list)
    moment = datetime.combine(FIRST, time(), ZONE).astimezone(UTC)
    end = datetime.combine(LAST + timedelta(days=1), time(), ZONE).astimezone(UTC)
    while moment < end:
        local = moment.astimezone(ZONE)
        if not is_quiet(policy, moment):
            open_at[local.date()].append(local.time())
        moment += STEP
    wanted = [(datetime.combine(FIRST, time(8)) + n * STEP).time() for n in range(48)]
    day, holidays = FIRST, 0
    while day <= LAST:
        if policy.calendar.holiday(day, day) is not None:
            assert day not in open_at, day
            holidays += 1
        else:
            assert open_at[day] == wanted, day
        day += timedelta(days=1)
    assert holidays > 10 * 11


def test_passes_every_hour_see_every_legal_day_once_in_order() -> None:
    """Counted in UTC, as the ticker does, no local day is skipped or comes back at a change."""
    clock = FakeClock()
    seen: list[date] = []
    with Engine.open("sqlite://", clock=clock) as engine:
        zone = engine.context
        with engine.database.read() as tx:
            policy = engine.context.policies.current(tx, "MA")
        clock.instant = datetime.combine(FIRST, time(), ZONE).astimezone(UTC)
        while clock.instant < datetime.combine(LAST + timedelta(days=1), time(), ZONE):
            today = zone.today(policy)
            if not seen or seen[-1] != today:
                seen.append(today)
            clock.instant += timedelta(hours=1)
    assert seen == [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


LOCKDOWN = (date(2020, 3, 1), date(2020, 7, 31))
"""Titles that ended in it were extended by law: no one had to be reminded."""


@pytest.mark.parametrize("day", [x for x in changes() if not LOCKDOWN[0] <= x <= LOCKDOWN[1]], ids=str)
def test_a_reminder_due_on_the_day_of_a_change_leaves_once_at_eight(day: date) -> None:
    """Passes every half hour over three days: claimed in the night, sent at the first open hour, never again."""
    clock = FakeClock(datetime.combine(day - timedelta(days=2), time(12), ZONE).astimezone(UTC))
    post = Post()
    with Engine.open("sqlite://", clock=clock) as engine:
        many_due(engine, 1, today=day + timedelta(days=5))  # its reminder of 30 days before begins on the day
        clock.instant = datetime.combine(day - timedelta(days=1), time(12, 10), ZONE).astimezone(UTC)
        while clock.instant < datetime.combine(day + timedelta(days=4), time(12), ZONE):
            run_pass(engine.context, Routes(post, post))
            clock.instant += timedelta(minutes=30)
        policy = compile_text(packaged("MA"))
    sent = [letter.sent_at.astimezone(ZONE) for letter in post.letters if letter.tier == "P30D"]
    first_open = day
    while policy.calendar.holiday(first_open, first_open) is not None:
        first_open += timedelta(days=1)
    assert [each.date() for each in sent] == [first_open]
    assert time(8) <= sent[0].time() < time(8, 30)
