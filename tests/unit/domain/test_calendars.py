"""Periods said in words, days at the edge of the calendar, what becomes known about days off, and the working."""

from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.calendars import Calendar, Count, Holiday, due, unrolled
from permits_engine.domain.periods import Period, add, before, term_end
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text, packaged
from permits_engine.policies.schema import CalendarPart
from permits_engine.policies.yaml_reader import documents

D = date


@pytest.mark.parametrize(
    ("text", "written", "words"),
    [
        ("P1Y", "P1Y", "1 year"),
        ("P2Y", "P2Y", "2 years"),
        ("P3M", "P3M", "3 months"),
        ("P1M", "P1M", "1 month"),
        ("P15D", "P15D", "15 days"),
        ("P1D", "P1D", "1 day"),
        ("P2W", "P14D", "14 days"),
        ("P1W3D", "P10D", "10 days"),
        ("PT48H", "PT48H", "48 hours"),
        ("PT1H", "PT1H", "1 hour"),
        ("P1YT2H", "P1YT2H", "1 year and 2 hours"),
        ("P1Y2M3D", "P1Y2M3D", "1 year and 2 months and 3 days"),
        ("P0D", "P0D", "0 days"),
    ],
)
def test_a_period_is_written_and_said(text: str, written: str, words: str) -> None:
    """Weeks are days; nothing is said of what is nought; read twice it is the same."""
    period = Period.parse(text)
    assert (str(period), period.in_words()) == (written, words)
    assert Period.parse(text) == period == Period.parse(written)


@pytest.mark.parametrize(
    ("day", "text", "sign", "then"),
    [
        (D(2020, 1, 31), "P1M", 1, D(2020, 2, 29)),
        (D(2020, 3, 31), "P1M", -1, D(2020, 2, 29)),
        (D(2019, 11, 15), "P2M", 1, D(2020, 1, 15)),
        (D(2020, 1, 15), "P1M", -1, D(2019, 12, 15)),
        (D(2020, 12, 15), "P1Y", 1, D(2021, 12, 15)),
        (D(2020, 1, 28), "P1M", 1, D(2020, 2, 28)),
        (D(2021, 1, 29), "P1M", 1, D(2021, 2, 28)),
        (D(2020, 5, 10), "P10D", -1, D(2020, 4, 30)),
        (D(2020, 5, 10), "P1M10D", 1, D(2020, 6, 20)),
        (D(2020, 5, 10), "P1M10D", -1, D(2020, 3, 31)),
        (D(9997, 6, 1), "P1Y", 1, D(9998, 6, 1)),
        (D(2, 6, 1), "P1Y", -1, D(1, 6, 1)),
    ],
)
def test_a_period_is_added_and_taken_away(day: date, text: str, sign: int, then: date) -> None:
    """Months first, clamped to the end of a shorter one, then days."""
    assert add(day, Period.parse(text), sign) == then
    if sign < 0:
        assert before(day, Period.parse(text)) == then


@pytest.mark.parametrize(("day", "sign"), [(D(9998, 6, 1), 1), (D(1, 6, 1), -1)])
def test_what_lies_outside_the_calendar_is_refused(day: date, sign: int) -> None:
    """With the sum that led there."""
    with pytest.raises(ValueError, match=r"\+ P1Y lies outside" if sign > 0 else "- P1Y lies outside"):
        add(day, Period.parse("P1Y"), sign)


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        (D(2016, 2, 29), "P4Y", D(2020, 2, 28)),
        (D(2021, 8, 31), "P6M", D(2022, 2, 28)),
        (D(2016, 2, 29), "P1Y10D", D(2017, 3, 9)),
        (D(2021, 3, 1), "P90D", D(2021, 5, 29)),
        (D(2021, 3, 1), "P1Y1D", D(2022, 3, 1)),
    ],
)
def test_a_term_in_months_and_days_ends_with_its_last_day(start: date, text: str, end: date) -> None:
    """Clamped only where the anniversary does not exist and no days are added to it."""
    assert term_end(start, Period.parse(text)) == end


FEAST = Holiday(D(2023, 4, 21), "eid", known=D(2013, 1, 1), until_known=D(2023, 4, 20), estimated=True)
MOVED = Holiday(D(2023, 4, 22), "eid", known=D(2023, 4, 20))
BRIDGE = Holiday(D(2023, 4, 24), "bridge", known=D(2023, 4, 19))
CALENDAR = Calendar([6, 7], [FEAST, MOVED, BRIDGE])


def test_a_day_off_is_believed_from_the_day_it_is_known_until_the_day_it_is_not() -> None:
    """The day on which news comes counts as knowing it."""
    assert CALENDAR.holiday(FEAST.day, D(2012, 12, 31)) is None
    assert CALENDAR.holiday(FEAST.day, D(2013, 1, 1)) is FEAST
    assert CALENDAR.holiday(FEAST.day, D(2023, 4, 19)) is FEAST
    assert CALENDAR.holiday(FEAST.day, D(2023, 4, 20)) is None
    assert CALENDAR.holiday(BRIDGE.day, D(2023, 4, 19)) is BRIDGE
    assert CALENDAR.time_zone == "UTC"


