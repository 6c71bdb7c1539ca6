"""What a calendar text may say about days that are not certain, and when its end is warned about."""

from datetime import date

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.policies.calendars import ends_soon
from permits_engine.policies.loading import compile_text, packaged

CONDITION = "if: {feast: eid-al-fitr-1445,"
COVERS = "covers: {from: 2003-11-01, until: 2030-12-31, spread: P4D}"


@pytest.mark.parametrize(
    ("old", "new", "path", "reason"),
    [
        (
            CONDITION,
            "if: {feast: eid-al-fitr-1999,",
            "exceptional.3.if.feast",
            "no moving feast with an estimate",
        ),
        ("key: mawlid-1436", "key: mawlid-1435", "moving", "occurs twice"),
        (COVERS, COVERS.replace("2030", "1999"), "covers.until", "lies before from"),
        (COVERS, COVERS.replace("P4D", "P1M"), "covers.spread", "number of days such as P4D"),
    ],
)
def test_a_calendar_that_contradicts_itself_does_not_load(old: str, new: str, path: str, reason: str) -> None:
    text = packaged("MA")
    assert old in text
    with pytest.raises(PermitsError) as caught:
        compile_text(text.replace(old, new))
    [problem] = caught.value.details["problems"]
    assert problem["path"].startswith(path)
    assert reason in problem["reason"]
    assert problem["line"] > 1


@pytest.mark.parametrize(
    ("today", "warned"),
    [
        (date(2026, 12, 1), False),
        (date(2028, 12, 31), False),
        (date(2029, 1, 1), True),
        (date(2031, 6, 1), True),
    ],
)
def test_the_end_of_a_calendar_is_warned_about_two_years_before(today: date, warned: bool) -> None:
    said = ends_soon(compile_text(packaged("MA")).calendar, today)
    assert (said is not None) is warned


def test_a_calendar_that_names_no_years_covers_all() -> None:
    calendar = compile_text(packaged("MA").replace(COVERS, "")).calendar
    assert ends_soon(calendar, date(2060, 1, 1)) is None
    assert calendar.covers(date(1999, 1, 1))
