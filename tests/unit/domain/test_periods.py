"""Terms, délais francs, working days: the golden dates of the legal reference."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.calendars import Calendar, Count, Holiday, due
from permits_engine.domain.periods import Period, add, term_end
from permits_engine.policies.loading import compile_text, packaged

MA = compile_text(packaged("MA"))
KNOWN = date(2026, 1, 1)
DAYS = st.dates(date(1950, 1, 1), date(2150, 1, 1))


@pytest.mark.parametrize(
    ("start", "term", "end"),
    [
        ("2014-09-10", "P1Y", "2015-09-09"),
        ("2016-02-29", "P1Y", "2017-02-28"),
        ("2017-03-01", "P3Y", "2020-02-29"),
        ("2018-02-01", "P3Y", "2021-01-31"),
    ],
)
def test_a_term_ends_the_day_before_its_anniversary(start: str, term: str, end: str) -> None:
    """The last day of a term is inclusive; without an anniversary, the month ends it."""
    assert term_end(date.fromisoformat(start), Period.parse(term)) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        ("2019-11-30", "P3M", "2020-02-29"),
        ("2018-11-30", "P3M", "2019-02-28"),
        ("2014-03-03", "P3M", "2014-06-03"),
        ("2016-12-20", "P3M", "2017-03-20"),
    ],
)
def test_months_keep_the_day_and_clamp(start: str, period: str, end: str) -> None:
    """Three months from a receipt end on the same day of the month, or on the last one (vector G8)."""
    assert add(date.fromisoformat(start), Period.parse(period)) == date.fromisoformat(end)


def test_fifteen_clear_days_from_16_july_2019_end_on_1_august() -> None:
    """Neither the first nor the last day of a délai franc counts (vector G2), and the working says so."""
    words: list[str] = []
    count = Count(Period.parse("P15D"), "franc", roll=True)
    assert due(date(2019, 7, 16), count, MA.calendar, KNOWN, words=words) == date(2019, 8, 1)
    assert words == [
        "16 July 2019; 15 clear days",
        "first and last day excluded: 1 August 2019",
        "1 August 2019 is a working day",
    ]


def test_sixty_clear_days_roll_off_labour_day() -> None:
    """60 clear days from 1 March 2021 end on Labour Day, a Saturday: Monday 3 May (vector G10)."""
    count = Count(Period.parse("P60D"), "franc", roll=True)
    assert due(date(2021, 3, 1), count, MA.calendar, KNOWN) == date(2021, 5, 3)


def test_suspended_days_move_the_unrolled_last_day() -> None:
    """Fifteen suspended days move the last day first, and only then does it roll (vector G12)."""
    count = Count(Period.parse("P60D"), "franc", roll=True)
    assert due(date(2021, 3, 1), count, MA.calendar, KNOWN, extra_days=15) == date(2021, 5, 17)


def test_a_holiday_counts_only_once_it_is_known() -> None:
    """An exceptional day moves a deadline from the day on which it was published (vector G24)."""
    calendar = Calendar([6, 7], [Holiday(date(2023, 4, 24), "bridge", known=date(2023, 4, 19))])
    assert calendar.next_working(date(2023, 4, 24), date(2023, 4, 18)) == date(2023, 4, 24)
    assert calendar.next_working(date(2023, 4, 24), date(2023, 4, 19)) == date(2023, 4, 25)


def test_an_official_date_replaces_the_estimated_one() -> None:
    """What was only estimated is believed until the official date is known, and no longer."""
    holidays = [
        Holiday(date(2030, 2, 5), "feast", date(2013, 1, 1), until_known=date(2030, 2, 3), estimated=True),
        Holiday(date(2030, 2, 6), "feast", date(2030, 2, 3)),
    ]
    calendar = Calendar([6, 7], holidays)
    assert not calendar.is_working(date(2030, 2, 5), date(2030, 2, 2))
    assert calendar.is_working(date(2030, 2, 5), date(2030, 2, 3))
    assert not calendar.is_working(date(2030, 2, 6), date(2030, 2, 3))


@pytest.mark.parametrize("text", ["", "P", "1Y", "P1", "PT", "P-1D", "P1.5D", "p1y", "P1Y\n", "P99999999D"])
def test_what_is_no_period_is_refused(text: str) -> None:
    """Only whole ISO 8601 periods are read."""
    with pytest.raises(ValueError, match="ISO 8601"):
        Period.parse(text)


@given(st.integers(0, 50), st.integers(0, 40), st.integers(1, 400))
def test_a_period_reads_back_as_it_is_written(years: int, months: int, days: int) -> None:
    """Text and period are the same thing."""
    period = Period(years, months, days)
    assert Period.parse(str(period)) == period


@given(DAYS, st.integers(1, 10))
def test_terms_follow_each_other_without_gap_or_loss(start: date, years: int) -> None:
    """A term of n years lasts n years, and the next one can start the day after."""
    end = term_end(start, Period(years=years))
    assert 365 * years - 1 <= (end - start).days <= 366 * years


@given(DAYS, st.integers(1, 90))
def test_a_clear_delay_is_never_shorter_than_a_plain_one(start: date, days: int) -> None:
    """A délai franc always leaves at least one day more."""
    plain = due(start, Count(Period(days=days)), MA.calendar, KNOWN)
    clear = due(start, Count(Period(days=days), "franc", roll=True), MA.calendar, KNOWN)
    assert clear > plain
    assert MA.calendar.is_working(clear, KNOWN)
