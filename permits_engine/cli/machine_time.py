"""What this machine knows of legal time: the version of the ``tzdata`` package, and its own zone files.

The engine counts with the package alone. Other programs on the machine read its own files, and an older file shows
other legal days.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib import metadata
from pathlib import Path

from permits_engine.domain import legal_time
from permits_engine.domain.periods import ONE_DAY

NEEDED = (2026, 3)
"""The first version of the package that knows the law in force (2026c)."""
SINCE = date(2014, 1, 1)
"""The first legal day that is compared."""
AHEAD = timedelta(days=731)
"""How far ahead of today legal days are compared."""


def findings(zones: Iterable[str], today: date) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with legal time here: a level, and a sentence with its remedy."""
    version = metadata.version("tzdata")
    if _numbers(version) < NEEDED:
        needed = ".".join(map(str, NEEDED))
        yield (
            "error",
            f"the package tzdata is {version}, and the law needs {needed}: pip install --upgrade tzdata",
        )
    else:
        yield "note", f"legal time is counted with the package tzdata {version}"
    for name in sorted(set(zones)):
        here = machine_zone(name)
        if here is None:
            continue
        apart = list(differing(here, legal_time.zone(name), SINCE, today + AHEAD))
        if apart:
            days = ", ".join(_run(first, last) for first, last in apart[:5])
            more = f" and {len(apart) - 5} more periods" if len(apart) > 5 else ""
            yield (
                "warning",
                f"this machine's own file of {name} has other legal days than the package: {days}{more}; permits "
                "counts right, other programs here do not: update the system's tzdata",
            )


def machine_zone(name: str) -> tzinfo | None:
    """Return a zone by the machine's own files, or none where it has none."""
    for folder in zoneinfo.TZPATH:
        place = Path(folder) / name
        try:
            with place.open("rb") as file:
                return zoneinfo.ZoneInfo.from_file(file, name)
        except (OSError, ValueError):
            continue
    return None


def differing(one: tzinfo, two: tzinfo, first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the runs of legal days that begin or end at another instant by one zone than by the other."""
    since: date | None = None
    day = first
    while day <= last + ONE_DAY:
        apart = day <= last and (_start(day, one), _start(day + ONE_DAY, one)) != (
            _start(day, two),
            _start(day + ONE_DAY, two),
        )
        if apart and since is None:
            since = day
        elif not apart and since is not None:
            yield since, day - ONE_DAY
            since = None
        day += ONE_DAY


def _start(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _run(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
