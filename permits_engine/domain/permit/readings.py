"""A question about a file by every reading of what is not certain: an estimated feast, a condition, an unknown year.

A file is read anew only where a last day that it asked for depends on one of these.
"""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import combinations
from typing import Protocol, Self, TypeVar

import msgspec

from permits_engine.domain.calendars import Reading
from permits_engine.domain.rules.policy import Rules


class Readable(Protocol):
    """A file on a day, by rules that may be read in several ways."""

    rules: Rules

    def read(self, reading: Reading) -> Self:
        """Return the same file by one reading."""


S = TypeVar("S", bound=Readable)
T = TypeVar("T")


class Bounds(msgspec.Struct, frozen=True):
    """The first and last day that a deadline may turn out to be, and what that depends on."""

    earliest: date | None
    latest: date | None
    depends_on: tuple[str, ...]


def bounds(s: S, ask: Callable[[S], date | None]) -> Bounds | None:
    """Return the bounds of a day that was asked for before, or none where it is certain."""
    answers, doubts = _answers(s, ask)
    days = [day for day in answers if day is not None]
    if not doubts or not days:
        return None
    return Bounds(min(days), max(days) if len(days) == len(answers) else None, tuple(doubts))


def holds(s: S, ask: Callable[[S], bool]) -> bool:
    """Return whether something holds by any reading."""
    return ask(s) or any(_answers(s, ask)[0])


def _answers(s: S, ask: Callable[[S], T]) -> tuple[list[T], list[str]]:
    """Return the answers by every reading, and the doubts that they touch; none where the rules touch no doubt."""
    found: dict[Reading, T] = {}
    doubts: dict[str, None] = {}
    if s.rules.reading is not None or not s.rules.doubts:
        return [], []
    while True:
        touched = dict(doubts)
        for reading in _readings(doubts):
            if reading not in found:
                read = s.read(reading)
                found[reading] = ask(read)
                touched |= read.rules.doubts
                if read.rules.horizon is not None:
                    s.rules.watch(read.rules.horizon)
        if touched.keys() == doubts.keys():
            return list(found.values()), list(doubts)
        doubts = touched


def _readings(doubts: dict[str, None]) -> Iterator[Reading]:
    for size in range(len(doubts) + 1):
        yield from map(frozenset, combinations(doubts, size))
