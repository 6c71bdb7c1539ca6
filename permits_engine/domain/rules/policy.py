"""The rules of one jurisdiction as dated values with rank and legal basis, and how they are resolved.

A value applies on legal dates, from the day on which it was known. Of the values that apply the highest rank wins, then
the latest; practice never beats law.
"""

import enum
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from permits_engine.domain.calendars import AS_ESTIMATED, YEAR, Calendar, Count, Reading, due, unrolled
from permits_engine.domain.errors import error
from permits_engine.domain.periods import ONE_DAY

RANKS = (
    "constitution",
    "treaty",
    "law",
    "decree",
    "order",
    "circular",
    "communique",
    "convention",
    "practice",
)
"""Ranks of norms from the strongest to the weakest; ``convention`` fills a gap and still beats practice."""


_ARTICLE = re.compile(r"[A-Z*]{0,3}\d")
_SEVERAL = re.compile(r"(?:,|\band|\bto) (?:[A-Z*]{0,3}\d|following)")


class Silence(enum.Enum):
    """Three different reasons why there is no number."""

    UNSET = "unset"
    """The law says nothing."""
    UNLIMITED = "unlimited"
    """The law says that there is no limit."""
    UNKNOWN = "unknown"
    """There is a rule that the sources do not tell."""


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """The source of a value: the text, and the article in it."""

    text: str
    article: str | None = None

    def __str__(self) -> str:
        if not self.article:
            return self.text
        numbered = _ARTICLE.match(self.article)
        word = "" if numbered is None else "articles " if _SEVERAL.search(self.article) else "article "
        return f"{self.text}, {word}{self.article}"


class Value(msgspec.Struct, frozen=True):
    """One dated value of one parameter, with its legal basis."""

    id: str
    name: str
    value: Any
    since: date
    known: date
    rank: str
    source: Source
    confidence: str
    until: date | None = None
    applies: tuple[tuple[str, frozenset[str]], ...] = ()
    note: str | None = None

    @property
    def weight(self) -> tuple[int, date, date]:
        """The sort key; the value that wins comes last."""
        return (-RANKS.index(self.rank), self.since, self.known)

    def covers(self, scope: dict[str, str]) -> bool:
        """Return whether the value applies in these circumstances."""
        for key, allowed in self.applies:  # noqa: SIM110  called a million times
            if scope.get(key) not in allowed:
                return False
        return True


class Office(msgspec.Struct, frozen=True):
    """One office of the jurisdiction, with its names by language."""

    code: str
    names: dict[str, str]

    def name(self, language: str) -> str:
        """Return the name in that language, or in the first one known."""
        return self.names.get(language) or next(iter(self.names.values()), self.code)


class Scope(dict[str, str]):
    """Circumstances that select among the values of a policy, with the selections so far."""

    __slots__ = ("selected",)

    def __init__(self, circumstances: dict[str, str]) -> None:
        super().__init__(circumstances)
        self.selected: dict[str, tuple[Value, ...]] = {}


@dataclass(eq=False)
class Policy:
    """A compiled policy text: parameters by name (weakest value first), the calendar, the offices."""

    jurisdiction: str
    title: str
    digest: str
    parameters: dict[str, tuple[Value, ...]]
    calendar: Calendar
    offices: dict[str, Office]

    def __post_init__(self) -> None:
        self.by_id = {v.id: v for values in self.parameters.values() for v in values}
        self._scopes: dict[tuple[object, ...], Scope] = {}

    def scope(self, category: str, title_kind: str, stage: str, more: dict[str, str] | None = None) -> Scope:
        """Return the circumstances of a file; equal ones are one object, which remembers its selections."""
        key = (category, title_kind, stage, *more.items()) if more else (category, title_kind, stage)
        found = self._scopes.get(key)
        if found is None:
            plain = {"category": category, "title_kind": title_kind, "stage": stage, **(more or {})}
            found = self._scopes[key] = Scope(plain)
        return found

    def values(self, name: str, scope: dict[str, str]) -> tuple[Value, ...]:
        """Return the values of a parameter that apply in these circumstances, the weakest first."""
        found = scope.selected.get(name) if type(scope) is Scope else None
        if found is None:
            found = tuple(each for each in self.parameters.get(name, ()) if each.covers(scope))
            if type(scope) is Scope:
                scope.selected[name] = found
        return found

    def at(self, known: date) -> "Rules":
        """Return the rules as known on a day."""
        return Rules(self, known)


