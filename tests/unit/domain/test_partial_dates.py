"""Dates known to the month or the year, and the ages that follow from them."""

from datetime import date

import pytest

from permits_engine.domain.partial_dates import PartialDate, age_on, eldest, youngest


@pytest.mark.parametrize(
    ("known", "protected_until", "may_ask_from", "of_age_on"),
    [
        ("1990", date(2008, 12, 30), date(2008, 1, 1), date(2008, 12, 31)),
        ("1990-05", date(2008, 5, 30), date(2008, 5, 1), date(2008, 5, 31)),
        ("2008", date(2026, 12, 30), date(2026, 1, 1), date(2026, 12, 31)),
        ("2004-02-29", date(2022, 2, 28), date(2022, 2, 28), date(2022, 3, 1)),
        ("2004-02", date(2022, 2, 28), date(2022, 2, 1), date(2022, 3, 1)),
        ("1990-05-01", date(2008, 4, 30), date(2008, 5, 1), date(2008, 5, 1)),
    ],
)
def test_protection_takes_the_latest_birth_and_a_right_the_earliest(
    known: str, protected_until: date, may_ask_from: date, of_age_on: date
) -> None:
    """The table of the law: until when someone may be a minor, and from when they may ask for a card."""
    born = PartialDate.of(known)
    assert youngest(born, protected_until) == 17
    assert youngest(born, of_age_on) == 18
    assert eldest(born, may_ask_from) == 18
    assert eldest(born, date.fromordinal(may_ask_from.toordinal() - 1)) == 17


def test_an_age_is_a_range_where_the_birth_is() -> None:
    """27 or 28; one age where both are the same."""
    assert age_on(PartialDate.of("1990"), date(2018, 6, 1)) == (27, 28)
    assert age_on(PartialDate.of("1990"), date(2018, 12, 31)) == (28, None)
    assert age_on(PartialDate.of("2018"), date(2018, 6, 1)) == (0, None)


@pytest.mark.parametrize("known", ["1990", "1990-05", "1990-05-01", "2004-02-29"])
def test_a_date_is_compatible_with_what_may_be_the_same_day(known: str) -> None:
    """Every one of them may be it, each is named once, and another day is not among them."""
    born = PartialDate.of(known)
    found = list(born.compatible())
    assert len(found) == len(set(found))
    assert all(born.may_be(each) and each.may_be(born) for each in found)
    assert PartialDate.of("1991-05-01") not in found
    assert str(born) == known


@pytest.mark.parametrize("text", ["1990-00-05", "1990-13", "1990-02-30", "0000", "", "90", "1990-1"])
def test_what_is_no_date_is_refused(text: str) -> None:
    """A day needs its month."""
    with pytest.raises(ValueError, match=r".+"):
        PartialDate.of(text)
