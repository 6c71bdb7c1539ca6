"""The sections of the annual report: for each chart a sentence, the drawing, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from permits_engine.audit.report import charts
from permits_engine.audit.report.charts import Bar, Chart, Range
from permits_engine.audit.report.tallies import OUTCOMES, TIME_LIMITS, AnnualReport, Delays, Table, total
from permits_engine.audit.report.wording import Wording
from permits_engine.domain.decisions.departures import KINDS
from permits_engine.domain.rules.policy import Office

MOST_ROWS = 12
"""Rows of a chart and its table; the smaller groups are added up in one more."""
_BODIES = (
    "national_commission",
    "administrative_tribunal",
    "hierarchical",
    "gracious",
    "administrative_authority",
)
_RULINGS = ("upheld", "dismissed", "withdrawn", "pending")
_TIERS = ("P90D", "P60D", "P30D", "P15D", "P7D", "P1D", "P1D-after", "P10D-after")
_ANSWERS = ("answered", "unanswered", "not_sent")
_WHY = ("reminded", "not_reached", "held_back", "not_reminded")
_ENDINGS = ("lapsed", "lost_by_absence", "revoked", "closed")
_GROUPS = ("nationality", "sex", "office", "category", "age")
_AGES = ("0–17", "18–24", "25–34", "35–44", "45–54", "55–64", "65+", "?")
_COLOURS = {
    "granted": ("granted", "upheld", "answered", "not_reminded", "closed", "other_title"),
    "refused": ("refused", "dismissed", "not_sent", "not_reached", "revoked", "due_as_of_right"),
    "open": ("open", "pending", "unanswered", "held_back", "lost_by_absence", "relaxed"),
    "granted_on_appeal": ("granted_on_appeal", "withdrawn", "reminded", "lapsed", "shorter_term"),
}
"""Style classes with the parts of bars that bear them: what went well, what did not, what is open, and one more."""
_STYLES = {part: style for style, parts in _COLOURS.items() for part in parts}

Row = TypeVar("Row")
Counts = dict[str, int]


class Sheet(NamedTuple):
    """A table: its heads and rows; the first cell of a row is its head."""

    heads: list[str]
    rows: list[list[Any]]


class Figure(NamedTuple):
    """A chart (None: nothing to draw) with its title, sentence, legend and table."""

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
    """The sections of a report in one language; ``offices`` are found by code."""

    def __init__(self, report: AnnualReport, wording: Wording, offices: Mapping[str, Office]) -> None:
        self.report, self.wording, self.offices = report, wording, offices
        self.say = wording.say

    def all(self) -> list[Section]:
        """Return every section in the order of the page; one without figures says that there is nothing."""
        report = self.report
        tables = {**report.applications, "age": report.ages}
        figures: dict[str, list[Figure | None]] = {
            "time": [self._time()],
            "outcomes": [self._grouped(by, tables[by]) for by in _GROUPS if tables.get(by)],
            "delays": [self._delays(each, report.delays.get(each, {})) for each in TIME_LIMITS],
            "appeals": [self._appeals()],
            "reminders": [self._reminders()],
            "endings": [self._lapses(), self._endings()],
            "departures": [self._departures()],
        }
        return [self._section(name, found) for name, found in figures.items()]

    def _section(self, name: str, figures: Iterable[Figure | None]) -> Section:
        found = [each for each in figures if each is not None]
        return Section(name, self.say("sections", name), found, "" if found else self.say("none"))

    # --- applications ---

    def _time(self) -> Figure | None:
        table, month_name = self.report.months, self.wording.month
        months = _months(table)
        if not months:
            return None
        filed = [table.get(each, {}).get("filed", 0) for each in months]
        given = [table.get(each, {}).get("granted", 0) for each in months]
        # Label every January with its year, or in a short period every third month.
        every = 12 if len(months) > 18 else 3
        labels = [
            "" if (int(each[5:]) - 1) % every else each[:4] if every == 12 else month_name(each)
            for each in months
        ]
        most = max(range(len(months)), key=lambda at: filed[at])
        rows: list[list[Any]] = [
            [month_name(each), filed[at], given[at]]
            for at, each in enumerate(months)
            if filed[at] or given[at]
        ]
        return Figure(
            "time",
            self.say("sections", "time"),
            self.say("takes", "time", filed=sum(filed), month=month_name(months[most]), most=filed[most]),
            charts.columns(labels, filed, given),
            [("filed", self.say("filed")), ("given", self.say("given"))],
            Sheet([self.say("month"), self.say("filed"), self.say("given")], rows),
        )

    def _grouped(self, by: str, table: Table) -> Figure | None:
        names: dict[str, Callable[[str], str]] = {
            "nationality": self.wording.country,
            "sex": lambda code: str(self.wording.words["sex"].get(code, code)),
            "office": self._office,
            "category": lambda code: str(self.wording.words["categories"].get(code, code)),
            "age": lambda band: self.say("unknown") if band == "?" else band,
        }
        ordered = [(each, table[each]) for each in _AGES if each in table] if by == "age" else _by_size(table)
        rows = self._top([(names[by](group), counts) for group, counts in ordered], _total)
        take = self._take(by, rows, table)
        head, title = self.say("group", by), self.say("by", by)
        return self._stacked(by, take, head, rows, OUTCOMES, "outcomes", title=title, shares=True)

    def _take(self, by: str, rows: list[tuple[str, Counts]], table: Table) -> str:
        sums = [sum(counts.values()) for _, counts in rows]
        share, outcomes = self.wording.share, self.report.outcomes
        if by == "nationality" and len(rows) == 1:
            return self.say("takes", "nationality_one", first=rows[0][0])
        figures: dict[str, Any] = {}
        if by == "nationality":
            both = share(sums[0] + sums[1], sum(sums))
            figures = {"first": rows[0][0], "second": rows[1][0], "share": both}
        elif by == "sex":
            for name, code in (("women", "F"), ("men", "M")):
                counts = table.get(code, {})
                figures[name] = share(_granted(counts), sum(counts.values()) - counts.get("open", 0))
        elif by == "office":
            figures = {"first": rows[0][0], "count": sums[0]}
        elif by == "age":
            figures = {"minors": sum(table.get("0–17", {}).values())}
        else:
            figures = {
                "granted": _granted(outcomes),
                "applications": sum(outcomes.values()),
                "on_appeal": outcomes["granted_on_appeal"],
            }
        return self.say("takes", by, **figures)

    # --- delays ---

    def _delays(self, name: str, offices: dict[str, Delays]) -> Figure | None:
        if not offices:
            return None
        whole = Delays.merged(offices.values())
        ordered = sorted(offices.items(), key=lambda row: (-row[1].late, -row[1].count, row[0]))
        rows = self._top([(self._office(code), each) for code, each in ordered], Delays.merged)
        heads = ("office", "count", "median", "most", "limit", "late", "overdue")
        lines: list[list[Any]] = [
            [label, d.count, d.quantile(0.5), d.quantile(0.9), d.limit, d.late, d.overdue]
            for label, d in rows
        ]
        drawn = [self._range(label, d) for label, d in rows if d.count]
        styles = ("usual", "span", "limit") if whole.limit is not None else ("usual", "span")
        return Figure(
            f"clock-{name}",
            self.say("clocks", name),
            self._delays_take(name, whole),
            charts.ranges(drawn, self.say("limit", days=whole.limit or 0)) if drawn else None,
            [(style, self.say("delay_legend", style)) for style in styles],
            Sheet([self.say("delay", each) for each in heads], lines),
        )

    def _range(self, label: str, d: Delays) -> Range:
        usual, most = d.quantile(0.5) or 0, d.quantile(0.9) or 0
        word = "delay_note" if d.limit is not None else "delay_note_free"
        note = self.say(word, median=usual, late=d.late)
        return Range(label, usual, most, d.limit, note, d.limit is not None and most > d.limit)

    def _delays_take(self, name: str, whole: Delays) -> str:
        figures = {each: getattr(whole, each) for each in ("late", "limited", "overdue", "limit", "count")}
        free = name == "decision" and not whole.limited and not whole.overdue
        word = "decision_none" if free else name
        return self.say("clock_takes", word, median=whole.quantile(0.5), **figures)

    # --- appeals, reminders, endings ---

    def _appeals(self) -> Figure | None:
        table = self.report.appeals
        sums = total(table.values(), _RULINGS)
        ruled = sum(sums.values()) - sums["pending"]
        if ruled:
            days = Delays.merged(self.report.ruling.values()).quantile(0.5)
            take = self.say("takes", "appeals", upheld=sums["upheld"], ruled=ruled, days=days)
        else:
            take = self.say("takes", "appeals_pending", pending=sums["pending"])
        rows = [(self.say("bodies", body), table[body]) for body in _BODIES if body in table]
        return self._stacked("appeals", take, self.say("body"), rows, _RULINGS, "rulings")

    def _reminders(self) -> Figure | None:
        table, terms = self.report.reminders, self.report.terms
        rows = []
        for tier in sorted(table, key=lambda t: (_TIERS.index(t) if t in _TIERS else len(_TIERS), t)):
            sent, answered, not_sent = (table[tier].get(each, 0) for each in ("sent", "answered", "not_sent"))
            parts = {"answered": answered, "unanswered": max(sent - answered, 0), "not_sent": not_sent}
            rows.append((self._tier(tier), parts))
        take = self.say(
            *("takes", "reminders"),
            sent=sum(counts.get("sent", 0) for counts in table.values()),
            answered=terms.get("after_reminder", 0),
            unprompted=terms.get("unprompted", 0),
        )
        return self._stacked("reminders", take, self.say("tier"), rows, _ANSWERS, "reminder")

    def _tier(self, tier: str) -> str:
        days, _, after = tier.removeprefix("P").partition("D")
        if not days.isdigit():
            return tier
        if days == "1":
            return self.say("tiers", "day_after" if after else "day_before")
        return self.say("tiers", "after" if after else "before", days=int(days))

    def _lapses(self) -> Figure | None:
        table = self.report.lapses
        sums = total(table.values(), _WHY)
        take = self.say("takes", "lapses", lapsed=sum(sums.values()), reminded=sums["reminded"])
        return self._stacked("lapses", take, self.say("year"), sorted(table.items()), _WHY, "why")

    def _endings(self) -> Figure | None:
        table = self.report.endings
        if not any(set(counts) - {"lapsed"} for counts in table.values()):
            return None  # the chart of lapses shows the same
        return self._stacked("endings", "", self.say("year"), sorted(table.items()), _ENDINGS, "endings")

    def _departures(self) -> Figure | None:
        table = self.report.departures
        sums = total(table.values(), KINDS)
        take = self.say("takes", "departures", decisions=sum(sums.values()), shorter=sums["shorter_term"])
        rows = self._top([(self._office(code), counts) for code, counts in _by_size(table)], _total)
        return self._stacked("departures", take, self.say("delay", "office"), rows, KINDS, "departures")

    # --- shared ---

    def _stacked(
        self,
        name: str,
        take: str,
        head: str,
        rows: Sequence[tuple[str, Counts]],
        order: Sequence[str],
        words: str,
        *,
        title: str = "",
        shares: bool = False,
    ) -> Figure | None:
        """Return a chart of stacked bars with its table, or None without rows; ``shares`` adds those granted."""
        if not rows:
            return None
        parts = [each for each in order if any(counts.get(each) for _, counts in rows)]
        heads, lines, bars = [self.say(words, each) for each in parts], [], []
        legend = [(_STYLES[each], label) for each, label in zip(parts, heads, strict=True)]
        for label, counts in rows:
            numbers: list[Any] = [counts.get(each, 0) for each in parts]
            share = self.wording.share(_granted(counts), sum(counts.values())) if shares else ""
            whole = self.wording.plain(sum(numbers))
            styled = tuple((_STYLES[each], float(value)) for each, value in zip(parts, numbers, strict=True))
            bars.append(Bar(label, styled, f"{whole} · {share}" if shares else whole))
            lines.append([label, sum(counts.values()), *numbers, share] if shares else [label, *numbers])
        if shares:
            heads = [self.say("applications"), *heads, self.say("granted_share")]
        named = name if name in self.wording.words["sections"] else "endings"
        sheet = Sheet([head, *heads], lines)
        return Figure(name, title or self.say("sections", named), take, charts.bars(bars), legend, sheet)

    def _office(self, code: str) -> str:
        return self.wording.office(code, self.offices)

    def _top(
        self, rows: list[tuple[str, Row]], merge: Callable[[Iterable[Row]], Row]
    ) -> list[tuple[str, Row]]:
        """Return the first rows, with the others added up in one more."""
        if len(rows) <= MOST_ROWS + 1:
            return rows
        label = self.say("others", count=len(rows) - MOST_ROWS)
        return [*rows[:MOST_ROWS], (label, merge(row for _, row in rows[MOST_ROWS:]))]


def _total(rows: Iterable[Counts]) -> Counts:
    return total(rows, ())


def _granted(counts: Counts) -> int:
    return counts.get("granted", 0) + counts.get("granted_on_appeal", 0)


def _by_size(table: Table) -> list[tuple[str, Counts]]:
    return sorted(table.items(), key=lambda row: (row[0] == "?", -sum(row[1].values()), row[0]))


def _months(table: Table) -> list[str]:
    """Return every month from the first to the last."""
    if not table:
        return []
    (year, month), last = map(int, min(table).split("-")), max(table)
    found = []
    while (name := f"{year}-{month:02d}") <= last:
        found.append(name)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found
