"""The rules of one jurisdiction as dated values with rank and legal basis, and how they are resolved.

A value applies on a legal date and is usable from the day on which it was known. Of the values that apply,
the highest rank wins, then the latest; practice never beats law.
"""

from __future__ import annotations

import enum
import re
from datetime import date
from typing import Any

import msgspec

from permits_engine.domain.calendars import Calendar, Count, due, unrolled
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
"""Norms from the strongest to the weakest; ``convention`` fills a silence and still beats practice."""


_ARTICLE = re.compile(r"[A-Z*]{0,3}\d")
_SEVERAL = re.compile(r"(?:,|\band|\bto) (?:[A-Z*]{0,3}\d|following)")


class Silence(enum.Enum):
    """Three ways of not having a number, which are not the same."""

    UNSET = "unset"
    """The law says nothing."""
    UNLIMITED = "unlimited"
    """The law says that there is no limit."""
    UNKNOWN = "unknown"
    """There is a rule, and the sources do not tell it."""


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a value stands: the text, and the article in it."""

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
        """Sorts the value that wins last."""
        return (-RANKS.index(self.rank), self.since, self.known)

    def covers(self, scope: dict[str, str]) -> bool:
        """Whether the value is meant for these circumstances."""
        for key, allowed in self.applies:  # noqa: SIM110  called a million times
            if scope.get(key) not in allowed:
                return False
        return True


class Office(msgspec.Struct, frozen=True):
    """One office of the jurisdiction, with its names by language."""

    code: str
    names: dict[str, str]

    def name(self, language: str) -> str:
        """The office's name in that language, or in the first one known."""
        return self.names.get(language) or next(iter(self.names.values()), self.code)


class Scope(dict[str, str]):
    """The circumstances that select among a policy's values, with those that it selected so far."""

    __slots__ = ("selected",)

    def __init__(self, circumstances: dict[str, str]) -> None:
        super().__init__(circumstances)
        self.selected: dict[str, tuple[Value, ...]] = {}


class Policy:
    """A policy text, compiled: parameters by name (weakest value first), the calendar, the offices."""

    def __init__(
        self,
        jurisdiction: str,
        title: str,
        digest: str,
        parameters: dict[str, tuple[Value, ...]],
        calendar: Calendar,
        offices: dict[str, Office],
    ) -> None:
        self.jurisdiction = jurisdiction
        self.title = title
        self.digest = digest
        self.parameters = parameters
        self.calendar = calendar
        self.offices = offices
        self.by_id: dict[str, Value] = {v.id: v for values in parameters.values() for v in values}
        self._scopes: dict[tuple[object, ...], Scope] = {}

    def scope(self, category: str, title_kind: str, stage: str, more: dict[str, str] | None = None) -> Scope:
        """The circumstances of a file; the same ones are the same object, which remembers its values."""
        key = (category, title_kind, stage, *more.items()) if more else (category, title_kind, stage)
        found = self._scopes.get(key)
        if found is None:
            plain = {"category": category, "title_kind": title_kind, "stage": stage, **(more or {})}
            found = self._scopes[key] = Scope(plain)
        return found

    def values(self, name: str, scope: dict[str, str]) -> tuple[Value, ...]:
        """The values of a parameter that are meant for these circumstances, the weakest first."""
        if type(scope) is not Scope:
            return tuple(each for each in self.parameters.get(name, ()) if each.covers(scope))
        found = scope.selected.get(name)
        if found is None:
            covering = tuple(each for each in self.parameters.get(name, ()) if each.covers(scope))
            found = scope.selected[name] = covering
        return found

    def at(self, known: date) -> Rules:
        """The rules as they were known on a day."""
        return Rules(self, known)


class Rules:
    """A policy as known on one day, which remembers what was asked of it.

    ``used`` holds the ids of the values that answered, in order; ``horizon`` the first later day on which
    one of the answers may change.
    """

    __slots__ = ("calendar", "horizon", "known", "policy", "used")

    def __init__(self, policy: Policy, known: date) -> None:
        self.policy = policy
        self.calendar = policy.calendar
        self.known = known
        self.used: dict[str, None] = {}
        self.horizon: date | None = None

    def find(self, name: str, on: date, scope: dict[str, str]) -> Value | None:
        """The value in force on ``on`` in these circumstances, or none."""
        best: Value | None = None
        values = scope.selected.get(name) if type(scope) is Scope else None
        if values is None:
            values = self.policy.values(name, scope)
        for each in values:  # sorted: the last that applies wins
            if each.known > self.known:
                self._watch(each.known)
            elif each.since > on:
                self._watch(each.since)
            elif each.until is None:
                best = each
            elif each.until >= on:
                self._watch(each.until + ONE_DAY)
                best = each
        if best is not None:
            self.used[best.id] = None
        return best

    def peek(self, name: str, on: date, scope: dict[str, str]) -> Value | None:
        """The value in force, for whoever only names it: it counts as no answer that was used."""
        best: Value | None = None
        for each in self.policy.values(name, scope):
            if each.known <= self.known and each.since <= on and (each.until is None or on <= each.until):
                best = each
        return best

    def get(self, name: str, on: date, scope: dict[str, str]) -> Any:
        """The plain value in force, or none where there is none or the law is silent."""
        found = self.find(name, on, scope)
        return None if found is None or type(found.value) is Silence else found.value

    def need(self, name: str, on: date, scope: dict[str, str]) -> Any:
        """The plain value in force; raises ``policy.none_in_force`` where there is none."""
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
        """The last useful day of a delay, by the calendar as known."""
        last = due(start, count, self.calendar, self.known, extra_days=extra, words=words)
        if count.roll:  # news about one of the days that were looked at could move the last one
            day = unrolled(start, count, extra)
            while day <= last:
                news = self.calendar.next_news(day, self.known)
                if news is not None:
                    self._watch(news)
                day += ONE_DAY
        return last

    def _watch(self, day: date) -> None:
        if day > self.known and (self.horizon is None or day < self.horizon):
            self.horizon = day


def count_of(value: Any) -> Count:
    """A delay given as a count, or as a bare period that is counted by the calendar."""
    return value if isinstance(value, Count) else Count(value)
