"""The life of a card under a clock that a test turns: every day for four years, and with the daemon away."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Engine
from permits_engine.testing.clock import FakeClock
from tests.integration.application.conftest import DECIDER, Office
from tests.integration.scheduler.conftest import Post, run

FIRST, LAST = date(2017, 2, 1), date(2021, 2, 28)


def days() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        yield day
        day += timedelta(days=1)


def live(office: Office, runs_on: Callable[[date], bool]) -> tuple[list[tuple[str, str, str | None]], Any]:
    """A card of one year, renewed once for three, then left to end: its letters by day, and its acts."""
    permit_id = office.title()
    told: list[tuple[str, str, str | None]] = []
    for day in days():
        iso = day.isoformat()
        if iso == "2018-01-10":
            office.do("request_renewal", iso, permit_id=permit_id)
        if iso == "2018-01-18":
            office.do("renew_permit", iso, DECIDER, permit_id=permit_id)
        if runs_on(day):
            post = Post()
            run(office, iso, post)
            told += [(iso, kind, tier) for kind, tier in post.told]
    acts = [(event["name"], event["effective_on"]) for event in office.engine.history(permit_id)]
    assert office.engine.store.rebuild(check=True).differences == []
    return told, acts


ACTS = [
    ("permit.application_lodged", "2016-12-20"),
    ("permit.receipt_issued", "2016-12-20"),
    ("permit.opinion_recorded", "2017-01-20"),
    ("permit.issued", "2017-02-01"),
    ("permit.renewal_requested", "2018-01-10"),
    ("permit.receipt_issued", "2018-01-10"),
    ("permit.renewed", "2018-01-18"),
]


def test_day_by_day_for_four_years(office: Office) -> None:
    """Each letter on its day (or the day after a holiday) and on no other, each act on the day that it bears."""
    told, acts = live(office, lambda day: True)
    assert told == [
        ("2017-11-02", "renewal_reminder", "P90D"),
        ("2017-12-03", "renewal_reminder", "P60D"),  # due on the Prophet's birthday
        ("2018-01-02", "renewal_reminder", "P30D"),  # due on New Year's Day
        ("2020-11-02", "renewal_reminder", "P90D"),
        ("2020-12-02", "renewal_reminder", "P60D"),
        ("2021-01-02", "renewal_reminder", "P30D"),  # due on New Year's Day
        ("2021-01-16", "renewal_reminder", "P15D"),
        ("2021-01-24", "renewal_reminder", "P7D"),
        ("2021-01-30", "renewal_reminder", "P1D"),
        ("2021-02-01", "renewal_reminder", "P1D-after"),
        ("2021-02-10", "renewal_reminder", "P10D-after"),
        ("2021-02-16", "title_lapsed", None),
    ]
    assert acts == [*ACTS, ("permit.lapsed", "2021-02-16")]


@pytest.mark.parametrize("every", [2, 10, 45])
def test_with_the_daemon_mostly_away(every: int, tmp_path: Path) -> None:
    """Up one day in so many: the same acts with the same days, and of each deadline the latest letter only."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    with Engine.initialise(
        f"sqlite:///{tmp_path / 'store.db'}", keys=tmp_path / "store.keys", clock=clock, simulated=True
    ) as engine:
        told, acts = live(Office(engine, clock), lambda day: day.toordinal() % every == 0 or day == LAST)
    assert acts == [*ACTS, ("permit.lapsed", "2021-02-16")]
    assert len({(kind, tier, day[:4]) for day, kind, tier in told}) == len(told)
    assert len({day for day, _, _ in told}) == len(told), "two letters about one deadline on one day"
    assert told[-1][1] in {"title_lapsed", "renewal_reminder"}