def test_the_news_of_a_calendar_are_the_days_on_which_something_became_known() -> None:
    """In all, and about one day after another day."""
    assert CALENDAR.days_of_change() == {D(2013, 1, 1), D(2023, 4, 20), D(2023, 4, 19)}
    assert CALENDAR.next_change(FEAST.day, D(2012, 1, 1)) == D(2013, 1, 1)
    assert CALENDAR.next_change(FEAST.day, D(2013, 1, 1)) == D(2023, 4, 20)
    assert CALENDAR.next_change(FEAST.day, D(2023, 4, 20)) is None
    assert CALENDAR.next_change(BRIDGE.day, D(2023, 4, 18)) == D(2023, 4, 19)
    assert CALENDAR.next_change(D(2023, 5, 2), D(2012, 1, 1)) is None


def test_the_working_of_a_day_that_rolls_names_each_day_that_is_not_worked() -> None:
    """Estimated feasts are said to be so, and a weekend is only named by its day."""
    words: list[str] = []
    count = Count(Period.parse("P5D"), "franc", roll=True)
    assert due(D(2023, 4, 15), count, CALENDAR, D(2023, 4, 19), words=words) == D(2023, 4, 25)
    assert words == [
        "15 April 2023; 5 clear days",
        "first and last day excluded: 21 April 2023",
        "21 April 2023 is Friday, eid (estimated): the next day",
        "22 April 2023 is a Saturday: the next day",
        "23 April 2023 is a Sunday: the next day",
        "24 April 2023 is Monday, bridge: the next day",
        "25 April 2023 is a working day",
    ]


@pytest.mark.parametrize(
    ("count", "extra", "last", "words"),
    [
        (Count(Period.parse("P15D")), 0, D(2021, 3, 16), ["1 March 2021; 15 days"]),
        (
            Count(Period.parse("P15D"), roll=True),
            0,
            D(2021, 3, 16),
            ["1 March 2021; 15 days", "to 16 March 2021"],
        ),
        (
            Count(Period.parse("P15D")),
            1,
            D(2021, 3, 17),
            ["1 March 2021; 15 days", "to 16 March 2021", "suspended for 1 day: 17 March 2021"],
        ),
        (
            Count(Period.parse("P2M"), "franc"),
            3,
            D(2021, 5, 5),
            [
                "1 March 2021; 2 months",
                "first and last day excluded: 2 May 2021",
                "suspended for 3 days: 5 May 2021",
            ],
        ),
    ],
)
def test_the_working_of_a_delay_says_each_step(
    count: Count, extra: int, last: date, words: list[str]
) -> None:
    """Suspended days come after the count and before the day rolls."""
    said: list[str] = []
    assert unrolled(D(2021, 3, 1), count, extra, said) == last
    assert said == words
    assert unrolled(D(2021, 3, 1), count, extra) == last


def test_a_calendar_without_any_working_day_is_refused() -> None:
    """The search for one ends after sixty days, not before."""
    with pytest.raises(ValueError, match="sixty days"):
        Calendar(range(1, 8), []).next_working(D(2021, 3, 3), D(2021, 1, 1))
    shut = [Holiday(D.fromordinal(D(2021, 3, 3).toordinal() + n), "shut", D(2021, 1, 1)) for n in range(60)]
    assert Calendar([], shut[:59]).next_working(D(2021, 3, 3), D(2021, 1, 1)) == D(2021, 5, 1)
    with pytest.raises(ValueError, match="sixty days"):
        Calendar([], shut).next_working(D(2021, 3, 3), D(2021, 1, 1))


def touched(start: date, known: date) -> tuple[date, date, list[str]]:
    """The last day of 15 clear days in Morocco as estimated and by the other reading, and what it depends on."""
    rules = compile_text(packaged("MA")).at(known)
    count = Count(Period.parse("P15D"), "franc", roll=True)
    last = rules.due(start, count)
    doubts = list(rules.doubts)
    return last, rules.read(frozenset(doubts)).due(start, count), doubts