class Rules:
    """A policy as known on one day, which remembers what it was asked.

    ``used`` are the ids of the values that answered, in order; ``horizon`` is the first later day on which an answer
    may change; ``doubts`` are the keys of what is not certain about the days that answered. ``reading`` says how these
    are read; with none, as estimated, and a last day may turn out to be another.
    """

    __slots__ = ("calendar", "doubts", "horizon", "known", "policy", "reading", "used")

    def __init__(self, policy: Policy, known: date, reading: Reading | None = None) -> None:
        self.policy = policy
        self.calendar = policy.calendar
        self.known = known
        self.reading = reading
        self.used: dict[str, None] = {}
        self.doubts: dict[str, None] = {}
        self.horizon: date | None = None

    def read(self, reading: Reading) -> "Rules":
        """Return the same rules with an empty memory, by one reading of what is not certain."""
        return Rules(self.policy, self.known, reading)

    def find(self, name: str, on: date, scope: dict[str, str]) -> Value | None:
        """Return the value in force on ``on`` in these circumstances, or none."""
        best: Value | None = None
        values = scope.selected.get(name) if type(scope) is Scope else None
        if values is None:
            values = self.policy.values(name, scope)
        for each in values:  # sorted: the last that applies wins
            if each.known > self.known:
                self.watch(each.known)
            elif each.since > on:
                self.watch(each.since)
            elif each.until is None:
                best = each
            elif each.until >= on:
                self.watch(each.until + ONE_DAY)
                best = each
        if best is not None:
            self.used[best.id] = None
        return best

    def peek(self, name: str, on: date, scope: dict[str, str]) -> Value | None:
        """Return the value in force without recording it in the decision's basis."""
        best: Value | None = None
        for each in self.policy.values(name, scope):
            if each.known <= self.known and each.since <= on and (each.until is None or on <= each.until):
                best = each
        return best

    def get(self, name: str, on: date, scope: dict[str, str]) -> Any:
        """Return the plain value in force, or none where there is none or the law is silent."""
        found = self.find(name, on, scope)
        return None if found is None or type(found.value) is Silence else found.value

    def need(self, name: str, on: date, scope: dict[str, str]) -> Any:
        """Return the plain value in force; raise ``policy.none_in_force`` where there is none."""
        found = self.find(name, on, scope)
        if found is None or isinstance(found.value, Silence):
            raise error(
                "policy.none_in_force",
                f"no value of {name} is in force in {self.policy.jurisdiction} on {on}; "
                "check the date, or adopt a policy that covers it",
                parameter=name,
                on=on.isoformat(),
                jurisdiction=self.policy.jurisdiction,
            )
        return found.value

    def due(self, start: date, count: Count, *, extra: int = 0, words: list[str] | None = None) -> date:
        """Return the last day of a period, by the calendar as known."""
        calendar, reading = self.calendar, self.reading or AS_ESTIMATED
        last = due(start, count, calendar, self.known, extra_days=extra, words=words, reading=reading)
        if count.roll:  # a change published about one of the days examined could move the last one
            day = unrolled(start, count, extra)
            while day <= last:
                change = calendar.next_change(day, self.known)
                if change is not None:
                    self.watch(change)
                for doubt in calendar.doubts(day, self.known):
                    self.doubts[doubt.key] = None
                if not calendar.covers(day):
                    self.doubts[YEAR] = None
                day += ONE_DAY
        return last

    def watch(self, day: date) -> None:
        """Remember a later day on which an answer may change."""
        if day > self.known and (self.horizon is None or day < self.horizon):
            self.horizon = day


def count_of(value: Any) -> Count:
    """Return the count; a bare period is counted by the calendar."""
    return value if isinstance(value, Count) else Count(value)
