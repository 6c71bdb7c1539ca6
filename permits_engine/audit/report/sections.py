"""The sections of the annual account: for each chart a sentence, the drawing, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from permits_engine.audit.report import charts
from permits_engine.audit.report.charts import Bar, Chart, Range
from permits_engine.audit.report.tallies import CLOCKS, OUTCOMES, Account, Delays, Table, total
from permits_engine.audit.report.wording import Speech
from permits_engine.domain.decisions.departures import KINDS

MOST_ROWS = 12
"""Rows of a chart; the smaller groups stand together in one more, in the table as well."""
_BODIES = ("national_commission", "administrative_tribunal", "hierarchical", "gracious")
_RULINGS = ("upheld", "dismissed", "withdrawn", "pending")
_TIERS = ("P90D", "P60D", "P30D", "P15D", "P7D", "P1D", "P1D-after", "P10D-after")
_WHY = ("reminded", "not_reached", "held_back", "not_reminded")
_ENDINGS = ("lapsed", "lost_by_absence", "revoked", "closed")
_GROUPS = ("nationality", "sex", "office", "category", "age")
_ORDER = {"age": ("0–17", "18–24", "25–34", "35–44", "45–54", "55–64", "65+", "?")}
_STYLES = {
    **{name: name for name in OUTCOMES},
    "upheld": "granted",
    "dismissed": "refused",
    "withdrawn": "granted_on_appeal",
    "pending": "open",
    "answered": "granted",
    "unanswered": "open",
    "not_sent": "refused",
    "reminded": "granted_on_appeal",
    "not_reached": "refused",
    "held_back": "open",
    "not_reminded": "granted",
    "lapsed": "granted_on_appeal",
    "lost_by_absence": "open",
    "revoked": "refused",
    "closed": "granted",
    "shorter_term": "granted_on_appeal",
    "due_as_of_right": "refused",
    "relaxed": "open",
    "other_title": "granted",
}
"""The colours: what went well, what did not, what is open, and one more."""


class Sheet(NamedTuple):
    """A table: its heads and rows; the first cell of a row is its head."""

    heads: list[str]
    rows: list[list[Any]]


class Figure(NamedTuple):
    """A chart with all that stands for it; without a chart there is nothing to draw."""

    id: str
    title: str
    take: str
    chart: Chart | None
    legend: list[tuple[str, str]]
    sheet: Sheet | None
    notes: tuple[str, ...] = ()


class Section(NamedTuple):
    """A part of the page."""

    id: str
    title: str
    figures: list[Figure]
    intro: str = ""


class Sections:
    """Makes the sections of an account in one language; ``offices`` holds their names by code."""

    def __init__(self, account: Account, speech: Speech, offices: dict[str, dict[str, str]]) -> None:
        self.account, self.speech, self.offices = account, speech, offices
        self.say = speech.say

    def all(self) -> list[Section]:
        """Every section with something in it, in the order of the page."""
        return [
            self._section("time", [self._time()]),
            self._section("outcomes", self._outcomes()),
            self._section("delays", self._delays()),
            self._section("appeals", [self._appeals()]),
            self._section("reminders", [self._reminders()]),
            self._section("endings", [self._lapses(), self._endings()]),
            self._section("departures", [self._departures()]),
        ]

    def _section(self, name: str, figures: Sequence[Figure | None]) -> Section:
        found = [each for each in figures if each is not None]
        intro = "" if found else self.say("none")
        return Section(name, self.say("sections", name), found, intro)

    # --- applications ---

    def _time(self) -> Figure | None:
        months = _months(self.account.months)
        if not months:
            return None
        filed = [self.account.months.get(each, {}).get("filed", 0) for each in months]
        given = [self.account.months.get(each, {}).get("granted", 0) for each in months]
        # A year's name where it begins; of a short period every third month.
        every = 12 if len(months) > 18 else 3
        labels = [
            ("" if (int(each[5:]) - 1) % every else each[:4] if every == 12 else self.speech.month(each))
            for each in months
        ]
        most = max(range(len(months)), key=lambda at: filed[at])
        take = self.say(
            "takes", "time", filed=sum(filed), month=self.speech.month(months[most]), most=filed[most]
        )
        rows: list[list[Any]] = [
            [self.speech.month(each), filed[at], given[at]]
            for at, each in enumerate(months)
            if filed[at] or given[at]
        ]
        sheet = Sheet([self.say("month"), self.say("filed"), self.say("given")], rows)
        legend = [("filed", self.say("filed")), ("given", self.say("given"))]
        return Figure(
            "time", self.say("sections", "time"), take, charts.columns(labels, filed, given), legend, sheet
        )

    def _outcomes(self) -> list[Figure]:
        tables = {**self.account.applications, "age": self.account.ages}
        return [self._grouped(by, tables[by]) for by in _GROUPS if tables.get(by)]

    def _grouped(self, by: str, table: Table) -> Figure:
        names: dict[str, Callable[[str], str]] = {
            "nationality": self.speech.country,
            "sex": lambda code: str(self.speech.words["sex"].get(code, code)),
            "office": lambda code: self.speech.office(code, self.offices),
            "category": lambda code: str(self.speech.words["categories"].get(code, code)),
            "age": lambda band: self.say("unknown") if band == "?" else band,
        }
        ordered = _ordered(table, _ORDER.get(by))
        rows = [(names[by](group), counts) for group, counts in ordered]
        if len(rows) > MOST_ROWS + 1:
            rest = total((counts for _, counts in rows[MOST_ROWS:]), OUTCOMES)
            rows = [*rows[:MOST_ROWS], (self.say("others", count=len(rows) - MOST_ROWS), rest)]
        parts = [name for name in OUTCOMES if any(counts.get(name) for _, counts in rows)]
        bars = [self._bar(label, counts, parts, self._granted(counts)) for label, counts in rows]
        heads = [self.say("group", by), self.say("applications")]
        heads += [self.say("outcomes", name) for name in parts] + [self.say("granted_share")]
        lines: list[list[Any]] = [
            [label, sum(counts.values()), *(counts.get(name, 0) for name in parts), self._granted(counts)]
            for label, counts in rows
        ]
        return Figure(
            by,
            self.say("by", by),
            self._take(by, rows, table),
            charts.bars(bars),
            [(_STYLES[name], self.say("outcomes", name)) for name in parts],
            Sheet(heads, lines),
        )

    def _bar(self, label: str, counts: dict[str, int], parts: Sequence[str], note: str = "") -> Bar:
        whole = self.speech.plain(sum(counts.get(name, 0) for name in parts))
        styled = tuple((_STYLES[name], float(counts.get(name, 0))) for name in parts)
        return Bar(label, styled, f"{whole} · {note}" if note else whole)

    def _granted(self, counts: dict[str, int]) -> str:
        return self.speech.share(_granted_of(counts), sum(counts.values()))

    def _take(self, by: str, rows: list[tuple[str, dict[str, int]]], table: Table) -> str:
        sums = [sum(counts.values()) for _, counts in rows]
        if by == "nationality":
            if len(rows) == 1:
                return self.say("takes", "nationality_one", first=rows[0][0])
            share = self.speech.share(sums[0] + sums[1], sum(sums))
            return self.say("takes", by, first=rows[0][0], second=rows[1][0], share=share)
        if by == "sex":
            shares = {
                each: self.speech.share(_granted_of(counts), _decided_of(counts))
                for each, counts in ((each, table.get(each, {})) for each in ("F", "M"))
            }
            return self.say("takes", by, women=shares["F"], men=shares["M"])
        if by == "office":
            return self.say("takes", by, first=rows[0][0], count=sums[0])
        if by == "age":
            return self.say("takes", by, minors=sum(table.get("0–17", {}).values()))
        outcomes = self.account.outcomes
        return self.say(
            *("takes", by),
            granted=_granted_of(outcomes),
            applications=sum(outcomes.values()),
            on_appeal=outcomes["granted_on_appeal"],
        )

    # --- delays ---

    def _delays(self) -> list[Figure]:
        return [
            self._clock(name, self.account.delays[name]) for name in CLOCKS if self.account.delays.get(name)
        ]

    def _clock(self, name: str, offices: dict[str, Delays]) -> Figure:
        whole = Delays()
        for each in offices.values():
            whole.merge(each)
        ordered = sorted(offices.items(), key=lambda row: (-row[1].late, -row[1].count, row[0]))
        if len(ordered) > MOST_ROWS + 1:
            rest = Delays()
            for _, each in ordered[MOST_ROWS:]:
                rest.merge(each)
            label = self.say("others", count=len(ordered) - MOST_ROWS)
            rows = [(self._office(code), each) for code, each in ordered[:MOST_ROWS]] + [(label, rest)]
        else:
            rows = [(self._office(code), each) for code, each in ordered]
        heads = [
            self.say("delay", each)
            for each in ("office", "count", "median", "most", "limit", "late", "overdue")
        ]
        lines: list[list[Any]] = [
            [label, d.count, d.quantile(0.5), d.quantile(0.9), d.limit, d.late, d.overdue]
            for label, d in rows
        ]
        drawn = [self._range(label, d) for label, d in rows if d.count]
        styles = ("usual", "span", "limit") if whole.limit is not None else ("usual", "span")
        return Figure(
            f"clock-{name}",
            self.say("clocks", name),
            self._clock_take(name, whole),
            charts.ranges(drawn, self.say("limit", days=whole.limit or 0)) if drawn else None,
            [(style, self.say("delay_legend", style)) for style in styles],
            Sheet(heads, lines),
        )

    def _office(self, code: str) -> str:
        return self.speech.office(code, self.offices)

    def _range(self, label: str, d: Delays) -> Range:
        usual, most = d.quantile(0.5) or 0, d.quantile(0.9) or 0
        word = "delay_note" if d.limit is not None else "delay_note_free"
        note = self.say(word, median=usual, late=d.late)
        return Range(label, usual, most, d.limit, note, d.limit is not None and most > d.limit)

    def _clock_take(self, name: str, whole: Delays) -> str:
        figures = {
            "late": whole.late,
            "limited": whole.limited,
            "overdue": whole.overdue,
            "limit": whole.limit,
            "count": whole.count,
            "median": whole.quantile(0.5),
        }
        free = name == "decision" and not whole.limited and not whole.overdue
        return self.say("clock_takes", "decision_none" if free else name, **figures)

    # --- appeals, reminders, endings ---

    def _appeals(self) -> Figure | None:
        table = self.account.appeals
        if not table:
            return None
        sums = total(table.values(), _RULINGS)
        ruled = sum(sums.values()) - sums["pending"]
        whole = Delays()
        for each in self.account.ruling.values():
            whole.merge(each)
        take = (
            self.say("takes", "appeals", upheld=sums["upheld"], ruled=ruled, days=whole.quantile(0.5))
            if ruled
            else self.say("takes", "appeals_pending", pending=sums["pending"])
        )
        rows = [(self.say("bodies", body), table[body]) for body in _BODIES if body in table]
        return self._simple("appeals", take, self.say("body"), rows, _RULINGS, "rulings")

    def _reminders(self) -> Figure | None:
        table = self.account.reminders
        if not table:
            return None
        rows = []
        for tier in sorted(table, key=lambda t: (_TIERS.index(t) if t in _TIERS else len(_TIERS), t)):
            counts = table[tier]
            sent, answered = counts.get("sent", 0), counts.get("answered", 0)
            parts = {
                "answered": answered,
                "unanswered": max(sent - answered, 0),
                "not_sent": counts.get("not_sent", 0),
            }
            rows.append((self._tier(tier), parts))
        sent = sum(counts.get("sent", 0) for counts in table.values())
        terms = self.account.terms
        take = self.say(
            *("takes", "reminders"),
            sent=sent,
            answered=terms.get("after_reminder", 0),
            unprompted=terms.get("unprompted", 0),
        )
        parts_of = ("answered", "unanswered", "not_sent")
        return self._simple("reminders", take, self.say("tier"), rows, parts_of, "reminder")

    def _tier(self, tier: str) -> str:
        days, _, after = tier.removeprefix("P").partition("D")
        if not days.isdigit():
            return tier
        if days == "1":
            return self.say("tiers", "day_after" if after else "day_before")
        return self.say("tiers", "after" if after else "before", days=int(days))

    def _lapses(self) -> Figure | None:
        table = self.account.lapses
        if not table:
            return None
        sums = total(table.values(), _WHY)
        take = self.say("takes", "lapses", lapsed=sum(sums.values()), reminded=sums["reminded"])
        return self._simple("lapses", take, self.say("year"), sorted(table.items()), _WHY, "why")

    def _endings(self) -> Figure | None:
        table = self.account.endings
        if not any(set(counts) - {"lapsed"} for counts in table.values()):
            return None  # the chart before it says it all
        return self._simple("endings", "", self.say("year"), sorted(table.items()), _ENDINGS, "endings")

    def _departures(self) -> Figure | None:
        table = self.account.departures
        if not table:
            return None
        sums = total(table.values(), KINDS)
        take = self.say("takes", "departures", decisions=sum(sums.values()), shorter=sums["shorter_term"])
        rows = [(self._office(code), counts) for code, counts in _ordered(table, None)]
        if len(rows) > MOST_ROWS + 1:
            rest = total((counts for _, counts in rows[MOST_ROWS:]), KINDS)
            rows = [*rows[:MOST_ROWS], (self.say("others", count=len(rows) - MOST_ROWS), rest)]
        return self._simple("departures", take, self.say("delay", "office"), rows, KINDS, "departures")

    def _simple(
        self,
        name: str,
        take: str,
        head: str,
        rows: list[tuple[str, dict[str, int]]],
        order: Sequence[str],
        words: str,
    ) -> Figure:
        parts = [each for each in order if any(counts.get(each) for _, counts in rows)]
        labels = [self.say(words, each) for each in parts]
        return Figure(
            name,
            self.say("sections", name)
            if name in self.speech.words["sections"]
            else self.say("sections", "endings"),
            take,
            charts.bars([self._bar(label, counts, parts) for label, counts in rows]),
            [(_STYLES[each], label) for each, label in zip(parts, labels, strict=True)],
            Sheet(
                [head, *labels], [[label, *(counts.get(each, 0) for each in parts)] for label, counts in rows]
            ),
        )


def _granted_of(counts: dict[str, int]) -> int:
    return counts.get("granted", 0) + counts.get("granted_on_appeal", 0)


def _decided_of(counts: dict[str, int]) -> int:
    return sum(counts.values()) - counts.get("open", 0)


def _ordered(table: Table, order: Sequence[str] | None) -> list[tuple[str, dict[str, int]]]:
    if order is not None:
        return [(each, table[each]) for each in order if each in table]
    return sorted(table.items(), key=lambda row: (row[0] == "?", -sum(row[1].values()), row[0]))


def _months(table: Table) -> list[str]:
    """Every month from the first to the last."""
    if not table:
        return []
    (year, month), last = map(int, min(table).split("-")), max(table)
    found = []
    while (name := f"{year}-{month:02d}") <= last:
        found.append(name)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found
