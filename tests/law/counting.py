"""Days as the law counts them in Morocco, written from the documents alone; public holidays are read as data."""

import calendar
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

DAY = timedelta(days=1)


@cache
def _calendar() -> dict[str, Any]:
    text = files("permits_engine").joinpath("jurisdictions/ma/calendar.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@cache
def holidays(known: date) -> frozenset[date]:
    """The public holidays as published on a day: the official date where it is out, else the estimate."""
    found = set()
    for feast in _calendar()["fixed"]:
        if feast["known"] <= known:
            month, day = map(int, feast["day"].split("-"))
            found |= {d for year in range(2013, 2032) if (d := date(year, month, day)) >= feast["from"]}
    for feast in _calendar()["moving"]:
        for stage in ("official", "estimated"):
            if stage in feast and feast[stage]["known"] <= known:
                found |= set(feast[stage]["on"])
                break
    for feast in _calendar().get("exceptional", []):
        if feast["known"] <= known:
            found |= set(feast["on"]) if isinstance(feast["on"], list) else {feast["on"]}
    return frozenset(found)


def working(day: date, known: date) -> date:
    """The day itself, or the next one that is neither Saturday, Sunday nor a public holiday."""
    while day.isoweekday() in {6, 7} or day in holidays(known):
        day += DAY
    return day


def franc(start: date, days: int, known: date) -> date:
    """The last day of a délai franc: neither the first day nor the last one counts; it rolls to a working day."""
    return working(start + timedelta(days=days + 1), known)


def months(day: date, n: int) -> date:
    """The same day of the month n months on, clamped to the month's last."""
    year, month = divmod(day.month - 1 + n, 12)
    year += day.year
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def term_end(first: date, years: int) -> date:
    """The day before the anniversary; where there is no such day in that year, the month's last."""
    last = calendar.monthrange(first.year + years, first.month)[1]
    if first.day > last:
        return date(first.year + years, first.month, last)
    return date(first.year + years, first.month, first.day) - DAY
