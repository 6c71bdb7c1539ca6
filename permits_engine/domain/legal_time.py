"""Legal time: the zones of the ``tzdata`` package, never the machine's own files, which may be older.

A government may change its time within weeks, and the legal day of every act follows from the zone: all machines must
read the same one.
"""

import re
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


@cache
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; raise ``ZoneInfoNotFoundError`` where the package has none."""
    if _NAME.fullmatch(name) is None:
        raise ZoneInfoNotFoundError(f"no time zone {name!r}")
    try:
        with resources.files("tzdata").joinpath("zoneinfo", name).open("rb") as file:
            return ZoneInfo.from_file(file, name)
    except (OSError, ValueError) as problem:
        raise ZoneInfoNotFoundError(f"no time zone {name!r}") from problem