@pytest.mark.parametrize(
    ("start", "known", "expected"),
    [
        (D(2026, 3, 4), D(2026, 3, 10), (D(2026, 3, 23), D(2026, 3, 20), ["eid-al-fitr-1447"])),
        (D(2026, 3, 4), D(2026, 3, 13), (D(2026, 3, 24), D(2026, 3, 20), ["eid-al-fitr-1447"])),
        (D(2026, 3, 4), D(2026, 3, 19), (D(2026, 3, 24), D(2026, 3, 24), [])),
        (D(2027, 2, 22), D(2027, 2, 22), (D(2027, 3, 11), D(2027, 3, 12), ["eid-al-fitr-1448"])),
        (D(2011, 8, 15), D(2011, 8, 16), (D(2011, 9, 1), D(2011, 9, 2), ["eid-al-fitr-1432"])),
        (D(2011, 8, 15), D(2011, 8, 29), (D(2011, 9, 2), D(2011, 9, 2), [])),
        (D(2031, 3, 3), D(2031, 3, 3), (D(2031, 3, 19), D(2031, 3, 24), ["year"])),
        (D(2027, 2, 23), D(2027, 2, 23), (D(2027, 3, 11), D(2027, 3, 12), ["eid-al-fitr-1448"])),
        (D(2027, 2, 24), D(2027, 2, 24), (D(2027, 3, 12), D(2027, 3, 12), [])),
    ],
)
def test_a_feast_that_is_only_estimated_is_read_both_ways(
    start: date, known: date, expected: tuple[date, date, list[str]]
) -> None:
    """Also one that only its later reading brings to the last day."""
    assert touched(start, known) == expected


def test_a_conditional_day_off_counts_as_one_more_reading_until_the_feast_is_certain() -> None:
    """Friday 12 April 2024 is off if Eid falls on the 10th, which is certain on the 9th."""
    rules = compile_text(packaged("MA")).at(D(2024, 4, 5))
    count = Count(Period.parse("P15D"), "franc", roll=True)
    assert rules.due(D(2024, 3, 26), count) == D(2024, 4, 15)
    assert list(rules.doubts) == ["eid-al-fitr-1445", "bridge-2024-04-12"]
    assert rules.read(frozenset({"bridge-2024-04-12"})).due(D(2024, 3, 26), count) == D(2024, 4, 12)
    assert rules.horizon == D(2024, 4, 9)
    later = compile_text(packaged("MA")).at(D(2024, 4, 9))
    assert (later.due(D(2024, 3, 26), count), list(later.doubts)) == (D(2024, 4, 15), [])


def test_no_day_of_a_year_without_feasts_is_called_a_working_day() -> None:
    """Its last day is named as what it is, and the latest by how far feasts may move it."""
    calendar, words = compile_text(packaged("MA")).calendar, list[str]()
    assert calendar.next_working(D(2031, 3, 19), D(2031, 3, 3), words) == D(2031, 3, 19)
    assert not [line for line in words if "is a working day" in line]
    assert not calendar.covers(D(2003, 10, 31))
    assert calendar.covers(D(2030, 12, 31))


def official() -> list[tuple[date, frozenset[date], date]]:
    """The past moving feasts of Morocco: when the date was official, its days, and the first by the estimate."""
    [part] = [plain for plain, _ in documents(packaged("MA")) if "calendar" in plain]
    rows = CalendarPart.model_validate(part).moving
    return [
        (m.official.known, frozenset(m.official.on), m.estimated.on[0])
        for m in rows
        if m.official is not None and m.estimated is not None
    ]


def test_the_past_feasts_follow_the_rule_of_the_sighting() -> None:
    """Of 2013 to 2026, 39 feasts were a day later than the estimate and 18 on its day; never another."""
    found = [(min(days) - first).days for known, days, first in official() if known.year >= 2013]
    assert (found.count(1), found.count(0), len(found)) == (39, 18, 57)


@given(
    st.sampled_from(official()),
    st.integers(1, 25),
    st.integers(0, 4),
    st.sampled_from(["P15D", "P30D", "P60D"]),
)
def test_a_printed_day_is_never_later_than_the_true_one(
    feast: tuple[date, frozenset[date], date], ahead: int, off: int, length: str
) -> None:
    """The earliest day by every reading, seen before the date is official, against the day by what was announced."""
    announced, _, first = feast
    count = Count(Period.parse(length), "franc", roll=True)
    days = Period.parse(length).days + 1
    start = first + timedelta(days=off - days)
    known = announced - timedelta(days=ahead)
    policy = compile_text(packaged("MA"))
    earliest, latest = bounds_of(policy, start, count, known)
    true = policy.at(announced).due(start, count)
    assert earliest <= true
    if not policy.calendar.days_of_change() & {known + timedelta(days=n) for n in range(1, ahead)}:
        assert true <= latest


def bounds_of(policy: Policy, start: date, count: Count, known: date) -> tuple[date, date]:
    """The first and last of the days by all readings."""
    found, doubts = set[date](), set[str]()
    while True:
        rules = [policy.at(known).read(frozenset(each)) for each in subsets(doubts)]
        found |= {each.due(start, count) for each in rules}
        more = {key for each in rules for key in each.doubts}
        if more <= doubts:
            return min(found), max(found)
        doubts |= more


def subsets(keys: set[str]) -> list[tuple[str, ...]]:
    return [part for size in range(len(keys) + 1) for part in combinations(sorted(keys), size)]
