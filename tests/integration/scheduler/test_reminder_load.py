"""Not all on one day: where an office states its capacity, first reminders are spread, and only those."""

from collections import Counter
from datetime import date, timedelta

import pytest

from permits_engine.domain.errors import InputError
from permits_engine.policies.loading import packaged
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post, many_due, run

CAPACITY = """\
  - {name: reminders.capacity, applies: {office: [MA-RAB]}, value: 4, from: 2003-11-13, known: 2003-11-13,
     rank: convention, confidence: medium, source: {text: office, article: capacity}}
"""
MARK = "  - {name: notices.quiet,"
ENDS = date(2017, 12, 26)
FIRST, SECOND = ENDS - timedelta(days=90), ENDS - timedelta(days=60)


@pytest.fixture
def season(office: Office) -> Office:
    """Sixty cards of Rabat that end on one day; their first reminders are all due on one day."""
    text = packaged("MA")
    assert text.count(MARK) == 1
    office.at("2017-01-10")
    office.engine.policies.adopt(text.replace(MARK, CAPACITY + MARK))
    many_due(office.engine, 60, today=ENDS - timedelta(days=25))
    return office


def test_a_season_is_spread_over_the_days_before_the_next_reminder(season: Office) -> None:
    """Sixty on one day become a few on each of thirty; no one's comes later than the eve of the second."""
    rows = season.engine.notices.plan(date(2017, 9, 1), date(2017, 12, 31))
    assert sum(row["before"] for row in rows) == sum(row["after"] for row in rows) == 60
    assert [(row["day"], row["before"]) for row in rows if row["before"]] == [(FIRST.isoformat(), 60)]
    days = {date.fromisoformat(row["day"]): row["after"] for row in rows if row["after"]}
    assert min(days) >= FIRST
    assert max(days) < SECOND
    assert len(days) >= 20
    assert max(days.values()) <= 8
    assert {row["capacity"] for row in rows} == {4}


def test_what_the_plan_says_is_what_passes_do(season: Office) -> None:
    """Each holder gets the first reminder once, on the planned day (or when a holiday is over), then the others."""
    planned = {
        row["day"]: row["after"] for row in season.engine.notices.plan(date(2017, 9, 1), date(2017, 12, 31))
    }
    post = Post()
    sent: Counter[str] = Counter()
    day = FIRST - timedelta(days=2)
    while day <= SECOND:
        before = len(post.letters)
        run(season, day.isoformat(), post)
        first = [letter for letter in post.letters[before:] if letter.tier == "P90D"]
        sent[day.isoformat()] += len(first)
        day += timedelta(days=1)
    tiers = Counter(letter.tier for letter in post.letters)
    assert tiers == {"P90D": 60, "P60D": 60}
    moved = {d: n for d, n in sent.items() if n != planned.get(d, 0)}
    assert sum(sent.values()) == 60
    assert set(moved) <= {"2017-11-06", "2017-11-07"}, "only the Green March moves letters"


def test_offices_that_state_nothing_are_not_spread(office: Office) -> None:
    """Before and after are the same."""
    office.at("2017-01-10")
    many_due(office.engine, 5, today=ENDS - timedelta(days=25))
    [row] = office.engine.notices.plan(date(2017, 9, 1), date(2017, 12, 31))
    assert (row["before"], row["after"], row["capacity"]) == (5, 5, None)
    with pytest.raises(InputError, match="to: 2017-01-01 lies before"):
        office.engine.notices.plan(date(2017, 1, 2), date(2017, 1, 1))
